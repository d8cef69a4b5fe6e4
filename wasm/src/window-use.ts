import { DONE, NEED_INPUT, NEED_OUTPUT, WINDOW_SIZE } from "./core.ts";
import type { CorePool } from "./core-pool.ts";
import { checkBytes, checkStart } from "./check-span.ts";
import { feedCore, runCore, type Start, startCore } from "./span-decoder.ts";

/** Bytes of a window that belong together. */
export interface WindowRun {
  /** Offset within the 32768-byte window. */
  readonly at: number;
  /** At least 1. */
  readonly length: number;
}

/**
 * Finds which bytes of the window the first `length` bytes of output behind a start reference: the pieces of a window
 * that suffice for them. What the window holds does not matter, and `start.window` is not looked at.
 *
 * @param compressed The compressed stream from `start.byte` on, as much as those bytes need; no more than 32768 of them
 * are decoded, as later ones cannot reference the window.
 * @returns Runs in ascending order, that do not touch.
 * @throws {RangeError} for a start or a length that cannot be.
 * @throws {TypeError} for bytes that are no Uint8Array.
 * @throws {InflateError} as a decoder of spans does, except that output may end before `length`.
 */
export function findWindowUse(
  pool: CorePool,
  start: Start,
  compressed: Uint8Array,
  length: number,
): readonly WindowRun[] {
  checkStart(start);
  checkBytes("find the use of a window", "the compressed bytes", compressed);
  if (!Number.isSafeInteger(length) || length < 0)
    throw new RangeError(`Cannot find the use of a window: ${length} bytes of output`);
  const wanted = Math.min(length, WINDOW_SIZE);
  if (wanted === 0) return [];
  const core = pool.take();
  try {
    let used = startCore(core, start, compressed, WINDOW_SIZE);
    core.watchWindow(wanted);
    let produced = 0;
    while (produced < wanted) {
      const status = runCore(core, wanted - produced);
      if (status === NEED_INPUT) {
        used = feedCore(core, compressed, used);
      } else if (status === NEED_OUTPUT) {
        produced += core.outputEnd - core.output;
        core.moveOutput();
      } else if (status === DONE) {
        break;
      }
    }
    return runsOf(core.windowUse);
  } finally {
    pool.giveBack(core);
  }
}

function runsOf(use: Uint8Array): readonly WindowRun[] {
  const runs: WindowRun[] = [];
  for (let at = use.indexOf(1); at !== -1;) {
    const end = use.indexOf(0, at);
    runs.push({ at, length: (end === -1 ? use.length : end) - at });
    at = end === -1 ? -1 : use.indexOf(1, end);
  }
  return runs;
}
