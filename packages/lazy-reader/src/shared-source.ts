import type { BlobSource, Descriptor, ReadOptions } from "@socikit/oci";
import { LazyReadError } from "./errors.ts";
import { SharedWork } from "./shared-work.ts";

/** How a layer's blob is opened. */
export type OpenSource = (options?: ReadOptions) => Promise<BlobSource>;

/**
 * The source of a layer's blob, opened by the first who needs it, for all. Opening is aborted when the last who waits for it leaves;
 * an error is not kept, so that the next read tries again.
 */
export class SharedSource {
  readonly #layer: Descriptor;
  readonly #openSource: OpenSource | undefined;
  #opening: SharedWork<BlobSource> | undefined;
  #source: BlobSource | undefined;
  #closed = false;

  /** @param source The source, or how to open it. It is closed with this one, read or not. */
  constructor(layer: Descriptor, source: BlobSource | OpenSource) {
    this.#layer = layer;
    if (typeof source === "function") this.#openSource = source;
    else this.#source = source;
  }

  /**
   * The source.
   *
   * @throws {LazyReadError} `ERR_LAZY_INDEX_MISMATCH` where it has not the layer's size.
   */
  open(options: ReadOptions = {}): Promise<BlobSource> {
    if (this.#closed) return Promise.reject(this.#closedError());
    if (this.#source !== undefined) return Promise.resolve(this.#source);
    this.#opening ??= new SharedWork((signal) => this.#open({ ...options, signal }));
    return this.#opening.join(options.signal);
  }

  /** Closes the source, if there is one, or as soon as there is. */
  async close(): Promise<void> {
    this.#closed = true;
    const source = this.#source;
    this.#source = undefined;
    await source?.close?.();
  }

  async #open(options: ReadOptions): Promise<BlobSource> {
    try {
      const source = await this.#openSource!(options);
      if (this.#closed || options.signal?.aborted || source.size !== this.#layer.size) {
        await source.close?.();
        options.signal?.throwIfAborted();
        throw this.#closed
          ? this.#closedError()
          : new LazyReadError(
              "ERR_LAZY_INDEX_MISMATCH",
              `Cannot read layer ${this.#layer.digest}: the blob has ${source.size} bytes, the layer ${this.#layer.size}`,
            );
      }
      this.#source = source;
      return source;
    } finally {
      // Once it is there it is kept as what it is; where it is not, the next one tries again.
      if (!options.signal?.aborted) this.#opening = undefined;
    }
  }

  #closedError(): LazyReadError {
    return new LazyReadError("ERR_LAZY_CLOSED", `Cannot read layer ${this.#layer.digest}: it was closed`);
  }
}
