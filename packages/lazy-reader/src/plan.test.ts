import type { Piece } from "@socikit/ztoc";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { coalesce, planRead } from "./plan.ts";
import { fakeIndex, noise } from "./testing/fake-index.ts";

const piece = (id: number, start: number, end: number): Piece => ({
  id,
  compressed: { start, end },
  uncompressed: { start: start * 2, end: end * 2 },
});

describe("planRead()", () => {
  test("covers exactly the range, in order", () => {
    const output = noise(5000);
    fc.assert(
      fc.property(fc.nat(5000), fc.nat(5000), fc.integer({ min: 1, max: 1500 }), (a, b, size) => {
        const range = { start: Math.min(a, b), end: Math.max(a, b) };
        const reads = planRead(fakeIndex(output, size).index, range);
        let at = range.start;
        for (const { piece, slice } of reads) {
          expect(piece.uncompressed.start + slice.start).toBe(at);
          expect(slice.end).toBeGreaterThan(slice.start);
          at = piece.uncompressed.start + slice.end;
        }
        expect(at).toBe(reads.length === 0 ? range.start : range.end);
        expect(reads.length === 0).toBe(range.start === range.end);
      }),
    );
  });

  test("does not ask for the span after one that the range ends with", () => {
    const { index } = fakeIndex(noise(300), 100);
    expect(planRead(index, { start: 100, end: 200 }).map(({ piece }) => piece.id)).toEqual([1]);
  });

  test.for([
    ["past the layer's end", {}, { start: 250, end: 301 }],
    [
      "over a gap",
      { piece: (p: Piece) => (p.id === 1 ? { ...p, uncompressed: { start: 110, end: 200 } } : p) },
      { start: 50, end: 150 },
    ],
    [
      "of a piece past the blob",
      { piece: (p: Piece) => ({ ...p, compressed: { start: 0, end: 301 } }) },
      { start: 0, end: 1 },
    ],
    [
      "of a piece that ends before it starts",
      { piece: (p: Piece) => ({ ...p, compressed: { start: 9, end: 8 } }) },
      { start: 0, end: 1 },
    ],
    [
      "of a piece at no place",
      { piece: (p: Piece) => ({ ...p, compressed: { start: Number.NaN, end: 8 } }) },
      { start: 0, end: 1 },
    ],
  ] as const)("refuses a range %s", ([, options, range]) => {
    const { index } = fakeIndex(noise(300), 100, options);
    expect(() => planRead(index, range)).toThrow(expect.objectContaining({ code: "ERR_LAZY_INVALID_INDEX" }));
  });

  test("takes a piece that claims what DEFLATE can give, and refuses one that claims a byte more", () => {
    const claims = (output: number) =>
      fakeIndex(noise(100), 100, { piece: (p) => ({ ...p, uncompressed: { start: 0, end: output } }) }).index;
    const most = 100 * 1032 + 65_536;
    expect(planRead(claims(most), { start: 0, end: 1 })).toHaveLength(1);
    expect(() => planRead(claims(most + 1), { start: 0, end: 1 })).toThrow(
      expect.objectContaining({ code: "ERR_LAZY_INVALID_INDEX" }),
    );
  });
});

describe("coalesce()", () => {
  test.for([
    ["neighbours", [piece(0, 0, 10), piece(1, 10, 20)], [[0, 20, 2]]],
    ["neighbours that share a byte", [piece(0, 0, 10), piece(1, 9, 20)], [[0, 20, 2]]],
    [
      "pieces with a gap",
      [piece(0, 0, 10), piece(2, 11, 20)],
      [
        [0, 10, 1],
        [11, 20, 1],
      ],
    ],
    ["neighbours of just the limit", [piece(0, 0, 50), piece(1, 49, 100)], [[0, 100, 2]]],
    [
      "neighbours past the limit",
      [piece(0, 0, 50), piece(1, 50, 101)],
      [
        [0, 50, 1],
        [50, 101, 1],
      ],
    ],
    ["a piece past the limit", [piece(0, 0, 500)], [[0, 500, 1]]],
    ["nothing", [], []],
  ] as const)("of %s", ([, pieces, want]) => {
    expect(coalesce(pieces, 100).map(({ range, pieces }) => [range.start, range.end, pieces.length])).toEqual(want);
  });
});
