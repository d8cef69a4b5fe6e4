import type { SpanDecoder } from "@socikit/inflate";
import type { BlobSource, ByteRange, ReadOptions } from "@socikit/oci";
import type { CompressionAlgorithm, LayerIndex, TableOfContents } from "@socikit/ztoc";
import { onAbort } from "./abort-listeners.ts";
import { LazyReadError } from "./errors.ts";
import type { LazyEvent } from "./events.ts";
import { FetchQueue } from "./fetch-queue.ts";
import type { LazyLayer } from "./lazy-layer.ts";
import { createPieceCache, type PieceCache, type TrustTier } from "./piece-cache.ts";
import { DEFAULT_HELD_BYTES, DEFAULT_REQUEST_BYTES, PieceLoader, type PieceOutput } from "./piece-loader.ts";
import { planRead, type PieceRead } from "./plan.ts";
import { SharedSource, type OpenSource } from "./shared-source.ts";

/** Fetches at once, unless told otherwise. */
export const DEFAULT_CONCURRENCY: number = 4;
/** Groups of pieces that are on their way while one is handed out. Two requests fill a link; more would only hold more output. */
const READ_AHEAD = 1;

/** Bounds and ports of a layer's reader. */
export interface LayerOptions {
  /** Fetches at once. 4 unless said otherwise. */
  readonly concurrency?: number | undefined;
  /** Largest span in compressed bytes: they are held until its digest is checked. 64 MiB unless said otherwise. */
  readonly maxHeldBytes?: number | undefined;
  /** Compressed bytes that one request for several spans asks for at most. 16 MiB unless said otherwise. */
  readonly maxRequestBytes?: number | undefined;
  /** Told what happens. */
  readonly onEvent?: ((event: LazyEvent) => void) | undefined;
  /** Shared by the layers of an image, in place of `concurrency`. */
  readonly queue?: FetchQueue | undefined;
}

/** An index that also says what files the layer has: a zTOC's, or one of another kind. */
export interface ReadableIndex extends LayerIndex {
  /** The layer's entries, in tar order. */
  readonly toc: TableOfContents;
  /** How the layer is compressed. Unless given, its media type says. */
  readonly compression?: CompressionAlgorithm;
}

/** What a layer is read through. */
export interface LayerPorts {
  /** The layer's blob, or how to open it when the first span is needed. Closed with the layer. */
  readonly source: BlobSource | OpenSource;
  /** Its spans, and their digests. */
  readonly index: ReadableIndex;
  /** Decodes spans: of `@socikit/inflate`, or `plainDecoder` for a layer that is not compressed. */
  readonly decoder: SpanDecoder;
  /** Keeps decoded spans. 64 MiB in memory unless given. */
  readonly cache?: PieceCache | undefined;
}

/**
 * Opens one layer by its index. Nothing is fetched: the first read does.
 *
 * @throws {LazyReadError} `ERR_LAZY_INDEX_MISMATCH` if `source` has not the size of the layer that the index describes.
 */
export function openLayer(ports: LayerPorts, options: LayerOptions = {}): LazyLayer {
  const { source, index, decoder } = ports;
  if (typeof source !== "function" && source.size !== index.layer.size)
    throw new LazyReadError(
      "ERR_LAZY_INDEX_MISMATCH",
      `Cannot read layer ${index.layer.digest}: the blob has ${source.size} bytes, the layer ${index.layer.size}`,
    );
  const emit = options.onEvent ?? (() => {});
  const maxRequestBytes = options.maxRequestBytes ?? DEFAULT_REQUEST_BYTES;
  const shared = new SharedSource(index.layer, source);
  const loader = new PieceLoader(
    {
      source: shared,
      index,
      decoder,
      cache: ports.cache ?? createPieceCache(),
      queue: options.queue ?? new FetchQueue(options.concurrency ?? DEFAULT_CONCURRENCY),
      emit,
    },
    { maxHeldBytes: options.maxHeldBytes ?? DEFAULT_HELD_BYTES, maxRequestBytes },
  );
  const reading = new Set<AbortController>();
  let closed: LazyReadError | undefined;
  return {
    layer: index.layer,
    mode: index.kind,
    derived: false,
    toc: index.toc,
    async *chunks(range, readOptions) {
      if (closed !== undefined) throw closed;
      readOptions?.signal?.throwIfAborted();
      const groups = groupReads(planRead(index, range), maxRequestBytes);
      // Leaving by any way, an error or the end of the caller's loop, takes this reader off the fetches under way. Not
      // AbortSignal.any: a signal that outlives many reads would remember every one of them on Node 20.
      const leaving = new AbortController();
      const stop = onAbort(readOptions?.signal, () => leaving.abort(readOptions?.signal?.reason));
      reading.add(leaving);
      const scoped: ReadOptions = { ...readOptions, signal: leaving.signal };
      const loading: Promise<PieceOutput>[][] = [];
      try {
        for (let group = 0; group < groups.length; group++) {
          while (loading.length < groups.length && loading.length <= group + READ_AHEAD) {
            const outputs = loader.load(
              groups[loading.length]!.map(({ piece }) => piece),
              scoped,
            );
            for (const output of outputs) output.catch(() => {});
            loading.push(outputs);
          }
          for (const [i, { slice }] of groups[group]!.entries()) {
            // Pieces are handed out in order, while the ones after them are on their way.
            yield* (await loading[group]![i]!).chunks(slice, scoped);
          }
          loading[group] = [];
        }
      } finally {
        stop();
        reading.delete(leaving);
        leaving.abort();
      }
    },
    tierOf(range) {
      const tiers = planRead(index, range).map(({ piece }) => loader.tierOf(piece));
      return Math.min(2, ...tiers) as TrustTier;
    },
    contains(range) {
      return isCovered(index, range);
    },
    async close() {
      closed = new LazyReadError("ERR_LAZY_CLOSED", `Cannot read layer ${index.layer.digest}: it was closed`);
      for (const controller of reading) controller.abort(closed);
      await shared.close();
    },
  };
}

/** Divides a read into groups that are loaded at once: neighbours of up to `maxBytes` together. */
function groupReads(reads: readonly PieceRead[], maxBytes: number): PieceRead[][] {
  const groups: PieceRead[][] = [];
  let size = 0;
  for (const read of reads) {
    const { start, end } = read.piece.compressed;
    const group = groups.at(-1);
    if (group === undefined || size + (end - start) > maxBytes) {
      groups.push([read]);
      size = end - start;
    } else {
      group.push(read);
      size += end - start;
    }
  }
  return groups;
}

function isCovered(index: LayerIndex, { start, end }: ByteRange<"uncompressed">): boolean {
  try {
    // The pieces cover a range from its start without a gap, so its two ends say it all.
    if (start < end) {
      planRead(index, { start, end: start + 1 });
      planRead(index, { start: end - 1, end });
    }
    return true;
  } catch {
    return false;
  }
}
