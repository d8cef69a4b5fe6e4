import { copiedSteps } from "./copied-steps.ts";
import { nodeBuiltin } from "./node-builtin.ts";
import type { RawInflate } from "./raw-inflate.ts";

/** The part of node:zlib that is used. */
interface Zlib {
  readonly constants: { readonly Z_SYNC_FLUSH: number };
  createInflateRaw(options: { readonly chunkSize: number; readonly finishFlush: number }): InflateStream;
}

type InflateStream = AsyncIterable<Uint8Array> & {
  readonly bytesWritten: number;
  write(bytes: Uint8Array, done: (error?: Error | null) => void): void;
  end(): void;
  destroy(): void;
};

/** A buffer of output, which a chunk fills: smaller ones are slower. */
const CHUNK_SIZE = 256 * 1024;

/** Inflating by node:zlib, off the main thread, where there is one: on Node, Deno and Bun. */
export function zlibInflate(): RawInflate | undefined {
  const zlib = nodeBuiltin("node:zlib") as Zlib | undefined;
  if (typeof zlib?.createInflateRaw !== "function") return undefined;
  return {
    isStrict: true,
    async *inflate(pieces, _isClosed, signal) {
      // With Z_SYNC_FLUSH at the end, a stream that is cut gives its output and no error.
      const stream = zlib.createInflateRaw({ chunkSize: CHUNK_SIZE, finishFlush: zlib.constants.Z_SYNC_FLUSH });
      const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
      try {
        void writeAll(stream, pieces);
        for await (const chunk of stream) {
          signal?.throwIfAborted();
          // A plain Uint8Array of its own: several partial chunks share one buffer.
          const isAlone = chunk.byteLength === chunk.buffer.byteLength;
          yield isAlone ? new Uint8Array(chunk.buffer) : new Uint8Array(chunk);
        }
        return stream.bytesWritten < length ? stream.bytesWritten : undefined;
      } finally {
        stream.destroy();
      }
    },
  };
}

/** Does not end when the stream does before its input: nobody calls back then. An error comes out of reading. */
async function writeAll(stream: InflateStream, pieces: readonly Uint8Array[]): Promise<void> {
  for (const step of copiedSteps(pieces)) {
    const error = await new Promise<unknown>((resolve) => stream.write(step, resolve));
    if (error) return;
  }
  stream.end();
}
