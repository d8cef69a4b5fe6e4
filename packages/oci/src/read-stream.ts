import { concatBytes } from "./concat-bytes.ts";
import { algorithmOf, createDigester, type Digest } from "./digest.ts";
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

/** What the streams that {@linkcode verifyStream} made are checked against. */
const verified = new WeakMap<ReadableStream<Uint8Array>, { readonly digest: Digest; readonly size: number }>();

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
  const known = verified.get(stream);
  if (known?.digest === expect.digest && known.size === expect.size) return stream;
  const digester = createDigester(algorithmOf(expect.digest));
  const reader = stream.getReader();
  let size = 0;
  let checked = false;
  const mismatch = (what: string): OciError =>
    new OciError("ERR_OCI_SIZE_MISMATCH", `Cannot verify ${expect.digest}: ${what}`);
  const checkDigest = (): void => {
    if (checked) return;
    checked = true;
    const found = digester.digest();
    if (found !== expect.digest)
      throw new OciError("ERR_OCI_DIGEST_MISMATCH", `Cannot verify ${expect.digest}: the bytes have digest ${found}`);
  };
  const checking = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        // Errors of the source are passed on as they are; the others leave it to be told.
        const { done, value } = await reader.read();
        try {
          if (!done) {
            size += value.length;
            if (size > expect.size) throw mismatch(`more than its ${expect.size} bytes came`);
            if (value.length > 0) digester.update(value);
          } else if (size !== expect.size) throw mismatch(`${size} of its ${expect.size} bytes came`);
          if (size === expect.size) checkDigest();
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
  verified.set(checking, { digest: expect.digest, size: expect.size });
  return checking;
}
