import type { Digest } from "@socikit/oci";

/**
 * What a read stands on: 0 refused, 1 rooted (its digests hang on the index), 2 chained (where its decoding begins has been compared
 * with the output before it, too), 3 proven (the whole layer was seen).
 */
export type TrustTier = 0 | 1 | 2 | 3;

/** A piece's output, and what it stood on when it was kept. */
export interface CachedPiece {
  /** The output. Whoever gets it does not change it. */
  readonly bytes: Uint8Array;
  /** As it was given with the bytes. Pieces of tier 0 are not kept. */
  readonly tier: TrustTier;
}

/**
 * Decoded pieces of layers, kept between reads. It may drop any of them at any time. Whoever implements it answers for its bytes and
 * their tiers: they are not checked again, apart from the number of bytes.
 */
export interface PieceCache {
  /** A piece that is kept. */
  get(layer: Digest, index: Digest, piece: number): Promise<CachedPiece | undefined>;
  /** Keeps a piece's output, with the tier that it stands on. The caller does not change `bytes` afterwards. */
  set(layer: Digest, index: Digest, piece: number, bytes: Uint8Array, tier: TrustTier): Promise<void>;
  /** Drops a piece: it was found wrong, or stands on less than its tier says. Nothing where it is not kept. */
  delete(layer: Digest, index: Digest, piece: number): Promise<void>;
}

/** What {@linkcode createPieceCache} keeps unless told otherwise, in bytes. */
export const DEFAULT_CACHE_BYTES: number = 64 * 1024 * 1024;

/**
 * A cache in memory: the pieces used last, up to so many bytes. A piece that is larger than all of it is not kept.
 *
 * @param options `maxBytes`: 64 MiB unless said otherwise; 0 keeps nothing.
 */
export function createPieceCache(options: { readonly maxBytes?: number | undefined } = {}): PieceCache {
  const maxBytes = options.maxBytes ?? DEFAULT_CACHE_BYTES;
  if (!(maxBytes >= 0))
    throw new RangeError(`Cannot make a piece cache: maxBytes must not be negative, not ${maxBytes}`);
  // A Map iterates in order of insertion, so its first key is the one used longest ago.
  const pieces = new Map<string, CachedPiece>();
  let held = 0;
  const drop = (key: string): CachedPiece | undefined => {
    const piece = pieces.get(key);
    if (piece === undefined) return undefined;
    pieces.delete(key);
    held -= piece.bytes.length;
    return piece;
  };
  const keep = (key: string, piece: CachedPiece): void => {
    pieces.set(key, piece);
    held += piece.bytes.length;
  };
  const keyOf = (layer: Digest, index: Digest, piece: number): string => `${layer} ${index} ${piece}`;
  return {
    get(layer, index, piece) {
      const key = keyOf(layer, index, piece);
      const found = drop(key);
      if (found !== undefined) keep(key, found);
      return Promise.resolve(found);
    },
    set(layer, index, piece, bytes, tier) {
      const key = keyOf(layer, index, piece);
      drop(key);
      if (bytes.length <= maxBytes && tier > 0) keep(key, { bytes, tier });
      for (const oldest of pieces.keys()) {
        if (held <= maxBytes) break;
        drop(oldest);
      }
      return Promise.resolve();
    },
    delete(layer, index, piece) {
      drop(keyOf(layer, index, piece));
      return Promise.resolve();
    },
  };
}
