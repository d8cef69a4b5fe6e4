import { adler32, crc32 } from "./checksums.ts";
import { InflateError, type InflateErrorCode } from "./errors.ts";

/** What goes around a member's DEFLATE stream: gzip (RFC 1952) or zlib (RFC 1950). */
export type MemberFormat = "gzip" | "zlib";

/** Bits of a gzip header's flags. */
const HEADER_CRC = 2;
const EXTRA = 4;
const NAME = 8;
const COMMENT = 16;
const RESERVED = 0xe0;

/**
 * Reads the header of a member that follows another one, as the core does (assembly/gzip.ts).
 *
 * @param stream Offset in the compressed stream of the first of `bytes`, for errors.
 * @returns Its format, and the offset in `bytes` where its DEFLATE stream begins; `undefined` where `bytes` end at `from`.
 * @throws {InflateError} `ERR_INFLATE_HEADER`, `ERR_INFLATE_DICTIONARY`, `ERR_INFLATE_TRAILING_BYTES` or `ERR_INFLATE_TRUNCATED`.
 */
export function readMemberHeader(
  bytes: Uint8Array,
  from: number,
  stream: number,
): { readonly format: MemberFormat; readonly end: number } | undefined {
  const fail = (code: InflateErrorCode, found: string): InflateError =>
    new InflateError(code, stream + from, `Cannot inflate: ${found}, near compressed offset ${stream + from}`);
  const truncated = (): InflateError => fail("ERR_INFLATE_TRUNCATED", "the compressed data ends inside a member");
  const trailing = (): InflateError =>
    fail("ERR_INFLATE_TRAILING_BYTES", "bytes that begin no member follow the last one");
  const available = bytes.length - from;
  if (available === 0) return undefined;
  const [first, second, method, flags] = bytes.subarray(from, from + 4);
  if (first === undefined || second === undefined) throw first === 0x1f ? truncated() : trailing();
  if (first !== 0x1f || second !== 0x8b) {
    if (((first << 8) | second) % 31 !== 0 || (first & 15) !== 8 || first >> 4 > 7) throw trailing();
    if (second & 0x20) throw fail("ERR_INFLATE_DICTIONARY", "a zlib member that needs a preset dictionary");
    return { format: "zlib", end: from + 2 };
  }
  if (available < 10 || method === undefined || flags === undefined) throw truncated();
  if (method !== 8) throw fail("ERR_INFLATE_HEADER", "a gzip header with a compression method other than 8");
  if (flags & RESERVED) throw fail("ERR_INFLATE_HEADER", "a gzip header with reserved flags");
  let at = from + 10;
  if (flags & EXTRA) at += 2 + ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8));
  for (const flag of [NAME, COMMENT]) {
    if (!(flags & flag)) continue;
    const end = bytes.indexOf(0, at);
    if (end < 0) throw truncated();
    at = end + 1;
  }
  if (flags & HEADER_CRC) {
    if (at + 2 > bytes.length) throw truncated();
    const stored = (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
    if (stored !== (crc32(bytes.subarray(from, at), 0) & 0xffff)) {
      throw fail("ERR_INFLATE_HEADER", "a gzip header that does not match its CRC");
    }
    at += 2;
  }
  if (at > bytes.length) throw truncated();
  return { format: "gzip", end: at };
}

/** Checks a member's output against its trailer. */
export class MemberCheck {
  readonly #format: MemberFormat;
  #value: number;
  #size = 0;

  constructor(format: MemberFormat) {
    this.#format = format;
    this.#value = format === "gzip" ? 0 : 1;
  }

  /** Takes the next bytes of output in. */
  update(output: Uint8Array): void {
    this.#value = (this.#format === "gzip" ? crc32 : adler32)(output, this.#value);
    this.#size += output.length;
  }

  /**
   * @param trailer Of {@linkcode trailerSize} bytes.
   * @returns What differs, or `undefined`.
   */
  mismatch(trailer: Uint8Array): string | undefined {
    const view = new DataView(trailer.buffer, trailer.byteOffset, trailer.byteLength);
    if (this.#format === "zlib") {
      return view.getUint32(0) === this.#value ? undefined : "the output does not match its Adler-32";
    }
    if (view.getUint32(0, true) !== this.#value) return "the output does not match its CRC-32";
    // The size is kept modulo 2^32: https://www.rfc-editor.org/rfc/rfc1952#section-2.3.1
    return view.getUint32(4, true) === this.#size % 2 ** 32
      ? undefined
      : "the output does not have the size that the trailer says";
  }
}

/** Bytes behind a member's DEFLATE stream. */
export function trailerSize(format: MemberFormat): number {
  return format === "gzip" ? 8 : 4;
}
