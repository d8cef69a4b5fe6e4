/*
 * Adler-32, https://www.rfc-editor.org/rfc/rfc1950#section-9. Only for zlib members, which hardly occur: written plainly.
 */

const MODULUS: u32 = 65521;
/** As many bytes as the sums can take before they must be reduced to stay within 32 bits. */
const RUN: usize = 5552;

/** The checksum of some bytes with checksum `adler`, followed by `length` bytes at `from`. 1 is that of no bytes. */
export function adler32(adler: u32, from: usize, length: usize): u32 {
  let sum: u32 = adler & 0xffff;
  let sums: u32 = adler >> 16;
  let at = from;
  const end = from + length;
  while (at < end) {
    const stop = min(end, at + RUN);
    for (; at < stop; at++) {
      sum += load<u8>(at);
      sums += sum;
    }
    sum %= MODULUS;
    sums %= MODULUS;
  }
  return (sums << 16) | sum;
}
