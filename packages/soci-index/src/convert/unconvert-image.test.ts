import {
  decodeManifest,
  digestOf,
  encodeManifest,
  isImageIndex,
  OCI_EMPTY,
  type BlobReader,
  type Descriptor,
  type Digest,
  type ManifestReader,
} from "@socikit/oci";
import { describe, expect, test } from "vitest";
import { goldenBlob, goldenContent, goldenImage, goldenImages } from "../../../../testdata/golden-images.ts";
import { memoPool } from "../testing/memo-pool.ts";
import { memoryTarget } from "../testing/memory-target.ts";
import { convertImage, type ConvertOptions, type ConvertRoot } from "./convert-image.ts";
import { ORIGINALS_TYPE } from "./originals-record.ts";
import { standaloneRoot } from "./standalone-root.ts";
import { unconvertImage } from "./unconvert-image.ts";

const pool = memoPool();
const ALL: ConvertOptions = { platforms: "all", minLayerSize: 0, spanSize: 4_194_304 };
/** Images that cannot be converted. */
const BAD = new Set(["i15", "i17", "i18", "i19", "i22", "i23"]);
const GOOD = goldenImages.map(({ name }) => name.slice(0, 3)).filter((name) => !BAD.has(name));
/** Images whose manifests say or are written what converting loses for good, and no tool writes so. */
const LOST: ReadonlyMap<string, string> = new Map([
  ["i07", "members that no standard names"],
  ["i10", "manifests of an index in the index"],
  ["i20", "that the index did not say a platform"],
  ["i24", "an order of members of its own"],
]);
/** Of these the style is nobody's: it is recognised, but not looked for. */
const ODD = new Set(["i25"]);

async function rootOf(
  name: string,
): Promise<{ readonly content: ManifestReader & BlobReader; readonly root: ConvertRoot }> {
  const image = goldenImage(name);
  const content = goldenContent(image);
  return { content, root: await standaloneRoot(content, { index: new TextEncoder().encode(image.index) }) };
}

async function converted(name: string, options: ConvertOptions = {}) {
  const { content, root } = await rootOf(name);
  const target = memoryTarget();
  const result = await convertImage({ image: content, target, pool }, root, { ...ALL, ...options });
  return { target, result, root };
}

/** Conversions that several tests look at and none changes. */
const conversions = new Map<string, ReturnType<typeof converted>>();
function convertedOnce(name: string): ReturnType<typeof converted> {
  const found = conversions.get(name) ?? converted(name);
  conversions.set(name, found);
  return found;
}

/** The bytes that a root had. */
const bytesOf = ({ descriptor, bytes }: ConvertRoot): Uint8Array => bytes ?? goldenBlob(descriptor.digest);

test("there are 19 images to go back to", () => {
  expect([GOOD.length, BAD.size]).toEqual([19, 6]);
});

describe("unconvertImage() gives back what the record holds, whatever it was", () => {
  test.each(GOOD)("%s", async (name) => {
    const { target, result, root } = await converted(name, { keepOriginals: true });
    const plain = await convertedOnce(name);
    // The converted image is the same, and the record refers to it.
    expect(result.image).toEqual(plain.result.image);
    expect(result.originals).toMatchObject({ artifactType: ORIGINALS_TYPE });
    // Registries that list referrers by the type of their config list it as what it is.
    const record = JSON.parse(new TextDecoder().decode(target.manifests.get(result.originals!.digest))) as unknown;
    expect(record).toMatchObject({ artifactType: ORIGINALS_TYPE, config: { mediaType: ORIGINALS_TYPE, size: 2 } });
    const unconverting = unconvertImage({ image: target, target }, result.image.digest, { tag: "back" });
    if (name === "i10") {
      // One manifest was lost, and its layers were not copied.
      await expect(unconverting).rejects.toMatchObject({ notFound: true });
      expect(target.tags.has("back")).toBe(false);
      return;
    }
    const { image, via, manifests } = await unconverting;
    expect([image.digest, via]).toEqual([root.descriptor.digest, "record"]);
    expect(target.manifests.get(image.digest)).toEqual(bytesOf(root));
    expect(target.tags.get("back")).toBe(image.digest);
    expect(manifests).toEqual(result.manifests.map(({ from, to }) => ({ from: to, to: from })));
  });
});

describe("unconvertImage() makes up what the caller knows the digest of", () => {
  test.each(GOOD)("%s", async (name) => {
    const { target, result, root } = await convertedOnce(name);
    const empty = memoryTarget();
    const unconverting = unconvertImage({ image: target, target: empty }, result.image.digest, {
      originals: [root.descriptor.digest],
    });
    const lost = LOST.get(name);
    if (lost !== undefined) {
      await expect(unconverting, lost).rejects.toMatchObject({ code: "ERR_SOCI_ORIGINAL_UNKNOWN" });
      expect(empty.log).toEqual([]);
      return;
    }
    const { image, via } = await unconverting;
    expect([image.digest, via]).toEqual([root.descriptor.digest, "digest"]);
    expect(empty.manifests.get(image.digest)).toEqual(bytesOf(root));
    for (const bytes of empty.manifests.values()) {
      const manifest = decodeManifest(bytes);
      const named = isImageIndex(manifest) ? manifest.manifests : [manifest.config, ...manifest.layers];
      for (const { digest } of named) expect(empty.blobs.has(digest) || empty.manifests.has(digest)).toBe(true);
    }
  });
});

describe("unconvertImage() finds what a place still holds", () => {
  test.each(GOOD)("%s", async (name) => {
    const place = memoryTarget();
    const blobs = goldenImage(name).blobs.map((digest) => ({ digest, bytes: goldenBlob(digest) }));
    for (const { digest, bytes } of blobs) place.blobs.set(digest, bytes);
    // An index goes after what it names; of a layout that is not whole, what can be had.
    const manifests = blobs.filter(({ bytes }) =>
      /"schemaVersion"/.test(new TextDecoder().decode(bytes.slice(0, 100))),
    );
    const isIndex = (bytes: Uint8Array): boolean => isImageIndex(decodeManifest(bytes));
    for (const wanted of [false, true])
      for (const { bytes } of manifests) {
        const type = decodeManifest(bytes).mediaType ?? "application/vnd.oci.image.manifest.v1+json";
        if (isIndex(bytes) === wanted) await place.pushManifest(bytes, type).catch(() => undefined);
      }
    const { target: image, result, root } = await convertedOnce(name);
    const unconverting = unconvertImage({ image, target: memoryTarget(), places: [place] }, result.image.digest);
    // The list that was made of a flat layout is nowhere.
    if (LOST.has(name) || ODD.has(name) || root.bytes !== undefined) {
      await expect(unconverting).rejects.toMatchObject({ code: "ERR_SOCI_ORIGINAL_UNKNOWN" });
      return;
    }
    expect((await unconverting).image.digest).toBe(root.descriptor.digest);
  });
});

test("unconvertImage() gives back nothing that nobody knows", async () => {
  for (const name of ["i01", "i04"]) {
    const { target, result } = await convertedOnce(name);
    const empty = memoryTarget();
    const unconverting = unconvertImage({ image: target, target: empty }, result.image.digest, { tag: "back" });
    await expect(unconverting).rejects.toMatchObject({
      code: "ERR_SOCI_ORIGINAL_UNKNOWN",
      message: expect.stringContaining(result.image.digest),
    });
    expect(empty.log).toEqual([]);
  }
});

test("unconvertImage() refuses what was not converted", async () => {
  const image = goldenContent(goldenImage("i04"));
  await expect(unconvertImage({ image, target: memoryTarget() }, "latest")).rejects.toMatchObject({
    code: "ERR_SOCI_NOT_CONVERTED",
  });
  await expect(unconvertImage({ image, target: memoryTarget() }, "latest", { tag: "a b" })).rejects.toBeInstanceOf(
    TypeError,
  );
});

test("unconvertImage() knows a manifest by what refers to it", async () => {
  const { target, result, root } = await convertedOnce("i03");
  const config: Descriptor = { mediaType: OCI_EMPTY, digest: digestOf(new TextEncoder().encode("{}")), size: 2 };
  const signature = encodeManifest({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    artifactType: "application/vnd.example.signature",
    config,
    layers: [],
    subject: { mediaType: root.descriptor.mediaType, digest: root.descriptor.digest, size: root.descriptor.size },
  });
  const place = memoryTarget();
  place.blobs.set(config.digest, new TextEncoder().encode("{}"));
  await place.pushManifest(signature, "application/vnd.oci.image.manifest.v1+json");
  const { image, via } = await unconvertImage(
    { image: target, target: memoryTarget(), places: [place] },
    result.image.digest,
  );
  expect([image.digest, via]).toEqual([root.descriptor.digest, "digest"]);
});

test("unconvertImage() goes back through several conversions to what was there first", async () => {
  const first = await converted("i04", {
    keepOriginals: true,
    platforms: [{ os: "linux", architecture: "amd64" }],
    tag: "1",
  });
  const { target, root } = first;
  const second = await convertImage({ image: target, target, pool }, "1", {
    ...ALL,
    platforms: [{ os: "linux", architecture: "arm64" }],
    keepOriginals: true,
  });
  const { image, manifests } = await unconvertImage({ image: target, target }, second.image.digest);
  expect(image.digest).toBe(root.descriptor.digest);
  expect(manifests.map(({ to }) => to.digest)).toEqual(first.result.manifests.map(({ from }) => from.digest));
});

test("unconvertImage() believes no record of something else", async () => {
  const { target, result } = await converted("i01", { keepOriginals: true });
  const other = await converted("i03", { keepOriginals: true });
  const record = decodeManifest(other.target.manifests.get(other.result.originals!.digest)!);
  if (isImageIndex(record)) throw new Error("it is an index");
  for (const [digest, bytes] of other.target.blobs) target.blobs.set(digest, bytes);
  // The record of another image, which says that it is one of this.
  const forged = encodeManifest({ ...record, subject: result.image });
  target.manifests.delete(result.originals!.digest);
  await target.pushManifest(forged, "application/vnd.oci.image.manifest.v1+json");
  await expect(unconvertImage({ image: target, target }, result.image.digest)).rejects.toMatchObject({
    code: "ERR_SOCI_ORIGINAL_UNKNOWN",
  });
});

test("unconvertImage() gives attestations back that were kept, and of the manifests that they were of", async () => {
  const { target, result, root } = await converted("i04", { keepAttestations: true });
  const { image } = await unconvertImage({ image: target, target }, result.image.digest, {
    originals: [root.descriptor.digest as Digest],
  });
  expect(image.digest).toBe(root.descriptor.digest);
});
