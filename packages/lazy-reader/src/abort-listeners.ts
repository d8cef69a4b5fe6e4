const listeners = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls back when a signal aborts. However many wait for one signal, it has one listener: Node warns of a leak at eleven, and a caller
 * may well pass one signal to a hundred reads.
 *
 * @returns Ends the waiting.
 */
export function onAbort(signal: AbortSignal | undefined, callback: () => void): () => void {
  if (signal === undefined) return () => {};
  const waiting = listeners.get(signal) ?? listenTo(signal);
  waiting.add(callback);
  return () => void waiting.delete(callback);
}

function listenTo(signal: AbortSignal): Set<() => void> {
  const waiting = new Set<() => void>();
  listeners.set(signal, waiting);
  signal.addEventListener(
    "abort",
    () => {
      for (const callback of waiting) callback();
    },
    { once: true },
  );
  return waiting;
}
