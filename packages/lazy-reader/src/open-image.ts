import { loadInflate, type Inflate, type SpanDecoder } from "@socikit/inflate";
import {
  algorithmOf,
  decodeImageConfig,
  decodeManifest,
  digestOf,
  formatPlatform,
  isDigest,
  isImageIndex,
  isIndexType,
  layerCompression,
  matchesPlatform,
  MAX_MANIFEST_SIZE,
  OciError,
  parsePlatform,
  readAll,
  selectPlatform,
  type BlobReader,
  type Descriptor,
  type Digest,
  type FetchedManifest,
  type ImageManifest,
  type ManifestReader,
  type Platform,
  type ReadOptions,
  type ReferrerLister,
} from "@socikit/oci";
import { discoverSociIndex, ztocFor, type SociIndex } from "@socikit/soci-index";
import { createZtocIndex, decodeZtoc } from "@socikit/ztoc";
import { onAbort } from "./abort-listeners.ts";
import { LazyReadError } from "./errors.ts";
import type { LazyEvent } from "./events.ts";
import { FetchQueue } from "./fetch-queue.ts";
import { createPathReader, type PathReader } from "./image-paths.ts";
import { createImageTree, type ImageTree } from "./image-tree.ts";
import type { LazyLayer } from "./lazy-layer.ts";
import { MergedTree } from "./merged-tree.ts";
import { DEFAULT_CONCURRENCY, openLayer, type LayerOptions } from "./open-layer.ts";
import { createPieceCache, type PieceCache, type TrustTier } from "./piece-cache.ts";
import { plainDecoder } from "./plain-decoder.ts";
import { DEFAULT_WHOLE_LAYER_BYTES, openWholeLayer } from "./whole-layer.ts";

/** Largest zTOC that is fetched, unless told otherwise, in bytes. */
export const DEFAULT_ZTOC_BYTES: number = 1024 * 1024 * 1024;
/** Indexes within indexes that a platform is looked for in. */
const MAX_INDEX_DEPTH = 4;

/** Where an image and its SOCI index are. A remote repository, a layout directory and a store in memory are each an `image`. */
export interface ImagePorts {
  /** The image's manifests and layers. */
  readonly image: ManifestReader & BlobReader;
  /** Where indexes and zTOCs are found. `image` itself unless given. */
  readonly index?: (ManifestReader & BlobReader & ReferrerLister) | undefined;
  /** The inflate core. Loaded when it is needed unless given. */
  readonly inflate?: Inflate | undefined;
  /** Decodes spans. `inflate`'s unless given. */
  readonly decoder?: SpanDecoder | undefined;
  /** Keeps decoded spans of all layers. 64 MiB in memory unless given. */
  readonly cache?: PieceCache | undefined;
}

/** Options for {@linkcode openImage}. Its `signal` is for opening alone. */
export interface OpenImageOptions extends ReadOptions, Omit<LayerOptions, "queue"> {
  /** Which of several platforms: `linux/arm64`. Unless given, `hostPlatform`'s, else the only one there is. */
  readonly platform?: string | Platform | undefined;
  /** What is preferred without `platform`. linux/amd64 unless given. */
  readonly hostPlatform?: Platform | undefined;
  /** The SOCI index to use, whatever the image or the registry name. */
  readonly indexDigest?: Digest | undefined;
  /** Bytes, uncompressed, that a layer without a zTOC may have: it is held in memory. 256 MiB unless said otherwise. */
  readonly maxWholeLayerBytes?: number | undefined;
  /** Largest zTOC, in bytes. 1 GiB unless said otherwise. */
  readonly maxZtocBytes?: number | undefined;
  /** Told what happens, while it is opened and whenever it is read. */
  readonly onEvent?: ((event: LazyEvent) => void) | undefined;
}

/** An image that can be read: by paths, or as a tree. */
export interface LazyImage extends PathReader {
  /** The image's manifest, of the chosen platform. */
  readonly descriptor: Descriptor;
  /** The same, decoded. */
  readonly manifest: ImageManifest;
  /** The platform, where an index or the manifest's descriptor names it. */
  readonly platform?: Platform;
  /** The SOCI index, where there is one. */
  readonly index?: Descriptor;
  /** Layers, oldest first. A layer that the manifest has twice is here twice. */
  readonly layers: readonly LazyLayer[];
  /** The layers, merged. */
  readonly tree: ImageTree;
  /** What a file's content, or a range of it, stands on by what has been read so far. Follows symlinks. */
  tierOf(
    path: string | Uint8Array,
    options?: ReadOptions & { readonly range?: { start: number; end: number } },
  ): Promise<TrustTier>;
  /** Ends what is under way, and closes the layers. Reads reject with `ERR_LAZY_CLOSED` afterwards. */
  close(): Promise<void>;
}

/**
 * Opens an image for reading its files without pulling it: finds its SOCI index (the one named, else the manifest's annotation, else
 * the first referrer), and fetches the zTOCs. Layers that have one are not touched until they are read. Those without are fetched
 * whole, verified, and held in memory.
 *
 * Manifests, index and zTOCs are checked against their digests and sizes.
 *
 * @throws {LazyReadError} `ERR_LAZY_NO_INDEX`, `ERR_LAZY_LAYER_TOO_LARGE`, `ERR_LAZY_LAYER_DATA`, `ERR_LAZY_UNSUPPORTED_COMPRESSION`,
 * `ERR_LAZY_INDEX_MISMATCH`, `ERR_LAZY_INDEX_TOO_LARGE`, `ERR_LAZY_INVALID_INDEX`, `ERR_LAZY_TOO_MANY_ENTRIES`,
 * `ERR_LAZY_NOT_AN_IMAGE`; `OciError` `ERR_OCI_PLATFORM_NOT_FOUND` and what is wrong with a manifest; and the ports' own errors.
 */
export async function openImage(
  ports: ImagePorts,
  tagOrDigest: string,
  options: OpenImageOptions = {},
): Promise<LazyImage> {
  const emit = options.onEvent ?? (() => {});
  // The first layer that cannot be opened ends the opening of the others.
  const opening = new AbortController();
  options.signal?.throwIfAborted();
  const stop = onAbort(options.signal, () => opening.abort(options.signal?.reason));
  const reading: ReadOptions = { signal: opening.signal, priority: options.priority };
  const layers = new Map<Digest, Promise<LazyLayer>>();
  try {
    const { descriptor, manifest } = await findManifest(ports.image, tagOrDigest, options, reading);
    const indexPort = ports.index ?? ports.image;
    const found = await discoverSociIndex(
      { index: checkedManifests(indexPort) },
      { descriptor, manifest },
      {
        ...reading,
        ...(options.indexDigest === undefined ? {} : { indexDigest: options.indexDigest }),
        onEvent: emit,
      },
    );
    if (found === undefined) emit({ v: 1, type: "index-missing", manifest: descriptor.digest });
    else emit({ v: 1, type: "index-selected", index: found.descriptor.digest, via: found.via });
    const opener = new LayerOpener(ports, indexPort, tagOrDigest, found?.index, options);
    for (const layer of manifest.layers) opener.refuseUnreadable(layer);
    for (const layer of manifest.layers) {
      if (layers.has(layer.digest)) continue;
      const open = opener.open(layer, reading);
      open.catch(() => {});
      layers.set(layer.digest, open);
    }
    const opened = await Promise.all(manifest.layers.map(({ digest }) => layers.get(digest)!));
    const merged = new MergedTree();
    for (const [i, layer] of opened.entries()) {
      for (const { entry, name, reason } of merged.add(i, layer.toc))
        emit({ v: 1, type: "entry-refused", layer: layer.layer.digest, entry, name, reason });
    }
    const tree = createImageTree(merged, opened);
    const paths = createPathReader(tree);
    return {
      ...paths,
      descriptor,
      manifest,
      ...(descriptor.platform === undefined ? {} : { platform: descriptor.platform }),
      ...(found === undefined ? {} : { index: found.descriptor }),
      layers: opened,
      tree,
      async tierOf(path, tierOptions) {
        const { id } = await paths.resolve(path, tierOptions);
        return tree.tierOf(id, tierOptions?.range);
      },
      async close() {
        await Promise.all([...new Set(opened)].map((layer) => layer.close()));
      },
    };
  } catch (error) {
    opening.abort(error);
    for (const layer of await Promise.allSettled(layers.values()))
      if (layer.status === "fulfilled") await layer.value.close();
    options.signal?.throwIfAborted();
    throw error;
  } finally {
    stop();
  }
}

interface FoundManifest {
  readonly descriptor: Descriptor;
  readonly manifest: ImageManifest;
}

async function findManifest(
  image: ManifestReader & BlobReader,
  tagOrDigest: string,
  options: OpenImageOptions,
  reading: ReadOptions,
): Promise<FoundManifest> {
  const request = typeof options.platform === "string" ? parsePlatform(options.platform) : options.platform;
  const host = options.hostPlatform ?? { os: "linux", architecture: "amd64" };
  let target: string | Descriptor = tagOrDigest;
  let platform: Platform | undefined;
  for (let depth = 0; depth <= MAX_INDEX_DEPTH; depth++) {
    // Each manifest names the next.
    const { descriptor, bytes } = await fetchManifest(image, target, reading);
    const manifest = decodeManifest(bytes, descriptor.mediaType);
    if (!isImageIndex(manifest)) {
      if (request !== undefined && platform === undefined) await checkPlatform(image, manifest, request, reading);
      const known = platform ?? descriptor.platform;
      return { descriptor: { ...descriptor, ...(known === undefined ? {} : { platform: known }) }, manifest };
    }
    const child = selectPlatform(manifest.manifests, request, host);
    if (!isIndexType(child.mediaType)) platform = child.platform;
    target = child;
  }
  throw new LazyReadError(
    "ERR_LAZY_NOT_AN_IMAGE",
    `Cannot open "${tagOrDigest}": it is indexes within indexes, more than ${MAX_INDEX_DEPTH} deep`,
  );
}

/** Whether the only image there is, is for the platform that was asked for: its config says. */
async function checkPlatform(
  image: BlobReader,
  manifest: ImageManifest,
  request: Platform,
  reading: ReadOptions,
): Promise<void> {
  const { config } = manifest;
  const { platform } = decodeImageConfig(
    await fetchVerified(image, config, MAX_MANIFEST_SIZE, "image config", reading),
  );
  if (platform.os !== "" && !matchesPlatform(request, platform))
    throw new OciError(
      "ERR_OCI_PLATFORM_NOT_FOUND",
      `Cannot choose a platform: the image has none for ${formatPlatform(request)}; it has ${formatPlatform(platform)}`,
    );
}

/** Opens layers, by a zTOC or whole. */
class LayerOpener {
  readonly #ports: ImagePorts;
  readonly #indexPort: BlobReader;
  readonly #reference: string;
  readonly #index: SociIndex | undefined;
  readonly #options: OpenImageOptions;
  readonly #emit: (event: LazyEvent) => void;
  readonly #cache: PieceCache;
  readonly #queue: FetchQueue;
  readonly #maxWholeBytes: number;
  #inflate: Promise<Inflate> | undefined;

  constructor(
    ports: ImagePorts,
    indexPort: BlobReader,
    reference: string,
    index: SociIndex | undefined,
    options: OpenImageOptions,
  ) {
    this.#ports = ports;
    this.#indexPort = indexPort;
    this.#reference = reference;
    this.#index = index;
    this.#options = options;
    this.#emit = options.onEvent ?? (() => {});
    this.#cache = ports.cache ?? createPieceCache();
    this.#queue = new FetchQueue(options.concurrency ?? DEFAULT_CONCURRENCY);
    this.#maxWholeBytes = options.maxWholeLayerBytes ?? DEFAULT_WHOLE_LAYER_BYTES;
  }

  /** Says what cannot be opened before anything is fetched for the other layers. */
  refuseUnreadable(layer: Descriptor): void {
    if (this.#ztocFor(layer) !== undefined) return;
    const compression = layerCompression(layer.mediaType);
    if (compression === "zstd")
      throw new LazyReadError(
        "ERR_LAZY_UNSUPPORTED_COMPRESSION",
        `Cannot read layer ${layer.digest}: it is compressed with zstd, which is not supported yet; push the image with gzip layers instead, as "skopeo copy --dest-compress-format gzip" or "docker buildx build --output type=registry,compression=gzip,force-compression=true" do`,
      );
    if (compression === undefined)
      throw new LazyReadError(
        "ERR_LAZY_UNSUPPORTED_COMPRESSION",
        `Cannot read layer ${layer.digest}: media type ${JSON.stringify(layer.mediaType)} is not that of a plain or gzip tar layer`,
      );
    if (this.#index === undefined && layer.size > this.#maxWholeBytes) throw this.#noIndex(layer);
  }

  /** Opens a layer. Fetches its zTOC, or the layer itself. */
  async open(layer: Descriptor, reading: ReadOptions): Promise<LazyLayer> {
    const ztoc = this.#ztocFor(layer);
    const opened = await this.#queue.run(
      () => (ztoc === undefined ? this.#openWhole(layer, reading) : this.#openIndexed(layer, ztoc, reading)),
      reading,
    );
    const bytes = (ztoc ?? layer).size;
    const entries = opened.toc.length;
    this.#emit({ v: 1, type: "layer-opened", layer: layer.digest, mode: opened.mode, entries, bytes });
    return opened;
  }

  #ztocFor(layer: Descriptor): Descriptor | undefined {
    return this.#index === undefined ? undefined : ztocFor(this.#index, layer.digest);
  }

  async #openIndexed(layer: Descriptor, descriptor: Descriptor, reading: ReadOptions): Promise<LazyLayer> {
    const limit = this.#options.maxZtocBytes ?? DEFAULT_ZTOC_BYTES;
    const bytes = await fetchVerified(this.#indexPort, descriptor, limit, `zTOC of layer ${layer.digest}`, reading);
    const cannot = `Cannot use zTOC ${descriptor.digest} for layer ${layer.digest}`;
    const { index, algorithm } = attempt(cannot, () => {
      const ztoc = decodeZtoc(bytes);
      if (ztoc.compressedArchiveSize !== layer.size)
        throw new LazyReadError(
          "ERR_LAZY_INDEX_MISMATCH",
          `${cannot}: it is of a layer of ${ztoc.compressedArchiveSize} bytes, this one has ${layer.size}`,
        );
      return { index: createZtocIndex(ztoc, descriptor.digest, layer), algorithm: ztoc.compression.algorithm };
    });
    const decoder =
      algorithm === "uncompressed" ? plainDecoder : (this.#ports.decoder ?? (await this.#loadInflate()).decoder);
    const { concurrency, maxHeldBytes, maxRequestBytes } = this.#options;
    return openLayer(
      {
        // Only digest and size: the places that a foreign layer's `urls` name are never asked.
        source: () => this.#ports.image.open({ digest: layer.digest, size: layer.size }),
        index,
        decoder,
        cache: this.#cache,
      },
      { queue: this.#queue, concurrency, maxHeldBytes, maxRequestBytes, onEvent: this.#emit },
    );
  }

  async #openWhole(layer: Descriptor, reading: ReadOptions): Promise<LazyLayer> {
    const compression = layerCompression(layer.mediaType) === "uncompressed" ? "uncompressed" : "gzip";
    try {
      return await openWholeLayer(this.#ports.image, layer, {
        ...reading,
        compression,
        ...(compression === "gzip" ? { inflate: await this.#loadInflate() } : {}),
        maxBytes: this.#maxWholeBytes,
        emit: this.#emit,
      });
    } catch (error) {
      const tooLarge = error instanceof LazyReadError && error.code === "ERR_LAZY_LAYER_TOO_LARGE";
      throw tooLarge && this.#index === undefined ? this.#noIndex(layer, error) : error;
    }
  }

  #noIndex(layer: Descriptor, cause?: LazyReadError): LazyReadError {
    return new LazyReadError(
      "ERR_LAZY_NO_INDEX",
      `Cannot open "${this.#reference}" without pulling it: it has no SOCI index, and layer ${layer.digest} has more than ${this.#maxWholeBytes} bytes to hold in memory; make an index with "socikit create", or raise maxWholeLayerBytes`,
      cause === undefined ? undefined : { cause },
    );
  }

  #loadInflate(): Promise<Inflate> {
    this.#inflate ??= this.#ports.inflate === undefined ? loadInflate() : Promise.resolve(this.#ports.inflate);
    return this.#inflate;
  }
}

/** Runs a decoder of untrusted bytes; its errors come out as this package's, the original as cause. */
function attempt<T>(cannot: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (error instanceof LazyReadError) throw error;
    throw new LazyReadError(
      "ERR_LAZY_INVALID_INDEX",
      `${cannot}: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}

async function fetchVerified(
  blobs: Pick<BlobReader, "stream">,
  blob: Descriptor,
  limit: number,
  what: string,
  reading: ReadOptions,
): Promise<Uint8Array> {
  if (blob.size > limit)
    throw new LazyReadError(
      "ERR_LAZY_INDEX_TOO_LARGE",
      `Cannot fetch ${what}: ${blob.digest} has ${blob.size} bytes, more than ${limit}`,
    );
  const bytes = await readAll(
    await blobs.stream({ digest: blob.digest, size: blob.size }, reading),
    blob.size,
    reading.signal,
  );
  verify(bytes, blob, what);
  return bytes;
}

/** Checks bytes against their descriptor, whatever the port that they came through has checked. */
function verify(bytes: Uint8Array, expected: Descriptor, what: string): void {
  if (bytes.length !== expected.size)
    throw new OciError(
      "ERR_OCI_SIZE_MISMATCH",
      `Cannot verify ${what} ${expected.digest}: ${bytes.length} of its ${expected.size} bytes came`,
    );
  const found = digestOf(bytes, algorithmOf(expected.digest));
  if (found !== expected.digest)
    throw new OciError(
      "ERR_OCI_DIGEST_MISMATCH",
      `Cannot verify ${what} ${expected.digest}: the bytes have digest ${found}`,
    );
}

/** Where an index is looked for: manifests that it gives are what was asked for, and one that cannot list referrers has none. */
function checkedManifests(port: ManifestReader & Partial<ReferrerLister>): ManifestReader & ReferrerLister {
  return {
    resolve: (tagOrDigest, options) => port.resolve(tagOrDigest, options),
    fetchManifest: (target, options) => fetchManifest(port, target, options),
    async *referrers(subject, options) {
      if (port.referrers !== undefined) yield* port.referrers(subject, options);
    },
  };
}

/** Fetches a manifest and checks it against what it was asked for by; where that is a tag, against what it says it is. */
async function fetchManifest(
  manifests: ManifestReader,
  target: string | Descriptor,
  options?: ReadOptions,
): Promise<FetchedManifest> {
  const fetched = await manifests.fetchManifest(target, options);
  const named = typeof target === "string" && isDigest(target) ? target : undefined;
  const expected = typeof target === "string" ? fetched.descriptor : target;
  verify(fetched.bytes, named === undefined ? expected : { ...expected, digest: named }, "manifest");
  return fetched;
}
