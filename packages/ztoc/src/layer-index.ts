import type { Start } from "@socikit/inflate";
import type { ByteRange, Descriptor, Digest, ReadOptions, Space } from "@socikit/oci";

/** A part of a layer that is fetched and decoded at once: a span of a zTOC. */
export interface Piece {
  /** Its number within the index. */
  readonly id: number;
  /** The bytes to fetch. */
  readonly compressed: ByteRange<"compressed">;
  /** The bytes of the tar stream that they give. */
  readonly uncompressed: ByteRange<"uncompressed">;
}

/** A digest that bytes of a piece must have. No output of the piece leaves before each of its checks has passed. */
export interface Check<S extends Space = Space> {
  /** Which stream the range is of: a zTOC has digests of compressed bytes. */
  readonly over: S;
  readonly range: ByteRange<S>;
  readonly digest: Digest;
}

/** What lazy reading knows of a layer: which pieces hold a range, where each can be decoded from, and what proves it. */
export interface LayerIndex {
  /** What the index is made of, such as `ztoc`. */
  readonly kind: string;
  /** Digest of the index. */
  readonly digest: Digest;
  /** The layer that it is about. */
  readonly layer: Descriptor;
  /** The pieces that hold a range, in order. Pure. */
  plan(range: ByteRange<"uncompressed">): readonly Piece[];
  /** Where decoding the piece begins. May fetch. */
  start(piece: Piece, options?: ReadOptions): Start | Promise<Start>;
  /** What proves the piece. May fetch. */
  checks(piece: Piece, options?: ReadOptions): readonly Check[] | Promise<readonly Check[]>;
  /** The layer's entries. Objects are made on demand. */
  readonly toc: { readonly length: number; at(entry: number): unknown };
}
