import { digestOf, type ByteRange, type Descriptor } from "@socikit/oci";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ZtocError, type ZtocErrorCode } from "./errors.ts";
import { spanBoundsOf, spansOf } from "./span.ts";
import { gzipZtoc, sampleCheckpoint, tarZtoc } from "./testing/sample-ztoc.ts";
import type { Ztoc } from "./ztoc.ts";
import { createZtocIndex, type ZtocIndex } from "./ztoc-index.ts";

const ztocDigest = digestOf(new Uint8Array(1));
const layerOf = (size: number): Descriptor => ({ mediaType: "x", digest: digestOf(new Uint8Array(2)), size });
const indexOf = (ztoc: Ztoc): ZtocIndex => createZtocIndex(ztoc, ztocDigest, layerOf(ztoc.compressedArchiveSize));

function codeOf(work: () => unknown): ZtocErrorCode | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (!(error instanceof ZtocError)) throw error;
    return error.code;
  }
}

const window = new Uint8Array(32768).fill(7);
const ztoc = gzipZtoc(
  [],
  [
    sampleCheckpoint(),
    sampleCheckpoint({ compressedOffset: 300, uncompressedOffset: 20_000, bits: 3, window }),
    // An empty span, as a flush at the start makes it.
    sampleCheckpoint({ compressedOffset: 305, uncompressedOffset: 20_000, bits: 0, window }),
    sampleCheckpoint({ compressedOffset: 700, uncompressedOffset: 60_000, bits: 0, window }),
  ],
);
const plan = (index: ZtocIndex, start: number, end: number): readonly number[] =>
  index.plan({ start, end }).map(({ id }) => id);

test("createZtocIndex() of a zTOC without spans, which claims a tar stream all the same, reads nothing of it", () => {
  const index = indexOf({ ...tarZtoc(0, 100), uncompressedArchiveSize: 512 });
  expect(plan(index, 5, 5)).toEqual([]);
  expect(codeOf(() => plan(index, 0, 1))).toBe("ERR_ZTOC_INVALID_SPAN");
});

describe("createZtocIndex() of a gzip layer", () => {
  const index = indexOf(ztoc);

  test("says what it is", () => {
    expect(index).toMatchObject({
      kind: "ztoc",
      digest: ztocDigest,
      compression: "gzip",
      pieceCount: 4,
      uncompressedSize: 100_000,
    });
  });

  test("has the spans of the zTOC, which share a byte where a block starts inside one", () => {
    expect(
      spansOf(ztoc).map(({ compressed, uncompressed }) => [
        compressed.start,
        compressed.end,
        uncompressed.start,
        uncompressed.end,
      ]),
    ).toEqual([
      [10, 300, 0, 20_000],
      [299, 305, 20_000, 20_000],
      [305, 700, 20_000, 60_000],
      [700, 1000, 60_000, 100_000],
    ]);
  });

  test.each([
    ["the first byte", 0, 1, [0]],
    ["up to a boundary, and not the span after it", 0, 20_000, [0]],
    ["a byte over a boundary, past the empty span", 19_999, 20_001, [0, 2]],
    ["from a boundary on", 20_000, 20_001, [2]],
    ["all", 0, 100_000, [0, 2, 3]],
    ["nothing", 50, 50, []],
    ["nothing at the end", 100_000, 100_000, []],
  ])("plan() of %s", (_, start, end, ids) => {
    expect(plan(index, start, end)).toEqual(ids);
  });

  test("start() gives views of the windows, without the zeros in front of the first output", () => {
    expect(index.start({ id: 0 })).toEqual({ byte: 10, bits: 0, window: [] });
    const { byte, bits, window: pieces } = index.start({ id: 1 });
    expect([byte, bits, pieces.map(({ at, bytes }) => [at, bytes.length])]).toEqual([299, 3, [[12_768, 20_000]]]);
    const full = index.start({ id: 3 }).window[0];
    expect(full?.bytes).toHaveLength(32768);
    expect(full?.bytes.buffer).toBe(ztoc.compression.zinfo.buffer);
  });

  test("checks() gives the digest of the span's compressed bytes", () => {
    expect(index.checks({ id: 1 })).toEqual([
      { over: "compressed", range: { start: 299, end: 305 }, digest: ztoc.compression.spanDigests[1] },
    ]);
  });

  test("refuses ranges that are none", () => {
    for (const [start, end] of [
      [-1, 5],
      [5, 4],
      [0.5, 1],
      [0, Number.NaN],
    ] as const)
      expect(() => index.plan({ start, end })).toThrow(RangeError);
    expect(codeOf(() => index.plan({ start: 0, end: 100_001 }))).toBe("ERR_ZTOC_OUTSIDE_ARCHIVE");
    expect(() => index.start({ id: 4 })).toThrow(RangeError);
    expect(() => index.checks({ id: -1 })).toThrow(RangeError);
  });
});

describe("createZtocIndex() refuses", () => {
  test("a layer of another size", () => {
    expect(codeOf(() => createZtocIndex(ztoc, ztocDigest, layerOf(999)))).toBe("ERR_ZTOC_LAYER_MISMATCH");
  });

  test("the spans that contradict the layer, and only them", () => {
    const odd = indexOf(
      gzipZtoc(
        [],
        [
          sampleCheckpoint(),
          sampleCheckpoint({ compressedOffset: 300, uncompressedOffset: 20_000 }),
          sampleCheckpoint({ compressedOffset: 2000, uncompressedOffset: 60_000 }),
        ],
      ),
    );
    expect(plan(odd, 0, 20_000)).toEqual([0]);
    expect(codeOf(() => odd.plan({ start: 20_000, end: 20_001 }))).toBe("ERR_ZTOC_INVALID_SPAN");
    expect(codeOf(() => odd.plan({ start: 60_000, end: 60_001 }))).toBe("ERR_ZTOC_INVALID_SPAN");
  });

  test("a span that claims more output than DEFLATE can make, at the limit", () => {
    const most = 1032 * 20 + 65536;
    const claiming = (length: number): ZtocIndex =>
      indexOf({
        ...gzipZtoc([], [sampleCheckpoint(), sampleCheckpoint({ compressedOffset: 30, uncompressedOffset: length })]),
        uncompressedArchiveSize: length + 1,
      });
    expect(plan(claiming(most), 0, 1)).toEqual([0]);
    expect(codeOf(() => claiming(most + 1).plan({ start: 0, end: 1 }))).toBe("ERR_ZTOC_INVALID_SPAN");
  });
});

describe("createZtocIndex() of a plain tar", () => {
  const index = indexOf(tarZtoc(2500, 1000, 2048));

  test("has spans of one size, the last of which ends with the archive", () => {
    expect(index.plan({ start: 999, end: 2048 })).toEqual([
      { id: 0, compressed: { start: 0, end: 1000 }, uncompressed: { start: 0, end: 1000 } },
      { id: 1, compressed: { start: 1000, end: 2000 }, uncompressed: { start: 1000, end: 2000 } },
      { id: 2, compressed: { start: 2000, end: 2500 }, uncompressed: { start: 2000, end: 2048 } },
    ]);
    expect(index.start({ id: 2 })).toEqual({ byte: 2000, bits: 0, window: [] });
  });

  test("has none that only padding lies in", () => {
    expect(plan(indexOf(tarZtoc(10_240, 1000, 2048)), 0, 2048)).toEqual([0, 1, 2]);
  });

  test("of nothing has none at all", () => {
    const empty = indexOf(tarZtoc(0, 1000));
    expect([empty.pieceCount, plan(empty, 0, 0)]).toEqual([0, []]);
  });
});

test("plan() covers exactly the range, with no piece too many", () => {
  const steps = fc.array(fc.tuple(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 0, max: 900 })), {
    minLength: 1,
    maxLength: 30,
  });
  fc.assert(
    fc.property(steps, fc.nat(), fc.nat(), (lengths, a, b) => {
      let compressedOffset = 10;
      let uncompressedOffset = 0;
      const checkpoints = lengths.map(([compressed, uncompressed]) => {
        const checkpoint = sampleCheckpoint({ compressedOffset, uncompressedOffset });
        compressedOffset += compressed;
        uncompressedOffset += uncompressed;
        return checkpoint;
      });
      const of = {
        ...gzipZtoc([], checkpoints),
        compressedArchiveSize: compressedOffset,
        uncompressedArchiveSize: uncompressedOffset,
      };
      const [start, end] = [a % (uncompressedOffset + 1), b % (uncompressedOffset + 1)].sort((x, y) => x - y) as [
        number,
        number,
      ];
      const pieces = indexOf(of).plan({ start, end });
      const overlap = ({ uncompressed }: { readonly uncompressed: ByteRange<"uncompressed"> }): number =>
        Math.min(end, uncompressed.end) - Math.max(start, uncompressed.start);
      expect(pieces.every((piece) => overlap(piece) > 0)).toBe(true);
      expect(pieces.reduce((total, piece) => total + overlap(piece), 0)).toBe(end - start);
      const bounds = spanBoundsOf(of);
      const last = checkpoints.findLastIndex((checkpoint) => checkpoint.uncompressedOffset <= start);
      expect(bounds.idAt(start)).toBe(last);
    }),
    { numRuns: 50 },
  );
});
