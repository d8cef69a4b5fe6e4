/**
 * Makes SOCI indexes for images, over ports: wherever the image lives, wherever the index goes.
 *
 * @module
 */
export {
  createIndex,
  DEFAULT_MIN_LAYER_SIZE,
  type CreatedIndex,
  type CreateOptions,
  type CreatePorts,
  type CreateResult,
  type LayerOutcome,
} from "./create/create-index.ts";
export type {
  CreateEvent,
  IndexPushedEvent,
  LayerEvent,
  LayerIndexedEvent,
  LayerProgressEvent,
  LayerSkippedEvent,
  LayerStartedEvent,
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
  type PrefetchPath,
  type PrefetchPlan,
  type PrefetchRequest,
} from "./prefetch/plan-prefetch.ts";
