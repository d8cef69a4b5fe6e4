import { BitWriter, canonicalCodes, filled, FIXED_DISTANCES, FIXED_LITLENS } from "./bit-writer.ts";
import type { Random } from "./random.ts";
import { writeCodeLengths } from "./random-deflate.ts";

/** Block types of DEFLATE, by number: https://www.rfc-editor.org/rfc/rfc1951#section-3.2.3. */
export type BlockType = 0 | 1 | 2;

/** How an encoder cuts its blocks, and what it ends with. */
export interface AssembleOptions {
  /** Drawn from for each block. */
  readonly types: readonly BlockType[];
  /** Most symbols of a block. */
  readonly blockSymbols: number;
  /** "block": the last one is final. "empty stored": as Go's encoder closes. "empty fixed": as zlib after a flush. */
  readonly ending: "block" | "empty stored" | "empty fixed";
}

/** A literal, or a match. */
interface Token {
  readonly length: number;
  /** 0 for a literal. */
  readonly distance: number;
  /** Of its first byte, in the data. */
  readonly at: number;
}

/**
 * Deflates data as no single encoder does, but some encoder might: matches found greedily or let go, blocks cut
 * anywhere, of any type, with the codes that fit their symbols.
 */
export function assembleDeflate(random: Random, data: Uint8Array, options: AssembleOptions): Uint8Array {
  const tokens = parse(random, data);
  const writer = new BitWriter();
  let at = 0;
  do {
    const block = tokens.slice(at, at + 1 + random.below(options.blockSymbols));
    at += block.length;
    const isLast = at >= tokens.length && options.ending === "block";
    const type = random.pick(options.types);
    if (type === 0) writeStored(writer, random, data, block, isLast);
    else writeCoded(writer, random, data, block, isLast, type);
  } while (at < tokens.length);
  if (options.ending === "empty stored") writer.bits(1, 3).align().bits(0, 16).bits(0xffff, 16);
  if (options.ending === "empty fixed") writer.bits(1, 1).bits(1, 2).code(0, 7);
  return writer.finish();
}

function parse(random: Random, data: Uint8Array): readonly Token[] {
  const eagerness = random.pick([100, 100, 60, 0]);
  const last = new Map<number, number>();
  const tokens: Token[] = [];
  for (let at = 0; at < data.length;) {
    const key = at + 3 <= data.length ? (data[at]! << 16) | (data[at + 1]! << 8) | data[at + 2]! : -1;
    const from = last.get(key) ?? -1;
    let length = 1;
    if (from >= 0 && at - from <= 32768 && random.chance(eagerness)) {
      length = 3;
      while (length < 258 && at + length < data.length && data[from + length] === data[at + length]) length++;
      if (random.chance(10)) length = 3 + random.below(length - 2);
    }
    if (key >= 0) last.set(key, at);
    tokens.push({ length, distance: length === 1 ? 0 : at - from, at });
    at += length;
  }
  return tokens;
}

function writeStored(
  writer: BitWriter,
  random: Random,
  data: Uint8Array,
  block: readonly Token[],
  isLast: boolean,
): void {
  const start = block[0]?.at ?? 0;
  const end = (block.at(-1)?.at ?? 0) + (block.at(-1)?.length ?? 0);
  let at = start;
  do {
    const length = Math.min(65_535, end - at);
    writer
      .bits(isLast && at + length === end ? 1 : 0, 1)
      .bits(0, 2)
      .align(random.below(2))
      .bits(length, 16)
      .bits(~length & 0xffff, 16)
      .bytes(data.subarray(at, at + length));
    at += length;
  } while (at < end);
}

function writeCoded(
  writer: BitWriter,
  random: Random,
  data: Uint8Array,
  block: readonly Token[],
  isLast: boolean,
  type: 1 | 2,
): void {
  writer.bits(isLast ? 1 : 0, 1).bits(type, 2);
  let litlens = FIXED_LITLENS;
  let distances = FIXED_DISTANCES;
  if (type === 2) {
    const [symbols, distanceSymbols] = [filled(286, 0), filled(30, 0)];
    symbols[256] = 1;
    for (const { length, distance, at } of block) {
      symbols[distance === 0 ? (data[at] as number) : lengthSymbol(length).symbol]!++;
      if (distance > 0) distanceSymbols[distanceSymbol(distance).symbol]!++;
    }
    litlens = trimmed(codeLengths(symbols), 257);
    distances = trimmed(codeLengths(distanceSymbols), 1);
    writeCodeLengths(writer, random, litlens, distances);
  }
  const litlenCodes = canonicalCodes(litlens);
  const distanceCodes = canonicalCodes(distances);
  const put = (symbol: number): BitWriter => writer.code(litlenCodes[symbol] as number, litlens[symbol] as number);
  for (const { length, distance, at } of block) {
    if (distance === 0) {
      put(data[at] as number);
      continue;
    }
    const { symbol, extra, bits } = lengthSymbol(length);
    put(symbol).bits(extra, bits);
    const far = distanceSymbol(distance);
    writer.code(distanceCodes[far.symbol] as number, distances[far.symbol] as number).bits(far.extra, far.bits);
  }
  put(256);
}

interface ExtendedSymbol {
  readonly symbol: number;
  readonly extra: number;
  readonly bits: number;
}

/** https://www.rfc-editor.org/rfc/rfc1951#section-3.2.5 */
function lengthSymbol(length: number): ExtendedSymbol {
  if (length === 258) return { symbol: 285, extra: 0, bits: 0 };
  if (length < 11) return { symbol: 254 + length, extra: 0, bits: 0 };
  const bits = Math.floor(Math.log2(length - 3)) - 2;
  return { symbol: 257 + 4 * bits + ((length - 3) >> bits), extra: (length - 3) & ((1 << bits) - 1), bits };
}

function distanceSymbol(distance: number): ExtendedSymbol {
  if (distance < 5) return { symbol: distance - 1, extra: 0, bits: 0 };
  const bits = Math.floor(Math.log2(distance - 1)) - 1;
  return { symbol: 2 * bits + ((distance - 1) >> bits), extra: (distance - 1) & ((1 << bits) - 1), bits };
}

/** Lengths of a Huffman code, none longer than 15: flatter counts until it is so. */
function codeLengths(counts: readonly number[]): number[] {
  for (let flatness = 0; ; flatness++) {
    const lengths = huffman(counts.map((count) => (count === 0 ? 0 : 1 + (count >> flatness))));
    if (Math.max(...lengths) <= 15) return lengths;
  }
}

function huffman(counts: readonly number[]): number[] {
  const lengths = counts.map(() => 0);
  let trees = counts.flatMap((count, symbol) => (count > 0 ? [{ count, symbols: [symbol] }] : []));
  // A single symbol has a code of one bit.
  if (trees.length === 1) lengths[trees[0]!.symbols[0]!] = 1;
  while (trees.length > 1) {
    trees.sort((a, b) => a.count - b.count);
    const [first, second] = trees as [(typeof trees)[0], (typeof trees)[0]];
    const symbols = [...first.symbols, ...second.symbols];
    for (const symbol of symbols) lengths[symbol]!++;
    trees = [{ count: first.count + second.count, symbols }, ...trees.slice(2)];
  }
  return lengths;
}

/** Without the zeros at the end, `least` of them kept. */
function trimmed(lengths: readonly number[], least: number): number[] {
  let length = lengths.length;
  while (length > least && lengths[length - 1] === 0) length--;
  return lengths.slice(0, length);
}
