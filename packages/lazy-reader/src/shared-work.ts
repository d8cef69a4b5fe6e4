/**
 * Work that several callers wait for: it starts with the first of them, and is aborted when the last one leaves before its end.
 * Nobody's abort reaches anyone else.
 */
export class SharedWork<T> {
  readonly #start: (signal: AbortSignal) => Promise<T>;
  readonly #onAbandoned: (() => void) | undefined;
  #running: { readonly result: Promise<T>; readonly controller: AbortController } | undefined;
  #waiting = 0;

  /**
   * @param start Called when the first caller joins, and again when one joins after the work was aborted.
   * @param onAbandoned Called when the last caller has left before the end.
   */
  constructor(start: (signal: AbortSignal) => Promise<T>, onAbandoned?: () => void) {
    this.#start = start;
    this.#onAbandoned = onAbandoned;
  }

  /** Waits for the result. Rejects with `signal.reason` when the caller's own signal is aborted. */
  join(signal?: AbortSignal): Promise<T> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#running === undefined) {
      const controller = new AbortController();
      this.#running = { result: this.#start(controller.signal), controller };
    }
    const running = this.#running;
    this.#waiting++;
    return new Promise<T>((resolve, reject) => {
      let settled = false;
      const leave = (): void => {
        if (settled) return;
        settled = true;
        signal?.removeEventListener("abort", onAbort);
        this.#waiting--;
      };
      const onAbort = (): void => {
        if (settled) return;
        leave();
        reject(signal?.reason);
        if (this.#waiting > 0 || this.#running !== running) return;
        this.#running = undefined;
        this.#onAbandoned?.();
        running.controller.abort(signal?.reason);
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      running.result.then(
        (value) => {
          leave();
          resolve(value);
        },
        (error: unknown) => {
          leave();
          reject(error);
        },
      );
    });
  }
}
