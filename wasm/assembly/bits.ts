/*
 * The bit buffer.
 *
 * DEFLATE packs codes from the least significant bit of each byte up. The reader is three numbers:
 *
 *   buffer   64 bits:  [ not yet valid ... | bits to read, next one lowest | 2 retained bits ]
 *   count    how many of them are valid, the 2 retained ones included: the bits to read are count - 2
 *   next     address of the first byte whose bits are not (all) in the buffer
 *
 * Retained bits. The two bits before the read position stay at the bottom. `buffer & (mask << 2)` is then the
 * byte offset of a table's u32 entry as it stands: one AND and one load a symbol, no shift on the way. That path,
 * load to load, is what bounds the decoder; it was worth 6–10 %.
 *
 * Refill. Eight bytes are ORed in above what is valid, `next` advances by the whole bytes that fitted, and the count
 * becomes 56–63. No branch:
 *
 *   buffer |= load<u64>(next) << count;  next += ((count >> 3) & 7) ^ 7;  count |= 56;
 *
 * Bits above `count` may hold the start of the byte at `next`; the next refill ORs the same bits over them. For that
 * they must be that byte's bits and nothing else: whoever changes `next` otherwise first clears them (`giveBack`).
 *
 * Consuming. `buffer >>= entry; count -= entry` takes a table entry as it is: WASM shifts by the low six bits, where
 * an entry has the number of bits to consume; the rest of it makes the upper bits of `count` garbage, so reads of
 * `count` within the loops are `count & 63`.
 *
 * All three are u64 or addresses so that no conversion stands between them. AssemblyScript has neither macros nor
 * several results, so loops copy these globals to locals, and the refill is written out in them.
 */
import { INPUT } from "./memory";

export const RETAINED: u64 = 2;

export class Bits {
  static buffer: u64 = 0;
  static count: u64 = RETAINED;
  static next: usize = INPUT;
}

/** Starts at `next` with `count` (0–7) bits of the byte before it. */
export function startBits(next: usize, value: u32, count: u32): void {
  Bits.buffer = (value as u64) << RETAINED;
  Bits.count = RETAINED + (count as u64);
  Bits.next = next;
}

/** At least 54 bits to read. */
@inline
export function refill(): void {
  const count = Bits.count;
  Bits.buffer |= load<u64>(Bits.next) << count;
  Bits.next += (((count >> 3) & 7) ^ 7) as usize;
  Bits.count = count | 56;
}

/** The next bits, as many as were refilled. */
@inline
export function peek(): u32 {
  return (Bits.buffer >> RETAINED) as u32;
}

@inline
export function consume(count: u64): void {
  Bits.buffer >>= count;
  Bits.count -= count;
}

/** Gives whole bytes back to the input. The 0–7 bits left are those of the byte before `next`. */
export function giveBack(): void {
  const unread = (Bits.count & 63) - RETAINED;
  Bits.next -= (unread >> 3) as usize;
  const count = RETAINED + (unread & 7);
  Bits.buffer &= ((1 as u64) << count) - 1;
  Bits.count = count;
}

/** Goes on at the next byte boundary, as stored blocks and trailers do; what the skipped bits are does not matter. */
export function alignToByte(): void {
  giveBack();
  Bits.buffer = 0;
  Bits.count = RETAINED;
}

/** Whether more bits were consumed than there are before `inputEnd`. */
@inline
export function isPast(inputEnd: usize): bool {
  return (Bits.next << 3) - ((Bits.count & 63) - RETAINED) as usize > inputEnd << 3;
}
