import { createHostDecoder } from "./host-decoder.ts";
import type { SpanDecoder } from "./span-decoder.ts";
import { streamInflate } from "./stream-inflate.ts";
import { zlibInflate } from "./zlib-inflate.ts";

/**
 * A decoder on the host's own inflate, without WebAssembly: node:zlib, where there is one, else `DecompressionStream`.
 * Both begin at bytes and know no checkpoints; they are handed blocks without output that lead to the bit, and the window
 * as a stored block. Its results are those of the WebAssembly core, error codes included.
 *
 * Where a host does not say where a stream ended (`DecompressionStream`), a span with a member boundary in it is walked
 * through in JavaScript first, which is slow.
 *
 * @returns `undefined` on a host that has neither.
 */
export function platformDecoder(): SpanDecoder | undefined {
  const engine = zlibInflate() ?? streamInflate();
  return engine === undefined ? undefined : createHostDecoder(engine);
}
