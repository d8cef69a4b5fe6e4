import type { LayerOutcome } from "./create-index.ts";

/** The line that the reference prints about a layer. */
export function describeOutcome({ layer, ztoc, skipped, shared }: LayerOutcome): string {
  if (ztoc === undefined) return skipped?.message ?? `ztoc skipped - layer ${layer.digest} (${layer.mediaType})`;
  return `layer ${layer.digest} -> ztoc ${ztoc.digest}${shared ? " (already exists)" : ""}`;
}
