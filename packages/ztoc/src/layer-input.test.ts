import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { blobSource, bytesSource, type BlobSource } from "@socikit/oci";
import { openFileSource } from "@socikit/oci/node";
import { gzipSync } from "fflate";
import { afterAll, describe, expect, test } from "vitest";
import { buildZtoc } from "./build-ztoc.ts";
import type { LayerInput } from "./layer-input.ts";
import { concat, tarEnd, tarEntry } from "./testing/tar-writer.ts";

/** Incompressible: some megabytes of layer, so that there is something to read ahead. */
function noise(length: number): Uint8Array {
  let state = 7;
  return Uint8Array.from({ length }, () => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 16);
}

const layer = gzipSync(concat(tarEntry({ name: "a" }, noise(6_000_000)), tarEnd()), { level: 1, mtime: 0 });
const spans = { compression: "gzip", spanSize: 100_000 } as const;
const folder = await mkdtemp(join(tmpdir(), "ztoc-input-"));
const path = join(folder, "layer");
await writeFile(path, layer);
afterAll(() => rm(folder, { recursive: true }));

async function* chunks(): AsyncIterable<Uint8Array> {
  for (let at = 0; at < layer.length; at += 100_000) yield layer.subarray(at, at + 100_000);
}

/** A source that only has `read`, and lets each be answered when the test says so. */
function slowSource(): {
  readonly source: BlobSource;
  readonly asked: number[];
  answer(): void;
  fail(error: Error): void;
} {
  const asked: number[] = [];
  const waiting: { answer: () => void; fail: (error: Error) => void }[] = [];
  return {
    asked,
    source: {
      size: layer.length,
      read: (offset, length, options) =>
        new Promise((resolve, reject) => {
          asked.push(offset);
          options?.signal?.addEventListener("abort", () => reject(options.signal?.reason));
          waiting.push({ answer: () => resolve(layer.slice(offset, offset + length)), fail: reject });
        }),
    },
    answer: () => waiting.shift()?.answer(),
    fail: (error) => waiting.shift()?.fail(error),
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

describe("buildZtoc() reads", () => {
  test.for<[string, () => LayerInput | Promise<LayerInput>]>([
    ["an AsyncIterable", chunks],
    ["a ReadableStream", () => new Blob([layer]).stream() as ReadableStream<Uint8Array>],
    ["a source that fills buffers", () => bytesSource(layer)],
    ["a source that gives bytes", () => blobSource(new Blob([layer]))],
    ["a file", () => openFileSource(path)],
  ])("%s to the same zTOC", async ([, open]) => {
    const want = await buildZtoc(chunks(), spans);
    const input = await open();
    expect((await buildZtoc(input, { ...spans, signal: new AbortController().signal })).digest).toBe(want.digest);
    // Not closed: it can be read again.
    if ("size" in input) {
      expect((await buildZtoc(input, spans)).digest).toBe(want.digest);
      await input.close?.();
    }
  });

  test("a source without bytes as an empty layer", async () => {
    const empty = bytesSource(new Uint8Array(0));
    await expect(buildZtoc(empty, spans)).rejects.toMatchObject({ code: "ERR_ZTOC_GZIP_EMPTY" });
    const { readInto: _, ...reading } = empty;
    await expect(buildZtoc(reading, spans)).rejects.toMatchObject({ code: "ERR_ZTOC_GZIP_EMPTY" });
  });

  test("four times ahead of a source, and no further", async () => {
    const { source, asked, answer } = slowSource();
    const building = buildZtoc(source, spans);
    const most: number[] = [];
    for (let answered = 0; answered * 2 ** 20 < layer.length; answered++) {
      await turn();
      most.push(asked.length - answered);
      answer();
    }
    await building;
    expect(asked).toEqual(Array.from({ length: Math.ceil(layer.length / 2 ** 20) }, (_, i) => i * 2 ** 20));
    expect(Math.max(...most)).toBe(4);
  });

  test("what a source rejects with, in its turn", async () => {
    const { source, answer, fail } = slowSource();
    const building = expect(buildZtoc(source, spans)).rejects.toThrow("the disk is gone");
    await turn();
    answer();
    fail(new Error("the disk is gone"));
    await building;
  });

  test("a source that gives too little as a short read", async () => {
    const source: BlobSource = { size: 100, read: async () => layer.slice(0, 99) };
    await expect(buildZtoc(source, spans)).rejects.toMatchObject({ code: "ERR_OCI_SHORT_READ" });
  });
});

describe("buildZtoc() ends", () => {
  test.for<[string, (source: BlobSource) => BlobSource]>([
    ["gives bytes", (source) => source],
    ["fills buffers", (source) => ({ ...source, readInto: () => new Promise(() => {}) })],
  ])("with the signal's reason while a source that %s does nothing", async ([, made]) => {
    const { source } = slowSource();
    const controller = new AbortController();
    const building = buildZtoc(made(source), { ...spans, signal: controller.signal });
    await turn();
    controller.abort(new Error("enough"));
    await expect(building).rejects.toThrow("enough");
  });

  test("what is read ahead when the layer turns out to be damaged", async () => {
    const { source, asked, answer } = slowSource();
    const reasons: unknown[] = [];
    const watched: BlobSource = {
      ...source,
      read: (offset, length, options) => {
        const reading = source.read(offset, length, options);
        return (offset === 0 ? reading.then((bytes) => bytes.fill(1)) : reading).catch((error: unknown) => {
          reasons.push(error);
          throw error;
        });
      },
    };
    const building = buildZtoc(watched, spans);
    await turn();
    answer();
    await expect(building).rejects.toMatchObject({ code: "ERR_ZTOC_GZIP_HEADER" });
    await turn();
    expect([asked.length, reasons.length]).toEqual([4, 3]);
  });
});
