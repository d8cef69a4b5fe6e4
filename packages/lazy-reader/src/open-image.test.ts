import {
  digestOf,
  encodeIndex,
  encodeManifest,
  hostPlatform,
  OCI_CONFIG,
  OCI_INDEX,
  OCI_LAYER,
  OCI_LAYER_GZIP,
  OCI_LAYER_ZSTD,
  OCI_MANIFEST,
  OciError,
  type Descriptor,
  type Digest,
  type ReadOptions,
} from "@socikit/oci";
import { createSociIndex, decodeSociIndex, encodeSociIndex } from "@socikit/soci-index";
import { decodeZtoc, encodeZtoc, type TocEntry } from "@socikit/ztoc";
import { buildZtoc } from "@socikit/ztoc/build";
import { loadInflate } from "@socikit/inflate";
import fc from "fast-check";
import { gzipSync } from "fflate";
import { describe, expect, test } from "vitest";
import type { LazyEvent } from "./events.ts";
import { openImage, type LazyImage, type OpenImageOptions } from "./open-image.ts";
import { expectBytes } from "./testing/expect-bytes.ts";
import { fakeDecoder, fakeIndex, noise } from "./testing/fake-index.ts";
import { MemoryImages, putImage, type TestLayer } from "./testing/memory-image.ts";
import { join, writeTar, type TarFile } from "./testing/tar-writer.ts";
import { tableOf, tocEntry } from "./testing/toc-entry.ts";

const code = (code: string) => expect.objectContaining({ code });
const text = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Bytes that compress by about half, so that spans and blocks are many. */
function prose(length: number, seed = 1): Uint8Array {
  return noise(length, seed).map((byte) => 97 + (byte & 15));
}

const big = prose(300_000);
const base: TarFile[] = [
  { name: "./" },
  { name: "./etc/" },
  { name: "./etc/hosts", content: text("127.0.0.1 localhost\n") },
  { name: "./big", content: big },
  { name: "./empty" },
  { name: "./hard", type: "1", link: "./big" },
  { name: "./soft", link: "etc/hosts" },
  { name: "./tail", content: prose(200_000, 2) },
];
const upper: TarFile[] = [
  { name: "etc/.wh.hosts" },
  { name: "etc/motd", content: text("hello\n") },
  { name: "big", content: prose(50_000, 3) },
];
const packed = new Map<readonly TarFile[], Uint8Array>();
/** The layer of some files, packed once. */
function gzip(files: readonly TarFile[]): Uint8Array {
  const blob = packed.get(files) ?? gzipSync(writeTar(files), { mtime: 0 });
  packed.set(files, blob);
  return blob;
}

async function open(
  layers: readonly TestLayer[],
  options: OpenImageOptions & { readonly put?: Parameters<typeof putImage>[2] } = {},
): Promise<{ image: LazyImage; images: MemoryImages; events: LazyEvent[] }> {
  const images = new MemoryImages();
  await putImage(images, layers, options.put);
  const events: LazyEvent[] = [];
  const image = await openImage({ image: images }, "latest", { onEvent: (event) => events.push(event), ...options });
  return { image, images, events };
}

describe("openImage()", () => {
  test.for(["v1", "v2"] as const)("reads files of a %s image by ranges of its layers", async (version) => {
    const layers = [
      { blob: gzip(base), spanSize: 65_536 },
      { blob: gzip(upper), spanSize: 65_536 },
    ];
    const { image, images, events } = await open(layers, { put: { version } });
    // Opening has fetched the zTOCs and not a byte of a layer.
    expect(images.reads).toEqual([]);
    expect(images.streamed).toHaveLength(2);
    expect(events).toContainEqual(
      expect.objectContaining({ v: 1, type: "index-selected", via: version === "v1" ? "referrers" : "annotation" }),
    );
    expectBytes(await image.read("/hard"), big);
    expectBytes(await image.read("/big"), prose(50_000, 3));
    expectBytes(await image.read("etc/motd"), text("hello\n"));
    expect(await image.read("empty")).toHaveLength(0);
    await expect(image.read("/etc/hosts")).rejects.toEqual(code("ERR_LAZY_NOT_FOUND"));
    await expect(image.read("/soft")).rejects.toEqual(code("ERR_LAZY_NOT_FOUND"));
    expect(image.layers.map(({ mode }) => mode)).toEqual(["ztoc", "ztoc"]);
    await image.close();
    expect(images.open_).toBe(0);
    await expect(image.read("/hard")).rejects.toEqual(code("ERR_LAZY_CLOSED"));
  });

  test("any range of any file is the slice of the file, for every kind of layer and span size", async () => {
    const files: TarFile[] = [
      ...base,
      ...Array.from({ length: 20 }, (_, i) => ({ name: `f${i}`, content: prose(i * 997, i + 9) })),
    ];
    const wanted = files.filter(({ name, link }) => !name.endsWith("/") && link === undefined);
    const tar = writeTar(files);
    const blobs: TestLayer[] = [
      { blob: gzipSync(tar, { level: 1 }) },
      { blob: gzipSync(tar, { level: 9, filename: "layer.tar" }) },
      // Three members, cut anywhere.
      {
        blob: join(
          [tar.slice(0, 100_001), tar.slice(100_001, 333_333), tar.slice(333_333)].map((part) => gzipSync(part)),
        ),
      },
      // Stored blocks.
      { blob: gzipSync(tar, { level: 0 }) },
      { blob: tar, mediaType: OCI_LAYER },
    ];
    for (const layer of blobs)
      for (const spanSize of [0, 10_000, 65_536, 4_194_304]) {
        const { image } = await open([{ ...layer, spanSize }], { maxRequestBytes: 60_000 });
        await fc.assert(
          fc.asyncProperty(fc.constantFrom(...wanted), fc.nat(), fc.nat(), async ({ name, content }, a, b) => {
            const size = content?.length ?? 0;
            const [x, y] = [a % (size + 10), b % (size + 10)];
            const range = { start: Math.min(x, y), end: Math.max(x, y) };
            const slice = (content ?? new Uint8Array(0)).slice(range.start, range.end);
            expectBytes(await image.read(name, { range }), slice);
            const streamed: Uint8Array[] = [];
            for await (const chunk of image.stream(name, { range })) streamed.push(chunk);
            expectBytes(join(streamed), slice);
          }),
          { numRuns: 12 },
        );
      }
  });

  test("fetches of one file its spans, in one request, and once", async () => {
    const { image, images } = await open([{ blob: gzip(base), spanSize: 10_000 }]);
    await image.read("big", { range: { start: 150_000, end: 150_010 } });
    await image.read("big", { range: { start: 150_020, end: 150_030 } });
    // The header is at the front, the range is not: two requests, and none for the second read.
    expect(images.reads).toHaveLength(2);
    const few = images.reads.reduce((sum, { length }) => sum + length, 0);
    expect(few).toBeLessThan(images.blobs.get(image.layers[0]!.layer.digest)!.length / 4);
    await image.read("tail");
    expect(images.reads).toHaveLength(3);
  });

  test("64 readers of one file make one request", async () => {
    const { image, images } = await open([{ blob: gzip(base), spanSize: 4_194_304 }]);
    const all = await Promise.all(Array.from({ length: 64 }, () => image.read("big")));
    for (const bytes of all) expectBytes(bytes, big);
    expect(images.reads).toHaveLength(1);
  });

  test("reads a layer without a zTOC whole, and says so", async () => {
    const layers = [{ blob: gzip(base), spanSize: 65_536 }, { blob: gzip(upper) }];
    const { image, images, events } = await open(layers);
    expect(image.layers.map(({ mode }) => mode)).toEqual(["ztoc", "whole"]);
    expectBytes(await image.read("big"), prose(50_000, 3));
    expect(images.reads).toEqual([]);
    const opened = events.filter((event) => event.type === "layer-opened");
    expect(opened.map(({ mode, entries }) => [mode, entries]).sort()).toEqual(
      [
        ["whole", 3],
        ["ztoc", 8],
      ].sort(),
    );
    expect(events).toContainEqual(expect.objectContaining({ type: "layer-progress", bytes: layers[1]!.blob.length }));
  });

  test("reads an image without an index whole", async () => {
    const { image, events } = await open([{ blob: gzip(base) }, { blob: writeTar(upper), mediaType: OCI_LAYER }]);
    expect(events).toContainEqual(expect.objectContaining({ type: "index-missing" }));
    expect(image.index).toBeUndefined();
    expectBytes(await image.read("hard"), big);
    expectBytes(await image.read("etc/motd"), text("hello\n"));
  });

  test("gives the same ids with an index and without one", async () => {
    const ids = async (spanSize: number): Promise<string[]> => {
      const { image } = await open([
        { blob: gzip(base), spanSize },
        { blob: gzip(upper), spanSize },
      ]);
      const listed: string[] = [];
      for await (const { path, id } of image.list("/", { recursive: true })) listed.push(`${id} ${path}`);
      return listed;
    };
    expect(await ids(0)).toEqual(await ids(65_536));
  });

  test("opens a layer that the manifest has twice once", async () => {
    const layer = { blob: gzip(base), spanSize: 65_536 };
    const { image, images } = await open([layer, { blob: gzip(upper), spanSize: 65_536 }, layer]);
    expect(images.streamed).toHaveLength(2);
    expect(image.layers).toHaveLength(3);
    expect(image.layers[0]).toBe(image.layers[2]);
    expectBytes(await image.read("soft"), text("127.0.0.1 localhost\n"));
  });

  test("opens an image of no layers", async () => {
    const { image } = await open([]);
    expect(await image.stat("/")).toMatchObject({ type: "directory", mode: 0o755 });
  });

  test("never asks the places that a foreign layer names", async () => {
    const layers = [
      { blob: gzip(base), spanSize: 65_536, urls: ["https://elsewhere.example/"] },
      { blob: gzip(upper), urls: ["https://elsewhere.example/"] },
    ];
    const images = new MemoryImages();
    await putImage(images, layers);
    const asked: object[] = [];
    const watching = new Proxy(images, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key);
        if (typeof value !== "function") return value;
        return (...args: unknown[]) => {
          if (key === "open" || key === "stream") asked.push(args[0] as object);
          return (value as (...args: unknown[]) => unknown).apply(target, args);
        };
      },
    });
    const image = await openImage({ image: watching }, "latest");
    await image.read("big");
    await image.read("hard");
    expect(asked.length).toBeGreaterThan(2);
    expect(asked.filter((blob) => "urls" in blob)).toEqual([]);
  });

  test("finds indexes elsewhere than the image", async () => {
    const images = new MemoryImages();
    await putImage(images, [{ blob: gzip(base), spanSize: 65_536 }]);
    const bare = new MemoryImages();
    await putImage(bare, [{ blob: gzip(base) }]);
    const image = await openImage({ image: bare, index: images }, "latest");
    expect(image.layers[0]!.mode).toBe("ztoc");
    expectBytes(await image.read("hard"), big);
    expect([bare.reads.length, images.reads.length]).toEqual([1, 0]);
  });

  test("uses the index that it is told to", async () => {
    const images = new MemoryImages();
    const { index } = await putImage(images, [{ blob: gzip(base), spanSize: 65_536 }]);
    await putImage(images, [{ blob: gzip(base), spanSize: 10_000 }]);
    const image = await openImage({ image: images }, "latest", { indexDigest: index!.digest });
    expect(image.index?.digest).toBe(index!.digest);
  });

  test("an image port that lists no referrers has none", async () => {
    const images = new MemoryImages();
    await putImage(images, [{ blob: gzip(base), spanSize: 65_536 }]);
    const { image, index } = await openImage(
      {
        image: {
          resolve: (name) => images.resolve(name),
          fetchManifest: (name) => images.fetchManifest(name),
          stat: (digest) => images.stat(digest),
          open: (blob) => images.open(blob),
          stream: (blob) => images.stream(blob),
        },
      },
      "latest",
    ).then((image) => ({ image, index: image.index }));
    expect(index).toBeUndefined();
    expect(image.layers[0]!.mode).toBe("whole");
  });

  test("rejects with its signal's reason, and leaves nothing open", async () => {
    const images = new MemoryImages();
    await putImage(images, [{ blob: gzip(base) }]);
    await expect(openImage({ image: images }, "latest", { signal: AbortSignal.abort("no") })).rejects.toBe("no");
    const controller = new AbortController();
    const opening = openImage({ image: images }, "latest", {
      signal: controller.signal,
      onEvent: (event) => event.type === "index-missing" && controller.abort(new Error("enough")),
    });
    await expect(opening).rejects.toThrow("enough");
  });

  test("one signal for many layers, spans and reads makes no warning of a leak", async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): unknown => warnings.push(warning);
    process.on("warning", onWarning);
    const { signal } = new AbortController();
    const layers = Array.from({ length: 30 }, (_, i) => ({
      blob: gzipSync(writeTar([{ name: `f${i}`, content: prose(40_000, i + 1) }])),
      spanSize: i % 2 === 0 ? 1000 : 0,
    }));
    const { image } = await open(layers, { signal });
    await Promise.all(layers.map((_, i) => image.read(`f${i}`, { signal })));
    await new Promise((resolve) => setTimeout(resolve, 1));
    process.off("warning", onWarning);
    expect(warnings).toEqual([]);
  });

  test("reads reach the blob with their priority and a signal, from its opening on", async () => {
    const images = new MemoryImages();
    await putImage(images, [{ blob: gzip(base), spanSize: 65_536 }, { blob: gzip(upper) }]);
    const asked: string[] = [];
    const noted = (what: string, options?: ReadOptions): void => {
      asked.push(`${what} ${options?.priority}${options?.signal === undefined ? "" : " with a signal"}`);
    };
    const watching: MemoryImages = Object.assign(Object.create(images) as MemoryImages, {
      fetchManifest: (target: string, options?: ReadOptions) => (
        noted("manifest", options),
        images.fetchManifest(target)
      ),
      stream: (blob: Descriptor, options?: ReadOptions) => (noted("stream", options), images.stream(blob)),
      referrers: (subject: Digest, options?: ReadOptions) => (noted("referrers", options), images.referrers(subject)),
      open: async (blob: Descriptor, options?: ReadOptions) => {
        noted("open", options);
        const source = await images.open(blob);
        return {
          ...source,
          read: (at: number, length: number, reading?: ReadOptions) => (
            noted("read", reading),
            source.read(at, length, reading)
          ),
        };
      },
    });
    const { signal } = new AbortController();
    const image = await openImage({ image: watching }, "latest", { priority: "prefetch", signal });
    expect(new Set(asked.splice(0))).toEqual(
      new Set(["manifest", "stream", "referrers"].map((what) => `${what} prefetch with a signal`)),
    );
    await image.read("hard", { priority: "background" });
    expect(asked).toEqual(["open background with a signal", "read background with a signal"]);
  });

  test("asks for one thing after another only where the one names the other", async () => {
    const images = new MemoryImages();
    await putImage(
      images,
      [base, upper, [...base, ...upper]].map((files) => ({ blob: gzip(files), spanSize: 65_536 })),
      { nested: 1 },
    );
    // Everything that is asked for in one turn of the event loop is on its way together.
    const rounds: string[][] = [];
    let turn: Promise<void> | undefined;
    const asked = async (what: string): Promise<void> => {
      if (turn === undefined) {
        rounds.push([]);
        turn = new Promise((resolve) => setTimeout(resolve, 5));
        void turn.then(() => (turn = undefined));
      }
      rounds.at(-1)!.push(what);
      await turn;
    };
    const slow: MemoryImages = Object.assign(Object.create(images) as MemoryImages, {
      fetchManifest: async (target: string) => (await asked("manifest"), images.fetchManifest(target)),
      async *referrers(subject: Digest) {
        await asked("referrers");
        yield* images.referrers(subject);
      },
      stream: async (blob: Descriptor) => (await asked("blob"), images.stream(blob)),
      open: async (blob: Descriptor) => (await asked("layer"), images.open(blob)),
    });
    const image = await openImage({ image: slow }, "latest");
    expect(rounds.splice(0)).toEqual([
      ["manifest"],
      ["manifest"],
      ["referrers"],
      ["manifest"],
      ["blob", "blob", "blob"],
    ]);
    await image.read("etc/motd");
    expect(rounds).toEqual([["layer"]]);
  });

  test("a stream that is cancelled ends its fetch", async () => {
    const { image, images } = await open([{ blob: gzip(base), spanSize: 10_000 }], { maxRequestBytes: 20_000 });
    const reader = image.stream("big").getReader();
    expect((await reader.read()).value?.length).toBeGreaterThan(0);
    await reader.cancel();
    const before = images.reads.length;
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(images.reads.length).toBe(before);
    expect(before).toBeLessThan(6);
  });
});

describe("openImage() by indexes of another kind", () => {
  const output = writeTar([{ name: "fake", content: prose(5000) }]);
  const toc = tableOf([tocEntry("fake", { uncompressedSize: 5000 })]);

  test("reads a layer by what is found for it, the others by the SOCI index or whole", async () => {
    const { index, blob } = fakeIndex(output, 1000, { toc, slow: true });
    const images = new MemoryImages();
    const gzipped = { blob: gzip(base), spanSize: 65_536 };
    await putImage(images, [{ blob, mediaType: OCI_LAYER }, gzipped, { blob: gzip(upper) }]);
    const asked: Digest[] = [];
    const events: LazyEvent[] = [];
    const inflate = await loadInflate();
    const flipping = fakeDecoder();
    const image = await openImage(
      {
        image: images,
        // The fake layer's decoder, and that of the others.
        decoder: {
          decode: (start, compressed, want, options) =>
            compressed.length <= 1000
              ? flipping.decode(start, compressed, want, options)
              : inflate.decoder.decode(start, compressed, want, options),
        },
        layerIndex: async (layer) => {
          asked.push(layer.digest);
          await Promise.resolve();
          if (layer.digest !== digestOf(blob)) return undefined;
          return { size: 77, fetch: () => Promise.resolve({ ...index, layer, compression: "gzip" }) };
        },
      },
      "latest",
      { onEvent: (event) => events.push(event) },
    );
    expect(asked).toHaveLength(3);
    expect(image.layers.map(({ mode }) => mode)).toEqual(["fake", "ztoc", "whole"]);
    expect(events).toContainEqual(
      expect.objectContaining({ type: "layer-opened", mode: "fake", bytes: 77, entries: 1 }),
    );
    expectBytes(await image.read("fake"), prose(5000));
    expectBytes(await image.read("tail"), prose(200_000, 2));
  });
  test("holds them to the same budget, and passes on what goes wrong", async () => {
    const { index, blob } = fakeIndex(output, 1000, { toc });
    const images = new MemoryImages();
    await putImage(images, [{ blob, mediaType: OCI_LAYER }]);
    const found = { size: 100, fetch: () => Promise.resolve(index) };
    const at = (maxZtocBytes: number) =>
      openImage({ image: images, layerIndex: () => found }, "latest", { maxZtocBytes });
    expect((await at(100)).layers[0]!.mode).toBe("fake");
    await expect(at(99)).rejects.toEqual(code("ERR_LAZY_INDEX_TOO_LARGE"));
    const failing = openImage({ image: images, layerIndex: () => Promise.reject(new Error("no luck")) }, "latest");
    await expect(failing).rejects.toThrow("no luck");
  });
});

describe("openImage() of several platforms", () => {
  const arm = { os: "linux", architecture: "arm64" };
  test("takes the only one there is, through indexes in indexes, and names it", async () => {
    for (const nested of [1, 3]) {
      const { image } = await open([{ blob: gzip(upper) }], { put: { nested, platform: arm } });
      expect(image.platform).toMatchObject(arm);
    }
  });
  test("takes the host's of several, unless told otherwise", async () => {
    const images = new MemoryImages();
    const children = [];
    for (const architecture of ["s390x", hostPlatform().architecture, "riscv64"]) {
      const platform = { os: "linux", architecture };
      const { manifest } = await putImage(images, [{ blob: gzip(upper) }], { platform });
      children.push({ ...manifest, platform });
    }
    const index = encodeIndex({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: children });
    images.putManifest(index, OCI_INDEX, "many");
    const chosen = async (options?: OpenImageOptions) =>
      (await openImage({ image: images }, "many", options)).platform?.architecture;
    expect(await chosen()).toBe(hostPlatform().architecture);
    expect(await chosen({ hostPlatform: { os: "linux", architecture: "s390x" } })).toBe("s390x");
    expect(await chosen({ platform: "linux/riscv64" })).toBe("riscv64");
    await expect(chosen({ hostPlatform: arm, platform: "linux/mips" })).rejects.toEqual(
      code("ERR_OCI_PLATFORM_NOT_FOUND"),
    );
    await expect(chosen({ hostPlatform: { os: "linux", architecture: "mips" } })).rejects.toEqual(
      code("ERR_OCI_PLATFORM_NOT_FOUND"),
    );
  });
  test("refuses a platform that is not there, in an index or by the image's own config", async () => {
    for (const nested of [0, 1]) {
      const opening = open([{ blob: gzip(upper) }], { put: { nested, platform: arm }, platform: "linux/riscv64" });
      await expect(opening).rejects.toEqual(code("ERR_OCI_PLATFORM_NOT_FOUND"));
      const { image } = await open([{ blob: gzip(upper) }], {
        put: { nested, platform: arm },
        platform: "linux/arm64",
      });
      await image.close();
    }
  });
  test("takes four indexes in one another, and refuses a fifth", async () => {
    await open([{ blob: gzip(upper) }], { put: { nested: 4 } });
    await expect(open([{ blob: gzip(upper) }], { put: { nested: 5 } })).rejects.toEqual(code("ERR_LAZY_NOT_AN_IMAGE"));
  });
});

describe("openImage() verifies", () => {
  async function opened(
    spoil: (images: MemoryImages, manifest: Digest, index: Digest | undefined) => void | Promise<void>,
    layers?: TestLayer[],
  ) {
    const images = new MemoryImages();
    const put = await putImage(images, layers ?? [{ blob: gzip(base), spanSize: 10_000 }]);
    await spoil(images, put.manifest.digest, put.index?.digest);
    return openImage({ image: images }, put.manifest.digest);
  }
  const flipped = (bytes: Uint8Array, at: number): Uint8Array => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));
  const spoilManifest = (images: MemoryImages, digest: Digest): void => {
    const { descriptor, bytes } = images.manifests.get(digest)!;
    images.manifests.set(digest, { descriptor, bytes: join([bytes.slice(0, -1), text(" }")]) });
  };

  test("the manifest", async () => {
    await expect(opened((images, manifest) => spoilManifest(images, manifest))).rejects.toEqual(
      code("ERR_OCI_SIZE_MISMATCH"),
    );
    const another = opened((images, manifest) => {
      images.manifests.set(manifest, {
        ...images.manifests.get(manifest)!,
        bytes: flipped(images.manifests.get(manifest)!.bytes, 30),
      });
    });
    await expect(another).rejects.toEqual(code("ERR_OCI_DIGEST_MISMATCH"));
  });
  test("that a digest gets its manifest, and no other", async () => {
    const images = new MemoryImages();
    const { manifest } = await putImage(images, [{ blob: gzip(base) }]);
    const { manifest: other } = await putImage(images, [{ blob: gzip(upper) }]);
    images.manifests.set(manifest.digest, images.manifests.get(other.digest)!);
    await expect(openImage({ image: images }, manifest.digest)).rejects.toEqual(code("ERR_OCI_DIGEST_MISMATCH"));
  });
  test("the index that the image names", async () => {
    const images = new MemoryImages();
    const { index } = await putImage(images, [{ blob: gzip(base), spanSize: 10_000 }], { version: "v2" });
    spoilManifest(images, index!.digest);
    await expect(openImage({ image: images }, "latest")).rejects.toEqual(code("ERR_OCI_SIZE_MISMATCH"));
  });
  test.for([
    ["changed", (bytes: Uint8Array) => flipped(bytes, 100), "ERR_OCI_DIGEST_MISMATCH"],
    ["cut", (bytes: Uint8Array) => bytes.slice(0, -1), "ERR_OCI_SIZE_MISMATCH"],
    ["longer", (bytes: Uint8Array) => join([bytes, Uint8Array.of(0)]), "ERR_OCI_TOO_LARGE"],
  ] as const)("a zTOC that was %s", async ([, spoil, want]) => {
    const opening = opened((images) => {
      for (const [digest, bytes] of images.blobs) if (bytes.length > 34_000) images.blobs.set(digest, spoil(bytes));
    });
    await expect(opening).rejects.toEqual(code(want));
  });
  test.for([
    ["changed in a way that gzip sees", (bytes: Uint8Array) => flipped(bytes, 200), "ERR_OCI_DIGEST_MISMATCH"],
    ["changed where gzip does not look", (bytes: Uint8Array) => flipped(bytes, 4), "ERR_OCI_DIGEST_MISMATCH"],
    ["cut", (bytes: Uint8Array) => bytes.slice(0, -1), "ERR_OCI_SIZE_MISMATCH"],
    ["longer", (bytes: Uint8Array) => join([bytes, Uint8Array.of(0)]), "ERR_OCI_SIZE_MISMATCH"],
  ] as const)("a whole layer that was %s", async ([, spoil, want]) => {
    const blob = gzip(base);
    const opening = opened((images) => void images.blobs.set(digestOf(blob), spoil(blob)), [{ blob }]);
    await expect(opening).rejects.toEqual(code(want));
  });
  test("the size of the layer that a zTOC is of", async () => {
    const ztocOfAnother = (
      await buildZtoc(
        (async function* () {
          yield gzip(upper);
        })(),
        { compression: "gzip" },
      )
    ).bytes;
    const opening = opened(() => {}, [{ blob: gzip(base), spanSize: 10_000, ztoc: () => ztocOfAnother }]);
    await expect(opening).rejects.toEqual(code("ERR_LAZY_INDEX_MISMATCH"));
  });
  test("that a zTOC is one", async () => {
    const opening = opened(() => {}, [{ blob: gzip(base), spanSize: 10_000, ztoc: () => new Uint8Array(40_000) }]);
    await expect(opening).rejects.toEqual(code("ERR_LAZY_INVALID_INDEX"));
  });
  test("that a layer is what its media type says", async () => {
    const images = new MemoryImages();
    await putImage(images, [{ blob: writeTar(base), mediaType: OCI_LAYER_GZIP }]);
    await expect(openImage({ image: images }, "latest")).rejects.toEqual(code("ERR_LAZY_LAYER_DATA"));
  });
});

describe("reading by a zTOC that does not tell the truth", () => {
  /** An image whose zTOC was changed before it was stored, so that all digests fit. */
  async function tampered(
    change: (ztoc: ReturnType<typeof decodeZtoc>) => ReturnType<typeof decodeZtoc>,
    files = base,
  ) {
    const ztoc = (bytes: Uint8Array): Uint8Array => encodeZtoc(change(decodeZtoc(bytes)));
    return open([{ blob: gzip(files), spanSize: 65_536, ztoc }]);
  }
  const entries = (
    ztoc: ReturnType<typeof decodeZtoc>,
    change: (entry: ReturnType<typeof decodeZtoc>["toc"] extends Iterable<infer E> ? E : never) => typeof entry,
  ) => {
    const toc = [...ztoc.toc].map(change);
    return {
      ...ztoc,
      toc: { length: toc.length, at: (i: number) => toc[i]!, [Symbol.iterator]: () => toc[Symbol.iterator]() },
    };
  };

  test.for([
    ["name", { name: "./gib" as never }, "./gib"],
    ["mode", { mode: 0o4755 }, "big"],
    ["owner", { uid: 1000 }, "big"],
    ["time", { modTime: "2001-01-01T00:00:00Z" }, "big"],
    ["size", { uncompressedSize: 299_999 }, "big"],
  ] as const)("a false %s is found when the file is first read", async ([, change, path]) => {
    const { image } = await tampered((ztoc) =>
      entries(ztoc, (entry) => (entry.name === "./big" ? { ...entry, ...change } : entry)),
    );
    await expect(image.read(path)).rejects.toEqual(code("ERR_LAZY_HEADER_MISMATCH"));
    // From any place of it, also far from the header; and as often as it is tried.
    await expect(image.read(path, { range: { start: 200_000, end: 200_010 } })).rejects.toEqual(
      code("ERR_LAZY_HEADER_MISMATCH"),
    );
    await expect(image.read(path)).rejects.toEqual(code("ERR_LAZY_HEADER_MISMATCH"));
    // The others are none the worse.
    expectBytes(await image.read("etc/hosts"), text("127.0.0.1 localhost\n"));
  });
  test("a file that is said to be empty is looked at, too", async () => {
    const { image } = await tampered((ztoc) =>
      entries(ztoc, (entry) => (entry.name === "./tail" ? { ...entry, uncompressedSize: 0 } : entry)),
    );
    await expect(image.read("tail")).rejects.toEqual(code("ERR_LAZY_HEADER_MISMATCH"));
  });
  test("content that is said to be elsewhere is not given", async () => {
    const { image } = await tampered((ztoc) =>
      entries(ztoc, (entry) =>
        entry.name === "./tail"
          ? { ...entry, uncompressedOffset: entry.uncompressedOffset + 512, uncompressedSize: 100 }
          : entry,
      ),
    );
    await expect(image.read("tail")).rejects.toEqual(code("ERR_LAZY_HEADER_MISMATCH"));
  });
  /** What comes of a file by every way there is, and the error that each way ends with. */
  async function givenOut(image: LazyImage, path: string): Promise<{ bytes: number; codes: Set<unknown> }> {
    const codes = new Set<unknown>();
    let bytes = 0;
    const count = async (chunks: AsyncIterable<Uint8Array>): Promise<void> => {
      try {
        for await (const chunk of chunks) bytes += chunk.length;
        codes.add("read");
      } catch (error) {
        codes.add((error as { code?: unknown }).code);
      }
    };
    const { id, size } = await image.resolve(path);
    const ranges = [
      undefined,
      { start: 0, end: 1 },
      { start: 0, end: 0 },
      { start: 5, end: 700 },
      { start: size, end: size },
    ];
    for (const range of [...ranges, { start: Math.floor(size / 2), end: size }]) {
      await count(image.stream(path, { range }));
      await count(
        (async function* () {
          yield await image.read(path, { range });
        })(),
      );
      await count(
        (async function* () {
          yield* (await image.tree.open(id)).chunks(range?.start ?? 0, range?.end ?? size);
        })(),
      );
    }
    return { bytes, codes };
  }
  // Where a header lies is not written down: it follows from where the entry before ends, and so from the false place.
  const forgeries = [
    [
      "begins where its header does",
      (e: TocEntry) => ({ uncompressedOffset: e.headerOffset }),
      "ERR_LAZY_ENTRY_REFUSED",
    ],
    [
      "begins in its header",
      (e: TocEntry) => ({ uncompressedOffset: e.headerOffset + 100 }),
      "ERR_LAZY_HEADER_MISMATCH",
    ],
    [
      "begins a block later",
      (e: TocEntry) => ({ uncompressedOffset: e.headerOffset + 1024 }),
      "ERR_LAZY_HEADER_MISMATCH",
    ],
    ["has another mode", () => ({ mode: 0o777 }), "ERR_LAZY_HEADER_MISMATCH"],
  ] as const;
  test.for(
    forgeries.flatMap((forgery) =>
      (["./big", "./empty", "./etc/hosts"] as const).map((name) => [name, ...forgery] as const),
    ),
  )("not a byte of %s comes out by any way where the index says that it %s", async ([name, , change, want]) => {
    const { image } = await tampered((ztoc) =>
      entries(ztoc, (entry) => (entry.name === name ? { ...entry, ...change(entry) } : entry)),
    );
    // A hard link and a symlink lead to the same entry.
    const others = name === "./big" ? ["hard"] : name === "./etc/hosts" ? ["soft"] : [];
    for (const path of [name, ...others])
      expect(await givenOut(image, path)).toEqual({ bytes: 0, codes: new Set([want]) });
  });
  test("a hard link to a file that tells the truth is read by every way", async () => {
    const { image } = await tampered((ztoc) => ztoc);
    const { bytes, codes } = await givenOut(image, "hard");
    expect(codes).toEqual(new Set(["read"]));
    expect(bytes).toBeGreaterThan(3 * big.length);
  });
  test("a file that ends past the layer is refused, the rest is read", async () => {
    const { image } = await tampered((ztoc) =>
      entries(ztoc, (entry) => (entry.name === "./tail" ? { ...entry, uncompressedSize: 10_000_000 } : entry)),
    );
    await expect(image.read("tail")).rejects.toEqual(code("ERR_LAZY_ENTRY_REFUSED"));
    expectBytes(await image.read("big"), big);
  });
  test("a sparse file is refused: its content is not where the index says", async () => {
    const pax = {
      "GNU.sparse.major": "0",
      "GNU.sparse.minor": "1",
      "GNU.sparse.numblocks": "1",
      "GNU.sparse.map": "0,3",
      "GNU.sparse.size": "3",
    };
    const { image } = await open([{ blob: gzip([{ name: "s", content: text("abc"), pax }]), spanSize: 65_536 }]);
    await expect(image.read("s")).rejects.toEqual(code("ERR_LAZY_ENTRY_REFUSED"));
  });

  /** A window with one bit changed, of a byte that the span refers to. */
  const spoilWindow = (span: number) => (ztoc: ReturnType<typeof decodeZtoc>) => {
    const zinfo = ztoc.compression.zinfo.slice();
    // 12 bytes in front, then 32785 a checkpoint, its window last.
    for (let i = 0; i < 32_768; i++) zinfo[12 + span * 32_785 + 17 + i]! ^= 1;
    return { ...ztoc, compression: { ...ztoc.compression, zinfo } };
  };
  test("a false window is found once the span before it has been decoded", async () => {
    const { image } = await tampered(spoilWindow(3));
    const [from, until] = [big.length - 100_000, big.length];
    await expect(image.read("big")).rejects.toEqual(code("ERR_LAZY_WINDOW_MISMATCH"));
    await expect(image.read("big", { range: { start: from, end: until } })).rejects.toEqual(
      code("ERR_LAZY_WINDOW_MISMATCH"),
    );
    expectBytes(await image.read("etc/hosts"), text("127.0.0.1 localhost\n"));
  });
  test("reads say what they stand on: rooted, then chained; a whole layer is proven", async () => {
    const { image } = await open([{ blob: gzip(base), spanSize: 65_536 }, { blob: gzip(upper) }]);
    expect(await image.tierOf("tail")).toBe(1);
    await image.read("tail");
    const range = { start: 150_000, end: 200_000 };
    expect(await image.tierOf("tail", { range })).toBe(2);
    await image.read("hard");
    expect([await image.tierOf("tail"), await image.tierOf("hard"), await image.tierOf("big")]).toEqual([2, 2, 3]);
  });
  test("a layer that changed under its index is found by the spans' digests", async () => {
    const images = new MemoryImages();
    const blob = gzip(base);
    await putImage(images, [{ blob, spanSize: 65_536 }]);
    images.blobs.set(
      digestOf(blob),
      blob.map((byte, i) => (i === 60_000 ? byte ^ 1 : byte)),
    );
    const events: LazyEvent[] = [];
    const image = await openImage({ image: images }, "latest", { onEvent: (event) => events.push(event) });
    await expect(image.read("hard")).rejects.toEqual(code("ERR_LAZY_SPAN_DIGEST"));
    expect(events.filter(({ type }) => type === "span-mismatch")).toHaveLength(1);
    expectBytes(await image.read("soft"), text("127.0.0.1 localhost\n"));
  });
});

test("a zTOC changed anywhere gives files as they are, or coded errors, when they are read in order", async () => {
  const files: TarFile[] = Array.from({ length: 12 }, (_, i) => ({ name: `f${i}`, content: prose(i * 1500, i + 1) }));
  const truth = new Map(files.map(({ name, content }) => [`/${name}`, content!]));
  const image = new MemoryImages();
  const blob = gzipSync(writeTar(files), { mtime: 0 });
  const { manifest } = await putImage(image, [{ blob }]);
  const layer = { mediaType: OCI_LAYER_GZIP, digest: digestOf(blob), size: blob.length };
  const { bytes } = await buildZtoc(new Blob([blob.slice()]).stream(), { compression: "gzip", spanSize: 10_000 });
  // Where it matters most: the table of contents, and the fields of the checkpoints, which end the zTOC.
  const place = fc.oneof(
    fc.nat(bytes.length - 1),
    fc.nat(4000),
    fc.tuple(fc.nat(4), fc.nat(16)).map(([i, j]) => bytes.length - 200 - i * 32_785 - j),
  );
  const change = fc.tuple(place, fc.integer({ min: 1, max: 255 }));
  let failed = 0;
  const expectCode = (error: unknown): void => {
    failed++;
    if (!/^ERR_(?:LAZY|OCI)_/.test(String((error as { code?: unknown }).code))) throw error;
  };
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
      const changed = bytes.slice();
      for (const [at, mask] of changes) changed[at]! ^= mask;
      const index = new MemoryImages();
      const ztoc = index.putBlob(changed, "application/octet-stream");
      index.putManifest(
        encodeSociIndex(createSociIndex("v1", [{ layer, ztoc, spanSize: 10_000 }], manifest)),
        OCI_MANIFEST,
      );
      const opened = await openImage({ image, index }, "latest").catch(expectCode);
      if (opened === undefined) return;
      for await (const { id, path, type, size } of opened.list("/", { recursive: true })) {
        if (type !== "file") continue;
        const content = await opened.tree
          .open(id)
          .then((file) => file.read(0, size))
          .catch(expectCode);
        if (content !== undefined) expectBytes(content, truth.get(path) ?? new Uint8Array(0));
      }
    }),
    { numRuns: Number(process.env["FUZZ_RUNS"] ?? 200), endOnFailure: true },
  );
  expect(failed).toBeGreaterThan(20);
});

describe("openImage() by the first index that can be used", () => {
  const truncated = (bytes: Uint8Array): Uint8Array => bytes.slice(0, -1);
  type Spoil = (images: MemoryImages, ztoc: Digest) => void;
  const notFound = (message: string): Error => Object.assign(new Error(message), { notFound: true });
  /** An image with broken indexes in front of a good one. */
  async function images(broken: number, how: { readonly ztoc?: TestLayer["ztoc"]; readonly spoil?: Spoil }) {
    const images = new MemoryImages();
    const layer = { blob: gzip(base) };
    const listed: Digest[] = [];
    for (let i = 0; i < broken; i++) {
      // Another span size is another index.
      const { index } = await putImage(images, [{ ...layer, spanSize: 20_000 + i, ztoc: how.ztoc }]);
      how.spoil?.(images, decodeSociIndex(images.manifests.get(index!.digest)!.bytes).blobs[0]!.digest);
      listed.push(index!.digest);
    }
    const { index, manifest } = await putImage(images, [{ ...layer, spanSize: 65_536 }]);
    const { stream } = images;
    images.stream = (blob) =>
      images.blobs.has(blob.digest) ? stream.call(images, blob) : Promise.reject(notFound(`no blob ${blob.digest}`));
    return { images, listed, good: index!.digest, manifest };
  }
  const ztocOfAnother = async (): Promise<Uint8Array> =>
    (await buildZtoc(new Blob([gzip(upper).slice()]).stream(), { compression: "gzip" })).bytes;

  test.for<readonly [what: string, how: { ztoc?: TestLayer["ztoc"]; spoil?: Spoil }, code: string | undefined]>([
    ["truncated", { ztoc: truncated }, "ERR_LAZY_INVALID_INDEX"],
    ["no zTOC", { ztoc: () => new Uint8Array(40_000) }, "ERR_LAZY_INVALID_INDEX"],
    ["missing", { spoil: (images, ztoc) => void images.blobs.delete(ztoc) }, undefined],
    [
      "of another digest",
      {
        spoil: (images, ztoc) =>
          void images.blobs.set(
            ztoc,
            images.blobs.get(ztoc)!.map((byte) => byte ^ 1),
          ),
      },
      "ERR_OCI_DIGEST_MISMATCH",
    ],
    [
      "of another size",
      { spoil: (images, ztoc) => void images.blobs.set(ztoc, truncated(images.blobs.get(ztoc)!)) },
      "ERR_OCI_SIZE_MISMATCH",
    ],
  ])("goes on to the next where the zTOC of the first is %s", async ([, how, want]) => {
    const { images: port, listed, good } = await images(1, how);
    const events: LazyEvent[] = [];
    const image = await openImage({ image: port }, "latest", { onEvent: (event) => events.push(event) });
    expect(image.index?.digest).toBe(good);
    expectBytes(await image.read("hard"), big);
    const told = events.flatMap((event) => ("index" in event && event.type !== "discovery" ? [event] : []));
    expect(told).toEqual([
      expect.objectContaining({ type: "index-selected", index: listed[0] }),
      { v: 1, type: "index-rejected", index: listed[0], message: expect.stringMatching(/^Cannot|^no blob/) },
      expect.objectContaining({ type: "index-selected", index: good, via: "referrers" }),
    ]);
    // With nothing behind it, its error comes out.
    port.manifests.delete(good);
    const error: unknown = await openImage({ image: port }, "latest").catch((error: unknown) => error);
    expect(error).toEqual(want === undefined ? expect.objectContaining({ notFound: true }) : code(want));
    // What somebody names is never replaced.
    await expect(openImage({ image: port }, "latest", { indexDigest: listed[0] })).rejects.toThrow(
      (error as Error).message,
    );
  });

  test("goes on where the first is of a layer of another size, and says what is wrong with it where none is good", async () => {
    const ztoc = await ztocOfAnother();
    const { images: port, listed, good } = await images(1, { ztoc: () => ztoc });
    expect((await openImage({ image: port }, "latest")).index?.digest).toBe(good);
    const named = openImage({ image: port }, "latest", { indexDigest: listed[0]! });
    await expect(named).rejects.toEqual(code("ERR_LAZY_INDEX_MISMATCH"));
  });

  test("goes on where the first leaves out a layer that is too large to be read whole", async () => {
    const port = new MemoryImages();
    const { manifest } = await putImage(port, [{ blob: gzip(base) }]);
    const empty = port.putManifest(encodeSociIndex(createSociIndex("v1", [], manifest)), OCI_MANIFEST);
    const { index } = await putImage(port, [{ blob: gzip(base), spanSize: 65_536 }]);
    const rejected: LazyEvent[] = [];
    const image = await openImage({ image: port }, "latest", {
      maxWholeLayerBytes: 1000,
      onEvent: (event) => event.type === "index-rejected" && rejected.push(event),
    });
    expect(image.index?.digest).toBe(index!.digest);
    expect(rejected).toEqual([expect.objectContaining({ index: empty.digest })]);
  });

  test("tries the newest after the first, and 32 in all", async () => {
    // The good one is the last of forty.
    const many = await images(40, { ztoc: truncated });
    const rejected: Digest[] = [];
    const onEvent = (event: LazyEvent): void => void (event.type === "index-rejected" && rejected.push(event.index));
    expect((await openImage({ image: many.images }, "latest", { onEvent })).index?.digest).toBe(many.good);
    expect(rejected).toEqual(many.listed.slice(0, 1));
    // Without it, it is said that there are more, and how one is used.
    many.images.manifests.delete(many.good);
    rejected.length = 0;
    const error: unknown = await openImage({ image: many.images }, "latest", { onEvent }).catch(
      (error: unknown) => error,
    );
    expect(error).toEqual(code("ERR_LAZY_INVALID_INDEX"));
    expect((error as Error).message).toMatch(/any of the 32 .* \(--index DIGEST\).*Cannot use zTOC/);
    expect(rejected).toHaveLength(32);
    expect(rejected.slice(0, 2)).toEqual([many.listed[0], many.listed.at(-1)]);
    expect(many.images.open_).toBe(0);
  });

  test("throws the first one's error where none of a few is good", async () => {
    const { images: port, listed, good } = await images(3, { ztoc: truncated });
    port.manifests.delete(good);
    port.blobs.delete(decodeSociIndex(port.manifests.get(listed[0]!)!.bytes).blobs[0]!.digest);
    await expect(openImage({ image: port }, "latest")).rejects.toEqual(expect.objectContaining({ notFound: true }));
    expect(port.open_).toBe(0);
  });

  test("fetches a broken zTOC once, however many indexes name it", async () => {
    const { images: port, listed, manifest, good } = await images(1, { ztoc: truncated });
    port.manifests.delete(good);
    const { blobs } = decodeSociIndex(port.manifests.get(listed[0]!)!.bytes);
    const layer = JSON.parse(new TextDecoder().decode(port.manifests.get(manifest.digest)!.bytes))
      .layers[0] as Descriptor;
    for (let i = 0; i < 3; i++) {
      const index = createSociIndex("v1", [{ layer, ztoc: blobs[0]!, spanSize: 65_536 }], manifest, {
        buildToolIdentifier: `${i}`,
      });
      port.putManifest(encodeSociIndex(index), OCI_MANIFEST);
    }
    const { stream } = port;
    let asked = 0;
    port.stream = (blob) => {
      asked++;
      return stream.call(port, blob);
    };
    const rejected: LazyEvent[] = [];
    const opening = openImage({ image: port }, "latest", {
      onEvent: (event) => event.type === "index-rejected" && rejected.push(event),
    });
    await expect(opening).rejects.toEqual(code("ERR_LAZY_INVALID_INDEX"));
    expect(rejected).toHaveLength(4);
    expect(asked).toBe(1);
  });

  test.for(["the network", "an abort", "the layer itself"] as const)(
    "does not go on for an error of %s",
    async (of) => {
      const { images: port, listed } = await images(1, {});
      const controller = new AbortController();
      const error = Object.assign(new Error("reset"), { retryable: true });
      const { stream } = port;
      let asked = 0;
      port.stream = (blob) => {
        asked++;
        if (of === "the network") return Promise.reject(error);
        if (of === "an abort") {
          controller.abort(error);
          // A port may answer an abort with an error of its own, which looks like one of the index.
          return Promise.reject(notFound("gone"));
        }
        return stream.call(port, blob);
      };
      const layerFails = of === "the layer itself";
      if (layerFails) {
        // One layer has a zTOC, which is good; the other's blob is not what it is called.
        const { index } = await putImage(port, [{ blob: gzip(base), spanSize: 65_536 }, { blob: gzip(upper) }]);
        port.blobs.set(digestOf(gzip(upper)), text("no"));
        expect(index).toBeDefined();
      }
      const rejected: LazyEvent[] = [];
      const opening = openImage({ image: port }, "latest", {
        signal: controller.signal,
        onEvent: (event) => event.type === "index-rejected" && rejected.push(event),
      });
      if (layerFails) await expect(opening).rejects.toEqual(code("ERR_OCI_SIZE_MISMATCH"));
      else await expect(opening).rejects.toBe(error);
      expect(rejected).toEqual([]);
      expect(asked).toBe(layerFails ? 2 : 1);
      expect(listed).toHaveLength(1);
    },
  );
});

describe("openImage() merges", () => {
  /** An image that names one layer many times, whose index has so many entries. */
  function repeated(times: number, entries: number): Parameters<typeof openImage>[0] {
    const images = new MemoryImages();
    const layer = images.putBlob(text("layer"), OCI_LAYER);
    const config = images.putBlob(text("{}"), OCI_CONFIG);
    const layers = Array.from({ length: times }, () => layer);
    images.putManifest(
      encodeManifest({ schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers }),
      OCI_MANIFEST,
      "latest",
    );
    const toc = tableOf(Array.from({ length: entries }, (_, i) => tocEntry(`d${i}/`)));
    const { index } = fakeIndex(text("layer"), 1000, { toc });
    const layerIndex = () => ({ size: 10, fetch: () => Promise.resolve({ ...index, layer }) });
    return { image: images, layerIndex };
  }

  test("as many entries of all layers together as may be, and not one more", async () => {
    const ports = repeated(10, 50);
    const image = await openImage(ports, "latest", { maxMergedEntries: 500 });
    expect(image.layers).toHaveLength(10);
    expect(image.tree.source(2)).toMatchObject({ entry: 0 });
    await expect(openImage(ports, "latest", { maxMergedEntries: 499 })).rejects.toEqual(
      code("ERR_LAZY_TOO_MANY_ENTRIES"),
    );
    // Directories over directories are the same entries of the tree.
    await openImage(ports, "latest", { maxTreeEntries: 50 });
    await expect(openImage(ports, "latest", { maxTreeEntries: 49 })).rejects.toEqual(code("ERR_LAZY_TOO_MANY_ENTRIES"));
  });
  test("refuses one layer of many entries ten thousand times at once", async () => {
    const start = performance.now();
    await expect(openImage(repeated(10_000, 10_000), "latest")).rejects.toEqual(code("ERR_LAZY_TOO_MANY_ENTRIES"));
    // 0.2 s; merged it is a minute.
    expect(performance.now() - start).toBeLessThan(5000);
  });
  test("no longer than until its signal aborts, and lets others have their turn", async () => {
    const controller = new AbortController();
    let turns = 0;
    const timer = setInterval(() => ++turns === 3 && controller.abort(new Error("enough")), 0);
    // Most of a minute, were it not ended.
    const opening = openImage(repeated(500, 20_000), "latest", { signal: controller.signal });
    await expect(opening).rejects.toThrow("enough");
    clearInterval(timer);
    expect(turns).toBeLessThan(100);
  });
  test("and counts the entries that no file can be", async () => {
    const deep = "d/".repeat(300);
    const files = [{ name: "ok" }, { name: deep, pax: { path: deep } }, { name: "gone", type: "1", link: "nowhere" }];
    const { image, events } = await open([
      { blob: gzipSync(writeTar(files)), spanSize: 65_536 },
      { blob: gzip(upper) },
    ]);
    expect(image.refusedEntries).toBe(2);
    expect(events.filter(({ type }) => type === "entry-refused")).toHaveLength(2);
    expect((await open([{ blob: gzip(upper) }])).image.refusedEntries).toBe(0);
  });
});

describe("openImage() limits", () => {
  const tar = writeTar(upper);
  test.for([
    ["gzip", { blob: gzip(upper) }],
    ["plain", { blob: tar, mediaType: OCI_LAYER }],
  ] as const)(
    "a %s layer of just as many bytes as may be held is read whole, one of a byte more is not",
    async ([, layer]) => {
      const indexed = { blob: gzip(base), spanSize: 65_536 };
      const { image } = await open([indexed, layer], { maxWholeLayerBytes: tar.length });
      expectBytes(await image.read("etc/motd"), text("hello\n"));
      const over = { maxWholeLayerBytes: tar.length - 1 };
      await expect(open([indexed, layer], over)).rejects.toEqual(code("ERR_LAZY_LAYER_TOO_LARGE"));
      // Without any index the way out is another one.
      const none = await open([layer], over).catch((error: unknown) => error);
      expect(none).toEqual(code("ERR_LAZY_NO_INDEX"));
      expect(String(none)).toContain("socikit create");
    },
  );
  test.for([
    ["beside indexed ones", [{ blob: gzip(base), spanSize: 65_536 }], "ERR_LAZY_LAYER_TOO_LARGE"],
    ["alone", [], "ERR_LAZY_NO_INDEX"],
  ] as const)(
    "layers without an index, %s, may have so many bytes together, and not a byte more",
    async ([, indexed, want]) => {
      const layers = [
        ...indexed,
        { blob: gzip(upper) },
        { blob: tar, mediaType: OCI_LAYER },
        // The same again is held once.
        { blob: gzip(upper) },
        { blob: gzipSync(writeTar(upper), { level: 0 }) },
      ];
      const maxWholeLayerBytes = 3 * tar.length;
      const { image, images } = await open(layers, { maxWholeLayerBytes });
      expectBytes(await image.read("etc/motd"), text("hello\n"));
      await image.close();
      expect(images.open_).toBe(0);
      await expect(open(layers, { maxWholeLayerBytes: maxWholeLayerBytes - 1 })).rejects.toEqual(code(want));
    },
  );
  test("layers whose blobs alone are too much together are refused before any is fetched", async () => {
    const images = new MemoryImages();
    const blobs = [1, 2, 3].map((seed) => writeTar([{ name: "f", content: noise(100_000, seed) }]));
    await putImage(
      images,
      blobs.map((blob) => ({ blob, mediaType: OCI_LAYER })),
    );
    const most = blobs.reduce((size, { length }) => size + length, 0);
    await expect(openImage({ image: images }, "latest", { maxWholeLayerBytes: most - 1 })).rejects.toEqual(
      code("ERR_LAZY_NO_INDEX"),
    );
    expect(images.streamed).toEqual([]);
    await openImage({ image: images }, "latest", { maxWholeLayerBytes: most });
  });
  test("the zTOCs of an image may have so many bytes together, and not a byte more; none is fetched then", async () => {
    const images = new MemoryImages();
    const layers = [gzip(base), gzip(upper)].map((blob) => ({ blob, spanSize: 65_536 }));
    const { index } = await putImage(images, layers);
    const sizes = decodeSociIndex(images.manifests.get(index!.digest)!.bytes).blobs.map(({ size }) => size);
    expect(sizes).toHaveLength(2);
    const most = sizes[0]! + sizes[1]!;
    await openImage({ image: images }, "latest", { maxZtocBytes: most });
    const streamed = images.streamed.length;
    await expect(openImage({ image: images }, "latest", { maxZtocBytes: most - 1 })).rejects.toEqual(
      code("ERR_LAZY_INDEX_TOO_LARGE"),
    );
    expect(images.streamed).toHaveLength(streamed);
  });
  test("an image without an index whose layer is plainly too large is refused before it is fetched", async () => {
    const images = new MemoryImages();
    await putImage(images, [{ blob: gzip(upper) }, { blob: gzip(base) }]);
    const opening = openImage({ image: images }, "latest", { maxWholeLayerBytes: 1000 });
    await expect(opening).rejects.toEqual(code("ERR_LAZY_NO_INDEX"));
    expect(images.streamed).toEqual([]);
  });
  test("a bomb stops at the limit", async () => {
    const blob = gzipSync(writeTar([{ name: "zeros", content: new Uint8Array(20_000_000) }]));
    const images = new MemoryImages();
    await putImage(images, [{ blob }]);
    await expect(openImage({ image: images }, "latest", { maxWholeLayerBytes: 1_000_000 })).rejects.toEqual(
      code("ERR_LAZY_NO_INDEX"),
    );
  });
  test("a zTOC of just the limit is fetched, one of a byte more is not", async () => {
    const layer = { blob: gzip(base), spanSize: 65_536 };
    const images = new MemoryImages();
    await putImage(images, [layer]);
    const size = Math.max(
      ...[...images.blobs.values()]
        .map(({ length }) => length)
        .filter((length) => length < 340_000 && length !== layer.blob.length),
    );
    await openImage({ image: images }, "latest", { maxZtocBytes: size });
    const streamed = images.streamed.length;
    await expect(openImage({ image: images }, "latest", { maxZtocBytes: size - 1 })).rejects.toEqual(
      code("ERR_LAZY_INDEX_TOO_LARGE"),
    );
    expect(images.streamed).toHaveLength(streamed);
  });
  test.for([
    ["zstd", OCI_LAYER_ZSTD, "zstd"],
    ["encrypted", `${OCI_LAYER_GZIP}+encrypted`, "media type"],
    ["of another kind", "application/vnd.cncf.helm.chart.content.v1.tar+gzip", "media type"],
  ] as const)(
    "a layer that is %s gets an error that names it, before any other is fetched",
    async ([, mediaType, what]) => {
      const blob = gzip(upper);
      const images = new MemoryImages();
      await putImage(images, [{ blob: gzip(base) }, { blob, mediaType }]);
      const error = await openImage({ image: images }, "latest").catch((error: unknown) => error);
      expect(error).toEqual(code("ERR_LAZY_UNSUPPORTED_COMPRESSION"));
      expect(String(error)).toContain(digestOf(blob));
      expect(String(error)).toContain(what);
      expect(images.streamed).toEqual([]);
    },
  );
  test("a layer whose blob is missing is the port's error", async () => {
    const images = new MemoryImages();
    await putImage(images, [{ blob: gzip(base), spanSize: 65_536 }, { blob: gzip(upper) }]);
    images.blobs.delete(digestOf(gzip(upper)));
    await expect(openImage({ image: images }, "latest")).rejects.toThrow(`no blob ${digestOf(gzip(upper))}`);
    expect(images.open_).toBe(0);
  });
  test("an artifact that is no image is said to be none", async () => {
    const images = new MemoryImages();
    const config = images.putBlob(text("{}"), OCI_CONFIG);
    const layer = images.putBlob(text("apiVersion: v1"), "text/yaml");
    images.putManifest(
      encodeManifest({ schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [layer] }),
      OCI_MANIFEST,
      "latest",
    );
    await expect(openImage({ image: images }, "latest")).rejects.toEqual(code("ERR_LAZY_UNSUPPORTED_COMPRESSION"));
    images.putManifest(text("{}"), OCI_MANIFEST, "latest");
    await expect(openImage({ image: images }, "latest")).rejects.toBeInstanceOf(OciError);
  });
  test("uses the core that it is given", async () => {
    const inflate = await loadInflate();
    let decodings = 0;
    const images = new MemoryImages();
    await putImage(images, [{ blob: gzip(base), spanSize: 65_536 }]);
    const decoder: typeof inflate.decoder = {
      decode: (...args) => {
        decodings++;
        return inflate.decoder.decode(...args);
      },
    };
    const image = await openImage({ image: images, inflate, decoder }, "latest");
    expectBytes(await image.read("soft"), text("127.0.0.1 localhost\n"));
    expect(decodings).toBe(1);
  });
});
