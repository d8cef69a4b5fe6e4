import type { BlobSource } from "../blob-source.ts";

/** 1,000 bytes to make a source of. */
export const BLOB: Uint8Array = Uint8Array.from({ length: 1000 }, (_, i) => (i * 7 + (i >> 5)) & 0xff);

/** What every {@linkcode BlobSource} over {@linkcode BLOB} does: a name and a check that throws. */
export const BLOB_SOURCE_CASES: readonly (readonly [string, (source: BlobSource) => Promise<void>])[] = [
  ["knows its size", async (source) => same(source.size, BLOB.length)],
  ["reads the whole blob", async (source) => sameBytes(await source.read(0, BLOB.length), BLOB)],
  ["reads a part", async (source) => sameBytes(await source.read(17, 300), BLOB.subarray(17, 317))],
  ["reads nothing at the end", async (source) => sameBytes(await source.read(BLOB.length, 0), new Uint8Array())],
  [
    "gives bytes that the caller may change",
    async (source) => {
      (await source.read(0, 10)).fill(0);
      sameBytes(await source.read(0, 10), BLOB.subarray(0, 10));
    },
  ],
  [
    "refuses a range that is not inside",
    async (source) => {
      for (const [offset, length] of [
        [0, BLOB.length + 1],
        [BLOB.length + 1, 0],
        [-1, 2],
        [1, -1],
        [0.5, 1],
        [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
        [Number.NaN, 1],
      ] as const)
        same((await errorOf(() => source.read(offset, length))).constructor, RangeError);
    },
  ],
  [
    "rejects with the signal's reason",
    async (source) => {
      const reason = new Error("enough");
      same(await errorOf(() => source.read(0, 1, { signal: AbortSignal.abort(reason) })), reason);
    },
  ],
  [
    "fills a buffer of the caller's with what it would read",
    async (source) => {
      if (source.readInto === undefined) return;
      const buffer = new Uint8Array(400).fill(0xee);
      await source.readInto(buffer.subarray(50, 350), 17);
      sameBytes(buffer.subarray(50, 350), BLOB.subarray(17, 317));
      sameBytes(buffer.subarray(350), new Uint8Array(50).fill(0xee));
      for (const offset of [701, -1, 0.5, Number.NaN])
        same((await errorOf(async () => source.readInto?.(buffer.subarray(0, 300), offset))).constructor, RangeError);
      const reason = new Error("enough");
      same(await errorOf(async () => source.readInto?.(buffer, 0, { signal: AbortSignal.abort(reason) })), reason);
    },
  ],
  [
    "streams the range that it would read",
    async (source) => {
      if (source.stream === undefined) return;
      sameBytes(new Uint8Array(await new Response(source.stream(100, 500)).arrayBuffer()), BLOB.subarray(100, 600));
      sameBytes(new Uint8Array(await new Response(source.stream(1000, 0)).arrayBuffer()), new Uint8Array());
      same((await errorOf(async () => source.stream?.(999, 2))).constructor, RangeError);
    },
  ],
];

async function errorOf(run: () => Promise<unknown>): Promise<Error> {
  try {
    await run();
  } catch (error) {
    return error as Error;
  }
  throw new Error("nothing was thrown");
}

function same(found: unknown, wanted: unknown): void {
  if (found !== wanted) throw new Error(`found ${String(found)}, not ${String(wanted)}`);
}

function sameBytes(found: Uint8Array, wanted: Uint8Array): void {
  same(found.join(), wanted.join());
}
