import type { ReadOptions } from "@socikit/oci";
import { onAbort } from "./abort-listeners.ts";

const PRIORITIES = ["foreground", "prefetch", "background"] as const;

/** Lets so many fetches run at once; the others wait, foreground before prefetch before background, then in order. */
export class FetchQueue {
  readonly #waiting: Record<(typeof PRIORITIES)[number], (() => void)[]> = {
    foreground: [],
    prefetch: [],
    background: [],
  };
  #free: number;

  /** @param concurrency Fetches at once, at least 1. */
  constructor(concurrency: number) {
    if (!Number.isInteger(concurrency) || concurrency < 1)
      throw new RangeError(`Cannot limit fetches: concurrency must be a positive integer, not ${concurrency}`);
    this.#free = concurrency;
  }

  /** Runs `fetch` when its turn has come. Rejects with `signal.reason` when aborted while it waits. */
  async run<T>(fetch: () => Promise<T>, options?: ReadOptions): Promise<T> {
    await this.#enter(options);
    try {
      return await fetch();
    } finally {
      this.#leave();
    }
  }

  #enter(options?: ReadOptions): Promise<void> {
    const signal = options?.signal;
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#free > 0) {
      this.#free--;
      return Promise.resolve();
    }
    const waiting = this.#waiting[options?.priority ?? "foreground"];
    return new Promise((resolve, reject) => {
      const go = (): void => {
        stop();
        resolve();
      };
      const stop = onAbort(signal, () => {
        const at = waiting.indexOf(go);
        if (at >= 0) waiting.splice(at, 1);
        reject(signal?.reason);
      });
      waiting.push(go);
    });
  }

  #leave(): void {
    for (const priority of PRIORITIES) {
      // The place goes from one to the next without being free in between.
      const next = this.#waiting[priority].shift();
      if (next !== undefined) return next();
    }
    this.#free++;
  }
}
