import type { Inflate } from "@socikit/inflate";
import { verifyStream, type BlobReader, type ByteRange, type Descriptor, type ReadOptions } from "@socikit/oci";
import { buildZtoc, type LayerConsumer } from "@socikit/ztoc/build";
import type { TableOfContents } from "@socikit/ztoc";
import { onAbort } from "./abort-listeners.ts";
import type { ByteBudget } from "./byte-budget.ts";
import { LazyReadError } from "./errors.ts";
import type { LazyEvent } from "./events.ts";
import type { LazyLayer } from "./lazy-layer.ts";

/** Output is held in blocks of this size: it grows without being copied. */
const BLOCK = 1024 * 1024;
/** Bytes between two `layer-progress` events. */
const PROGRESS_BYTES = 1024 * 1024;

/** What gzip adds besides blocks: headers, trailers, a name. */
const GZIP_SLACK = 64 * 1024;

/** Output that a blob of that size has at least: stored blocks, 5 bytes in 64 KiB more than their content, are the largest gzip writes. */
export function leastOutputOf(size: number, compression: "gzip" | "uncompressed"): number {
  return compression === "uncompressed" ? size : Math.max(0, size - Math.ceil(size / 1024) - GZIP_SLACK);
}

/** How a layer is fetched whole. */
export interface WholeLayerOptions extends ReadOptions {
  /** How its media type says it is compressed. */
  readonly compression: "gzip" | "uncompressed";
  /** Decodes gzip; needed for that alone. */
  readonly inflate?: Inflate | undefined;
  /** What its output is taken from while it is held, until the layer is closed. */
  readonly budget: ByteBudget;
  /** Told how far it is. */
  readonly emit: (event: LazyEvent) => void;
}

/**
 * Fetches a layer whole, checks it against its digest, and makes its table of contents from what came.
 *
 * @throws {LazyReadError} `ERR_LAZY_LAYER_TOO_LARGE`; `ERR_LAZY_LAYER_DATA` where it is not a gzip stream or a tar archive, or one
 * that cannot be indexed. `OciError` `ERR_OCI_DIGEST_MISMATCH` or `ERR_OCI_SIZE_MISMATCH` where it is not the layer.
 */
export async function openWholeLayer(
  blobs: Pick<BlobReader, "stream">,
  layer: Descriptor,
  options: WholeLayerOptions,
): Promise<LazyLayer> {
  const { budget, compression, inflate, signal, emit } = options;
  if (leastOutputOf(layer.size, compression) > budget.max) throw tooLarge(layer, budget);
  // Only digest and size: the places that a foreign layer's `urls` name are never asked.
  const verified = verifyStream(await blobs.stream({ digest: layer.digest, size: layer.size }, options), layer);
  const reader = verified.getReader();
  const output = new HeldOutput(budget);
  const stop = onAbort(signal, () => void reader.cancel(signal?.reason).catch(() => {}));
  async function* chunks(): AsyncGenerator<Uint8Array, void> {
    let fetched = 0;
    let told = 0;
    for (;;) {
      const { done, value } = await reader.read();
      signal?.throwIfAborted();
      if (output.exceeded) throw tooLarge(layer, budget);
      if (done) return;
      fetched += value.length;
      if (fetched - told >= PROGRESS_BYTES || fetched === layer.size) {
        told = fetched;
        emit({ v: 1, type: "layer-progress", layer: layer.digest, bytes: fetched });
      }
      yield value;
    }
  }
  try {
    const { ztoc } = await buildZtoc(chunks(), {
      compression,
      consumers: [output],
      ...(inflate === undefined ? {} : { inflate }),
      signal,
    });
    if (output.exceeded) throw tooLarge(layer, budget);
    output.trim();
    return heldLayer(layer, ztoc.toc, output);
  } catch (error) {
    output.drop();
    signal?.throwIfAborted();
    if (error instanceof LazyReadError) throw error;
    // Is the layer broken, or what came of it? Its last byte says: an error of the source comes out of this loop.
    for (let next = await reader.read(); !next.done; next = await reader.read()) signal?.throwIfAborted();
    throw new LazyReadError(
      "ERR_LAZY_LAYER_DATA",
      `Cannot read layer ${layer.digest}: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  } finally {
    stop();
    await reader.cancel().catch(() => {});
  }
}

function tooLarge(layer: Descriptor, { max }: ByteBudget): LazyReadError {
  return new LazyReadError(
    "ERR_LAZY_LAYER_TOO_LARGE",
    `Cannot read layer ${layer.digest} without a zTOC: it has more bytes to hold in memory, uncompressed, than are left of ${max}`,
  );
}

/** Keeps the output of a layer as it is decoded, as far as the budget goes. */
class HeldOutput implements LayerConsumer {
  readonly #blocks: Uint8Array[] = [];
  readonly #budget: ByteBudget;
  size = 0;
  /** Whether there was more than was left. What is held is then no longer complete. */
  exceeded = false;

  constructor(budget: ByteBudget) {
    this.#budget = budget;
  }

  output(bytes: Uint8Array): void {
    if (this.exceeded) return;
    if (!this.#budget.take(bytes.length)) {
      this.exceeded = true;
      this.drop();
      return;
    }
    for (let from = 0; from < bytes.length;) {
      const within = this.size % BLOCK;
      if (within === 0) this.#blocks.push(new Uint8Array(BLOCK));
      const count = Math.min(BLOCK - within, bytes.length - from);
      this.#blocks.at(-1)!.set(bytes.subarray(from, from + count), within);
      from += count;
      this.size += count;
    }
  }

  /** Cuts the last block to what is in it: an image may have hundreds of layers of a few kilobytes. */
  trim(): void {
    const within = this.size % BLOCK;
    if (within > 0) this.#blocks.push(this.#blocks.pop()!.slice(0, within));
  }

  *slices(start: number, end: number): Iterable<Uint8Array> {
    for (let at = start; at < end;) {
      const within = at % BLOCK;
      const count = Math.min(BLOCK - within, end - at);
      yield this.#blocks[(at - within) / BLOCK]!.slice(within, within + count);
      at += count;
    }
  }

  drop(): void {
    this.#blocks.length = 0;
    this.#budget.giveBack(this.size);
    this.size = 0;
  }
}

function heldLayer(layer: Descriptor, toc: TableOfContents, output: HeldOutput): LazyLayer {
  let closed = false;
  const { size } = output;
  const contains = ({ start, end }: ByteRange<"uncompressed">): boolean => start >= end || end <= size;
  return {
    layer,
    mode: "whole",
    derived: true,
    toc,
    // Asynchronous because layers are.
    // oxlint-disable-next-line typescript/require-await
    async *chunks(range, options) {
      options?.signal?.throwIfAborted();
      if (closed) throw new LazyReadError("ERR_LAZY_CLOSED", `Cannot read layer ${layer.digest}: it was closed`);
      if (!contains(range))
        throw new LazyReadError(
          "ERR_LAZY_INVALID_INDEX",
          `Cannot read layer ${layer.digest}: bytes ${range.start} to ${range.end} are past its ${size}`,
        );
      yield* output.slices(range.start, range.end);
    },
    tierOf: () => 3,
    contains,
    close() {
      closed = true;
      output.drop();
      return Promise.resolve();
    },
  };
}
