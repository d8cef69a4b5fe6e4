/*
 * Decoding the symbols of one block: literals, matches, end of block. Nearly all time is spent here.
 *
 * `decodeSymbols` is the fast loop. It never looks whether a single read or write stays inside: input ends 32 bytes
 * before what is there, output may run over by one step, and both are checked once for as many steps as are safe.
 * `decodeLastSymbols` does the same one symbol at a time for the last 32 bytes of the final input, where a symbol may
 * be cut off: what it gives is exactly what the bytes up to there say.
 *
 * State of the fast loop, in locals (see bits.ts for the first three):
 *
 *   buffer, count, next    the bit buffer; at least 11 real bits at the top of a step, so that `entry` is valid
 *   entry                  the table entry of the next bits, loaded but not yet consumed
 *   before                 the buffer as it was before `entry` was consumed: a match's extra bits are taken from there
 *   out                    where the next byte of output goes
 *   steps                  how many steps are safe: one takes at most 32 bytes of input and gives at most 512
 *
 * A step is up to two literals and then a third literal or a match. An entry is consumed before it is looked at: the
 * next load then does not wait for a branch. Of the 54 bits of a refill, two literals (11 each) and a length (15 + 5)
 * leave 12: enough to look up the distance (8), after which there may be a refill.
 *
 * Copies read and write whole vectors, past the end of the match: what follows is overwritten by the next step, or is
 * the slack behind the output.
 */
import { BAD_DISTANCE, BAD_SYMBOL, NEED_INPUT, NEED_OUTPUT, TRUNCATED, DONE, WINDOW_SIZE } from "./constants";
import {
  DISTANCE_TABLE, DISTANCE_TABLE_BITS, DISTANCE_VALUES, HISTORY, LITLEN_TABLE, LITLEN_TABLE_BITS, PATTERNS, PATTERN_STEPS,
  MATCHES,
} from "./memory";
import { Bits, RETAINED, giveBack, isPast, refill } from "./bits";
import { Output } from "./output";
import { Watch, countCrossings, cross, noteMatch, notedLength, notedSource, reach } from "./watch";
import {
  BASE_MASK, DISTANCE_SUBTABLE_MASK, ENDS_BLOCK, EXCEPTIONAL, EXTRA_MASK_AT, LITERAL, LITLEN_SUBTABLE_MASK, NO_MEANING,
  SHIFT_AT, SUBTABLE_MASK_AT, VALUE_AT,
} from "./tables";

/** The next bits as a byte offset into a table: the retained bits are in place of a multiplication by 4. */
const LITLEN_INDEX: u32 = ((1 << LITLEN_TABLE_BITS) - 1) << (RETAINED as u32);
const DISTANCE_INDEX: u32 = ((1 << DISTANCE_TABLE_BITS) - 1) << (RETAINED as u32);

/** Real bits that a distance takes after its table lookup and that the next literal's or length's lookup needs. */
const SHORT_DISTANCE_BITS: u64 = RETAINED + 8 + 13 + 11;
const LONG_DISTANCE_BITS: u64 = RETAINED + 15 + 13 + 11;

/** As logarithms: what one step may take of the input, and may give. */
const STEP_INPUT_LOG: u32 = 5;
const STEP_OUTPUT_LOG: u32 = 9;
/** How distanceEntry before the end of the input the fast loop stops. */
const MARGIN: usize = 1 << STEP_INPUT_LOG;

/** Up to where the loop has written matches down, if it has run at all. */
class Noted {
  static end: usize = MATCHES;
}

/** Patterns of distances 1–15: byte i of a vector is byte i mod distance; it then advances by a multiple of the distance. */
export function initializeSymbols(): void {
  for (let distance: u32 = 1; distance < 16; distance++) {
    for (let i: u32 = 0; i < 16; i++) store<u8>(PATTERNS + (distance << 4) + i, (i % distance) as u8);
    store<u8>(PATTERN_STEPS + distance, (16 - (16 % distance)) as u8);
  }
}

/** Answers DONE at the end of the block, NEED_INPUT near the end of the input, NEED_OUTPUT, BAD_SYMBOL or BAD_DISTANCE. */
export function decodeSymbols(inputEnd: usize, outputEnd: usize): i32 {
  if (Output.low == Output.floor && Watch.latest == HISTORY) return decodeUnwatched(inputEnd, outputEnd);
  // From here on what is watched is out of reach. No more than 32768 bytes are decoded up to there, whose matches fit MATCHES.
  const watchEnd = max(Output.low, Watch.latest) + (WINDOW_SIZE as usize);
  while (Output.next < watchEnd) {
    Noted.end = MATCHES;
    const status = decodeWatched(inputEnd, min(outputEnd, watchEnd));
    if (status == BAD_DISTANCE) {
      // Not bad, unless it is below `floor`: the loop was left for it to be looked at.
      Noted.end -= 4;
      const from = notedSource(Noted.end);
      const length = notedLength(Noted.end);
      if (!reach(from, Output.next, length)) return BAD_DISTANCE;
      copyMatch((Output.next - from) as u32, length);
    } else {
      countCrossings(Noted.end);
      if (status != NEED_OUTPUT || Output.next >= outputEnd) return status;
    }
  }
  return decodeUnwatched(inputEnd, outputEnd);
}

function decodeUnwatched(inputEnd: usize, outputEnd: usize): i32 {
  return decodeFast(inputEnd, outputEnd, false);
}

function decodeWatched(inputEnd: usize, outputEnd: usize): i32 {
  return decodeFast(inputEnd, outputEnd, true);
}

/**
 * Compiled twice: what is needed to watch matches costs 7 %, though it is never executed where none is watched, as
 * V8's registers run out.
 */
@inline
function decodeFast(inputEnd: usize, outputEnd: usize, isWatched: bool): i32 {
  const low = Output.low;
  let noted: usize = MATCHES;
  const safeEnd = inputEnd - MARGIN;
  let buffer = Bits.buffer;
  let count = Bits.count;
  let next = Bits.next;
  let out = Output.next;
  if (out >= outputEnd) return NEED_OUTPUT;
  // The first refill moves up to 7 bytes on, and `safeEnd - next` below must not become negative.
  if (next + 8 > safeEnd) return NEED_INPUT;

  let result: i32 = NEED_INPUT;
  buffer |= load<u64>(next) << count; next += (((count >> 3) as u32 & 7) ^ 7) as usize; count |= 56;
  let entry: u64 = load<u32>((buffer as u32) & LITLEN_INDEX, LITLEN_TABLE);
  do {
    let steps: u32 = min((safeEnd - next) >> STEP_INPUT_LOG, (outputEnd - out) >> STEP_OUTPUT_LOG) as u32 + 1;
    do {
      let before = buffer;
      buffer >>= entry; count -= entry;
      if (entry & LITERAL) {
        store<u8>(out, (entry >> VALUE_AT) as u32);
        out += 1;
        entry = load<u32>((buffer as u32) & LITLEN_INDEX, LITLEN_TABLE);
        before = buffer;
        buffer >>= entry; count -= entry;
        if (entry & LITERAL) {
          store<u8>(out, (entry >> VALUE_AT) as u32);
          out += 1;
          entry = load<u32>((buffer as u32) & LITLEN_INDEX, LITLEN_TABLE);
          before = buffer;
          buffer >>= entry; count -= entry;
          if (entry & LITERAL) {
            store<u8>(out, (entry >> VALUE_AT) as u32);
            out += 1;
            entry = load<u32>((buffer as u32) & LITLEN_INDEX, LITLEN_TABLE);
            buffer |= load<u64>(next) << count; next += (((count >> 3) as u32 & 7) ^ 7) as usize; count |= 56;
            continue;
          }
        }
      }
      if (entry & EXCEPTIONAL) {
        if (entry & (ENDS_BLOCK | NO_MEANING)) { result = entry & ENDS_BLOCK ? DONE : BAD_SYMBOL; break; }
        entry = load<u32>(
          ((entry >> VALUE_AT) as u32) + ((buffer as u32) & ((entry >> SUBTABLE_MASK_AT) as u32 & LITLEN_SUBTABLE_MASK)),
          LITLEN_TABLE,
        );
        before = buffer;
        buffer >>= entry; count -= entry;
        if (entry & LITERAL) {
          store<u8>(out, (entry >> VALUE_AT) as u32);
          out += 1;
          entry = load<u32>((buffer as u32) & LITLEN_INDEX, LITLEN_TABLE);
          buffer |= load<u64>(next) << count; next += (((count >> 3) as u32 & 7) ^ 7) as usize; count |= 56;
          continue;
        }
        if (entry & EXCEPTIONAL) { result = entry & ENDS_BLOCK ? DONE : BAD_SYMBOL; break; }
      }
      const length: u32 = ((entry >> VALUE_AT) as u32 & BASE_MASK)
        + ((before >> (entry >> SHIFT_AT)) as u32 & (entry >> EXTRA_MASK_AT) as u32);

      let index: u32 = (buffer as u32) & DISTANCE_INDEX;
      // A variable of its own: with `entry` reused, V8's registers run out and the loop loses 5 %.
      let distanceEntry: u64 = load<u32>(index, DISTANCE_TABLE);
      let value: u32 = load<u32>(index, DISTANCE_VALUES);
      if (distanceEntry & EXCEPTIONAL) {
        if (distanceEntry & NO_MEANING) { result = BAD_SYMBOL; break; }
        if ((count & 63) < LONG_DISTANCE_BITS) {
          buffer |= load<u64>(next) << count; next += (((count >> 3) as u32 & 7) ^ 7) as usize; count |= 56;
        }
        buffer >>= DISTANCE_TABLE_BITS as u64; count -= DISTANCE_TABLE_BITS as u64;
        index = (value >> 16) + ((buffer as u32) & (value & DISTANCE_SUBTABLE_MASK));
        distanceEntry = load<u32>(index, DISTANCE_TABLE);
        value = load<u32>(index, DISTANCE_VALUES);
        if (distanceEntry & EXCEPTIONAL) { result = BAD_SYMBOL; break; }
      } else if ((count & 63) < SHORT_DISTANCE_BITS) {
        buffer |= load<u64>(next) << count; next += (((count >> 3) as u32 & 7) ^ 7) as usize; count |= 56;
      }
      const distance: u32 = (value >> 16) + ((buffer >> (distanceEntry >> SHIFT_AT)) as u32 & (value & 0xffff));
      buffer >>= distanceEntry; count -= distanceEntry;
      let from = out - distance;
      let to = out;
      if (isWatched) {
        noteMatch(noted, from, length);
        noted += 4;
      }
      if (from < low) { result = BAD_DISTANCE; break; }
      out += length;

      // The next entry is on its way while the match is copied.
      entry = load<u32>((buffer as u32) & LITLEN_INDEX, LITLEN_TABLE);
      buffer |= load<u64>(next) << count; next += (((count >> 3) as u32 & 7) ^ 7) as usize; count |= 56;

      if (distance >= 16) {
        v128.store(to, v128.load(from));
        v128.store(to, v128.load(from, 16), 16);
        if (length > 32) {
          from += 32; to += 32;
          do {
            v128.store(to, v128.load(from));
            v128.store(to, v128.load(from, 16), 16);
            from += 32; to += 32;
          } while (to < out);
        }
      } else {
        const step: usize = load<u8>(distance, PATTERN_STEPS);
        const repeated = i8x16.swizzle(v128.load(from), v128.load(distance << 4, PATTERNS));
        do { v128.store(to, repeated); to += step; } while (to < out);
      }
    } while (--steps);
  } while (result == NEED_INPUT && next < safeEnd && out < outputEnd);

  if (isWatched) Noted.end = noted;
  // Stale bits above the count would be ORed into refilled ones (bits.ts).
  count &= 63;
  Bits.buffer = buffer & (((1 as u64) << count) - 1);
  Bits.count = count;
  Bits.next = next;
  Output.next = out;
  return result == NEED_INPUT && out >= outputEnd ? NEED_OUTPUT : result;
}

/** As `decodeSymbols`, up to the last bit before `inputEnd`; TRUNCATED instead of NEED_INPUT. */
export function decodeLastSymbols(inputEnd: usize, outputEnd: usize): i32 {
  const low = Output.low;
  while (Output.next < outputEnd) {
    refill();
    const start = Bits.buffer;
    let entry: u64 = load<u32>((start as u32) & LITLEN_INDEX, LITLEN_TABLE);
    let before = start;
    shift(entry);
    if ((entry & (EXCEPTIONAL | NO_MEANING | ENDS_BLOCK)) == EXCEPTIONAL) {
      entry = load<u32>(
        ((entry >> VALUE_AT) as u32) + ((Bits.buffer as u32) & ((entry >> SUBTABLE_MASK_AT) as u32 & LITLEN_SUBTABLE_MASK)),
        LITLEN_TABLE,
      );
      before = Bits.buffer;
      shift(entry);
    }
    if (isPast(inputEnd)) return TRUNCATED;
    if (entry & LITERAL) {
      store<u8>(Output.next, (entry >> VALUE_AT) as u8);
      Output.next += 1;
      giveBack();
      continue;
    }
    if (entry & EXCEPTIONAL) return entry & ENDS_BLOCK ? DONE : BAD_SYMBOL;
    const length: u32 = ((entry >> VALUE_AT) as u32 & BASE_MASK)
      + ((before >> (entry >> SHIFT_AT)) as u32 & (entry >> EXTRA_MASK_AT) as u32);

    refill();
    let index: u32 = (Bits.buffer as u32) & DISTANCE_INDEX;
    entry = load<u32>(index, DISTANCE_TABLE);
    let value: u32 = load<u32>(index, DISTANCE_VALUES);
    if ((entry & (EXCEPTIONAL | NO_MEANING)) == EXCEPTIONAL) {
      shift(DISTANCE_TABLE_BITS as u64);
      index = (value >> 16) + ((Bits.buffer as u32) & (value & DISTANCE_SUBTABLE_MASK));
      entry = load<u32>(index, DISTANCE_TABLE);
      value = load<u32>(index, DISTANCE_VALUES);
    }
    const distance: u32 = (value >> 16) + ((Bits.buffer >> (entry >> SHIFT_AT)) as u32 & (value & 0xffff));
    shift(entry);
    if (isPast(inputEnd)) return TRUNCATED;
    if (entry & EXCEPTIONAL) return BAD_SYMBOL;
    const from = Output.next - distance;
    if (from < low && !reach(from, Output.next, length)) return BAD_DISTANCE;
    cross(from, length);
    copyMatch(distance, length);
    giveBack();
  }
  return NEED_OUTPUT;
}

function copyMatch(distance: u32, length: u32): void {
  const end = Output.next + length;
  for (let to = Output.next; to < end; to++) store<u8>(to, load<u8>(to - distance));
  Output.next = end;
}

/** Consumes an entry; the count stays a number of bits. */
@inline
function shift(entry: u64): void {
  Bits.buffer >>= entry;
  Bits.count = (Bits.count - entry) & 63;
}
