/** Reads a case of the core's fuzzer as case.h does. */

export const RAW = 0;
export const GZIP = 1;
export const MEMBERS = 2;
export const SPAN = 3;

const CONTROLS = 8;
const WINDOW_SIZE = 32768;

/** `undefined` for bytes that are no case. `bits`: of the byte `value`, in front of a span. */
export function readCase(bytes) {
  if (bytes.length < CONTROLS) return undefined;
  const stream = bytes.subarray(0, bytes.length - CONTROLS);
  const [control, windowLow, windowHigh, value] = bytes.subarray(stream.length);
  const window = new Uint8Array(Math.min(WINDOW_SIZE, windowLow | (windowHigh << 8)));
  for (let i = 0, state = value; i < window.length; i++, state = (Math.imul(state, 5) + 1) >>> 0)
    window[i] = state >> 3;
  return { kind: control & 3, bits: (control >> 2) & 7, stream, window, value };
}
