import type { SpanDecoder, Start } from "@socikit/inflate";
import type { BlobSource, ByteRange, ReadOptions } from "@socikit/oci";
import type { LayerIndex, Piece } from "@socikit/ztoc";
import { LazyReadError } from "./errors.ts";
import type { LazyEvent } from "./events.ts";
import type { FetchQueue } from "./fetch-queue.ts";
import type { PieceCache, TrustTier } from "./piece-cache.ts";
import { findFailedCheck, sortChecks, type FailedCheck } from "./piece-check.ts";
import { coalesce } from "./plan.ts";
import { leaveOnAbort, SharedWork } from "./shared-work.ts";
import { isBlankWindow, windowMatches, WindowTail, WINDOW_SIZE } from "./window.ts";

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
  /** Opens the layer's blob, when the first piece is needed. */
  readonly open: () => Promise<BlobSource>;
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
  readonly cached: ReadonlyMap<number, Uint8Array>;
  readonly fetches: ReadonlyMap<number, SharedWork<Fetched>>;
}

/**
 * Turns pieces into output that can be believed: fetch, check, decode, once for all that want a piece at the same time.
 *
 * State: the work under way, by piece; the pieces whose window was found equal to the output before it (`#chained`); and the ones
 * that were found wrong (`#refused`), which no cache brings back.
 */
export class PieceLoader {
  readonly #ports: PieceLoaderPorts;
  readonly #limits: PieceLoaderLimits;
  readonly #running = new Map<number, SharedWork<PieceOutput>>();
  readonly #chained = new Set<number>();
  readonly #refused = new Map<number, LazyReadError>();
  #source: Promise<BlobSource> | undefined;

  constructor(ports: PieceLoaderPorts, limits: PieceLoaderLimits) {
    this.#ports = ports;
    this.#limits = limits;
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
    if (this.#refused.has(piece.id)) return 0;
    return this.#chained.has(piece.id) ? 2 : 1;
  }

  /** Closes the source, if it was opened. */
  async close(): Promise<void> {
    const source = await this.#source?.catch(() => undefined);
    this.#source = undefined;
    await source?.close?.();
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
    const cached = new Map<number, Uint8Array>();
    await Promise.all(
      pieces.map(async (piece) => {
        const size = sizeOf(piece.uncompressed);
        if (size > MAX_SHARED_OUTPUT || this.#refused.has(piece.id)) return;
        try {
          const bytes = await cache.get(index.layer.digest, index.digest, piece.id);
          if (bytes?.length === size) cached.set(piece.id, bytes);
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
    const { queue, index, emit } = this.#ports;
    const bytes = await queue.run(async () => {
      const source = await this.#open();
      return source.read(range.start, sizeOf(range), options);
    }, options);
    emit({ v: 1, type: "range-fetched", layer: index.layer.digest, start: range.start, end: range.end });
    return { bytes, at: range.start };
  }

  #open(): Promise<BlobSource> {
    this.#source ??= this.#openChecked().catch((error: unknown) => {
      // An error is not kept: the next read tries again.
      this.#source = undefined;
      throw error;
    });
    return this.#source;
  }

  async #openChecked(): Promise<BlobSource> {
    const { layer } = this.#ports.index;
    const source = await this.#ports.open();
    if (source.size === layer.size) return source;
    await source.close?.();
    throw new LazyReadError(
      "ERR_LAZY_INDEX_MISMATCH",
      `Cannot read layer ${layer.digest}: the blob has ${source.size} bytes, the layer ${layer.size}`,
    );
  }

  async #produce(piece: Piece, batch: Promise<Batch>, options: ReadOptions): Promise<PieceOutput> {
    const { index, emit } = this.#ports;
    const layer = index.layer.digest;
    const { cached, fetches } = await batch;
    options.signal?.throwIfAborted();
    this.#throwIfRefused(piece);
    const start = await index.start(piece, options);
    const checks = sortChecks(index, piece, await index.checks(piece, options));
    if (start.window.length === 0) this.#chained.add(piece.id);
    else if (piece.uncompressed.start === 0) this.#checkFirst(piece, start);
    const kept = cached.get(piece.id);
    if (kept !== undefined) {
      await this.#chain(piece, start, kept.subarray(-WINDOW_SIZE), kept.length, options);
      return this.#outputOf(piece, kept);
    }
    const fetch = fetches.get(piece.id);
    if (fetch === undefined)
      throw new LazyReadError(
        "ERR_LAZY_SPAN_TOO_LARGE",
        `Cannot read layer ${layer}: span ${piece.id} has ${sizeOf(piece.compressed)} compressed bytes to hold until they are checked, more than ${this.#limits.maxHeldBytes}`,
      );
    const shared = sizeOf(piece.uncompressed) <= MAX_SHARED_OUTPUT;
    if (!shared && !checks.coversFetched)
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
    for await (const chunk of this.#decoded(piece, start, compressed, { start: 0, end: size }, options)) {
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
    options: ReadOptions | undefined,
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
    const chunks = decoder.decode(start, compressed, want, { signal: options?.signal })[Symbol.asyncIterator]();
    try {
      for (;;) {
        let next: IteratorResult<Uint8Array>;
        try {
          next = await chunks.next();
        } catch (error) {
          options?.signal?.throwIfAborted();
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
    if (chain) await this.#chain(piece, start, output.subarray(-WINDOW_SIZE), output.length, options);
    // Content digests say more than a window could.
    else this.#chained.add(piece.id);
    this.#throwIfRefused(piece);
    const tier = this.tierOf(piece);
    emit({ v: 1, type: "span-decoded", layer, piece: piece.id, bytes: output.length, tier });
    // Not waited for: the cache may be a disk.
    void cache.set(layer, index.digest, piece.id, output, tier).catch((error: unknown) => this.#cacheFailed(error));
    return this.#outputOf(piece, output);
  }

  #outputOf(piece: Piece, output: Uint8Array): PieceOutput {
    const throwIfRefused = (): void => this.#throwIfRefused(piece);
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
    const throwIfRefused = (): void => this.#throwIfRefused(piece);
    const chain = (tail: Uint8Array, options?: ReadOptions): Promise<void> =>
      this.#chain(piece, start, tail, tail.length, options);
    return {
      async *chunks(slice, options) {
        const tail = new WindowTail();
        for await (const chunk of decoded(slice, options)) {
          throwIfRefused();
          tail.append(chunk);
          yield chunk;
        }
        if (slice.end === sizeOf(piece.uncompressed) && tail.bytes.length === WINDOW_SIZE)
          await chain(tail.bytes, options);
      },
    };
  }

  /** The stream's first piece has nothing before it. */
  #checkFirst(piece: Piece, start: Start): void {
    if (isBlankWindow(start.window)) {
      this.#chained.add(piece.id);
      return;
    }
    throw this.#refuse(piece, "it is the first, and its window is not empty");
  }

  /**
   * Compares the window of the piece that follows with the end of this one's output. Where they differ, both are refused: the
   * follower's window is false, or this output is, by a false window or a false bit of its own, and nothing says which.
   *
   * @param tail The last bytes of the output, up to 32 KiB, of `size` altogether.
   */
  async #chain(piece: Piece, start: Start, tail: Uint8Array, size: number, options?: ReadOptions): Promise<void> {
    const { index } = this.#ports;
    const next = this.#follower(piece);
    if (next === undefined || this.#chained.has(next.id) || this.#refused.has(next.id)) return;
    const { window } = await index.start(next, options);
    if (windowMatches(window, tail, size <= tail.length ? start.window : [])) {
      this.#chained.add(next.id);
      return;
    }
    const what = `the window that span ${next.id} starts with is not what span ${piece.id} ends with`;
    this.#refuse(next, what);
    throw this.#refuse(piece, what);
  }

  #refuse(piece: Piece, what: string): LazyReadError {
    const error = new LazyReadError(
      "ERR_LAZY_WINDOW_MISMATCH",
      `Cannot read span ${piece.id} of layer ${this.#ports.index.layer.digest}: ${what}, so index ${this.#ports.index.digest} is not to be trusted`,
    );
    this.#refused.set(piece.id, error);
    // What was chained to its output stands on nothing now.
    const next = this.#follower(piece);
    if (next !== undefined) this.#chained.delete(next.id);
    return error;
  }

  /** The piece whose output begins where this one's ends. */
  #follower(piece: Piece): Piece | undefined {
    const { end } = piece.uncompressed;
    let next: Piece | undefined;
    try {
      next = this.#ports.index.plan({ start: end, end: end + 1 })[0];
    } catch {
      // Some indexes refuse to plan past the end of the layer. There is nothing after the last piece.
      return undefined;
    }
    return next?.uncompressed.start === end && next.id !== piece.id ? next : undefined;
  }

  #throwIfRefused(piece: Piece): void {
    const refused = this.#refused.get(piece.id);
    if (refused !== undefined) throw refused;
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
