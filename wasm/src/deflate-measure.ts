import { DeflateBits } from "./deflate-bits.ts";

/** Where a {@linkcode DeflateMeasure} stands. "reached": the output that was asked for is complete. */
export type Measured = "reached" | "end" | "cut" | "invalid";

/** Literals and lengths, distances: https://www.rfc-editor.org/rfc/rfc1951#section-3.2.5. */
const LENGTH_BASES = Uint16Array.from([
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
]);
const LENGTH_EXTRA_BITS = Uint8Array.from([
  0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
]);
const PRECODE_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const END_OF_BLOCK = 256;

/** A prefix code: looked up by the next `bits` bits of the stream. 0: no symbol; else `symbol << 4 | length`. */
interface Code {
  readonly bits: number;
  readonly table: Uint16Array;
}

/**
 * Walks through a raw DEFLATE stream without making its output: tells how long that is, where the stream ends, and
 * whether zlib would take it. Platforms' inflates that were given too little or too much do not say which it was, and
 * some lose output on the way.
 *
 * It is resumable: each call of {@linkcode advance} goes on.
 */
export class DeflateMeasure {
  readonly #stream: Uint8Array;
  #position = 0;
  #produced = 0;
  #isFinal = false;
  #block: "none" | "stored" | "coded" = "none";
  #storedLeft = 0;
  #literals: Code = FIXED_LITERALS;
  #distances: Code = FIXED_DISTANCES;

  constructor(stream: Uint8Array) {
    this.#stream = stream;
  }

  /** Bytes of output so far. After "reached" it can be up to 257 more than was asked for. */
  get produced(): number {
    return this.#produced;
  }

  /** Bytes of the stream that are used, one used in part counted. */
  get used(): number {
    return Math.ceil(this.#position / 8);
  }

  /** Bits of the stream that are used. */
  get position(): number {
    return this.#position;
  }

  /** At a block: goes on behind its header. Answers `undefined` when there is one. */
  readHeader(): Measured | undefined {
    return this.#startBlock();
  }

  /**
   * Goes on until `limit` bytes of output are complete, in all, or the stream ends in some way.
   *
   * @param blocks How many blocks may begin at most: then it answers "reached" as well. A block may have no output.
   */
  advance(limit: number, blocks: number = Infinity): Measured {
    let left = blocks;
    while (this.#produced < limit) {
      let found: Measured | undefined;
      if (this.#block === "none") {
        if (this.#isFinal) return "end";
        if (left-- === 0) return "reached";
        found = this.#startBlock();
      } else if (this.#block === "stored") {
        found = this.#skipStored(limit);
      } else {
        found = this.#skipSymbols(limit);
      }
      if (found !== undefined) return found;
    }
    return "reached";
  }

  /**
   * After "reached" or "end": the stream up to here, closed at once, as a raw DEFLATE stream of its own. Its output is
   * {@linkcode produced} bytes, and zeros where a stored block had to be filled up.
   */
  closed(): readonly Uint8Array[] {
    const whole = this.#position >> 3;
    const tail = new DeflateBits();
    const split = this.#position & 7;
    if (split > 0) tail.put((this.#stream[whole] as number) & (0xff >> (8 - split)), split);
    let filling = new Uint8Array(0);
    if (this.#block === "coded") {
      const index = this.#literals.table.findIndex((entry) => entry >> 4 === END_OF_BLOCK && entry !== 0);
      tail.put(index, (this.#literals.table[index] as number) & 15);
    } else {
      filling = new Uint8Array(this.#storedLeft);
    }
    // BFINAL 1, BTYPE 01, end of block. A stored block ends at a byte, so nothing of `tail` lies before the filling.
    if (!this.#isFinal) tail.put(0b011, 10);
    return [this.#stream.subarray(0, whole), filling, tail.bytes()];
  }

  /** The next bits, at least 25; zeros behind the stream's end. */
  #peek(position: number): number {
    const stream = this.#stream;
    const at = position >> 3;
    if (at + 4 <= stream.length) {
      return (
        (((stream[at] as number) |
          ((stream[at + 1] as number) << 8) |
          ((stream[at + 2] as number) << 16) |
          ((stream[at + 3] as number) << 24)) >>>
          (position & 7)) >>>
        0
      );
    }
    let bits = 0;
    for (let byte = 0; at + byte < stream.length; byte++) bits |= (stream[at + byte] as number) << (8 * byte);
    return bits >>> (position & 7);
  }

  #startBlock(): Measured | undefined {
    const total = this.#stream.length * 8;
    const header = this.#peek(this.#position);
    if (this.#position + 3 > total) return "cut";
    const type = (header >> 1) & 3;
    if (type === 3) return "invalid";
    let found: Measured | undefined;
    if (type === 0) {
      const at = Math.ceil((this.#position + 3) / 8);
      if (at + 4 > this.#stream.length) return "cut";
      const lengths = this.#peek(at * 8);
      if ((lengths & 0xffff) !== ((~lengths >>> 16) & 0xffff)) return "invalid";
      this.#storedLeft = lengths & 0xffff;
      this.#position = (at + 4) * 8;
      this.#block = "stored";
    } else if (type === 1) {
      this.#literals = FIXED_LITERALS;
      this.#distances = FIXED_DISTANCES;
      this.#position += 3;
      this.#block = "coded";
    } else {
      found = this.#readCodes(this.#position + 3);
      if (found === undefined) this.#block = "coded";
    }
    if (found === undefined) this.#isFinal = (header & 1) === 1;
    return found;
  }

  #skipStored(limit: number): Measured | undefined {
    const available = this.#stream.length - (this.#position >> 3);
    const length = Math.min(this.#storedLeft, available, limit - this.#produced);
    this.#produced += length;
    this.#position += length * 8;
    this.#storedLeft -= length;
    if (this.#storedLeft === 0) this.#block = "none";
    else if (this.#produced < limit) return "cut";
    return undefined;
  }

  /** A dynamic block's codes: https://www.rfc-editor.org/rfc/rfc1951#section-3.2.7, refused as zlib refuses them. */
  #readCodes(from: number): Measured | undefined {
    const total = this.#stream.length * 8;
    const counts = this.#peek(from);
    let position = from + 14;
    if (position > total) return "cut";
    const literalCount = (counts & 31) + 257;
    const distanceCount = ((counts >> 5) & 31) + 1;
    const precodeCount = ((counts >> 10) & 15) + 4;
    if (literalCount > 286 || distanceCount > 30) return "invalid";
    const precodeLengths = new Uint8Array(19);
    for (let place = 0; place < precodeCount; place++) {
      precodeLengths[PRECODE_ORDER[place] as number] = this.#peek(position) & 7;
      position += 3;
    }
    if (position > total) return "cut";
    const precode = makeCode(precodeLengths, "complete");
    if (precode === undefined) return "invalid";
    const lengths = new Uint8Array(literalCount + distanceCount);
    for (let at = 0; at < lengths.length;) {
      const bits = this.#peek(position);
      const entry = precode.table[bits & ((1 << precode.bits) - 1)] as number;
      const symbol = entry >> 4;
      const extra = bits >>> (entry & 15);
      position += (entry & 15) + (symbol < 16 ? 0 : symbol === 16 ? 2 : symbol === 17 ? 3 : 7);
      if (position > total) return "cut";
      if (symbol < 16) {
        lengths[at++] = symbol;
        continue;
      }
      const repeated = symbol === 16 ? lengths[at - 1] : 0;
      const count = symbol === 16 ? 3 + (extra & 3) : symbol === 17 ? 3 + (extra & 7) : 11 + (extra & 127);
      if (repeated === undefined || at + count > lengths.length) return "invalid";
      lengths.fill(repeated, at, at + count);
      at += count;
    }
    if (lengths[END_OF_BLOCK] === 0) return "invalid";
    const literals = makeCode(lengths.subarray(0, literalCount), "one");
    const distances = makeCode(lengths.subarray(literalCount), "one or none");
    if (literals === undefined || distances === undefined) return "invalid";
    this.#literals = literals;
    this.#distances = distances;
    this.#position = position;
    return undefined;
  }

  #skipSymbols(limit: number): Measured | undefined {
    const total = this.#stream.length * 8;
    const { table: literals, bits: literalBits } = this.#literals;
    const { table: distances, bits: distanceBits } = this.#distances;
    const literalMask = (1 << literalBits) - 1;
    const distanceMask = (1 << distanceBits) - 1;
    /** Behind the last whole symbol. */
    let position = this.#position;
    let produced = this.#produced;
    let found: Measured | undefined;
    while (produced < limit) {
      let bits = this.#peek(position);
      const entry = literals[bits & literalMask] as number;
      let next = position + (entry & 15);
      if (entry === 0 ? position >= total : next > total) {
        found = "cut";
        break;
      }
      const symbol = entry >> 4;
      if (entry !== 0 && symbol < END_OF_BLOCK) {
        produced++;
        position = next;
        continue;
      }
      if (symbol === END_OF_BLOCK) {
        position = next;
        this.#block = "none";
        break;
      }
      if (entry === 0 || symbol > 285) {
        found = "invalid";
        break;
      }
      const extraBits = LENGTH_EXTRA_BITS[symbol - 257] as number;
      const length = (LENGTH_BASES[symbol - 257] as number) + ((bits >>> (entry & 15)) & ((1 << extraBits) - 1));
      next += extraBits;
      bits = this.#peek(next);
      const distanceEntry = distances[bits & distanceMask] as number;
      const distanceStart = next;
      next += distanceEntry & 15;
      if (distanceEntry === 0 ? distanceStart >= total : next > total) {
        found = "cut";
        break;
      }
      const distanceSymbol = distanceEntry >> 4;
      if (distanceEntry === 0 || distanceSymbol > 29) {
        found = "invalid";
        break;
      }
      let distance = distanceSymbol + 1;
      if (distanceSymbol > 3) {
        const distanceExtraBits = (distanceSymbol >> 1) - 1;
        const extra = this.#peek(next) & ((1 << distanceExtraBits) - 1);
        distance = ((2 + (distanceSymbol & 1)) << distanceExtraBits) + extra + 1;
        next += distanceExtraBits;
        if (next > total) {
          found = "cut";
          break;
        }
      }
      if (distance > produced) {
        found = "invalid";
        break;
      }
      produced += length;
      position = next;
    }
    this.#position = position;
    this.#produced = produced;
    return found;
  }
}

/** Which incomplete codes are taken: none; one code of one bit; that, or no code at all. */
type Completeness = "complete" | "one" | "one or none";

/** Makes the canonical code of the lengths; `undefined` when zlib would refuse it. */
function makeCode(lengths: Uint8Array, completeness: Completeness): Code | undefined {
  const counts = new Uint16Array(16);
  for (const length of lengths) counts[length] = (counts[length] as number) + 1;
  counts[0] = 0;
  let bits = 15;
  while (bits > 0 && counts[bits] === 0) bits--;
  if (bits === 0) return completeness === "one or none" ? { bits: 0, table: new Uint16Array(1) } : undefined;
  const nextCodes = new Uint16Array(16);
  let left = 1;
  let code = 0;
  for (let length = 1; length <= bits; length++) {
    left = left * 2 - (counts[length] as number);
    if (left < 0) return undefined;
    code = (code + (counts[length - 1] as number)) << 1;
    nextCodes[length] = code;
  }
  if (left > 0 && (completeness === "complete" || bits !== 1)) return undefined;
  const table = new Uint16Array(1 << bits);
  for (const [symbol, length] of lengths.entries()) {
    if (length === 0) continue;
    const own = nextCodes[length] as number;
    nextCodes[length] = own + 1;
    const entry = (symbol << 4) | length;
    for (let index = reversed(own, length); index < table.length; index += 1 << length) table[index] = entry;
  }
  return { bits, table };
}

function reversed(code: number, length: number): number {
  let result = 0;
  for (let bit = 0; bit < length; bit++) result |= ((code >> bit) & 1) << (length - 1 - bit);
  return result;
}

// https://www.rfc-editor.org/rfc/rfc1951#section-3.2.6; both are complete, so they are never undefined.
const FIXED_LITERALS = makeCode(
  Uint8Array.from({ length: 288 }, (_, symbol) => (symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8)),
  "complete",
) as Code;
const FIXED_DISTANCES = makeCode(new Uint8Array(32).fill(5), "complete") as Code;
