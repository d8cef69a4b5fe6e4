/** Codes of {@linkcode OciError}, each one distinct cause. Codes are stable API; messages are not. */
export const OCI_ERROR_CODES = [
  "ERR_OCI_INVALID_DIGEST",
  "ERR_OCI_INVALID_REFERENCE",
  "ERR_OCI_INVALID_PLATFORM",
  "ERR_OCI_INVALID_MANIFEST",
  "ERR_OCI_INVALID_CONFIG",
  "ERR_OCI_PLATFORM_NOT_FOUND",
  "ERR_OCI_DIGEST_MISMATCH",
  "ERR_OCI_SIZE_MISMATCH",
  "ERR_OCI_SHORT_READ",
  "ERR_OCI_TOO_LARGE",
] as const;

/** One of {@linkcode OCI_ERROR_CODES}. */
export type OciErrorCode = (typeof OCI_ERROR_CODES)[number];

/** Malformed or mismatched OCI data. */
export class OciError extends Error {
  override readonly name = "OciError";
  /** The distinct cause. */
  readonly code: OciErrorCode;

  /** @param options `cause`, where another error lies below. */
  constructor(code: OciErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
