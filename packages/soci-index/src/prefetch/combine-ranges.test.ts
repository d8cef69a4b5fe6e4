import fc from "fast-check";
import { expect, test } from "vitest";
import { combineRanges } from "./combine-ranges.ts";
import type { PrefetchRange } from "./prefetch-artifact.ts";

const range = (firstSpan: number, lastSpan: number, priority?: number): PrefetchRange => ({
  firstSpan,
  lastSpan,
  ...(priority === undefined ? {} : { priority }),
});

test.for<[string, PrefetchRange[], PrefetchRange[]]>([
  ["nothing", [], []],
  ["what overlaps", [range(3, 5), range(1, 4)], [range(1, 5)]],
  ["what touches", [range(1, 2), range(3, 3)], [range(1, 3)]],
  ["a range within another", [range(1, 9), range(3, 4)], [range(1, 9)]],
  ["what lies apart", [range(4, 4), range(1, 2)], [range(1, 2), range(4, 4)]],
  ["priority 0, which is none", [range(1, 2, 0), range(2, 3)], [range(1, 3)]],
  ["what touches and has another priority", [range(1, 2), range(3, 3, 1)], [range(1, 2), range(3, 3, 1)]],
  [
    "a span that a lower priority claims too",
    [range(1, 9, 5), range(3, 4)],
    [range(1, 2, 5), range(3, 4), range(5, 9, 5)],
  ],
  ["a range that lower priorities leave nothing of", [range(3, 4, 1), range(1, 9, -1)], [range(1, 9, -1)]],
  [
    "one lower range in two higher ones",
    [range(1, 4, 2), range(6, 9, 2), range(3, 7, 1)],
    [range(1, 2, 2), range(3, 7, 1), range(8, 9, 2)],
  ],
])("combineRanges() of %s", ([, ranges, want]) => {
  expect(combineRanges(ranges)).toEqual(want);
});

test("combineRanges() names each span that is claimed once, with the lowest priority that claims it, in as few ranges as can be", () => {
  const anyRange = fc
    .tuple(fc.nat(40), fc.nat(8), fc.integer({ min: -2, max: 2 }))
    .map(([first, more, priority]) => range(first, first + more, priority));
  fc.assert(
    fc.property(fc.array(anyRange, { maxLength: 12 }), (ranges) => {
      const want = new Map<number, number>();
      for (const { firstSpan, lastSpan, priority = 0 } of ranges)
        for (let span = firstSpan; span <= lastSpan; span++) want.set(span, Math.min(priority, want.get(span) ?? 9));
      const combined = combineRanges(ranges);
      const found = combined.flatMap(({ firstSpan, lastSpan, priority = 0 }) =>
        Array.from({ length: lastSpan - firstSpan + 1 }, (_, i): [number, number] => [firstSpan + i, priority]),
      );
      expect(found).toEqual([...want].sort(([a], [b]) => a - b));
      for (const [i, next] of combined.entries()) {
        const last = combined[i - 1];
        if (last?.priority === next.priority) expect(next.firstSpan).toBeGreaterThan((last?.lastSpan ?? -2) + 1);
      }
    }),
    { numRuns: 300 },
  );
});
