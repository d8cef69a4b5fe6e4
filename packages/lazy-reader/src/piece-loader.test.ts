import { digestOf, type ReadOptions } from "@socikit/oci";
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { concat } from "./entry-content.ts";
import type { LazyEvent } from "./events.ts";
import { openLayer, type LayerOptions, type LayerPorts } from "./open-layer.ts";
import { createPieceCache, type PieceCache } from "./piece-cache.ts";
import { expectBytes } from "./testing/expect-bytes.ts";
import { fakeDecoder, fakeIndex, noise, watchedSource, type FakeIndexOptions } from "./testing/fake-index.ts";

interface Setup extends LayerOptions, FakeIndexOptions {
  readonly length?: number;
  readonly size?: number;
  readonly spoil?: (bytes: Uint8Array, n: number) => Uint8Array;
  readonly gate?: Promise<unknown>;
  readonly cache?: PieceCache;
}

/** A layer of fake pieces, and what happens to it. */
function setUp(setup: Setup = {}) {
  const output = noise(setup.length ?? 1000);
  const { index, blob } = fakeIndex(output, setup.size ?? 100, setup);
  const source = watchedSource(blob, setup);
  const decoder = fakeDecoder();
  const events: LazyEvent[] = [];
  const ports = { source, index, decoder, ...(setup.cache === undefined ? {} : { cache: setup.cache }) };
  const layer = openLayer(ports, { ...setup, onEvent: (event) => events.push(event) });
  return {
    output,
    index,
    source,
    decoder,
    events,
    layer,
    count: (type: LazyEvent["type"]) => events.filter((event) => event.type === type).length,
    read: (start: number, end: number, signal?: AbortSignal) => concat(layer.chunks({ start, end }, { signal })),
  };
}

const flipFirst = (bytes: Uint8Array): Uint8Array => bytes.map((byte, i) => (i === 0 ? byte ^ 1 : byte));
const code = (code: string) => expect.objectContaining({ code });

describe("openLayer() over any index", () => {
  test("reads what is there, for any range, span size and request size", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(3000),
        fc.nat(3000),
        fc.integer({ min: 1, max: 900 }),
        fc.integer({ min: 1, max: 2000 }),
        fc.boolean(),
        async (a, b, size, maxRequestBytes, slow) => {
          const { read, output } = setUp({ length: 3000, size, maxRequestBytes, slow });
          const [start, end] = [Math.min(a, b), Math.max(a, b)];
          expectBytes(await read(start, end), output.slice(start, end));
        },
      ),
      { numRuns: 20 },
    );
  });

  test("fetches nothing before the first read, and nothing for an empty range", async () => {
    const { read, source } = setUp();
    expect(await read(500, 500)).toHaveLength(0);
    expect(source.reads).toHaveLength(0);
  });

  test("fetches a span once, whoever reads it again", async () => {
    const { read, source, decoder } = setUp();
    await read(0, 100);
    await read(10, 20);
    expect([source.reads.length, decoder.decoded.length]).toEqual([1, 1]);
  });

  test("fetches a span again when the cache dropped it", async () => {
    const { read, source, output } = setUp({ cache: createPieceCache({ maxBytes: 0 }) });
    await read(0, 100);
    expectBytes(await read(0, 100), output.slice(0, 100));
    expect(source.reads).toHaveLength(2);
  });

  test("asks for the spans of one read in one request, up to the limit", async () => {
    const { read, source } = setUp();
    await read(150, 950);
    expect(source.reads.map(({ offset, length }) => [offset, length])).toEqual([[100, 900]]);
    const limited = setUp({ maxRequestBytes: 300 });
    await limited.read(0, 700);
    expect(limited.source.reads.map(({ offset, length }) => [offset, length])).toEqual([
      [0, 300],
      [300, 300],
      [600, 100],
    ]);
  });

  test("asks around what is cached", async () => {
    const { read, source } = setUp();
    await read(300, 400);
    await read(0, 1000);
    expect(source.reads.map(({ offset, length }) => [offset, length])).toEqual([
      [300, 100],
      [0, 300],
      [400, 600],
    ]);
  });

  test("64 readers of one span make one fetch and one decoding", async () => {
    let open!: () => void;
    const { read, source, decoder, output } = setUp({ gate: new Promise<void>((resolve) => (open = resolve)) });
    const readers = Array.from({ length: 64 }, (_, i) => read(i, i + 30));
    open();
    for (const [i, bytes] of (await Promise.all(readers)).entries()) expectBytes(bytes, output.slice(i, i + 30));
    expect([source.reads.length, decoder.decoded.length]).toEqual([1, 1]);
  });

  test("one reader's abort does not reach the others, the first's neither", async () => {
    let open!: () => void;
    const { read, source, output } = setUp({ gate: new Promise<void>((resolve) => (open = resolve)) });
    const leaving = new AbortController();
    const leader = read(0, 50, leaving.signal);
    const followers = [read(0, 100), read(20, 30)];
    await vi.waitFor(() => expect(source.reads).toHaveLength(1));
    leaving.abort(new Error("left"));
    await expect(leader).rejects.toThrow("left");
    open();
    expectBytes((await Promise.all(followers))[1]!, output.slice(20, 30));
    expect(source.reads).toHaveLength(1);
  });

  test("the last reader to leave aborts the fetch, and the next one starts anew", async () => {
    let open!: () => void;
    const { read, source, output } = setUp({ gate: new Promise<void>((resolve) => (open = resolve)) });
    const leaving = [new AbortController(), new AbortController()];
    const readers = leaving.map(({ signal }) => read(0, 100, signal));
    for (const reader of readers) reader.catch(() => {});
    await vi.waitFor(() => expect(source.reads).toHaveLength(1));
    leaving[0]!.abort("one");
    expect(source.reads[0]!.signal?.aborted).toBe(false);
    leaving[1]!.abort("two");
    await expect(readers[1]).rejects.toBe("two");
    expect(source.reads[0]!.signal?.aborted).toBe(true);
    const again = read(0, 100);
    open();
    expectBytes(await again, output.slice(0, 100));
    expect(source.reads).toHaveLength(2);
  });

  test("a reader of two spans that leaves lets a reader of one go on", async () => {
    let open!: () => void;
    const { read, source, output } = setUp({ gate: new Promise<void>((resolve) => (open = resolve)) });
    const leaving = new AbortController();
    const wide = read(0, 200, leaving.signal);
    const narrow = read(100, 150);
    await vi.waitFor(() => expect(source.reads).toHaveLength(1));
    leaving.abort("left");
    await expect(wide).rejects.toBe("left");
    expect(source.reads[0]!.signal?.aborted).toBe(false);
    open();
    expectBytes(await narrow, output.slice(100, 150));
    expect(source.reads).toHaveLength(1);
  });

  test("leaving the loop early ends the fetches under way", async () => {
    const { layer, source } = setUp({ maxRequestBytes: 100 });
    for await (const chunk of layer.chunks({ start: 0, end: 1000 })) {
      expect(chunk).toHaveLength(100);
      break;
    }
    expect(source.reads.length).toBeLessThanOrEqual(2);
  });

  test("a signal that is aborted already asks for nothing", async () => {
    const { read, source } = setUp();
    await expect(read(0, 1, AbortSignal.abort("no"))).rejects.toBe("no");
    expect(source.reads).toHaveLength(0);
  });

  test("no more than four fetches run at once", async () => {
    const { read, source } = setUp({ length: 3000 });
    await Promise.all(Array.from({ length: 15 }, (_, i) => read(i * 200, i * 200 + 1)));
    expect([source.reads.length, source.concurrent.most]).toEqual([15, 4]);
  });

  test("an error of the source is passed on, and not remembered", async () => {
    const { read, output } = setUp({
      spoil: (bytes, n) => {
        if (n === 0) throw new Error("connection reset");
        return bytes;
      },
    });
    await expect(read(0, 10)).rejects.toThrow("connection reset");
    expectBytes(await read(0, 10), output.slice(0, 10));
  });

  test("chunks are the caller's: changing one changes no later read", async () => {
    const { read, output } = setUp();
    (await read(0, 100)).fill(0);
    expectBytes(await read(0, 100), output.slice(0, 100));
  });

  test("a cache that fails is told of, and done without", async () => {
    const cache: PieceCache = {
      get: () => Promise.reject(new Error("disk full")),
      set: () => Promise.reject(new Error("disk full")),
      delete: () => Promise.reject(new Error("disk full")),
    };
    const { read, output, count } = setUp({ cache });
    expectBytes(await read(0, 150), output.slice(0, 150));
    await vi.waitFor(() => expect(count("cache-failed")).toBe(4));
  });

  test("a cached piece of another length is not used", async () => {
    const cache: PieceCache = {
      get: () => Promise.resolve({ bytes: new Uint8Array(99), tier: 1 }),
      set: () => Promise.resolve(),
      delete: () => Promise.resolve(),
    };
    const { read, output } = setUp({ cache });
    expectBytes(await read(0, 100), output.slice(0, 100));
  });

  test("closing ends reads under way and refuses new ones", async () => {
    const { read, layer, source } = setUp({ gate: new Promise(() => {}) });
    const under = read(0, 10);
    under.catch(() => {});
    await vi.waitFor(() => expect(source.reads).toHaveLength(1));
    await layer.close();
    await expect(under).rejects.toEqual(code("ERR_LAZY_CLOSED"));
    await expect(read(0, 10)).rejects.toEqual(code("ERR_LAZY_CLOSED"));
    expect(source.closed).toBe(true);
  });

  test("refuses a source of another size, given or opened", async () => {
    const { index } = fakeIndex(noise(100), 10);
    const source = watchedSource(noise(99));
    const ports = { index, decoder: fakeDecoder() };
    expect(() => openLayer({ ...ports, source })).toThrow(code("ERR_LAZY_INDEX_MISMATCH"));
    const layer = openLayer({ ...ports, source: () => Promise.resolve(source) });
    await expect(concat(layer.chunks({ start: 0, end: 1 }))).rejects.toEqual(code("ERR_LAZY_INDEX_MISMATCH"));
    expect(source.closed).toBe(true);
  });
});

describe("checks of a span", () => {
  test.for(["compressed", "uncompressed"] as const)("bytes spoilt once over %s are fetched again", async (over) => {
    const { read, source, output, count } = setUp({ over, spoil: (bytes, n) => (n === 0 ? flipFirst(bytes) : bytes) });
    expectBytes(await read(0, 300), output.slice(0, 300));
    // The one span, and not its neighbours.
    expect(source.reads.map(({ offset, length }) => [offset, length])).toEqual([
      [0, 300],
      [0, 100],
    ]);
    expect(count("span-mismatch")).toBe(1);
  });

  test.for(["compressed", "uncompressed"] as const)("bytes spoilt twice over %s are an error", async (over) => {
    const { read, source, decoder } = setUp({ over, spoil: flipFirst });
    await expect(read(0, 100)).rejects.toEqual(code("ERR_LAZY_SPAN_DIGEST"));
    expect(source.reads).toHaveLength(2);
    // Not a byte is decoded that a digest over what was fetched had refused.
    expect(decoder.decoded).toHaveLength(over === "compressed" ? 0 : 2);
  });

  test("no byte of a spoilt span comes out, those of the span before it do", async () => {
    const { layer, output } = setUp({
      spoil: (bytes) => bytes.map((byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte)),
      maxRequestBytes: 200,
    });
    const got: Uint8Array[] = [];
    const reading = (async () => {
      for await (const chunk of layer.chunks({ start: 0, end: 400 })) got.push(chunk);
    })();
    await expect(reading).rejects.toEqual(code("ERR_LAZY_SPAN_DIGEST"));
    expectBytes(got[0]!, output.slice(0, 100));
    expect(got).toHaveLength(1);
  });

  test("a source that gives too little is as one that gives wrong bytes", async () => {
    const { read } = setUp({ spoil: (bytes) => bytes.subarray(1) });
    await expect(read(0, 100)).rejects.toEqual(code("ERR_LAZY_SPAN_DIGEST"));
  });

  test("a decoder that fails on bytes that were right says so, once", async () => {
    const { index, blob } = fakeIndex(noise(100), 100);
    const source = watchedSource(blob);
    const decoder = {
      // oxlint-disable-next-line require-yield
      async *decode() {
        await Promise.resolve();
        throw new Error("invalid block");
      },
    };
    const layer = openLayer({ source, index, decoder });
    const error = await concat(layer.chunks({ start: 0, end: 1 })).catch((error: unknown) => error);
    expect(error).toEqual(code("ERR_LAZY_SPAN_DATA"));
    expect((error as Error).cause).toEqual(new Error("invalid block"));
    expect(source.reads).toHaveLength(1);
  });

  test.for([
    ["less", 99],
    ["more", 101],
  ] as const)("a decoder that gives %s than the span has is an error", async ([, length]) => {
    const { index, blob } = fakeIndex(noise(100), 100);
    const decoder = {
      async *decode() {
        await Promise.resolve();
        yield new Uint8Array(length);
      },
    };
    const layer = openLayer({ source: watchedSource(blob), index, decoder });
    await expect(concat(layer.chunks({ start: 0, end: 1 }))).rejects.toEqual(code("ERR_LAZY_SPAN_DATA"));
  });

  test.for<[string, Setup["checks"] & {}]>([
    ["none", () => []],
    ["one of a part", (_, [check]) => [{ ...check!, range: { start: check!.range.start, end: check!.range.end - 1 } }]],
    ["one of more than the span", (_, [check]) => [{ ...check!, range: { start: 0, end: check!.range.end + 1 } }]],
    [
      "two with a gap",
      ({ compressed: { start, end } }, [check]) => [
        { ...check!, range: { start, end: start + 10 } },
        { ...check!, range: { start: start + 11, end } },
      ],
    ],
  ])("a span whose checks are %s is refused", async ([, checks]) => {
    const { read, decoder } = setUp({ checks });
    await expect(read(100, 200)).rejects.toEqual(code("ERR_LAZY_INVALID_INDEX"));
    expect(decoder.decoded).toHaveLength(0);
  });

  test("several checks of one span are all made", async () => {
    const output = noise(1000);
    const halves: Setup["checks"] & {} = ({ uncompressed: { start, end } }, [check]) =>
      [
        [start, start + 50],
        [start + 50, end],
      ].map(([from, until]) => ({
        ...check!,
        range: { start: from!, end: until! },
        digest: digestOf(output.subarray(from, until)),
      }));
    const { read } = setUp({ over: "uncompressed", checks: halves });
    expectBytes(await read(0, 1000), output);
    const spoilt = setUp({
      over: "uncompressed",
      checks: halves,
      spoil: (bytes) => bytes.map((byte, i) => (i === 99 ? byte ^ 1 : byte)),
    });
    await expect(spoilt.read(0, 10)).rejects.toEqual(code("ERR_LAZY_SPAN_DIGEST"));
  });
});

describe("windows", () => {
  const spoilWindow = (of: number) => (piece: number, window: Uint8Array) =>
    piece === of ? window.map((byte, i) => (i === 32_000 ? byte ^ 1 : byte)) : window;
  const big = { length: 400_000, size: 100_000 };

  test("a span is chained when the one before it has been decoded, and that is remembered", async () => {
    const { read, layer } = setUp({ ...big, cache: createPieceCache({ maxBytes: 0 }) });
    const tiers = () => [0, 1, 2, 3].map((i) => layer.tierOf({ start: i * 100_000, end: i * 100_000 + 1 }));
    await read(150_000, 150_001);
    expect(tiers()).toEqual([1, 1, 2, 1]);
    await read(0, 1);
    expect(tiers()).toEqual([2, 2, 2, 1]);
    expect(layer.tierOf({ start: 0, end: 300_000 })).toBe(2);
    expect(layer.tierOf({ start: 0, end: 300_001 })).toBe(1);
  });

  test("a false window is found when the span before it is decoded, and both are refused", async () => {
    const { read, layer, output } = setUp({ ...big, window: spoilWindow(2) });
    // By itself it cannot be told.
    expectBytes(await read(200_000, 300_000), output.slice(200_000, 300_000));
    const tiers = () => [0, 1, 2, 3].map((i) => layer.tierOf({ start: i * 100_000, end: i * 100_000 + 1 }));
    expect(tiers()).toEqual([1, 1, 1, 2]);
    expectBytes(await read(0, 100_000), output.slice(0, 100_000));
    expect(tiers()).toEqual([2, 2, 1, 2]);
    await expect(read(100_000, 200_000)).rejects.toEqual(code("ERR_LAZY_WINDOW_MISMATCH"));
    await expect(read(200_000, 300_000)).rejects.toEqual(code("ERR_LAZY_WINDOW_MISMATCH"));
    // What was chained to the output of a span that is refused now, is not any more.
    expect(tiers()).toEqual([2, 0, 0, 1]);
  });

  test("a false window of a span shorter than a window is found by the next window alone", async () => {
    const { read } = setUp({ length: 4000, size: 1000, window: spoilWindow(2) });
    await expect(read(2000, 3000)).rejects.toEqual(code("ERR_LAZY_WINDOW_MISMATCH"));
  });

  test("one read over several spans lets no byte of the two out", async () => {
    const { layer } = setUp({ ...big, window: spoilWindow(2) });
    const got: Uint8Array[] = [];
    const reading = (async () => {
      for await (const chunk of layer.chunks({ start: 0, end: 400_000 })) got.push(chunk);
    })();
    await expect(reading).rejects.toEqual(code("ERR_LAZY_WINDOW_MISMATCH"));
    expect(got.map(({ length }) => length)).toEqual([100_000]);
  });

  test("a window at the very start must be empty", async () => {
    const { read } = setUp({ ...big, window: spoilWindow(0) });
    await expect(read(0, 1)).rejects.toEqual(code("ERR_LAZY_WINDOW_MISMATCH"));
  });

  test("pieces of the cache are compared, too", async () => {
    const cache = createPieceCache();
    await setUp({ ...big, cache }).read(0, 400_000);
    const { read, source, layer } = setUp({ ...big, cache, window: spoilWindow(2) });
    await read(0, 100_000);
    await expect(read(100_000, 200_000)).rejects.toEqual(code("ERR_LAZY_WINDOW_MISMATCH"));
    expect(source.reads).toHaveLength(0);
    expect(layer.tierOf({ start: 200_000, end: 200_001 })).toBe(0);
    await expect(read(200_000, 200_001)).rejects.toEqual(code("ERR_LAZY_WINDOW_MISMATCH"));
  });
});

describe("what a cached piece stands on", () => {
  const big = { length: 400_000, size: 100_000 };
  const tiersOf = ({ layer }: ReturnType<typeof setUp>) =>
    [0, 1, 2, 3].map((i) => layer.tierOf({ start: i * 100_000, end: i * 100_000 + 1 }));

  test("is what it stood on when it was kept", async () => {
    const cache = createPieceCache();
    await setUp({ ...big, cache }).read(0, 400_000);
    const again = setUp({ ...big, cache });
    // By itself nothing could be said of the last piece; it was compared when it was kept.
    await again.read(300_000, 300_001);
    expect(tiersOf(again)).toEqual([1, 1, 1, 2]);
    expect(again.source.reads).toHaveLength(0);
  });

  test("is nothing new where it had not been compared", async () => {
    const cache = createPieceCache();
    await setUp({ ...big, cache }).read(100_000, 100_001);
    const again = setUp({ ...big, cache });
    await again.read(100_000, 100_001);
    expect(tiersOf(again)).toEqual([1, 1, 2, 1]);
  });

  test("a piece that is found wrong is dropped, and so is the one behind it", async () => {
    const cache = createPieceCache();
    const { index, read, layer } = setUp({
      ...big,
      cache,
      window: (piece, window) => (piece === 2 ? window.map((byte, i) => (i === 32_000 ? byte ^ 1 : byte)) : window),
    });
    const kept = () =>
      Promise.all(
        [0, 1, 2, 3].map(async (piece) => (await cache.get(index.layer.digest, index.digest, piece)) !== undefined),
      );
    for (const piece of [3, 2, 0]) await read(piece * 100_000, piece * 100_000 + 1);
    expect(await kept()).toEqual([true, false, true, true]);
    await expect(read(100_000, 100_001)).rejects.toEqual(code("ERR_LAZY_WINDOW_MISMATCH"));
    expect(await kept()).toEqual([true, false, false, false]);
    // The last one is read again, and is as good as it is by itself: its window was compared with output that is refused.
    await read(300_000, 300_001);
    expect(layer.tierOf({ start: 300_000, end: 300_001 })).toBe(1);
  });

  test("a piece that was refused while a slow cache kept it is dropped afterwards", async () => {
    const memory = createPieceCache();
    const waiting: (() => void)[] = [];
    const cache: PieceCache = {
      ...memory,
      set: async (...piece) => {
        await new Promise<void>((resolve) => waiting.push(resolve));
        await memory.set(...piece);
      },
    };
    const { index, read } = setUp({
      ...big,
      cache,
      window: (piece, window) => (piece === 2 ? window.map((byte, i) => (i === 32_000 ? byte ^ 1 : byte)) : window),
    });
    await read(200_000, 200_001);
    await expect(read(100_000, 100_001)).rejects.toEqual(code("ERR_LAZY_WINDOW_MISMATCH"));
    for (const go of waiting) go();
    await new Promise((resolve) => setTimeout(resolve, 1));
    expect(await memory.get(index.layer.digest, index.digest, 2)).toBeUndefined();
  });
});

describe("the source", () => {
  const { index, blob } = fakeIndex(noise(1000), 100);
  const layerOf = (source: LayerPorts["source"]) => openLayer({ index, source, decoder: fakeDecoder() });

  test("is opened with the priority of the first reader and a signal, once", async () => {
    const asked: (ReadOptions | undefined)[] = [];
    const layer = layerOf((options) => {
      asked.push(options);
      return Promise.resolve(watchedSource(blob));
    });
    const reading = { priority: "prefetch" } as const;
    await Promise.all([
      concat(layer.chunks({ start: 0, end: 1 }, reading)),
      concat(layer.chunks({ start: 500, end: 501 }, reading)),
    ]);
    expect(asked).toEqual([{ priority: "prefetch", signal: expect.any(AbortSignal) as AbortSignal }]);
  });

  test("whose last reader leaves while it is opened is aborted, closed when it comes all the same, and opened anew", async () => {
    const signals: AbortSignal[] = [];
    const sources = [watchedSource(blob), watchedSource(blob)];
    const gates: (() => void)[] = [];
    const layer = layerOf(async (options) => {
      const n = signals.push(options!.signal!) - 1;
      await new Promise<void>((resolve) => gates.push(resolve));
      return sources[n]!;
    });
    const leaving = [new AbortController(), new AbortController()];
    const readers = leaving.map(({ signal }, i) =>
      concat(layer.chunks({ start: i * 500, end: i * 500 + 1 }, { signal })),
    );
    for (const reader of readers) reader.catch(() => {});
    await vi.waitFor(() => expect(signals).toHaveLength(1));
    leaving[0]!.abort("one");
    await expect(readers[0]).rejects.toBe("one");
    expect(signals[0]!.aborted).toBe(false);
    leaving[1]!.abort("two");
    await expect(readers[1]).rejects.toBe("two");
    expect(signals[0]!.aborted).toBe(true);
    const again = concat(layer.chunks({ start: 0, end: 5 }));
    await vi.waitFor(() => expect(gates).toHaveLength(2));
    for (const go of gates) go();
    expectBytes(await again, noise(1000).slice(0, 5));
    expect(sources.map(({ closed }) => closed)).toEqual([true, false]);
    await layer.close();
    expect(sources[1]!.closed).toBe(true);
  });

  test("that comes after the layer was closed is closed, too", async () => {
    const source = watchedSource(blob);
    let go!: () => void;
    const gate = new Promise<void>((resolve) => (go = resolve));
    const layer = layerOf(() => gate.then(() => source));
    const reading = concat(layer.chunks({ start: 0, end: 1 }));
    reading.catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 1));
    await layer.close();
    await expect(reading).rejects.toEqual(code("ERR_LAZY_CLOSED"));
    go();
    await vi.waitFor(() => expect(source.closed).toBe(true));
  });

  test("that was given is closed with the layer, read or not", async () => {
    const source = watchedSource(blob);
    await layerOf(source).close();
    expect(source.closed).toBe(true);
  });

  test("that cannot be opened is tried again by the next read", async () => {
    let n = 0;
    const layer = layerOf(() =>
      n++ === 0 ? Promise.reject(new Error("connection refused")) : Promise.resolve(watchedSource(blob)),
    );
    await expect(concat(layer.chunks({ start: 0, end: 1 }))).rejects.toThrow("connection refused");
    expect(await concat(layer.chunks({ start: 0, end: 1 }))).toHaveLength(1);
  });
});

describe("limits", () => {
  test("a span of as many compressed bytes as may be held is read, one of a byte more is not", async () => {
    const { read, source } = setUp({ maxHeldBytes: 100 });
    expect(await read(0, 100)).toHaveLength(100);
    const over = setUp({ maxHeldBytes: 99 });
    await expect(over.read(0, 100)).rejects.toEqual(code("ERR_LAZY_SPAN_TOO_LARGE"));
    expect([source.reads.length, over.source.reads.length]).toEqual([1, 0]);
  });

  const mebibyte = 1024 * 1024;
  test("a span too large to be held is not handed on where its output is to be checked, too", async () => {
    const output = new Uint8Array(32 * mebibyte + 1);
    const both: Setup["checks"] & {} = ({ uncompressed: range }, checks) => [
      ...checks,
      { over: "uncompressed", range, digest: digestOf(noise(1)) },
    ];
    const { index, blob } = fakeIndex(output, output.length, { checks: both });
    const decoder = fakeDecoder(mebibyte);
    const layer = openLayer({ source: watchedSource(blob), index, decoder });
    await expect(concat(layer.chunks({ start: 0, end: 1 }))).rejects.toEqual(code("ERR_LAZY_SPAN_TOO_LARGE"));
    expect(decoder.decoded).toEqual([]);
  });

  test.for([
    ["just as large as is shared", 32 * mebibyte, 1],
    ["a byte larger, which each reader decodes by itself", 32 * mebibyte + 1, 2],
  ] as const)("a span whose output is %s", async ([, length, decodings]) => {
    const output = new Uint8Array(length);
    output.set(noise(1000), 5000);
    const { index, blob } = fakeIndex(output, length);
    const source = watchedSource(blob);
    const decoder = fakeDecoder(mebibyte);
    const layer = openLayer({ source, index, decoder });
    const [a, b] = await Promise.all([
      concat(layer.chunks({ start: 5000, end: 6000 })),
      concat(layer.chunks({ start: 5500, end: 6000 })),
    ]);
    expectBytes(a, noise(1000));
    expectBytes(b, noise(1000).slice(500));
    expect([source.reads.length, decoder.decoded.length]).toEqual([1, decodings]);
  });
});
