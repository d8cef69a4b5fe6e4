/** Codes of {@linkcode SociIndexError}, each one distinct cause. Codes are stable API; messages are not. */
export const SOCI_INDEX_ERROR_CODES = [
  "ERR_SOCI_INDEX_MALFORMED",
  "ERR_SOCI_INDEX_UNKNOWN_VERSION",
  "ERR_SOCI_INDEX_TOO_LARGE",
  "ERR_SOCI_NOT_AN_IMAGE",
  "ERR_SOCI_UNKNOWN_LAYER_TYPE",
  "ERR_SOCI_LAYER_FAILED",
  "ERR_SOCI_NOTHING_TO_INDEX",
  // The store of this machine.
  "ERR_SOCI_STORE_UNKNOWN",
  "ERR_SOCI_STORE_BUSY",
  "ERR_SOCI_CATALOGUE_MALFORMED",
  "ERR_SOCI_CATALOGUE_VERSION",
  // Layouts to convert, as the reference reads them.
  "ERR_SOCI_LAYOUT_INVALID",
  "ERR_SOCI_LAYOUT_NO_IMAGE",
  // Going back from a converted image.
  "ERR_SOCI_NOT_CONVERTED",
  "ERR_SOCI_ORIGINAL_UNKNOWN",
  "ERR_SOCI_TOO_MANY_ENTRIES",
  // Prefetch artifacts, and lists of files to make them of.
  "ERR_SOCI_PREFETCH_MALFORMED",
  "ERR_SOCI_PREFETCH_UNKNOWN_VERSION",
  "ERR_SOCI_PREFETCH_TOO_LARGE",
  "ERR_SOCI_PREFETCH_LIST",
  "ERR_SOCI_PREFETCH_TOO_BROAD",
  // Keeping a repository.
  "ERR_SOCI_REPOSITORY_TOO_LARGE",
  "ERR_SOCI_DELETE_UNSUPPORTED",
  "ERR_SOCI_DELETE_DENIED",
] as const;

/** One of {@linkcode SOCI_INDEX_ERROR_CODES}. */
export type SociIndexErrorCode = (typeof SOCI_INDEX_ERROR_CODES)[number];

/** A SOCI index that cannot be read, or an image that none can be made for. */
export class SociIndexError extends Error {
  override readonly name = "SociIndexError";
  /** The distinct cause. */
  readonly code: SociIndexErrorCode;

  /** @param options `cause`, where another error lies below. */
  constructor(code: SociIndexErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
