import {
  bytesSource,
  chooseImages,
  digestOf,
  eachConcurrently,
  OCI_MANIFEST,
  uploadBlob,
  verifiedContent,
  type BlobReader,
  type BlobWriter,
  type ChosenImage,
  type Descriptor,
  type ImageChoice,
  type ManifestReader,
  type ManifestWriter,
  type Platform,
  type ReadOptions,
} from "@socikit/oci";
import type { Inflate } from "@socikit/inflate";
import { buildZtoc, DEFAULT_SPAN_SIZE, type BuildWarning, type ZtocBuild } from "@socikit/ztoc/build";
import { SociIndexError } from "../errors.ts";
import { SOCI_ZTOC } from "../media-types.ts";
import {
  artifactTypeOf,
  createSociIndex,
  DEFAULT_BUILD_TOOL,
  encodeSociIndex,
  sociIndexConfig,
  type IndexedLayer,
} from "../soci-index.ts";
import type { CreateEvent } from "./create-event.ts";
import type { LayerSkip } from "./layer-choice.ts";
import { nothingToIndex, planLayers, type LayerBuild, type PlannedLayer } from "./layer-plan.ts";

/** Layers that are smaller get no zTOC, in bytes as stored. */
export const DEFAULT_MIN_LAYER_SIZE: number = 10 * 2 ** 20;

/** Where an image is read from, and where its index is put. */
export interface CreatePorts {
  /** Holds the image. */
  readonly image: ManifestReader & BlobReader;
  /** Gets zTOCs and indexes. It should hold the image too: an index is found as what refers to it. */
  readonly target: Pick<BlobReader, "stat"> & BlobWriter & ManifestWriter;
  /** Decodes gzip layers. @default {await loadInflate()} */
  readonly inflate?: Inflate | undefined;
}

/** What {@linkcode createIndex} may be told. */
export interface CreateOptions extends ReadOptions, Omit<ImageChoice, "checkSingle"> {
  /** Uncompressed bytes between two places where reading can begin. @default {4_194_304} */
  readonly spanSize?: number | undefined;
  /** Layers of fewer bytes, as stored, get no zTOC. @default {10_485_760} */
  readonly minLayerSize?: number | undefined;
  /** Written into zTOCs and index; equal content has the reference's digests only with the default. @default {"AWS SOCI CLI v0.2"} */
  readonly buildToolIdentifier?: string | undefined;
  /** `xattr`: say of layers without extended attributes and opaque directories that they have none. */
  readonly optimizations?: readonly "xattr"[] | undefined;
  /** Layers read at once. @default {2} */
  readonly concurrency?: number | undefined;
  /** Gets what happens as it happens. What it throws ends the work. */
  readonly onEvent?: ((event: CreateEvent) => void) | undefined;
}

/** What became of a layer. */
export interface LayerOutcome {
  /** The layer. */
  readonly layer: Descriptor;
  /** Its zTOC, where it has one. */
  readonly ztoc?: Descriptor;
  /** Why it has none. */
  readonly skipped?: LayerSkip;
  /** Whether an image before this one in the same run has the layer too. */
  readonly shared: boolean;
  /** What the builder found odd. */
  readonly warnings: readonly BuildWarning[];
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
 * many platforms share it; memory is the builder's.
 *
 * A zTOC is pushed when its layer has been read to the end and fits its digest; an index when all that it names is there.
 * Where the work fails or is aborted, zTOCs may be left behind, which nothing names yet, and a second run finds them.
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
  const ports = { ...given, image: verifiedContent(given.image) };
  const settings = settingsOf(options);
  const { signal, priority } = options;
  const chosen = await chooseImages(ports.image, tagOrDigest, imageChoiceOf(options), { signal, priority });
  // Decided for every layer before one is read.
  const { images, builds } = await planLayers(ports.image, chosen.images, settings, { signal, priority });
  const indexed = images.filter(({ layers }) => layers.some(({ build }) => build !== undefined));
  if (indexed.length === 0) throw nothingToIndex(images, settings.minLayerSize);

  const built: BuiltLayers = new Map();
  await eachConcurrently(builds, settings.concurrency, signal, async (build, inner) => {
    built.set(build, await indexLayer(ports, build, settings, { signal: inner, priority }));
  });

  const config = sociIndexConfig();
  const named = { digest: digestOf(config), size: config.length };
  await putBlob(ports.target, named, config, { signal, priority });
  const indexes: CreatedIndex[] = [];
  const before = new Set<LayerBuild>();
  // One after the other: registries without a referrers API keep a list, which two writers would take from each other.
  for (const { image, layers: planned } of indexed) {
    const index = await pushIndex(ports, image, indexedLayers(planned, built, settings), settings, {
      signal,
      priority,
    });
    const layers = planned.map((layer): LayerOutcome => outcomeOf(layer, built, before));
    for (const { build } of planned) if (build !== undefined) before.add(build);
    const { descriptor: manifest, platform } = image;
    indexes.push({ manifest, index, layers, ...(platform === undefined ? {} : { platform }) });
  }
  return { image: chosen.top, indexes };
}

function imageChoiceOf({ platforms, hostPlatform }: CreateOptions): ImageChoice {
  return { platforms, hostPlatform };
}

/** Puts a blob where it may be already; whether it was. */
async function putBlob(
  target: CreatePorts["target"],
  blob: Pick<Descriptor, "digest" | "size">,
  bytes: Uint8Array,
  options: ReadOptions,
): Promise<boolean> {
  if ((await target.stat(blob.digest, options))?.size === blob.size) return true;
  await uploadBlob(target, bytesSource(bytes), blob, options);
  return false;
}

/** What became of a build. */
interface BuiltLayer {
  readonly ztoc: Descriptor;
  readonly needsXattrs: boolean;
  readonly warnings: readonly BuildWarning[];
}

type BuiltLayers = Map<LayerBuild, BuiltLayer>;

interface Settings {
  readonly spanSize: number;
  readonly minLayerSize: number;
  readonly buildToolIdentifier: string;
  readonly disableXattrs: boolean;
  readonly concurrency: number;
  readonly tell: (event: CreateEvent) => void;
}

function settingsOf(options: CreateOptions): Settings {
  const { spanSize = DEFAULT_SPAN_SIZE, minLayerSize = DEFAULT_MIN_LAYER_SIZE, concurrency = 2 } = options;
  atLeast("spanSize", spanSize, 1);
  atLeast("minLayerSize", minLayerSize, 0);
  atLeast("concurrency", concurrency, 1);
  const unknown = (options.optimizations ?? []).find((name) => name !== "xattr");
  if (unknown !== undefined)
    throw new RangeError(`Cannot create index: ${JSON.stringify(unknown)} is not an optimization; there is "xattr"`);
  return {
    spanSize,
    minLayerSize,
    concurrency,
    buildToolIdentifier: options.buildToolIdentifier ?? DEFAULT_BUILD_TOOL,
    disableXattrs: options.optimizations?.includes("xattr") ?? false,
    tell: (event) => options.onEvent?.(event),
  };
}

function atLeast(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least)
    throw new RangeError(`Cannot create index: ${name} ${value} is not an integer of ${least} or more`);
}

async function indexLayer(
  ports: CreatePorts,
  planned: LayerBuild,
  settings: Settings,
  options: ReadOptions,
): Promise<BuiltLayer> {
  const { digest, size } = planned.layer;
  settings.tell({ v: 1, type: "layer-started", layer: digest, size });
  const build = await buildLayer(ports, planned, settings, options);
  const ztoc = { mediaType: SOCI_ZTOC, digest: build.digest, size: build.bytes.length };
  settings.tell({ v: 1, type: "layer-indexed", layer: digest, ztoc });
  const existed = await putBlob(ports.target, ztoc, build.bytes, options);
  settings.tell({ v: 1, type: "ztoc-pushed", layer: digest, ztoc, existed });
  return { ztoc, needsXattrs: build.needsXattrs, warnings: build.warnings };
}

async function buildLayer(
  ports: CreatePorts,
  { layer, compression }: LayerBuild,
  settings: Settings,
  options: ReadOptions,
): Promise<ZtocBuild> {
  const stream = await ports.image.stream(layer, options);
  try {
    return await buildZtoc(stream, {
      compression,
      spanSize: settings.spanSize,
      buildToolIdentifier: settings.buildToolIdentifier,
      inflate: ports.inflate,
      signal: options.signal,
      consumers: [
        {
          compressed: (bytes, at) =>
            settings.tell({ v: 1, type: "layer-progress", layer: layer.digest, bytes: at + bytes.length }),
        },
      ],
    });
  } catch (cause) {
    // What the builder says is about the layer's content and does not name it; what the stream says does.
    if (!(cause instanceof Error) || !/^ERR_(?:ZTOC|INFLATE)_/.test(String((cause as { code?: unknown }).code)))
      throw cause;
    throw new SociIndexError(
      "ERR_SOCI_LAYER_FAILED",
      `Cannot index layer ${layer.digest} (${layer.mediaType}): ${cause.message.replace(/^Cannot index layer: /, "")}`,
      { cause },
    );
  }
}

function indexedLayers(
  planned: readonly PlannedLayer[],
  built: BuiltLayers,
  settings: Settings,
): readonly IndexedLayer[] {
  return planned.flatMap(({ layer, build }): IndexedLayer[] => {
    const result = build && built.get(build);
    if (result === undefined) return [];
    const disableXattrs = settings.disableXattrs && !result.needsXattrs;
    return [{ layer, ztoc: result.ztoc, spanSize: settings.spanSize, disableXattrs }];
  });
}

async function pushIndex(
  ports: CreatePorts,
  image: ChosenImage,
  layers: readonly IndexedLayer[],
  settings: Settings,
  options: ReadOptions,
): Promise<Descriptor> {
  const { buildToolIdentifier } = settings;
  const sociIndex = createSociIndex("v1", layers, image.descriptor, { buildToolIdentifier });
  const bytes = encodeSociIndex(sociIndex);
  options.signal?.throwIfAborted();
  // By SHA-256, whatever the image is named by: the reference knows no other.
  const pushed = await ports.target.pushManifest(bytes, OCI_MANIFEST, { ...options, algorithm: "sha256" });
  const index: Descriptor = { ...pushed, mediaType: OCI_MANIFEST, artifactType: artifactTypeOf(sociIndex) };
  const { descriptor: manifest, platform } = image;
  settings.tell({ v: 1, type: "index-pushed", index, manifest, ...(platform === undefined ? {} : { platform }) });
  return index;
}

function outcomeOf(
  { layer, build, skipped }: PlannedLayer,
  built: BuiltLayers,
  before: ReadonlySet<LayerBuild>,
): LayerOutcome {
  const result = build && built.get(build);
  return {
    layer,
    shared: build !== undefined && before.has(build),
    warnings: result?.warnings ?? [],
    ...(result === undefined ? {} : { ztoc: result.ztoc }),
    ...(skipped === undefined ? {} : { skipped }),
  };
}
