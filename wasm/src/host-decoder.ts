import { bridgeTo } from "./bridge.ts";
import { checkBytes, checkRange, checkStart } from "./check-span.ts";
import { DeflateMeasure, type Measured } from "./deflate-measure.ts";
import { InflateError } from "./errors.ts";
import { EventLoopTurns, TURN } from "./event-loop-turn.ts";
import { MemberCheck, readMemberHeader, trailerSize } from "./member-frame.ts";
import type { RawInflate } from "./raw-inflate.ts";
import type { SpanDecoder, Start } from "./span-decoder.ts";

/** A span decoder out of somebody else's inflate, which begins at bytes, knows no members, and may tell little. */
export function createHostDecoder(engine: RawInflate): SpanDecoder {
  return {
    decode(start, compressed, want, options) {
      checkStart(start);
      checkRange(want);
      checkBytes("decode a span", "its compressed bytes", compressed);
      return decodeMembers(engine, start, compressed, want, options?.signal);
    },
  };
}

async function* decodeMembers(
  engine: RawInflate,
  start: Start,
  compressed: Uint8Array,
  want: { readonly start: number; readonly end: number },
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  signal?.throwIfAborted();
  if (want.start === want.end) return;
  checkStart(start);
  const bridge = bridgeTo(start, compressed);
  const output = new WantedOutput(want);
  const body = new MemberBody(engine, compressed, start.byte, output, signal);
  let end = yield* body.inflate(bridge.next, bridge.bytes, bridge.output);
  // The trailer of the member in which decoding began cannot be checked; it is taken for gzip's.
  let format: "gzip" | "zlib" = "gzip";
  while (end !== undefined) {
    const next: number = end + trailerSize(format);
    if (next > compressed.length) throw truncatedInMember(start.byte + end);
    const mismatch = output.check?.mismatch(compressed.subarray(end, next));
    if (mismatch !== undefined) {
      const offset = start.byte + next;
      throw new InflateError(
        "ERR_INFLATE_CHECKSUM",
        offset,
        `Cannot inflate: ${mismatch}, near compressed offset ${offset}`,
      );
    }
    const header = readMemberHeader(compressed, next, start.byte);
    if (header === undefined) {
      throw new InflateError(
        "ERR_INFLATE_TRUNCATED",
        start.byte + next,
        `Cannot inflate: the stream ends ${output.produced} bytes behind the start of a span, ${want.end} were asked for`,
      );
    }
    format = header.format;
    output.check = new MemberCheck(format);
    end = yield* body.inflate(header.end, NO_BYTES, 0);
  }
}

/** That are walked through before the clock is looked at: the slowest, whose codes have 15 bits, take 0.2 ms each. */
const BLOCKS_AT_ONCE = 100;

const NO_BYTES = new Uint8Array(0);

function truncatedInMember(offset: number): InflateError {
  return new InflateError(
    "ERR_INFLATE_TRUNCATED",
    offset,
    `Cannot inflate: the compressed data ends inside a member, near compressed offset ${offset}`,
  );
}

/** What was put out of a span so far, and what of it is wanted. */
class WantedOutput {
  readonly #want: { readonly start: number; readonly end: number };
  /** Of the member that is being inflated, where its header was passed. */
  check: MemberCheck | undefined;
  /** Bytes behind the span's start. */
  produced = 0;

  constructor(want: { readonly start: number; readonly end: number }) {
    this.#want = want;
  }

  get missing(): number {
    return this.#want.end - this.produced;
  }

  /** Takes the next bytes in, and answers those of them that are wanted. */
  take(bytes: Uint8Array): Uint8Array {
    const own = bytes.length > this.missing ? bytes.subarray(0, this.missing) : bytes;
    this.check?.update(own);
    const skipped = Math.max(0, this.#want.start - this.produced);
    this.produced += own.length;
    return skipped === 0 ? own : own.subarray(skipped);
  }
}

/** Inflates one member's DEFLATE stream after the other. */
class MemberBody {
  readonly #engine: RawInflate;
  readonly #compressed: Uint8Array;
  /** Of the compressed bytes, when decoding began. */
  readonly #length: number;
  readonly #offset: number;
  readonly #output: WantedOutput;
  readonly #signal: AbortSignal | undefined;
  /** Of walking through members. */
  readonly #turns: EventLoopTurns;
  /** An engine that did not tell where one member ended will not tell it of the next one either. */
  #measuresFirst: boolean;

  constructor(
    engine: RawInflate,
    compressed: Uint8Array,
    offset: number,
    output: WantedOutput,
    signal: AbortSignal | undefined,
  ) {
    this.#engine = engine;
    this.#compressed = compressed;
    this.#length = compressed.length;
    this.#offset = offset;
    this.#output = output;
    this.#signal = signal;
    this.#turns = new EventLoopTurns(signal);
    this.#measuresFirst = !engine.isStrict;
  }

  /**
   * Yields what is wanted of the stream whose first block lies at `at`, or `bridge` before it.
   *
   * @param skipped Output of the bridge.
   * @returns Where the stream ends; `undefined` when all that is wanted is there.
   */
  async *inflate(
    at: number,
    bridge: Uint8Array,
    skipped: number,
  ): AsyncGenerator<Uint8Array, number | undefined, undefined> {
    const before = this.#output.produced;
    this.#checkThere(at);
    // Bytes that had gone before cannot be viewed.
    const rest = at < this.#length ? this.#compressed.subarray(at) : NO_BYTES;
    if (!this.#measuresFirst) {
      try {
        const used = yield* this.#run([bridge, rest], false, skipped);
        if (this.#output.missing === 0) return undefined;
        this.#checkThere(at);
        if (used !== undefined) return at + used - bridge.length;
      } catch (error) {
        if (this.#signal?.aborted) throw error;
        this.#checkThere(at);
        // Something is wrong, or follows the stream, and nobody says what: it is found out below.
      }
      this.#measuresFirst = true;
    }
    const stream = bridge.length === 0 ? rest : joined(bridge, rest);
    const measure = new DeflateMeasure(stream);
    /** Of this stream's output, what the attempt above gave. */
    const already = this.#output.produced - before;
    const status = await this.#measure(measure, skipped + already + this.#output.missing);
    this.#checkThere(at);
    // What is wrong may lie in the bridge: the start does not go with its block's header.
    const end = at + Math.max(0, measure.used - bridge.length);
    if (status === "cut") throw truncatedInMember(this.#offset + end);
    if (status === "invalid") throw invalidData(this.#offset + end);
    // Nothing is left to come of it: an engine would only be made for it.
    if (status === "end" && measure.produced === skipped + already) return end;
    let cause: unknown;
    try {
      yield* this.#run(measure.closed(), true, skipped + already);
    } catch (error) {
      if (this.#signal?.aborted) throw error;
      cause = error;
    }
    if (this.#output.missing === 0) return undefined;
    this.#checkThere(at);
    const isWhole = status === "end" && this.#output.produced - before === measure.produced - skipped;
    if (!isWhole) throw invalidData(this.#offset + end, { cause });
    return end;
  }

  /** Whether nobody has taken the bytes away. Short output, and any error, may come of that. @throws {InflateError} */
  #checkThere(at: number): void {
    if (this.#compressed.length < this.#length) throw truncatedInMember(this.#offset + at);
  }

  /** @param skipped Output not to be taken: it is the bridge's, or was taken before. */
  async *#run(
    pieces: readonly Uint8Array[],
    isClosed: boolean,
    skipped: number,
  ): AsyncGenerator<Uint8Array, number | undefined, undefined> {
    const running = this.#engine.inflate(pieces, isClosed, this.#signal);
    let left = skipped;
    try {
      for (;;) {
        const { done, value } = await running.next();
        this.#signal?.throwIfAborted();
        if (done) return value;
        const own = value.subarray(left);
        left -= value.length - own.length;
        const wanted = this.#output.take(own);
        if (wanted.length > 0) yield wanted;
        if (this.#output.missing === 0) return undefined;
      }
    } finally {
      await running.return(undefined);
    }
  }

  async #measure(measure: DeflateMeasure, limit: number): Promise<Measured> {
    for (;;) {
      const { produced, used } = measure;
      const status = measure.advance(Math.min(limit, produced + TURN), BLOCKS_AT_ONCE);
      const bytes = measure.produced - produced + measure.used - used;
      // At the end, too: many members can be short.
      if (this.#turns.isDue(bytes)) await this.#turns.take();
      if (status !== "reached" || measure.produced >= limit) return status;
      this.#checkThere(0);
    }
  }
}

function invalidData(offset: number, options?: ErrorOptions): InflateError {
  return new InflateError(
    "ERR_INFLATE_DATA",
    offset,
    `Cannot inflate: invalid data, near compressed offset ${offset}`,
    options,
  );
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const all = new Uint8Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}
