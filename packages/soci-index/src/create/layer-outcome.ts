import type { Descriptor } from "@socikit/oci";
import type { BuildWarning } from "@socikit/ztoc/build";
import type { IndexedLayer } from "../soci-index.ts";
import type { BuiltLayers } from "./index-layer.ts";
import type { IndexSettings } from "./index-settings.ts";
import type { LayerSkip } from "./layer-choice.ts";
import type { LayerBuild, PlannedLayer } from "./layer-plan.ts";

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
  /** Whether the zTOC was in the target before, and the layer was not read for it. */
  readonly reused: boolean;
  /** What the builder found odd. */
  readonly warnings: readonly BuildWarning[];
}

/** What became of an image's layers. `before` has the builds of the images before it. */
export function layerOutcomes(
  planned: readonly PlannedLayer[],
  built: BuiltLayers,
  before: ReadonlySet<LayerBuild>,
): readonly LayerOutcome[] {
  return planned.map(({ layer, build, skipped }) => {
    const result = build && built.get(build);
    return {
      layer,
      shared: build !== undefined && before.has(build),
      reused: result?.reused ?? false,
      warnings: result?.warnings ?? [],
      ...(result === undefined ? {} : { ztoc: result.ztoc }),
      ...(skipped === undefined ? {} : { skipped }),
    };
  });
}

/** The layers of an image that its index names. */
export function indexedLayers(
  planned: readonly PlannedLayer[],
  built: BuiltLayers,
  settings: IndexSettings,
): readonly IndexedLayer[] {
  return planned.flatMap(({ layer, build }): IndexedLayer[] => {
    const result = build && built.get(build);
    if (result === undefined) return [];
    const disableXattrs = settings.disableXattrs && !result.needsXattrs;
    return [{ layer, ztoc: result.ztoc, spanSize: settings.spanSize, disableXattrs }];
  });
}
