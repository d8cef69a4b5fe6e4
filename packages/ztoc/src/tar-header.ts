import { byteStringOf, type ByteString } from "@socikit/oci";
import { parseNumeric, parseOctal, type Int64 } from "./tar-number.ts";

/** Size of a tar block: headers are one, payloads are padded to whole ones. */
export const BLOCK_SIZE = 512;

const EMPTY = "" as ByteString;

/** Dialects that the magic bytes tell apart. */
export type TarFormat = "v7" | "ustar" | "star" | "gnu";

/** The fields of one header block, as they are. */
export interface TarHeader {
  readonly format: TarFormat;
  readonly name: ByteString;
  readonly mode: Int64;
  readonly uid: Int64;
  readonly gid: Int64;
  readonly size: Int64;
  readonly mtime: Int64;
  /** The type flag's character, such as `0`; `\0` in old archives. */
  readonly typeflag: string;
  readonly linkname: ByteString;
  readonly uname: ByteString;
  readonly gname: ByteString;
  readonly devmajor: Int64;
  readonly devminor: Int64;
}

/** Whether entries of this type have no payload, whatever size they claim. */
export function isHeaderOnly(typeflag: string): boolean {
  return typeflag >= "1" && typeflag <= "6";
}

/** Whether a block is all zeros, as the two at the end of an archive are. */
export function isZeroBlock(block: Uint8Array): boolean {
  // The name comes first, so a header is told from zeros by its first byte.
  for (let i = 0; i < BLOCK_SIZE; i++) if (block[i] !== 0) return false;
  return true;
}

/** Parses a header block with the rules of Go's archive/tar (spec section 6.3). `undefined` for what it refuses. */
export function parseTarHeader(block: Uint8Array): TarHeader | undefined {
  if (!hasValidChecksum(block)) return undefined;
  const format = formatOf(block);
  let valid = true;
  const numeric = (at: number, length: number): Int64 => {
    const value = parseNumeric(block, at, length);
    if (value === undefined) valid = false;
    return value ?? 0;
  };
  const isV7 = format === "v7";
  const name = textField(block, 0, 100);
  const prefix = prefixOf(block, format);
  const header: TarHeader = {
    format,
    name: prefix === "" ? name : (`${prefix}/${name}` as ByteString),
    mode: numeric(100, 8),
    uid: numeric(108, 8),
    gid: numeric(116, 8),
    size: numeric(124, 12),
    mtime: numeric(136, 12),
    typeflag: String.fromCharCode(block[156]!),
    linkname: textField(block, 157, 100),
    uname: isV7 ? EMPTY : textField(block, 265, 32),
    gname: isV7 ? EMPTY : textField(block, 297, 32),
    devmajor: isV7 ? 0 : numeric(329, 8),
    devminor: isV7 ? 0 : numeric(337, 8),
  };
  if (format === "star") {
    numeric(476, 12);
    numeric(488, 12);
  }
  return valid ? header : undefined;
}

/** The bytes up to the first NUL. */
function textField(block: Uint8Array, at: number, length: number): ByteString {
  let end = at;
  while (end < at + length && block[end] !== 0) end++;
  return end === at ? EMPTY : byteStringOf(block.subarray(at, end));
}

/** The sum of all bytes, those of the checksum itself taken as blanks; old writers summed signed bytes. */
function hasValidChecksum(block: Uint8Array): boolean {
  const claimed = parseOctal(block, 148, 8);
  let sum = 8 * 0x20;
  for (let i = 0; i < 148; i++) sum += block[i]!;
  for (let i = 156; i < BLOCK_SIZE; i++) sum += block[i]!;
  if (claimed === sum) return true;
  for (let i = 0; i < 148; i++) if (block[i]! >= 0x80) sum -= 256;
  for (let i = 156; i < BLOCK_SIZE; i++) if (block[i]! >= 0x80) sum -= 256;
  return claimed === sum;
}

function formatOf(block: Uint8Array): TarFormat {
  if (matches(block, 257, "ustar\0")) return matches(block, 508, "tar\0") ? "star" : "ustar";
  return matches(block, 257, "ustar  \0") ? "gnu" : "v7";
}

function matches(block: Uint8Array, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (block[at + i] !== text.charCodeAt(i)) return false;
  return true;
}

function prefixOf(block: Uint8Array, format: TarFormat): string {
  switch (format) {
    case "ustar":
      return textField(block, 345, 155);
    case "star":
      return textField(block, 345, 131);
    case "gnu":
      return gnuPrefix(block);
    case "v7":
      return "";
  }
}

/**
 * GNU headers have times where ustar has the prefix. Go's writer before 1.8 put a prefix there all the same, so Go's
 * reader takes one where the times cannot be parsed and the text is ASCII.
 */
function gnuPrefix(block: Uint8Array): string {
  const isTime = (at: number): boolean => block[at] === 0 || parseNumeric(block, at, 12) !== undefined;
  if (isTime(345) && isTime(357)) return "";
  const prefix = textField(block, 345, 155);
  return /[\x80-\xff]/.test(prefix) ? "" : prefix;
}
