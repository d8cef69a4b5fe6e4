interface Flight<T> {
  readonly result: Promise<T>;
  readonly controller: AbortController;
  waiting: number;
}

/**
 * One run of an operation for all who ask for it at the same time. Each waits under its own signal; the run is aborted when
 * the last of them has left. Nothing is remembered once it has ended.
 */
export class SingleFlight<T> {
  readonly #flights: Map<string, Flight<T>> = new Map();

  /** Joins the run for `key`, or starts it. */
  async run(key: string, signal: AbortSignal | undefined, start: (signal: AbortSignal) => Promise<T>): Promise<T> {
    signal?.throwIfAborted();
    let flight = this.#flights.get(key);
    if (flight === undefined) {
      const controller = new AbortController();
      const result = start(controller.signal);
      const started: Flight<T> = { result, controller, waiting: 0 };
      const forget = (): void => {
        if (this.#flights.get(key) === started) this.#flights.delete(key);
      };
      result.then(forget, forget);
      this.#flights.set(key, started);
      flight = started;
    }
    const joined = flight;
    joined.waiting += 1;
    try {
      return await raceSignal(joined.result, signal);
    } finally {
      joined.waiting -= 1;
      if (joined.waiting === 0) {
        // No-one may join what is being aborted.
        if (this.#flights.get(key) === joined) this.#flights.delete(key);
        joined.controller.abort(signal?.reason);
      }
    }
  }
}

/** The promise, or the abort's reason, whichever is first. */
function raceSignal<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
