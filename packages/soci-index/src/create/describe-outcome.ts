import type { LayerOutcome } from "./layer-outcome.ts";

/** The line that the reference prints about a layer. */
export function describeOutcome({ layer, ztoc, skipped, shared, reused }: LayerOutcome): string {
  if (ztoc === undefined) return skipped?.message ?? `ztoc skipped - layer ${layer.digest} (${layer.mediaType})`;
  return `layer ${layer.digest} -> ztoc ${ztoc.digest}${shared || reused ? " (already exists)" : ""}`;
}
