/** Codes of {@linkcode LazyReadError}, each one distinct cause. Codes are stable API; messages are not. */
export const LAZY_ERROR_CODES = [
  // The path.
  "ERR_LAZY_NOT_FOUND",
  "ERR_LAZY_NOT_A_FILE",
  "ERR_LAZY_NOT_A_DIRECTORY",
  "ERR_LAZY_SYMLINK_LOOP",
  "ERR_LAZY_FILE_TOO_LARGE",
  // The bytes.
  "ERR_LAZY_SPAN_DIGEST",
  "ERR_LAZY_SPAN_DATA",
  "ERR_LAZY_SPAN_TOO_LARGE",
  "ERR_LAZY_WINDOW_MISMATCH",
  "ERR_LAZY_HEADER_MISMATCH",
  "ERR_LAZY_ENTRY_REFUSED",
  // The layer and its index.
  "ERR_LAZY_INVALID_INDEX",
  "ERR_LAZY_INDEX_MISMATCH",
  "ERR_LAZY_INDEX_TOO_LARGE",
  "ERR_LAZY_TOO_MANY_ENTRIES",
  "ERR_LAZY_LAYER_DATA",
  "ERR_LAZY_LAYER_TOO_LARGE",
  "ERR_LAZY_UNSUPPORTED_COMPRESSION",
  // The image.
  "ERR_LAZY_NO_INDEX",
  "ERR_LAZY_NOT_AN_IMAGE",
  "ERR_LAZY_CLOSED",
] as const;

/** One of {@linkcode LAZY_ERROR_CODES}. */
export type LazyErrorCode = (typeof LAZY_ERROR_CODES)[number];

/** A path, a layer or an image that cannot be read as asked. */
export class LazyReadError extends Error {
  override readonly name = "LazyReadError";
  /** The distinct cause. */
  readonly code: LazyErrorCode;

  /** @param options `cause`, where another error lies below. */
  constructor(code: LazyErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
