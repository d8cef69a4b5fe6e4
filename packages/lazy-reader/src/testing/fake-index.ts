import type { SpanDecoder, Start } from "@socikit/inflate";
import { bytesSource, digestOf, OCI_LAYER_GZIP, type BlobSource, type Digest } from "@socikit/oci";
import { WINDOW_SIZE, type Check, type LayerIndex, type Piece, type TableOfContents } from "@socikit/ztoc";

import { tableOf } from "./toc-entry.ts";

/** What a fake index does otherwise than a true one. */
export interface FakeIndexOptions {
  /** What the checks are over: fetched bytes as in a zTOC, or decoded ones as in a sidecar. */
  readonly over?: "compressed" | "uncompressed" | undefined;
  /** Changes the window that a piece starts with. */
  readonly window?: ((piece: number, window: Uint8Array) => Uint8Array) | undefined;
  /** Changes a piece's checks. */
  readonly checks?: ((piece: Piece, checks: readonly Check[]) => readonly Check[]) | undefined;
  /** Changes a piece. */
  readonly piece?: ((piece: Piece) => Piece) | undefined;
  /** Answers later, as an index that fetches does. */
  readonly slow?: boolean | undefined;
  readonly toc?: TableOfContents | undefined;
}

/**
 * An index over a "compressed" layer whose bytes are its output with every bit flipped, cut into pieces of `size` bytes: enough of a
 * layer for everything above decompression. Its decoder flips the bits back.
 */
export function fakeIndex(
  output: Uint8Array,
  size: number,
  options: FakeIndexOptions = {},
): { readonly index: LayerIndex & { readonly toc: TableOfContents }; readonly blob: Uint8Array } {
  const blob = flip(output);
  const pieces: Piece[] = [];
  for (let at = 0, id = 0; at < output.length; at += size, id++) {
    const range = { start: at, end: Math.min(at + size, output.length) };
    const piece = { id, compressed: { ...range }, uncompressed: { ...range } };
    pieces.push(options.piece?.(piece) ?? piece);
  }
  const over = options.over ?? "compressed";
  const later = <T>(value: T): T | Promise<T> => (options.slow ? Promise.resolve(value) : value);
  return {
    blob,
    index: {
      kind: "fake",
      digest: digestOf(new TextEncoder().encode("index")),
      layer: { mediaType: OCI_LAYER_GZIP, digest: digestOf(blob), size: blob.length },
      toc: options.toc ?? tableOf([]),
      plan: ({ start, end }) =>
        pieces.filter(({ uncompressed }) => uncompressed.start < end && uncompressed.end > start),
      start(piece) {
        const window = new Uint8Array(WINDOW_SIZE);
        const before = output.subarray(Math.max(0, piece.uncompressed.start - WINDOW_SIZE), piece.uncompressed.start);
        window.set(before, WINDOW_SIZE - before.length);
        const bytes = options.window?.(piece.id, window) ?? window;
        return later<Start>({ byte: piece.compressed.start, bits: 0, window: [{ at: 0, bytes }] });
      },
      checks(piece) {
        const bytes = over === "compressed" ? blob : output;
        const range = piece[over];
        const checks: Check[] = [{ over, range, digest: digestOf(bytes.subarray(range.start, range.end)) }];
        return later(options.checks?.(piece, checks) ?? checks);
      },
    },
  };
}

/** Decodes the fake layer, in chunks of `chunk` bytes. */
export function fakeDecoder(chunk = 1000): SpanDecoder & { readonly decoded: number[] } {
  const decoded: number[] = [];
  return {
    decoded,
    async *decode(start, compressed, want) {
      decoded.push(start.byte);
      for (let at = want.start; at < want.end; at += chunk) {
        await Promise.resolve();
        yield flip(compressed.subarray(at, Math.min(at + chunk, want.end)));
      }
    },
  };
}

function flip(bytes: Uint8Array): Uint8Array {
  const flipped = new Uint8Array(bytes.length);
  for (let i = 0; i < bytes.length; i++) flipped[i] = bytes[i]! ^ 0xff;
  return flipped;
}

/** A request that a {@linkcode watchedSource} was asked for. */
export interface WatchedRead {
  readonly offset: number;
  readonly length: number;
  readonly signal: AbortSignal | undefined;
}

/** A source that notes its reads, may spoil their bytes, and answers when it is let. */
export function watchedSource(
  blob: Uint8Array,
  options: {
    /** Changes what the `n`-th read (from 0) gets. */
    readonly spoil?: ((bytes: Uint8Array, n: number) => Uint8Array) | undefined;
    /** Reads wait for this. */
    readonly gate?: Promise<unknown> | undefined;
  } = {},
): BlobSource & { readonly reads: WatchedRead[]; readonly concurrent: { most: number }; closed: boolean } {
  const source = bytesSource(blob);
  const reads: WatchedRead[] = [];
  const concurrent = { most: 0 };
  let now = 0;
  return {
    size: blob.length,
    reads,
    concurrent,
    closed: false,
    async read(offset, length, readOptions) {
      const signal = readOptions?.signal;
      const n = reads.push({ offset, length, signal }) - 1;
      now++;
      concurrent.most = Math.max(concurrent.most, now);
      try {
        await aborting(options.gate ?? Promise.resolve(), signal);
        const bytes = await source.read(offset, length, readOptions);
        return options.spoil?.(bytes, n) ?? bytes;
      } finally {
        now--;
      }
    },
    close() {
      this.closed = true;
      return Promise.resolve();
    },
  };
}

function aborting(work: Promise<unknown>, signal: AbortSignal | undefined): Promise<unknown> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) reject(signal.reason);
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
    work.then(resolve, reject);
  });
}

/** Bytes that look random and are the same every time. */
export function noise(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** A digest of nothing in particular. */
export function someDigest(text: string): Digest {
  return digestOf(new TextEncoder().encode(text));
}
