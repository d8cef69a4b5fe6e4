import type { BlobSource } from "@socikit/oci";

/** Bytes read at once from a source that does not stream. */
const CHUNK = 256 * 1024;

/** Streams `[start, end)` of a source as it is asked for, and closes the source when the stream ends, breaks or is left. */
export function sourceStream(
  source: BlobSource,
  start: number,
  end: number,
  signal?: AbortSignal,
): ReadableStream<Uint8Array> {
  const reader = source.stream?.(start, end - start, { signal }).getReader();
  let at = start;
  const next = async (): Promise<Uint8Array | undefined> => {
    if (reader !== undefined) return (await reader.read()).value;
    const bytes = at < end ? await source.read(at, Math.min(CHUNK, end - at), { signal }) : undefined;
    at += bytes?.length ?? 0;
    return bytes;
  };
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          signal?.throwIfAborted();
          const bytes = await next();
          if (bytes !== undefined) return controller.enqueue(bytes);
          controller.close();
        } catch (error) {
          controller.error(error);
          await reader?.cancel(error).catch(() => {});
        }
        await source.close?.();
      },
      async cancel(reason) {
        await reader?.cancel(reason).catch(() => {});
        await source.close?.();
      },
    },
    { highWaterMark: 0 },
  );
}
