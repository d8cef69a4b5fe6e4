import { RegistryError, type RegistryErrorContext } from "./errors.ts";
import type { Limits } from "./limits.ts";
import type { Timer } from "./timer.ts";

/** Waiting time over which a body's speed is judged, in ms. */
const SPEED_WINDOW_MS = 10_000;

/** What {@linkcode guardBody} needs to know of the exchange. */
export interface GuardOptions {
  /** The limits kept. */
  readonly limits: Limits;
  /** The clock. */
  readonly timer: Timer;
  /** Ends the body with `signal.reason`. */
  readonly signal: AbortSignal;
  /** The exchange, for errors. */
  readonly context: RegistryErrorContext & { readonly url: string };
  /** Called once when the body has ended in whatever way. */
  readonly onEnd: () => void;
}

/**
 * The same body, which cannot hang: it errors with `ERR_REGISTRY_TIMEOUT` where it stalls or trickles, and with
 * `ERR_REGISTRY_NETWORK` where the connection breaks. Only time spent waiting counts, not a slow reader's.
 */
export function guardBody(body: ReadableStream<Uint8Array>, options: GuardOptions): ReadableStream<Uint8Array> {
  const { limits, timer, signal, context, onEnd } = options;
  const reader = body.getReader();
  let total = 0;
  let waitedMs = 0;
  let allMs = 0;
  let received = 0;
  const timeout = (what: string): RegistryError =>
    new RegistryError("ERR_REGISTRY_TIMEOUT", `Cannot read ${context.url}: ${what}`, {
      ...context,
      retryable: true,
    });
  const next = (): Promise<ReadableStreamReadResult<Uint8Array>> =>
    new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const finish = (): void => {
        cancel();
        signal.removeEventListener("abort", onAbort);
      };
      const onAbort = (): void => {
        finish();
        reject(signal.reason);
      };
      const cancel = timer.after(limits.idleTimeoutMs, () => {
        finish();
        reject(timeout(`nothing more came for ${limits.idleTimeoutMs} ms, after ${total} bytes`));
      });
      signal.addEventListener("abort", onAbort, { once: true });
      reader.read().then(
        (result) => {
          finish();
          resolve(result);
        },
        (cause: unknown) => {
          finish();
          const error = signal.aborted
            ? signal.reason
            : new RegistryError(
                "ERR_REGISTRY_NETWORK",
                `Cannot read ${context.url}: the connection broke after ${total} bytes`,
                { ...context, retryable: true, cause },
              );
          reject(error);
        },
      );
    });
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const started = timer.now();
          const { done, value } = await next();
          if (done) {
            onEnd();
            controller.close();
            return;
          }
          total += value.length;
          received += value.length;
          const waited = timer.now() - started;
          waitedMs += waited;
          allMs += waited;
          if (limits.bodyTimeoutMs !== undefined && allMs > limits.bodyTimeoutMs)
            throw timeout(`it did not end within ${limits.bodyTimeoutMs / 1000} s, after ${total} bytes`);
          if (waitedMs >= SPEED_WINDOW_MS) {
            if (received * 1000 < limits.minimumBytesPerSecond * waitedMs)
              throw timeout(`only ${received} bytes came in ${Math.round(waitedMs)} ms`);
            waitedMs = 0;
            received = 0;
          }
          controller.enqueue(value);
        } catch (error) {
          onEnd();
          reader.cancel(error).catch(() => {});
          controller.error(error);
        }
      },
      cancel(reason) {
        onEnd();
        return reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}
