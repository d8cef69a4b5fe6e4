import type { CopyEvent, Descriptor, Digest, Platform, ProgressEvent } from "@socikit/oci";
import type { LayerSkip } from "./layer-choice.ts";

/** What every event about one layer says. */
export interface LayerEvent<T extends string> extends ProgressEvent {
  readonly type: T;
  /** Digest of the layer. */
  readonly layer: Digest;
}

/** A layer is about to be read. Comes once for each distinct layer that gets a zTOC. */
export interface LayerStartedEvent extends LayerEvent<"layer-started"> {
  /** Size of the layer in bytes, as stored. */
  readonly size: number;
}

/** Bytes of a layer have been read, or indexed. Begins anew where the thread that was building has died. */
export interface LayerProgressEvent extends LayerEvent<"layer-progress"> {
  /** Bytes read so far, as stored. */
  readonly bytes: number;
  /** Bytes of the tar stream that were made of them and indexed so far, as far as the builder has told. */
  readonly uncompressed: number;
}

/** A layer has been read to its end, fits its digest, and has a zTOC. */
export interface LayerIndexedEvent extends LayerEvent<"layer-indexed"> {
  /** Digest and size of the zTOC. */
  readonly ztoc: Descriptor;
}

/** A layer has a zTOC that was in the target before. It is not read for it. */
export interface LayerReusedEvent extends LayerEvent<"layer-reused"> {
  /** Digest and size of the zTOC. */
  readonly ztoc: Descriptor;
}

/** A layer gets no zTOC. Comes once for each distinct layer. */
export interface LayerSkippedEvent extends LayerEvent<"layer-skipped"> {
  /** Why. */
  readonly reason: LayerSkip;
}

/** A zTOC is in the target now. */
export interface ZtocPushedEvent extends LayerEvent<"ztoc-pushed"> {
  /** Digest and size of the zTOC. */
  readonly ztoc: Descriptor;
  /** Whether it was there before. */
  readonly existed: boolean;
}

/** An index is in the target now, with everything it names. */
export interface IndexPushedEvent extends ProgressEvent {
  readonly type: "index-pushed";
  /** The index. */
  readonly index: Descriptor;
  /** The image manifest that it is of. */
  readonly manifest: Descriptor;
  /** The image's platform, where it has one. */
  readonly platform?: Platform;
}

/** A prefetch artifact is in the target now. */
export interface PrefetchPushedEvent extends LayerEvent<"prefetch-pushed"> {
  /** The artifact, as the index names it. */
  readonly prefetch: Descriptor;
  /** Whether it was there before. */
  readonly existed: boolean;
}

/** A path to prefetch that an image does not have. Comes once for each image. */
export interface PrefetchMissingEvent extends ProgressEvent {
  readonly type: "prefetch-missing";
  /** The path, cleaned. */
  readonly path: string;
  /** What is wrong with it, where it is a broken pattern. */
  readonly problem?: string;
}

/** What is told of prefetch artifacts. */
export type PrefetchEvent = PrefetchPushedEvent | PrefetchMissingEvent;

/** What is told of layers, whatever the index is for. */
export type IndexingEvent =
  | LayerStartedEvent
  | LayerProgressEvent
  | LayerIndexedEvent
  | LayerReusedEvent
  | LayerSkippedEvent
  | ZtocPushedEvent;

/**
 * What {@linkcode createIndex} tells while it works. A layer that is copied and indexed in one is told of by the events of its indexing,
 * by `blob-progress` of what the target has, and by `blob-copied` in the end; `blob-started` comes where its upload broke and it
 * is copied by itself after all.
 */
export type CreateEvent = IndexingEvent | PrefetchEvent | IndexPushedEvent | CopyEvent;
