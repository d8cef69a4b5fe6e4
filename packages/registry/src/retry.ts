/** What is known when a request has failed. */
export interface RetryInput {
  /** Failures before this one: 0 after the first. */
  readonly attempt: number;
  /** Most repetitions. */
  readonly maxRetries: number;
  /** Milliseconds that the registry asks for, where it does. */
  readonly retryAfterMs?: number | undefined;
  /** A number in `[0, 1)`, for the jitter. */
  readonly random: number;
}

/** Longest wait that a server can ask for. Go's retryablehttp honours any, and a field of hours stops a client for hours. */
const MAX_RETRY_AFTER_MS = 30_000;
const BASE_MS = 100;
const MAX_BACKOFF_MS = 5_000;

/** Milliseconds to wait before the same request is sent again; `undefined` for giving up. */
export function retryDelayMs(input: RetryInput): number | undefined {
  if (input.attempt >= input.maxRetries) return undefined;
  const asked = input.retryAfterMs;
  // Half of the wait is random, so that readers that failed together do not come back together.
  if (asked !== undefined) return Math.round(Math.min(asked, MAX_RETRY_AFTER_MS) + input.random * BASE_MS);
  const backoff = Math.min(BASE_MS * 2 ** input.attempt, MAX_BACKOFF_MS);
  return Math.round(backoff / 2 + (input.random * backoff) / 2);
}

/** Milliseconds that a Retry-After field asks for: seconds or a date. https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3 */
export function retryAfterMs(field: string | null | undefined, now: number): number | undefined {
  if (field == null) return undefined;
  const text = field.trim();
  if (/^\d{1,10}$/.test(text)) return Number(text) * 1000;
  const date = /[A-Za-z]/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** Whether a request that got this status may succeed when it is sent again. */
export function isRetryableStatus(status: number): boolean {
  // 501 and 505 say that the server cannot do it at all.
  return status === 408 || status === 429 || (status >= 500 && status !== 501 && status !== 505);
}
