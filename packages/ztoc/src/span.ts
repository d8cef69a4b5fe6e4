import type { ByteRange, Digest } from "@socikit/oci";
import { decodeTarZinfo, tarSpanCount } from "./tar-zinfo.ts";
import { decodeZinfo } from "./zinfo.ts";
import type { Ztoc } from "./ztoc.ts";

/** A part of a layer that decompresses on its own. */
export interface Span {
  /** Its number, counted from 0. */
  readonly id: number;
  /** The bytes to fetch. Neighbours share a byte where the boundary lies inside one. */
  readonly compressed: ByteRange<"compressed">;
  /** The bytes of the tar stream that they give. */
  readonly uncompressed: ByteRange<"uncompressed">;
  /** Digest of the compressed bytes. */
  readonly digest: Digest;
}

/**
 * The spans of a layer, in order, as the zTOC has them (spec section 3.7): they may be odd where the zTOC is. The last
 * one ends with the archive; where padding follows the archive, it may begin after its end.
 *
 * @throws {ZtocError} what `decodeZinfo` and `decodeTarZinfo` throw.
 */
export function spansOf(ztoc: Ztoc): readonly Span[] {
  const bounds = spanBoundsOf(ztoc);
  return ztoc.compression.spanDigests.map((digest, id) => ({
    id,
    compressed: { start: bounds.compressedStart(id), end: bounds.compressedEnd(id) },
    uncompressed: { start: bounds.uncompressedStart(id), end: bounds.uncompressedEnd(id) },
    digest,
  }));
}

/** Where spans begin and end, without an object for each. */
export interface SpanBounds {
  /** Number of spans. */
  readonly count: number;
  compressedStart(spanId: number): number;
  compressedEnd(spanId: number): number;
  uncompressedStart(spanId: number): number;
  uncompressedEnd(spanId: number): number;
  /** The last span that begins at or before an offset that is not negative; the last of all for offsets past the end. */
  idAt(uncompressedOffset: number): number;
}

/** Where the spans of a zTOC begin and end. */
export function spanBoundsOf(ztoc: Ztoc): SpanBounds {
  return ztoc.compression.algorithm === "gzip" ? gzipBounds(ztoc) : tarBounds(ztoc);
}

function gzipBounds(ztoc: Ztoc): SpanBounds {
  const { checkpoints } = decodeZinfo(ztoc.compression.zinfo);
  const count = checkpoints.length;
  // One more than there are spans: where the last one ends.
  const compressed = new Float64Array(count + 1);
  const uncompressed = new Float64Array(count + 1);
  const shares = new Uint8Array(count);
  let spanId = 0;
  for (const { compressedOffset, uncompressedOffset, bits } of checkpoints) {
    compressed[spanId] = compressedOffset;
    uncompressed[spanId] = uncompressedOffset;
    shares[spanId++] = bits === 0 ? 0 : 1;
  }
  compressed[count] = ztoc.compressedArchiveSize;
  uncompressed[count] = ztoc.uncompressedArchiveSize;
  return {
    count,
    // A block that starts inside a byte needs that byte, and so does the block before it.
    compressedStart: (id) => compressed[id]! - shares[id]!,
    compressedEnd: (id) => compressed[id + 1]!,
    uncompressedStart: (id) => uncompressed[id]!,
    uncompressedEnd: (id) => uncompressed[id + 1]!,
    idAt(offset) {
      let low = 0;
      for (let high = count - 1; low < high;) {
        const middle = (low + high + 1) >>> 1;
        if (uncompressed[middle]! <= offset) low = middle;
        else high = middle - 1;
      }
      return low;
    },
  };
}

function tarBounds(ztoc: Ztoc): SpanBounds {
  const zinfo = decodeTarZinfo(ztoc.compression.zinfo);
  const count = tarSpanCount(zinfo);
  const { spanSize } = zinfo;
  const end = (id: number, size: number): number => (id === count - 1 ? size : (id + 1) * spanSize);
  return {
    count,
    compressedStart: (id) => id * spanSize,
    compressedEnd: (id) => end(id, ztoc.compressedArchiveSize),
    uncompressedStart: (id) => id * spanSize,
    uncompressedEnd: (id) => end(id, ztoc.uncompressedArchiveSize),
    idAt: (offset) => Math.max(0, Math.min(count - 1, Math.floor(offset / spanSize))),
  };
}
