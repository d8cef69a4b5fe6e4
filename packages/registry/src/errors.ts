/** Codes of {@linkcode RegistryError}, each one distinct cause. Codes are stable API; messages are not. */
export const REGISTRY_ERROR_CODES = [
  // What a store does not have, or will not do.
  "ERR_REGISTRY_REPOSITORY_UNKNOWN",
  "ERR_REGISTRY_MANIFEST_UNKNOWN",
  "ERR_REGISTRY_BLOB_UNKNOWN",
  "ERR_REGISTRY_UPLOAD_UNKNOWN",
  "ERR_REGISTRY_UPLOAD_BUSY",
  "ERR_REGISTRY_TAG_CHANGED",
  "ERR_REGISTRY_READ_ONLY",
  // OCI layouts.
  "ERR_REGISTRY_INVALID_LAYOUT",
  "ERR_REGISTRY_LAYOUT_LOCKED",
  "ERR_REGISTRY_AMBIGUOUS_IMAGE",
] as const;

/** One of {@linkcode REGISTRY_ERROR_CODES}. */
export type RegistryErrorCode = (typeof REGISTRY_ERROR_CODES)[number];

/** What a registry's answer adds to an error. Nothing of it where no registry answered. */
export interface RegistryErrorContext extends ErrorOptions {
  /** HTTP status. */
  readonly status?: number | undefined;
  /** HTTP method of the request. */
  readonly method?: string | undefined;
  /** URL of the request, without its query and credentials. */
  readonly url?: string | undefined;
  /** The registry's own `errors`. */
  readonly details?: readonly { readonly code: string; readonly message: string }[] | undefined;
  /** Whether the same request may work later. */
  readonly retryable?: boolean | undefined;
}

/** A registry, layout or store that is not there, does not have what was asked for, or refuses. */
export class RegistryError extends Error {
  override readonly name = "RegistryError";
  /** The distinct cause. */
  readonly code: RegistryErrorCode;
  /** HTTP status, where a registry answered. */
  readonly status: number | undefined;
  /** HTTP method of the request, where there was one. */
  readonly method: string | undefined;
  /** URL of the request, without its query and credentials, where there was one. */
  readonly url: string | undefined;
  /** The registry's own `errors`. */
  readonly details: readonly { readonly code: string; readonly message: string }[];
  /** Whether the same request may work later. */
  readonly retryable: boolean;

  /** @param context What the registry answered, and `cause`. */
  constructor(code: RegistryErrorCode, message: string, context: RegistryErrorContext = {}) {
    super(message, context.cause === undefined ? undefined : { cause: context.cause });
    this.code = code;
    this.status = context.status;
    this.method = context.method;
    this.url = context.url;
    this.details = context.details ?? [];
    this.retryable = context.retryable ?? false;
  }
}
