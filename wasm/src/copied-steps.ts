/** Bytes at a time: in steps of 256 KiB inflating took 6–14 % longer than without copies, in these 2–9 %. */
const STEP = 1024 * 1024;

/**
 * Copies the pieces, some at a time, for a host's inflate that reads them later and on another thread: Node aborts the
 * process when bytes are transferred away that its zlib is not done with. Bytes that have gone are left out.
 *
 * @returns Copies that lie in the same memory, one after the other: the next one is to be asked for when the last one is read.
 */
export function* copiedSteps(pieces: readonly Uint8Array[]): Generator<Uint8Array<ArrayBuffer>, void, undefined> {
  const longest = pieces.reduce((length, piece) => Math.max(length, piece.length), 0);
  const memory = new Uint8Array(Math.min(STEP, longest));
  for (const piece of pieces) {
    // Its length is looked at each time: it is 0 once the bytes have gone.
    for (let at = 0; at < piece.length;) {
      const step = piece.subarray(at, at + memory.length);
      memory.set(step);
      at += step.length;
      yield memory.subarray(0, step.length);
    }
  }
}
