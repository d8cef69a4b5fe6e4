import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  digestOf,
  encodeIndex,
  encodeManifest,
  hexOf,
  OCI_CONFIG,
  OCI_INDEX,
  OCI_MANIFEST,
  readAll,
  type Descriptor,
  type Digest,
} from "@socikit/oci";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { collect, noise, pushBlob, pushImage, storeCases } from "../testing/store-cases.ts";
import { openLayoutDirectory, type LayoutDirectory } from "./layout-directory.ts";

let root = "";
let count = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "socikit-layout-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const fresh = (): string => join(root, `layout-${++count}`);
const create = (): Promise<LayoutDirectory> => openLayoutDirectory(fresh(), { create: true });

storeCases("openLayoutDirectory()", create);

interface IndexJson {
  readonly manifests: readonly (Descriptor & { readonly [key: string]: unknown })[];
  readonly [key: string]: unknown;
}
const indexOf = async (layout: LayoutDirectory): Promise<IndexJson> =>
  JSON.parse(await readFile(join(layout.directory, "index.json"), "utf8")) as IndexJson;
const REF_NAME = "org.opencontainers.image.ref.name";

/** A layout by hand: one image's blobs, and the `index.json` given. */
async function foreignLayout(
  entries: (image: Descriptor, other: Descriptor) => readonly object[],
): Promise<{ readonly directory: string; readonly image: Descriptor; readonly other: Descriptor }> {
  const layout = await create();
  const [image, other] = [await pushImage(layout, 1), await pushImage(layout, 2)];
  await writeFile(
    join(layout.directory, "index.json"),
    JSON.stringify({ schemaVersion: 2, manifests: entries(image, other), extra: "kept" }),
  );
  return { directory: layout.directory, image, other };
}

describe("opening", () => {
  test("create makes what the image spec asks for, and leaves a layout that is there", async () => {
    const layout = await create();
    expect(JSON.parse(await readFile(join(layout.directory, "oci-layout"), "utf8"))).toEqual({
      imageLayoutVersion: "1.0.0",
    });
    expect(await indexOf(layout)).toEqual({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] });
    await layout.tag("v1", await pushImage(layout, 1));
    const again = await openLayoutDirectory(layout.directory, { create: true });
    expect(await collect(again.tags())).toEqual(["v1"]);
  });

  test("create goes on where a creation was cut short, and refuses a directory of other things", async () => {
    const started = fresh();
    await mkdir(join(started, "blobs"), { recursive: true });
    await writeFile(join(started, ".oci-layout.0123"), "{");
    expect(await (await openLayoutDirectory(started, { create: true })).entries()).toEqual([]);
    const home = fresh();
    await mkdir(home);
    await writeFile(join(home, "letter.txt"), "Dear");
    await expect(openLayoutDirectory(home, { create: true })).rejects.toMatchObject({
      code: "ERR_REGISTRY_INVALID_LAYOUT",
    });
    expect(await readdir(home)).toEqual(["letter.txt"]);
  });

  test.for([
    ["an oci-layout that is no JSON", { "oci-layout": "x" }, /not JSON/],
    ["an oci-layout that is no object", { "oci-layout": "null" }, /missing/],
    ["another version", { "oci-layout": '{"imageLayoutVersion":"2.0.0"}' }, /"2.0.0"/],
  ] as const)("refuses %s", async ([, files, message]) => {
    const directory = fresh();
    await mkdir(directory);
    for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
    await expect(openLayoutDirectory(directory)).rejects.toMatchObject({
      code: "ERR_REGISTRY_INVALID_LAYOUT",
      message: expect.stringMatching(message) as string,
    });
  });

  test("refuses a directory without an oci-layout file as what is not there", async () => {
    const directory = fresh();
    await mkdir(directory);
    await expect(openLayoutDirectory(directory)).rejects.toMatchObject({ code: "ERR_REGISTRY_NOT_A_LAYOUT" });
  });

  test("takes an index.json alone where it is told to, and nothing less", async () => {
    const layout = await create();
    await rm(join(layout.directory, "oci-layout"));
    await expect(openLayoutDirectory(layout.directory)).rejects.toMatchObject({ code: "ERR_REGISTRY_NOT_A_LAYOUT" });
    const unmarked = await openLayoutDirectory(layout.directory, { unmarked: true });
    expect(await unmarked.entries()).toEqual([]);
    expect((await unmarked.documents()).ociLayout).toBeUndefined();
    await rm(join(layout.directory, "index.json"));
    await expect(openLayoutDirectory(layout.directory, { unmarked: true })).rejects.toMatchObject({
      code: "ERR_REGISTRY_NOT_A_LAYOUT",
      message: expect.stringMatching(/neither an oci-layout nor an index.json/) as string,
    });
    await writeFile(join(layout.directory, "oci-layout"), '{"imageLayoutVersion":"2.0.0"}');
    await expect(openLayoutDirectory(layout.directory, { unmarked: true })).rejects.toMatchObject({
      code: "ERR_REGISTRY_INVALID_LAYOUT",
    });
  });

  test.skipIf(process.platform === "win32")("waits for no pipe in a file's place", async () => {
    const layout = await create();
    const refused = {
      code: "ERR_REGISTRY_INVALID_LAYOUT",
      message: expect.stringMatching(/not a regular file/) as string,
    };
    for (const name of ["index.json", "oci-layout"]) {
      await rm(join(layout.directory, name));
      execFileSync("mkfifo", [join(layout.directory, name)]);
      if (name === "index.json") await expect(layout.entries()).rejects.toMatchObject(refused);
    }
    await expect(openLayoutDirectory(layout.directory)).rejects.toMatchObject(refused);
  });

  test("with a root, follows a blob's link inside of it alone", async () => {
    const layout = await create();
    const shared = fresh();
    await mkdir(shared);
    const bytes = noise(100, 5);
    const blob = { digest: digestOf(bytes), size: bytes.length };
    await writeFile(join(shared, "blob"), bytes);
    await symlink(join(shared, "blob"), join(layout.directory, "blobs", "sha256", hexOf(blob.digest)));
    const narrow = await openLayoutDirectory(layout.directory, { root: layout.directory });
    expect(await narrow.stat(blob.digest)).toBeUndefined();
    await expect(narrow.open(blob)).rejects.toMatchObject({ code: "ERR_REGISTRY_BLOB_UNKNOWN" });
    await expect(narrow.fetchManifest(blob.digest)).rejects.toMatchObject({ code: "ERR_REGISTRY_MANIFEST_UNKNOWN" });
    const wide = await openLayoutDirectory(layout.directory, { root });
    expect(await wide.stat(blob.digest)).toEqual({ size: 100 });
  });

  test("says what is wrong with the only image, where it is broken", async () => {
    const layout = await create();
    const image = await pushImage(layout, 1);
    await writeFile(join(layout.directory, "blobs", "sha256", hexOf(image.digest)), "{}");
    const opened = await openLayoutDirectory(layout.directory);
    await expect(opened.onlyImage()).rejects.toMatchObject({ code: "ERR_OCI_DIGEST_MISMATCH" });
  });

  test.for([
    ["no index.json", undefined, /no index.json/],
    ["an index.json that is no JSON", "{", /not JSON/],
    ["an index.json that is no object", "[]", /not an object/],
    ["manifests that are no list", '{"manifests":{}}', /not a list/],
  ] as const)("tells of %s when it is read", async ([, text, message]) => {
    const layout = await create();
    await rm(join(layout.directory, "index.json"));
    if (text !== undefined) await writeFile(join(layout.directory, "index.json"), text);
    await expect(layout.entries()).rejects.toMatchObject({
      code: "ERR_REGISTRY_INVALID_LAYOUT",
      message: expect.stringMatching(message) as string,
    });
  });
});

test("any index.json gives entries or a coded error", async () => {
  const layout = await create();
  const image = await pushImage(layout, 1);
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom(image.digest, image.size, OCI_MANIFEST, { [REF_NAME]: "v1" }),
  );
  const keys = ["digest", "size", "mediaType", "annotations", "platform"] as const;
  const entry = fc.oneof(value, fc.record(Object.fromEntries(keys.map((key) => [key, value])), { requiredKeys: [] }));
  const json = fc.oneof(
    value,
    fc.record({ schemaVersion: value, manifests: fc.oneof(value, fc.array(entry, { maxLength: 3 })) }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.string(),
        json.map((document) => JSON.stringify(document)),
      ),
      async (text) => {
        await writeFile(join(layout.directory, "index.json"), text);
        const coded = (error: unknown): void =>
          expect((error as { code?: unknown }).code).toMatch(
            /^ERR_(?:REGISTRY_(?:INVALID_LAYOUT|MANIFEST_UNKNOWN)|OCI_(?:INVALID_MANIFEST|DIGEST_MISMATCH|TOO_LARGE))$/,
          );
        await layout.entries().catch(coded);
        await collect(layout.tags()).catch(coded);
        await layout.onlyImage().catch(coded);
        await layout.resolve("v1").catch(coded);
      },
    ),
    { numRuns: 200 },
  );
});

describe("layouts of other tools", () => {
  test("without media types anywhere (umoci's manifests have none)", async () => {
    const layout = await create();
    const config = await pushBlob(layout, noise(3, 3), OCI_CONFIG);
    const bytes = encodeManifest({ schemaVersion: 2, config, layers: [] });
    const { digest, size } = await pushBlob(layout, bytes, "");
    const entry = { digest, size, annotations: { [REF_NAME]: "v1" } };
    await writeFile(join(layout.directory, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
    const expected = { mediaType: OCI_MANIFEST, digest, size };
    expect(await layout.resolve("v1")).toEqual(expected);
    expect((await layout.fetchManifest("v1")).descriptor).toEqual(expected);
    expect(await layout.onlyImage()).toEqual(expected);
  });

  test.for([
    ["docker.io/library/busybox:1.36", "1.36"],
    ["localhost:5000/a/b:v1", "v1"],
    [`registry.test/a:v1@sha256:${"0".repeat(64)}`, "v1"],
    ["v1", "v1"],
  ] as const)("with %s for a name", async ([name, tag]) => {
    const { directory, image } = await foreignLayout((entry) => [{ ...entry, annotations: { [REF_NAME]: name } }]);
    const layout = await openLayoutDirectory(directory);
    expect(await layout.resolve(tag)).toEqual(image);
    expect(await collect(layout.tags())).toEqual([tag]);
    await layout.untag(tag);
    expect((await indexOf(layout)).manifests).toEqual([]);
  });

  test("with names that name no tag", async () => {
    const { directory } = await foreignLayout((entry) =>
      ["localhost:5000/a", "docker.io/library/busybox", "a b"].map((name) => ({
        ...entry,
        annotations: { [REF_NAME]: name },
      })),
    );
    expect(await collect((await openLayoutDirectory(directory)).tags())).toEqual([]);
  });

  test("with a tag twice: the first one counts, and setting it replaces both", async () => {
    const name = { annotations: { [REF_NAME]: "v1" } };
    const { directory, image, other } = await foreignLayout((one, two) => [
      { ...two, annotations: { [REF_NAME]: "host/x:v1" } },
      { ...one, ...name },
      { ...two, ...name },
    ]);
    const layout = await openLayoutDirectory(directory);
    expect((await layout.resolve("v1")).digest).toBe(image.digest);
    await layout.tag("v1", other);
    expect((await indexOf(layout)).manifests.map((entry) => entry.annotations?.[REF_NAME])).toEqual([
      "host/x:v1",
      "v1",
    ]);
    expect((await layout.resolve("v1")).digest).toBe(other.digest);
  });

  test("keeps what it does not know, and entries that it cannot read", async () => {
    const odd = { mediaType: "x", digest: "blake3:00", size: 1 };
    const { directory, image, other } = await foreignLayout((one, two) => [
      odd,
      {
        ...one,
        annotations: { [REF_NAME]: "v1", "io.example": "1" },
        platform: { os: "linux", architecture: "arm64" },
        odd: 1,
      },
      { ...two },
    ]);
    const layout = await openLayoutDirectory(directory);
    expect(await layout.entries()).toHaveLength(2);
    await layout.tag("v2", other);
    expect(await indexOf(layout)).toEqual({
      schemaVersion: 2,
      extra: "kept",
      manifests: [
        {
          ...image,
          annotations: { [REF_NAME]: "v1", "io.example": "1" },
          platform: { os: "linux", architecture: "arm64" },
          odd: 1,
        },
        { ...other, annotations: { [REF_NAME]: "v2" } },
        odd,
      ],
    });
  });

  test("with the list of referrers under the tag that registries without the API have", async () => {
    const layout = await create();
    const subject = await pushImage(layout, 1);
    const listed: Descriptor = { mediaType: OCI_MANIFEST, digest: digestOf(noise(1, 1)), size: 1, artifactType: "a/b" };
    const list = await layout.pushManifest(encodeIndex({ schemaVersion: 2, manifests: [listed] }), OCI_INDEX);
    await layout.tag("v1", subject);
    await layout.tag(`sha256-${hexOf(subject.digest)}`, list);
    expect(await collect(layout.referrers(subject.digest))).toEqual([listed]);
    expect((await layout.onlyImage()).digest).toBe(subject.digest);
  });

  test("with blobs that are links, as build systems write them", async () => {
    const layout = await create();
    const bytes = noise(1000, 1);
    await writeFile(join(root, "elsewhere"), bytes);
    await symlink(join(root, "elsewhere"), join(layout.directory, "blobs/sha256", hexOf(digestOf(bytes))));
    const blob = { digest: digestOf(bytes), size: 1000 };
    expect(digestOf(await readAll(await layout.stream(blob), 1000))).toBe(blob.digest);
  });

  test("with a blob whose bytes are not its own: a manifest fails, a stream ends with an error", async () => {
    const layout = await create();
    const image = await pushImage(layout, 1);
    await layout.tag("v1", image);
    const path = (digest: Digest): string => join(layout.directory, "blobs/sha256", hexOf(digest));
    const layer = { digest: digestOf(noise(1001, 1)), size: 1001 };
    await writeFile(path(layer.digest), new Uint8Array(1001));
    await writeFile(path(image.digest), new Uint8Array(image.size));
    const mismatch = { code: "ERR_OCI_DIGEST_MISMATCH" };
    await expect(readAll(await layout.stream(layer), 1001)).rejects.toMatchObject(mismatch);
    await expect(layout.fetchManifest("v1")).rejects.toMatchObject(mismatch);
    // Pushed again, both are whole again: what a power loss left is not taken for what was pushed.
    await pushImage(layout, 1);
    expect(digestOf((await layout.fetchManifest("v1")).bytes)).toBe(image.digest);
    expect(digestOf(await readAll(await layout.stream(layer), 1001))).toBe(layer.digest);
  });
});

describe("index.json", () => {
  const names = async (layout: LayoutDirectory): Promise<readonly (readonly [Digest, string | undefined])[]> =>
    (await layout.entries()).map(({ digest, annotations }) => [digest, annotations?.[REF_NAME]] as const);

  test("holds what no tag or index leads to without a name, and children of an index not at all", async () => {
    const layout = await create();
    const [one, two] = [await pushImage(layout, 1), await pushImage(layout, 2)];
    expect(await names(layout)).toEqual([
      [one.digest, undefined],
      [two.digest, undefined],
    ]);
    const index = encodeIndex({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [one, two] });
    const parent = await layout.pushManifest(index, OCI_INDEX);
    expect(await names(layout)).toEqual([[parent.digest, undefined]]);
    await layout.tag("v1", parent);
    expect(await names(layout)).toEqual([[parent.digest, "v1"]]);
    await pushImage(layout, 1);
    expect(await names(layout)).toEqual([[parent.digest, "v1"]]);
    const subject = { mediaType: parent.mediaType, digest: parent.digest, size: parent.size };
    const referrer = await pushImage(layout, 3, { subject });
    await layout.tag("v1", parent);
    expect(await names(layout)).toEqual([
      [referrer.digest, undefined],
      [parent.digest, "v1"],
    ]);
  });

  test("does not take a manifest's own annotation for a tag", async () => {
    const layout = await create();
    const config = await pushBlob(layout, noise(3, 3), OCI_CONFIG);
    const annotations = { [REF_NAME]: "latest" };
    await layout.pushManifest(encodeManifest({ schemaVersion: 2, config, layers: [], annotations }), OCI_MANIFEST);
    expect(await collect(layout.tags())).toEqual([]);
  });

  test("keeps the platform that the tagged descriptor has", async () => {
    const layout = await create();
    const image = await pushImage(layout, 1);
    await layout.tag("v1", { ...image, platform: { os: "linux", architecture: "arm64" } });
    expect((await layout.entries())[0]?.platform).toEqual({ os: "linux", architecture: "arm64" });
  });

  test("onlyImage() chooses the one image, or says which there are", async () => {
    const layout = await create();
    await expect(layout.onlyImage()).rejects.toMatchObject({ code: "ERR_REGISTRY_MANIFEST_UNKNOWN" });
    const image = await pushImage(layout, 1);
    const { mediaType, digest, size } = image;
    await pushImage(layout, 2, { subject: { mediaType, digest, size } });
    await pushImage(layout, 3, { artifactType: "application/vnd.example" });
    expect(await layout.onlyImage()).toEqual(image);
    await layout.tag("v1", image);
    await layout.tag("again", image);
    expect(await layout.onlyImage()).toEqual(image);
    await layout.tag("v2", await pushImage(layout, 4));
    await expect(layout.onlyImage()).rejects.toMatchObject({
      code: "ERR_REGISTRY_AMBIGUOUS_IMAGE",
      message: expect.stringContaining("v2") as string,
    });
  });

  test("is not read again until it changes, and is when it does", async () => {
    const [layout, other] = await Promise.all([create(), create()]);
    const again = await openLayoutDirectory(layout.directory);
    await layout.tag("v1", await pushImage(layout, 1));
    expect(await collect(again.tags())).toEqual(["v1"]);
    await layout.untag("v1");
    expect(await collect(again.tags())).toEqual([]);
    expect(await collect(other.tags())).toEqual([]);
  });

  test("loses nothing among writers at once, of one object or several", async () => {
    const layout = await create();
    const others = [layout, await openLayoutDirectory(layout.directory), await openLayoutDirectory(layout.directory)];
    const subject: Descriptor = { mediaType: OCI_MANIFEST, digest: digestOf(noise(1, 1)), size: 1 };
    await Promise.all(
      Array.from({ length: 24 }, async (_, i) => {
        const writer = others[i % 3] ?? layout;
        await writer.tag(`t${i}`, await pushImage(writer, i));
        await pushImage(writer, 100 + i, { subject });
      }),
    );
    expect(await collect(layout.tags())).toHaveLength(24);
    expect(await collect(layout.referrers(subject.digest))).toHaveLength(24);
    expect((await readdir(layout.directory)).sort()).toEqual(["blobs", "index.json", "oci-layout"]);
  });
});

describe("uploads", () => {
  test("leave nothing behind, committed, aborted or failed", async () => {
    const layout = await create();
    await pushBlob(layout, noise(10, 1), "");
    await (await layout.begin()).abort();
    const failed = await layout.begin();
    await expect(failed.commit(digestOf(noise(1, 1)))).rejects.toMatchObject({ code: "ERR_OCI_DIGEST_MISMATCH" });
    expect(await readdir(join(layout.directory, "blobs"))).toEqual(["sha256"]);
    expect(await readdir(join(layout.directory, "blobs/sha256"))).toHaveLength(1);
  });

  test("of many bytes are the blob, while the disk is at work on the first of them", async () => {
    const layout = await create();
    const bytes = new Uint8Array(20 * 2 ** 20).fill(7);
    const [whole, given] = [await layout.begin(), await layout.begin()];
    for (let at = 0; at < bytes.length; at += 2 ** 20) await whole.write(bytes.subarray(at, at + 2 ** 20));
    const { digest } = await whole.commit(digestOf(bytes));
    const source = await layout.open({ digest, size: bytes.length });
    expect(Buffer.compare(await source.read(0, bytes.length), bytes)).toBe(0);
    await source.close?.();
    await given.write(bytes);
    await given.abort();
    expect(await readdir(join(layout.directory, "blobs"))).toEqual(["sha256"]);
  });

  test("that another process left are resumed, and swept after a day", async () => {
    const layout = await create();
    const [kept, old] = [await layout.begin(), await layout.begin()];
    for (const upload of [kept, old]) {
      await upload.write(noise(10, 1));
      await upload.suspend();
    }
    const path = join(layout.directory, "blobs", `.socikit-upload-${old.id}`);
    await utimes(path, new Date(0), new Date(0));
    const again = await openLayoutDirectory(layout.directory);
    await (await again.begin()).abort();
    const resumed = await again.resume(kept.id);
    expect(resumed.offset).toBe(10);
    await resumed.abort();
    await expect(again.resume(old.id)).rejects.toMatchObject({ code: "ERR_REGISTRY_UPLOAD_UNKNOWN" });
  });

  test("of a process that was killed are removed by the next writer; those of one that runs, or of another machine, stay", async () => {
    const layout = await create();
    const blobs = join(layout.directory, "blobs");
    const uploads = async (): Promise<readonly string[]> =>
      (await readdir(blobs)).filter((name) => name.startsWith(".socikit-upload-"));
    const running = await layout.begin();
    const [name] = (await uploads()) as [string];
    // Numbers of processes end at 4194304.
    const ofAnother = name.replace(/\.\d+-/, ".4194305-").replace(running.id, "0".repeat(32));
    await writeFile(join(blobs, ofAnother), "killed");
    const elsewhere = ofAnother.replace(/-[0-9a-f]+$/, "-0123456789ab");
    await writeFile(join(blobs, elsewhere), "of another machine");
    await (await (await openLayoutDirectory(layout.directory)).begin()).abort();
    expect((await uploads()).toSorted()).toEqual([name, elsewhere].toSorted());
    await running.write(noise(10, 1));
    await running.commit(digestOf(noise(10, 1)));
    expect(await uploads()).toEqual([elsewhere]);
  });
});
