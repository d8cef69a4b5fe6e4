import { buffer } from "node:stream/consumers";
import { createDeflateRaw, type ZlibOptions } from "node:zlib";

/**
 * Deflates segments with zlib, as one stream, and flushes behind each.
 *
 * @param flush Z_SYNC_FLUSH, Z_BLOCK and so on; a list has one for each segment.
 */
export async function flushedDeflate(
  segments: readonly Uint8Array[],
  flush: number | readonly number[],
  options?: ZlibOptions,
): Promise<Uint8Array> {
  const stream = createDeflateRaw(options);
  const deflated = buffer(stream);
  for (const [i, segment] of segments.entries()) {
    stream.write(segment);
    const own = typeof flush === "number" ? flush : flush[i];
    await new Promise<void>((resolve) => stream.flush(own, resolve));
  }
  stream.end();
  return new Uint8Array(await deflated);
}
