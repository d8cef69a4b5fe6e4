/** Random choices that a seed repeats (xorshift, 32 bits). */
export class Random {
  #state;

  constructor(seed) {
    // Neighbouring seeds begin far apart, and 0 is no state.
    this.#state = Math.imul(seed + 1, 0x9e3779b1) >>> 0 || 1;
    for (let i = 0; i < 8; i++) this.below(1);
  }

  /** An integer from 0 to `limit` − 1. */
  below(limit) {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    this.#state >>>= 0;
    return this.#state % limit;
  }

  /** `true` with that probability. */
  chance(probability) {
    return this.below(100_000) < probability * 100_000;
  }

  /** One of them. */
  pick(choices) {
    return choices[this.below(choices.length)];
  }

  /** Characters of an alphabet. */
  text(length, alphabet = "abc/.\xff\xc3\xa9 -_=") {
    return Array.from({ length }, () => alphabet[this.below(alphabet.length)]).join("");
  }
}
