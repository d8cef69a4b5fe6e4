import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { digestOf } from "@socikit/oci";
import { describe, expect, test } from "vitest";
import { buildZtoc } from "./build.ts";
import { decodeZtoc } from "./decode.ts";
import { encodeZtoc } from "./encode.ts";
import { ZtocError } from "./errors.ts";
import { spansOf } from "./span.ts";

interface GoldenCase {
  readonly file: string;
  readonly compression: "gzip" | "uncompressed";
  readonly spanSize: number;
  readonly digest?: string;
  readonly size?: number;
  readonly compressedArchiveSize?: number;
  readonly uncompressedArchiveSize?: number;
  readonly maxSpanId?: number;
  readonly entries?: number;
  readonly zinfoSha256?: string;
  /** Where there are many, just how many. */
  readonly spans?: readonly (readonly [number, number, number, number])[] | number;
  readonly error?: string;
  readonly readBackError?: string;
}

const testdata = join(import.meta.dirname, "../../../testdata");
const golden = join(import.meta.dirname, "../../../../shared/golden");

function casesOf(list: string): Map<string, GoldenCase[]> {
  const { cases } = JSON.parse(readFileSync(join(testdata, list), "utf8")) as { readonly cases: readonly GoldenCase[] };
  const byFile = new Map<string, GoldenCase[]>();
  for (const row of cases) byFile.set(row.file, [...(byFile.get(row.file) ?? []), row]);
  return byFile;
}

async function* chunksOfFile(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65536) yield bytes.subarray(at, at + 65536);
}

async function check(row: GoldenCase, layer: Uint8Array): Promise<void> {
  const building = buildZtoc(chunksOfFile(layer), { compression: row.compression, spanSize: row.spanSize });
  if (row.error !== undefined) {
    const error: unknown = await building.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(ZtocError);
    const { message, code } = error as ZtocError;
    if (row.error === "(the reference crashes)") expect(code).toBe("ERR_ZTOC_SPAN_SIZE");
    else expect(message).toContain(row.error);
    return;
  }
  const { ztoc, bytes, digest, warnings } = await building;
  const geometry = spansOf(ztoc).map(({ compressed, uncompressed }) => [
    compressed.start,
    compressed.end,
    uncompressed.start,
    uncompressed.end,
  ]);
  expect({
    digest,
    size: bytes.length,
    compressedArchiveSize: ztoc.compressedArchiveSize,
    uncompressedArchiveSize: ztoc.uncompressedArchiveSize,
    maxSpanId: ztoc.compression.maxSpanId,
    entries: ztoc.toc.length,
    zinfoSha256: digestOf(ztoc.compression.zinfo).slice("sha256:".length),
    spans: typeof row.spans === "number" ? geometry.length : geometry,
  }).toEqual({
    digest: row.digest,
    size: row.size,
    compressedArchiveSize: row.compressedArchiveSize,
    uncompressedArchiveSize: row.uncompressedArchiveSize,
    maxSpanId: row.maxSpanId,
    entries: row.entries,
    zinfoSha256: row.zinfoSha256,
    spans: row.spans ?? [],
  });
  expect(warnings.some(({ code }) => code === "WARN_ZTOC_INVALID_TOC_ENTRY")).toBe(row.readBackError !== undefined);
  expect(digestOf(encodeZtoc(decodeZtoc(bytes)))).toBe(row.digest);
}

describe("buildZtoc() writes what the reference writes, at every span size, of", () => {
  const vectors = casesOf("vectors.json");

  test("all 515 cases", () => {
    expect([...vectors.values()].flat()).toHaveLength(515);
  });

  test.each([...vectors])("%s", async (file, rows) => {
    const layer = new Uint8Array(readFileSync(join(testdata, "vectors", file)));
    for (const row of rows) await check(row, layer);
  });
});

test.each([
  ["AWS SOCI CLI v0.1", 34064, "4be599533df7dc258cd0636b980bafabf43cb778958a3008ed2c81ea91633a8f"],
  ["", 34048, "dd635f9fda31f5e63c6bbf01fef6f7b9746631f4a1b1c3edcb9d65288e5b48f7"],
])("buildZtoc() by the tool %j (spec section 22.2)", async (buildToolIdentifier, size, hex) => {
  const layer = new Uint8Array(readFileSync(join(testdata, "vectors", "small.tar.gz")));
  const { bytes, digest } = await buildZtoc(chunksOfFile(layer), { compression: "gzip", buildToolIdentifier });
  expect([bytes.length, digest]).toEqual([size, `sha256:${hex}`]);
});

describe("buildZtoc() writes what the reference writes, of the real layer", () => {
  const layers = casesOf("layers.json");

  test("all 18 cases", () => {
    expect([...layers.values()].flat()).toHaveLength(18);
  });

  // 64 MB of layers that are not in the repository: required where their folder is beside it.
  test.skipIf(!existsSync(golden)).each([...layers])("%s (in ../shared/golden)", async (file, rows) => {
    const layer = new Uint8Array(readFileSync(join(golden, "layers", file)));
    for (const row of rows) await check(row, layer);
  });
});
