import type { CopyEvent, Descriptor, ProgressEvent } from "@socikit/oci";
import type { IndexingEvent, IndexPushedEvent, PrefetchEvent } from "../create/create-event.ts";
import type { ConvertDecision } from "./convert-decision.ts";

/** Something was decided about a part of the image. Comes before anything is written. */
export interface DecisionEvent extends ProgressEvent {
  readonly type: "decision";
  /** What was decided. */
  readonly decision: ConvertDecision;
}

/** A manifest is in the target now, in the place of one of the source. */
export interface ManifestConvertedEvent extends ProgressEvent {
  readonly type: "manifest-converted";
  /** The manifest of the source. */
  readonly from: Descriptor;
  /** The manifest that takes its place. The same, where nothing had to change. */
  readonly to: Descriptor;
}

/**
 * What `convertImage` tells while it works. A layer that is copied and indexed in one is told of by the events of its indexing,
 * by `blob-progress` of what the target has, and by `blob-copied` in the end; `blob-started` comes where its upload broke and it
 * is copied by itself after all.
 */
export type ConvertEvent =
  | IndexingEvent
  | PrefetchEvent
  | IndexPushedEvent
  | CopyEvent
  | DecisionEvent
  | ManifestConvertedEvent;
