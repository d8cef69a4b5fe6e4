import type { LayerChunks } from "./layer-input.ts";
import type { ZtocBuild } from "./ztoc-build.ts";

/** A build of a pool, wherever it goes on. */
export interface PooledBuild {
  /** Most bytes of the zTOC so far, as far as is known here. */
  readonly sizeBound: number;
  /** Bytes of the tar stream that were made of the layer so far, as far as is known here. */
  readonly uncompressed: number;
  /** Whether the thread that it was on has ended. */
  readonly hasDied: boolean;
  /** A buffer to read into. */
  take(): Uint8Array | Promise<Uint8Array>;
  /** Hands over the next bytes. Resolves when more may come. */
  push(chunk: Uint8Array, hold: LayerChunks["hold"]): Promise<void>;
  /** The layer has ended. */
  finish(): Promise<ZtocBuild>;
  /** Lets go of it, whether it has ended or not. To be called once. */
  close(): void;
}
