import {
  digestOf,
  isTag,
  MAX_MANIFEST_SIZE,
  OCI_INDEX,
  OciError,
  type BlobMounter,
  type BlobReader,
  type BlobWriter,
  type Descriptor,
  type ManifestReader,
  type ManifestWriter,
  type Platform,
  type ReadOptions,
  type ReferrerLister,
} from "@socikit/oci";
import type { Inflate } from "@socikit/inflate";
import type { BuiltLayers, IndexingPool } from "../create/index-layer.ts";
import { indexSettings, type IndexingOptions, type IndexSettings } from "../create/index-settings.ts";
import { countUnknown, KnownZtocs } from "../create/known-ztocs.ts";
import { indexedLayers, layerOutcomes, type LayerOutcome } from "../create/layer-outcome.ts";
import { nothingToIndex, planLayers, type LayerBuild, type PlannedImage } from "../create/layer-plan.ts";
import { pushPrefetch } from "../create/push-prefetch.ts";
import { putBlob } from "../create/put-blob.ts";
import type { PrefetchPlan } from "../prefetch/plan-prefetch.ts";
import { createSociIndex, encodeSociIndex, sociIndexConfig } from "../soci-index.ts";
import { choosePlatforms, type ChosenPlatform } from "./choose-platforms.ts";
import { nameOfChild, type ConvertDecision } from "./convert-decision.ts";
import type { ConvertEvent } from "./convert-event.ts";
import { convertedIndex, type AttachedIndex, type ConvertedIndex, type ConvertedManifest } from "./converted-index.ts";
import { pushOriginals } from "./originals-record.ts";
import { placeIndexes } from "./place-indexes.ts";
import { planChildren } from "./plan-children.ts";
import { SourceContent, type SourceDocument } from "./source-content.ts";
import { transferBlobs } from "../create/transfer-blobs.ts";
import { workingIndex, type NestedIndexes } from "./working-index.ts";

/** Gets a converted image. What it can do besides saves work. */
export type ConvertTarget = Pick<BlobReader, "stat"> &
  BlobWriter &
  ManifestWriter &
  /** Blobs that another repository has are not sent. */
  Partial<BlobMounter> &
  /** zTOCs of earlier runs are found. */
  Partial<ManifestReader & Pick<BlobReader, "stream"> & ReferrerLister>;

/** Where an image is read from, and where the converted one is put. */
export interface ConvertPorts {
  /** Holds the image. */
  readonly image: ManifestReader & BlobReader;
  /** Gets the converted image whole: layers and configs too. May be where the image is. */
  readonly target: ConvertTarget;
  /** Decodes gzip layers that no pool builds. @default {await loadInflate()} */
  readonly inflate?: Inflate | undefined;
  /**
   * Builds layers side by side, and beside their copying; its caller closes it. By default layers are built on the calling
   * thread.
   */
  readonly pool?: IndexingPool | undefined;
}

/** A manifest or index to convert that no tag or digest leads to: an entry of a layout, for instance. */
export interface ConvertRoot {
  /** As whatever lists it has it: its platform counts. */
  readonly descriptor: Descriptor;
  /** Its bytes, where it is not in the source. */
  readonly bytes?: Uint8Array | undefined;
}

/** What {@linkcode convertImage} may be told. */
export interface ConvertOptions extends IndexingOptions {
  /**
   * The platforms that get an index: those named, as they are to be written (`parseRequestedPlatform`); `"all"`; without it
   * the host's, else the only one that there is. The others are in the converted image too.
   */
  readonly platforms?: readonly Platform[] | "all" | undefined;
  /** What is preferred where nothing is asked for. */
  readonly hostPlatform?: Platform | undefined;
  /**
   * Leaves attestations and other artifacts as they are, and lets them be of the new manifests. The reference writes
   * them anew like images, so that tools no longer find them.
   *
   * @default {false}
   */
  readonly keepAttestations?: boolean | undefined;
  /**
   * What becomes of an index in the index: `first`, as in the reference, one manifest of it takes its place; `expand`: all
   * do, and none is lost.
   *
   * @default {"first"}
   */
  readonly nestedIndexes?: NestedIndexes | undefined;
  /**
   * Leaves a record of the manifests as they were, which refers to the converted image and does not change it: with it
   * `unconvertImage` can give back any image.
   *
   * @default {false}
   */
  readonly keepOriginals?: boolean | undefined;
  /** Another repository of the target's registry that holds the image: blobs are mounted from there where the target can. */
  readonly mountFrom?: string | undefined;
  /** Names the converted image; written last. */
  readonly tag?: string | undefined;
  /** Gets what happens as it happens. What it throws ends the work. */
  readonly onEvent?: ((event: ConvertEvent) => void) | undefined;
}

/** A platform that got an index. */
export interface ConvertedPlatform {
  /** As it was asked for. */
  readonly platform: Platform;
  /** The converted image manifest. */
  readonly manifest: Descriptor;
  /** Its SOCI index. */
  readonly index: Descriptor;
  /** The image's layers, oldest first; prefetch artifacts among them left out. */
  readonly layers: readonly LayerOutcome[];
  /** Its prefetch artifacts, and the paths that there is nothing for. */
  readonly prefetch: PrefetchPlan;
}

/** What {@linkcode convertImage} made. */
export interface ConvertResult {
  /** What was converted. */
  readonly source: Descriptor;
  /** The converted image: an image index. */
  readonly image: Descriptor;
  /** Which manifest took the place of which, in the order of the index. */
  readonly manifests: readonly ConvertedManifest[];
  /** The platforms that got an index, in the order asked for. */
  readonly platforms: readonly ConvertedPlatform[];
  /** What was decided about parts of the image that are not plain images of one platform. */
  readonly decisions: readonly ConvertDecision[];
  /** The record of the manifests as they were, where one was asked for. */
  readonly originals?: Descriptor;
}

/**
 * Converts an image to one with v2 SOCI indexes, byte for byte as the reference's `convert --standalone` does (spec sections 10
 * and 11), and puts it anywhere: layers and configs, zTOCs, SOCI indexes, manifests, the image index, and the tag last.
 * Layers are streamed, each distinct one read once, for its copy and its zTOC together; memory is the builder's. What the target
 * has is not sent; zTOCs that it has are used again, unless `force` is set.
 *
 * Where the work fails or is aborted, the tag names what it named before, no manifest is left that names something missing,
 * and a second run goes on with what is there.
 *
 * @param image A tag or digest in `ports.image`, or a manifest that none leads to. An index of one manifest is that manifest.
 * @throws {SociIndexError} `ERR_SOCI_NOTHING_TO_INDEX` where every layer was skipped; `ERR_SOCI_LAYER_FAILED` with the
 * builder's error as `cause` for a layer that no zTOC can be made of; `ERR_SOCI_NOT_AN_IMAGE`, `ERR_SOCI_UNKNOWN_LAYER_TYPE`.
 * @throws {OciError} `ERR_OCI_PLATFORM_NOT_FOUND`; `ERR_OCI_INVALID_MANIFEST`, `ERR_OCI_DIGEST_MISMATCH` and others of what is
 * read; `ERR_OCI_TOO_LARGE` for more than 10,000 manifests, or 64 MiB of them.
 * @throws {RangeError} for options out of their range.
 * @throws {TypeError} for a tag that is none.
 */
export async function convertImage(
  ports: ConvertPorts,
  image: string | ConvertRoot,
  options: ConvertOptions = {},
): Promise<ConvertResult> {
  const settings = indexSettings(options);
  const { tag, signal, priority } = options;
  if (tag !== undefined && !isTag(tag))
    throw new TypeError(`Cannot convert image: ${JSON.stringify(tag)} is not a tag`);
  const read: ReadOptions = { signal, priority };
  const tell = (event: ConvertEvent): void => options.onEvent?.(event);
  const decisions: ConvertDecision[] = [];
  const decide = (decision: ConvertDecision): void => {
    decisions.push(decision);
    tell({ v: 1, type: "decision", decision });
  };

  const source = new SourceContent(ports.image, read);
  const top = await rootOf(source, image);
  const working = await workingIndex(source, top, options.nestedIndexes ?? "first", decide);
  const chosen = await choosePlatforms(source, working, options, decide);
  // Decided for every layer before one is read.
  const planning = { minLayerSize: settings.minLayerSize, tell };
  const { images, builds } = await planLayers(
    source,
    chosen.map((one) => one.chosen.image),
    planning,
    read,
  );
  const indexed = pairsWithIndex(chosen, images, decide);
  if (indexed.length === 0) throw nothingToIndex(images, settings.minLayerSize);
  const entries = placeIndexes(
    working.index.manifests,
    indexed.map(({ request }) => request),
  );
  const children = entries.flatMap((entry) => ("child" in entry ? [entry.child] : []));
  const { plans, blobs } = await planChildren(source, children, {
    chosen: indexed.map((one) => one.chosen),
    keepAttestations: options.keepAttestations ?? false,
    decide,
  });
  const planOf = new Map(children.map((child, i) => [child, plans[i]!]));
  // What would be too large for registries is refused before a layer is read. SOCI indexes count by their names alone here.
  const unbuilt = indexed.map((one) => ({ request: one.request, child: one.chosen.child, bytes: new Uint8Array() }));
  checkSizes(convertedIndex(working.index, entries, planOf, unbuilt, () => {}));

  const { target, inflate } = ports;
  // One layer gains nothing by a thread of its own, and would pay for its start.
  const pool = builds.length > 1 ? ports.pool : undefined;
  const hints = { tag, images: images.map((one) => one.image) };
  const known =
    settings.force || builds.length === 0 ? undefined : await KnownZtocs.gather(target, hints, settings, read);
  pool?.prepare?.(countUnknown(builds, known));
  // While threads build, others are sent.
  const concurrency =
    options.concurrency ?? (pool === undefined ? settings.concurrency : Math.max(2, 2 * pool.threads));
  const transfer = { source, target, inflate, pool, known, mountFrom: options.mountFrom, settings, concurrency, tell };
  const built = await transferBlobs(transfer, blobs, builds, read);
  const config = sociIndexConfig();
  await putBlob(target, { digest: digestOf(config), size: config.length }, config, read);
  const attached: (AttachedIndex & { readonly prefetch: PrefetchPlan })[] = [];
  for (const { request, chosen: one, planned } of indexed) {
    const prefetch = await pushPrefetch(target, planned, built, options.prefetch, tell, read);
    const bytes = sociIndexBytes(planned, built, settings, prefetch);
    attached.push({ request, child: one.child, bytes, prefetch });
  }
  const converted = convertedIndex(working.index, entries, planOf, attached, decide);
  checkSizes(converted);
  await pushImage(target, converted, read);
  const platforms = platformsOf(indexed, built, converted, attached, settings);
  for (const { index, manifest, platform } of platforms)
    tell({ v: 1, type: "index-pushed", index, manifest, platform });
  for (const { from, to } of converted.manifests) tell({ v: 1, type: "manifest-converted", from, to });
  tell({ v: 1, type: "manifest-copied", descriptor: converted.descriptor });
  const originals =
    options.keepOriginals === true && converted.descriptor.digest !== top.descriptor.digest
      ? await pushOriginals(target, converted.descriptor, source, top, read)
      : undefined;
  if (tag !== undefined) {
    await target.tag(tag, converted.descriptor, read);
    tell({ v: 1, type: "tagged", tag, descriptor: converted.descriptor });
  }
  const { mediaType, digest, size } = top.descriptor;
  return {
    source: { mediaType, digest, size },
    image: converted.descriptor,
    manifests: converted.manifests,
    platforms,
    decisions,
    ...(originals === undefined ? {} : { originals }),
  };
}

async function rootOf(source: SourceContent, image: string | ConvertRoot): Promise<SourceDocument> {
  if (typeof image === "string") return source.top(image);
  const { descriptor, bytes } = image;
  return bytes === undefined ? source.document(descriptor) : source.add(descriptor, bytes);
}

/** A platform that gets an index. */
interface IndexedPlatform extends ChosenPlatform {
  readonly planned: PlannedImage;
}

/** Those of which a layer is indexed. */
function pairsWithIndex(
  chosen: readonly ChosenPlatform[],
  images: readonly PlannedImage[],
  decide: (decision: ConvertDecision) => void,
): readonly IndexedPlatform[] {
  const pairs = chosen.map((one, i): IndexedPlatform => ({ ...one, planned: images[i]! }));
  const hasIndex = ({ planned }: IndexedPlatform): boolean => planned.layers.some(({ build }) => build !== undefined);
  const indexed = pairs.filter(hasIndex);
  // Where there is none at all, that is the error.
  for (const pair of indexed.length === 0 ? [] : pairs) {
    if (hasIndex(pair)) continue;
    const { child } = pair.chosen;
    const message = `${nameOfChild(child)} gets no SOCI index: all of its layers were skipped`;
    decide({ code: "nothing-to-index", digest: child.digest, message });
  }
  return indexed;
}

function sociIndexBytes(
  planned: PlannedImage,
  built: BuiltLayers,
  settings: IndexSettings,
  { artifacts }: PrefetchPlan,
): Uint8Array {
  const layers = indexedLayers(planned.layers, built, settings);
  const prefetch = artifacts.map(({ descriptor }) => descriptor);
  return encodeSociIndex(createSociIndex("v2", layers, undefined, { ...settings, prefetch }));
}

/** Fails before any is written: what is pushed before one that is refused would stay, listed for nothing. */
function checkSizes(converted: ConvertedIndex): void {
  const check = (what: string, length: number): void => {
    if (length > MAX_MANIFEST_SIZE)
      throw new OciError(
        "ERR_OCI_TOO_LARGE",
        `Cannot convert image: ${what} would have ${length} bytes, written as Go writes it, and ${MAX_MANIFEST_SIZE} are the most that registries take`,
      );
  };
  for (const { from, to } of converted.manifests) check(`manifest ${from.digest}`, to.size);
  check("its index", converted.bytes.length);
}

/** Writes manifests, each after what it names. */
async function pushImage(target: ManifestWriter, converted: ConvertedIndex, options: ReadOptions): Promise<void> {
  for (const { bytes, mediaType, algorithm } of converted.toWrite) {
    options.signal?.throwIfAborted();
    await target.pushManifest(bytes, mediaType, { ...options, algorithm });
  }
  options.signal?.throwIfAborted();
  await target.pushManifest(converted.bytes, OCI_INDEX, { ...options, algorithm: "sha256" });
}

function platformsOf(
  indexed: readonly IndexedPlatform[],
  built: BuiltLayers,
  converted: ConvertedIndex,
  attached: readonly { readonly prefetch: PrefetchPlan }[],
  settings: IndexSettings,
): readonly ConvertedPlatform[] {
  const before = new Set<LayerBuild>();
  return indexed.map(({ request, planned }, i) => {
    const layers = layerOutcomes(planned.layers, built, before);
    // With force the reference builds the zTOC of a layer again for each platform, and says so.
    for (const { build } of planned.layers) if (build !== undefined && !settings.force) before.add(build);
    const { index, manifest } = converted.indexes[i]!;
    return { platform: request, manifest, index, layers, prefetch: attached[i]!.prefetch };
  });
}
