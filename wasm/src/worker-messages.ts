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
    }
  /** So many chunks were taken: as many more may come. */
  | { readonly kind: "taken"; readonly job: number; readonly chunks: number }
  /** Nobody waits for it. */
  | { readonly kind: "cancel"; readonly job: number };

/** From a worker to the pool. */
export type FromWorker =
  | { readonly kind: "chunk"; readonly job: number; readonly bytes: Uint8Array }
  | { readonly kind: "end"; readonly job: number }
  | {
      readonly kind: "error";
      readonly job: number;
      readonly message: string;
      /** Where it is an InflateError. */
      readonly code: InflateErrorCode | undefined;
      readonly offset: number;
    };

/** Chunks of a span that a worker sends before any was taken: 8 MiB of the core's. */
export const CHUNKS_AHEAD = 32;
