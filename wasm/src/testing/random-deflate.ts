import { BitWriter, canonicalCodes, filled, FIXED_DISTANCES, FIXED_LITLENS } from "./bit-writer.ts";
import type { Random } from "./random.ts";

/** A DEFLATE stream made of random blocks, with what it means. */
export interface RandomDeflate {
  readonly deflated: Uint8Array;
  readonly output: Uint8Array;
  /** Bit position and output length after each block but the last. */
  readonly boundaries: readonly { readonly bit: number; readonly uncompressed: number }[];
}

const PRECODE_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/**
 * Writes blocks that no compressor would: codes of every shape up to 15 bits, single codes, lengths and distances by
 * any symbol that can say them, repeats that cross from one code to the other, empty blocks of each type.
 */
export function randomDeflate(random: Random, blocks: number): RandomDeflate {
  const writer = new BitWriter();
  const output: number[] = [];
  const boundaries: { bit: number; uncompressed: number }[] = [];
  for (let block = 0; block < blocks; block++) {
    const isLast = block === blocks - 1;
    writer.bits(isLast ? 1 : 0, 1);
    const type = random.pick([0, 1, 2, 2, 2]);
    writer.bits(type, 2);
    if (type === 0) writeStored(writer, random, output);
    else writeCoded(writer, random, output, type === 1);
    if (!isLast) boundaries.push({ bit: writer.length, uncompressed: output.length });
  }
  return { deflated: writer.finish(), output: Uint8Array.from(output), boundaries };
}

function writeStored(writer: BitWriter, random: Random, output: number[]): void {
  const bytes = random.bytes(random.pick([0, 1, 2, 7, 30, 300, 3000]));
  writer
    .align(random.below(2))
    .bits(bytes.length, 16)
    .bits(~bytes.length & 0xffff, 16)
    .bytes(bytes);
  output.push(...bytes);
}

function writeCoded(writer: BitWriter, random: Random, output: number[], isFixed: boolean): void {
  const litlens = isFixed
    ? FIXED_LITLENS
    : randomLengths(random, 257 + random.below(30), [256], 15, random.pick([1, 3, 20, 286]));
  const distances = isFixed
    ? FIXED_DISTANCES
    : randomLengths(random, 1 + random.below(30), [], 15, random.pick([0, 1, 2, 5, 30]));
  if (!isFixed) writeCodeLengths(writer, random, litlens, distances);

  const litlenCodes = canonicalCodes(litlens);
  const distanceCodes = canonicalCodes(distances);
  const literals = litlens.flatMap((length, symbol) => (length > 0 && symbol < 256 ? [symbol] : []));
  const lengths = litlens.flatMap((length, symbol) => (length > 0 && symbol > 256 && symbol < 286 ? [symbol] : []));
  const reachable = distances.flatMap((length, symbol) => (length > 0 && symbol < 30 ? [symbol] : []));
  const put = (symbol: number): BitWriter => writer.code(litlenCodes[symbol] as number, litlens[symbol] as number);
  const count = random.pick([0, 1, 5, 50, 500]);
  for (let i = 0; i < count; i++) {
    const distance = reachable.length > 0 ? random.pick(reachable) : undefined;
    const base =
      distance === undefined ? 0 : distance < 4 ? distance + 1 : (2 + (distance & 1)) * 2 ** ((distance >> 1) - 1) + 1;
    if (
      distance !== undefined &&
      lengths.length > 0 &&
      base <= output.length &&
      (literals.length === 0 || random.chance(50))
    ) {
      const symbol = random.pick(lengths);
      const lengthExtra = symbol < 265 || symbol === 285 ? 0 : (symbol - 261) >> 2;
      const lengthBase =
        symbol < 265 ? symbol - 254 : symbol === 285 ? 258 : (4 + ((symbol - 265) & 3)) * 2 ** lengthExtra + 3;
      const lengthBits = random.below(2 ** lengthExtra);
      const distanceExtra = distance < 4 ? 0 : (distance >> 1) - 1;
      const distanceBits = random.below(Math.min(2 ** distanceExtra, output.length - base + 1));
      put(symbol).bits(lengthBits, lengthExtra);
      writer.code(distanceCodes[distance] as number, distances[distance] as number).bits(distanceBits, distanceExtra);
      const from = output.length - base - distanceBits;
      for (let at = 0; at < lengthBase + lengthBits; at++) output.push(output[from + at] as number);
    } else if (literals.length > 0) {
      const symbol = random.pick(literals);
      put(symbol);
      output.push(symbol);
    }
  }
  put(256);
}

/** Lengths of a complete code of about `wanted` of the symbols, `required` among them; of one bit for a single one. */
function randomLengths(
  random: Random,
  symbols: number,
  required: readonly number[],
  limit: number,
  wanted: number,
): number[] {
  const used = new Set(required);
  for (let tries = 0; tries < 4 * wanted && used.size < Math.min(wanted, symbols); tries++)
    used.add(random.below(symbols));
  const lengths = filled(symbols, 0);
  if (used.size === 1) for (const symbol of used) lengths[symbol] = 1;
  if (used.size < 2) return lengths;
  const leaves = [1, 1];
  const depth = random.pick([0, 50, 95]);
  while (leaves.length < used.size) {
    // Splitting the newest leaf makes long codes, any leaf balanced ones.
    const at = random.chance(depth) ? leaves.length - 1 : random.below(leaves.length);
    if ((leaves[at] as number) >= limit) splitShortest(leaves, limit);
    else leaves.push(++leaves[at]!);
  }
  for (const symbol of used) {
    const at = random.below(leaves.length);
    lengths[symbol] = leaves.splice(at, 1)[0] as number;
  }
  return lengths;
}

/** Splits the shortest leaf: there is always one that can be. */
function splitShortest(leaves: number[], limit: number): void {
  const shortest = Math.min(...leaves);
  if (shortest >= limit) throw new Error("too many symbols for the code's length");
  leaves.push(++leaves[leaves.indexOf(shortest)]!);
}

/** A dynamic block's header behind its type, with repeats chosen at random. The lengths make complete codes, or single ones. */
export function writeCodeLengths(
  writer: BitWriter,
  random: Random,
  litlens: readonly number[],
  distances: readonly number[],
): void {
  const lengths = [...litlens, ...distances];
  const symbols: { symbol: number; extra: number; bits: number }[] = [];
  for (let at = 0; at < lengths.length;) {
    const length = lengths[at] as number;
    let run = 1;
    while (lengths[at + run] === length) run++;
    if (length === 0 && run >= 11 && random.chance(90)) {
      const count = Math.min(138, run);
      symbols.push({ symbol: 18, extra: count - 11, bits: 7 });
      at += count;
    } else if (length === 0 && run >= 3 && random.chance(90)) {
      const count = Math.min(10, run);
      symbols.push({ symbol: 17, extra: count - 3, bits: 3 });
      at += count;
    } else if (at > 0 && lengths[at - 1] === length && run >= 3 && random.chance(80)) {
      const count = Math.min(6, run);
      symbols.push({ symbol: 16, extra: count - 3, bits: 2 });
      at += count;
    } else {
      symbols.push({ symbol: length, extra: 0, bits: 0 });
      at++;
    }
  }
  const used = new Set(symbols.map(({ symbol }) => symbol));
  while (used.size < 2) used.add(random.below(19));
  const precode = randomLengths(random, 19, [...used], 7, used.size);
  const codes = canonicalCodes(precode);
  let count = 19;
  while (count > 4 && precode[PRECODE_ORDER[count - 1] as number] === 0) count--;
  writer
    .bits(litlens.length - 257, 5)
    .bits(distances.length - 1, 5)
    .bits(count - 4, 4);
  for (const symbol of PRECODE_ORDER.slice(0, count)) writer.bits(precode[symbol] as number, 3);
  for (const { symbol, extra, bits } of symbols) {
    writer.code(codes[symbol] as number, precode[symbol] as number).bits(extra, bits);
  }
}
