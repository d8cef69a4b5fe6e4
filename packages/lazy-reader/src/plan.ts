import type { ByteRange } from "@socikit/oci";
import { mostOutputOf, type LayerIndex, type Piece } from "@socikit/ztoc";
import { LazyReadError } from "./errors.ts";

/** A piece, and the part of its output that is wanted. */
export interface PieceRead {
  /** What is fetched and decoded. */
  readonly piece: Piece;
  /** Part of the piece's output, counted from its start. */
  readonly slice: ByteRange<"uncompressed">;
}

/** One range request: the compressed bytes of neighbouring pieces. */
export interface PieceFetch {
  /** Bytes to ask for: all of the pieces', each byte once. */
  readonly range: ByteRange<"compressed">;
  /** The pieces in it, in order. */
  readonly pieces: readonly Piece[];
}

/**
 * The pieces that hold a range of a layer's output, and the slice of each: everything that a read will fetch is decided here.
 * Nothing for an empty range.
 *
 * @throws {LazyReadError} `ERR_LAZY_INVALID_INDEX` where the index's pieces do not cover the range without a gap, or claim what
 * cannot be.
 */
export function planRead(index: Pick<LayerIndex, "plan" | "layer">, range: ByteRange<"uncompressed">): PieceRead[] {
  if (range.start >= range.end) return [];
  const reads: PieceRead[] = [];
  let at = range.start;
  for (const piece of index.plan(range)) {
    checkPiece(index, piece);
    const { start, end } = piece.uncompressed;
    if (start > at) break;
    if (end <= at) continue;
    const until = Math.min(end, range.end);
    reads.push({ piece, slice: { start: at - start, end: until - start } });
    at = until;
    if (at === range.end) return reads;
  }
  throw new LazyReadError(
    "ERR_LAZY_INVALID_INDEX",
    `Cannot read layer ${index.layer.digest}: bytes ${range.start} to ${range.end} of its output are in no span of the index from ${at} on`,
  );
}

function checkPiece(index: Pick<LayerIndex, "layer">, piece: Piece): void {
  const { compressed, uncompressed } = piece;
  const ordered =
    [compressed, uncompressed].every(
      ({ start, end }) => Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && start <= end,
    ) && compressed.end <= index.layer.size;
  if (!ordered)
    throw new LazyReadError(
      "ERR_LAZY_INVALID_INDEX",
      `Cannot read layer ${index.layer.digest}: span ${piece.id} of the index is at [${compressed.start}, ${compressed.end}) of the layer's ${index.layer.size} bytes`,
    );
  const fetched = compressed.end - compressed.start;
  const output = uncompressed.end - uncompressed.start;
  if (output > mostOutputOf(fetched))
    throw new LazyReadError(
      "ERR_LAZY_INVALID_INDEX",
      `Cannot read layer ${index.layer.digest}: span ${piece.id} of the index claims ${output} bytes of output from ${fetched}`,
    );
}

/**
 * Joins pieces into range requests. Neighbours that touch or share a byte become one request up to `maxBytes`; a gap is never
 * fetched, and a piece larger than `maxBytes` is a request of its own.
 *
 * @param pieces In ascending order of their compressed start.
 */
export function coalesce(pieces: readonly Piece[], maxBytes: number): PieceFetch[] {
  const fetches: { range: { start: number; end: number }; pieces: Piece[] }[] = [];
  for (const piece of pieces) {
    const { start, end } = piece.compressed;
    const last = fetches.at(-1);
    if (
      last !== undefined &&
      start >= last.range.start &&
      start <= last.range.end &&
      Math.max(end, last.range.end) - last.range.start <= maxBytes
    ) {
      last.range.end = Math.max(end, last.range.end);
      last.pieces.push(piece);
    } else {
      fetches.push({ range: { start, end }, pieces: [piece] });
    }
  }
  return fetches;
}
