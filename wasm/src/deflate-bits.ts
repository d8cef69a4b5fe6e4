/** Puts together a few bits of a DEFLATE stream: the least significant bit of each byte is the first. */
export class DeflateBits {
  readonly #bytes: number[] = [];
  #bits = 0;

  /** Bits put so far. */
  get length(): number {
    return this.#bits;
  }

  /** Puts `count` bits of `value`, its least significant bit first. */
  put(value: number, count: number): this {
    for (let bit = 0; bit < count; bit++) {
      if (this.#bits % 8 === 0) this.#bytes.push(0);
      const last = this.#bytes.length - 1;
      this.#bytes[last] = (this.#bytes[last] as number) | (((value >>> bit) & 1) << (this.#bits % 8));
      this.#bits++;
    }
    return this;
  }

  /** What was put, filled up with zeros to a whole byte. */
  bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}
