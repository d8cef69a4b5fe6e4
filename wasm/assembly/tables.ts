/*
 * Decode tables of canonical Huffman codes.
 *
 * A table is indexed with the next bits of input. Codes of up to that many bits fill every entry that ends in them;
 * longer ones share an entry that leads to a subtable, right behind the main table, indexed with the bits that follow.
 *
 * Literals and lengths, and the precode: one u32 an entry.
 *
 *               31    29      25 24      16 15  14  13         8  7   6  5          0
 *   literal     |                | value    | 0 | 0 |            | 1 | 0 | bits     |
 *   length      | 0  | extra mask| base     | 0 | 0 | shift      | 0 | 0 | bits     |
 *   subtable    | byte offset             | 0 | 0 | byte mask  | 0 | 1 | bits     |
 *   end of block|                           | 1 | 0 |            | 0 | 1 | bits     |
 *   no meaning  |                           | 0 | 1 |            | 0 | 1 |          |
 *   precode     | symbol                    | 0 | 0 |            | 0 | 0 | bits     |
 *
 *   bits     what to consume: the code (in a subtable, the rest of it) and its extra bits
 *   shift    where the extra bits are in the buffer as it was before consuming: the code's bits + 2 retained ones
 *   base     length - extra = base; `base + ((before >> shift) & mask)` takes one variable shift
 *   byte mask, byte offset   the subtable's entry is at offset + (buffer & mask), in bytes from the table's start
 *
 * Distances: two u32 with one index. Distance bases and masks need 16 and 13 bits; two 32-bit loads were measured
 * 2–4 % faster than one of 64.
 *
 *   TABLE   | 0 |no meaning 14| shift 13–8 | 0 |exceptional 6| bits 5–0 |
 *   VALUES  | base 31–16 | extra mask 15–0 |      (subtable: byte offset 31–16, byte mask 15–0)
 *
 * Symbols without meaning (286, 287, 30, 31) and bit patterns that are no code have entries like any other, marked,
 * so that strictness costs the decoder nothing.
 */
import {
  DISTANCE_SYMBOLS, END_OF_BLOCK, FIRST_LENGTH, LITLEN_SYMBOLS, MAX_CODE_BITS, MAX_MATCH, MAX_PRECODE_BITS,
  MIN_MATCH, PRECODE_SYMBOLS,
} from "./constants";
import {
  CODE_LENGTHS, DISTANCE_RESULTS, DISTANCE_RESULT_VALUES, DISTANCE_TABLE, DISTANCE_TABLE_BITS, DISTANCE_VALUES,
  LENGTH_COUNTS, LENGTH_OFFSETS, LITLEN_RESULTS, LITLEN_TABLE, LITLEN_TABLE_BITS, PRECODE_LENGTHS, PRECODE_RESULTS,
  PRECODE_TABLE, PRECODE_TABLE_BITS, SORTED_SYMBOLS,
} from "./memory";
import { RETAINED } from "./bits";

// ---- entry bits ----------------------------------------------------------------------------------------

export const LITERAL: u64 = 1 << 7;
/** Anything that is neither literal nor length (or, in the distance table, no distance). */
export const EXCEPTIONAL: u64 = 1 << 6;
export const ENDS_BLOCK: u64 = 1 << 15;
export const NO_MEANING: u64 = 1 << 14;

export const SHIFT_AT: u64 = 8;
export const VALUE_AT: u64 = 16;
export const EXTRA_MASK_AT: u64 = 25;
export const BASE_MASK: u32 = (1 << 9) - 1;
/** Where in a subtable's pointer the byte mask is. */
export const SUBTABLE_MASK_AT: u64 = 8;
/** The longest subtable index, in bytes: codes go on for 15 - 11 and for 15 - 8 bits. */
export const LITLEN_SUBTABLE_MASK: u32 = ((1 << (MAX_CODE_BITS - LITLEN_TABLE_BITS)) - 1) << 2;
export const DISTANCE_SUBTABLE_MASK: u32 = ((1 << (MAX_CODE_BITS - DISTANCE_TABLE_BITS)) - 1) << 2;

/** A code of `n` bits adds n to the bits to consume and n to the shift. */
const CODE_BIT: u32 = (1 << (SHIFT_AT as u32)) | 1;
const NO_CODE: u32 = (EXCEPTIONAL | NO_MEANING) as u32;

// ---- entries by symbol -----------------------------------------------------------------------------------

/** Makes the entries by symbol; a code's length is added when it is known. https://www.rfc-editor.org/rfc/rfc1951#section-3.2.5 */
export function initializeTables(): void {
  for (let symbol: u32 = 0; symbol < END_OF_BLOCK; symbol++) {
    store<u32>(LITLEN_RESULTS + (symbol << 2), (LITERAL as u32) | (symbol << (VALUE_AT as u32)));
  }
  store<u32>(LITLEN_RESULTS + (END_OF_BLOCK << 2), (EXCEPTIONAL | ENDS_BLOCK) as u32);

  const shift: u32 = (RETAINED as u32) << (SHIFT_AT as u32);
  let base: u32 = MIN_MATCH;
  for (let i: u32 = 0; i < LITLEN_SYMBOLS - FIRST_LENGTH; i++) {
    const address = LITLEN_RESULTS + ((FIRST_LENGTH + i) << 2);
    if (i < 28) {
      const extra: u32 = i < 8 ? 0 : (i >> 2) - 1;
      const mask: u32 = (1 << extra) - 1;
      store<u32>(address, extra | shift | (base << (VALUE_AT as u32)) | (mask << (EXTRA_MASK_AT as u32)));
      base += 1 << extra;
    } else if (i == 28) {
      // Length 258 has a symbol of its own, beside the one that reaches it with all extra bits set.
      store<u32>(address, shift | (MAX_MATCH << (VALUE_AT as u32)));
    } else {
      store<u32>(address, NO_CODE);
    }
  }

  base = 1;
  for (let symbol: u32 = 0; symbol < DISTANCE_SYMBOLS; symbol++) {
    if (symbol < 30) {
      const extra: u32 = symbol < 4 ? 0 : (symbol >> 1) - 1;
      store<u32>(DISTANCE_RESULTS + (symbol << 2), extra | shift);
      store<u32>(DISTANCE_RESULT_VALUES + (symbol << 2), (base << 16) | ((1 << extra) - 1));
      base += 1 << extra;
    } else {
      store<u32>(DISTANCE_RESULTS + (symbol << 2), NO_CODE);
    }
  }

  for (let symbol: u32 = 0; symbol < PRECODE_SYMBOLS; symbol++) {
    store<u32>(PRECODE_RESULTS + (symbol << 2), symbol << (VALUE_AT as u32));
  }
}

// ---- building ----------------------------------------------------------------------------------------------

/** False for lengths that are no acceptable code. */
export function buildLitlenTable(symbols: u32): bool {
  return build(CODE_LENGTHS, symbols, MAX_CODE_BITS, LITLEN_TABLE, 0, LITLEN_TABLE_BITS, LITLEN_RESULTS, 0, true);
}

/** Of the lengths that follow `litlenSymbols` others. */
export function buildDistanceTable(litlenSymbols: u32, symbols: u32): bool {
  return build(
    CODE_LENGTHS + litlenSymbols, symbols, MAX_CODE_BITS,
    DISTANCE_TABLE, DISTANCE_VALUES, DISTANCE_TABLE_BITS, DISTANCE_RESULTS, DISTANCE_RESULT_VALUES, true,
  );
}

export function buildPrecodeTable(): bool {
  return build(
    PRECODE_LENGTHS, PRECODE_SYMBOLS, MAX_PRECODE_BITS,
    PRECODE_TABLE, 0, PRECODE_TABLE_BITS, PRECODE_RESULTS, 0, false,
  );
}

/**
 * Sorts the symbols by (length, symbol): the order of their codes. Answers the longest length in use, at least 1, or 0
 * when the code is over-subscribed or lacks codes in a way that zlib does not accept.
 *
 * Kraft's sum, in units of 2^-length: 2^longest means a complete code. Less is acceptable for no code: a block without
 * matches; a precode, which then says lengths of 0 and is refused for those; and, where `allowSparse`, for one code of one
 * bit: a block with one distance.
 */
@inline
function sortSymbols(lengths: usize, symbols: u32, maxLength: u32, allowSparse: bool): u32 {
  const zero = i64x2.splat(0);
  v128.store(LENGTH_COUNTS, zero);
  v128.store(LENGTH_COUNTS, zero, 16);
  v128.store(LENGTH_COUNTS, zero, 32);
  v128.store(LENGTH_COUNTS, zero, 48);
  for (let symbol: u32 = 0; symbol < symbols; symbol++) {
    const count = LENGTH_COUNTS + ((load<u8>(lengths + symbol) as usize) << 2);
    store<u32>(count, load<u32>(count) + 1);
  }
  let longest = maxLength;
  while (longest > 1 && load<u32>(LENGTH_COUNTS + (longest << 2)) == 0) longest--;

  // Symbols without a code (length 0) come first in the sorted list and are skipped later.
  store<u32>(LENGTH_OFFSETS, 0);
  let offset: u32 = load<u32>(LENGTH_COUNTS);
  let sum: u32 = 0;
  for (let length: u32 = 1; length <= longest; length++) {
    const count: u32 = load<u32>(LENGTH_COUNTS + (length << 2));
    store<u32>(LENGTH_OFFSETS + (length << 2), offset);
    offset += count;
    sum = (sum << 1) + count;
  }
  for (let symbol: u32 = 0; symbol < symbols; symbol++) {
    const slot = LENGTH_OFFSETS + ((load<u8>(lengths + symbol) as usize) << 2);
    const position: u32 = load<u32>(slot);
    store<u16>(SORTED_SYMBOLS + (position << 1), symbol as u16);
    store<u32>(slot, position + 1);
  }

  const complete: u32 = (1 as u32) << longest;
  if (sum == complete) return longest;
  if (sum > complete || (sum && !allowSparse)) return 0;
  return longest == 1 ? 1 : 0;
}

/** Writes the entry of `symbol` with `length` bits of code at `index`. */
@inline
function putEntry(table: usize, values: usize, index: u32, results: usize, resultValues: usize, symbol: usize, length: u32): void {
  store<u32>(table + (index << 2), load<u32>(results + (symbol << 2)) + length * CODE_BIT);
  if (values) store<u32>(values + (index << 2), load<u32>(resultValues + (symbol << 2)));
}

/** Copies the first `entries` entries behind themselves. At least two. */
@inline
function double(table: usize, entries: u32): void {
  const bytes: usize = entries << 2;
  if (bytes < 16) {
    store<u64>(table + bytes, load<u64>(table));
    return;
  }
  const end = table + bytes;
  for (let from = table; from < end; from += 16) v128.store(from + bytes, v128.load(from));
}

/** The code after `code`, of as many bits; bit-reversed, as codes stand in the stream: the carry runs downwards. */
@inline
function nextCode(code: u32, length: u32): u32 {
  const bit: u32 = (0x80000000 as u32) >> (clz<u32>(code ^ ((1 << length) - 1)) as u32);
  return (code & (bit - 1)) | bit;
}

/**
 * Builds a table, as libdeflate does: by code length upwards, each code written once; before the first code of the
 * next length, what there is of the table is doubled, which fills all entries that end in the same bits.
 *
 * Inlined three times with constant arguments, so that `values` is no decision at run time.
 */
@inline
function build(
  lengths: usize, symbols: u32, maxLength: u32,
  table: usize, values: usize, tableBits: u32, results: usize, resultValues: usize, allowSparse: bool,
): bool {
  const longest = sortSymbols(lengths, symbols, maxLength, allowSparse);
  if (longest == 0) return false;
  const tableSize: u32 = (1 as u32) << tableBits;
  let sorted: usize = SORTED_SYMBOLS + ((load<u32>(LENGTH_COUNTS) as usize) << 1);

  if (longest == 1 && load<u32>(LENGTH_COUNTS, 4) < 2) {
    // A bit has to be there before it is no code: behind the end of the input it is not.
    for (let index: u32 = 0; index < tableSize; index++) store<u32>(table + (index << 2), NO_CODE | CODE_BIT);
    if (load<u32>(LENGTH_COUNTS, 4) == 1) {
      const symbol: usize = load<u16>(sorted);
      for (let index: u32 = 0; index < tableSize; index += 2) {
        putEntry(table, values, index, results, resultValues, symbol, 1);
      }
    }
    return true;
  }

  // From here the code is complete: the last code of all is ones only, and ends each loop.
  let code: u32 = 0;
  let length: u32 = 1;
  let count: u32 = 0;
  while ((count = load<u32>(LENGTH_COUNTS + (length << 2))) == 0) length++;
  let filled: u32 = (1 as u32) << length;
  while (length <= tableBits) {
    do {
      putEntry(table, values, code, results, resultValues, load<u16>(sorted) as usize, length);
      sorted += 2;
      if (code == filled - 1) {
        for (; length < tableBits; length++) {
          double(table, filled);
          if (values) double(values, filled);
          filled <<= 1;
        }
        return true;
      }
      code = nextCode(code, length);
    } while (--count);
    do {
      if (++length <= tableBits) {
        double(table, filled);
        if (values) double(values, filled);
        filled <<= 1;
      }
    } while ((count = load<u32>(LENGTH_COUNTS + (length << 2))) == 0);
  }

  // Codes longer than the table's index: those with the same first bits share a subtable.
  let prefix: u32 = 0xffffffff;
  let start: u32 = 0;
  let end: u32 = tableSize;
  while (true) {
    if ((code & (tableSize - 1)) != prefix) {
      prefix = code & (tableSize - 1);
      start = end;
      // As many bits as the codes that begin here need: longer by one until they fill it.
      let subtableBits = length - tableBits;
      let room = count;
      while (room < (1 as u32) << subtableBits) {
        subtableBits++;
        room = (room << 1) + load<u32>(LENGTH_COUNTS + ((tableBits + subtableBits) << 2));
      }
      end = start + ((1 as u32) << subtableBits);
      const byteMask: u32 = (((1 as u32) << subtableBits) - 1) << 2;
      const byteOffset: u32 = start << 2;
      if (values) {
        store<u32>(table + (prefix << 2), (EXCEPTIONAL as u32) | tableBits);
        store<u32>(values + (prefix << 2), (byteOffset << (VALUE_AT as u32)) | byteMask);
      } else {
        store<u32>(
          table + (prefix << 2),
          (byteOffset << (VALUE_AT as u32)) | (byteMask << (SUBTABLE_MASK_AT as u32)) | (EXCEPTIONAL as u32) | tableBits,
        );
      }
    }
    const symbol: usize = load<u16>(sorted);
    sorted += 2;
    const stride: u32 = (1 as u32) << (length - tableBits);
    for (let index = start + (code >> tableBits); index < end; index += stride) {
      putEntry(table, values, index, results, resultValues, symbol, length - tableBits);
    }
    if (code == ((1 as u32) << length) - 1) return true;
    code = nextCode(code, length);
    count--;
    while (count == 0) count = load<u32>(LENGTH_COUNTS + (++length << 2));
  }
}
