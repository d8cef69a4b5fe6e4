import { checkBytes } from "./check-span.ts";
import { BLOCK, type Core, MEMBER, NEED_OUTPUT, WINDOW_SIZE } from "./core.ts";
import type { CorePool } from "./core-pool.ts";
import { InflateError } from "./errors.ts";
import { decodeScanState, encodeScanState, stateError } from "./scan-state.ts";

/** A place between two blocks of a compressed stream, where decoding can begin. */
export interface BlockBoundary {
  /** Bytes of the compressed stream before the next block, a byte that it shares counted. */
  readonly compressed: number;
  /** Bytes of output before the next block, over all members. */
  readonly uncompressed: number;
  /** Bits (0–7), the high ones of the byte at `compressed - 1`, that belong to the next block. */
  readonly bits: number;
}

/** The start of a member: what its header is, and what readers stricter than zlib may find wrong with it. */
export interface MemberStart {
  readonly format: "gzip" | "zlib";
  /** Offset of the header's first byte in the compressed stream. */
  readonly compressed: number;
  /** Offset behind the header. */
  readonly headerEnd: number;
  /** Bytes of output before the member, over all members. */
  readonly uncompressed: number;
  /** Bytes of the name or the comment, whichever is longer, without NUL; 0 without any. Go's reader accepts 511. */
  readonly longestText: number;
}

/** How much a start at a boundary would need of the window before it. */
export interface BoundaryCrossing extends BlockBoundary {
  /** Matches behind the boundary whose source begins before it. */
  readonly matches: number;
  /** Bytes that they copy. An upper bound of what a window must keep. */
  readonly bytes: number;
}

/** What a scan is told, in the order of the stream: all output before a boundary comes before the boundary. */
export interface GzipSink {
  /**
   * Output. `bytes` is a view of the decoder's memory and valid during the call only. It must not be written to: later matches copy
   * from there, and checksums may be computed after the call, so that what is written comes out again, or
   * fails as `ERR_INFLATE_CHECKSUM`.
   *
   * @param at Offset of the first byte in the uncompressed stream.
   */
  output?(bytes: Uint8Array, at: number): void;
  /**
   * A boundary at or behind {@linkcode nextBlock}: after each member's header, and after each block that is not its
   * member's last.
   *
   * @param window Copies the 32768 bytes of output before the boundary: across members, and with zeros in front of the
   * first output. Callable during the call only.
   */
  block?(boundary: BlockBoundary, window: () => Uint8Array): void;
  /**
   * Least uncompressed offset at which boundaries are wanted; asked first, and again after each `block` call. Without
   * it, all are. Negative ones are 0, and Infinity is never; anything but a number, and NaN, closes the scan by a TypeError.
   */
  nextBlock?(): number;
  /**
   * What crosses a boundary: told in the order of boundaries, of each that is at or behind {@linkcode nextBlock}, when
   * no later match can reach before it. Asking for it costs 4–12 % of the speed. Of more than 256 places within 32 KiB
   * of output, the earlier ones are counted up to the 256th.
   */
  crossing?(crossing: BoundaryCrossing): void;
  /** A member's header was read, of whatever offset: after all output before it, and before the boundary behind it. */
  member?(member: MemberStart): void;
}

/** Options of a scan. */
export interface GzipScanOptions {
  /**
   * Accept zlib members (RFC 1950) too, first or later, as zlib's automatic detection does. Default: false.
   *
   * A {@linkcode SpanDecoder} that begins at a boundary in a zlib member cannot go beyond that member's end:
   * {@linkcode GzipSink.member} tells which these are. Who wants spans across has to begin anew at the next member.
   */
  readonly zlibMembers?: boolean | undefined;
  /**
   * What {@linkcode GzipScan.save} gave, of a scan with these options: the scan goes on where that one was. Copied. It is
   * checked against damage, not against malice: who writes a state decides what comes before the next boundary.
   */
  readonly from?: Uint8Array | undefined;
}

/** A decode of a whole gzip stream, fed piece by piece. Synchronous: the sink is called from `push` and `finish`. */
export interface GzipScan {
  /** Bytes of the compressed stream that were pushed, used or not: where the next chunk begins. */
  readonly position: number;
  /** Bytes of the compressed stream used so far, a byte used in part counted. */
  readonly compressed: number;
  /** Bytes of output handed over so far. */
  readonly uncompressed: number;
  /**
   * Decodes what the bytes complete, which can be some hundred bytes less than they are.
   *
   * @throws {InflateError} `ERR_INFLATE_HEADER`, `ERR_INFLATE_DICTIONARY`, `ERR_INFLATE_DATA`, `ERR_INFLATE_CHECKSUM` or
   * `ERR_INFLATE_TRAILING_BYTES`; `ERR_INFLATE_TRUNCATED` when the sink transfers the chunk away. The scan is then closed. So
   * it is when the sink throws.
   * @throws {TypeError} for anything but a Uint8Array. The scan can go on.
   */
  push(chunk: Uint8Array): void;
  /** Ends the stream. @throws {InflateError} as `push`, and `ERR_INFLATE_TRUNCATED` inside a member. */
  finish(): void;
  /**
   * What a scan needs to go on from here, in another process as well ({@linkcode GzipScanOptions.from}): behind the bytes that
   * were pushed, decoded or not. Less than 33 KiB and a half. What the sink was told is the sink's to keep.
   *
   * @throws {TypeError} where crossings are counted: they cannot be saved.
   */
  save(): Uint8Array;
  /** Gives the scan up. Nothing is called any more. */
  close(): void;
}

/** Opens a scan on an instance of the pool. @throws {InflateError} `ERR_INFLATE_STATE`. */
export function openGzipScan(pool: CorePool, sink: GzipSink, options: GzipScanOptions): GzipScan {
  return new PooledGzipScan(pool, sink, options);
}

class PooledGzipScan implements GzipScan {
  readonly #pool: CorePool;
  readonly #sink: GzipSink;
  readonly #reportsBlocks: boolean;
  readonly #zlibMembers: boolean;
  #core: Core | undefined;
  #isBusy = false;
  #position = 0;
  #compressed = 0;
  #uncompressed = 0;
  /** Address up to which output was handed over. */
  #delivered: number;
  #nextBlock: number | undefined;
  /** Boundaries whose crossings are being counted, those at one place together. */
  readonly #crossed: BlockBoundary[][] = [];

  constructor(pool: CorePool, sink: GzipSink, options: GzipScanOptions) {
    this.#pool = pool;
    this.#sink = sink;
    this.#reportsBlocks = sink.block !== undefined || sink.crossing !== undefined;
    this.#zlibMembers = options.zlibMembers ?? false;
    if (options.from !== undefined && sink.crossing !== undefined)
      throw new TypeError("Cannot scan: crossings are not in a saved scan");
    if (options.from !== undefined) checkBytes("scan", "a saved scan", options.from);
    const state = options.from === undefined ? undefined : decodeScanState(options.from, this.#zlibMembers);
    this.#uncompressed = state?.uncompressed ?? 0;
    const reportsMembers = sink.member !== undefined || sink.crossing !== undefined;
    const core = pool.take();
    if (state === undefined) {
      core.startStream(this.#zlibMembers, reportsMembers);
    } else if (!core.restore(state.core, this.#zlibMembers, reportsMembers)) {
      pool.giveBack(core);
      throw stateError("it contradicts itself");
    }
    this.#core = core;
    this.#delivered = core.output;
  }

  get position(): number {
    return this.#core?.position ?? this.#position;
  }

  get compressed(): number {
    return this.#core?.compressed ?? this.#compressed;
  }

  get uncompressed(): number {
    return this.#uncompressed;
  }

  push(chunk: Uint8Array): void {
    checkBytes("scan", "what is pushed", chunk);
    this.#use((core) => {
      const { length } = chunk;
      for (let at = 0; at < length && this.#core === core;) {
        if (at >= chunk.length) throw goneError(core.position, length - at);
        at += core.appendInput(chunk, at);
        this.#decode(core);
      }
    });
  }

  finish(): void {
    this.#use((core) => {
      core.endInput();
      this.#decode(core);
      while (this.#core === core && this.#crossed.length > 0) this.#reportCrossing(core);
      this.#core = undefined;
    });
  }

  save(): Uint8Array {
    const core = this.#core;
    if (this.#isBusy) throw new TypeError("Cannot save a scan: called from within its own sink");
    if (core === undefined) throw new TypeError("Cannot save a scan: it was finished or closed, or has failed");
    if (this.#sink.crossing !== undefined) throw new TypeError("Cannot save a scan: it counts crossings");
    const state = core.save(this.#uncompressed);
    this.#delivered = core.output;
    return encodeScanState({
      core: state,
      uncompressed: this.#uncompressed,
      zlibMembers: this.#zlibMembers,
    });
  }

  close(): void {
    const core = this.#core;
    this.#core = undefined;
    // Called by the sink, the instance is still at work: `#use` gives it back.
    if (core !== undefined && !this.#isBusy) this.#giveBack(core);
  }

  /** Runs `work`, and gives the instance back if the scan ended in it. */
  #use(work: (core: Core) => void): void {
    const core = this.#core;
    if (this.#isBusy) throw new TypeError("Cannot scan: called from within its own sink");
    if (core === undefined) throw new TypeError("Cannot scan: the scan was finished or closed, or has failed");
    this.#isBusy = true;
    try {
      work(core);
    } catch (error) {
      this.#core = undefined;
      throw error;
    } finally {
      this.#isBusy = false;
      if (this.#core === undefined) this.#giveBack(core);
    }
  }

  #giveBack(core: Core): void {
    this.#position = core.position;
    this.#compressed = core.compressed;
    this.#pool.giveBack(core);
  }

  #decode(core: Core): void {
    // Until the input is used up, or the sink has closed the scan.
    while (this.#core === core) {
      this.#nextBlock ??= this.#reportsBlocks ? this.#askNextBlock() : Infinity;
      // Offset of the byte at `core.output`, from which addresses in the output count.
      const base = this.#uncompressed - (this.#delivered - core.output);
      const status = core.run(core.output + core.outputCapacity, this.#nextBlock - base);
      this.#deliver(core);
      if (status === NEED_OUTPUT) {
        core.moveOutput();
        this.#delivered = core.output;
      } else if (status === BLOCK) {
        this.#reportBlock(core);
      } else if (status === MEMBER) {
        this.#reportMember(core);
      } else {
        return;
      }
    }
  }

  #askNextBlock(): number {
    if (this.#sink.nextBlock === undefined) return 0;
    const offset: unknown = this.#sink.nextBlock();
    // No offset is at or behind NaN: there would be no boundaries, and nobody would know why.
    if (typeof offset === "number" && !Number.isNaN(offset)) return offset;
    throw new TypeError(`Cannot scan: nextBlock() must give a number, it gave ${String(offset)}`);
  }

  #reportBlock(core: Core): void {
    if (this.#core !== core) return;
    const end = core.outputEnd;
    this.#nextBlock = undefined;
    const boundary = { compressed: core.compressed, uncompressed: this.#uncompressed, bits: core.pendingBits };
    if (this.#sink.crossing !== undefined) this.#addCrossed(core, boundary);
    this.#sink.block?.(boundary, () => core.memory.slice(end - WINDOW_SIZE, end));
  }

  #addCrossed(core: Core, boundary: BlockBoundary): void {
    const crossed = this.#crossed;
    const last = crossed.at(-1);
    if (last?.[0]?.uncompressed === boundary.uncompressed) {
      last.push(boundary);
      return;
    }
    const outOfReach = boundary.uncompressed - WINDOW_SIZE;
    while (crossed.length === core.maxBoundaries || (crossed[0]?.[0]?.uncompressed ?? Infinity) <= outOfReach)
      this.#reportCrossing(core);
    core.addBoundary();
    crossed.push([boundary]);
  }

  /** Of the earliest place. */
  #reportCrossing(core: Core): void {
    const { matches, bytes } = core.takeBoundary();
    // Spelled out: spreading the two objects took 5 µs a block, half of what counting costs.
    for (const { compressed, uncompressed, bits } of this.#crossed.shift() ?? [])
      this.#sink.crossing?.({ compressed, uncompressed, bits, matches, bytes });
  }

  #reportMember(core: Core): void {
    if (this.#core !== core) return;
    // Matches do not reach into the member before.
    while (this.#crossed.length > 0) this.#reportCrossing(core);
    const headerEnd = core.compressed;
    this.#sink.member?.({
      format: core.isZlib ? "zlib" : "gzip",
      compressed: headerEnd - core.headerLength,
      headerEnd,
      uncompressed: this.#uncompressed,
      longestText: core.longestText,
    });
  }

  #deliver(core: Core): void {
    const end = core.outputEnd;
    if (end === this.#delivered) return;
    const at = this.#uncompressed;
    const bytes = core.memory.subarray(this.#delivered, end);
    this.#delivered = end;
    this.#uncompressed = at + bytes.length;
    this.#sink.output?.(bytes, at);
  }
}

function goneError(offset: number, bytes: number): InflateError {
  return new InflateError(
    "ERR_INFLATE_TRUNCATED",
    offset,
    `Cannot inflate: the last ${bytes} bytes of a chunk were taken away while it was decoded, at compressed offset ${offset}`,
  );
}
