import type { BlobReader, BlobWriter, Descriptor, ReadOptions } from "@socikit/oci";
import type { Inflate } from "@socikit/inflate";
import type { Ztoc } from "@socikit/ztoc";
import { buildZtoc, type BuildPool, type BuildWarning, type ZtocBuild } from "@socikit/ztoc/build";
import { SociIndexError } from "../errors.ts";
import { SOCI_ZTOC } from "../media-types.ts";
import type { IndexingEvent } from "./create-event.ts";
import type { IndexSettings } from "./index-settings.ts";
import type { LayerBuild } from "./layer-plan.ts";
import type { OpenedLayer, OpenLayerOptions } from "./open-layer.ts";
import { putBlob } from "./put-blob.ts";

/** What became of a build. */
export interface BuiltLayer {
  /** Descriptor of the zTOC, without annotations. */
  readonly ztoc: Descriptor;
  /** The zTOC, where it was to be kept. Read when it is first asked for. */
  readonly content: Pick<ZtocBuild, "ztoc"> | undefined;
  /** Whether mounts of the layer have to look for extended attributes. */
  readonly needsXattrs: boolean;
  /** What the builder found odd. */
  readonly warnings: readonly BuildWarning[];
  /** Whether the zTOC was there before, and the layer was not read for it. */
  readonly reused: boolean;
}

/** What became of each build. */
export type BuiltLayers = ReadonlyMap<LayerBuild, BuiltLayer>;

/** What indexing a layer needs. */
export interface IndexingPorts {
  /** Gets the zTOC. */
  readonly target: Pick<BlobReader, "stat"> & BlobWriter;
  /** Decodes gzip layers that no pool builds. @default {await loadInflate()} */
  readonly inflate?: Inflate | undefined;
  /** Builds several layers side by side. By default one after the other is built, on the calling thread. */
  readonly pool?: IndexingPool | undefined;
}

/** What indexing uses of a pool. */
export type IndexingPool = Pick<BuildPool, "build" | "threads"> & Partial<Pick<BuildPool, "prepare">>;

/** Opens a layer: when its turn has come, and again where the thread that was building its zTOC has died. */
export type OpenForIndexing = (options: Pick<OpenLayerOptions, "signal" | "onRead">) => Promise<OpenedLayer>;

/**
 * Builds the zTOC of a layer and pushes it, once the layer has been read to its end.
 *
 * @throws {SociIndexError} `ERR_SOCI_LAYER_FAILED` for a layer that no zTOC can be made of. What the input and the target
 * throw passes through.
 */
export async function indexLayer(
  ports: IndexingPorts,
  build: LayerBuild,
  open: OpenForIndexing,
  settings: IndexSettings,
  tell: (event: IndexingEvent) => void,
  options: ReadOptions,
): Promise<BuiltLayer> {
  const { digest } = build.layer;
  const built = await buildLayer(ports, build, open, settings, tell, options);
  const ztoc = { mediaType: SOCI_ZTOC, digest: built.digest, size: built.bytes.length };
  tell({ v: 1, type: "layer-indexed", layer: digest, ztoc });
  const existed = await putBlob(ports.target, ztoc, built.bytes, options);
  tell({ v: 1, type: "ztoc-pushed", layer: digest, ztoc, existed });
  const { needsXattrs, warnings } = built;
  return { ztoc, content: settings.keepZtocs ? built : undefined, needsXattrs, warnings, reused: false };
}

async function buildLayer(
  ports: IndexingPorts,
  { layer, compression }: LayerBuild,
  openLayer: OpenForIndexing,
  settings: IndexSettings,
  tell: (event: IndexingEvent) => void,
  options: ReadOptions,
): Promise<ZtocBuild> {
  const progress = { bytes: 0, uncompressed: 0 };
  const advance = (change: Partial<typeof progress>): void => {
    Object.assign(progress, change);
    tell({ v: 1, type: "layer-progress", layer: layer.digest, ...progress });
  };
  let opened: OpenedLayer | undefined;
  let isOver = false;
  const open = async ({ signal }: ReadOptions): Promise<OpenedLayer["bytes"]> => {
    // For the thread that has died.
    opened?.close();
    opened = await openLayer({ signal, onRead: (bytes) => advance({ bytes }) });
    if (isOver) opened.close();
    return opened.bytes;
  };
  // Told of where it is news: of every chunk there is an event already.
  const onProgress = (uncompressed: number): void => {
    if (uncompressed !== progress.uncompressed) advance({ uncompressed });
  };
  const { spanSize, buildToolIdentifier } = settings;
  const { signal } = options;
  const building = { compression, spanSize, buildToolIdentifier, signal, onProgress };
  try {
    if (ports.pool === undefined)
      return await buildZtoc(await open({ signal }), { ...building, inflate: ports.inflate });
    return await ports.pool.build(open, { ...building, size: layer.size });
  } catch (cause) {
    // What the builder says is about the layer's content and does not name it; what the stream says does.
    // A thread that died is nobody's fault there.
    if (
      !(cause instanceof Error) ||
      !/^ERR_(?:ZTOC_(?!WORKER)|INFLATE_)/.test(String((cause as { code?: unknown }).code))
    )
      throw cause;
    throw new SociIndexError(
      "ERR_SOCI_LAYER_FAILED",
      `Cannot index layer ${layer.digest} (${layer.mediaType}): ${cause.message.replace(/^Cannot (?:index layer|build zTOC): /, "")}`,
      { cause },
    );
  } finally {
    // The builder may have thrown before it read anything, or has not waited for it.
    isOver = true;
    opened?.close();
  }
}

/** The zTOC of a layer, where it has one. */
export function ztocOf(build: LayerBuild | undefined, built: BuiltLayers): Ztoc | undefined {
  return build && built.get(build)?.content?.ztoc;
}
