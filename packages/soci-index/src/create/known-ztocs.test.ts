import {
  decodeManifest,
  digestOf,
  encodeManifest,
  type Descriptor,
  type Digest,
  type ImageManifest,
} from "@socikit/oci";
import { decodeZinfo, decodeZtoc, encodeZinfo, encodeZtoc, type Ztoc } from "@socikit/ztoc";
import { expect, test } from "vitest";
import { goldenContent, goldenEntries, goldenImage } from "../../../../testdata/golden-images.ts";
import { SOCI_LAYER_DIGEST } from "../annotations.ts";
import { decodeSociIndex, encodeSociIndex, type SociIndex } from "../soci-index.ts";
import { memoryTarget, type MemoryTarget } from "../testing/memory-target.ts";
import { createIndex } from "./create-index.ts";
import { indexSettings } from "./index-settings.ts";
import { KnownZtocs } from "./known-ztocs.ts";

const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const OPTIONS = { spanSize: 65_536, minLayerSize: 0, optimizations: ["xattr"] as const };

/** A target with the v1 index of an image whose only layer has two gzip members. */
async function indexed() {
  const target = memoryTarget();
  const content = goldenContent(goldenImage("i09"));
  const { indexes } = await createIndex(
    { image: content, target },
    goldenEntries(goldenImage("i09"))[0]!.digest,
    OPTIONS,
  );
  const { manifest: descriptor, index, layers } = indexes[0]!;
  const manifest = decodeManifest((await content.fetchManifest(descriptor)).bytes) as ImageManifest;
  const [layer] = manifest.layers;
  return { target, image: { descriptor, manifest }, index, layer: layer!, ztoc: layers[0]!.ztoc! };
}

async function find(
  target: Partial<MemoryTarget>,
  { image, layer }: Pick<Awaited<ReturnType<typeof indexed>>, "image" | "layer">,
  options: Parameters<typeof indexSettings>[0] = {},
) {
  const known = await KnownZtocs.gather(target, { images: [image] }, indexSettings({ ...OPTIONS, ...options }), {});
  return known.find({ layer, compression: "gzip" }, {});
}

/** Puts another zTOC in the place of the one that the index names. */
async function replace(made: Awaited<ReturnType<typeof indexed>>, change: (ztoc: Ztoc) => Ztoc): Promise<Digest> {
  const { target, index, ztoc } = made;
  const bytes = encodeZtoc(change(decodeZtoc(target.blobs.get(ztoc.digest)!)));
  const digest = digestOf(bytes);
  target.blobs.set(digest, bytes);
  const old = decodeSociIndex(target.manifests.get(index.digest)!);
  const blobs = old.blobs.map((blob): Descriptor =>
    blob.digest === ztoc.digest ? { ...blob, digest, size: bytes.length } : blob,
  );
  target.manifests.delete(index.digest);
  await target.pushManifest(encodeSociIndex({ ...old, blobs }), OCI_MANIFEST);
  return digest;
}

test("KnownZtocs finds the zTOC that is there, and whether mounts have to look for extended attributes", async () => {
  const made = await indexed();
  expect(await find(made.target, made)).toMatchObject({
    ztoc: made.ztoc,
    needsXattrs: false,
    reused: true,
    content: undefined,
  });
  const kept = await find(made.target, made, { prefetch: { paths: ["x"] } });
  expect(kept?.content?.ztoc.toc.length).toBeGreaterThan(0);
});

test("KnownZtocs finds what a list of referrers has before it fails", async () => {
  const made = await indexed();
  const target: MemoryTarget = {
    ...made.target,
    async *referrers(...args) {
      yield* made.target.referrers(...args);
      throw Object.assign(new Error("403"), { code: "ERR_REGISTRY_DENIED" });
    },
  };
  expect(await find(target, made)).toMatchObject({ ztoc: made.ztoc, reused: true });
});

test("KnownZtocs takes a zTOC that is the one that would be built", async () => {
  const made = await indexed();
  // What the cases below change, changed to what it is.
  const digest = await replace(made, (ztoc) => {
    const zinfo = encodeZinfo(decodeZinfo(ztoc.compression.zinfo));
    return { ...ztoc, compression: { ...ztoc.compression, zinfo } };
  });
  expect((await find(made.target, made))?.ztoc.digest).toBe(digest);
});

test.for<[string, (ztoc: Ztoc) => Ztoc]>([
  ["another tool built", (ztoc) => ({ ...ztoc, buildToolIdentifier: "another" })],
  ["is of a layer of another size", (ztoc) => ({ ...ztoc, compressedArchiveSize: ztoc.compressedArchiveSize + 1 })],
  ["is of another version", (ztoc) => ({ ...ztoc, version: "1.0" })],
  [
    "has other spans than its index says",
    (ztoc) => {
      const zinfo = encodeZinfo({ ...decodeZinfo(ztoc.compression.zinfo), spanSize: 1 });
      return { ...ztoc, compression: { ...ztoc.compression, zinfo } };
    },
  ],
  [
    // As the reference built them before v0.14.
    "has no checkpoint after the first gzip member",
    (ztoc) => {
      const { compression } = ztoc;
      const all = decodeZinfo(compression.zinfo);
      const [first] = all.checkpoints;
      const zinfo = encodeZinfo({ ...all, checkpoints: [first!] as unknown as typeof all.checkpoints });
      return {
        ...ztoc,
        compression: { ...compression, zinfo, maxSpanId: 0, spanDigests: compression.spanDigests.slice(0, 1) },
      };
    },
  ],
])("KnownZtocs takes no zTOC that %s", async ([, change]) => {
  const made = await indexed();
  await replace(made, change);
  expect(await find(made.target, made)).toBeUndefined();
});

test.for<[string, (made: Awaited<ReturnType<typeof indexed>>) => Partial<MemoryTarget>]>([
  ["cannot be read", ({ target: { stat } }) => ({ stat })],
  ["lists no referrers", ({ target }) => ({ ...target, referrers: undefined as never })],
  [
    "fails to list referrers",
    ({ target }) => ({
      ...target,
      // oxlint-disable-next-line require-yield
      async *referrers() {
        throw new Error("404 page not found");
      },
    }),
  ],
  [
    "lists what is not there",
    ({ target, index }) => {
      target.manifests.delete(index.digest);
      return {
        ...target,
        async *referrers() {
          yield index;
        },
      };
    },
  ],
  [
    "lacks the zTOC",
    ({ target, ztoc }) => {
      target.blobs.delete(ztoc.digest);
      return target;
    },
  ],
  [
    "has a damaged one",
    ({ target, ztoc }) => {
      target.blobs.get(ztoc.digest)!.fill(0);
      return target;
    },
  ],
])("KnownZtocs finds none, and does not fail, where the target %s", async ([, make]) => {
  const made = await indexed();
  expect(await find(make(made), made)).toBeUndefined();
});

test("KnownZtocs finds none of another span size, and looks at an index that does not say", async () => {
  const made = await indexed();
  expect(await find(made.target, made, { spanSize: 131_072 })).toBeUndefined();
  const old: SociIndex = decodeSociIndex(made.target.manifests.get(made.index.digest)!);
  // As before v0.12 of the reference.
  const blobs = old.blobs.map((blob) => ({
    ...blob,
    annotations: { [SOCI_LAYER_DIGEST]: blob.annotations![SOCI_LAYER_DIGEST]! },
  }));
  made.target.manifests.delete(made.index.digest);
  await made.target.pushManifest(encodeSociIndex({ ...old, blobs }), OCI_MANIFEST);
  expect((await find(made.target, made))?.ztoc.digest).toBe(made.ztoc.digest);
  expect(await find(made.target, made, { spanSize: 131_072 })).toBeUndefined();
});

test("KnownZtocs gives up when told to", async () => {
  const made = await indexed();
  const reason = new Error("enough");
  const signal = AbortSignal.abort(reason);
  const settings = indexSettings(OPTIONS);
  const failing: Partial<MemoryTarget> = { ...made.target, fetchManifest: async () => Promise.reject(reason) };
  await expect(KnownZtocs.gather(failing, { images: [made.image] }, settings, { signal })).rejects.toBe(reason);
});

test("KnownZtocs takes the index that an image names", async () => {
  const made = await indexed();
  const v2 = encodeSociIndex({
    ...decodeSociIndex(made.target.manifests.get(made.index.digest)!),
    version: "v2",
    subject: undefined as never,
  });
  const { digest } = await made.target.pushManifest(v2, OCI_MANIFEST);
  made.target.manifests.delete(made.index.digest);
  const manifest: ImageManifest = { ...made.image.manifest, annotations: { "com.amazon.soci.index-digest": digest } };
  const bytes = encodeManifest(manifest);
  const image = { descriptor: { mediaType: OCI_MANIFEST, digest: digestOf(bytes), size: bytes.length }, manifest };
  expect((await find(made.target, { ...made, image }))?.ztoc.digest).toBe(made.ztoc.digest);
});
