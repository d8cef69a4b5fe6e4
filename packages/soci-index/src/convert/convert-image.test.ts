import {
  blobSource,
  bytesSource,
  decodeManifest,
  digestOf,
  encodeGoJson,
  encodeIndex,
  encodeManifest,
  isImageIndex,
  type BlobReader,
  type BlobSource,
  type Descriptor,
  type Digest,
  type GoJson,
  type ImageIndex,
  type ImageManifest,
  type ManifestReader,
  type Platform,
} from "@socikit/oci";
import { describe, expect, test } from "vitest";
import { goldenBlob, goldenContent, goldenEntries, goldenImage } from "../../../../testdata/golden-images.ts";
import { SOCI_INDEX_DIGEST, SOCI_MANIFEST_DIGEST } from "../annotations.ts";
import { createIndex } from "../create/create-index.ts";
import { SOCI_INDEX_V2 } from "../media-types.ts";
import { decodeSociIndex } from "../soci-index.ts";
import { convertRuns } from "../testing/golden-runs.ts";
import { memoPool } from "../testing/memo-pool.ts";
import { memoryTarget, type MemoryTarget } from "../testing/memory-target.ts";
import type { ConvertEvent } from "./convert-event.ts";
import { convertImage, type ConvertOptions } from "./convert-image.ts";

type Source = ManifestReader & BlobReader;

const AMD64: Platform = { os: "linux", architecture: "amd64" };
const ARM64: Platform = { os: "linux", architecture: "arm64" };
/** Most tests are of the same few layers. */
const pool = memoPool();
const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
const OCI_CONFIG = "application/vnd.oci.image.config.v1+json";
const GZIP = "application/vnd.oci.image.layer.v1.tar+gzip";
const SMALL: ConvertOptions = { spanSize: 65_536, minLayerSize: 0, hostPlatform: AMD64 };
/** Layers of the golden images: 31,687, 23,866 and 122 bytes. */
const LAYER = "sha256:842bb2e2c77c47c26f104d56426104577852ff60dccacf555a409f4d2d5ac183" as Digest;
const OTHER = "sha256:deafc8b10c2d0fd4e17658170da23fdf8c0e037b4bcfa10bfc701b9e944c1f02" as Digest;
const TINY = "sha256:cddcedfba3a73531e627ea57ccfb711b18a9082205d05ac2450da65ade063951" as Digest;

/** A source that says what of it is read. */
function counting(source: Source): { readonly source: Source; readonly streamed: Digest[]; readonly opened: Digest[] } {
  const streamed: Digest[] = [];
  const opened: Digest[] = [];
  const counted: Source = {
    resolve: (name, options) => source.resolve(name, options),
    fetchManifest: (target, options) => source.fetchManifest(target, options),
    stat: (digest, options) => source.stat(digest, options),
    open(blob, options) {
      opened.push(blob.digest);
      return source.open(blob, options);
    },
    stream(blob, options) {
      streamed.push(blob.digest);
      return source.stream(blob, options);
    },
  };
  return { source: counted, streamed, opened };
}

const golden = (name: string): Source => goldenContent(goldenImage(name));
const rootOf = (name: string): Digest => goldenEntries(goldenImage(name))[0]!.digest;
const layersOf = (name: string): readonly Digest[] =>
  goldenImage(name).blobs.filter((digest) => !/^\s*\{/.test(new TextDecoder().decode(goldenBlob(digest).slice(0, 9))));
const indexIn = (target: MemoryTarget, digest: Digest): ImageIndex => {
  const index = decodeManifest(target.manifests.get(digest)!);
  if (!isImageIndex(index)) throw new Error("it is no index");
  return index;
};

/** Images made here: what is put in is found by its digest. */
function handmade() {
  const store = memoryTarget();
  for (const layer of [LAYER, OTHER, TINY]) store.blobs.set(layer, goldenBlob(layer));
  const blob = (mediaType: string, bytes: Uint8Array): Descriptor => {
    const digest = digestOf(bytes);
    store.blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const json = (mediaType: string, value: GoJson): Descriptor => blob(mediaType, encodeGoJson(value));
  const layer = (digest: Digest, mediaType = GZIP): Descriptor => ({
    mediaType,
    digest,
    size: goldenBlob(digest).length,
  });
  const push = async (document: ImageManifest | ImageIndex): Promise<Descriptor> => {
    const isIndex = isImageIndex(document);
    const bytes = isIndex ? encodeIndex(document) : encodeManifest(document);
    const { mediaType, digest, size } = await store.pushManifest(bytes, isIndex ? OCI_INDEX : OCI_MANIFEST);
    return { mediaType, digest, size };
  };
  const image = (
    platform: Platform,
    layers: readonly Descriptor[],
    more: Partial<ImageManifest> = {},
  ): Promise<Descriptor> =>
    push({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: json(OCI_CONFIG, {
        architecture: platform.architecture,
        os: platform.os,
        rootfs: { type: "layers", diff_ids: [] },
      }),
      layers,
      ...more,
    });
  const index = (manifests: readonly Descriptor[], more: Partial<ImageIndex> = {}): Promise<Descriptor> =>
    push({ schemaVersion: 2, mediaType: OCI_INDEX, manifests, ...more });
  return { store, blob, json, layer, push, image, index };
}

test("convertImage() refuses an image that would be too large as Go writes it, and a config that is, before it reads a layer", async () => {
  const { store, image, blob, layer } = handmade();
  const attempt = async (root: Descriptor): Promise<{ readonly message: unknown; readonly target: MemoryTarget }> => {
    const { source, streamed, opened } = counting(store);
    const target = memoryTarget();
    const failing = convertImage({ image: source, target }, root.digest, SMALL);
    const message = await failing.then(
      () => undefined,
      (error: unknown) => [(error as { code: string }).code, (error as Error).message],
    );
    expect([...streamed, ...opened]).not.toContain(LAYER);
    return { message, target };
  };
  // As other tools than Go's may write it: each of these is six characters in Go's JSON.
  const { digest } = await image(AMD64, [layer(LAYER)]);
  const document = JSON.parse(new TextDecoder().decode(store.manifests.get(digest))) as object;
  const annotations = { note: "<".repeat(700_000) };
  const text = new TextEncoder().encode(JSON.stringify({ ...document, annotations }));
  const root = await store.pushManifest(text, OCI_MANIFEST);
  const grown = await attempt(root);
  const told = new RegExp(
    `^Cannot convert image: manifest ${root.digest} would have 4200\\d+ bytes, written as Go writes it`,
  );
  expect(grown.message).toEqual(["ERR_OCI_TOO_LARGE", expect.stringMatching(told)]);
  expect(grown.target.log).toEqual([]);
  const config = blob(OCI_CONFIG, new Uint8Array(4 * 1024 * 1024 + 1).fill(0x20));
  const large = await attempt(await image(AMD64, [layer(LAYER)], { config }));
  expect(large.message).toEqual([
    "ERR_OCI_TOO_LARGE",
    `Cannot read config ${config.digest}: its 4194305 bytes are more than 4194304`,
  ]);
});

test("convertImage() reads each layer once for its copy and its zTOC, and writes the tag last", async () => {
  const { source, streamed, opened } = counting(golden("i04"));
  const target = memoryTarget();
  const events: ConvertEvent[] = [];
  const { image } = await convertImage({ image: source, target }, "latest", {
    ...SMALL,
    platforms: "all",
    tag: "soci",
    onEvent: (event) => void events.push(event),
  });
  expect(image).toEqual(convertRuns[6]!.index);
  const layers = layersOf("i04");
  expect(layers.length).toBe(4);
  for (const layer of layers)
    expect(
      [...streamed, ...opened].filter((digest) => digest === layer),
      layer,
    ).toHaveLength(1);
  expect(target.log.slice(-2)).toEqual([`manifest ${image.digest}`, "tag soci"]);
  const isBlob = target.log.map((line) => line.startsWith("blob "));
  expect(isBlob.lastIndexOf(true)).toBeLessThan(isBlob.indexOf(false));
  expect(target.tags.get("soci")).toBe(image.digest);
  // Told of: each layer's beginning, end and zTOC; each manifest, old and new; the tag.
  const count = (type: ConvertEvent["type"]): number => events.filter((event) => event.type === type).length;
  expect([count("layer-started"), count("layer-indexed"), count("ztoc-pushed")]).toEqual([4, 4, 4]);
  expect([count("index-pushed"), count("manifest-converted"), count("tagged")]).toEqual([3, 4, 1]);
  expect(count("blob-copied")).toBe(4 + 4 + 1);
  // Of a layer that is read once for both, its copy has no beginning of its own.
  expect(count("blob-started")).toBe(4 + 1);
  for (const layer of layers) {
    const sent = events.findLast((event) => event.type === "blob-progress" && event.digest === layer);
    const read = events.findLast((event) => event.type === "layer-progress" && event.layer === layer);
    expect([sent, read]).toMatchObject([
      { bytes: (sent as { size: number }).size },
      { bytes: (sent as { size: number }).size, uncompressed: expect.any(Number) },
    ]);
  }
  expect(events.every(({ v }) => v === 1)).toBe(true);
});

test("convertImage() says which manifest took the place of which", async () => {
  const target = memoryTarget();
  const { source, manifests, platforms } = await convertImage({ pool, image: golden("i04"), target }, "latest", SMALL);
  expect(source.digest).toBe(rootOf("i04"));
  const old = decodeManifest((await golden("i04").fetchManifest("latest")).bytes) as ImageIndex;
  expect(manifests.map(({ from }) => from.digest)).toEqual(old.manifests.map(({ digest }) => digest));
  const [amd64, arm64, arm, attestation] = manifests;
  expect(amd64!.to.digest).not.toBe(amd64!.from.digest);
  expect(amd64!.index).toEqual(platforms[0]!.index);
  expect(platforms[0]!.manifest).toEqual(amd64!.to);
  // Not asked for, and in the reference's form already.
  expect([arm64!.to.digest, arm!.to.digest]).toEqual([arm64!.from.digest, arm!.from.digest]);
  expect(arm64!.platform).toEqual({ ...ARM64, variant: "v8" });
  // Written anew, in the reference's form.
  expect(attestation!.to.size).toBeLessThan(attestation!.from.size);
});

test("convertImage() in the place where the image is copies nothing", async () => {
  const target = memoryTarget();
  for (const digest of goldenImage("i01").blobs) target.blobs.set(digest, goldenBlob(digest));
  const { bytes, descriptor } = await golden("i01").fetchManifest("latest");
  await target.tag("latest", await target.pushManifest(bytes, descriptor.mediaType));
  target.log.length = 0;
  const { image } = await convertImage({ pool, image: target, target }, "latest", { ...SMALL, tag: "latest" });
  expect(image).toEqual(convertRuns[0]!.index);
  const made = new Set(Object.keys(convertRuns[0]!.newBlobs!));
  for (const line of target.log) expect(line === "tag latest" || made.has(line.split(" ")[1]!), line).toBe(true);
});

test("convertImage() mounts what another repository of the registry has, and reads it for the zTOC alone", async () => {
  const { source, streamed, opened } = counting(golden("i01"));
  const target = memoryTarget();
  const [first, ...others] = layersOf("i01");
  target.elsewhere.set("library/app", new Map([[first!, goldenBlob(first!)]]));
  const reasons: string[] = [];
  const { image } = await convertImage({ pool, image: source, target }, "latest", {
    ...SMALL,
    mountFrom: "library/app",
    onEvent: (event) => void (event.type === "blob-skipped" && reasons.push(`${event.reason} ${event.digest}`)),
  });
  expect(image).toEqual(convertRuns[0]!.index);
  expect(reasons).toEqual([`mounted ${first}`]);
  expect(target.log).toContain(`mount ${first}`);
  expect([...streamed, ...opened].filter((digest) => digest === first)).toHaveLength(1);
  expect(target.log.filter((line) => others.some((other) => line === `blob ${other}`))).toHaveLength(2);
});

describe("convertImage() uses zTOCs again that the target has", () => {
  const convertAgain = async (target: MemoryTarget, options: ConvertOptions) => {
    const { source, streamed, opened } = counting(golden("i04"));
    const { image, platforms } = await convertImage({ pool, image: source, target }, "latest", {
      ...SMALL,
      platforms: "all",
      ...options,
    });
    const layers = new Set(layersOf("i04"));
    const read = [...streamed, ...opened].filter((digest) => layers.has(digest));
    return { image, read, reused: platforms.flatMap(({ layers: all }) => all.map(({ reused }) => reused)) };
  };

  test.for<[string, (target: MemoryTarget) => Promise<unknown>, ConvertOptions]>([
    [
      "from the conversion that has the tag",
      (target) =>
        convertImage({ pool, image: golden("i04"), target }, "latest", { ...SMALL, platforms: "all", tag: "soci" }),
      { tag: "soci" },
    ],
    [
      "from v1 indexes that refer to the images",
      async (target) => {
        await createIndex({ image: golden("i04"), target }, "latest", { ...SMALL, platforms: "all" });
        for (const digest of layersOf("i04")) target.blobs.set(digest, goldenBlob(digest));
      },
      {},
    ],
  ])("%s", async ([, prepare, options]) => {
    const target = memoryTarget();
    await prepare(target);
    const { image, read, reused } = await convertAgain(target, options);
    expect(image).toEqual(convertRuns[6]!.index);
    expect(read).toEqual([]);
    expect(reused).toEqual([true, true, true, true, true]);
  });

  test("from the SOCI indexes of an image that is converted already", async () => {
    const target = memoryTarget();
    await convertImage({ pool, image: golden("i04"), target }, "latest", { ...SMALL, platforms: "all", tag: "soci" });
    const { source, streamed, opened } = counting(target);
    target.log.length = 0;
    const { image } = await convertImage({ pool, image: source, target }, "soci", { ...SMALL, platforms: "all" });
    expect(image).toEqual(convertRuns[6]!.index);
    expect([streamed, opened]).toEqual([[], []]);
    expect(target.log.filter((line) => line.startsWith("blob "))).toEqual([]);
  });

  test.for<[string, ConvertOptions]>([
    ["with force", { force: true }],
    ["of another span size", { spanSize: 131_072 }],
    ["of another tool", { buildToolIdentifier: "another" }],
  ])("but not %s", async ([, options]) => {
    const target = memoryTarget();
    await convertImage({ pool, image: golden("i04"), target }, "latest", { ...SMALL, platforms: "all", tag: "soci" });
    const { image, read, reused } = await convertAgain(target, { tag: "soci", ...options });
    const fresh = await convertImage({ pool, image: golden("i04"), target: memoryTarget() }, "latest", {
      ...SMALL,
      platforms: "all",
      ...options,
    });
    expect(image).toEqual(fresh.image);
    expect(read).toHaveLength(4);
    expect(reused).toEqual(Array(5).fill(false));
  });

  test("says so of each layer as the reference does: once more for a platform that shares it, not with force", async () => {
    const lines = async (force: boolean) => {
      const { platforms } = await convertImage({ pool, image: golden("i04"), target: memoryTarget() }, "latest", {
        ...SMALL,
        platforms: "all",
        force,
      });
      return platforms.flatMap(({ layers }) => layers.map(({ shared }) => shared));
    };
    expect(await lines(false)).toEqual([false, false, true, false, false]);
    expect(await lines(true)).toEqual(Array(5).fill(false));
  });

  test("and builds those that are damaged, not of the layer, or end after its first gzip member", async () => {
    const target = memoryTarget();
    const multi = golden("i09");
    const { platforms } = await convertImage({ pool, image: multi, target }, rootOf("i09"), { ...SMALL, tag: "soci" });
    const [layer] = platforms[0]!.layers;
    const good = target.blobs.get(layer!.ztoc!.digest)!;
    const index = decodeSociIndex(target.manifests.get(platforms[0]!.index.digest)!);
    const tiny = (await convertImage({ pool, image: golden("i01"), target: memoryTarget() }, "latest", SMALL))
      .platforms[0]!;
    for (const bytes of [good.slice(0, -1), new Uint8Array(100), goldenBlob(tiny.layers[0]!.layer.digest)]) {
      // Under the digest that the index names: what comes does not fit it.
      target.blobs.set(layer!.ztoc!.digest, bytes);
      const again = await convertImage({ pool, image: multi, target }, rootOf("i09"), { ...SMALL, tag: "soci" });
      expect(again.image).toEqual(convertRuns[16]!.index);
      expect(again.platforms[0]!.layers[0]!.reused).toBe(false);
    }
    expect(index.blobs.length).toBe(platforms[0]!.layers.length);
  });
});

describe("convertImage() that is stopped", () => {
  test("at any event leaves the tag as it was, no open upload, and a second run that ends as an undisturbed one", async () => {
    const run = convertRuns[6]!;
    const options: ConvertOptions = { ...SMALL, platforms: "all", tag: "soci" };
    const all: string[] = [];
    await convertImage({ pool, image: golden("i04"), target: memoryTarget() }, "latest", {
      ...options,
      onEvent: ({ type }) => void all.push(type),
    });
    for (let stop = 0; stop < all.length - 1; stop += 4) {
      const target = memoryTarget();
      const abort = new AbortController();
      const reason = new Error(`stopped at ${stop}`);
      let count = 0;
      const onEvent = (): void => void (count++ === stop && abort.abort(reason));
      const converting = convertImage({ pool, image: golden("i04"), target }, "latest", {
        ...options,
        signal: abort.signal,
        onEvent,
      });
      await expect(converting).rejects.toBe(reason);
      expect([target.tags.size, target.uploads.size]).toEqual([0, 0]);
      if (stop % 16 !== 0) continue;
      const { image } = await convertImage({ pool, image: golden("i04"), target }, "latest", options);
      expect(image).toEqual(run.index);
      expect(target.tags.get("soci")).toBe(image.digest);
    }
  });

  test("by an upload that fails throws it away", async () => {
    const target = memoryTarget();
    const full: typeof target = {
      ...target,
      begin: async (options) => ({
        ...(await target.begin(options)),
        write: async () => Promise.reject(new Error("disk full")),
      }),
    };
    await expect(convertImage({ image: golden("i01"), target: full }, "latest", SMALL)).rejects.toThrow("disk full");
    expect([target.manifests.size, target.uploads.size]).toEqual([0, 0]);
  });
});

test.for<[string, number]>([
  ["breaks at once", 0],
  ["breaks on its way", 2],
])("convertImage() goes on indexing when the upload of a layer %s, and sends it afterwards", async ([, after]) => {
  const { source, streamed, opened } = counting(golden("i01"));
  const target = memoryTarget();
  const broken = new Set<string>();
  const shaky: typeof target = {
    ...target,
    async begin(options) {
      const upload = await target.begin(options);
      const digest = options?.expect?.digest ?? "";
      const isShaky =
        (options?.expect?.size ?? 0) > 100_000 && !broken.has(digest) && layersOf("i01").includes(digest as Digest);
      let writes = 0;
      return {
        id: upload.id,
        get offset() {
          return upload.offset;
        },
        async write(bytes, write) {
          if (isShaky && writes++ >= after) {
            broken.add(digest);
            throw Object.assign(new Error("connection lost"), { retryable: true });
          }
          await upload.write(bytes, write);
        },
        commit: (digestOfAll, commit) => upload.commit(digestOfAll, commit),
        suspend: () => upload.suspend(),
        abort: () => upload.abort(),
      };
    },
  };
  const inPieces: Source = {
    ...source,
    // As a registry's, whose layers are streamed.
    open: async (blob, options) => {
      const { readInto: _, ...far } = await source.open(blob, options);
      return far;
    },
    async stream(blob, options) {
      const whole = await source.stream(blob, options);
      return whole.pipeThrough(
        new TransformStream<Uint8Array, Uint8Array>({
          transform(chunk, controller) {
            for (let at = 0; at < chunk.length; at += 65_536) controller.enqueue(chunk.subarray(at, at + 65_536));
          },
        }),
      );
    },
  };
  const events: ConvertEvent[] = [];
  const { image } = await convertImage({ pool, image: inPieces, target: shaky }, "latest", {
    ...SMALL,
    onEvent: (event) => void events.push(event),
  });
  expect(image).toEqual(convertRuns[0]!.index);
  expect(broken.size).toBe(2);
  for (const layer of broken)
    expect(events.filter((event) => event.type === "blob-started" && event.digest === layer)).toHaveLength(1);
  expect(target.uploads.size).toBe(0);
  for (const layer of broken)
    expect([streamed, opened].map((all) => all.filter((digest) => digest === layer).length)).toEqual([1, 2]);
});

test.for<[string, string, (bytes: Uint8Array) => BlobSource]>([
  ["whose stream is shorter", "ERR_OCI_SIZE_MISMATCH", () => bytesSource(goldenBlob(TINY))],
  ["of which a byte is another", "ERR_OCI_DIGEST_MISMATCH", bytesSource],
  [
    "of which a byte of the stream is another",
    "ERR_OCI_DIGEST_MISMATCH",
    (bytes) => blobSource(new Blob([bytes.slice()])),
  ],
])("convertImage() believes no source: a layer %s leaves nothing behind", async ([, code, open]) => {
  const content = golden("i01");
  const [layer] = layersOf("i01");
  const changed = goldenBlob(layer!);
  changed[changed.length - 2]! ^= 1;
  const lying: Source = {
    ...content,
    open: async (blob) => (blob.digest === layer ? open(changed) : content.open(blob)),
    async stream(blob) {
      const source = await this.open(blob);
      return new Blob([(await source.read(0, source.size)).slice()]).stream() as ReadableStream<Uint8Array>;
    },
  };
  const target = memoryTarget();
  await expect(convertImage({ pool, image: lying, target }, "latest", { ...SMALL, tag: "soci" })).rejects.toMatchObject(
    { code },
  );
  expect([target.manifests.size, target.uploads.size, target.tags.size]).toEqual([0, 0, 0]);
  expect(target.blobs.has(layer!)).toBe(false);
});

describe("convertImage() keeps attestations where that is asked for", () => {
  const keep: ConvertOptions = { ...SMALL, platforms: "all", keepAttestations: true };

  test("as they are, of the manifest that took the place of theirs", async () => {
    const target = memoryTarget();
    const { image, manifests, decisions } = await convertImage({ pool, image: golden("i04"), target }, "latest", keep);
    const entry = indexIn(target, image.digest).manifests[3]!;
    const old = decodeManifest((await golden("i04").fetchManifest("latest")).bytes) as ImageIndex;
    expect(entry).toEqual({
      ...old.manifests[3],
      annotations: {
        "vnd.docker.reference.digest": manifests[0]!.to.digest,
        "vnd.docker.reference.type": "attestation-manifest",
      },
    });
    expect(target.manifests.get(entry.digest)).toEqual(goldenBlob(entry.digest));
    expect(decisions.map(({ code }) => code)).toEqual(["attestation-kept"]);
    // Beside it, all is as without it.
    const without = convertRuns[6]!.newBlobs!;
    for (const { to } of manifests.slice(0, 3)) expect(without).toHaveProperty([to.digest]);
  });

  test("with the new manifest as their subject, where they have one", async () => {
    const { store, json, image, index, push, layer } = handmade();
    const amd64 = await image(AMD64, [layer(LAYER)]);
    const attestation = await push({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      artifactType: "application/vnd.docker.attestation.manifest.v1+json",
      config: json("application/vnd.oci.empty.v1+json", {}),
      layers: [json("application/vnd.in-toto+json", { _type: "statement" })],
      subject: amd64,
    });
    const root = await index([
      { ...amd64, platform: AMD64 },
      {
        ...attestation,
        platform: { os: "unknown", architecture: "unknown" },
        annotations: {
          "vnd.docker.reference.type": "attestation-manifest",
          "vnd.docker.reference.digest": amd64.digest,
        },
      },
    ]);
    const target = memoryTarget();
    const {
      image: converted,
      manifests,
      decisions,
    } = await convertImage({ pool, image: store, target }, root.digest, keep);
    const [first, second] = indexIn(target, converted.digest).manifests;
    expect(second!.annotations!["vnd.docker.reference.digest"]).toBe(first!.digest);
    const moved = decodeManifest(target.manifests.get(second!.digest)!);
    expect(moved.subject).toEqual(manifests[0]!.to);
    expect(moved.artifactType).toBe("application/vnd.docker.attestation.manifest.v1+json");
    expect(decisions.map(({ code }) => code)).toEqual(["attestation-kept", "attestation-moved"]);
    const referrers: Digest[] = [];
    for await (const { digest } of target.referrers(first!.digest)) referrers.push(digest);
    expect(referrers).toEqual([second!.digest]);
  });

  test("and other artifacts, which the reference would announce as images", async () => {
    const { store, json, image, index, push, layer } = handmade();
    const amd64 = { ...(await image(AMD64, [layer(LAYER)])), platform: AMD64 };
    const artifact = await push({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: json("application/vnd.example+json", {}),
      layers: [json("application/vnd.example.thing+json", { a: 1 })],
    });
    const root = await index([amd64, artifact]);
    const kept = await convertImage({ pool, image: store, target: memoryTarget() }, root.digest, keep);
    expect(kept.manifests[1]).toEqual({ from: artifact, to: artifact });
    expect(kept.decisions.map(({ code }) => code)).toEqual(["artifact-kept"]);
    const target = memoryTarget();
    const rewritten = await convertImage({ pool, image: store, target }, root.digest, {
      ...keep,
      keepAttestations: false,
    });
    expect(rewritten.decisions.map(({ code }) => code)).toEqual(["artifact-rewritten"]);
    const written = decodeManifest(target.manifests.get(rewritten.manifests[1]!.to.digest)!) as ImageManifest;
    expect(written.config.mediaType).toBe(OCI_CONFIG);
  });
});

describe("convertImage() of an index in the index", () => {
  test("takes one manifest of it as the reference does, and says which are lost", async () => {
    const { decisions } = await convertImage(
      { pool, image: golden("i10"), target: memoryTarget() },
      rootOf("i10"),
      SMALL,
    );
    expect(decisions).toMatchObject([
      {
        code: "nested-index-flattened",
        lost: ["sha256:e02bf2e06c33ff2c37d0259770307f9e1109a64c2d8757dd0c22e234f17934b8"],
      },
    ]);
  });

  test("expands it where that is asked for, so that all of its platforms can be had", async () => {
    const target = memoryTarget();
    const { image, decisions } = await convertImage({ pool, image: golden("i10"), target }, rootOf("i10"), {
      ...SMALL,
      platforms: "all",
      nestedIndexes: "expand",
    });
    const { manifests } = indexIn(target, image.digest);
    expect(
      manifests.map(({ platform, artifactType }) => [platform?.architecture, artifactType === SOCI_INDEX_V2]),
    ).toEqual([
      ["amd64", false],
      ["arm64", false],
      ["riscv64", false],
      ["amd64", true],
      ["arm64", true],
      ["riscv64", true],
    ]);
    expect(decisions.map(({ code }) => code)).toEqual(["nested-index-expanded"]);
    const arm64 = { pool, image: golden("i10"), target: memoryTarget() };
    const one: ConvertOptions = { ...SMALL, platforms: [ARM64] };
    await expect(convertImage(arm64, rootOf("i10"), one)).rejects.toMatchObject({ code: "ERR_OCI_PLATFORM_NOT_FOUND" });
    await convertImage(arm64, rootOf("i10"), { ...one, nestedIndexes: "expand" });
  });

  test("leaves it as it is where more than manifests is below it, and nobody asks for it", async () => {
    const { store, image, index, layer } = handmade();
    const bytes = new TextEncoder().encode("not JSON");
    const { digest, size } = await store.pushManifest(bytes, "application/vnd.example");
    const arm64 = { ...(await image(ARM64, [layer(OTHER)])), platform: ARM64 };
    const nested = {
      ...(await index([arm64, { mediaType: "application/vnd.example", digest, size }])),
      platform: ARM64,
    };
    const root = await index([{ ...(await image(AMD64, [layer(LAYER)])), platform: AMD64 }, nested]);
    const convert = (platform: Platform, target = memoryTarget()) =>
      convertImage({ pool, image: store, target }, root.digest, { ...SMALL, platforms: [platform] });
    const target = memoryTarget();
    const { decisions, manifests } = await convert(AMD64, target);
    expect(decisions.map(({ code }) => code)).toEqual(["nested-index-kept"]);
    expect(manifests[1]!.to.digest).toBe(nested.digest);
    expect([target.manifests.has(arm64.digest), target.manifests.get(digest), target.blobs.has(OTHER)]).toEqual([
      true,
      bytes,
      true,
    ]);
    expect((await convert(ARM64)).decisions.map(({ code }) => code)).toEqual(["nested-index-flattened"]);
    store.manifests.delete(arm64.digest);
    await expect(convert(AMD64)).rejects.toMatchObject({ notFound: true });
  });

  test("takes the word of any config further down, as the reference does", async () => {
    const { store, json, image, index, layer } = handmade();
    const config = (value: GoJson) => ({ config: json("application/vnd.example+json", value) });
    const riscv64: Platform = { os: "linux", architecture: "riscv64" };
    const other = { ...(await image(AMD64, [layer(LAYER)])), platform: AMD64 };
    const said = await image(AMD64, [layer(OTHER)], config({ architecture: "riscv64", os: "linux" }));
    const silent = await image(AMD64, [layer(OTHER)], config("no platform"));
    const convert = async (below: Descriptor) => {
      const root = await index([other, { ...(await index([silent, below])), platform: riscv64 }]);
      const asked: ConvertOptions = { ...SMALL, platforms: [riscv64] };
      return convertImage({ pool, image: store, target: memoryTarget() }, root.digest, asked);
    };
    expect((await convert(said)).manifests[1]!.from.digest).toBe(said.digest);
    await expect(convert(silent)).rejects.toMatchObject({ code: "ERR_OCI_PLATFORM_NOT_FOUND" });
  });

  test("indexes the manifest that is of the platform, where that is not the first", async () => {
    const { store, image, index, layer } = handmade();
    const arm64 = { ...(await image(ARM64, [layer(OTHER)])), platform: ARM64 };
    const amd64 = { ...(await image(AMD64, [layer(LAYER)])), platform: AMD64 };
    const nested = { ...(await index([arm64, amd64])), platform: AMD64 };
    const riscv64 = { os: "linux", architecture: "riscv64" };
    const root = await index([nested, { ...(await image(riscv64, [layer(TINY)])), platform: riscv64 }]);
    const { manifests, platforms } = await convertImage(
      { pool, image: store, target: memoryTarget() },
      root.digest,
      SMALL,
    );
    expect(manifests[0]!.from.digest).toBe(amd64.digest);
    expect(platforms[0]!.layers.map(({ layer: own }) => own.digest)).toEqual([LAYER]);
  });
});

describe("convertImage() of a converted image", () => {
  const convertAll = async (image: Source, platforms: ConvertOptions["platforms"], options: ConvertOptions = {}) => {
    const target = memoryTarget();
    const result = await convertImage({ image, target }, "latest", { ...SMALL, platforms, tag: "latest", ...options });
    return { target, result };
  };

  test.each(["i04", "i12"])("one platform after the other comes to the same as all at once: %s", async (name) => {
    const content = golden(name);
    const root = name === "i12" ? await asIndex(name) : content;
    const asked: Platform[] =
      name === "i12"
        ? [AMD64, ARM64]
        : [AMD64, { ...ARM64, variant: "v8" }, { os: "linux", architecture: "arm", variant: "v7" }];
    const { result: atOnce } = await convertAll(root, asked);
    let source: Source = root;
    for (const platform of asked) source = (await convertAll(source, [platform])).target;
    const { digest } = await source.resolve("latest");
    expect(digest).toBe(atOnce.image.digest);
  });

  test("keeps the SOCI index of a platform of which nothing would be indexed now", async () => {
    const { target: before, result } = await convertAll(golden("i04"), "all");
    // The layer of linux/arm is the only one of its platform, and smaller.
    const { target, result: after } = await convertAll(before, "all", { minLayerSize: 40_000 });
    expect(after.decisions.map(({ code }) => code)).toEqual(["nothing-to-index", "soci-index-kept"]);
    const kept = indexIn(target, after.image.digest).manifests.at(-1)!;
    expect(kept).toEqual(indexIn(before, result.image.digest).manifests.at(-1));
    expect(target.manifests.has(kept.digest)).toBe(true);
  });

  test("points a SOCI index that it keeps at its manifest, where that is written anew", async () => {
    const { target: before, result } = await convertAll(golden("i04"), [AMD64]);
    // Somebody has written the manifest of linux/amd64 with line breaks since.
    const index = indexIn(before, result.image.digest);
    const bytes = new TextEncoder().encode(
      JSON.stringify(
        JSON.parse(new TextDecoder().decode(before.manifests.get(index.manifests[0]!.digest))),
        undefined,
        2,
      ),
    );
    const pretty = await before.pushManifest(bytes, OCI_MANIFEST);
    const manifests = index.manifests.map((child, i): Descriptor =>
      i === 0
        ? { ...child, digest: pretty.digest, size: pretty.size }
        : child.artifactType === SOCI_INDEX_V2
          ? { ...child, annotations: { [SOCI_MANIFEST_DIGEST]: pretty.digest } }
          : child,
    );
    await before.tag("latest", await before.pushManifest(encodeIndex({ ...index, manifests }), OCI_INDEX));
    const { target, result: after } = await convertAll(before, [ARM64]);
    const children = indexIn(target, after.image.digest).manifests;
    expect(children[0]!.digest).toBe(index.manifests[0]!.digest);
    for (const { artifactType, annotations, platform } of children) {
      if (artifactType !== SOCI_INDEX_V2) continue;
      const manifest = children.find((child) => child.platform?.architecture === platform?.architecture)!;
      expect(annotations).toEqual({ [SOCI_MANIFEST_DIGEST]: manifest.digest });
    }
  });

  /** The entries of a layout as an index. */
  async function asIndex(name: string): Promise<Source> {
    const store = memoryTarget();
    for (const digest of goldenImage(name).blobs) store.blobs.set(digest, goldenBlob(digest));
    for (const { digest, mediaType } of goldenEntries(goldenImage(name)))
      await store.pushManifest(goldenBlob(digest), mediaType);
    const bytes = encodeIndex({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: goldenEntries(goldenImage(name)) });
    await store.tag("latest", await store.pushManifest(bytes, OCI_INDEX));
    return store;
  }
});

describe("convertImage() decides", () => {
  test.for<[string, string, readonly string[]]>([
    ["nothing about a plain image", "i01", []],
    [
      "that an index of one manifest is that manifest, and annotations are lost",
      "i07",
      ["single-manifest", "annotations-lost"],
    ],
    ["that an attestation is written anew", "i04", ["attestation-rewritten"]],
    ["that a child without a platform has its config's", "i20", ["platform-from-config"]],
  ])("%s: %s", async ([, name, codes]) => {
    const seen: string[] = [];
    const { decisions } = await convertImage({ pool, image: golden(name), target: memoryTarget() }, rootOf(name), {
      ...SMALL,
      platforms: "all",
      onEvent: (event) => void (event.type === "decision" && seen.push(event.decision.code)),
    });
    expect(decisions.map(({ code }) => code)).toEqual(codes);
    expect(seen).toEqual(codes);
    for (const { message, digest } of decisions) expect(message).toContain(digest);
  });

  test("that an artifact of a platform of its own gets no index, unless it is asked for", async () => {
    const { store, json, image, index, push, layer } = handmade();
    const riscv64 = { os: "linux", architecture: "riscv64" };
    const artifact = await push({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: json("application/vnd.example+json", {}),
      layers: [json("text/plain", "x")],
    });
    const root = await index([
      { ...artifact, platform: riscv64 },
      { ...(await image(AMD64, [layer(LAYER)])), platform: AMD64 },
    ]);
    const { decisions, platforms } = await convertImage({ pool, image: store, target: memoryTarget() }, root.digest, {
      ...SMALL,
      platforms: "all",
    });
    expect(platforms.map(({ platform }) => platform)).toEqual([AMD64]);
    expect(decisions.map(({ code }) => code)).toEqual(["platform-without-image", "artifact-rewritten"]);
    await expect(
      convertImage({ pool, image: store, target: memoryTarget() }, root.digest, { ...SMALL, platforms: [riscv64] }),
    ).rejects.toMatchObject({ code: "ERR_SOCI_NOT_AN_IMAGE" });
  });

  test("that an image of no platform is indexed where the index says so, and not where its config alone does", async () => {
    const { store, image, index, layer } = handmade();
    const unknown: Platform = { os: "unknown", architecture: "unknown" };
    const amd64 = { ...(await image(AMD64, [layer(LAYER)])), platform: AMD64 };
    const named = { ...(await image(unknown, [layer(OTHER)])), platform: unknown };
    const unnamed = await image(unknown, [layer(TINY)]);
    const convert = async (children: readonly Descriptor[]) => {
      const root = await index(children);
      const all: ConvertOptions = { ...SMALL, platforms: "all" };
      const { platforms } = await convertImage({ pool, image: store, target: memoryTarget() }, root.digest, all);
      return platforms.map(({ platform }) => platform);
    };
    expect(await convert([amd64, named])).toEqual([AMD64]);
    expect(await convert([amd64, unnamed])).toEqual([AMD64]);
    // The reference asks for the platform that the config says, and takes the first that the index says it of.
    expect(await convert([amd64, named, unnamed])).toEqual([AMD64, unknown]);
    await expect(convert([unnamed, unnamed])).rejects.toMatchObject({
      code: "ERR_OCI_PLATFORM_NOT_FOUND",
      message: "Cannot choose a platform: the index has no images",
    });
  });

  test("that what is no manifest stays as it is, and the rest of its descriptor too", async () => {
    const { store, image, index, layer } = handmade();
    const bytes = new TextEncoder().encode("not JSON");
    const { digest, size } = await store.pushManifest(bytes, "application/vnd.example");
    const odd: Descriptor = { mediaType: "application/vnd.example", digest, size, annotations: { a: "b" } };
    const root = await index([{ ...(await image(AMD64, [layer(LAYER)])), platform: AMD64 }, odd]);
    const target = memoryTarget();
    const { image: converted, decisions } = await convertImage({ pool, image: store, target }, root.digest, SMALL);
    expect(indexIn(target, converted.digest).manifests[1]).toEqual(odd);
    expect(target.manifests.get(digest)).toEqual(bytes);
    expect(decisions.map(({ code }) => code)).toEqual(["not-a-manifest"]);
  });
});

describe("convertImage() copies", () => {
  test("a config that its descriptor brings along and the source has not", async () => {
    const { store, image, layer } = handmade();
    const config = encodeGoJson({ architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [] } });
    const data = btoa(new TextDecoder().decode(config));
    const root = await image(AMD64, [layer(LAYER)], {
      config: { mediaType: OCI_CONFIG, digest: digestOf(config), size: config.length, data },
    });
    store.blobs.delete(digestOf(config));
    const target = memoryTarget();
    await convertImage({ pool, image: store, target }, root.digest, SMALL);
    expect(target.blobs.get(digestOf(config))).toEqual(config);
  });

  test("no foreign layer that the source has not, and one that it has", async () => {
    const { store, image, layer } = handmade();
    const foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    const urls = ["http://127.0.0.1/x"];
    const away = { mediaType: foreign, digest: digestOf(new Uint8Array(7)), size: 7, urls };
    store.blobs.set(away.digest, new Uint8Array(7));
    const root = await image(AMD64, [layer(LAYER), away, { ...layer(OTHER, foreign), urls }]);
    store.blobs.delete(away.digest);
    const target = memoryTarget();
    const { platforms } = await convertImage({ pool, image: store, target }, root.digest, SMALL);
    expect(platforms[0]!.layers.map(({ skipped }) => skipped?.code)).toEqual([undefined, "foreign", undefined]);
    expect([target.blobs.has(away.digest), target.blobs.has(OTHER)]).toEqual([false, true]);
  });

  test("and fails where the source lacks a layer, also one of a platform that nobody asked for", async () => {
    const { store, image, index, layer } = handmade();
    const amd64 = { ...(await image(AMD64, [layer(LAYER)])), platform: AMD64 };
    const root = await index([amd64, { ...(await image(ARM64, [layer(OTHER)])), platform: ARM64 }]);
    store.blobs.delete(OTHER);
    const target = memoryTarget();
    await expect(
      convertImage({ pool, image: store, target }, root.digest, { ...SMALL, tag: "soci" }),
    ).rejects.toMatchObject({
      notFound: true,
    });
    expect([target.manifests.size, target.tags.size]).toEqual([0, 0]);
  });

  test("manifests that are named by SHA-512 under that name, where they stay", async () => {
    const { store, image, index, layer } = handmade();
    const amd64 = { ...(await image(AMD64, [layer(LAYER)])), platform: AMD64 };
    const bytes = store.manifests.get((await image(ARM64, [layer(OTHER)])).digest)!;
    const kept = await store.pushManifest(bytes, OCI_MANIFEST, { algorithm: "sha512" });
    const child: Descriptor = {
      mediaType: OCI_MANIFEST,
      digest: kept.digest,
      size: kept.size,
      artifactType: "application/vnd.example",
    };
    const root = await index([amd64, child]);
    const target = memoryTarget();
    const { image: converted } = await convertImage({ pool, image: store, target }, root.digest, {
      ...SMALL,
      keepAttestations: true,
    });
    expect(kept.digest).toMatch(/^sha512:/);
    expect(target.manifests.get(kept.digest)).toEqual(bytes);
    expect(indexIn(target, converted.digest).manifests[1]).toEqual(child);
  });
});

test("convertImage() names the SOCI index in the manifest, and the manifest beside the SOCI index", async () => {
  const target = memoryTarget();
  const { image, platforms } = await convertImage({ pool, image: golden("i11"), target }, rootOf("i11"), {
    ...SMALL,
    platforms: "all",
  });
  const { manifests } = indexIn(target, image.digest);
  for (const { manifest, index, platform } of platforms) {
    const written = decodeManifest(target.manifests.get(manifest.digest)!) as ImageManifest;
    expect(written.annotations).toEqual({ [SOCI_INDEX_DIGEST]: index.digest });
    expect(manifests.find(({ digest }) => digest === index.digest)).toEqual({
      ...index,
      annotations: { [SOCI_MANIFEST_DIGEST]: manifest.digest },
      platform,
    });
  }
});

describe("convertImage() without a platform asked for takes", () => {
  test.for<[string, string, Platform, string]>([
    ["the host's", "i04", ARM64, "linux/arm64/v8"],
    ["what a lone manifest is of", "i14", ARM64, "windows/amd64"],
    ["the only one that there is", "i07", ARM64, "linux/amd64"],
  ])("%s", async ([, name, hostPlatform, want]) => {
    const { platforms } = await convertImage({ pool, image: golden(name), target: memoryTarget() }, rootOf(name), {
      ...SMALL,
      hostPlatform,
    });
    expect(
      platforms.map(({ platform }) => [platform.os, platform.architecture, platform.variant].filter(Boolean).join("/")),
    ).toEqual([want]);
  });

  test("and fails where the host's is not among several", async () => {
    const converting = convertImage({ pool, image: golden("i04"), target: memoryTarget() }, "latest", {
      ...SMALL,
      hostPlatform: { os: "linux", architecture: "s390x" },
    });
    await expect(converting).rejects.toMatchObject({
      code: "ERR_OCI_PLATFORM_NOT_FOUND",
      message:
        "Cannot choose a platform: the image has none for linux/s390x; it has linux/amd64, linux/arm64/v8, linux/arm/v7",
    });
  });
});

test.for<[string, ConvertOptions, typeof RangeError | typeof TypeError]>([
  ["spans of a negative size", { spanSize: -1 }, RangeError],
  ["a negative minimum", { minLayerSize: -1 }, RangeError],
  ["an unknown optimization", { optimizations: ["speed"] as unknown as readonly "xattr"[] }, RangeError],
  ["a tag that is none", { tag: "a b" }, TypeError],
])("convertImage() refuses %s", async ([, options, kind]) => {
  const target = memoryTarget();
  await expect(convertImage({ pool, image: golden("i01"), target }, "latest", options)).rejects.toBeInstanceOf(kind);
  expect(target.log).toEqual([]);
});

describe("convertImage() does not follow indexes without end:", () => {
  test.for<[string, ConvertOptions, string]>([
    ["with all platforms", { platforms: "all" }, "ERR_OCI_INVALID_MANIFEST"],
    ["with one", { platforms: [AMD64] }, "ERR_OCI_INVALID_MANIFEST"],
    ["expanded", { nestedIndexes: "expand" }, "ERR_OCI_INVALID_MANIFEST"],
  ])("nested deep, %s", async ([, options, code]) => {
    const { store, image, index, layer } = handmade();
    let root = await image(AMD64, [layer(LAYER)]);
    for (let depth = 0; depth < 10; depth++) root = await index([root, root]);
    await expect(
      convertImage({ pool, image: store, target: memoryTarget() }, root.digest, { ...SMALL, ...options }),
    ).rejects.toMatchObject({ code });
  });

  test.for<[string, ConvertOptions, string | undefined]>([
    ["with all platforms", { platforms: "all" }, undefined],
    ["with one that is there", { platforms: [AMD64] }, undefined],
    ["with one that is not", { platforms: [ARM64] }, "ERR_OCI_PLATFORM_NOT_FOUND"],
    [
      "with one that is not, and is said to be",
      { platforms: [{ os: "linux", architecture: "riscv64" }] },
      "ERR_OCI_PLATFORM_NOT_FOUND",
    ],
    ["expanded", { nestedIndexes: "expand" }, "ERR_OCI_TOO_LARGE"],
  ])("the same index again and again, %s", async ([, options, code]) => {
    const { store, image, index, layer } = handmade();
    let nested = await image(AMD64, [layer(LAYER)]);
    // 20^5 ways down to the same image.
    for (let depth = 0; depth < 5; depth++) nested = await index(Array<Descriptor>(20).fill(nested));
    const root = await index([nested, { ...nested, platform: { os: "linux", architecture: "riscv64" } }]);
    const converting = convertImage({ pool, image: store, target: memoryTarget() }, root.digest, {
      ...SMALL,
      ...options,
    });
    if (code === undefined) {
      const { platforms, decisions } = await converting;
      expect(platforms.map(({ platform }) => platform)).toEqual([AMD64]);
      const codes = decisions.map((decision) => decision.code);
      expect(codes.includes("platform-without-image")).toBe(options.platforms === "all");
    } else await expect(converting).rejects.toMatchObject({ code });
  });
});
