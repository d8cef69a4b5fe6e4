/** A 64-bit signed integer: a number where a double holds it, else a bigint. */
export type Int64 = number | bigint;

const MIN_INT64 = -(2n ** 63n);
const MAX_INT64 = 2n ** 63n - 1n;

/**
 * A numeric field of a tar header, as Go reads it (spec section 6.3): octal, or base-256 where the first byte has its
 * highest bit set. `undefined` for anything else.
 */
export function parseNumeric(block: Uint8Array, at: number, length: number): Int64 | undefined {
  return block[at]! & 0x80 ? parseBase256(block, at, length) : parseOctal(block, at, length);
}

/** Octal digits between any number of blanks and NULs, cut at the first NUL; nothing is 0. */
export function parseOctal(block: Uint8Array, at: number, length: number): number | undefined {
  let start = at;
  let end = at + length;
  while (start < end && isPadding(block[start]!)) start++;
  while (end > start && isPadding(block[end - 1]!)) end--;
  let value = 0;
  for (let i = start; i < end && block[i] !== 0; i++) {
    const digit = block[i]! - 0x30;
    if (digit < 0 || digit > 7) return undefined;
    // Twelve digits exceed 32 bits, and few fields have them.
    value = value < 0x1000_0000 ? (value << 3) | digit : value * 8 + digit;
  }
  return value;
}

function isPadding(byte: number): boolean {
  return byte === 0x20 || byte === 0;
}

/** Two's complement, big endian; the bit below the marker is the sign. */
function parseBase256(block: Uint8Array, at: number, length: number): Int64 | undefined {
  const invert = block[at]! & 0x40 ? 0xff : 0;
  let magnitude = BigInt((block[at]! ^ invert) & 0x7f);
  for (let i = at + 1; i < at + length; i++) magnitude = (magnitude << 8n) | BigInt(block[i]! ^ invert);
  if (magnitude > MAX_INT64) return undefined;
  return toInt64(invert === 0 ? magnitude : -magnitude - 1n);
}

const DECIMAL = /^[+-]?[0-9]+$/;

/** A decimal integer as Go's `strconv.ParseInt` takes it: an optional sign and ASCII digits, within 64 bits. */
export function parseDecimal(text: string): Int64 | undefined {
  if (!DECIMAL.test(text)) return undefined;
  if (text.length <= 15) return Number(text) + 0;
  // A record may be a megabyte of zeros; more significant digits than 19 do not fit.
  const digits = text.replace(/^[+-]?0*/, "");
  if (digits.length > 19) return undefined;
  const value = text.startsWith("-") ? -BigInt(digits || "0") : BigInt(digits || "0");
  return value < MIN_INT64 || value > MAX_INT64 ? undefined : toInt64(value);
}

function toInt64(value: bigint): Int64 {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
