/**
 * Length in bytes of the valid UTF-8 sequence at `at`, or 0 where there is none: overlong forms, surrogates and what is
 * past U+10FFFF are not valid. https://www.unicode.org/versions/Unicode16.0.0/core-spec/chapter-3/#G27506 table 3-7.
 */
export function utf8Length(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] ?? 0xff;
  if (lead < 0x80) return 1;
  const length = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  if (length === 0 || at + length > bytes.length) return 0;
  const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  if (bytes[at + 1]! < low || bytes[at + 1]! > high) return 0;
  for (let i = 2; i < length; i++) if ((bytes[at + i]! & 0xc0) !== 0x80) return 0;
  return length;
}

const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** The text with U+FFFD for each surrogate that is not one of a pair. `String.prototype.toWellFormed` is younger than ES2023. */
export function wellFormed(text: string): string {
  return text.replaceAll(LONE_SURROGATE, "\ufffd");
}
