import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadInflate } from "@socikit/inflate";
import {
  bytesSource,
  digestOf,
  encodeIndex,
  encodeManifest,
  hexOf,
  OCI_CONFIG,
  OCI_INDEX,
  OCI_LAYER_GZIP,
  OCI_MANIFEST,
  parseDigest,
  type BlobReader,
  type Descriptor,
  type Digest,
  type ManifestReader,
} from "@socikit/oci";
import { buildZtoc } from "@socikit/ztoc/build";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { goldenBlob, goldenImages } from "../../../../testdata/golden-images.ts";
import { noise } from "../testing/store-cases.ts";
import { writeLayoutArchive } from "./write-layout-archive.ts";

let root = "";
let count = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "socikit-write-archive-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));
const fresh = (): string => join(root, `image-${++count}.tar`);

/** Blobs in memory, by digest. */
function contentOf(blobs: ReadonlyMap<Digest, Uint8Array>): ManifestReader & BlobReader {
  const bytesOf = (digest: Digest): Uint8Array => {
    const bytes = blobs.get(digest);
    if (bytes === undefined) throw new Error(`there is no ${digest}`);
    return bytes;
  };
  return {
    resolve: () => Promise.reject(new Error("there are no tags")),
    async fetchManifest(target) {
      if (typeof target === "string") throw new Error("by descriptor alone");
      return { descriptor: target, bytes: bytesOf(target.digest) };
    },
    async stat(digest) {
      const bytes = blobs.get(digest);
      return bytes && { size: bytes.length };
    },
    open: async ({ digest }) => bytesSource(bytesOf(digest)),
    stream: async ({ digest }) => new Blob([bytesOf(digest).slice()]).stream() as ReadableStream<Uint8Array>,
  };
}

interface ConvertRun {
  readonly image: string;
  readonly args: readonly string[];
  readonly exit: number;
  readonly messages: readonly string[];
  readonly index: Descriptor;
  readonly archive: { readonly sha256: string; readonly size: number };
  readonly newBlobs: Readonly<Record<string, { readonly size: number; readonly json?: string }>>;
}
const runs = (
  JSON.parse(readFileSync(new URL("../../../../testdata/images.json", import.meta.url), "utf8")) as {
    readonly convert: readonly ConvertRun[];
  }
).convert.filter(({ exit }) => exit === 0);

/** All blobs of the runs' images, and all that the reference made of them: texts as recorded, zTOCs built anew. */
async function goldenBlobs(): Promise<ReadonlyMap<Digest, Uint8Array>> {
  const blobs = new Map<Digest, Uint8Array>();
  for (const image of goldenImages) for (const digest of image.blobs) blobs.set(digest, goldenBlob(digest));
  const inflate = await loadInflate();
  for (const { args, messages, newBlobs } of runs) {
    for (const [digest, { json }] of Object.entries(newBlobs))
      if (json !== undefined) blobs.set(parseDigest(digest), new TextEncoder().encode(json));
    const spanSize = Number(args[args.indexOf("--span-size") + 1] ?? 4_194_304);
    for (const message of messages) {
      const [, layer, ztoc] = /^layer (\S+) -> ztoc (\S+)/.exec(message) ?? [];
      if (layer === undefined || ztoc === undefined || blobs.has(parseDigest(ztoc))) continue;
      const bytes = blobs.get(parseDigest(layer))!;
      const compression = bytes[0] === 0x1f ? "gzip" : "uncompressed";
      const build = await buildZtoc(bytesSource(bytes), { compression, spanSize, inflate });
      expect(build.digest).toBe(ztoc);
      blobs.set(build.digest, build.bytes);
    }
  }
  return blobs;
}

test(`writeLayoutArchive() writes the reference's bytes in all ${runs.length} of its runs`, async () => {
  const content = contentOf(await goldenBlobs());
  const file = fresh();
  const wrong: string[] = [];
  // Many runs come to the same image.
  const written = new Map<Digest, string>();
  for (const { image, args, index, archive } of runs) {
    if (!written.has(index.digest)) {
      await writeLayoutArchive(file, content, [index]);
      const bytes = await readFile(file);
      written.set(index.digest, `${bytes.length} ${createHash("sha256").update(bytes).digest("hex")}`);
    }
    if (written.get(index.digest) !== `${archive.size} ${archive.sha256}`) wrong.push(`${image} ${args.join(" ")}`);
  }
  expect(wrong).toEqual([]);
  expect(runs).toHaveLength(75);
});

/** An image of one layer in an index, and every blob of it. */
function smallImage(layer: Uint8Array): { readonly index: Descriptor; readonly blobs: Map<Digest, Uint8Array> } {
  const blobs = new Map<Digest, Uint8Array>();
  const put = (bytes: Uint8Array, mediaType: string, algorithm?: "sha512"): Descriptor => {
    const digest = digestOf(bytes, algorithm);
    blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const config = put(new TextEncoder().encode("{}"), OCI_CONFIG);
  const layers = [put(layer, OCI_LAYER_GZIP, "sha512")];
  const manifest = put(encodeManifest({ schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers }), OCI_MANIFEST);
  const index = put(
    encodeIndex({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [manifest, manifest] }),
    OCI_INDEX,
  );
  return { index, blobs };
}

test("what writeLayoutArchive() writes, tar unpacks, digests of other algorithms included", async () => {
  const { index, blobs } = smallImage(noise(100_001, 1));
  const file = fresh();
  const progress: number[] = [];
  await writeLayoutArchive(file, contentOf(blobs), [index], {
    onProgress: (bytes, size) => progress.push(bytes, size),
  });
  const { size } = await stat(file);
  expect(progress.slice(-2)).toEqual([size, size]);
  const names = execFileSync("tar", ["-tf", file], { encoding: "utf8" }).trimEnd().split("\n");
  expect(names).toEqual([...names].sort());
  expect(names.filter((name) => !name.endsWith("/"))).toHaveLength(blobs.size + 2);
  for (const [digest, bytes] of blobs) {
    const name = `blobs/${digest.split(":")[0]}/${hexOf(digest)}`;
    expect(names).toContain(name);
    const found = execFileSync("tar", ["-xOf", file, name]);
    expect(digestOf(found)).toBe(digestOf(bytes));
  }
});

describe("writeLayoutArchive() leaves the old file, and nothing else, where", () => {
  const image = smallImage(noise(2_000_000, 2));
  const [layer] = [...image.blobs].find(([digest]) => digest.startsWith("sha512:"))!;
  test.for([
    ["a blob is missing", (blobs: Map<Digest, Uint8Array>) => blobs.delete(layer), /there is no sha512/],
    [
      "a blob has other bytes",
      (blobs: Map<Digest, Uint8Array>) => blobs.set(layer, noise(2_000_000, 3)),
      /have digest/,
    ],
    ["a blob is too short", (blobs: Map<Digest, Uint8Array>) => blobs.set(layer, noise(1_999_999, 2)), /bytes came/],
    [
      "a manifest is damaged",
      (blobs: Map<Digest, Uint8Array>) => blobs.set(image.index.digest, noise(image.index.size, 1)),
      /have digest/,
    ],
  ] as const)("%s", async ([, damage, message]) => {
    const blobs = new Map(image.blobs);
    damage(blobs);
    const directory = await mkdtemp(join(root, "kept-"));
    const file = join(directory, "image.tar");
    await writeFile(file, "old");
    await expect(writeLayoutArchive(file, contentOf(blobs), [image.index])).rejects.toThrow(message);
    expect(await readFile(file, "utf8")).toBe("old");
    expect(await readdir(directory)).toEqual(["image.tar"]);
  });

  test("it is aborted", async () => {
    const directory = await mkdtemp(join(root, "aborted-"));
    const controller = new AbortController();
    const writing = writeLayoutArchive(join(directory, "image.tar"), contentOf(image.blobs), [image.index], {
      signal: controller.signal,
      onProgress: (bytes) => bytes > 1_000_000 && controller.abort(new Error("enough")),
    });
    await expect(writing).rejects.toThrow("enough");
    expect(await readdir(directory)).toEqual([]);
  });
});

test("writeLayoutArchive() writes through a link, keeps permissions, and writes to what is no file", async () => {
  const { index, blobs } = smallImage(noise(10, 4));
  const file = fresh();
  await writeFile(file, "old");
  await chmod(file, 0o640);
  const link = fresh();
  await symlink(file, link);
  await writeLayoutArchive(link, contentOf(blobs), [index]);
  expect((await stat(file)).mode & 0o777).toBe(0o640);
  const size = (await stat(file)).size;
  expect(size).toBeGreaterThan(4000);
  if (process.platform === "win32") return;
  const pipe = fresh();
  execFileSync("mkfifo", [pipe]);
  const [, piped] = await Promise.all([writeLayoutArchive(pipe, contentOf(blobs), [index]), readFile(pipe)]);
  expect(digestOf(piped)).toBe(digestOf(await readFile(file)));
});
