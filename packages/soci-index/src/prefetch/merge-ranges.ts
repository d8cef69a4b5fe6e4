import type { PrefetchRange } from "./prefetch-artifact.ts";

/** Ranges in ascending order, those that overlap or touch made one. Of one priority. */
export function mergeRanges(ranges: readonly PrefetchRange[]): PrefetchRange[] {
  const merged: PrefetchRange[] = [];
  for (const range of [...ranges].sort((a, b) => a.firstSpan - b.firstSpan || a.lastSpan - b.lastSpan)) {
    const last = merged.at(-1);
    if (last === undefined || range.firstSpan > last.lastSpan + 1) merged.push(range);
    else if (range.lastSpan > last.lastSpan) merged[merged.length - 1] = { ...last, lastSpan: range.lastSpan };
  }
  return merged;
}
