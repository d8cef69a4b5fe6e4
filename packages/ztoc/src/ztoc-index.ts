import type { Start } from "@socikit/inflate";
import type { ByteRange, Descriptor, Digest } from "@socikit/oci";
import { ZtocError } from "./errors.ts";
import type { Check, LayerIndex, Piece } from "./layer-index.ts";
import { spanBoundsOf } from "./span.ts";
import { decodeZinfo, WINDOW_SIZE } from "./zinfo.ts";
import type { CompressionAlgorithm, TableOfContents, Ztoc } from "./ztoc.ts";

/** DEFLATE makes at most 258 bytes of two bits. */
const MAX_RATIO = 1032;
/** What the ratio leaves for spans of a few bytes, which begin and end inside blocks. */
const RATIO_SLACK = 65536;

/** Most output that so many bytes of a gzip layer can give: what a span claims beyond that is no span. */
export function mostOutputOf(compressedBytes: number): number {
  return MAX_RATIO * compressedBytes + RATIO_SLACK;
}

/** A {@linkcode LayerIndex} over a zTOC: pieces are spans, checks are their digests. All of it is synchronous. */
export interface ZtocIndex extends LayerIndex {
  readonly kind: "ztoc";
  /** How the layer is compressed. Pieces of an uncompressed layer need no decoding. */
  readonly compression: CompressionAlgorithm;
  /** Bytes of the tar stream that pieces cover: the archive, without padding after its end. */
  readonly uncompressedSize: number;
  /** Number of pieces; their ids are below it. */
  readonly pieceCount: number;
  readonly toc: TableOfContents;
  /**
   * The spans that hold a range, in order, without those that hold nothing of it. None for an empty range.
   *
   * @throws {RangeError} for a range that is not 0 ≤ start ≤ end, in integers.
   * @throws {ZtocError} `ERR_ZTOC_OUTSIDE_ARCHIVE` past the archive's end, `ERR_ZTOC_INVALID_SPAN` where a span of the
   * range contradicts itself or the layer's size.
   */
  plan(range: ByteRange<"uncompressed">): readonly Piece[];
  /** Where decoding the piece begins. The window is a view of the zTOC. */
  start(piece: Pick<Piece, "id">): Start;
  /** The digest of the piece's compressed bytes. */
  checks(piece: Pick<Piece, "id">): readonly Check<"compressed">[];
}

/**
 * Makes the index of a layer from its zTOC, which is kept, not copied.
 *
 * @param digest Of the zTOC.
 * @throws {ZtocError} `ERR_ZTOC_LAYER_MISMATCH` where the zTOC is of a layer of another size, and what `decodeZinfo` and
 * `decodeTarZinfo` throw.
 */
export function createZtocIndex(ztoc: Ztoc, digest: Digest, layer: Descriptor): ZtocIndex {
  const { compressedArchiveSize, uncompressedArchiveSize: uncompressedSize } = ztoc;
  const { algorithm, spanDigests, zinfo } = ztoc.compression;
  if (compressedArchiveSize !== layer.size)
    throw new ZtocError(
      "ERR_ZTOC_LAYER_MISMATCH",
      `Cannot use zTOC ${digest}: it is of a layer of ${compressedArchiveSize} bytes, but ${layer.digest} has ${layer.size}`,
    );
  const bounds = spanBoundsOf(ztoc);
  const checkpoints = algorithm === "gzip" ? decodeZinfo(zinfo).checkpoints : undefined;

  const pieceOf = (id: number): Piece => {
    if (!Number.isInteger(id) || id < 0 || id >= bounds.count)
      throw new RangeError(`Cannot read span ${id}: the layer has ${bounds.count}`);
    const compressed = { start: bounds.compressedStart(id), end: bounds.compressedEnd(id) };
    const uncompressed = { start: bounds.uncompressedStart(id), end: bounds.uncompressedEnd(id) };
    const compressedLength = compressed.end - compressed.start;
    const most = algorithm === "gzip" ? mostOutputOf(compressedLength) : compressedLength;
    if (compressedLength <= 0 || compressed.end > layer.size || uncompressed.end - uncompressed.start > most)
      throw new ZtocError(
        "ERR_ZTOC_INVALID_SPAN",
        `Cannot read span ${id} of ${layer.digest}: the zTOC has compressed bytes ${compressed.start} to ${compressed.end} of ${layer.size} for bytes ${uncompressed.start} to ${uncompressed.end}`,
      );
    return { id, compressed, uncompressed };
  };

  return {
    kind: "ztoc",
    digest,
    layer,
    compression: algorithm,
    uncompressedSize,
    pieceCount: bounds.count,
    toc: ztoc.toc,
    plan({ start, end }) {
      if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || end < start)
        throw new RangeError(`Cannot read bytes ${start} to ${end}: that is no range`);
      if (end > uncompressedSize)
        throw new ZtocError(
          "ERR_ZTOC_OUTSIDE_ARCHIVE",
          `Cannot read bytes ${start} to ${end} of ${layer.digest}: the archive ends at ${uncompressedSize}`,
        );
      const pieces: Piece[] = [];
      if (start === end) return pieces;
      if (bounds.count === 0)
        throw new ZtocError(
          "ERR_ZTOC_INVALID_SPAN",
          `Cannot read bytes ${start} to ${end} of ${layer.digest}: the zTOC has no spans`,
        );
      // The reference looks up the exclusive end, and fetches a span too many at each boundary (spec section 16.3).
      const last = bounds.idAt(end - 1);
      for (let id = bounds.idAt(start); id <= last; id++)
        if (bounds.uncompressedEnd(id) > bounds.uncompressedStart(id)) pieces.push(pieceOf(id));
      return pieces;
    },
    start({ id }) {
      const { compressed } = pieceOf(id);
      const checkpoint = checkpoints?.at(id);
      if (checkpoint === undefined) return { byte: compressed.start, bits: 0, window: [] };
      // In front of the first output there is nothing but zeros, which no block can refer to.
      const at = Math.max(0, WINDOW_SIZE - checkpoint.uncompressedOffset);
      const window = at === WINDOW_SIZE ? [] : [{ at, bytes: checkpoint.window.subarray(at) }];
      return { byte: compressed.start, bits: checkpoint.bits, window };
    },
    checks({ id }) {
      const { compressed } = pieceOf(id);
      // As many digests as spans: `decodeZtoc` saw to it.
      return [{ over: "compressed", range: compressed, digest: spanDigests[id]! }];
    },
  };
}
