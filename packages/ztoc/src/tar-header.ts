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

/**
 * Parses a header block with the rules of Go's archive/tar (spec section 6.3). `undefined` for what it refuses.
 *
 * @param before A header whose texts are used again where they are the same: most entries of an archive have the same owner.
 */
export function parseTarHeader(block: Uint8Array, before?: TarHeader): TarHeader | undefined {
  if (!hasValidChecksum(block)) return undefined;
  const format = formatOf(block);
  const isV7 = format === "v7";
  const mode = parseNumeric(block, 100, 8);
  const uid = parseNumeric(block, 108, 8);
  const gid = parseNumeric(block, 116, 8);
  const size = parseNumeric(block, 124, 12);
  const mtime = parseNumeric(block, 136, 12);
  const devmajor = isV7 ? 0 : parseNumeric(block, 329, 8);
  const devminor = isV7 ? 0 : parseNumeric(block, 337, 8);
  const areStarTimes =
    format !== "star" || (parseNumeric(block, 476, 12) !== undefined && parseNumeric(block, 488, 12) !== undefined);
  if (
    mode === undefined ||
    uid === undefined ||
    gid === undefined ||
    size === undefined ||
    mtime === undefined ||
    devmajor === undefined ||
    devminor === undefined ||
    !areStarTimes
  )
    return undefined;
  const name = textField(block, 0, 100);
  const prefix = prefixOf(block, format);
  return {
    format,
    name: prefix === "" ? name : (`${prefix}/${name}` as ByteString),
    mode,
    uid,
    gid,
    size,
    mtime,
    typeflag: String.fromCharCode(block[156]!),
    linkname: textField(block, 157, 100),
    uname: isV7 ? EMPTY : textField(block, 265, 32, before?.uname),
    gname: isV7 ? EMPTY : textField(block, 297, 32, before?.gname),
    devmajor,
    devminor,
  };
}

/** The bytes up to the first NUL: `before`, where that is the same. */
function textField(block: Uint8Array, at: number, length: number, before: ByteString = EMPTY): ByteString {
  if (block[at] === 0) return EMPTY;
  if (before !== "" && matches(block, at, before) && (before.length === length || block[at + before.length] === 0))
    return before;
  let end = at + 1;
  while (end < at + length && block[end] !== 0) end++;
  return byteStringOf(block.subarray(at, end));
}

/** Where a block is summed, four bytes at a time. */
const SUMMED: Uint8Array = new Uint8Array(BLOCK_SIZE);
const WORDS: Uint32Array = new Uint32Array(SUMMED.buffer);

/** The sum of all bytes, those of the checksum itself taken as blanks; old writers summed signed bytes. */
function hasValidChecksum(block: Uint8Array): boolean {
  const claimed = parseOctal(block, 148, 8);
  SUMMED.set(block);
  SUMMED.fill(0x20, 148, 156);
  // Two sums side by side, each of 256 bytes: they fit into 16 bits.
  let sums = 0;
  for (let i = 0; i < WORDS.length; i++) {
    const word = WORDS[i]!;
    sums += (word & 0xff00ff) + ((word >>> 8) & 0xff00ff);
  }
  const sum = (sums & 0xffff) + (sums >>> 16);
  if (claimed === sum) return true;
  let signed = sum;
  for (let i = 0; i < BLOCK_SIZE; i++) if (SUMMED[i]! >= 0x80) signed -= 256;
  return claimed === signed;
}

function formatOf(block: Uint8Array): TarFormat {
  if (!matches(block, 257, "ustar")) return "v7";
  if (block[262] === 0) return matches(block, 508, "tar\0") ? "star" : "ustar";
  return matches(block, 262, "  \0") ? "gnu" : "v7";
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
