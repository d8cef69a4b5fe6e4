import { checkBytes, checkRange, checkStart } from "./check-span.ts";
import { type Core, DONE, NEED_INPUT, NEED_OUTPUT, WINDOW_SIZE } from "./core.ts";
import type { CorePool } from "./core-pool.ts";
import { InflateError } from "./errors.ts";
import { eventLoopTurn } from "./event-loop-turn.ts";
import { unsetBytes } from "./unset-bytes.ts";

/** Where decoding can begin: at a block of a compressed stream, or at a symbol inside one. */
export interface Start {
  /** Offset in the compressed stream of the first byte handed over: the shared byte when `bits` is not 0. */
  readonly byte: number;
  /** Bits (0–7), the high ones of the first byte, that decoding begins with. */
  readonly bits: number;
  /**
   * What is known of the 32768 bytes of output before the start. `at` counts from the window's first byte. Matches that
   * reach before the first piece are errors; bytes between pieces are zero.
   */
  readonly window: readonly { readonly at: number; readonly bytes: Uint8Array }[];
  /**
   * For starts inside a block: the block's header, from its first bit on as the low bit of the first byte; what follows
   * it does not matter. `byte` and `bits` are then those of the symbol to go on with. Inside a stored block the header
   * is to say how many bytes are left of it, and `bits` is 0. Not all decoders support it.
   */
  readonly blockHeader?: Uint8Array | undefined;
}

/** Options for {@linkcode SpanDecoder.decode}. */
export interface DecodeOptions {
  /** Ends the iteration with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Whether a chunk may lie in memory that is used again when the next one is asked for: for who copies it anyway. It spares
   * a copy, or new memory. Decoders need not make use of it.
   *
   * Such a chunk must not be written to: it can be what later matches copy from, and what is written then comes out again in
   * later chunks, or fails as a wrong checksum. Nor must its buffer be kept or transferred, which may be all of a decoder's
   * memory. Other spans are not harmed.
   *
   * @default {false}
   */
  readonly lends?: boolean | undefined;
}

/** Decodes spans. Implementations are interchangeable: this package's core, a pool of workers, a platform's inflate. */
export interface SpanDecoder {
  /**
   * Decodes from `start` and yields the output in `want`, crossing gzip members. Trailers of members whose header was
   * passed are checked; that of the member in which decoding began is not. Bytes behind the last one needed are not
   * looked at.
   *
   * The member in which decoding begins is taken for gzip's, which has a trailer of 8 bytes. From a start in a zlib member, whose
   * trailer has 4, decoding goes to that member's end and not beyond: what follows is looked for 4 bytes too late, and is an error
   * as a rule. Later zlib members, whose headers are passed, are crossed.
   *
   * @param compressed The compressed stream from `start.byte` on, as much of it as `want` needs. Not kept; it must not
   * change until the iteration ends.
   * @param want Half-open, in bytes of output behind `start`.
   * @returns Chunks that are the caller's to keep, unless it has said that they need not be; together exactly `want`.
   * @throws {RangeError} for a start or a range that cannot be.
   * @throws {TypeError} for bytes that are no Uint8Array, and parts of a start that were transferred away.
   * @throws {InflateError} `ERR_INFLATE_TRUNCATED` when the bytes end before `want` does, or are transferred away
   * meanwhile; or another code.
   */
  decode(
    start: Start,
    compressed: Uint8Array,
    want: { readonly start: number; readonly end: number },
    options?: DecodeOptions,
  ): AsyncIterable<Uint8Array>;
}

/** Output between two turns of the event loop: some 20 ms, after which timers, input and aborts get their turn. */
const TURN = 16 * 1024 * 1024;

/** Input above output between two turns: of empty blocks and empty members. Encoders never get there. */
const EXCESS_TURN = 256 * 1024;

/** Decodes on the calling thread, on instances of the pool. */
export function createSpanDecoder(pool: CorePool): SpanDecoder {
  return {
    decode(start, compressed, want, options) {
      checkStart(start);
      checkRange(want);
      checkBytes("decode a span", "its compressed bytes", compressed);
      return decodeSpan(pool, start, compressed, want, options ?? {});
    },
  };
}

async function* decodeSpan(
  pool: CorePool,
  start: Start,
  compressed: Uint8Array,
  want: { readonly start: number; readonly end: number },
  { signal, lends }: DecodeOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  signal?.throwIfAborted();
  if (want.start === want.end) return;
  checkStart(start);
  const core = pool.take();
  try {
    let used = startCore(core, start, compressed, reachOf(start.window));
    for (const { at, bytes } of start.window) core.setWindow(bytes, at);
    /** Output before `core.output`. */
    let produced = 0;
    let turnEnd = TURN;
    /** Input above output at the last turn. */
    let excess = 0;
    while (produced < want.end) {
      const status = runCore(core, want.end - produced);
      if (status === NEED_INPUT) {
        used = feedCore(core, compressed, used);
        const more = used - produced - (core.outputEnd - core.output);
        if (more - excess >= EXCESS_TURN) {
          excess = more;
          await eventLoopTurn();
        }
      } else if (status === NEED_OUTPUT) {
        const length = Math.min(core.outputEnd - core.output, want.end - produced);
        const skipped = Math.min(length, Math.max(0, want.start - produced));
        if (skipped < length) {
          const output = core.memory.subarray(core.output + skipped, core.output + length);
          yield lends === true ? output : copyOf(output);
        }
        produced += core.outputEnd - core.output;
        core.moveOutput();
      } else if (status === DONE) {
        const found = produced + core.outputEnd - core.output;
        throw new InflateError(
          "ERR_INFLATE_TRUNCATED",
          core.compressed,
          `Cannot inflate: the stream ends ${found} bytes behind the start of a span, ${want.end} were asked for`,
        );
      }
      if (produced >= turnEnd && produced < want.end) {
        turnEnd = produced + TURN;
        excess = used - produced;
        await eventLoopTurn();
      }
      signal?.throwIfAborted();
    }
  } finally {
    pool.giveBack(core);
  }
}

function copyOf(bytes: Uint8Array): Uint8Array {
  const copy = unsetBytes(bytes.length);
  copy.set(bytes);
  return copy;
}

/**
 * Decodes towards `wanted` bytes of output. A decoder may be some symbols ahead of them when it finds a fault, which is
 * then none of theirs.
 *
 * @returns NEED_OUTPUT, NEED_INPUT or DONE.
 */
export function runCore(core: Core, wanted: number): number {
  try {
    return core.run(core.output + Math.min(core.outputCapacity, wanted), Infinity);
  } catch (error) {
    if (core.hasTrapped || core.outputEnd - core.output < wanted) throw error;
    return NEED_OUTPUT;
  }
}

/**
 * After NEED_INPUT: gives it what follows, or says that nothing does. Bytes that were transferred or cut off meanwhile count as
 * ended.
 *
 * @returns How many bytes are used then.
 */
export function feedCore(core: Core, compressed: Uint8Array, used: number): number {
  let next = used;
  if (next < compressed.length) next += core.appendInput(compressed, next);
  // Never equal where bytes have gone, and there would be neither input nor an end.
  if (next >= compressed.length) core.endInput();
  return next;
}

/** How far back matches may reach into a window of these pieces. */
function reachOf(window: Start["window"]): number {
  let length = 0;
  for (const { at, bytes } of window) if (bytes.length > 0) length = Math.max(length, WINDOW_SIZE - at);
  return length;
}

/** Answers how many bytes of `compressed` were used for the start. */
export function startCore(core: Core, start: Start, compressed: Uint8Array, windowLength: number): number {
  const first = start.bits === 0 ? 0 : 1;
  if (compressed.length < first) {
    throw new InflateError("ERR_INFLATE_TRUNCATED", start.byte, "Cannot inflate: there are no compressed bytes");
  }
  const bits = first === 0 ? 0 : (compressed[0] as number) >> (8 - start.bits);
  const offset = start.byte + first;
  if (start.blockHeader === undefined) core.startSpan(windowLength, offset, bits, start.bits);
  else core.startInBlock(start.blockHeader, windowLength, offset, bits, start.bits);
  return first;
}
