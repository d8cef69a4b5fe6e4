import type { SpanDecoder } from "@socikit/inflate";

/** Bytes handed on at once. */
const CHUNK = 1024 * 1024;

/** The decoder of layers that are not compressed: output is what was fetched. Chunks are copies. */
export const plainDecoder: SpanDecoder = {
  // Asynchronous because the port is.
  // oxlint-disable-next-line typescript/require-await
  async *decode(_start, compressed, want, options) {
    for (let at = want.start; at < want.end; at += CHUNK) {
      options?.signal?.throwIfAborted();
      const chunk = compressed.slice(at, Math.min(at + CHUNK, want.end));
      if (chunk.length === 0) return;
      yield chunk;
    }
  },
};
