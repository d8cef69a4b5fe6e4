import {
  chooseImages,
  copyImage,
  digestOf,
  OCI_MANIFEST,
  verifiedContent,
  type BlobMounter,
  type BlobReader,
  type BlobWriter,
  type CopyEvent,
  type Descriptor,
  type ImageChoice,
  type ManifestReader,
  type ManifestWriter,
  type Platform,
  type ReadOptions,
} from "@socikit/oci";
import type { Inflate } from "@socikit/inflate";
import { artifactTypeOf, createSociIndex, encodeSociIndex, sociIndexConfig } from "../soci-index.ts";
import type { CreateEvent } from "./create-event.ts";
import type { IndexingPool } from "./index-layer.ts";
import { indexSettings, type IndexingOptions } from "./index-settings.ts";
import { countUnknown, KnownZtocs, type ZtocShelf } from "./known-ztocs.ts";
import { indexedLayers, layerOutcomes, type LayerOutcome } from "./layer-outcome.ts";
import { nothingToIndex, planLayers, type LayerBuild } from "./layer-plan.ts";
import type { PrefetchPlan } from "../prefetch/plan-prefetch.ts";
import { pushPrefetch } from "./push-prefetch.ts";
import { putBlob } from "./put-blob.ts";
import { transferBlobs } from "./transfer-blobs.ts";

/** Where an image is read from, and where its index is put. */
export interface CreatePorts {
  /** Holds the image. */
  readonly image: ManifestReader & BlobReader;
  /** Gets zTOCs and indexes. It should hold the image too: an index is found as what refers to it. */
  readonly target: Pick<BlobReader, "stat"> & BlobWriter & ManifestWriter & ZtocShelf & Partial<BlobMounter>;
  /** Decodes gzip layers that no pool builds. @default {await loadInflate()} */
  readonly inflate?: Inflate | undefined;
  /**
   * Builds layers side by side, the largest first, where there are several; its caller closes it. By default one after the
   * other is built, on the calling thread.
   */
  readonly pool?: IndexingPool | undefined;
}

/** What {@linkcode createIndex} may be told. */
export interface CreateOptions extends IndexingOptions, Omit<ImageChoice, "checkSingle"> {
  /**
   * Copies the image to the target, too: layers that are indexed are read once for both, the rest follows, and indexes come when all of
   * the image is there. It gets no tag. `mountFrom`: another repository of the target's registry that holds the image.
   */
  readonly copy?: { readonly mountFrom?: string | undefined } | undefined;
  /** Gets what happens as it happens. What it throws ends the work. */
  readonly onEvent?: ((event: CreateEvent) => void) | undefined;
}

/** An index that was made. */
export interface CreatedIndex {
  /** The image's platform, where it has one. */
  readonly platform?: Platform;
  /** The image manifest: the index's subject. */
  readonly manifest: Descriptor;
  /** The index manifest, with its artifact type. */
  readonly index: Descriptor;
  /** The image's layers, oldest first; prefetch artifacts among them left out. */
  readonly layers: readonly LayerOutcome[];
  /** The prefetch artifacts that were made, and the paths that the image does not have. */
  readonly prefetch: PrefetchPlan;
}

/** What {@linkcode createIndex} made. */
export interface CreateResult {
  /** What the tag or digest names. */
  readonly image: Descriptor;
  /** An index for each image chosen, in that order; images of which no layer can be indexed are left out. */
  readonly indexes: readonly CreatedIndex[];
}

/**
 * Makes the v1 index of an image and puts it beside it, byte for byte what the reference's `create` makes: zTOCs, the
 * empty config, then the index manifest with the image as its subject. Layers are streamed, each distinct one once however
 * many platforms share it; memory is the builder's. zTOCs that the target has from before are used again, unless `force` is set;
 * they are found through the SOCI indexes that are there.
 *
 * A zTOC is pushed when its layer has been read to the end and fits its digest; an index when all that it names is there.
 * Where the work fails or is aborted, zTOCs may be left behind, which nothing names yet, and a second run finds them.
 *
 * What to prefetch is looked for in the image as a container sees it, unless `prefetch.rule` is the reference's: only that gives
 * the reference's bytes in every case.
 *
 * @throws {SociIndexError} `ERR_SOCI_NOTHING_TO_INDEX` where every layer was skipped; `ERR_SOCI_LAYER_FAILED` with the
 * builder's error as `cause` for a layer that no zTOC can be made of; `ERR_SOCI_NOT_AN_IMAGE`,
 * `ERR_SOCI_UNKNOWN_LAYER_TYPE`.
 * @throws {OciError} `ERR_OCI_PLATFORM_NOT_FOUND`; `ERR_OCI_DIGEST_MISMATCH` and others of what is read.
 * @throws {RangeError} for options out of their range.
 */
export async function createIndex(
  given: CreatePorts,
  tagOrDigest: string,
  options: CreateOptions = {},
): Promise<CreateResult> {
  // What an index is made of is checked here, whatever the port promises.
  const checked = { ...given, image: verifiedContent(given.image) };
  const settings = indexSettings(options);
  const tell = (event: CreateEvent): void => options.onEvent?.(event);
  const { signal, priority, copy } = options;
  const read = { signal, priority };
  const chosen = await chooseImages(checked.image, tagOrDigest, imageChoiceOf(options), read);
  // Decided for every layer before one is read.
  const planning = { minLayerSize: settings.minLayerSize, tell };
  const { images, builds } = await planLayers(checked.image, chosen.images, planning, read);
  const indexed = images.filter(({ layers }) => layers.some(({ build }) => build !== undefined));
  // Those that are indexed are copied on the way.
  const blobs = copy === undefined ? [] : builds.map(({ layer }) => layer);
  const copyRest = async (): Promise<void> => {
    if (copy === undefined) return;
    const { mountFrom } = copy;
    const told = new Set(blobs.map(({ digest }) => digest));
    const onEvent = (event: CopyEvent): void => {
      // What became of them was told when they were indexed.
      if (event.type !== "blob-skipped" || !told.has(event.digest)) tell(event);
    };
    await copyImage(checked.image, checked.target, chosen.top.digest, { signal, mountFrom, onEvent });
  };
  if (indexed.length === 0) {
    await copyRest();
    throw nothingToIndex(images, settings.minLayerSize);
  }

  // One layer gains nothing by a thread of its own, and would pay for its start.
  const ports = builds.length > 1 ? checked : { ...checked, pool: undefined };
  const hints = { images: chosen.images };
  const known = settings.force ? undefined : await KnownZtocs.gather(ports.target, hints, settings, read);
  ports.pool?.prepare?.(countUnknown(builds, known));
  // While threads build, others are pushed.
  const concurrency = options.concurrency ?? (ports.pool === undefined ? settings.concurrency : 2 * ports.pool.threads);
  const { image: source, target, inflate, pool } = ports;
  const transfer = { source, target, inflate, pool, known, mountFrom: copy?.mountFrom, settings, tell };
  const built = await transferBlobs({ ...transfer, concurrency: Math.max(1, concurrency) }, blobs, builds, read);
  await copyRest();

  const config = sociIndexConfig();
  const named = { digest: digestOf(config), size: config.length };
  await putBlob(ports.target, named, config, read);
  const indexes: CreatedIndex[] = [];
  const before = new Set<LayerBuild>();
  // One after the other: registries without a referrers API keep a list, which two writers would take from each other.
  for (const planned of indexed) {
    const { descriptor: manifest, platform } = planned.image;
    const prefetch = await pushPrefetch(ports.target, planned, built, options.prefetch, tell, read);
    const sociIndex = createSociIndex("v1", indexedLayers(planned.layers, built, settings), manifest, {
      ...settings,
      prefetch: prefetch.artifacts.map(({ descriptor }) => descriptor),
    });
    const bytes = encodeSociIndex(sociIndex);
    const index = await pushIndex(ports, bytes, read);
    tell({ v: 1, type: "index-pushed", index, manifest, ...(platform === undefined ? {} : { platform }) });
    const layers = layerOutcomes(planned.layers, built, before);
    // With force the reference builds a layer's zTOC again for each platform, and says so.
    for (const { build } of planned.layers) if (build !== undefined && !settings.force) before.add(build);
    indexes.push({ manifest, index, layers, prefetch, ...(platform === undefined ? {} : { platform }) });
  }
  return { image: chosen.top, indexes };
}

function imageChoiceOf({ platforms, hostPlatform }: CreateOptions): ImageChoice {
  return { platforms, hostPlatform };
}

async function pushIndex(ports: CreatePorts, bytes: Uint8Array, options: ReadOptions): Promise<Descriptor> {
  options.signal?.throwIfAborted();
  // By SHA-256, whatever the image is named by: the reference knows no other.
  const pushed = await ports.target.pushManifest(bytes, OCI_MANIFEST, { ...options, algorithm: "sha256" });
  return { ...pushed, mediaType: OCI_MANIFEST, artifactType: artifactTypeOf({ version: "v1" }) };
}
