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
  const abort = new AbortController();
  const onAbort = (): void => abort.abort(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  const failures: unknown[] = [];
  const queue = items.values();
  const work = async (): Promise<void> => {
    // One iterator feeds every worker.
    for (const item of queue) {
      if (abort.signal.aborted) return;
      try {
        await task(item, abort.signal);
      } catch (error) {
        failures.push(error);
        abort.abort(error);
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
