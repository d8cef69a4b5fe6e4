import { copiedSteps } from "./copied-steps.ts";
import { eventLoopTurn } from "./event-loop-turn.ts";
import type { RawInflate } from "./raw-inflate.ts";

/** What is written last: a gzip trailer's size. */
const TAIL = 8;

/** Inflating by `DecompressionStream`, where there is one that knows raw streams. */
export function streamInflate(): RawInflate | undefined {
  if (typeof DecompressionStream !== "function") return undefined;
  try {
    new DecompressionStream("deflate-raw");
  } catch {
    return undefined;
  }
  return { isStrict: true, inflate };
}

async function* inflate(
  pieces: readonly Uint8Array[],
  isClosed: boolean,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, undefined, undefined> {
  const { writable, readable } = new DecompressionStream("deflate-raw");
  const writer = writable.getWriter();
  const reader: ReadableStreamDefaultReader<Uint8Array> = readable.getReader();
  // Failures come out of `write`, `close` and `read`; these promises are nobody's.
  writer.closed.catch(() => {});
  reader.closed.catch(() => {});
  try {
    if (isClosed) {
      const writing = writeAll(writer, pieces).then(() => writer.close());
      writing.catch(() => {});
      for (;;) {
        const { done, value } = await reader.read();
        signal?.throwIfAborted();
        if (done) break;
        yield value;
      }
      await writing;
      return;
    }
    // A stream that fails drops output that nobody has read yet, and hosts that are exact fail at what follows a stream's
    // end: mostly a trailer, which is therefore held back until all output of what is before it was read. `close` would
    // fail at a stream that is cut, and tell no more.
    const last = pieces.at(-1) ?? new Uint8Array(0);
    const split = Math.max(0, last.length - TAIL);
    let reading = read(reader);
    for (const part of [[...pieces.slice(0, -1), last.subarray(0, split)], [last.subarray(split)]]) {
      const writing = writeAll(writer, part);
      writing.catch(() => {});
      for (;;) {
        // Nobody says that all output of what was written has been read; when none comes for a while, it is taken for
        // that. Where it was not, output comes out short, and the caller finds out.
        const result = await Promise.race([reading, writing.then(twoTurns)]);
        signal?.throwIfAborted();
        if (result === undefined) break;
        if (result.done) return;
        yield result.value;
        reading = read(reader);
      }
    }
  } finally {
    reader.cancel().catch(() => {});
    writer.abort().catch(() => {});
  }
}

/** A read whose failure may go unseen. */
function read(reader: ReadableStreamDefaultReader<Uint8Array>): ReturnType<typeof reader.read> {
  const reading = reader.read();
  reading.catch(() => {});
  return reading;
}

async function writeAll(
  writer: WritableStreamDefaultWriter<BufferSource>,
  pieces: readonly Uint8Array[],
): Promise<void> {
  // In order. Written is not yet read (Node's `write` is done before), so each has memory of its own.
  for (const step of copiedSteps(pieces)) await writer.write(step.slice());
}

async function twoTurns(): Promise<undefined> {
  await eventLoopTurn();
  await eventLoopTurn();
}
