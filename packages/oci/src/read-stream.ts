import { BlobCheck } from "./blob-check.ts";
import { concatBytes } from "./concat-bytes.ts";
import type { Descriptor } from "./descriptor.ts";
import { OciError } from "./errors.ts";

/**
 * Iterates a stream's chunks. Leaving the loop early cancels the stream, and so does the signal, which also ends a wait
 * for the next chunk. Not every browser iterates streams by itself.
 */
export async function* chunksOf(stream: ReadableStream<Uint8Array>, signal?: AbortSignal): AsyncIterable<Uint8Array> {
  const reader = stream.getReader();
  // A source may take its time to end, or fail to; nobody waits for that.
  const cancel = (reason?: unknown): void => void reader.cancel(reason).catch(() => {});
  const onAbort = (): void => cancel(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  let ended = false;
  try {
    for (;;) {
      signal?.throwIfAborted();
      const { done, value } = await reader.read();
      // Cancelling looks like the end to whoever is waiting.
      signal?.throwIfAborted();
      ended = done;
      if (done) return;
      yield value;
    }
  } finally {
    signal?.removeEventListener("abort", onAbort);
    if (!ended) cancel(signal?.reason);
    reader.releaseLock();
  }
}

/**
 * Reads a stream to its end.
 *
 * @param limit Most bytes taken.
 * @throws {OciError} `ERR_OCI_TOO_LARGE` past `limit`.
 */
export async function readAll(
  stream: ReadableStream<Uint8Array>,
  limit: number,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunksOf(stream, signal)) {
    size += chunk.length;
    if (size > limit) throw new OciError("ERR_OCI_TOO_LARGE", `Cannot read stream: it is longer than ${limit} bytes`);
    chunks.push(chunk);
  }
  return concatBytes(chunks);
}

/** What checks the streams that {@linkcode verifyStream} made. */
const checks = new WeakMap<ReadableStream<Uint8Array>, BlobCheck>();

/** What checks a stream that {@linkcode verifyStream} made: it has passed when the last chunk has been read. */
export function checkOf(stream: ReadableStream<Uint8Array>): BlobCheck | undefined {
  return checks.get(stream);
}

/**
 * The same bytes, ending with an error where size or digest do not fit; an error also as soon as there are too many. The
 * last chunk is held until the digest is checked, so whoever has all the bytes has verified ones. A stream that is checked
 * for the same digest and size already is given back as it is.
 *
 * Errors the stream with `OciError` `ERR_OCI_SIZE_MISMATCH` or `ERR_OCI_DIGEST_MISMATCH`.
 */
export function verifyStream(
  stream: ReadableStream<Uint8Array>,
  expect: Pick<Descriptor, "digest" | "size">,
): ReadableStream<Uint8Array> {
  const known = checks.get(stream);
  if (known?.digest === expect.digest && known.size === expect.size) return stream;
  const check = new BlobCheck(expect);
  const reader = stream.getReader();
  const checking = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        // Errors of the source are passed on as they are; the others leave it to be told.
        const { done, value } = await reader.read();
        try {
          if (done) check.end();
          else check.update(value);
        } catch (error) {
          controller.error(error);
          void reader.cancel(error).catch(() => {});
          return;
        }
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
  checks.set(checking, check);
  return checking;
}
