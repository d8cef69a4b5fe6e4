/** Codes of https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes, and UNKNOWN, as registries have it. */
export type DistributionErrorCode =
  | "BLOB_UNKNOWN"
  | "BLOB_UPLOAD_INVALID"
  | "BLOB_UPLOAD_UNKNOWN"
  | "DIGEST_INVALID"
  | "MANIFEST_BLOB_UNKNOWN"
  | "MANIFEST_INVALID"
  | "MANIFEST_UNKNOWN"
  | "NAME_INVALID"
  | "NAME_UNKNOWN"
  | "SIZE_INVALID"
  | "UNSUPPORTED"
  | "UNKNOWN";

/** Ends a request with a status and one of the spec's codes. Inside the server only. */
export class DistributionError extends Error {
  override readonly name = "DistributionError";
  readonly status: number;
  readonly code: DistributionErrorCode;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    code: DistributionErrorCode,
    message: string,
    options: ErrorOptions & { readonly headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.status = status;
    this.code = code;
    this.headers = options.headers ?? {};
  }
}

/** The answer that an error from a store stands for; `undefined` for a fault of the store's, which nobody asked for. */
export function distributionErrorOf(error: unknown): DistributionError | undefined {
  if (error instanceof DistributionError) return error;
  // By code, not by class: a store may come from another copy of the packages.
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return undefined;
  const answer = ANSWERS.get(error.code);
  return answer && new DistributionError(answer[0], answer[1], error.message, { cause: error });
}

/** What a request can bring about. A blob whose bytes do not fit while it is read is the store's fault, and not here. */
const ANSWERS: ReadonlyMap<string, readonly [status: number, code: DistributionErrorCode]> = new Map([
  ["ERR_REGISTRY_REPOSITORY_UNKNOWN", [404, "NAME_UNKNOWN"]],
  ["ERR_REGISTRY_MANIFEST_UNKNOWN", [404, "MANIFEST_UNKNOWN"]],
  ["ERR_REGISTRY_BLOB_UNKNOWN", [404, "BLOB_UNKNOWN"]],
  ["ERR_REGISTRY_UPLOAD_UNKNOWN", [404, "BLOB_UPLOAD_UNKNOWN"]],
  ["ERR_REGISTRY_UPLOAD_BUSY", [409, "BLOB_UPLOAD_INVALID"]],
  ["ERR_REGISTRY_TAG_CHANGED", [412, "UNKNOWN"]],
  ["ERR_REGISTRY_READ_ONLY", [405, "UNSUPPORTED"]],
  ["ERR_OCI_INVALID_MANIFEST", [400, "MANIFEST_INVALID"]],
  ["ERR_OCI_TOO_LARGE", [413, "SIZE_INVALID"]],
]);
