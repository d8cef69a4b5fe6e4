import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { link, mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "fflate";
import { bytesSource, digestOf, hexOf, OCI_INDEX, readAll, type Descriptor } from "@socikit/oci";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { goldenImage, writeGoldenImage } from "../../../../testdata/golden-images.ts";
import { collect, expectBytes, noise, pushBlob, pushImage } from "../testing/store-cases.ts";
import { readArchiveMembers } from "./archive-members.ts";
import { openLayoutArchive, type LayoutArchive } from "./layout-archive.ts";
import { openLayoutDirectory, type LayoutDirectory } from "./layout-directory.ts";
import { tarEnd, tarHeader } from "./tar-header.ts";

let root = "";
let count = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "socikit-archive-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));
const fresh = (): string => join(root, `layout-${++count}`);

/** Packs a directory with the system's tar, `args` before the file's name. */
function pack(directory: string, ...args: readonly string[]): string {
  const file = `${directory}-${++count}.tar`;
  execFileSync("tar", ["-cf", file, "-C", directory, ...args]);
  return file;
}

/** An archive of members by hand. */
async function written(members: readonly (readonly [name: string, text: string])[]): Promise<string> {
  const parts = members.flatMap(([name, text]) => {
    const content = new TextEncoder().encode(text);
    const header = tarHeader({ name, type: "file", size: content.length, mode: 0o644 });
    return [header, content, new Uint8Array((512 - (content.length % 512)) % 512)];
  });
  const file = `${fresh()}.tar`;
  await writeFile(file, Buffer.concat([...parts, tarEnd()]));
  return file;
}

/** Opens, uses and closes. */
async function using<T>(file: string, use: (archive: LayoutArchive) => Promise<T>): Promise<T> {
  const archive = await openLayoutArchive(file);
  try {
    return await use(archive);
  } finally {
    await archive.close();
  }
}

test("openLayoutArchive() reads of golden images what their directories hold", async () => {
  // One of each kind: an image, several platforms, nested, flat with a blob missing, nothing.
  for (const image of ["i01", "i04", "i10", "i13", "i23"].map(goldenImage)) {
    const directory = join(root, image.name);
    writeGoldenImage(image, directory);
    const layout = await openLayoutDirectory(directory).catch(() => undefined);
    if (layout === undefined) continue;
    await using(pack(directory, "."), async (archive) => {
      expect(await archive.entries()).toEqual(await layout.entries());
      const { index, ociLayout } = await archive.documents();
      const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);
      expect([text(index), text(ociLayout)]).toEqual([image.index, image.ociLayout]);
      expect(await layout.documents()).toEqual({ index, ociLayout });
      expect(await collect(archive.tags())).toEqual(await collect(layout.tags()));
      const only = await layout.onlyImage().catch((error: { code: string }) => error.code);
      expect(await archive.onlyImage().catch((error: { code: string }) => error.code)).toEqual(only);
      for (const digest of image.blobs) {
        const blob = { digest, size: (await layout.stat(digest))!.size };
        expect(await archive.stat(digest)).toEqual({ size: blob.size });
        const bytes = await readAll(await archive.stream(blob), 2 ** 30).catch(() => undefined);
        const wanted = await readAll(await layout.stream(blob), 2 ** 30).catch(() => undefined);
        expect(bytes && digestOf(bytes)).toBe(wanted && digestOf(wanted));
      }
    });
  }
});

interface Made {
  readonly directory: string;
  readonly image: Descriptor;
  readonly layer: Descriptor;
  readonly bytes: Uint8Array;
}

/** A layout with a tagged image, a referrer of it, and another blob. */
async function makeLayout(): Promise<Made> {
  const layout: LayoutDirectory = await openLayoutDirectory(fresh(), { create: true });
  const image = await pushImage(layout, 1);
  await layout.tag("v1", image);
  await pushImage(layout, 2, { subject: image, artifactType: "application/x.test" });
  const bytes = noise(700_001, 7);
  return { directory: layout.directory, image, layer: await pushBlob(layout, bytes, ""), bytes };
}

describe("openLayoutArchive() of a tar that", () => {
  test.for([
    ["GNU's tar writes by itself", [".", "--format=gnu"]],
    ["has ustar headers", ["--format=ustar", "."]],
    ["has PAX headers", ["--format=pax", "."]],
    ["has headers of version 7", ["--format=v7", "."]],
    ["has names without ./, sorted", ["--sort=name", "blobs", "index.json", "oci-layout"]],
    ["has index.json in front", ["index.json", "oci-layout", "blobs"]],
    ["has other files too", ["--format=pax", "--transform=s,^,./,", "blobs", "index.json", "oci-layout", "."]],
  ] as const)("%s", async ([, args]) => {
    const { directory, image, layer, bytes } = await makeLayout();
    if (!/v7|ustar/.test(args.join(" ")))
      await writeFile(join(directory, `a name of over a hundred bytes ${"long ".repeat(30)}`), "x");
    await using(pack(directory, ...args), async (archive) => {
      expect(await archive.resolve("v1")).toEqual(image);
      expect((await archive.fetchManifest(image.digest)).descriptor).toEqual(image);
      expect(await collect(archive.referrers(image.digest))).toHaveLength(1);
      const source = await archive.open(layer);
      expect(source.size).toBe(bytes.length);
      expectBytes(await source.read(0, bytes.length), bytes);
      expectBytes(await source.read(699_000, 1001), bytes.slice(699_000));
      await expect(source.read(700_000, 2)).rejects.toThrow(RangeError);
      const target = new Uint8Array(1000);
      await source.readInto!(target, 12_345);
      expectBytes(target, bytes.slice(12_345, 13_345));
      expectBytes(await readAll(await archive.stream(layer), 2 ** 20), bytes);
    });
  });
});

test("openLayoutArchive() follows links inside the archive, and none out of it", async () => {
  const { directory, image, layer, bytes } = await makeLayout();
  const blobs = join(directory, "blobs", "sha256");
  const path = join(blobs, hexOf(layer.digest));
  // As older docker wrote a layer that two images share, and as tar writes a file with two names.
  await mkdir(join(directory, "shared"));
  await rename(path, join(directory, "shared", "layer"));
  await symlink(join("..", "..", "shared", "layer"), path);
  await link(join(blobs, hexOf(image.digest)), join(directory, "a-first-name"));
  await using(pack(directory, "a-first-name", "index.json", "oci-layout", "blobs", "shared"), async (archive) => {
    expectBytes(await readAll(await archive.stream(layer), 2 ** 20), bytes);
    expect((await archive.fetchManifest("v1")).descriptor).toEqual(image);
  });
  for (const target of ["/etc/passwd", "../../../../../etc/passwd", path, "."]) {
    await rm(path);
    await symlink(target, path);
    await using(pack(directory, "."), async (archive) => expect(await archive.stat(layer.digest)).toBeUndefined());
  }
});

test("openLayoutArchive() shows what was there when it was opened, and closes", async () => {
  const { directory, image } = await makeLayout();
  const file = pack(directory, ".");
  const archive = await openLayoutArchive(file);
  expect(archive.file).toBe(file);
  await rm(file);
  expect(await archive.resolve("v1")).toEqual(image);
  await archive.close();
  await expect(archive.fetchManifest("v1")).rejects.toThrow();
});

describe("openLayoutArchive() refuses", () => {
  const index = JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] });
  const layout = '{"imageLayoutVersion":"1.0.0"}';
  test.for([
    ["no tar", async () => new Uint8Array(600).fill(65), "ERR_REGISTRY_INVALID_ARCHIVE", /is no tar/],
    ["less than a header", async () => new Uint8Array(5), "ERR_REGISTRY_INVALID_ARCHIVE", /is no tar/],
    ["nothing", async () => new Uint8Array(0), "ERR_REGISTRY_INVALID_ARCHIVE", /is no tar/],
    ["gzip", async () => gzipSync(new Uint8Array(10_000)), "ERR_REGISTRY_COMPRESSED_ARCHIVE", /gzip/],
    ["zstd", async () => Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0), "ERR_REGISTRY_COMPRESSED_ARCHIVE", /zstd/],
    ["an archive of nothing", async () => tarEnd(), "ERR_REGISTRY_NOT_A_LAYOUT", /no index.json/],
    ["docker's archive", () => written([["manifest.json", "[]"]]), "ERR_REGISTRY_NOT_A_LAYOUT", /is docker's/],
    [
      "another version",
      () =>
        written([
          ["index.json", index],
          ["oci-layout", '{"imageLayoutVersion":"2.0.0"}'],
        ]),
      "ERR_REGISTRY_INVALID_LAYOUT",
      /"2.0.0"/,
    ],
    [
      "an index.json that is no JSON",
      () =>
        written([
          ["oci-layout", layout],
          ["index.json", "{"],
        ]),
      "ERR_REGISTRY_INVALID_LAYOUT",
      /not JSON/,
    ],
  ] as const)("%s", async ([, make, code, message]) => {
    const made = await make();
    const file = typeof made === "string" ? made : `${fresh()}.tar`;
    if (typeof made !== "string") await writeFile(file, made);
    await expect(openLayoutArchive(file)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
    });
  });

  test("one that is cut off, sparse, or has a damaged header", async () => {
    const { directory } = await makeLayout();
    const file = pack(directory, ".");
    const bytes = new Uint8Array(readFileSync(file));
    for (const [change, message] of [
      [bytes.slice(0, 300_000), /cut off/],
      [bytes.slice(0, bytes.length - 10_240 - 300), /cut off/],
      [bytes.map((byte, at) => (at === 512 + 100 ? 56 : byte)), /header at byte 512 is damaged/],
    ] as const) {
      await writeFile(file, change);
      await expect(openLayoutArchive(file)).rejects.toMatchObject({
        code: "ERR_REGISTRY_INVALID_ARCHIVE",
        message: expect.stringMatching(message) as string,
      });
    }
    execFileSync("truncate", ["-s", "10M", join(directory, "hole")]);
    for (const format of ["--format=gnu", "--format=pax"])
      await expect(openLayoutArchive(pack(directory, "--sparse", format, "."))).rejects.toThrow(/is sparse/);
  });

  test("a directory, and what is not there", async () => {
    await expect(openLayoutArchive(root)).rejects.toMatchObject({ code: "EISDIR" });
    await expect(openLayoutArchive(fresh())).rejects.toMatchObject({ code: "ENOENT" });
  });
});

test("readArchiveMembers() takes as many members as there may be, and no more", async () => {
  const header = tarHeader({ name: "x", type: "file", size: 0, mode: 0 });
  const source = bytesSource(new Uint8Array(Buffer.concat(Array.from({ length: 100 }, () => header))));
  expect((await readArchiveMembers(source, "a.tar", { maxMembers: 100 })).size).toBe(1);
  await expect(readArchiveMembers(source, "a.tar", { maxMembers: 99 })).rejects.toMatchObject({
    code: "ERR_REGISTRY_INVALID_ARCHIVE",
    message: expect.stringMatching(/more than 99 members/) as string,
  });
});

test("readArchiveMembers() and openLayoutArchive() of any bytes give members, a layout, or a coded error", async () => {
  const { directory, layer } = await makeLayout();
  await rm(join(directory, "blobs", "sha256", hexOf(layer.digest)));
  const seeds = ["gnu", "pax", "ustar"].map((format) => pack(directory, `--format=${format}`, "."));
  const bytes = seeds.map((file) => new Uint8Array(readFileSync(file)));
  const file = `${fresh()}.tar`;
  const change = fc.record({
    seed: fc.integer({ min: 0, max: bytes.length - 1 }),
    edits: fc.array(fc.tuple(fc.nat(), fc.constantFrom(0, 0x20, 0x2f, 0x31, 0x37, 0x4c, 0x78, 0x80, 0xff)), {
      maxLength: 4,
    }),
    length: fc.double({ min: 0.5, max: 1.5, noNaN: true }),
  });
  await fc.assert(
    fc.asyncProperty(change, async ({ seed, edits, length }) => {
      const changed = bytes[seed]!.slice(0, Math.floor(bytes[seed]!.length * length));
      for (const [at, byte] of edits) {
        // In a header most often, whose checksum is put right, so that what comes after it is looked at.
        const block = (at % 12) * 512;
        changed[block + (Math.floor(at / 12) % 512)] = byte;
        const header = changed.subarray(block, block + 512);
        header.fill(0x20, 148, 156);
        const sum = header.reduce((total, each) => total + each, 0);
        header.set(new TextEncoder().encode(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
      }
      const coded = (error: unknown): void =>
        expect((error as { code?: unknown }).code).toMatch(/^ERR_(?:REGISTRY|OCI)_[A-Z_]+$/);
      await readArchiveMembers(bytesSource(changed), "a.tar").catch(coded);
      // A file takes ten times as long.
      if (seed > 0 || edits.length > 1) return;
      await writeFile(file, changed);
      await using(file, async (archive) => {
        await archive.onlyImage().catch(coded);
        await archive.fetchManifest("v1").catch(coded);
        await collect(archive.tags()).catch(coded);
      }).catch(coded);
    }),
    { numRuns: 300 },
  );
});
