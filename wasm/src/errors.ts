/** Codes of {@linkcode InflateError}, each one distinct cause. Codes are stable API; messages are not. */
export const INFLATE_ERROR_CODES = [
  /** What should be a member's header is none that is supported. */
  "ERR_INFLATE_HEADER",
  /** A zlib member needs a preset dictionary: none can be given. */
  "ERR_INFLATE_DICTIONARY",
  /** The compressed data is invalid. */
  "ERR_INFLATE_DATA",
  /** A member's output does not match the checksum or the size in its trailer. */
  "ERR_INFLATE_CHECKSUM",
  /** The compressed bytes end inside a member, or before the output that was asked for. */
  "ERR_INFLATE_TRUNCATED",
  /** Bytes that begin no member follow the last one. */
  "ERR_INFLATE_TRAILING_BYTES",
  /** The WebAssembly instance trapped, and was given up; others go on. */
  "ERR_INFLATE_ABORTED_INSTANCE",
  /** A saved scan is damaged, of another version, or was made with other options. */
  "ERR_INFLATE_STATE",
  /** A module was given that is not this package's. */
  "ERR_INFLATE_FOREIGN_MODULE",
] as const;

/** One of {@linkcode INFLATE_ERROR_CODES}. */
export type InflateErrorCode = (typeof INFLATE_ERROR_CODES)[number];

/** Compressed data that cannot be decoded, or a decoder that failed. */
export class InflateError extends Error {
  override readonly name = "InflateError";
  /** The distinct cause. */
  readonly code: InflateErrorCode;
  /** Where decoding stopped, in bytes of the compressed stream. */
  readonly offset: number;

  /** @param options `cause`, where another error lies below. */
  constructor(code: InflateErrorCode, offset: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.offset = offset;
  }
}
