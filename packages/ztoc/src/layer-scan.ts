import type { BlockBoundary, GzipScan, GzipSink, Inflate, MemberStart } from "@socikit/inflate";
import { checkChunk } from "./check-chunk.ts";
import { checkCompression } from "./check-compression.ts";
import { ZtocError, type ZtocErrorCode } from "./errors.ts";
import { malformed } from "./state-reader.ts";
import type { CompressionAlgorithm } from "./ztoc.ts";

/** Takes part in a {@linkcode LayerScan}. Calls are synchronous, and an error that one throws ends the scan. */
export interface LayerConsumer {
  /**
   * Bytes of the layer as they are, after the output and the blocks that they complete. Valid during the call only.
   *
   * @param at Offset of the first byte in the layer.
   */
  compressed?(bytes: Uint8Array, at: number): void;
  /**
   * Bytes of the tar stream. Valid during the call only.
   *
   * @param at Offset of the first byte in the uncompressed stream.
   */
  output?(bytes: Uint8Array, at: number): void;
  /**
   * A block boundary of a gzip layer, after all output before it. `window` copies the 32,768 bytes of output before the
   * boundary; call it during the call only.
   */
  block?(boundary: BlockBoundary, window: () => Uint8Array): void;
  /** Least uncompressed offset at which boundaries are wanted; asked again after each. All are, where it is left out. */
  nextBlock?(): number;
  /** A member of a gzip layer begins: after all output before it, and before the block boundary behind its header. */
  member?(member: MemberStart): void;
  /** The layer has ended, and its compression is sound. */
  end?(): void;
}

/** Options for {@linkcode LayerScan}. */
export interface LayerScanOptions {
  /** How the layer is compressed. */
  readonly compression: CompressionAlgorithm;
  /** The decoder, which a gzip layer needs: see `loadInflate` of `@socikit/inflate`. */
  readonly inflate?: Inflate | undefined;
  /** What {@linkcode LayerScan.save} gave: the scan goes on where that one was. What the consumers know is theirs to restore. */
  readonly from?: LayerScanState | undefined;
}

/** What a scan of a layer needs to go on, in another process as well. */
export interface LayerScanState {
  /** Bytes of the layer that were pushed: where the next ones begin. */
  readonly position: number;
  /** Of a gzip layer, what `GzipScan.save` of `@socikit/inflate` gave. */
  readonly gzip: Uint8Array | undefined;
}

/**
 * One pass over a layer, and one inflation, for any number of consumers. A zTOC builder is one; so is whatever wants the
 * digests, the files or the blocks of the same pass.
 */
export class LayerScan {
  readonly #consumers: readonly LayerConsumer[];
  readonly #scan: GzipScan | undefined;
  #position: number;
  #ended = false;

  /**
   * @throws {TypeError} for a gzip layer without a decoder, and for another compression than there is.
   * @throws {ZtocError} `ERR_ZTOC_STATE_MALFORMED` for a state that no scan of such a layer has saved.
   */
  constructor(options: LayerScanOptions, consumers: readonly LayerConsumer[]) {
    checkCompression(options.compression);
    this.#consumers = consumers;
    this.#position = options.from?.position ?? 0;
    if ((options.from?.gzip !== undefined) !== (options.from !== undefined && options.compression === "gzip"))
      throw malformed(`it is not of a layer that is ${options.compression}`);
    if (options.compression !== "gzip") return;
    if (options.inflate === undefined) throw new TypeError("Cannot scan a gzip layer: there is no decoder");
    this.#scan = openScan(options.inflate, gzipSink(consumers), options.from?.gzip);
    if (this.#scan.position === this.#position) return;
    this.#scan.close();
    throw malformed(`its scan is at ${this.#scan.position}, not at ${this.#position}`);
  }

  /** Bytes of the layer that were pushed. */
  get position(): number {
    return this.#position;
  }

  /** Bytes of the tar stream that were handed over. */
  get uncompressed(): number {
    return this.#scan?.uncompressed ?? this.#position;
  }

  /** What a scan needs to go on from here ({@linkcode LayerScanOptions.from}). @throws {TypeError} for one that has ended. */
  save(): LayerScanState {
    if (this.#ended) throw new TypeError("Cannot save a scan: it has ended, or has failed");
    return { position: this.#position, gzip: this.#scan?.save() };
  }

  /**
   * Takes the next bytes of the layer, which are not kept.
   *
   * @throws {ZtocError} `ERR_ZTOC_GZIP_HEADER`, `ERR_ZTOC_GZIP_DATA`, `ERR_ZTOC_GZIP_CHECKSUM` or
   * `ERR_ZTOC_GZIP_TRAILING_BYTES` for a gzip layer that is damaged, `ERR_ZTOC_GZIP_DICTIONARY` for a zlib member that needs a
   * dictionary, which nobody has.
   * @throws {TypeError} for what is no Uint8Array.
   */
  push(compressed: Uint8Array): void {
    if (this.#ended) throw new TypeError("Cannot scan layer: it has ended");
    checkChunk(compressed);
    const at = this.#position;
    this.#position += compressed.length;
    if (this.#scan === undefined) {
      for (const consumer of this.#consumers) consumer.output?.(compressed, at);
    } else {
      const scan = this.#scan;
      this.#run(() => scan.push(compressed));
    }
    for (const consumer of this.#consumers) consumer.compressed?.(compressed, at);
  }

  /** Ends the layer. @throws {ZtocError} as `push`, and `ERR_ZTOC_GZIP_TRUNCATED` or `ERR_ZTOC_GZIP_EMPTY`. */
  finish(): void {
    if (this.#ended) throw new TypeError("Cannot scan layer: it has ended");
    const scan = this.#scan;
    if (scan !== undefined) this.#run(() => scan.finish());
    this.#ended = true;
    for (const consumer of this.#consumers) consumer.end?.();
  }

  /** Gives the decoder back. Needed where the scan is given up; harmless after its end. */
  close(): void {
    this.#ended = true;
    this.#scan?.close();
  }

  #run(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#ended = true;
      throw gzipError(error, this.#position);
    }
  }
}

/** zlib's automatic detection takes zlib members too, and the reference has it on (spec section 3.4). */
function openScan(inflate: Inflate, sink: GzipSink, from: Uint8Array | undefined): GzipScan {
  try {
    return inflate.scanGzip(sink, { zlibMembers: true, from });
  } catch (cause) {
    if (!(cause instanceof Error) || !("code" in cause) || cause.code !== "ERR_INFLATE_STATE") throw cause;
    throw malformed(cause.message, { cause });
  }
}

/** One sink for all: boundaries go to those who want them at that place. */
function gzipSink(consumers: readonly LayerConsumer[]): GzipSink {
  const receivers = consumers.filter((consumer) => consumer.block !== undefined);
  const wanted = (consumer: LayerConsumer): number => consumer.nextBlock?.() ?? 0;
  return {
    output(bytes, at) {
      for (const consumer of consumers) consumer.output?.(bytes, at);
    },
    block(boundary, window) {
      for (const consumer of receivers)
        if (boundary.uncompressed >= wanted(consumer)) consumer.block?.(boundary, window);
    },
    member(member) {
      for (const consumer of consumers) consumer.member?.(member);
    },
    nextBlock: () => receivers.reduce((least, consumer) => Math.min(least, wanted(consumer)), Infinity),
  };
}

const GZIP_CODES: ReadonlyMap<string, ZtocErrorCode> = new Map([
  ["ERR_INFLATE_HEADER", "ERR_ZTOC_GZIP_HEADER"],
  ["ERR_INFLATE_DICTIONARY", "ERR_ZTOC_GZIP_DICTIONARY"],
  ["ERR_INFLATE_DATA", "ERR_ZTOC_GZIP_DATA"],
  ["ERR_INFLATE_CHECKSUM", "ERR_ZTOC_GZIP_CHECKSUM"],
  ["ERR_INFLATE_TRUNCATED", "ERR_ZTOC_GZIP_TRUNCATED"],
  ["ERR_INFLATE_TRAILING_BYTES", "ERR_ZTOC_GZIP_TRAILING_BYTES"],
]);

/** The reference has one error for all of these: zlib's −3. A code tells whether the decoder made it, in any realm. */
function gzipError(error: unknown, size: number): unknown {
  if (!(error instanceof Error) || !("code" in error)) return error;
  const code = size === 0 ? "ERR_ZTOC_GZIP_EMPTY" : GZIP_CODES.get(String(error.code));
  if (code === undefined) return error;
  const found = size === 0 ? "the layer is empty" : error.message.replace(/^Cannot inflate: /, "");
  return new ZtocError(code, `Cannot index layer: could not generate gzip zinfo. gzip error: -3 (${found})`, {
    cause: error,
  });
}
