import { describe, expect, test } from "vitest";
import { createPieceCache } from "./piece-cache.ts";
import { someDigest } from "./testing/fake-index.ts";

const layer = someDigest("layer");
const index = someDigest("index");

describe("createPieceCache()", () => {
  test("keeps pieces up to its limit, and drops the one used longest ago past it", async () => {
    const cache = createPieceCache({ maxBytes: 30 });
    for (const id of [0, 1, 2]) await cache.set(layer, index, id, new Uint8Array(10), 1);
    // 30 bytes fit. A look at 0 makes 1 the oldest.
    expect((await cache.get(layer, index, 0))?.bytes).toHaveLength(10);
    await cache.set(layer, index, 3, new Uint8Array(1), 1);
    const there = await Promise.all([0, 1, 2, 3].map(async (id) => (await cache.get(layer, index, id)) !== undefined));
    expect(there).toEqual([true, false, true, true]);
  });

  test("keeps a piece of just its limit, and none that is larger", async () => {
    const cache = createPieceCache({ maxBytes: 10 });
    await cache.set(layer, index, 0, new Uint8Array(10), 1);
    expect((await cache.get(layer, index, 0))?.bytes).toHaveLength(10);
    await cache.set(layer, index, 1, new Uint8Array(11), 1);
    expect(await cache.get(layer, index, 1)).toBeUndefined();
    expect((await cache.get(layer, index, 0))?.bytes).toHaveLength(10);
  });

  test("tells layers, indexes and pieces apart", async () => {
    const cache = createPieceCache();
    await cache.set(layer, index, 1, new Uint8Array(1), 1);
    expect(await cache.get(index, layer, 1)).toBeUndefined();
    expect(await cache.get(layer, index, 2)).toBeUndefined();
    expect(await cache.get(layer, index, 1)).toBeDefined();
  });

  test("counts a piece that is set again once", async () => {
    const cache = createPieceCache({ maxBytes: 20 });
    for (let i = 0; i < 5; i++) await cache.set(layer, index, 1, new Uint8Array(10), 1);
    await cache.set(layer, index, 2, new Uint8Array(10), 1);
    expect(await cache.get(layer, index, 1)).toBeDefined();
  });

  test("gives the tier with the bytes, and keeps nothing that was refused", async () => {
    const cache = createPieceCache();
    for (const tier of [0, 1, 2, 3] as const) await cache.set(layer, index, tier, Uint8Array.of(tier), tier);
    expect(await Promise.all([0, 1, 2, 3].map((piece) => cache.get(layer, index, piece)))).toEqual([
      undefined,
      { bytes: Uint8Array.of(1), tier: 1 },
      { bytes: Uint8Array.of(2), tier: 2 },
      { bytes: Uint8Array.of(3), tier: 3 },
    ]);
    await cache.set(layer, index, 3, Uint8Array.of(3), 0);
    expect(await cache.get(layer, index, 3)).toBeUndefined();
  });

  test("drops a piece when told to, and has its room again", async () => {
    const cache = createPieceCache({ maxBytes: 20 });
    for (const id of [0, 1]) await cache.set(layer, index, id, new Uint8Array(10), 1);
    await cache.delete(layer, index, 0);
    await cache.delete(layer, index, 7);
    expect(await cache.get(layer, index, 0)).toBeUndefined();
    await cache.set(layer, index, 2, new Uint8Array(10), 1);
    expect((await cache.get(layer, index, 1))?.bytes).toHaveLength(10);
  });

  test("refuses a limit that is none", () => {
    expect(() => createPieceCache({ maxBytes: -1 })).toThrow(RangeError);
    expect(() => createPieceCache({ maxBytes: Number.NaN })).toThrow(RangeError);
  });
});
