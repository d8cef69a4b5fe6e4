import { WINDOW_SIZE } from "./core.ts";
import type { Start } from "./span-decoder.ts";

/** @throws {RangeError} for a start that cannot be. */
export function checkStart(start: Start): void {
  if (!Number.isSafeInteger(start.byte) || start.byte < 0) {
    throw new RangeError(`Cannot decode a span: it starts at compressed offset ${start.byte}`);
  }
  if (!Number.isInteger(start.bits) || start.bits < 0 || start.bits > 7) {
    throw new RangeError(`Cannot decode a span: ${start.bits} bits of its first byte are not 0 to 7`);
  }
  for (const { at, bytes } of start.window) {
    if (!Number.isInteger(at) || at < 0 || at + bytes.length > WINDOW_SIZE) {
      throw new RangeError(
        `Cannot decode a span: ${bytes.length} bytes at ${at} are not in a window of ${WINDOW_SIZE}`,
      );
    }
  }
}

/** @throws {RangeError} for a range that cannot be. */
export function checkRange(want: { readonly start: number; readonly end: number }): void {
  if (!Number.isSafeInteger(want.start) || !Number.isSafeInteger(want.end) || want.start < 0 || want.end < want.start) {
    throw new RangeError(`Cannot decode a span: [${want.start}, ${want.end}) is not a range`);
  }
}
