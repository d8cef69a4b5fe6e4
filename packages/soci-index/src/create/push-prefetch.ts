import type { BlobReader, BlobWriter, ReadOptions } from "@socikit/oci";
import { planPrefetch, type PrefetchPlan, type PrefetchRequest } from "../prefetch/plan-prefetch.ts";
import type { PrefetchEvent } from "./create-event.ts";
import { ztocOf, type BuiltLayers } from "./index-layer.ts";
import type { PlannedImage } from "./layer-plan.ts";
import { putBlob } from "./put-blob.ts";

/** Makes the prefetch artifacts of one image whose layers are indexed, and pushes them. Nothing without a request. */
export async function pushPrefetch(
  target: Pick<BlobReader, "stat"> & BlobWriter,
  { layers }: PlannedImage,
  built: BuiltLayers,
  request: PrefetchRequest | undefined,
  tell: (event: PrefetchEvent) => void,
  options: ReadOptions,
): Promise<PrefetchPlan> {
  if (request === undefined || request.paths.length === 0) return { artifacts: [], missing: [], problems: new Map() };
  const plan = await planPrefetch(
    layers.map(({ layer, build }) => ({ layer, ztoc: ztocOf(build, built) })),
    request,
    options,
  );
  for (const path of plan.missing) {
    const problem = plan.problems.get(path);
    tell({ v: 1, type: "prefetch-missing", path, ...(problem === undefined ? {} : { problem }) });
  }
  for (const { layer, descriptor, bytes } of plan.artifacts) {
    const existed = await putBlob(target, descriptor, bytes, options);
    tell({ v: 1, type: "prefetch-pushed", layer: layer.digest, prefetch: descriptor, existed });
  }
  return plan;
}
