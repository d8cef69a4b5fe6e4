/**
 * Makes SOCI indexes for images, over ports: wherever the image lives, wherever the index goes. Converts images to ones that have
 * their indexes in them, and back.
 *
 * @module
 */
export {
  createIndex,
  type CreatedIndex,
  type CreateOptions,
  type CreatePorts,
  type CreateResult,
} from "./create/create-index.ts";
export type { IndexingPool } from "./create/index-layer.ts";
export { DEFAULT_MIN_LAYER_SIZE, type IndexingOptions } from "./create/index-settings.ts";
export type { LayerOutcome } from "./create/layer-outcome.ts";
export type {
  CreateEvent,
  IndexingEvent,
  IndexPushedEvent,
  LayerEvent,
  LayerIndexedEvent,
  LayerProgressEvent,
  LayerReusedEvent,
  LayerSkippedEvent,
  LayerStartedEvent,
  PrefetchEvent,
  PrefetchMissingEvent,
  PrefetchPushedEvent,
  ZtocPushedEvent,
} from "./create/create-event.ts";
export { LAYER_SKIP_CODES, type LayerSkip, type LayerSkipCode } from "./create/layer-choice.ts";
export { describeOutcome } from "./create/describe-outcome.ts";
export {
  describeMissingPath,
  describePrefetch,
  planPrefetch,
  type LayerPrefetch,
  type PrefetchLayer,
  type PrefetchPlan,
  type PrefetchRequest,
} from "./prefetch/plan-prefetch.ts";
export {
  decodePrefetchList,
  MAX_PREFETCH_LIST_SIZE,
  parsePrefetchFiles,
  type PrefetchPath,
  type PrefetchRule,
} from "./prefetch/prefetch-list.ts";
export {
  convertImage,
  type ConvertedPlatform,
  type ConvertOptions,
  type ConvertPorts,
  type ConvertResult,
  type ConvertRoot,
  type ConvertTarget,
} from "./convert/convert-image.ts";
export type { ConvertedManifest } from "./convert/converted-index.ts";
export type { ConvertEvent, DecisionEvent, ManifestConvertedEvent } from "./convert/convert-event.ts";
export { CONVERT_DECISION_CODES, type ConvertDecision, type ConvertDecisionCode } from "./convert/convert-decision.ts";
export { parseRequestedPlatform } from "./convert/requested-platform.ts";
export { standaloneRoot, type LayoutFiles, type StandaloneRoot } from "./convert/standalone-root.ts";
export type { NestedIndexes } from "./convert/working-index.ts";
export type { ZtocShelf } from "./create/known-ztocs.ts";
export {
  unconvertImage,
  type UnconvertOptions,
  type UnconvertPorts,
  type UnconvertResult,
} from "./convert/unconvert-image.ts";
export type { OriginalPlace } from "./convert/original-witness.ts";
export { ORIGINALS_TYPE } from "./convert/originals-record.ts";
