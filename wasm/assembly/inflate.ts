/*
 * Blocks. https://www.rfc-editor.org/rfc/rfc1951#section-3.2.3
 *
 * `inflateBlocks` can be left and entered at any byte of input and output: what it was doing is `Block.phase`, and the
 * rest of its state is in bits.ts, output.ts and the tables in memory. A block's header is read at once, so it waits
 * until the longest one there is would be complete, or the input is final.
 */
import {
  BAD_BLOCK_TYPE, BAD_CODE, BAD_CODE_LENGTHS, BAD_STORED_LENGTH, BAD_SYMBOL_COUNT, BLOCK, BLOCK_DYNAMIC, BLOCK_FIXED, BLOCK_STORED,
  DISTANCE_SYMBOLS, DONE, END_OF_BLOCK, LITLEN_SYMBOLS, MAX_DYNAMIC_DISTANCE_SYMBOLS, MAX_DYNAMIC_LITLEN_SYMBOLS,
  NEED_INPUT, NEED_OUTPUT, NO_END_OF_BLOCK, TRUNCATED,
} from "./constants";
import { CODE_LENGTHS, PRECODE_LENGTHS, PRECODE_TABLE, PRECODE_TABLE_BITS } from "./memory";
import { Bits, RETAINED, alignToByte, consume, giveBack, isPast, peek, refill } from "./bits";
import { Output } from "./output";
import { buildDistanceTable, buildLitlenTable, buildPrecodeTable, EXCEPTIONAL, VALUE_AT } from "./tables";
import { decodeLastSymbols, decodeSymbols } from "./symbols";

/**
 * Bytes that hold any block header and the refill behind it: 3 + 14 bits, 19 × 3 of the precode, and up to 7 bits for
 * each of 286 + 30 code lengths (repeats write more than one length in fewer bits): 2286 bits, 286 bytes; 7 bits
 * before and 8 bytes behind.
 */
const HEADER_LOOK_AHEAD: usize = 320;

const AT_HEADER: i32 = 0;
export const IN_STORED: i32 = 1;
export const IN_SYMBOLS: i32 = 2;

export class Block {
  static phase: i32 = AT_HEADER;
  /** BFINAL of the current block. */
  static isLast: bool = false;
  static storedLeft: usize = 0;
  /** The tables hold the fixed codes. */
  static hasFixedTables: bool = false;
  /** How many code lengths of either kind the last dynamic block had. Only state.ts asks. */
  static litlens: u32 = 0;
  static distances: u32 = 0;
}

/** The next bit begins a block. */
export function startBlocks(): void {
  Block.phase = AT_HEADER;
  Block.isLast = false;
}

/**
 * Answers BLOCK after a block that is not the last, with the bit buffer holding less than a byte; DONE after the last
 * one, at a byte boundary; NEED_INPUT, NEED_OUTPUT, or what is wrong.
 */
export function inflateBlocks(inputEnd: usize, isFinal: bool, outputEnd: usize): i32 {
  if (Block.phase == AT_HEADER) {
    if (Output.next >= outputEnd) return NEED_OUTPUT;
    if (!isFinal && Bits.next + HEADER_LOOK_AHEAD > inputEnd) return NEED_INPUT;
    const status = readBlockHeader();
    // Beyond the input there are zeros: whatever they were taken for, the cut is what is wrong.
    if (isFinal && isPast(inputEnd)) return TRUNCATED;
    if (status != DONE) return status;
  }
  if (Block.phase == IN_STORED) {
    const status = copyStored(inputEnd, isFinal, outputEnd);
    if (status != DONE) return status;
  } else {
    let status = decodeSymbols(inputEnd, outputEnd);
    if (status == NEED_INPUT && isFinal) status = decodeLastSymbols(inputEnd, outputEnd);
    if (status != DONE) return status;
    giveBack();
  }
  Block.phase = AT_HEADER;
  if (!Block.isLast) return BLOCK;
  alignToByte();
  return DONE;
}

/**
 * Begins inside a block: reads the header of it, of `length` bytes at the read position with padding behind; bits after
 * it do not matter. The next bit then is that of a symbol, or of a stored byte, that the caller goes on with.
 */
export function resumeBlock(length: usize): i32 {
  const end = Bits.next + length;
  const status = readBlockHeader();
  return isPast(end) ? TRUNCATED : status;
}

/** Whether the current block is a stored one, whose bytes are at byte boundaries. */
export function isStored(): bool {
  return Block.phase == IN_STORED;
}

function copyStored(inputEnd: usize, isFinal: bool, outputEnd: usize): i32 {
  const room: usize = outputEnd > Output.next ? outputEnd - Output.next : 0;
  const length = min(Block.storedLeft, min(inputEnd - Bits.next, room));
  memory.copy(Output.next, Bits.next, length);
  Bits.next += length;
  Output.next += length;
  Block.storedLeft -= length;
  if (Block.storedLeft == 0) return DONE;
  if (Output.next >= outputEnd) return NEED_OUTPUT;
  return isFinal ? TRUNCATED : NEED_INPUT;
}

/** All of it is readable. Answers DONE, or what is wrong. */
function readBlockHeader(): i32 {
  refill();
  const header = peek();
  Block.isLast = (header & 1) != 0;
  const type: u32 = (header >> 1) & 3;
  consume(3);
  if (type == BLOCK_DYNAMIC) {
    Block.phase = IN_SYMBOLS;
    return readDynamicHeader();
  }
  if (type == BLOCK_FIXED) {
    Block.phase = IN_SYMBOLS;
    useFixedTables();
    // The symbol loops expect a count without stale bits above it.
    giveBack();
    return DONE;
  }
  if (type == BLOCK_STORED) {
    alignToByte();
    const length: u32 = load<u16>(Bits.next);
    const complement: u32 = load<u16>(Bits.next, 2);
    Bits.next += 4;
    if (length != (complement ^ 0xffff)) return BAD_STORED_LENGTH;
    Block.phase = IN_STORED;
    Block.storedLeft = length;
    return DONE;
  }
  return BAD_BLOCK_TYPE;
}

/** https://www.rfc-editor.org/rfc/rfc1951#section-3.2.6 */
export function useFixedTables(): void {
  if (Block.hasFixedTables) return;
  memory.fill(CODE_LENGTHS, 8, 144);
  memory.fill(CODE_LENGTHS + 144, 9, 112);
  memory.fill(CODE_LENGTHS + 256, 7, 24);
  memory.fill(CODE_LENGTHS + 280, 8, 8);
  memory.fill(CODE_LENGTHS + 288, 5, 32);
  buildLitlenTable(LITLEN_SYMBOLS);
  buildDistanceTable(LITLEN_SYMBOLS, DISTANCE_SYMBOLS);
  Block.hasFixedTables = true;
}

/**
 * HLIT, HDIST, HCLEN, the precode's lengths, the lengths of the two codes.
 * https://www.rfc-editor.org/rfc/rfc1951#section-3.2.7
 */
function readDynamicHeader(): i32 {
  Block.hasFixedTables = false;
  let buffer = Bits.buffer;
  let count = Bits.count & 63;
  let next = Bits.next;

  const sizes = (buffer >> RETAINED) as u32;
  const litlens: u32 = 257 + (sizes & 31);
  const distances: u32 = 1 + ((sizes >> 5) & 31);
  const precodes: u32 = 4 + ((sizes >> 10) & 15);
  buffer >>= 14; count -= 14;
  if (litlens > MAX_DYNAMIC_LITLEN_SYMBOLS || distances > MAX_DYNAMIC_DISTANCE_SYMBOLS) {
    return leaveHeader(buffer, count, next, BAD_SYMBOL_COUNT);
  }

  const order = memory.data<u8>([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]);
  const zero = i64x2.splat(0);
  v128.store(PRECODE_LENGTHS, zero);
  v128.store(PRECODE_LENGTHS, zero, 16);
  for (let i: u32 = 0; i < precodes; i++) {
    if (count < RETAINED + 3) {
      buffer |= load<u64>(next) << count; next += (((count >> 3) as u32 & 7) ^ 7) as usize; count |= 56;
    }
    store<u8>(PRECODE_LENGTHS + (load<u8>(order + i) as usize), ((buffer >> RETAINED) as u32 & 7) as u8);
    buffer >>= 3; count -= 3;
  }
  if (!buildPrecodeTable()) return leaveHeader(buffer, count, next, BAD_CODE_LENGTHS);

  // One sequence of lengths for both codes: a repeat may cross from the one to the other.
  const total = litlens + distances;
  let filled: u32 = 0;
  do {
    if (count < RETAINED + 14) {
      buffer |= load<u64>(next) << count; next += (((count >> 3) as u32 & 7) ^ 7) as usize; count |= 56;
    }
    const entry: u64 = load<u32>((buffer as u32) & (((1 << PRECODE_TABLE_BITS) - 1) << (RETAINED as u32)), PRECODE_TABLE);
    buffer >>= entry; count = (count - entry) & 63;
    const symbol: u32 = (entry >> VALUE_AT) as u32;
    const bits: u32 = (buffer >> RETAINED) as u32;
    const to = CODE_LENGTHS + filled;
    if (symbol < 16) {
      store<u8>(to, symbol as u8);
      filled++;
    } else if (symbol == 16) {
      // How often has to be there, too, before it is wrong.
      buffer >>= 2; count -= 2;
      if (filled == 0) return leaveHeader(buffer, count, next, BAD_CODE_LENGTHS);
      store<u64>(to, (load<u8>(to - 1) as u64) * 0x0101010101010101);
      filled += 3 + (bits & 3);
    } else if (symbol == 17) {
      v128.store(to, zero);
      filled += 3 + (bits & 7);
      buffer >>= 3; count -= 3;
    } else {
      const zeros: u32 = 11 + (bits & 127);
      for (let at = to; at < to + zeros; at += 16) v128.store(at, zero);
      filled += zeros;
      buffer >>= 7; count -= 7;
    }
  } while (filled < total);
  if (filled != total) return leaveHeader(buffer, count, next, BAD_CODE_LENGTHS);
  if (load<u8>(CODE_LENGTHS + END_OF_BLOCK) == 0) return leaveHeader(buffer, count, next, NO_END_OF_BLOCK);
  leaveHeader(buffer, count, next, DONE);
  Block.litlens = litlens;
  Block.distances = distances;
  return buildLitlenTable(litlens) && buildDistanceTable(litlens, distances) ? DONE : BAD_CODE;
}

function leaveHeader(buffer: u64, count: u64, next: usize, status: i32): i32 {
  Bits.buffer = buffer;
  Bits.count = count;
  Bits.next = next;
  giveBack();
  return status;
}
