import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeIndex, hexOf, OCI_INDEX, type Descriptor, type Digest } from "@socikit/oci";
import { afterAll, beforeAll, expect, test } from "vitest";
import { collect, noise, pushBlob, pushImage } from "../testing/store-cases.ts";
import { openLayoutDirectory, type LayoutDirectory } from "./layout-directory.ts";

let root = "";
let count = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "socikit-sweep-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const create = (): Promise<LayoutDirectory> =>
  openLayoutDirectory(join(root, `layout-${++count}`), { create: true, sync: false });
const digestsOf = async (layout: LayoutDirectory): Promise<readonly Digest[]> =>
  (await collect(layout.blobs())).map(({ digest }) => digest);
const pathOf = (layout: LayoutDirectory, { digest }: Pick<Descriptor, "digest">): string =>
  join(layout.directory, "blobs", "sha256", hexOf(digest));
const longAgo = new Date(Date.now() - 48 * 3600 * 1000);

test("sweep() keeps what entries lead to, through indexes, and referrers; the rest goes", async () => {
  const layout = await create();
  const [tagged, child, gone] = [await pushImage(layout, 1), await pushImage(layout, 2), await pushImage(layout, 3)];
  await layout.tag("v1", tagged);
  const index = encodeIndex({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [child] });
  await layout.tag("both", await layout.pushManifest(index, OCI_INDEX));
  await pushImage(layout, 4, { subject: gone, artifactType: "application/x.test" });
  const before = await digestsOf(layout);
  // What refers to it does not keep it.
  await layout.tag("gone", gone);
  await layout.untag("gone");
  const loose = await pushBlob(layout, noise(5000, 5), "");
  const planned = await layout.sweep({ graceMs: 0, dryRun: true });
  expect(await digestsOf(layout)).toHaveLength(before.length + 1);
  const report = await layout.sweep({ graceMs: 0 });
  expect(report).toEqual(planned);
  const removed = report.blobs.map(({ digest }) => digest);
  expect(removed).toContain(loose.digest);
  expect(removed).toContain(gone.digest);
  expect(removed).toHaveLength(4);
  expect(report.blobs.find(({ digest }) => digest === loose.digest)).toMatchObject({ size: 5000 });
  expect(await digestsOf(layout)).toEqual(before.filter((digest) => !removed.includes(digest)));
  await expect(layout.fetchManifest(gone.digest)).rejects.toMatchObject({ code: "ERR_REGISTRY_MANIFEST_UNKNOWN" });
  expect((await layout.sweep({ graceMs: 0 })).blobs).toEqual([]);
});

test("sweep() leaves alone what was written today, unless it is sure", async () => {
  const layout = await create();
  const [old, young] = [await pushBlob(layout, noise(10, 1), ""), await pushBlob(layout, noise(10, 2), "")];
  await utimes(pathOf(layout, old), longAgo, longAgo);
  expect((await layout.sweep()).blobs.map(({ digest }) => digest)).toEqual([old.digest]);
  expect(await digestsOf(layout)).toEqual([young.digest]);
});

test("sweep() removes what killed writers left, and nothing that is someone's", async () => {
  const layout = await create();
  const uuid = "01234567-89ab-cdef-0123-456789abcdef";
  const blobs = join(layout.directory, "blobs");
  const left = [join(layout.directory, `.index.json.${uuid}`), join(blobs, "sha256", `.abc.${uuid}`)];
  for (const path of [...left, join(blobs, ".socikit-upload-00"), join(layout.directory, ".socikit-index.lock.tmp")])
    await writeFile(path, "12345");
  for (const name of ["young", "old"])
    await writeFile(join(layout.directory, `.socikit-${name}.lock.${uuid}`), "12345");
  await utimes(join(layout.directory, `.socikit-old.lock.${uuid}`), longAgo, longAgo);
  await mkdir(join(blobs, "md5"));
  await writeFile(join(blobs, "md5", "x"), "");
  await writeFile(join(blobs, "sha256", "notes"), "");
  const upload = await layout.begin();
  expect((await layout.sweep({ dryRun: true })).leftovers.count).toBe(1);
  await upload.abort();
  expect((await layout.sweep({ graceMs: 0 })).leftovers).toEqual({ count: 4, bytes: 20 });
  expect((await readdir(layout.directory)).sort()).toEqual([
    ".socikit-index.lock.tmp",
    `.socikit-young.lock.${uuid}`,
    "blobs",
    "index.json",
    "oci-layout",
  ]);
  expect((await readdir(blobs)).sort()).toEqual(["md5", "sha256"]);
  expect(await readdir(join(blobs, "sha256"))).toEqual(["notes"]);
});

test("sweep() removes nothing where it cannot know what is needed", async () => {
  const layout = await create();
  const image = await pushImage(layout, 1);
  const loose = await pushBlob(layout, noise(10, 2), "");
  await layout.tag("v1", image);
  const manifest = await readFile(pathOf(layout, image));
  await writeFile(pathOf(layout, image), "{}");
  const again = await openLayoutDirectory(layout.directory);
  await expect(again.sweep({ graceMs: 0 })).rejects.toMatchObject({ code: "ERR_OCI_DIGEST_MISMATCH" });
  await writeFile(pathOf(layout, image), manifest);
  const entries = [image, { mediaType: image.mediaType, digest: "blake3:00", size: 1 }];
  await writeFile(join(layout.directory, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: entries }));
  await expect(layout.sweep({ graceMs: 0 })).rejects.toMatchObject({ code: "ERR_REGISTRY_INVALID_LAYOUT" });
  expect(await digestsOf(layout)).toContain(loose.digest);
  // What is listed and not there leads to nothing.
  await writeFile(
    join(layout.directory, "index.json"),
    JSON.stringify({ schemaVersion: 2, manifests: [image, { ...image, digest: loose.digest.replace(/..$/, "00") }] }),
  );
  expect((await layout.sweep({ graceMs: 0 })).blobs.map(({ digest }) => digest)).toEqual([loose.digest]);
});
