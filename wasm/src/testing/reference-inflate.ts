import { crc32 } from "node:zlib";
import type { BlockBoundary } from "../gzip-scan.ts";
import { filled, FIXED_DISTANCES, FIXED_LITLENS } from "./bit-writer.ts";

/** What a whole stream decodes to, and every boundary in it. */
export interface ReferenceScan {
  readonly output: Uint8Array;
  readonly boundaries: readonly BlockBoundary[];
  /** Offsets behind each member's trailer. */
  readonly memberEnds: readonly number[];
  /** Every place where decoding can begin: blocks, symbols and stored bytes. */
  readonly places: readonly Place[];
  readonly matches: readonly { readonly at: number; readonly distance: number; readonly length: number }[];
}

export interface Place {
  /** Bits before it. */
  readonly bit: number;
  readonly uncompressed: number;
  /** For those inside a block, bits before its header. */
  readonly header?: number;
  /** Inside a stored block, what is left of it. */
  readonly storedLeft?: number;
}

/** Thrown for anything wrong. What it is does not matter here; what came before it does. */
export class ReferenceError extends Error {
  readonly output: Uint8Array;
  readonly boundaries: readonly BlockBoundary[];

  constructor(message: string, output: Uint8Array, boundaries: readonly BlockBoundary[]) {
    super(message);
    this.output = output;
    this.boundaries = boundaries;
  }
}

const LENGTH_BASES = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
];
const LENGTH_EXTRAS = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const DISTANCE_BASES = [
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
  8193, 12289, 16385, 24577,
];
const DISTANCE_EXTRAS = [
  0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
];
const PRECODE_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** Symbols by their bits, first one highest, with a 1 in front. */
type Code = ReadonlyMap<number, number>;

/**
 * A gzip decoder as one would write it from the RFCs: a bit at a time, a code looked up at each. It shares nothing with
 * the core and is what boundaries are compared with. Slow.
 *
 * @throws {ReferenceError} for what zlib refuses.
 */
export function referenceScan(bytes: Uint8Array): ReferenceScan {
  let position = 0;
  const output: number[] = [];
  const boundaries: BlockBoundary[] = [];
  const memberEnds: number[] = [];
  const places: Place[] = [];
  const matches: { at: number; distance: number; length: number }[] = [];
  let memberStart = 0;
  let fixedCodes: [Code, Code] | undefined;

  function fail(what: string): never {
    throw new ReferenceError(`${what} at bit ${position}`, Uint8Array.from(output), boundaries);
  }
  function readBit(): number {
    const byte = bytes[position >> 3] ?? fail("end");
    return (byte >> (position++ & 7)) & 1;
  }
  function readBits(count: number): number {
    let value = 0;
    for (let bit = 0; bit < count; bit++) value |= readBit() << bit;
    return value >>> 0;
  }
  function readSymbol(code: Code): number {
    let bits = 1;
    while (bits < 2 ** 15) {
      bits = bits * 2 + readBit();
      const symbol = code.get(bits);
      if (symbol !== undefined) return symbol;
    }
    return fail("no code");
  }
  function makeCode(lengths: readonly number[], sparse: "one or none" | "one" | "never"): Code {
    const symbols = new Map<number, number>();
    let next = 0;
    for (let length = 1; length <= 15; length++) {
      next *= 2;
      for (let symbol = 0; symbol < lengths.length; symbol++) {
        if (lengths[symbol] !== length) continue;
        if (next >= 2 ** length) fail("over-subscribed");
        symbols.set(2 ** length + next, symbol);
        next++;
      }
    }
    if (next !== 2 ** 15) {
      const used = lengths.filter((length) => length > 0);
      const isOne = used.length === 1 && used[0] === 1 && sparse !== "never";
      if (!isOne && !(used.length === 0 && sparse === "one or none")) fail("incomplete code");
    }
    return symbols;
  }
  function readCodes(): [Code, Code] {
    const litlens = readBits(5) + 257;
    const distances = readBits(5) + 1;
    const precodes = readBits(4) + 4;
    if (litlens > 286 || distances > 30) fail("too many symbols");
    const precodeLengths = filled(19, 0);
    for (const symbol of PRECODE_ORDER.slice(0, precodes)) precodeLengths[symbol] = readBits(3);
    const precode = makeCode(precodeLengths, "never");
    const lengths: number[] = [];
    while (lengths.length < litlens + distances) {
      const symbol = readSymbol(precode);
      if (symbol < 16) lengths.push(symbol);
      else if (symbol === 16) lengths.push(...filled(3 + readBits(2), lengths.at(-1) ?? fail("no length")));
      else lengths.push(...filled(symbol === 17 ? 3 + readBits(3) : 11 + readBits(7), 0));
    }
    if (lengths.length > litlens + distances) fail("too many lengths");
    if (lengths[256] === 0) fail("no end of block");
    return [makeCode(lengths.slice(0, litlens), "one"), makeCode(lengths.slice(litlens), "one or none")];
  }
  function readSymbols(litlen: Code, distance: Code, header: number): void {
    while (true) {
      places.push({ bit: position, uncompressed: output.length, header });
      const symbol = readSymbol(litlen);
      if (symbol === 256) return;
      if (symbol < 256) {
        output.push(symbol);
        continue;
      }
      const length =
        (LENGTH_BASES[symbol - 257] ?? fail("no length")) + readBits(LENGTH_EXTRAS[symbol - 257] as number);
      const distanceSymbol = readSymbol(distance);
      const back =
        (DISTANCE_BASES[distanceSymbol] ?? fail("no distance")) + readBits(DISTANCE_EXTRAS[distanceSymbol] as number);
      if (back > output.length - memberStart) fail("too far back");
      matches.push({ at: output.length, distance: back, length });
      for (let i = 0; i < length; i++) output.push(output[output.length - back] as number);
    }
  }
  function readBlock(): boolean {
    const header = position;
    places.push({ bit: position, uncompressed: output.length });
    const isLast = readBits(1) === 1;
    const type = readBits(2);
    if (type === 0) {
      position = Math.ceil(position / 8) * 8;
      const length = readBits(16);
      if (length !== (readBits(16) ^ 0xffff)) fail("stored length");
      for (let i = 0; i <= length; i++) {
        places.push({ bit: position, uncompressed: output.length, header, storedLeft: length - i });
        if (i < length) output.push(readBits(8));
      }
    } else if (type === 1) {
      fixedCodes ??= [makeCode(FIXED_LITLENS, "never"), makeCode(FIXED_DISTANCES, "never")];
      readSymbols(...fixedCodes, header);
    } else if (type === 2) {
      readSymbols(...readCodes(), header);
    } else {
      fail("block type");
    }
    return isLast;
  }
  function addBoundary(): void {
    boundaries.push({
      compressed: Math.ceil(position / 8),
      uncompressed: output.length,
      bits: (8 - (position % 8)) % 8,
    });
  }
  function readHeader(): "gzip" | "zlib" {
    const start = position >> 3;
    const first = readBits(8);
    const second = readBits(8);
    if (first !== 0x1f || second !== 0x8b) {
      if ((first * 256 + second) % 31 !== 0 || (first & 15) !== 8 || first >> 4 > 7 || second & 0x20) fail("header");
      return "zlib";
    }
    if (readBits(8) !== 8) fail("method");
    const flags = readBits(8);
    if (flags & 0xe0) fail("flags");
    readBits(32);
    readBits(16);
    if (flags & 4) {
      const length = readBits(16);
      for (let i = 0; i < length; i++) readBits(8);
    }
    if (flags & 8) while (readBits(8) !== 0);
    if (flags & 16) while (readBits(8) !== 0);
    if (flags & 2 && (crc32(bytes.subarray(start, position >> 3)) & 0xffff) !== readBits(16)) fail("header CRC");
    return "gzip";
  }

  do {
    const format = readHeader();
    memberStart = output.length;
    addBoundary();
    while (!readBlock()) addBoundary();
    position = Math.ceil(position / 8) * 8;
    const own = Uint8Array.from(output.slice(memberStart));
    if (format === "gzip") {
      if (readBits(32) !== crc32(own)) fail("CRC");
      if (readBits(32) !== own.length) fail("size");
    } else {
      let [sum, sums] = [1, 0];
      for (const byte of own) {
        sum = (sum + byte) % 65521;
        sums = (sums + sum) % 65521;
      }
      if (readBits(8) * 2 ** 24 + readBits(8) * 2 ** 16 + readBits(8) * 2 ** 8 + readBits(8) !== sums * 65536 + sum)
        fail("Adler");
    }
    memberEnds.push(position >> 3);
  } while (position < bytes.length * 8);
  return { output: Uint8Array.from(output), boundaries, memberEnds, places, matches };
}
