import { onAbort } from "./abort-listeners.ts";

/** One caller's place among those who wait for a {@linkcode SharedWork}. */
export interface Seat<T> {
  /** The result. Rejects with the reason of `leave`. */
  readonly result: Promise<T>;
  /** Gives the place up. Nothing after the result has come. */
  leave(reason: unknown): void;
}

/**
 * Work that several callers wait for: it starts with the first of them, and is aborted when the last one leaves before its end.
 * Nobody's leaving reaches anyone else.
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

  /** Waits for the result until the signal aborts. */
  join(signal?: AbortSignal): Promise<T> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const seat = this.take();
    leaveOnAbort([seat], signal);
    return seat.result;
  }

  /** Waits for the result until told otherwise. */
  take(): Seat<T> {
    if (this.#running === undefined) {
      const controller = new AbortController();
      this.#running = { result: this.#start(controller.signal), controller };
    }
    const running = this.#running;
    this.#waiting++;
    let leave!: (reason: unknown) => void;
    const result = new Promise<T>((resolve, reject) => {
      let over = false;
      const stopWaiting = (): boolean => {
        if (over) return false;
        over = true;
        this.#waiting--;
        return true;
      };
      leave = (reason) => {
        if (!stopWaiting()) return;
        reject(reason);
        if (this.#waiting > 0 || this.#running !== running) return;
        this.#running = undefined;
        this.#onAbandoned?.();
        running.controller.abort(reason);
      };
      running.result.then(
        (value) => {
          if (stopWaiting()) resolve(value);
        },
        (error: unknown) => {
          if (stopWaiting()) reject(error);
        },
      );
    });
    return { result, leave };
  }
}

/** Leaves several places when a signal aborts. */
export function leaveOnAbort(seats: readonly Seat<unknown>[], signal: AbortSignal | undefined): void {
  if (signal === undefined) return;
  const stop = onAbort(signal, () => {
    for (const seat of seats) seat.leave(signal.reason);
  });
  void Promise.allSettled(seats.map(({ result }) => result)).then(stop);
}
