import type { ByteString, Digest, ProgressEvent } from "@socikit/oci";
import type { DiscoveryEvent } from "@socikit/soci-index";
import type { LayerMode } from "./lazy-layer.ts";
import type { TrustTier } from "./piece-cache.ts";

/** What opening and reading an image tells: data, for progress rows, `--json` and tests. */
export type LazyEvent =
  | DiscoveryEvent
  /** The SOCI index that the image is read by, and how it was found. Anyone who may push can add one that is found as a referrer. */
  | (ProgressEvent & {
      readonly type: "index-selected";
      readonly index: Digest;
      readonly via: "digest" | "annotation" | "referrers";
    })
  /**
   * The selected index, found among the referrers, cannot be used: a zTOC of it is damaged, missing or of another layer, or it leaves out
   * layers too large to be read whole. The next is looked for; layers that were told of as opened are opened again.
   */
  | (ProgressEvent & { readonly type: "index-rejected"; readonly index: Digest; readonly message: string })
  /** The image has no SOCI index: its layers are read whole. */
  | (ProgressEvent & { readonly type: "index-missing"; readonly manifest: Digest })
  /** Bytes of a layer that is fetched whole, so far. */
  | (ProgressEvent & { readonly type: "layer-progress"; readonly layer: Digest; readonly bytes: number })
  /** A layer can be read. `bytes`: what was fetched for that, an index's or the layer's own. */
  | (ProgressEvent & {
      readonly type: "layer-opened";
      readonly layer: Digest;
      readonly mode: LayerMode;
      readonly entries: number;
      readonly bytes: number;
    })
  /** An entry that no file tree can have. It is left out of the tree, the rest of its layer is not. */
  | (ProgressEvent & {
      readonly type: "entry-refused";
      readonly layer: Digest;
      readonly entry: number;
      readonly name: ByteString;
      readonly reason: string;
    })
  /** A range request of a layer has been answered. */
  | (ProgressEvent & {
      readonly type: "range-fetched";
      readonly layer: Digest;
      readonly start: number;
      readonly end: number;
    })
  /** A span's compressed bytes have come; they are checked next. */
  | (ProgressEvent & {
      readonly type: "span-fetched";
      readonly layer: Digest;
      readonly piece: number;
      readonly bytes: number;
    })
  /** A span's bytes did not fit its digest. It is fetched once more, then the read fails. */
  | (ProgressEvent & { readonly type: "span-mismatch"; readonly layer: Digest; readonly piece: number })
  /** A span has been checked and decoded. `bytes` of output, which stand on `tier`. */
  | (ProgressEvent & {
      readonly type: "span-decoded";
      readonly layer: Digest;
      readonly piece: number;
      readonly bytes: number;
      readonly tier: TrustTier;
    })
  /** The piece cache failed. The read goes on without it. */
  | (ProgressEvent & { readonly type: "cache-failed"; readonly layer: Digest; readonly message: string });
