import { printable } from "@socikit/oci";
import { RegistryError, type RegistryErrorCode, type RegistryErrorDetail } from "./errors.ts";
import { MAX_SAID } from "./redact.ts";
import { isRetryableStatus } from "./retry.ts";

/** A response that is not what was hoped for. */
export interface Refusal {
  /** What was being done: `fetch manifest of host/name:tag`. */
  readonly action: string;
  /** What is not there where the status is 404. */
  readonly target: "manifest" | "blob" | "upload" | "repository";
  /** HTTP status. */
  readonly status: number;
  /** HTTP method. */
  readonly method: string;
  /** Redacted URL. */
  readonly url: string;
  /** Host that answered. */
  readonly host: string;
  /** The registry's own errors. */
  readonly details: readonly RegistryErrorDetail[];
  /** What else is known, for the end of the message. */
  readonly hint?: string | undefined;
  /** What its Retry-After field asks for, in ms. */
  readonly retryAfterMs?: number | undefined;
}

/** The error for a refusal: coded by what the registry says, or else by its status. */
export function statusError(refusal: Refusal): RegistryError {
  const { status, method, url, details, action, host, hint, retryAfterMs } = refusal;
  const said = details
    .slice(0, 3)
    .map(({ code, message }) => printable([code, message].filter((part) => part !== "").join(": "), MAX_SAID))
    .join("; ");
  const message = `Cannot ${action}: ${host} answers ${status}${said === "" ? wordsOf(status) : ` (${said})`}`;
  return new RegistryError(codeOf(refusal), hint === undefined ? message : `${message}; ${hint}`, {
    status,
    method,
    url,
    details,
    retryable: isRetryableStatus(status),
    retryAfterMs,
  });
}

function wordsOf(status: number): string {
  const words: Record<number, string> = {
    401: "not logged in",
    403: "not allowed",
    404: "not there",
    405: "not supported",
    429: "too many requests",
  };
  return words[status] === undefined ? "" : ` (${words[status]})`;
}

function codeOf({ status, details, target, method }: Refusal): RegistryErrorCode {
  if (method === "DELETE" && isUnsupportedDeletion(status, details)) return "ERR_REGISTRY_DELETE_UNSUPPORTED";
  const isWrite = method === "PUT" || method === "POST" || method === "PATCH";
  if (status === 405 && isWrite && details.some(({ code }) => code === "UNSUPPORTED")) return "ERR_REGISTRY_READ_ONLY";
  if (status === 401) return "ERR_REGISTRY_UNAUTHORIZED";
  if (status === 403) return "ERR_REGISTRY_DENIED";
  if (status === 429) return "ERR_REGISTRY_RATE_LIMITED";
  if (status !== 404) return "ERR_REGISTRY_STATUS";
  if (details.some(({ code }) => code === "NAME_UNKNOWN")) return "ERR_REGISTRY_REPOSITORY_UNKNOWN";
  switch (target) {
    case "manifest":
      return "ERR_REGISTRY_MANIFEST_UNKNOWN";
    case "blob":
      return "ERR_REGISTRY_BLOB_UNKNOWN";
    case "upload":
      return "ERR_REGISTRY_UPLOAD_UNKNOWN";
    case "repository":
      return "ERR_REGISTRY_REPOSITORY_UNKNOWN";
  }
}

/**
 * Whether a registry says that it takes no deletions, or none of tags: 405, as the spec has it, or another status with words to
 * that effect. docker-registry 2 takes a tag for a digest that is none.
 * https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#deleting-tags
 */
function isUnsupportedDeletion(status: number, details: readonly RegistryErrorDetail[]): boolean {
  if (status === 405 || status === 501) return true;
  return status === 400 && details.some(({ code }) => code === "UNSUPPORTED" || code === "DIGEST_INVALID");
}
