import type { ZtocBuild } from "./ztoc-build.ts";
import type { SentError } from "./sent-error.ts";
import type { ZtocBuilderOptions } from "./ztoc-builder.ts";

/** From a pool of builders to a thread, about one build after the other. The first one is "load". */
export type ToBuildWorker =
  | { readonly kind: "load"; readonly module: WebAssembly.Module | undefined }
  | { readonly kind: "begin"; readonly build: number; readonly options: ZtocBuilderOptions }
  /** The next bytes of the layer. Their buffer is to come back. */
  | { readonly kind: "chunk"; readonly build: number; readonly bytes: Uint8Array }
  /** The layer has ended. */
  | { readonly kind: "end"; readonly build: number }
  /** Nobody waits for it. */
  | { readonly kind: "cancel"; readonly build: number };

/** From a thread to the pool. */
export type FromBuildWorker =
  /** A chunk is done with. */
  | {
      readonly kind: "taken";
      readonly build: number;
      readonly buffer: ArrayBuffer;
      /** Most bytes of the zTOC so far. */
      readonly sizeBound: number;
      /** Bytes of the tar stream so far. */
      readonly uncompressed: number;
    }
  | {
      readonly kind: "built";
      readonly build: number;
      readonly result: Omit<ZtocBuild, "ztoc">;
      /** Bytes of the tar stream: some of the last are made when the layer ends. */
      readonly uncompressed: number;
    }
  | { readonly kind: "failed"; readonly build: number; readonly error: SentError };
