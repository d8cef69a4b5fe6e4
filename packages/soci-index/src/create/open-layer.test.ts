import { blobSource, bytesSource, digestOf, type BlobCheck, type BlobSource } from "@socikit/oci";
import { expect, test } from "vitest";
import { openLayer, type LayerFeed, type OpenedLayer } from "./open-layer.ts";

const BYTES = Uint8Array.from({ length: 1_000_000 }, (_, i) => i * 7 + (i >> 9));
const LAYER = { mediaType: "application/vnd.oci.image.layer.v1.tar", digest: digestOf(BYTES), size: BYTES.length };
const PIECE = 300_000;

/** A port that has one layer, and tells what of it is open. */
function port(source: BlobSource) {
  const state = { open: 0, cancelled: 0 };
  return {
    state,
    async open(): Promise<BlobSource> {
      state.open++;
      return { ...source, close: async () => void state.open-- };
    },
    async stream(): Promise<ReadableStream<Uint8Array>> {
      let at = 0;
      return new ReadableStream<Uint8Array>(
        {
          async pull(controller) {
            if (at === source.size) return controller.close();
            const bytes = await source.read(at, Math.min(PIECE, source.size - at));
            at += bytes.length;
            controller.enqueue(bytes);
          },
          cancel: () => void state.cancelled++,
        },
        { highWaterMark: 0 },
      );
    },
  };
}

/** Keeps a copy of what it gets, and whether the check had passed then. */
function feed() {
  const got: { begun: number; check?: BlobCheck; pieces: Uint8Array[]; passed: boolean[] } = {
    begun: 0,
    pieces: [],
    passed: [],
  };
  const into: LayerFeed = {
    async begin(check) {
      got.begun++;
      got.check = check;
    },
    async send(bytes) {
      got.passed.push(got.check!.hasPassed);
      await new Promise((resolve) => void setTimeout(resolve));
      got.pieces.push(bytes.slice());
    },
  };
  return { got, into };
}

/** Reads as a builder does: the next pieces are asked for before the last one is there. */
async function readAll({ bytes }: OpenedLayer): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  if (Symbol.asyncIterator in bytes) for await (const piece of bytes) pieces.push(piece.slice());
  else {
    const offsets = Array.from({ length: Math.ceil(bytes.size / PIECE) }, (_, i) => i * PIECE);
    const fill = async (at: number): Promise<Uint8Array> => {
      const target = new Uint8Array(Math.min(PIECE, bytes.size - at));
      await bytes.readInto!(target, at);
      return target;
    };
    pieces.push(...(await Promise.all(offsets.map(fill))));
  }
  return Buffer.concat(pieces);
}

const sources = [
  ["a source that fills buffers", bytesSource],
  ["a source that does not", (bytes: Uint8Array) => blobSource(new Blob([bytes.slice()]))],
] as const;

test.for(sources)("openLayer() of %s gives its bytes to the reader and to the feed", async ([, open]) => {
  const from = port(open(BYTES));
  const { got, into } = feed();
  const read: number[] = [];
  const opened = await openLayer(from, LAYER, { feed: into, onRead: (bytes) => void read.push(bytes) });
  expect(Buffer.compare(await readAll(opened), BYTES)).toBe(0);
  opened.close();
  expect(from.state.open).toBe(0);
  expect(Buffer.compare(Buffer.concat(got.pieces), BYTES)).toBe(0);
  expect(got.begun).toBe(1);
  // The last bytes are handed on when the digest is known to fit.
  expect(got.passed).toEqual([false, false, false, true]);
  expect(read).toEqual([300_000, 600_000, 900_000, 1_000_000]);
});

test.for(sources)("openLayer() of %s gives the last bytes of nothing else", async ([, open]) => {
  const changed = BYTES.slice();
  changed[5]! ^= 1;
  const { got, into } = feed();
  const opened = await openLayer(port(open(changed)), LAYER, { feed: into });
  await expect(readAll(opened)).rejects.toMatchObject({ code: "ERR_OCI_DIGEST_MISMATCH" });
  expect(Buffer.concat(got.pieces).length).toBeLessThan(BYTES.length);
  const shorter = await openLayer(port(open(BYTES.subarray(1))), LAYER, {});
  await expect(readAll(shorter)).rejects.toMatchObject({ code: "ERR_OCI_SIZE_MISMATCH" });
});

test.for(sources)("openLayer() of %s lets go of it where nothing was read", async ([, open]) => {
  const from = port(open(BYTES));
  const opened = await openLayer(from, LAYER, {});
  opened.close();
  expect(from.state).toEqual({ open: 0, cancelled: from.state.cancelled });
  expect(from.state.cancelled).toBe("readInto" in open(BYTES) ? 0 : 1);
});

test("openLayer() gives bytes in order alone, and what a read fails with", async () => {
  const gone = new Error("the disk is gone");
  const { into } = feed();
  const opened = await openLayer(
    port({ ...bytesSource(BYTES), readInto: async (_, offset) => (offset === 0 ? undefined : Promise.reject(gone)) }),
    LAYER,
    { feed: into },
  );
  const source = opened.bytes as BlobSource;
  await expect(source.read(PIECE, PIECE)).rejects.toBeInstanceOf(RangeError);
  await source.read(0, PIECE);
  const [second, third] = [source.read(PIECE, PIECE), source.read(2 * PIECE, PIECE)];
  await expect(second).rejects.toBe(gone);
  await expect(third).rejects.toBe(gone);
});

test("openLayer() lets go of a layer that the feed does not begin", async () => {
  const from = port(bytesSource(BYTES));
  const begin = async (): Promise<void> => Promise.reject(new Error("disk full"));
  const opening = openLayer(from, LAYER, { feed: { begin, send: async () => {} } });
  await expect(opening).rejects.toThrow("disk full");
  expect(from.state.open).toBe(0);
});
