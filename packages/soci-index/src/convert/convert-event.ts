import type { Descriptor, ProgressEvent } from "@socikit/oci";
import type { CreateEvent } from "../create/create-event.ts";
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

/** What `convertImage` tells while it works: of layers and blobs as `createIndex` does where it copies. */
export type ConvertEvent = CreateEvent | DecisionEvent | ManifestConvertedEvent;
