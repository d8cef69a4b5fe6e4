import type { Start } from "@socikit/inflate";
import { WINDOW_SIZE } from "@socikit/ztoc";

/**
 * Whether the window that decoding of a piece starts with is the output before it. A window becomes the dictionary of what is
 * decoded and no digest covers it: with another one, the same compressed bytes give other files.
 *
 * @param window The piece's window.
 * @param before Output that ends where the piece starts, as much as there is; its last 32 KiB are looked at.
 * @param windowBefore Window of the output that `before` holds all of: what goes in front of it where it is short. Bytes that
 * neither has are not compared.
 */
export function windowMatches(window: Start["window"], before: Uint8Array, windowBefore: Start["window"]): boolean {
  const missing = WINDOW_SIZE - before.length;
  for (const { at, bytes } of window) {
    for (let i = Math.max(0, missing - at); i < bytes.length; i++) {
      if (bytes[i] !== before[at + i - missing]) return false;
    }
    for (const earlier of windowBefore) {
      // Where the earlier window's bytes lie in the later one, as far as both have them.
      const shifted = earlier.at - before.length;
      const from = Math.max(at, shifted, 0);
      const until = Math.min(at + bytes.length, shifted + earlier.bytes.length, missing);
      for (let position = from; position < until; position++) {
        if (bytes[position - at] !== earlier.bytes[position - shifted]) return false;
      }
    }
  }
  return true;
}

/** Whether a window is empty or zeros: all that a window at the very start of a stream can be. */
export function isBlankWindow(window: Start["window"]): boolean {
  return window.every(({ bytes }) => bytes.every((byte) => byte === 0));
}

/** Keeps the last 32 KiB of what is appended. */
export class WindowTail {
  #bytes: Uint8Array = new Uint8Array(0);

  /** The bytes kept: 32 KiB, or all if there were fewer. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Appends output. The array is not retained. */
  append(chunk: Uint8Array): void {
    if (chunk.length >= WINDOW_SIZE) {
      this.#bytes = chunk.slice(-WINDOW_SIZE);
      return;
    }
    const kept = this.#bytes.subarray(Math.max(0, this.#bytes.length + chunk.length - WINDOW_SIZE));
    const joined = new Uint8Array(kept.length + chunk.length);
    joined.set(kept);
    joined.set(chunk, kept.length);
    this.#bytes = joined;
  }
}
