/**
 * Runs a task for each item, at most `concurrency` at once. When one fails, or the signal is aborted, the others are told
 * by their signal, nothing new starts, and the first error is thrown once all have ended: nothing runs on behind it.
 */
export async function eachConcurrently<T>(
  items: readonly T[],
  concurrency: number,
  signal: AbortSignal | undefined,
  task: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  signal?.throwIfAborted();
  // A signal for each task: of one for all, what every task waits for would be a listener, and Node warns of the eleventh.
  const running = new Set<AbortController>();
  const failures: unknown[] = [];
  let isAborted = false;
  const abortAll = (reason: unknown): void => {
    isAborted = true;
    for (const abort of running) abort.abort(reason);
  };
  const onAbort = (): void => abortAll(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  const queue = items.values();
  const work = async (): Promise<void> => {
    // One iterator feeds every worker.
    for (const item of queue) {
      if (isAborted) return;
      const abort = new AbortController();
      running.add(abort);
      try {
        await task(item, abort.signal);
      } catch (error) {
        failures.push(error);
        abortAll(error);
      } finally {
        running.delete(abort);
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.max(1, Math.min(concurrency, items.length)) }, work));
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
  signal?.throwIfAborted();
  if (failures.length > 0) throw failures[0];
}
