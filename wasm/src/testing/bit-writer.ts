/** Writes a DEFLATE bit stream field by field: least significant bit of each byte first. */
export class BitWriter {
  readonly #bytes: number[] = [];
  #bits = 0;

  /** Bits written. */
  get length(): number {
    return this.#bits;
  }

  /** A number, least significant bit first, as all fields but codes are. */
  bits(value: number, count: number): this {
    for (let bit = 0; bit < count; bit++) this.#bit((value >>> bit) & 1);
    return this;
  }

  /** A Huffman code, most significant bit first. */
  code(value: number, count: number): this {
    for (let bit = count - 1; bit >= 0; bit--) this.#bit((value >>> bit) & 1);
    return this;
  }

  /** Bits as text, first one first, blanks ignored: how a stream reads on paper. */
  text(bits: string): this {
    for (const bit of bits.replaceAll(" ", "")) this.#bit(bit === "1" ? 1 : 0);
    return this;
  }

  /** Up to the next byte boundary, with the given bit. */
  align(bit = 0): this {
    while (this.#bits % 8 !== 0) this.#bit(bit);
    return this;
  }

  /** Whole bytes, at a byte boundary. */
  bytes(bytes: ArrayLike<number>): this {
    for (let at = 0; at < bytes.length; at++) this.bits(bytes[at] as number, 8);
    return this;
  }

  /** What was written; bits up to the byte boundary are zeros. */
  finish(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }

  #bit(bit: number): void {
    if (this.#bits % 8 === 0) this.#bytes.push(0);
    const last = this.#bytes.length - 1;
    this.#bytes[last] = (this.#bytes[last] as number) | (bit << (this.#bits % 8));
    this.#bits++;
  }
}

/** Codes of the given lengths, by symbol: RFC 1951, section 3.2.2. Lengths need not make a complete code. */
export function canonicalCodes(lengths: readonly number[]): number[] {
  const next = filled(17, 0);
  const counts = filled(17, 0);
  for (const length of lengths) if (length > 0) counts[length]!++;
  for (let length = 1; length <= 15; length++)
    next[length] = ((next[length - 1] as number) + (counts[length - 1] as number)) << 1;
  return lengths.map((length) => (length > 0 ? next[length]!++ : 0));
}

/** Lengths of the fixed codes: https://www.rfc-editor.org/rfc/rfc1951#section-3.2.6. */
export const FIXED_LITLENS: readonly number[] = Array.from({ length: 288 }, (_, symbol) =>
  symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8,
);
export const FIXED_DISTANCES: readonly number[] = Array.from({ length: 32 }, () => 5);

/** `length` times the same number. */
export function filled(length: number, value: number): number[] {
  return Array<number>(length).fill(value);
}
