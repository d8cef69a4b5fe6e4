import type { PrefetchRange } from "./prefetch-artifact.ts";

/**
 * Ranges in ascending order. Those of one priority that overlap or touch are one, as the reference merges them; a span that
 * several priorities claim has the lowest of them, so that each span is named once.
 */
export function combineRanges(ranges: readonly PrefetchRange[]): PrefetchRange[] {
  const priorities = [...new Set(ranges.map(priorityOf))].sort((a, b) => a - b);
  let taken: PrefetchRange[] = [];
  const combined: PrefetchRange[] = [];
  for (const priority of priorities) {
    const merged = merge(ranges.filter((range) => priorityOf(range) === priority));
    const left = without(merged, taken);
    combined.push(...left.map((range) => (priority === 0 ? range : { ...range, priority })));
    taken = merge([...taken, ...left]);
  }
  return combined.sort((a, b) => a.firstSpan - b.firstSpan);
}

function priorityOf({ priority }: PrefetchRange): number {
  return priority ?? 0;
}

function merge(ranges: readonly PrefetchRange[]): PrefetchRange[] {
  const merged: { firstSpan: number; lastSpan: number }[] = [];
  for (const { firstSpan, lastSpan } of [...ranges].sort((a, b) => a.firstSpan - b.firstSpan)) {
    const last = merged.at(-1);
    if (last === undefined || firstSpan > last.lastSpan + 1) merged.push({ firstSpan, lastSpan });
    else last.lastSpan = Math.max(last.lastSpan, lastSpan);
  }
  return merged;
}

/** What of some ranges is in none of the others. Both ascend and overlap nothing of their own. */
function without(ranges: readonly PrefetchRange[], taken: readonly PrefetchRange[]): PrefetchRange[] {
  const left: PrefetchRange[] = [];
  let next = 0;
  for (const { firstSpan, lastSpan } of ranges) {
    while (next < taken.length && taken[next]!.lastSpan < firstSpan) next++;
    let from = firstSpan;
    // One that ends behind this range may reach into the one after it too.
    for (let i = next; i < taken.length && taken[i]!.firstSpan <= lastSpan; i++) {
      if (taken[i]!.firstSpan > from) left.push({ firstSpan: from, lastSpan: taken[i]!.firstSpan - 1 });
      from = taken[i]!.lastSpan + 1;
    }
    if (from <= lastSpan) left.push({ firstSpan: from, lastSpan });
  }
  return left;
}
