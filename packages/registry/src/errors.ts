/** Codes of {@linkcode RegistryError}, each one distinct cause. Codes are stable API; messages are not. */
export const REGISTRY_ERROR_CODES = [
  "ERR_REGISTRY_UNAUTHORIZED",
  "ERR_REGISTRY_DENIED",
  "ERR_REGISTRY_NOT_FOUND",
  "ERR_REGISTRY_RATE_LIMITED",
  "ERR_REGISTRY_STATUS",
  "ERR_REGISTRY_CONFLICT",
  "ERR_REGISTRY_NETWORK",
  "ERR_REGISTRY_TIMEOUT",
  "ERR_REGISTRY_PROTOCOL",
  "ERR_REGISTRY_REDIRECT",
  "ERR_REGISTRY_RANGE_UNSUPPORTED",
  "ERR_REGISTRY_CONTENT_CODING",
  "ERR_REGISTRY_TOO_LARGE",
  "ERR_REGISTRY_UPLOAD_UNKNOWN",
  "ERR_REGISTRY_CREDENTIALS",
  "ERR_REGISTRY_INVALID_LAYOUT",
  "ERR_REGISTRY_READ_ONLY",
] as const;

/** One of {@linkcode REGISTRY_ERROR_CODES}. */
export type RegistryErrorCode = (typeof REGISTRY_ERROR_CODES)[number];

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

/** What is known of the exchange behind a {@linkcode RegistryError}. */
export interface RegistryErrorContext extends ErrorOptions {
  /** HTTP status; 0 where no response came. */
  readonly status?: number;
  /** HTTP method. */
  readonly method?: string;
  /** URL without query and user info. */
  readonly url?: string;
  /** The registry's own errors. */
  readonly details?: readonly RegistryErrorDetail[];
  /** Whether the same request may succeed later. */
  readonly retryable?: boolean;
}

/** A place where images live could not be reached, refused, or answered nonsense. */
export class RegistryError extends Error {
  override readonly name = "RegistryError";
  /** The distinct cause. */
  readonly code: RegistryErrorCode;
  /** HTTP status; 0 where no response came or none was asked for. */
  readonly status: number;
  /** HTTP method, or "" where there was no exchange. */
  readonly method: string;
  /** URL without query and user info, which can hold secrets; "" where there was no exchange. */
  readonly url: string;
  /** The registry's own errors. */
  readonly details: readonly RegistryErrorDetail[];
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;

  /** @param context The exchange, and `cause` where another error lies below. */
  constructor(code: RegistryErrorCode, message: string, context: RegistryErrorContext = {}) {
    super(message, context.cause === undefined ? undefined : { cause: context.cause });
    this.code = code;
    this.status = context.status ?? 0;
    this.method = context.method ?? "";
    this.url = context.url ?? "";
    this.details = context.details ?? [];
    this.retryable = context.retryable ?? false;
  }
}
