import { createDigester, algorithmOf } from "./digest.ts";
import type { Descriptor } from "./descriptor.ts";
import { OciError } from "./errors.ts";

/**
 * Iterates a stream's chunks; leaving the loop early cancels the stream. Not every browser iterates streams by itself.
 */
export async function* chunksOf(stream: ReadableStream<Uint8Array>, signal?: AbortSignal): AsyncIterable<Uint8Array> {
  const reader = stream.getReader();
  const onAbort = (): void => void reader.cancel(signal?.reason).catch(() => {});
  signal?.addEventListener("abort", onAbort, { once: true });
  let ended = false;
  try {
    for (;;) {
      signal?.throwIfAborted();
      const { done, value } = await reader.read();
      if (done) {
        ended = true;
        signal?.throwIfAborted();
        return;
      }
      yield value;
    }
  } catch (error) {
    ended = true;
    throw error;
  } finally {
    signal?.removeEventListener("abort", onAbort);
    if (!ended) await reader.cancel().catch(() => {});
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
  const all = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

/**
 * The same bytes, ending with an error where size or digest do not fit; an error also as soon as there are too many.
 *
 * Errors the stream with `OciError` `ERR_OCI_SIZE_MISMATCH` or `ERR_OCI_DIGEST_MISMATCH`.
 */
export function verifyStream(
  stream: ReadableStream<Uint8Array>,
  expect: Pick<Descriptor, "digest" | "size">,
): ReadableStream<Uint8Array> {
  const digester = createDigester(algorithmOf(expect.digest));
  const reader = stream.getReader();
  let size = 0;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await reader.read();
        if (!done) {
          size += value.length;
          if (size > expect.size) {
            const error = new OciError(
              "ERR_OCI_SIZE_MISMATCH",
              `Cannot verify ${expect.digest}: more than its ${expect.size} bytes came`,
            );
            controller.error(error);
            await reader.cancel(error).catch(() => {});
            return;
          }
          digester.update(value);
          controller.enqueue(value);
          return;
        }
        if (size !== expect.size) {
          controller.error(
            new OciError(
              "ERR_OCI_SIZE_MISMATCH",
              `Cannot verify ${expect.digest}: ${size} of its ${expect.size} bytes came`,
            ),
          );
          return;
        }
        const found = digester.digest();
        if (found !== expect.digest) {
          controller.error(
            new OciError("ERR_OCI_DIGEST_MISMATCH", `Cannot verify ${expect.digest}: the bytes have digest ${found}`),
          );
          return;
        }
        controller.close();
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}
