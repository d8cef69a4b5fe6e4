import { digestOf } from "@socikit/oci";
import fc from "fast-check";
import { expect, test } from "vitest";
import { SpanHasher } from "./span-hasher.ts";

const stream = Uint8Array.from({ length: 30_000 }, (_, i) => (i * 31) ^ (i >>> 7));

test("SpanHasher hashes what lies between cuts, however late they come and however the stream is cut", () => {
  const spans = fc.array(fc.tuple(fc.integer({ min: 1, max: 5000 }), fc.boolean()), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(spans, fc.integer({ min: 1, max: 9000 }), fc.nat({ max: 4000 }), (lengths, chunkSize, lateness) => {
      let end = 0;
      const cuts = lengths
        .map(([length, isShared]) => ({ end: (end += length), start: isShared ? end - 1 : end }))
        .filter((cut) => cut.end < stream.length);
      const hasher = new SpanHasher();
      let next = 0;
      for (let at = 0; at < stream.length; at += chunkSize) {
        const reached = Math.min(at + chunkSize, stream.length);
        // A decoder knows a boundary once it has seen what is behind it.
        while (next < cuts.length && cuts[next]!.end + lateness <= reached) {
          const cut = cuts[next++]!;
          hasher.cut(cut.end, cut.start);
        }
        const chunk = stream.slice(at, reached);
        hasher.push(chunk);
        chunk.fill(0);
      }
      for (; next < cuts.length; next++) hasher.cut(cuts[next]!.end, cuts[next]!.start);
      expect(hasher.finish()).toEqual(
        cuts.map(({ start }, i) => digestOf(stream.subarray(start, cuts[i + 1]?.end ?? stream.length))),
      );
    }),
    { numRuns: 150 },
  );
});

test("SpanHasher fails where a cut comes too late, rather than hash something else", () => {
  const hasher = new SpanHasher();
  hasher.push(stream);
  hasher.cut(100, 99);
  expect(() => hasher.push(stream)).toThrow(RangeError);
});

test("SpanHasher has no digests of a stream without cuts", () => {
  const hasher = new SpanHasher();
  hasher.push(stream);
  expect(hasher.finish()).toEqual([]);
});
