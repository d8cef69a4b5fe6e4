/** What Go's gzip reader finds wrong with a member's header that zlib accepts. */
export type GzipHeaderFault = "not gzip" | "text too long";

/** Go's reader keeps names and comments in 512 bytes, the NUL included. */
const MAX_TEXT = 511;

/**
 * Looks at a member's header as it passes, with the eyes of Go's gzip reader (spec section 3.9): the reference reads a layer with
 * zlib and then with Go, and both must accept it. Takes for granted what zlib checks: method, flags, header CRC.
 */
export class GzipHeaderCheck {
  #step: "fixed" | "extra-length" | "extra" | "name" | "comment" | "done" = "fixed";
  #seen = 0;
  #flags = 0;
  #extraLength = 0;
  #fault: GzipHeaderFault | undefined;

  /** The fault, once it was seen. */
  get fault(): GzipHeaderFault | undefined {
    return this.#fault;
  }

  /** Whether the header is complete, or has a fault. */
  get done(): boolean {
    return this.#step === "done";
  }

  /** Takes the next bytes of the compressed stream; those behind the header are ignored. */
  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length && this.#step !== "done"; at++) this.#take(bytes[at]!);
  }

  #take(byte: number): void {
    const index = this.#seen++;
    switch (this.#step) {
      case "fixed":
        if (index < 3 && byte !== [0x1f, 0x8b, 8][index]) this.#fail("not gzip");
        else if (index === 3) this.#flags = byte;
        else if (index === 9) this.#begin(this.#flags & 4 ? "extra-length" : this.#text("name"));
        return;
      case "extra-length":
        this.#extraLength |= byte << (8 * index);
        if (index === 1) this.#begin(this.#extraLength > 0 ? "extra" : this.#text("name"));
        return;
      case "extra":
        if (index + 1 === this.#extraLength) this.#begin(this.#text("name"));
        return;
      case "name":
      case "comment":
        if (byte === 0) this.#begin(this.#step === "name" ? this.#text("comment") : "done");
        else if (index === MAX_TEXT) this.#fail("text too long");
        return;
      case "done":
    }
  }

  /** The next text that the flags announce, from `from` on. */
  #text(from: "name" | "comment"): "name" | "comment" | "done" {
    if (from === "name" && this.#flags & 8) return "name";
    return this.#flags & 16 ? "comment" : "done";
  }

  #begin(step: "extra-length" | "extra" | "name" | "comment" | "done"): void {
    this.#step = step;
    this.#seen = 0;
  }

  #fail(fault: GzipHeaderFault): void {
    this.#fault = fault;
    this.#step = "done";
  }
}
