import type { DecodeOptions, SpanDecoder, Start } from "@socikit/inflate";
import type { ByteRange, ReadOptions } from "@socikit/oci";
import { WINDOW_SIZE, type LayerIndex, type Piece } from "@socikit/ztoc";
import { LazyReadError } from "./errors.ts";
import type { LazyEvent } from "./events.ts";
import type { FetchQueue } from "./fetch-queue.ts";
import type { CachedPiece, PieceCache, TrustTier } from "./piece-cache.ts";
import { findFailedCheck, sortChecks, type FailedCheck } from "./piece-check.ts";
import { coalesce } from "./plan.ts";
import type { SharedSource } from "./shared-source.ts";
import { leaveOnAbort, SharedWork } from "./shared-work.ts";
import { WindowChain } from "./window-chain.ts";
import { WindowTail } from "./window.ts";

/** Compressed bytes of one piece that are held until they are checked, unless told otherwise. */
export const DEFAULT_HELD_BYTES: number = 64 * 1024 * 1024;
/** Compressed bytes that one request asks for at most, of several pieces. */
export const DEFAULT_REQUEST_BYTES: number = 16 * 1024 * 1024;
/** Output of a piece up to which it is decoded once, shared and cached; larger ones are decoded by each reader as it goes. */
const MAX_SHARED_OUTPUT = 32 * 1024 * 1024;
/** Fetches of a piece before a digest that does not fit is final. */
const ATTEMPTS = 2;

/** What a loader works with. */
export interface PieceLoaderPorts {
  /** The layer's blob, opened when the first piece is needed. */
  readonly source: SharedSource;
  /** Where the pieces lie. */
  readonly index: LayerIndex;
  /** Decodes them. */
  readonly decoder: SpanDecoder;
  /** Keeps them. */
  readonly cache: PieceCache;
  /** Bounds the fetches, of all layers of an image together. */
  readonly queue: FetchQueue;
  /** Told what happens. */
  readonly emit: (event: LazyEvent) => void;
}

/** Bounds of a loader. */
export interface PieceLoaderLimits {
  /** Compressed bytes of one piece. */
  readonly maxHeldBytes: number;
  /** Compressed bytes of one request for several pieces. */
  readonly maxRequestBytes: number;
}

/** A piece's output, all of whose checks have passed. */
export interface PieceOutput {
  /** A part of it, counted from its start. Chunks are the caller's to keep. */
  chunks(slice: ByteRange<"uncompressed">, options?: ReadOptions): AsyncIterable<Uint8Array>;
}

/** Bytes of a blob, and the offset they are from. */
interface Fetched {
  readonly bytes: Uint8Array;
  readonly at: number;
}

/** What is there already of some pieces, and the requests that bring the others. */
interface Batch {
  readonly cached: ReadonlyMap<number, CachedPiece>;
  readonly fetches: ReadonlyMap<number, SharedWork<Fetched>>;
}

/**
 * Turns pieces into output that can be believed: fetch, check, decode, once for all that want a piece at the same time.
 *
 * State: the work under way, by piece. What is known of their windows is {@linkcode WindowChain}'s; pieces that it refuses no cache
 * brings back.
 */
export class PieceLoader {
  readonly #ports: PieceLoaderPorts;
  readonly #limits: PieceLoaderLimits;
  readonly #running = new Map<number, SharedWork<PieceOutput>>();
  readonly #chain: WindowChain;

  constructor(ports: PieceLoaderPorts, limits: PieceLoaderLimits) {
    this.#ports = ports;
    this.#limits = limits;
    this.#chain = new WindowChain(ports.index, (piece) => this.#uncache(piece));
  }

  /**
   * Starts loading pieces; the ones that lie beside each other come in one request. Each promise is the caller's to handle: it
   * rejects with what is wrong with its piece, or with `signal.reason`.
   */
  load(pieces: readonly Piece[], options?: ReadOptions): Promise<PieceOutput>[] {
    if (options?.signal?.aborted) return pieces.map(() => Promise.reject(options.signal!.reason));
    const fresh = pieces.filter(
      (piece, i) => !this.#running.has(piece.id) && pieces.findIndex((p) => p.id === piece.id) === i,
    );
    if (fresh.length > 0) this.#begin(fresh, options);
    // Both lines above run before anything can settle, so that every piece is there.
    const seats = pieces.map((piece) => this.#running.get(piece.id)!.take());
    leaveOnAbort(seats, options?.signal);
    return seats.map(({ result }) => result);
  }

  /** What output of the piece stands on, as far as is known by now. */
  tierOf(piece: Piece): TrustTier {
    return this.#chain.tierOf(piece);
  }

  #begin(pieces: readonly Piece[], options?: ReadOptions): void {
    const batch = this.#lookUp(pieces, options);
    for (const piece of pieces) {
      const forget = (): void => {
        if (this.#running.get(piece.id) === work) this.#running.delete(piece.id);
      };
      const work: SharedWork<PieceOutput> = new SharedWork(
        (signal) => this.#produce(piece, batch, { ...options, signal }).finally(forget),
        forget,
      );
      this.#running.set(piece.id, work);
    }
  }

  async #lookUp(pieces: readonly Piece[], options?: ReadOptions): Promise<Batch> {
    const { cache, index } = this.#ports;
    const cached = new Map<number, CachedPiece>();
    await Promise.all(
      pieces.map(async (piece) => {
        const size = sizeOf(piece.uncompressed);
        if (size > MAX_SHARED_OUTPUT || this.#chain.isRefused(piece)) return;
        try {
          const kept = await cache.get(index.layer.digest, index.digest, piece.id);
          if (kept?.bytes.length === size && kept.tier > 0) cached.set(piece.id, kept);
        } catch (error) {
          this.#cacheFailed(error);
        }
      }),
    );
    const missing = pieces.filter(
      (piece) => !cached.has(piece.id) && sizeOf(piece.compressed) <= this.#limits.maxHeldBytes,
    );
    missing.sort((a, b) => a.compressed.start - b.compressed.start);
    const fetches = new Map<number, SharedWork<Fetched>>();
    for (const { range, pieces } of coalesce(missing, this.#limits.maxRequestBytes)) {
      const fetch = new SharedWork((signal) => this.#fetch(range, { ...options, signal }));
      for (const piece of pieces) fetches.set(piece.id, fetch);
    }
    return { cached, fetches };
  }

  async #fetch(range: ByteRange<"compressed">, options: ReadOptions): Promise<Fetched> {
    const { queue, index, emit, source: blob } = this.#ports;
    const bytes = await queue.run(async () => {
      const source = await blob.open(options);
      return source.read(range.start, sizeOf(range), options);
    }, options);
    emit({ v: 1, type: "range-fetched", layer: index.layer.digest, start: range.start, end: range.end });
    return { bytes, at: range.start };
  }

  async #produce(piece: Piece, batch: Promise<Batch>, options: ReadOptions): Promise<PieceOutput> {
    const { index, emit } = this.#ports;
    const layer = index.layer.digest;
    const { cached, fetches } = await batch;
    options.signal?.throwIfAborted();
    this.#chain.throwIfRefused(piece);
    const start = await index.start(piece, options);
    const checks = sortChecks(index, piece, await index.checks(piece, options));
    this.#chain.begin(piece, start);
    const kept = cached.get(piece.id);
    if (kept !== undefined) {
      this.#chain.recall(piece, kept.tier);
      await this.#chain.compare(piece, start, kept.bytes.subarray(-WINDOW_SIZE), kept.bytes.length, options);
      return this.#outputOf(piece, kept.bytes);
    }
    const fetch = fetches.get(piece.id);
    if (fetch === undefined)
      throw new LazyReadError(
        "ERR_LAZY_SPAN_TOO_LARGE",
        `Cannot read layer ${layer}: span ${piece.id} has ${sizeOf(piece.compressed)} compressed bytes to hold until they are checked, more than ${this.#limits.maxHeldBytes}`,
      );
    const shared = sizeOf(piece.uncompressed) <= MAX_SHARED_OUTPUT;
    // Its output would be handed on as it is decoded, and only what was fetched can be checked before that.
    if (!shared && checks.uncompressed.length > 0)
      throw new LazyReadError(
        "ERR_LAZY_SPAN_TOO_LARGE",
        `Cannot read layer ${layer}: span ${piece.id} has ${sizeOf(piece.uncompressed)} bytes of output to hold until they are checked, more than ${MAX_SHARED_OUTPUT}`,
      );
    let fetched = await fetch.join(options.signal);
    for (let attempt = 1; ; attempt++) {
      const offset = piece.compressed.start - fetched.at;
      const compressed = fetched.bytes.subarray(offset, offset + sizeOf(piece.compressed));
      emit({ v: 1, type: "span-fetched", layer, piece: piece.id, bytes: compressed.length });
      let failed = findFailedCheck(checks.compressed, compressed, piece.compressed.start);
      if (failed === undefined && !shared) return this.#streamOf(piece, start, compressed);
      if (failed === undefined) {
        try {
          const output = await this.#decode(piece, start, compressed, options);
          failed = findFailedCheck(checks.uncompressed, output, piece.uncompressed.start);
          if (failed === undefined) return await this.#admit(piece, start, output, checks.coversFetched, options);
        } catch (error) {
          // Bytes that nothing vouched for before they were decoded may be at fault themselves.
          if (checks.coversFetched || attempt === ATTEMPTS || !isDataError(error)) throw error;
        }
      }
      if (failed !== undefined && attempt === ATTEMPTS) throw digestError(index, piece, failed);
      emit({ v: 1, type: "span-mismatch", layer, piece: piece.id });
      // One after the other is the point: the second fetch is only for what the first one spoilt.
      fetched = await this.#fetch(piece.compressed, options);
    }
  }

  async #decode(piece: Piece, start: Start, compressed: Uint8Array, options: ReadOptions): Promise<Uint8Array> {
    const size = sizeOf(piece.uncompressed);
    const output = new Uint8Array(size);
    let filled = 0;
    // Each chunk is copied before the next one is asked for.
    const decoding = { ...options, lends: true };
    for await (const chunk of this.#decoded(piece, start, compressed, { start: 0, end: size }, decoding)) {
      output.set(chunk, filled);
      filled += chunk.length;
    }
    return output;
  }

  /** The decoder's output, with errors that name the piece, and exactly as many bytes as were asked for. */
  async *#decoded(
    piece: Piece,
    start: Start,
    compressed: Uint8Array,
    want: ByteRange<"uncompressed">,
    { signal, lends }: DecodeOptions = {},
  ): AsyncIterable<Uint8Array> {
    const { decoder, index } = this.#ports;
    let left = sizeOf(want);
    if (left === 0) return;
    const fail = (what: string, options?: ErrorOptions): LazyReadError =>
      new LazyReadError(
        "ERR_LAZY_SPAN_DATA",
        `Cannot decode span ${piece.id} of layer ${index.layer.digest}: ${what}`,
        options,
      );
    const chunks = decoder.decode(start, compressed, want, { signal, lends })[Symbol.asyncIterator]();
    try {
      for (;;) {
        let next: IteratorResult<Uint8Array>;
        try {
          next = await chunks.next();
        } catch (error) {
          signal?.throwIfAborted();
          throw fail(error instanceof Error ? error.message : String(error), { cause: error });
        }
        if (next.done) break;
        left -= next.value.length;
        if (left < 0) throw fail("the decoder gave more than was asked for");
        yield next.value;
      }
    } finally {
      await chunks.return?.();
    }
    if (left > 0) throw fail(`its output ends ${left} bytes early`);
  }

  async #admit(
    piece: Piece,
    start: Start,
    output: Uint8Array,
    chain: boolean,
    options: ReadOptions,
  ): Promise<PieceOutput> {
    const { cache, index, emit } = this.#ports;
    const layer = index.layer.digest;
    if (chain) await this.#chain.compare(piece, start, output.subarray(-WINDOW_SIZE), output.length, options);
    // Content digests say more than a window could.
    else this.#chain.admit(piece);
    this.#chain.throwIfRefused(piece);
    const tier = this.tierOf(piece);
    emit({ v: 1, type: "span-decoded", layer, piece: piece.id, bytes: output.length, tier });
    // Not waited for: the cache may be a disk.
    void cache.set(layer, index.digest, piece.id, output, tier).then(
      // It may have been found wrong meanwhile, and dropped before it was there.
      () => this.tierOf(piece) < tier && this.#uncache(piece),
      (error: unknown) => this.#cacheFailed(error),
    );
    return this.#outputOf(piece, output);
  }

  #outputOf(piece: Piece, output: Uint8Array): PieceOutput {
    const throwIfRefused = (): void => this.#chain.throwIfRefused(piece);
    return {
      async *chunks(slice) {
        throwIfRefused();
        yield output.slice(slice.start, slice.end);
      },
    };
  }

  /** Output of a piece that is too large to be held, decoded anew for each reader from the bytes that were checked. */
  #streamOf(piece: Piece, start: Start, compressed: Uint8Array): PieceOutput {
    const decoded = (slice: ByteRange<"uncompressed">, options?: ReadOptions): AsyncIterable<Uint8Array> =>
      this.#decoded(piece, start, compressed, slice, options);
    const throwIfRefused = (): void => this.#chain.throwIfRefused(piece);
    const compare = (tail: Uint8Array, options?: ReadOptions): Promise<void> =>
      this.#chain.compare(piece, start, tail, tail.length, options);
    return {
      async *chunks(slice, options) {
        const tail = new WindowTail();
        for await (const chunk of decoded(slice, options)) {
          throwIfRefused();
          tail.append(chunk);
          yield chunk;
        }
        if (slice.end === sizeOf(piece.uncompressed) && tail.bytes.length === WINDOW_SIZE)
          await compare(tail.bytes, options);
      },
    };
  }

  #uncache(piece: Piece): void {
    const { cache, index } = this.#ports;
    // Not waited for: what was refused is not asked of the cache again.
    void cache.delete(index.layer.digest, index.digest, piece.id).catch((error: unknown) => this.#cacheFailed(error));
  }

  #cacheFailed(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.#ports.emit({ v: 1, type: "cache-failed", layer: this.#ports.index.layer.digest, message });
  }
}

function sizeOf(range: { readonly start: number; readonly end: number }): number {
  return range.end - range.start;
}

function isDataError(error: unknown): boolean {
  return error instanceof LazyReadError && error.code === "ERR_LAZY_SPAN_DATA";
}

function digestError(index: LayerIndex, piece: Piece, { check, found }: FailedCheck): LazyReadError {
  return new LazyReadError(
    "ERR_LAZY_SPAN_DIGEST",
    `Cannot read span ${piece.id} of layer ${index.layer.digest}: after ${ATTEMPTS} fetches its ${check.over} bytes ${check.range.start} to ${check.range.end} have digest ${found}, index ${index.digest} says ${check.digest}`,
  );
}
