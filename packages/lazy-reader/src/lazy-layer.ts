import type { ByteRange, Descriptor, ReadOptions } from "@socikit/oci";
import type { LayerIndex, TableOfContents } from "@socikit/ztoc";
import type { TrustTier } from "./piece-cache.ts";

/** How a layer is read: by an index of that kind, fetching what is needed, or `whole`. */
export type LayerMode = LayerIndex["kind"] | "whole";

/** One layer that can be read: by an index, or held whole. */
export interface LazyLayer {
  /** The layer. */
  readonly layer: Descriptor;
  /** `whole`: it was fetched, verified, and is held in memory. Else the kind of index it is read by, such as `ztoc`. */
  readonly mode: LayerMode;
  /** Its entries, in tar order. */
  readonly toc: TableOfContents;
  /** Whether the table of contents was made from the very bytes that are read: then there is nothing to compare it with. */
  readonly derived: boolean;
  /**
   * Output of the layer, in `[start, end)` of its tar stream, as it is verified. Chunks are the caller's. Leaving the loop early ends
   * the fetches under way.
   *
   * Fails with `ERR_LAZY_INVALID_INDEX` outside what the index covers, `ERR_LAZY_SPAN_DIGEST`, `ERR_LAZY_SPAN_DATA`,
   * `ERR_LAZY_SPAN_TOO_LARGE`, `ERR_LAZY_WINDOW_MISMATCH`, `ERR_LAZY_CLOSED`, or as the source does.
   */
  chunks(range: ByteRange<"uncompressed">, options?: ReadOptions): AsyncIterable<Uint8Array>;
  /** What the range's bytes stand on, as far as is known by now: the least of its spans' tiers. */
  tierOf(range: ByteRange<"uncompressed">): TrustTier;
  /** Whether all of the range lies inside the layer's output. */
  contains(range: ByteRange<"uncompressed">): boolean;
  /** Ends what is under way and closes the source. */
  close(): Promise<void>;
}
