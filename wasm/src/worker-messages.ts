import type { InflateErrorCode } from "./errors.ts";
import type { Start } from "./span-decoder.ts";

/** From the pool to a worker. The first one is "load". */
export type ToWorker =
  | { readonly kind: "load"; readonly module: WebAssembly.Module | undefined }
  | {
      readonly kind: "decode";
      readonly job: number;
      readonly start: Start;
      readonly compressed: Uint8Array;
      readonly want: { readonly start: number; readonly end: number };
      /** Whether chunks lie in buffers that come back. */
      readonly lends: boolean;
    }
  /** So many chunks were taken: as many more may come. */
  | { readonly kind: "taken"; readonly job: number; readonly chunks: number; readonly buffers: readonly ArrayBuffer[] }
  /** Nothing of it is waited for any more. */
  | { readonly kind: "over"; readonly job: number; readonly buffers: readonly ArrayBuffer[] };

/** A span cannot be decoded. */
export interface SpanError {
  readonly kind: "error";
  readonly message: string;
  /** Where it is an InflateError. */
  readonly code: InflateErrorCode | undefined;
  readonly offset: number;
}

/** From a worker to the pool: of a span always with the chunks that came before it. */
export type FromWorker =
  /** From now on it is at work for this span, until it says so of another. */
  | { readonly kind: "turn"; readonly job: number }
  | (({ readonly kind: "chunks" } | { readonly kind: "end" } | SpanError) & {
      readonly job: number;
      readonly chunks: readonly Uint8Array[];
    });

/**
 * Chunks of one message, but the first of a span, which comes alone and soon. One at a time took the pool's calling thread 0.8
 * ms for a span of 4 MiB, which a worker decodes in 9; so it is 0.5.
 */
export const CHUNKS_AT_ONCE = 4;

/** Chunks of a span that a worker sends before any was taken: 8 MiB of the core's. */
export const CHUNKS_AHEAD = 32;

/** Bytes of a buffer that comes back: a chunk of the core's can be some hundred bytes longer than its 256 KiB. */
export const LENT_SIZE: number = 257 * 1024;
