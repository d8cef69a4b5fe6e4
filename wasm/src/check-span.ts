import { WINDOW_SIZE } from "./core.ts";
import type { Start } from "./span-decoder.ts";

/**
 * @param action What cannot be done with other things: "decode a span".
 * @param name What the bytes are.
 * @throws {TypeError} for anything but a Uint8Array, of whatever realm.
 */
export function checkBytes(action: string, name: string, bytes: unknown): void {
  // An ArrayBuffer has no length, and other views one of another unit: taken for bytes, both would end in nonsense.
  if (ArrayBuffer.isView(bytes) && (bytes as Uint8Array)[Symbol.toStringTag] === "Uint8Array") return;
  const found = Object.prototype.toString.call(bytes).slice("[object ".length, -1);
  throw new TypeError(`Cannot ${action}: ${name} must be a Uint8Array, ${found} was given`);
}

/**
 * Called when decoding is asked for, and again when it begins: a start is not copied.
 *
 * @throws {RangeError} for a start that cannot be.
 * @throws {TypeError} for bytes that are no Uint8Array, or were transferred away.
 */
export function checkStart(start: Start): void {
  if (!Number.isSafeInteger(start.byte) || start.byte < 0) {
    throw new RangeError(`Cannot decode a span: it starts at compressed offset ${start.byte}`);
  }
  if (!Number.isInteger(start.bits) || start.bits < 0 || start.bits > 7) {
    throw new RangeError(`Cannot decode a span: ${start.bits} bits of its first byte are not 0 to 7`);
  }
  if (start.blockHeader !== undefined) checkPart("the header of its block", start.blockHeader);
  for (const { at, bytes } of start.window) {
    checkPart("each piece of its window", bytes);
    if (!Number.isInteger(at) || at < 0 || at + bytes.length > WINDOW_SIZE) {
      throw new RangeError(
        `Cannot decode a span: ${bytes.length} bytes at ${at} are not in a window of ${WINDOW_SIZE}`,
      );
    }
  }
}

function checkPart(name: string, bytes: Uint8Array): void {
  checkBytes("decode a span", name, bytes);
  // Taken for empty, what was in it would silently be zeros. `ArrayBuffer.detached` is younger than Node 20.
  if (bytes.length > 0) return;
  try {
    new Uint8Array(bytes.buffer);
  } catch (cause) {
    throw new TypeError(`Cannot decode a span: ${name} must not be transferred away`, { cause });
  }
}

/** @throws {RangeError} for a range that cannot be. */
export function checkRange(want: { readonly start: number; readonly end: number }): void {
  if (!Number.isSafeInteger(want.start) || !Number.isSafeInteger(want.end) || want.start < 0 || want.end < want.start) {
    throw new RangeError(`Cannot decode a span: [${want.start}, ${want.end}) is not a range`);
  }
}
