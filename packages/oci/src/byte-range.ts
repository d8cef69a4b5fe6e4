/** Which byte stream of a layer an offset counts in: the blob as stored, or the tar stream inside it. */
export type Space = "compressed" | "uncompressed";

/**
 * Half-open byte range `[start, end)` in one {@linkcode Space}.
 *
 * The space is a phantom: it costs nothing at run time and makes passing an uncompressed range where a compressed one is
 * wanted a type error, while `start` and `end` stay plain numbers (checked against 2^53 - 1 where they enter).
 */
export interface ByteRange<S extends Space> {
  /** First byte. */
  readonly start: number;
  /** The byte after the last. */
  readonly end: number;
  /** Never set; tells the spaces apart at compile time. */
  readonly __space?: S;
}
