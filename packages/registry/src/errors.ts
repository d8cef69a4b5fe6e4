import type { PortErrorFacts } from "@socikit/oci";

/** Codes of {@linkcode RegistryError}, each one distinct cause. Codes are stable API; messages are not. */
export const REGISTRY_ERROR_CODES = [
  // What a repository does not have, or will not do, wherever it lives.
  "ERR_REGISTRY_REPOSITORY_UNKNOWN",
  "ERR_REGISTRY_MANIFEST_UNKNOWN",
  "ERR_REGISTRY_BLOB_UNKNOWN",
  "ERR_REGISTRY_UPLOAD_UNKNOWN",
  "ERR_REGISTRY_UPLOAD_BUSY",
  "ERR_REGISTRY_TAG_CHANGED",
  "ERR_REGISTRY_READ_ONLY",
  "ERR_REGISTRY_DELETE_UNSUPPORTED",
  // OCI layouts.
  "ERR_REGISTRY_NOT_A_LAYOUT",
  "ERR_REGISTRY_INVALID_LAYOUT",
  "ERR_REGISTRY_LAYOUT_LOCKED",
  "ERR_REGISTRY_INVALID_ARCHIVE",
  "ERR_REGISTRY_COMPRESSED_ARCHIVE",
  "ERR_REGISTRY_AMBIGUOUS_IMAGE",
  // Registries over HTTP: what they answered.
  "ERR_REGISTRY_UNAUTHORIZED",
  "ERR_REGISTRY_DENIED",
  "ERR_REGISTRY_RATE_LIMITED",
  "ERR_REGISTRY_STATUS",
  "ERR_REGISTRY_PROTOCOL",
  "ERR_REGISTRY_REDIRECT",
  "ERR_REGISTRY_RANGE_UNSUPPORTED",
  "ERR_REGISTRY_CONTENT_CODING",
  "ERR_REGISTRY_TOO_LARGE",
  // No answer, or not all of it.
  "ERR_REGISTRY_NETWORK",
  "ERR_REGISTRY_TIMEOUT",
  // A configuration file of credentials that cannot be read.
  "ERR_REGISTRY_CREDENTIALS",
] as const;

/** One of {@linkcode REGISTRY_ERROR_CODES}. */
export type RegistryErrorCode = (typeof REGISTRY_ERROR_CODES)[number];

/** Codes that say that what was asked for is not there. */
const NOT_FOUND: ReadonlySet<RegistryErrorCode> = new Set([
  "ERR_REGISTRY_REPOSITORY_UNKNOWN",
  "ERR_REGISTRY_MANIFEST_UNKNOWN",
  "ERR_REGISTRY_BLOB_UNKNOWN",
  "ERR_REGISTRY_UPLOAD_UNKNOWN",
]);

/** Codes that say that what was asked for is not done here, whoever asks. */
const UNSUPPORTED: ReadonlySet<RegistryErrorCode> = new Set([
  "ERR_REGISTRY_READ_ONLY",
  "ERR_REGISTRY_DELETE_UNSUPPORTED",
]);

/** Codes that say that it is, and not for whoever asks. */
const DENIED: ReadonlySet<RegistryErrorCode> = new Set(["ERR_REGISTRY_UNAUTHORIZED", "ERR_REGISTRY_DENIED"]);

/**
 * One entry of a registry's error body.
 * https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes
 */
export interface RegistryErrorDetail {
  /** `BLOB_UNKNOWN`, `MANIFEST_UNKNOWN`, ... as the registry wrote it. */
  readonly code: string;
  /** The registry's words, as received: escape control characters before a terminal sees them. */
  readonly message: string;
}

/** What a registry's answer adds to an error. Nothing of it where no registry was asked. */
export interface RegistryErrorContext extends ErrorOptions {
  /** HTTP status. */
  readonly status?: number | undefined;
  /** HTTP method of the request. */
  readonly method?: string | undefined;
  /** URL of the request, without its query and credentials. */
  readonly url?: string | undefined;
  /** The registry's own `errors`. */
  readonly details?: readonly RegistryErrorDetail[] | undefined;
  /** Whether the same request may work later. */
  readonly retryable?: boolean | undefined;
  /** Milliseconds that the registry asks to be left alone before the next try (Retry-After), where it said so. */
  readonly retryAfterMs?: number | undefined;
}

/** A registry, layout or store that is not there, does not have what was asked for, or refuses. */
export class RegistryError extends Error implements PortErrorFacts {
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
  readonly details: readonly RegistryErrorDetail[];
  /** Whether the same request may work later. */
  readonly retryable: boolean;
  /** Whether what was asked for is not there. */
  readonly notFound: boolean;
  /** Whether this is not done here, whoever asks. */
  readonly unsupported: boolean;
  /** Whether whoever asks may not do this. */
  readonly denied: boolean;
  /** Milliseconds that the registry asks to be left alone before the next try, where it said so. */
  readonly retryAfterMs: number | undefined;

  /** @param context What the registry answered, and `cause`. */
  constructor(code: RegistryErrorCode, message: string, context: RegistryErrorContext = {}) {
    super(message, context.cause === undefined ? undefined : { cause: context.cause });
    this.code = code;
    this.status = context.status;
    this.method = context.method;
    this.url = context.url;
    this.details = context.details ?? [];
    this.retryable = context.retryable ?? false;
    this.notFound = NOT_FOUND.has(code);
    this.unsupported = UNSUPPORTED.has(code);
    this.denied = DENIED.has(code);
    this.retryAfterMs = context.retryAfterMs;
  }
}
