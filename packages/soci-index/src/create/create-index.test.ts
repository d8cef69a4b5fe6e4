import { gunzipSync } from "node:zlib";
import {
  chunksOf,
  copyImage,
  decodeManifest,
  digestOf,
  encodeIndex,
  encodeManifest,
  isImageIndex,
  verifyStream,
  type BlobReader,
  type Descriptor,
  type Digest,
  type ImageManifest,
  type ManifestReader,
  type Platform,
} from "@socikit/oci";
import { buildZtoc, createBuildPool } from "@socikit/ztoc/build";
import { describe, expect, test } from "vitest";
import { goldenBlob, goldenContent, goldenEntries, goldenImage } from "../../../../testdata/golden-images.ts";
import { discoverSociIndex } from "../discover.ts";
import { SociIndexError } from "../errors.ts";
import { sociIndexConfig } from "../soci-index.ts";
import { describePrefetch } from "../prefetch/plan-prefetch.ts";
import { createRuns, optionsOf } from "../testing/golden-runs.ts";
import { memoryTarget } from "../testing/memory-target.ts";
import type { CreateEvent } from "./create-event.ts";
import { createIndex, type CreateOptions } from "./create-index.ts";
import { describeOutcome } from "./describe-outcome.ts";

type Source = ManifestReader & BlobReader;

/** A source's blobs as a registry's, which are streamed. */
const streaming =
  (source: Source): Source["open"] =>
  async (blob, options) => {
    const { readInto: _, ...opened } = await source.open(blob, options);
    return opened;
  };

/** A source that verifies, counts what is read, and serves in pieces. */
function counting(source: Source) {
  const streamed: Digest[] = [];
  let running = 0;
  const counts = { streamed, peak: 0 };
  const counted: Source = {
    ...source,
    resolve: (name, options) => source.resolve(name, options),
    fetchManifest: (target, options) => source.fetchManifest(target, options),
    open: streaming(source),
    async stream(blob, options) {
      options?.signal?.throwIfAborted();
      streamed.push(blob.digest);
      counts.peak = Math.max(counts.peak, ++running);
      const inner = verifyStream(await source.stream(blob, options), blob);
      const chunks = (async function* () {
        try {
          for await (const chunk of chunksOf(inner, options?.signal))
            for (let at = 0; at < chunk.length; at += 65_536) yield chunk.subarray(at, at + 65_536);
        } finally {
          running--;
        }
      })();
      return new ReadableStream<Uint8Array>(
        {
          async pull(controller) {
            const { done, value } = await chunks.next();
            if (done === true) controller.close();
            else controller.enqueue(value);
          },
          cancel: () => void chunks.return(undefined),
        },
        { highWaterMark: 0 },
      );
    },
  };
  return { source: counted, counts };
}

const entryOf = (name: string): Descriptor => goldenEntries(goldenImage(name))[0]!;
const SMALL: CreateOptions = { spanSize: 65_536, minLayerSize: 0 };
const AMD64: Platform = { os: "linux", architecture: "amd64" };

describe("createIndex() makes what the reference's create makes", () => {
  test("there are 25 runs, one of which makes prefetch artifacts too", () => {
    expect(createRuns.length).toBe(25);
    expect(createRuns.filter((run) => optionsOf(run.args).prefetch !== undefined).length).toBe(1);
  });

  test.each(createRuns.map((run) => [`${run.image} ${run.args.join(" ")}`, run] as const))("%s", async (_, run) => {
    const target = memoryTarget();
    const { source, counts } = counting(goldenContent(goldenImage(run.image)));
    const skipped: string[] = [];
    const options: CreateOptions = {
      ...optionsOf(run.args),
      onEvent: (event) => void (event.type === "layer-skipped" && skipped.push(event.reason.message)),
    };
    const creating = createIndex({ image: source, target }, entryOf(run.image).digest, options);
    const lines = (all: readonly string[]): readonly string[] => [...new Set(all)].sort();
    if (run.exit !== 0) {
      await expect(creating).rejects.toMatchObject({ code: codeFor(run.error!) });
      expect(lines(skipped)).toEqual(run.messages);
      expect(target.log).toEqual([]);
      return;
    }
    const result = await creating;
    const indexes = Object.entries(run.indexes!)
      .map(([digest, index]) => [digest, index.json])
      .sort();
    expect([...target.manifests].map(([digest, bytes]) => [digest, new TextDecoder().decode(bytes)]).sort()).toEqual(
      indexes,
    );
    const said = result.indexes.flatMap(({ layers, prefetch }) => [
      ...layers.map(describeOutcome),
      ...prefetch.artifacts.map(describePrefetch),
    ]);
    expect(lines(said)).toEqual(run.messages);
    // Besides the configs, each distinct layer once.
    const layers = counts.streamed.filter((digest) => target.log.length > 0 && goldenBlob(digest)[0] !== 0x7b);
    expect(new Set(layers).size).toBe(layers.length);
  });

  function codeFor(error: string): string {
    if (error.endsWith("not found")) return "ERR_OCI_PLATFORM_NOT_FOUND";
    if (error.startsWith("no ztocs created")) return "ERR_SOCI_NOTHING_TO_INDEX";
    if (error.endsWith("not a layer mediaType")) return "ERR_SOCI_NOT_AN_IMAGE";
    throw new Error(`no code for ${error}`);
  }
});

test("createIndex() pushes zTOCs, then the config, then the index, and tells", async () => {
  const target = memoryTarget();
  const events: CreateEvent[] = [];
  const { source } = counting(goldenContent(goldenImage("i01")));
  const onEvent = (event: CreateEvent): void => void events.push(event);
  const { image, indexes } = await createIndex({ image: source, target }, "latest", {
    ...SMALL,
    concurrency: 1,
    onEvent,
  });
  expect(image.digest).toBe(entryOf("i01").digest);
  expect(indexes).toMatchObject([{ platform: AMD64, manifest: { digest: image.digest } }]);
  const ztocs = indexes[0]!.layers.map(({ ztoc }) => ztoc!.digest);
  const { digest } = indexes[0]!.index;
  expect(target.log).toEqual([
    ...ztocs.map((ztoc) => `blob ${ztoc}`),
    `blob ${digestOf(sociIndexConfig())}`,
    `manifest ${digest}`,
  ]);
  const types = events.map(({ type }) => type).filter((type, i, all) => type !== all[i - 1]);
  expect(types).toEqual([
    ...Array(3).fill(["layer-started", "layer-progress", "layer-indexed", "ztoc-pushed"]).flat(),
    "index-pushed",
  ]);
  expect(events.every(({ v }) => v === 1)).toBe(true);
  const progress = events.filter((event) => event.type === "layer-progress");
  for (const { layer } of indexes[0]!.layers) {
    const last = progress.filter((event) => event.layer === layer.digest).at(-1);
    const tar = gunzipSync(goldenBlob(layer.digest)).length;
    expect(last).toMatchObject({ bytes: layer.size, uncompressed: tar });
  }
  expect(target.uploads.size).toBe(0);
});

test("createIndex() makes an index that discoverSociIndex() finds", async () => {
  const target = memoryTarget();
  const source = goldenContent(goldenImage("i04"));
  const { indexes } = await createIndex({ image: source, target }, "latest", { ...SMALL, platforms: "all" });
  expect(indexes.map(({ platform }) => platform?.architecture)).toEqual(["amd64", "arm64", "arm"]);
  for (const { manifest: descriptor, index } of indexes) {
    const manifest = decodeManifest((await source.fetchManifest(descriptor)).bytes) as ImageManifest;
    const found = await discoverSociIndex({ index: target }, { descriptor, manifest });
    expect(found).toMatchObject({ via: "referrers", descriptor: index });
  }
});

test("createIndex() copies the image as it indexes it: each layer is read once, and the index comes when all is there", async () => {
  const target = memoryTarget();
  const content = goldenContent(goldenImage("i04"));
  const { source, counts } = counting(content);
  const opened: Digest[] = [];
  const image: Source = { ...source, open: (blob, options) => (opened.push(blob.digest), source.open(blob, options)) };
  const events: CreateEvent[] = [];
  const options: CreateOptions = {
    ...SMALL,
    platforms: [AMD64],
    copy: {},
    onEvent: (event) => void events.push(event),
  };
  const { image: top, indexes } = await createIndex({ image, target }, "latest", options);
  const indexed = indexes[0]!.layers.map(({ layer }) => layer.digest);
  expect(indexed.length).toBeGreaterThan(0);
  for (const layer of indexed) {
    expect(counts.streamed.filter((digest) => digest === layer)).toHaveLength(1);
    // Opened to be read; a source that cannot fill buffers is streamed instead.
    expect(opened.filter((digest) => digest === layer)).toHaveLength(1);
    const ends = events.filter(
      (event) => (event.type === "blob-copied" || event.type === "blob-skipped") && event.digest === layer,
    );
    expect(ends.map(({ type }) => type)).toEqual(["blob-copied"]);
  }
  // All platforms are there, and nothing comes after the index.
  const copied = memoryTarget();
  expect(await copyImage(content, copied, "latest")).toMatchObject({ digest: top.digest });
  for (const digest of copied.blobs.keys()) expect(target.blobs.has(digest)).toBe(true);
  expect(target.log.slice(-1)).toEqual([`manifest ${indexes[0]!.index.digest}`]);
  for (const digest of copied.manifests.keys()) expect(target.log).toContain(`manifest ${digest}`);
  expect(target.uploads.size).toBe(0);
  // The same index as of an image that is read where it is.
  const there = await createIndex({ image: content, target: memoryTarget() }, "latest", {
    ...SMALL,
    platforms: [AMD64],
  });
  expect(indexes[0]!.index).toEqual(there.indexes[0]!.index);
});

test("createIndex() copies an image of which nothing can be indexed, and says so then", async () => {
  const target = memoryTarget();
  const content = goldenContent(goldenImage("i01"));
  const minLayerSize = 2 ** 40;
  await expect(createIndex({ image: content, target }, "latest", { minLayerSize, copy: {} })).rejects.toMatchObject({
    code: "ERR_SOCI_NOTHING_TO_INDEX",
  });
  const copied = memoryTarget();
  await copyImage(content, copied, "latest");
  expect([...target.blobs.keys()].sort()).toEqual([...copied.blobs.keys()].sort());
  expect([...target.manifests.keys()]).toEqual([...copied.manifests.keys()]);
});

test("createIndex() sends nothing that the target has, and reads no layer whose zTOC is there", async () => {
  const target = memoryTarget();
  const { source, counts } = counting(goldenContent(goldenImage("i01")));
  const first = await createIndex({ image: source, target }, "latest", SMALL);
  const again = async (options: CreateOptions): Promise<readonly string[]> => {
    target.log.length = 0;
    counts.streamed.length = 0;
    const events: string[] = [];
    const onEvent = (event: CreateEvent): void => {
      if (event.type === "ztoc-pushed") events.push(`${event.type} ${event.existed}`);
      if (event.type === "layer-reused") events.push(event.type);
    };
    const { indexes } = await createIndex({ image: source, target }, "latest", { ...SMALL, ...options, onEvent });
    expect(indexes[0]!.index).toEqual(first.indexes[0]!.index);
    expect(target.log).toEqual([`manifest ${first.indexes[0]!.index.digest}`]);
    const layers = counts.streamed.filter((digest) => indexes[0]!.layers.some(({ layer }) => layer.digest === digest));
    expect(layers.length).toBe(options.force === true ? 3 : 0);
    expect(indexes[0]!.layers.map(({ reused }) => reused)).toEqual(Array(3).fill(options.force !== true));
    expect(describeOutcome(indexes[0]!.layers[0]!).endsWith(" (already exists)")).toBe(options.force !== true);
    return events;
  };
  expect(await again({})).toEqual(Array(3).fill("layer-reused"));
  expect(await again({ force: true })).toEqual(Array(3).fill("ztoc-pushed true"));
});

test.for<[string, string, CreateOptions, readonly string[]]>([
  [
    "the host's platform",
    "i04",
    { hostPlatform: { os: "linux", architecture: "arm64", variant: "v8" } },
    ["linux/arm64"],
  ],
  ["the only platform there is", "i07", { hostPlatform: { os: "linux", architecture: "riscv64" } }, ["linux/amd64"]],
  ["a platform asked for twice once", "i04", { platforms: [AMD64, AMD64] }, ["linux/amd64"]],
  ["a platform in a nested index", "i10", { platforms: [{ os: "linux", architecture: "amd64" }] }, ["linux/amd64"]],
  ["all of a nested index", "i10", { platforms: "all" }, ["linux/amd64", "linux/arm64", "linux/riscv64"]],
  ["all, a child without a platform with its config's", "i20", { platforms: "all" }, ["linux/arm64", "linux/amd64"]],
])("createIndex() indexes %s", async ([, name, options, want]) => {
  const { indexes } = await createIndex(
    { image: goldenContent(goldenImage(name)), target: memoryTarget() },
    entryOf(name).digest,
    { ...SMALL, ...options },
  );
  expect(indexes.map(({ platform }) => `${platform?.os}/${platform?.architecture}`).sort()).toEqual([...want].sort());
});

test.for<[string, string, CreateOptions, string, RegExp]>([
  [
    "the platform is not there",
    "i04",
    { platforms: [{ os: "linux", architecture: "s390x" }] },
    "ERR_OCI_PLATFORM_NOT_FOUND",
    /it has linux\/amd64, linux\/arm64\/v8, linux\/arm\/v7$/,
  ],
  [
    "one of two platforms is not there",
    "i04",
    { platforms: [AMD64, { os: "linux", architecture: "s390x" }] },
    "ERR_OCI_PLATFORM_NOT_FOUND",
    /s390x/,
  ],
  [
    "the host's platform is not there",
    "i04",
    { hostPlatform: { os: "linux", architecture: "s390x" } },
    "ERR_OCI_PLATFORM_NOT_FOUND",
    /s390x/,
  ],
  ["there are only attestations", "i22", { platforms: "all" }, "ERR_OCI_PLATFORM_NOT_FOUND", /it has no images$/],
  [
    "no layer is large enough",
    "i01",
    { minLayerSize: 1e9 },
    "ERR_SOCI_NOTHING_TO_INDEX",
    /no layer can be indexed: 3 smaller than the minimum layer size of 1000000000 bytes$/,
  ],
  [
    "no layer has a compression that works",
    "i19",
    {},
    "ERR_SOCI_NOTHING_TO_INDEX",
    /no layer can be indexed: 1 of a compression that cannot be indexed$/,
  ],
  ["it is an artifact", "i15", {}, "ERR_SOCI_NOT_AN_IMAGE", /"text\/plain" is not a layer mediaType/],
  [
    "a layer is encrypted and says that it is gzip",
    "i17",
    {},
    "ERR_SOCI_LAYER_FAILED",
    /^Cannot index layer sha256:[0-9a-f]{64} \(.*encrypted\): could not/,
  ],
  [
    "a layer is corrupt",
    "i18",
    {},
    "ERR_SOCI_LAYER_FAILED",
    /^Cannot index layer sha256:[0-9a-f]{64} \([^)]*\): could not/,
  ],
])("createIndex() fails where %s, and leaves no index", async ([, name, options, code, message]) => {
  const target = memoryTarget();
  const { source } = counting(goldenContent(goldenImage(name)));
  const creating = createIndex({ image: source, target }, entryOf(name).digest, { ...SMALL, ...options });
  await expect(creating).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  expect([target.manifests.size, target.uploads.size]).toEqual([0, 0]);
});

test("createIndex() keeps the builder's error as the cause", async () => {
  const creating = createIndex(
    { image: goldenContent(goldenImage("i18")), target: memoryTarget() },
    entryOf("i18").digest,
    SMALL,
  );
  const error = await creating.catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(SociIndexError);
  expect((error as SociIndexError).cause).toMatchObject({ name: "ZtocError" });
});

test.for<[string, CreateOptions]>([
  ["spans of a negative size", { spanSize: -1 }],
  ["spans of half a byte", { spanSize: 0.5 }],
  ["a negative minimum", { minLayerSize: -1 }],
  ["no concurrency", { concurrency: 0 }],
  ["an unknown optimization", { optimizations: ["speed"] as unknown as readonly "xattr"[] }],
])("createIndex() refuses %s", async ([, options]) => {
  await expect(
    createIndex({ image: goldenContent(goldenImage("i01")), target: memoryTarget() }, "latest", options),
  ).rejects.toBeInstanceOf(RangeError);
});

test("createIndex() pushes no zTOC of a layer that does not fit its digest", async () => {
  const target = memoryTarget();
  const content = goldenContent(goldenImage("i01"));
  const lying: Source = {
    ...content,
    fetchManifest: (name) => content.fetchManifest(name),
    resolve: (name) => content.resolve(name),
    open: streaming(content),
    async stream(blob, options) {
      // Another good layer: the builder has nothing against it.
      const other = "sha256:cddcedfba3a73531e627ea57ccfb711b18a9082205d05ac2450da65ade063951" as Digest;
      const stream = blob.digest.startsWith("sha256:9874")
        ? await content.stream({ digest: other, size: 122 })
        : await content.stream(blob, options);
      return verifyStream(stream, blob);
    },
  };
  const creating = createIndex({ image: lying, target }, "latest", { ...SMALL, concurrency: 1 });
  await expect(creating).rejects.toMatchObject({ code: "ERR_OCI_SIZE_MISMATCH" });
  expect([target.manifests.size, target.uploads.size]).toEqual([0, 0]);
  expect(target.log).not.toContain("blob sha256:91a51cd0210d5e95b433b97289841a3e8575512e24ee858da759cc029d51716b");
});

test("createIndex() believes no port: what comes is checked against what was asked for", async () => {
  const content = goldenContent(goldenImage("i01"));
  const { descriptor } = await content.fetchManifest("latest");
  const other = goldenContent(goldenImage("i04"));
  const wrongManifest: Source = { ...content, fetchManifest: (_, options) => other.fetchManifest("latest", options) };
  const first = (await createIndex({ image: content, target: memoryTarget() }, "latest", SMALL)).indexes[0]!.layers[0]!;
  const wrongLayer: Source = {
    ...content,
    open: streaming(content),
    // Another good layer of the same length as far as anyone is told, and not verified.
    stream: async (blob, options) =>
      blob.digest === first.layer.digest
        ? content.stream({
            digest: "sha256:cddcedfba3a73531e627ea57ccfb711b18a9082205d05ac2450da65ade063951" as Digest,
            size: 122,
          })
        : content.stream(blob, options),
  };
  for (const image of [wrongManifest, wrongLayer]) {
    const target = memoryTarget();
    await expect(createIndex({ image, target }, descriptor.digest, SMALL)).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_OCI_(?:SIZE|DIGEST)_MISMATCH$/),
    });
    expect([target.manifests.size, target.uploads.size]).toEqual([0, 0]);
  }
});

test.each([1, 2])("createIndex() reads %s layers at once", async (concurrency) => {
  const { source, counts } = counting(goldenContent(goldenImage("i05")));
  await createIndex({ image: source, target: memoryTarget() }, entryOf("i05").digest, { ...SMALL, concurrency });
  expect(counts.peak).toBe(concurrency);
});

test("createIndex() lets a pool build, the largest layer first, opens each when its turn comes, and makes the same", async () => {
  const { source, counts } = counting(goldenContent(goldenImage("i05")));
  const pool = createBuildPool({ threads: 0 });
  const target = memoryTarget();
  const events: CreateEvent[] = [];
  const options: CreateOptions = { ...SMALL, concurrency: 3, onEvent: (event) => void events.push(event) };
  const made = await createIndex({ image: source, target, pool }, entryOf("i05").digest, options);
  pool.close();
  expect(counts.peak).toBe(1);
  expect(made).toEqual(await createIndex({ image: source, target: memoryTarget() }, entryOf("i05").digest, SMALL));
  const started = events.filter((event) => event.type === "layer-started");
  expect(started.length).toBeGreaterThan(1);
  expect(started.map(({ size }) => size)).toEqual(started.map(({ size }) => size).sort((a, b) => b - a));
  // Told of in the same order and to the same end as without.
  for (const { layer, size } of started) {
    // The same bytes are skipped where they are said to be something else.
    const own = events.flatMap((event) =>
      "layer" in event && event.layer === layer && event.type !== "layer-skipped" ? [event] : [],
    );
    expect([...new Set(own.map(({ type }) => type))].slice(0, 3)).toEqual([
      "layer-started",
      "layer-progress",
      "layer-indexed",
    ]);
    expect(own.findLast((event) => event.type === "layer-progress")).toMatchObject({ bytes: size });
  }
});

test("createIndex() opens a layer again where the thread that built it died, and begins it once", async () => {
  const { source, counts } = counting(goldenContent(goldenImage("i01")));
  const started: Digest[] = [];
  const pool = {
    threads: 1,
    async build(layer, options) {
      const { signal } = new AbortController();
      if (typeof layer !== "function") throw new TypeError("a layer that is open cannot be built twice");
      // What a first thread reads before it dies.
      for await (const _ of (await layer({ signal })) as AsyncIterable<Uint8Array>) break;
      return buildZtoc(await layer({ signal }), options);
    },
  } satisfies Parameters<typeof createIndex>[0]["pool"];
  const onEvent = (event: CreateEvent): void => void (event.type === "layer-started" && started.push(event.layer));
  await createIndex({ image: source, target: memoryTarget(), pool }, "latest", { ...SMALL, onEvent });
  const reads = counts.streamed.filter((digest) => started.includes(digest));
  expect([started.length, reads.length]).toEqual([3, 6]);
});

test("createIndex() does not take a thread that died for a damaged layer", async () => {
  const { source } = counting(goldenContent(goldenImage("i01")));
  const pool = createBuildPool({ threads: 0 });
  const onEvent = (event: CreateEvent): void => void (event.type === "layer-started" && pool.close());
  const creating = createIndex({ image: source, target: memoryTarget(), pool }, "latest", { ...SMALL, onEvent });
  await expect(creating).rejects.toMatchObject({ name: "ZtocError", code: "ERR_ZTOC_WORKER" });
});

test("createIndex() aborted at any event rejects with the reason and leaves no index and no open upload", async () => {
  const { source } = counting(goldenContent(goldenImage("i01")));
  const all: CreateEvent[] = [];
  await createIndex({ image: source, target: memoryTarget() }, "latest", {
    ...SMALL,
    onEvent: (event) => void all.push(event),
  });
  const before = all.findIndex(({ type }) => type === "index-pushed");
  for (let stop = 0; stop < before; stop += 3) {
    const target = memoryTarget();
    const abort = new AbortController();
    const reason = new Error(`stopped at ${stop}`);
    let count = 0;
    const onEvent = (): void => void (count++ === stop && abort.abort(reason));
    const creating = createIndex({ image: source, target }, "latest", { ...SMALL, signal: abort.signal, onEvent });
    await expect(creating).rejects.toBe(reason);
    expect([target.manifests.size, target.uploads.size]).toEqual([0, 0]);
    // A second run ends as an undisturbed one.
    if (stop % 9 === 0) {
      const { indexes } = await createIndex({ image: source, target }, "latest", SMALL);
      expect(indexes[0]!.index.digest).toBe("sha256:4af44431fed342fecebc3d3c3f9b28849fcf3b35151d8a42a9dcbec3e14d37d0");
    }
  }
});

test("createIndex() throws an upload away that fails", async () => {
  const target = memoryTarget();
  const full = {
    ...target,
    begin: async (options?: object) => ({
      ...(await target.begin(options)),
      write: async () => Promise.reject(new Error("disk full")),
    }),
  };
  await expect(
    createIndex({ image: goldenContent(goldenImage("i01")), target: full }, "latest", SMALL),
  ).rejects.toThrow("disk full");
  expect([target.manifests.size, target.uploads.size]).toEqual([0, 0]);
});

test("createIndex() skips a foreign layer that the registry does not hold", async () => {
  const gzip = "sha256:987430473c73cc400423aa5f18483b146fe5fa5d67d6086bd4e395f1c93742ce" as Digest;
  const content = goldenContent(goldenImage("i01"));
  const manifest = encodeManifest({
    schemaVersion: 2,
    config: { mediaType: "application/vnd.example", digest: digestOf(sociIndexConfig()), size: 2 },
    layers: [
      {
        mediaType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        digest: digestOf(new Uint8Array(7)),
        size: 7,
        urls: ["http://127.0.0.1/x"],
      },
      { mediaType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", digest: gzip, size: 538039 },
    ],
  });
  const { indexes } = await createIndex(
    { image: { ...content, ...manifestsOf(manifest) }, target: memoryTarget() },
    digestOf(manifest),
    SMALL,
  );
  expect(indexes[0]!.layers.map(({ skipped, ztoc }) => [skipped?.code, ztoc === undefined])).toEqual([
    ["foreign", true],
    [undefined, false],
  ]);
  expect(indexes[0]!).not.toHaveProperty("platform");
});

test("createIndex() does not follow image indexes without end", async () => {
  let bytes = encodeIndex({ schemaVersion: 2, manifests: [] });
  const all = [bytes];
  for (let i = 0; i < 9; i++) {
    const child = {
      mediaType: "application/vnd.oci.image.index.v1+json",
      digest: digestOf(bytes),
      size: bytes.length,
      platform: AMD64,
    };
    bytes = encodeIndex({ schemaVersion: 2, manifests: [child] });
    all.push(bytes);
  }
  const source = { ...goldenContent(goldenImage("i01")), ...manifestsOf(...all) };
  for (const platforms of ["all", [AMD64]] as const)
    await expect(
      createIndex({ image: source, target: memoryTarget() }, digestOf(bytes), { platforms }),
    ).rejects.toMatchObject({ code: "ERR_OCI_INVALID_MANIFEST", message: /nested over 8 deep/ });
});

function manifestsOf(...all: readonly Uint8Array[]): ManifestReader {
  const find = (digest: string): Uint8Array => all.find((bytes) => digestOf(bytes) === digest)!;
  const describeManifest = (digest: string): Descriptor => {
    const isIndex = isImageIndex(decodeManifest(find(digest)));
    return {
      mediaType: `application/vnd.oci.image.${isIndex ? "index" : "manifest"}.v1+json`,
      digest: digest as Digest,
      size: find(digest).length,
    };
  };
  return {
    resolve: async (digest) => describeManifest(digest),
    async fetchManifest(target) {
      const digest = typeof target === "string" ? target : target.digest;
      return { descriptor: describeManifest(digest), bytes: find(digest) };
    },
  };
}
