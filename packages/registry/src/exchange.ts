import { printable } from "@socikit/oci";
import { RegistryError } from "./errors.ts";
import { guardBody } from "./guard-body.ts";
import type { Limits } from "./limits.ts";
import { MAX_SAID, redactUrl } from "./redact.ts";
import type { Timer } from "./timer.ts";
import type { Transport, TransportRequest, TransportResponse } from "./transport.ts";

/** Slowest sending of a request's body that is waited for, in bytes per ms. */
const UPLOAD_BYTES_PER_MS = 16;

/**
 * One exchange that cannot hang and fails with coded errors: a transport's rejection becomes `ERR_REGISTRY_NETWORK`, a
 * header that does not come `ERR_REGISTRY_TIMEOUT`, an abort `signal.reason`. The body is guarded the same way.
 */
export async function exchange(
  transport: Transport,
  request: TransportRequest,
  limits: Limits,
  timer: Timer,
  signal?: AbortSignal,
): Promise<TransportResponse> {
  signal?.throwIfAborted();
  const controller = new AbortController();
  const onAbort = (): void => controller.abort(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  const release = (): void => signal?.removeEventListener("abort", onAbort);
  const host = new URL(request.url).host;
  const context = { method: request.method, url: redactUrl(request.url) };
  const bodyLength = request.body instanceof Uint8Array ? request.body.length : 0;
  const waitMs = limits.headersTimeoutMs + bodyLength / UPLOAD_BYTES_PER_MS;
  const cancelTimer = timer.after(waitMs, () =>
    controller.abort(
      new RegistryError(
        "ERR_REGISTRY_TIMEOUT",
        `Cannot reach ${host}: no answer came for ${Math.round(waitMs / 100) / 10} s`,
        {
          ...context,
          retryable: true,
        },
      ),
    ),
  );
  try {
    const sent = transport.send(request, { signal: controller.signal });
    const response = await untilAborted(sent, controller.signal);
    if (response.body === null) {
      release();
      return response;
    }
    const onEnd = release;
    const body = guardBody(response.body, {
      limits,
      timer,
      signal: controller.signal,
      context: { ...context, status: response.status },
      onEnd,
    });
    return { ...response, headers: response.headers, body };
  } catch (cause) {
    release();
    if (controller.signal.aborted) throw controller.signal.reason;
    if (cause instanceof RegistryError) throw cause;
    throw new RegistryError("ERR_REGISTRY_NETWORK", `Cannot reach ${host}: ${describe(cause)}`, {
      ...context,
      cause,
      retryable: !isPermanent(cause),
    });
  } finally {
    cancelTimer();
  }
}

/** The promise, or the abort's reason, whichever is first: a transport may be slow to notice an abort. */
function untilAborted(sent: Promise<TransportResponse>, signal: AbortSignal): Promise<TransportResponse> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    sent.then(
      (response) => {
        signal.removeEventListener("abort", onAbort);
        if (!signal.aborted) return resolve(response);
        response.body?.cancel(signal.reason).catch(() => {});
        // Said already, unless the abort came from within `send`, before anyone listened.
        reject(signal.reason);
      },
      (error: unknown) => {
        signal.removeEventListener("abort", onAbort);
        reject(error);
      },
    );
  });
}

/** `fetch` hides the cause below a "fetch failed", and an AggregateError those of each address. */
function causeOf(error: unknown): { readonly code: string; readonly message: string } {
  let message = "";
  let at: unknown = error;
  for (let depth = 0; depth < 5 && typeof at === "object" && at !== null; depth++) {
    const { code, message: text, cause, errors } = at as Record<"code" | "message" | "cause" | "errors", unknown>;
    if (typeof text === "string" && text !== "") message = text;
    if (typeof code === "string" && code !== "") return { code, message };
    at = cause ?? (Array.isArray(errors) ? errors[0] : undefined);
  }
  return { code: "", message };
}

const PLAIN_WORDS: ReadonlyMap<string, string> = new Map([
  ["ECONNREFUSED", "the connection was refused; is the registry running there?"],
  ["ENOTFOUND", "there is no such host"],
  ["EAI_AGAIN", "the host's name could not be looked up"],
  ["ECONNRESET", "the connection was reset"],
  ["UND_ERR_SOCKET", "the connection broke"],
  ["UND_ERR_CONNECT_TIMEOUT", "no connection could be made in time"],
  ["ERR_SSL_WRONG_VERSION_NUMBER", "it does not speak TLS; a registry without it needs plain HTTP to be allowed"],
]);

function describe(error: unknown): string {
  const { code, message } = causeOf(error);
  const words = PLAIN_WORDS.get(code) ?? (message === "" ? "the connection failed" : printable(message, MAX_SAID));
  return code === "" ? words : `${words} (${printable(code, 60)})`;
}

/** Failures that a second attempt meets again: no such name, no trusted certificate, no TLS. */
function isPermanent(error: unknown): boolean {
  return /^(?:ENOTFOUND|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_|ERR_SSL_|ERR_INVALID_|UND_ERR_INVALID_)/.test(
    causeOf(error).code,
  );
}
