import type { Digest } from "@socikit/oci";

/**
 * What a read stands on: 0 refused, 1 rooted (its digests hang on the index), 2 chained (where its decoding begins has been compared
 * with the output before it, too), 3 proven (the whole layer was seen).
 */
export type TrustTier = 0 | 1 | 2 | 3;

/**
 * Decoded pieces of layers, kept between reads. It may drop any of them at any time. Whoever implements it answers for its bytes:
 * they are not checked again, apart from their number.
 */
export interface PieceCache {
  /** The piece's output. The caller does not change it. */
  get(layer: Digest, index: Digest, piece: number): Promise<Uint8Array | undefined>;
  /** Keeps a piece's output, with the tier that it stood on when it was decoded. The caller does not change `bytes` afterwards. */
  set(layer: Digest, index: Digest, piece: number, bytes: Uint8Array, tier: TrustTier): Promise<void>;
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
  const pieces = new Map<string, Uint8Array>();
  let held = 0;
  const drop = (key: string): Uint8Array | undefined => {
    const bytes = pieces.get(key);
    if (bytes === undefined) return undefined;
    pieces.delete(key);
    held -= bytes.length;
    return bytes;
  };
  return {
    get(layer, index, piece) {
      const key = `${layer} ${index} ${piece}`;
      const bytes = drop(key);
      if (bytes !== undefined) {
        pieces.set(key, bytes);
        held += bytes.length;
      }
      return Promise.resolve(bytes);
    },
    set(layer, index, piece, bytes) {
      const key = `${layer} ${index} ${piece}`;
      drop(key);
      if (bytes.length <= maxBytes) {
        pieces.set(key, bytes);
        held += bytes.length;
      }
      for (const oldest of pieces.keys()) {
        if (held <= maxBytes) break;
        drop(oldest);
      }
      return Promise.resolve();
    },
  };
}
