/**
 * Builds zTOCs: one pass over a layer, with one inflation for any number of consumers, byte for byte what the reference
 * implementation writes.
 *
 * @module
 */
export { BUILD_WARNING_CODES, type BuildWarning, type BuildWarningCode } from "./build-warning.ts";
export {
  createBuildPool,
  type BuildPool,
  type BuildPoolOptions,
  type PoolBuildOptions,
  type PoolLayer,
} from "./build-pool.ts";
export { buildZtoc, type BuildOptions } from "./build-ztoc.ts";
export type { LayerInput } from "./layer-input.ts";
export { LayerScan, type LayerConsumer, type LayerScanOptions, type LayerScanState } from "./layer-scan.ts";
export { ResumableBuild, type ResumableBuildOptions, type RunOptions, type SavedPiece } from "./resumable-build.ts";
export {
  DEFAULT_BUILD_TOOL_IDENTIFIER,
  DEFAULT_SPAN_SIZE,
  ZtocBuilder,
  type ZtocBuilderOptions,
} from "./ztoc-builder.ts";
export type { ZtocBuild } from "./ztoc-build.ts";
