/** Bytes that may be held in memory, shared by all that holds some. */
export class ByteBudget {
  /** All there are. */
  readonly max: number;
  #taken = 0;

  /** @param max Most bytes held at once; not negative. */
  constructor(max: number) {
    if (!(max >= 0)) throw new RangeError(`Cannot bound memory: the limit must not be negative, not ${max}`);
    this.max = max;
  }

  /** Takes so many bytes, or none where they are not left. */
  take(bytes: number): boolean {
    if (this.#taken + bytes > this.max) return false;
    this.#taken += bytes;
    return true;
  }

  /** Gives back bytes that were taken. */
  giveBack(bytes: number): void {
    this.#taken -= bytes;
  }
}
