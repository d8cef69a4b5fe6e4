import { deflateRawSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { BlockBoundary, BoundaryCrossing } from "./gzip-scan.ts";
import { WINDOW_SIZE } from "./core.ts";
import { compileOwnModule, createInflate, loadInflate } from "./load-inflate.ts";
import type { Start } from "./span-decoder.ts";
import { BitWriter } from "./testing/bit-writer.ts";
import { expectBytes } from "./testing/expect-bytes.ts";
import { concat, gzipMember } from "./testing/gzip-member.ts";
import { compressibleBytes, createRandom, type Random } from "./testing/random.ts";
import { randomDeflate } from "./testing/random-deflate.ts";
import { type Place, referenceScan } from "./testing/reference-inflate.ts";
import { sweep } from "./testing/sweep.ts";

const inflate = await loadInflate();
const cramped = await createInflate(await compileOwnModule(), { input: 512, output: 300 });

/** A gzip stream of members made by zlib and by chance. */
function randomStream(random: Random): Uint8Array {
  const members = Array.from({ length: 1 + random.below(3) }, () => {
    if (random.chance(40)) {
      const { deflated, output } = randomDeflate(random, 1 + random.below(10));
      return gzipMember(deflated, output, random.pick([{}, { name: "n", headerCrc: true }]));
    }
    const output = compressibleBytes(random, random.below(90_000));
    const options = {
      level: random.pick([0, 1, 6, 9]),
      strategy: random.pick([0, 0, 0, 4]),
      memLevel: 1 + random.below(9),
    };
    return gzipMember(deflateRawSync(output, options), output);
  });
  return concat(...members);
}

/** `count` bits from `bit` on, and up to 7 more. */
function bitsFrom(bytes: Uint8Array, bit: number, count: number): Uint8Array {
  const from = bit >> 3;
  return Uint8Array.from(
    { length: Math.ceil(count / 8) },
    (_, i) => (((bytes[from + i] ?? 0) | ((bytes[from + i + 1] ?? 0) << 8)) >> (bit & 7)) & 255,
  );
}

function startAt(bytes: Uint8Array, place: Place, next: Place | undefined): Start {
  const start = { byte: place.bit >> 3, bits: (8 - (place.bit & 7)) & 7, window: [] };
  if (place.header === undefined) return start;
  if (place.storedLeft === undefined) {
    const length = (next?.header === place.header ? 2400 : place.bit - place.header) | 0;
    return { ...start, blockHeader: bitsFrom(bytes, place.header, length) };
  }
  const isLast = ((bytes[place.header >> 3] as number) >> (place.header & 7)) & 1;
  const [low, high] = [place.storedLeft & 255, place.storedLeft >> 8];
  return { ...start, blockHeader: Uint8Array.of(isLast, low, high, low ^ 255, high ^ 255) };
}

type Kind = "block" | "symbol" | "stored byte";

function kindOf({ header, storedLeft }: Place): Kind {
  return header === undefined ? "block" : storedLeft === undefined ? "symbol" : "stored byte";
}

// 10,000 of each in CI.
const RANGES = sweep(300, 10_000);

test.for<Kind>(["block", "symbol", "stored byte"])(
  "random ranges that begin at a %s decode exactly from the bytes and the part of the window they need",
  async (kind) => {
    let ranges = 0;
    let withWindow = 0;
    for (let seed = 0; ranges < RANGES; seed++) {
      const random = createRandom(5000 + seed);
      const bytes = randomStream(random);
      const { output, places, matches } = referenceScan(bytes);
      const indices = [...places.keys()].filter((index) => kindOf(places[index] as Place) === kind);
      if (output.length === 0 || indices.length === 0) continue;
      for (let i = 0; i < Math.min(sweep(20, 100), 5 * indices.length); i++) {
        const index = random.pick(indices);
        const place = places[index] as Place;
        const from = place.uncompressed;
        const longest = Math.min(output.length - from, random.pick([1, 20, 600, 5000, 40_000]));
        if (longest === 0) continue;
        const length = 1 + random.below(longest);
        // The symbol that completes the range ends where the first place behind it begins.
        const end = Math.ceil((firstBehind(places, from + length)?.bit ?? fail()) / 8);
        const start = startAt(bytes, place, places[index + 1]);
        const compressed = bytes.subarray(start.byte, end);
        const runs = random.pick([inflate, inflate, cramped]).windowUse(start, compressed, length);
        if (i % 20 === 0) expect(runs).toEqual(naiveUse(matches, from, length));
        const origin = from - WINDOW_SIZE;
        const window = runs.map(({ at, length: bytesOfRun }) => ({
          at,
          bytes: output.subarray(origin + at, origin + at + bytesOfRun),
        }));
        const { decoder } = random.pick([inflate, inflate, cramped]);
        const skipped = random.chance(30) ? random.below(length) : 0;
        const got = await collect(decoder.decode({ ...start, window }, compressed, { start: skipped, end: length }));
        expectBytes(
          got,
          output.subarray(from + skipped, from + length),
          `seed ${seed}, place ${index}, ${length} bytes`,
        );
        if (i % 10 === 0)
          await expect(
            collect(decoder.decode({ ...start, window }, compressed.subarray(0, -1), { start: 0, end: length })),
          ).rejects.toMatchObject({ code: "ERR_INFLATE_TRUNCATED" });
        if (window.length > 0) withWindow++;
        ranges++;
      }
    }
    // Behind stored bytes, matches come with the next block.
    expect(withWindow).toBeGreaterThan(kind === "stored byte" ? 0 : RANGES / 5);
  },
);

function firstBehind(places: readonly Place[], uncompressed: number): Place | undefined {
  let [low, high] = [0, places.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((places[middle] as Place).uncompressed >= uncompressed) high = middle;
    else low = middle + 1;
  }
  return places[low];
}

function fail(): never {
  throw new Error("there is no place behind");
}

function naiveUse(
  matches: readonly { at: number; distance: number; length: number }[],
  from: number,
  length: number,
): { at: number; length: number }[] {
  const used = new Uint8Array(WINDOW_SIZE + 1);
  for (const match of matches) {
    if (match.at < from || match.at >= from + length) continue;
    for (let i = 0; i < match.length && match.at + i < from + length; i++) {
      const source = match.at - match.distance + i;
      if (source < from) used[source - from + WINDOW_SIZE] = 1;
    }
  }
  const runs: { at: number; length: number }[] = [];
  for (let at = 0; at < WINDOW_SIZE; at++) {
    if (used[at] === 0) continue;
    const begin = at;
    while (used[at] === 1) at++;
    runs.push({ at: begin, length: at - begin });
  }
  return runs;
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return concat(...parts);
}

describe("starts inside a block", () => {
  const fixed = new BitWriter()
    .bits(1, 1)
    .bits(1, 2)
    .code(0x30 + 65, 8)
    .code(0, 7)
    .finish();
  const start = { byte: 0, bits: 0, window: [] };
  test.for<[string, Uint8Array, number, string]>([
    ["no header", new Uint8Array(0), 0, "ERR_INFLATE_TRUNCATED"],
    ["a stored block's header cut short", Uint8Array.of(0, 5, 0, 250), 0, "ERR_INFLATE_TRUNCATED"],
    ["a stored block's header that contradicts itself", Uint8Array.of(0, 5, 0, 0, 0), 0, "ERR_INFLATE_DATA"],
    ["a stored block, and bits", Uint8Array.of(0, 5, 0, 250, 255), 3, "ERR_INFLATE_DATA"],
    ["block type 3", Uint8Array.of(6), 0, "ERR_INFLATE_DATA"],
    ["a dynamic block's header cut short", Uint8Array.of(4, 0, 0), 0, "ERR_INFLATE_TRUNCATED"],
    ["far more than a header", concat(fixed, new Uint8Array(100_000)), 0, "accepted"],
  ])("decode() from %s", async ([, blockHeader, bits, expected]) => {
    // Behind the header the literal A: its code alone, byte-aligned.
    const symbol = new BitWriter()
      .code(0x30 + 65, 8)
      .code(0, 7)
      .finish();
    const result = collect(inflate.decoder.decode({ ...start, bits, blockHeader }, symbol, { start: 0, end: 1 }));
    const code = await result.then(
      () => "accepted",
      (error: { code?: unknown }) => error.code,
    );
    expect(code).toBe(expected);
    if (expected === "accepted") expectBytes(await result, Uint8Array.of(65));
  });

  test("windowUse() refuses a length that cannot be, and takes what there is", () => {
    expect(() => inflate.windowUse(start, fixed, -1)).toThrow(RangeError);
    expect(() => inflate.windowUse({ ...start, bits: 8 }, fixed, 1)).toThrow(RangeError);
    expect(inflate.windowUse(start, fixed, 0)).toEqual([]);
    expect(inflate.windowUse(start, concat(fixed, new Uint8Array(8)), 100)).toEqual([]);
  });
});

describe("crossing()", () => {
  test("counts, for each boundary, the matches that reach back over it", () => {
    let matchesSeen = 0;
    for (let seed = 0; seed < sweep(8, 40); seed++) {
      const bytes = randomStream(createRandom(9000 + seed));
      const { boundaries, matches } = referenceScan(bytes);
      const expected = boundaries.map((boundary) => {
        const over = matches.filter(
          ({ at, distance }) => at >= boundary.uncompressed && at - distance < boundary.uncompressed,
        );
        return { ...boundary, matches: over.length, bytes: over.reduce((sum, { length }) => sum + length, 0) };
      });
      for (const [own, chunkSize] of [
        [inflate, bytes.length],
        [cramped, 700],
      ] as const) {
        const crossings: BoundaryCrossing[] = [];
        const scan = own.scanGzip({ crossing: (crossing) => void crossings.push(crossing) });
        for (let at = 0; at < bytes.length; at += chunkSize) scan.push(bytes.subarray(at, at + chunkSize));
        scan.finish();
        expect(crossings).toEqual(expected);
      }
      for (const { matches: count } of expected) matchesSeen += count;
    }
    expect(matchesSeen).toBeGreaterThan(500);
  });

  test("of thousands of blocks within reach of each other, each is told", () => {
    const writer = new BitWriter();
    const blocks = 3000;
    for (let i = 0; i < blocks; i++) {
      writer
        .bits(i === blocks - 1 ? 1 : 0, 1)
        .bits(1, 2)
        .code(0x30 + 65, 8);
      // Length 3, distance 2: into the block before.
      if (i > 0) writer.code(1, 7).code(1, 5);
      writer.code(0, 7);
    }
    const output = new Uint8Array(1 + (blocks - 1) * 4).fill(65);
    const bytes = gzipMember(writer.finish(), output);
    const blocksSeen: BlockBoundary[] = [];
    const crossings: BoundaryCrossing[] = [];
    const scan = inflate.scanGzip({
      block: (boundary) => void blocksSeen.push(boundary),
      crossing: (crossing) => void crossings.push(crossing),
    });
    scan.push(bytes);
    scan.finish();
    expect(blocksSeen).toHaveLength(blocks);
    expect(crossings.map(({ compressed, uncompressed, bits }) => ({ compressed, uncompressed, bits }))).toEqual(
      blocksSeen,
    );
    expect(crossings.slice(1).every(({ matches }) => matches === 1)).toBe(true);
  });
});

describe("windowUse() of what is no bytes, or is gone", () => {
  const start: Start = { byte: 0, bits: 0, window: [] };
  const deflated = Uint8Array.from(deflateRawSync(new Uint8Array(1000)));

  test("refuses an ArrayBuffer", () => {
    expect(() => inflate.windowUse(start, deflated.buffer as unknown as Uint8Array, 1000)).toThrow(
      "Cannot find the use of a window: the compressed bytes must be a Uint8Array, ArrayBuffer was given",
    );
  });

  test("of bytes that were transferred away fails", () => {
    const gone = deflated.slice();
    structuredClone(gone, { transfer: [gone.buffer] });
    expect(() => inflate.windowUse(start, gone, 1000)).toThrow(
      expect.objectContaining({ code: "ERR_INFLATE_TRUNCATED" }),
    );
  });
});
