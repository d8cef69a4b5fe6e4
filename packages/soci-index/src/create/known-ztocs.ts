import {
  decodeManifest,
  isImageIndex,
  readAll,
  verifiedManifests,
  verifyStream,
  type BlobReader,
  type Descriptor,
  type Digest,
  type ImageManifest,
  type ManifestReader,
  type ReadOptions,
  type ReferrerLister,
  type ReferrersOptions,
} from "@socikit/oci";
import {
  decodeTarZinfo,
  decodeZinfo,
  decodeZtoc,
  inspectZtoc,
  MAX_ZTOC_SIZE,
  needsXattrs,
  spansOf,
  type Ztoc,
} from "@socikit/ztoc";
import { SOCI_LAYER_DIGEST, SOCI_SPAN_SIZE } from "../annotations.ts";
import { SOCI_INDEX_V1, SOCI_INDEX_V2, SOCI_ZTOC } from "../media-types.ts";
import { decodeSociIndex, sociIndexDigestOf } from "../soci-index.ts";
import type { BuiltLayer } from "./index-layer.ts";
import type { IndexSettings } from "./index-settings.ts";
import type { LayerBuild } from "./layer-plan.ts";

/** Where zTOCs of earlier runs may be: a target that can be read. */
export interface ZtocShelf
  extends Partial<ManifestReader>, Partial<Pick<BlobReader, "stream">>, Partial<ReferrerLister> {
  /** The zTOCs of a layer, of a span size, of whatever image: where the target keeps account of them. */
  ztocsOf?(layer: Digest, spanSize: number, options?: ReadOptions): Promise<readonly Descriptor[]>;
}

/** Where to look. */
export interface ZtocHints {
  /** What was written before may be called so. */
  readonly tag?: string | undefined;
  /** The images whose layers are indexed: their v2 indexes are named by them, their v1 indexes refer to them. */
  readonly images: readonly { readonly descriptor: Descriptor; readonly manifest: ImageManifest }[];
}

/** Most SOCI indexes that are looked into. */
const MAX_INDEXES = 64;
/** Most referrers of one image that are. */
const MAX_REFERRERS = 4;
/** Most zTOCs that are fetched for one layer. */
const MAX_CANDIDATES = 4;

/**
 * zTOCs that the target has from before. Found through the SOCI indexes that are there: those of the image under the tag, those
 * that the images name, those that refer to them. Looking for them is for saving work, so that whatever is wrong with one, or
 * with a list of them, only means that the zTOC is built.
 */
export class KnownZtocs {
  readonly #shelf: ZtocShelf;
  readonly #settings: IndexSettings;
  readonly #candidates: Map<Digest, Descriptor[]> = new Map();

  private constructor(shelf: ZtocShelf, settings: IndexSettings) {
    this.#shelf = shelf;
    this.#settings = settings;
  }

  /** Looks for SOCI indexes. Finds none where the target cannot be read. */
  static async gather(
    shelf: ZtocShelf,
    hints: ZtocHints,
    settings: IndexSettings,
    options: ReadOptions,
  ): Promise<KnownZtocs> {
    const known = new KnownZtocs(shelf, settings);
    if (!canBeRead(shelf)) return known;
    const manifests = verifiedManifests(shelf);
    const read = new Set<Digest>();
    for await (const digest of indexDigests(shelf, hints, options)) {
      if (read.has(digest)) continue;
      if (read.size === MAX_INDEXES) break;
      read.add(digest);
      await unlessUseless(options, async () => {
        const { bytes } = await manifests.fetchManifest(digest, options);
        for (const blob of decodeSociIndex(bytes).blobs) known.#add(blob);
      });
    }
    return known;
  }

  /** A zTOC that is the one that would be built, as far as it tells; `undefined` where there is none. */
  async find(build: LayerBuild, options: ReadOptions): Promise<BuiltLayer | undefined> {
    const { digest: layer } = build.layer;
    const kept = await unlessUseless(options, async () =>
      this.#shelf.ztocsOf?.(layer, this.#settings.spanSize, options),
    );
    const candidates = [...(this.#candidates.get(layer) ?? []), ...(kept ?? [])];
    for (const ztoc of candidates.slice(0, MAX_CANDIDATES)) {
      const content = await unlessUseless(options, () => this.#read(ztoc, build, options));
      if (content === undefined) continue;
      const { digest, size } = ztoc;
      return {
        ztoc: { mediaType: SOCI_ZTOC, digest, size },
        content: this.#settings.keepZtocs ? { ztoc: content } : undefined,
        needsXattrs: this.#settings.disableXattrs && hasXattrs(content),
        warnings: [],
        reused: true,
      };
    }
    return undefined;
  }

  /** Whether there is one that may be it. */
  mayFind({ layer }: LayerBuild): boolean {
    return this.#shelf.ztocsOf !== undefined || this.#candidates.has(layer.digest);
  }

  #add(blob: Descriptor): void {
    const { annotations = {}, mediaType, size } = blob;
    const layer = annotations[SOCI_LAYER_DIGEST] as Digest | undefined;
    const spanSize = annotations[SOCI_SPAN_SIZE] ?? String(this.#settings.spanSize);
    if (mediaType !== SOCI_ZTOC || layer === undefined || size > MAX_ZTOC_SIZE) return;
    // Indexes from before v0.12 of the reference do not say; the zTOC does.
    if (spanSize !== String(this.#settings.spanSize)) return;
    const others = this.#candidates.get(layer) ?? [];
    if (others.some(({ digest }) => digest === blob.digest)) return;
    this.#candidates.set(layer, [...others, blob]);
  }

  async #read(blob: Descriptor, build: LayerBuild, options: ReadOptions): Promise<Ztoc | undefined> {
    const stream = await this.#shelf.stream?.(blob, options);
    if (stream === undefined) return undefined;
    const ztoc = decodeZtoc(await readAll(verifyStream(stream, blob), MAX_ZTOC_SIZE, options.signal));
    return this.#fits(ztoc, build) ? ztoc : undefined;
  }

  /** Whether it is what would be built: of this layer's size, by the same tool, with spans of that size, to the layer's end. */
  #fits(ztoc: Ztoc, { layer, compression }: LayerBuild): boolean {
    const { spanSize, buildToolIdentifier } = this.#settings;
    const { algorithm, zinfo } = ztoc.compression;
    return (
      ztoc.version === "0.9" &&
      ztoc.buildToolIdentifier === buildToolIdentifier &&
      ztoc.compressedArchiveSize === layer.size &&
      algorithm === compression &&
      (algorithm === "gzip" ? decodeZinfo(zinfo) : decodeTarZinfo(zinfo)).spanSize === spanSize &&
      reachesEnd(ztoc, spanSize) &&
      // What the builder finds odd is told of a layer each time, so that it is built each time.
      inspectZtoc(ztoc).next().done === true
    );
  }
}

/** How many builds there are for which no zTOC can be found. */
export function countUnknown(builds: readonly LayerBuild[], known: KnownZtocs | undefined): number {
  return builds.filter((build) => known?.mayFind(build) !== true).length;
}

function canBeRead(shelf: ZtocShelf): shelf is ZtocShelf & ManifestReader & Pick<BlobReader, "stream"> {
  return shelf.fetchManifest !== undefined && shelf.resolve !== undefined && shelf.stream !== undefined;
}

/** Digests of SOCI indexes, the likeliest first. */
async function* indexDigests(
  shelf: ZtocShelf & ManifestReader,
  { tag, images }: ZtocHints,
  options: ReadOptions,
): AsyncGenerator<Digest> {
  for (const { manifest } of images) {
    const named = sociIndexDigestOf(manifest);
    if (named !== undefined) yield named;
  }
  if (tag !== undefined) yield* (await unlessUseless(options, () => indexesUnder(shelf, tag, options))) ?? [];
  for (const { descriptor } of images) yield* await indexesOf(shelf, descriptor, options);
}

/** The v2 indexes of the image that is called so. */
async function indexesUnder(shelf: ManifestReader, tag: string, options: ReadOptions): Promise<readonly Digest[]> {
  const { bytes } = await shelf.fetchManifest(tag, options);
  const manifest = decodeManifest(bytes);
  if (isImageIndex(manifest))
    return manifest.manifests.flatMap(({ artifactType, digest }) => (artifactType === SOCI_INDEX_V2 ? [digest] : []));
  const named = sociIndexDigestOf(manifest);
  return named === undefined ? [] : [named];
}

/** The v1 indexes that refer to an image, as far as they can be listed. */
async function indexesOf(shelf: ZtocShelf, image: Descriptor, options: ReadOptions): Promise<readonly Digest[]> {
  const found: Digest[] = [];
  await unlessUseless(options, async () => {
    const listing: ReferrersOptions = { ...options, artifactType: SOCI_INDEX_V1 };
    for await (const { artifactType, digest } of shelf.referrers?.(image.digest, listing) ?? []) {
      if (artifactType !== SOCI_INDEX_V1) continue;
      if (found.push(digest) === MAX_REFERRERS) break;
    }
  });
  return found;
}

/** What can be had; `undefined` for whatever is missing, damaged or refused. What was aborted is thrown. */
async function unlessUseless<T>(options: ReadOptions, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    options.signal?.throwIfAborted();
    if (error instanceof TypeError || error instanceof RangeError) throw error;
    return undefined;
  }
}

function hasXattrs(ztoc: Ztoc): boolean {
  for (const entry of ztoc.toc) if (needsXattrs(entry)) return true;
  return false;
}

/**
 * Whether checkpoints go on to the layer's end. Before v0.14 the reference made none after the first gzip member, and all that
 * follows is in the last span then. A last span that is much longer than all others gives it away; of a layer that really is so,
 * the zTOC is built again, which costs time and nothing else.
 */
function reachesEnd(ztoc: Ztoc, spanSize: number): boolean {
  if (ztoc.compression.algorithm !== "gzip") return true;
  const lengths = spansOf(ztoc).map(({ uncompressed }) => uncompressed.end - uncompressed.start);
  const last = lengths.pop() ?? 0;
  return last <= 2 * lengths.reduce((longest, length) => Math.max(longest, length), spanSize);
}
