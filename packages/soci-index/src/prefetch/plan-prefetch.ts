import { digestOf, type Descriptor, type Digest } from "@socikit/oci";
import type { Ztoc } from "@socikit/ztoc";
import { SOCI_LAYER_DIGEST } from "../annotations.ts";
import { SOCI_PREFETCH } from "../media-types.ts";
import { imageRanges, type KnownLayer } from "./image-rule.ts";
import { encodePrefetch, type PrefetchArtifact } from "./prefetch-artifact.ts";
import type { PrefetchPath, PrefetchRule } from "./prefetch-list.ts";
import { referenceRanges } from "./reference-rule.ts";

/** A layer of an image, and the zTOC that the index has for it. */
export interface PrefetchLayer {
  /** The layer, as the image's manifest has it. */
  readonly layer: Descriptor;
  /** Its zTOC, built or used again. A layer without one is not looked into, unless another of its digest has one. */
  readonly ztoc?: Ztoc | undefined;
}

/** What to prefetch, and how it is looked for. */
export interface PrefetchRequest {
  /** Paths in the image; `parsePrefetchFiles` and `decodePrefetchList` make them of what users write. */
  readonly paths: readonly (string | PrefetchPath)[];
  /**
   * `image`: in the merged layers, as a container sees them: files, directories, patterns. `reference`: as the reference looks
   * for them (spec section 9), the same bytes; priorities are not known.
   *
   * @default {"image"}
   */
  readonly rule?: PrefetchRule | undefined;
}

/** A prefetch artifact that was made, for one layer of the image. */
export interface LayerPrefetch {
  /** The layer, as the image's manifest has it. */
  readonly layer: Descriptor;
  /** What it says. */
  readonly artifact: PrefetchArtifact;
  /** The blob. */
  readonly bytes: Uint8Array;
  /** The blob's descriptor as the index has it, with annotations: it goes behind those of the zTOCs, in this order. */
  readonly descriptor: Descriptor;
}

/** What becomes of a request for one image. */
export interface PrefetchPlan {
  /**
   * In layer order. A layer that the image has twice comes twice, with the same blob, whether or not both have a zTOC: so the
   * reference has it.
   */
  readonly artifacts: readonly LayerPrefetch[];
  /** The paths that were not found, cleaned, in the order asked for. */
  readonly missing: readonly string[];
  /** What is wrong with those of them that are broken patterns, in a few words. Nothing by the reference's rule, which has no patterns. */
  readonly problems: ReadonlyMap<string, string>;
}

/**
 * Makes the prefetch artifacts of an image. Nothing is read or written: the caller pushes the blobs and adds the
 * descriptors to its index (`createSociIndex(…, { prefetch })`).
 *
 * @param layers All layers of the image, oldest first, those without a zTOC included.
 * @throws {SociIndexError} `ERR_SOCI_TOO_MANY_ENTRIES` for layers that cannot be merged, `ERR_SOCI_PREFETCH_TOO_BROAD` where
 * finding the paths takes more than 200 million looks at a name; never by the reference's rule.
 * @throws {RangeError} for a priority that is not a safe integer.
 */
export async function planPrefetch(
  layers: readonly PrefetchLayer[],
  request: PrefetchRequest,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<PrefetchPlan> {
  options.signal?.throwIfAborted();
  const paths = request.paths.map((wanted) => (typeof wanted === "string" ? { path: wanted } : wanted));
  for (const { path, priority = 0 } of paths)
    if (!Number.isSafeInteger(priority))
      throw new RangeError(`Cannot prefetch ${JSON.stringify(path)}: priority ${priority} is not an integer`);
  const known = knownLayers(layers);
  const { artifacts, missing, problems } =
    request.rule === "reference"
      ? await referenceRanges(known, paths, options)
      : await imageRanges(known, paths, options);
  return { artifacts: layers.flatMap(({ layer }) => layerPrefetch(layer, artifacts)), missing, problems };
}

/** Those that can be looked into: a layer counts as having a zTOC where any layer of its digest has one. */
function knownLayers(layers: readonly PrefetchLayer[]): readonly KnownLayer[] {
  const ztocs = new Map<Digest, Ztoc>();
  for (const { layer, ztoc } of layers) if (ztoc !== undefined) ztocs.set(layer.digest, ztoc);
  return layers.flatMap(({ layer: { digest } }) => {
    const ztoc = ztocs.get(digest);
    return ztoc === undefined ? [] : [{ digest, ztoc }];
  });
}

function layerPrefetch(layer: Descriptor, artifacts: ReadonlyMap<Digest, PrefetchArtifact>): LayerPrefetch[] {
  const artifact = artifacts.get(layer.digest);
  if (artifact === undefined) return [];
  const bytes = encodePrefetch(artifact);
  const descriptor: Descriptor = {
    mediaType: SOCI_PREFETCH,
    digest: digestOf(bytes),
    size: bytes.length,
    annotations: { [SOCI_LAYER_DIGEST]: layer.digest },
  };
  return [{ layer, artifact, bytes, descriptor }];
}

/** The line that the reference prints about an artifact that it has made. */
export function describePrefetch({ layer, descriptor }: Pick<LayerPrefetch, "layer" | "descriptor">): string {
  return `Created prefetch artifact for layer ${layer.digest}: ${descriptor.digest}`;
}

/** The line that the reference logs about a path that is in no layer. What is wrong with the path itself, where something is, follows. */
export function describeMissingPath(path: string, problem?: string): string {
  return `prefetch file ${path} not found in any layer${problem === undefined ? "" : `: ${problem}`}`;
}
