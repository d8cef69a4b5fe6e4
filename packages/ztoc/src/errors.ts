/** Codes of {@linkcode ZtocError}, each one distinct cause. Codes are stable API; messages are not. */
export const ZTOC_ERROR_CODES = [
  // Reading a zTOC.
  "ERR_ZTOC_MALFORMED",
  "ERR_ZTOC_TOO_LARGE",
  "ERR_ZTOC_NUMBER_OUT_OF_RANGE",
  "ERR_ZTOC_UNSUPPORTED_ALGORITHM",
  "ERR_ZTOC_UNKNOWN_ENTRY_TYPE",
  "ERR_ZTOC_INVALID_DIGEST",
  "ERR_ZTOC_SPAN_COUNT",
  "ERR_ZTOC_EMPTY_ZINFO",
  "ERR_ZTOC_INVALID_ZINFO",
  "ERR_ZTOC_INVALID_CHECKPOINT",
  "ERR_ZTOC_INVALID_TAR_ZINFO",
  // Using one.
  "ERR_ZTOC_LAYER_MISMATCH",
  "ERR_ZTOC_INVALID_SPAN",
  "ERR_ZTOC_OUTSIDE_ARCHIVE",
  // Building one: the compressed stream.
  "ERR_ZTOC_GZIP_HEADER",
  "ERR_ZTOC_GZIP_DICTIONARY",
  "ERR_ZTOC_GZIP_DATA",
  "ERR_ZTOC_GZIP_CHECKSUM",
  "ERR_ZTOC_GZIP_TRUNCATED",
  "ERR_ZTOC_GZIP_TRAILING_BYTES",
  "ERR_ZTOC_GZIP_EMPTY",
  "ERR_ZTOC_GZIP_MEMBER_UNREADABLE",
  // Building one: the tar stream.
  "ERR_ZTOC_TAR_HEADER",
  "ERR_ZTOC_TAR_TRUNCATED",
  "ERR_ZTOC_TAR_RECORD_TOO_LONG",
  "ERR_ZTOC_TAR_SPARSE_MAP_TOO_LONG",
  "ERR_ZTOC_TAR_ENTRY_TYPE",
  // Building one: the result.
  "ERR_ZTOC_SPAN_SIZE",
  // Going on with one that was saved.
  "ERR_ZTOC_STATE_MALFORMED",
  "ERR_ZTOC_STATE_VERSION",
  "ERR_ZTOC_STATE_DAMAGED",
  "ERR_ZTOC_STATE_LAYER",
  "ERR_ZTOC_STATE_OPTIONS",
  // Building one on another thread: that ended.
  "ERR_ZTOC_WORKER",
] as const;

/** One of {@linkcode ZTOC_ERROR_CODES}. */
export type ZtocErrorCode = (typeof ZTOC_ERROR_CODES)[number];

/** A zTOC that cannot be read or does not fit its layer, or a layer that no zTOC can be built of. */
export class ZtocError extends Error {
  override readonly name = "ZtocError";
  /** The distinct cause. */
  readonly code: ZtocErrorCode;

  /** @param options `cause`, where another error lies below. */
  constructor(code: ZtocErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
