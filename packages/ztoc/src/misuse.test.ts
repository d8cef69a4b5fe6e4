import { bytesSource } from "@socikit/oci";
import { afterAll, describe, expect, test } from "vitest";
import { createBuildPool, type PoolBuildOptions } from "./build-pool.ts";
import { buildZtoc } from "./build-ztoc.ts";
import type { LayerInput } from "./layer-input.ts";
import { LayerScan } from "./layer-scan.ts";
import { ResumableBuild } from "./resumable-build.ts";
import { tarEnd } from "./testing/tar-writer.ts";
import { ZtocBuilder, type ZtocBuilderOptions } from "./ztoc-builder.ts";

const pool = createBuildPool({ threads: 0 });
afterAll(() => pool.close());

const plain: ZtocBuilderOptions = { compression: "uncompressed" };
const bytes = tarEnd();

/** What a program without types might give. */
function given<T>(value: unknown): T {
  return value as T;
}

type Build = (layer: LayerInput, options: ZtocBuilderOptions) => Promise<unknown>;
const builds: readonly (readonly [string, Build])[] = [
  ["buildZtoc()", buildZtoc],
  ["a pool", (layer, options) => pool.build(layer, options as PoolBuildOptions)],
  ["a pool that opens it", (layer, options) => pool.build(() => layer, options as PoolBuildOptions)],
  ["ResumableBuild", async (layer, options) => (await ResumableBuild.start(options)).run(layer)],
];

async function* chunk(value: unknown): AsyncIterable<Uint8Array> {
  yield given(value);
}

describe.each(builds)("%s says what is wrong with", (_, build) => {
  test.each<readonly [string, unknown, string]>([
    [
      "nothing",
      undefined,
      "it is undefined; give an AsyncIterable or a ReadableStream of Uint8Arrays, or a BlobSource",
    ],
    ["null", null, "it is null; give"],
    ["a path", "layer.tar", "it is a string; give"],
    ["bytes", bytes, "it is a Uint8Array; give a BlobSource of it: bytesSource()"],
    ["a list", [bytes], "it is an Array; give"],
    ["a buffer", bytes.buffer, "it is an ArrayBuffer; give"],
    ["a Blob", new Blob([]), "it is a Blob; give"],
    ["a source of size NaN", { ...bytesSource(bytes), size: NaN }, "its size is NaN"],
    ["a source of size -1", { ...bytesSource(bytes), size: -1 }, "its size is -1"],
    ["a source without size", { read: bytesSource(bytes).read }, "its size is undefined"],
    ["a source of a size that is text", { ...bytesSource(bytes), size: "5" }, "its size is a string"],
    ["a chunk that is text", chunk("abc"), "a chunk is a string; give Uint8Arrays"],
    ["a chunk that is nothing", chunk(undefined), "a chunk is undefined; give"],
    ["a chunk that is a buffer", chunk(bytes.buffer.slice(0)), "a chunk is an ArrayBuffer; give"],
    ["a chunk of wider numbers", chunk(new Uint16Array(512)), "a chunk is a Uint16Array; give"],
    ["a list that a source reads", { size: 4, read: async () => [0, 0, 0, 0] }, "a chunk is an Array; give"],
  ])("%s", async (__, layer, found) => {
    const building = build(given(layer), plain);
    await expect(building).rejects.toBeInstanceOf(TypeError);
    await expect(building).rejects.toThrow(`Cannot read layer: ${found}`);
  });

  test.each<readonly [object, typeof TypeError | typeof RangeError, string]>([
    [{ compression: "zstd" }, TypeError, `compression must be "gzip" or "uncompressed", but is "zstd"`],
    [{ compression: "GZIP" }, TypeError, `but is "GZIP"`],
    [{ compression: undefined }, TypeError, "but is undefined"],
    [{ compression: 5 }, TypeError, "but is 5"],
    [{ maxZtocBytes: NaN }, RangeError, "maxZtocBytes must be >= 0, and an integer, but is NaN"],
    [{ maxZtocBytes: -1 }, RangeError, "but is -1"],
    [{ maxZtocBytes: "5" }, RangeError, "but is 5"],
    [{ buildToolIdentifier: 5 }, TypeError, "must be a string, but is a number"],
    [{ spanSize: "5" }, RangeError, "span size must be >= 0, and an integer, but is 5"],
  ])("options %j", async (wrong, type, found) => {
    const building = build(chunk(bytes), given({ ...plain, ...wrong }));
    await expect(building).rejects.toBeInstanceOf(type);
    await expect(building).rejects.toThrow(found);
  });
});

test("LayerScan and ZtocBuilder take no other compressions either", () => {
  const zstd = given<ZtocBuilderOptions>({ compression: "zstd" });
  expect(() => new LayerScan(zstd, [])).toThrow(TypeError);
  expect(() => new ZtocBuilder(zstd)).toThrow(TypeError);
});

test("a pool takes no size that is none, and a run saves after some bytes at least", async () => {
  await expect(pool.build(chunk(bytes), { ...plain, size: NaN } as PoolBuildOptions)).rejects.toBeInstanceOf(
    RangeError,
  );
  const build = await ResumableBuild.start(plain);
  for (const saveEveryBytes of [0, NaN])
    await expect(build.run(chunk(bytes), { saveEveryBytes })).rejects.toBeInstanceOf(RangeError);
});
