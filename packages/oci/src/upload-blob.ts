import type { BlobSource, ReadOptions } from "./blob-source.ts";
import type { Descriptor } from "./descriptor.ts";
import { algorithmOf } from "./digest.ts";
import { isDenied, isRetryable, retryAfterOf } from "./port-error.ts";
import type { BlobUpload, BlobWriter } from "./ports.ts";

/** Bytes read at once where the source cannot stream. */
const PIECE = 4 * 1024 * 1024;
/** Times that a broken upload is taken up again. */
const MAX_RESUMES = 3;
/** Wait before the first of them, in ms; each further one is twice as long. */
const FIRST_WAIT_MS = 100;
/** Longest wait that the other side can ask for, in ms. */
const MAX_WAIT_MS = 30_000;

/**
 * Uploads a blob from a source. An upload that breaks, by an error that says `retryable`, goes on at the offset that the
 * store has reached, or from the start where the store has forgotten it or cannot say; what cannot be finished is aborted, so nothing
 * half-written stays.
 *
 * @param options `onProgress` hears how many of the blob's bytes have been read so far.
 */
export async function uploadBlob(
  target: BlobWriter,
  source: BlobSource,
  blob: Pick<Descriptor, "digest" | "size">,
  options?: ReadOptions & { readonly onProgress?: ((bytes: number) => void) | undefined },
): Promise<void> {
  if (source.size !== blob.size)
    throw new RangeError(`Cannot upload ${blob.digest}: the source has ${source.size} bytes, not ${blob.size}`);
  let upload = await begin(target, blob, options);
  for (let resumes = 0; ; resumes++) {
    try {
      // Pieces follow one another: an upload has one end.
      for await (const piece of piecesOf(source, upload.offset, options)) {
        await upload.write(piece.bytes, options);
        options?.onProgress?.(piece.end);
      }
      await upload.commit(blob.digest, options);
      return;
    } catch (error) {
      try {
        options?.signal?.throwIfAborted();
        if (!isRetryable(error) || resumes >= MAX_RESUMES) throw error;
        await wait(Math.min(retryAfterOf(error) ?? FIRST_WAIT_MS * 2 ** resumes, MAX_WAIT_MS), options?.signal);
        upload = await takeUp(target, upload, blob, options);
      } catch (last) {
        await upload.abort();
        throw last;
      }
    }
  }
}

async function takeUp(
  target: BlobWriter,
  broken: BlobUpload,
  blob: Pick<Descriptor, "digest" | "size">,
  options: ReadOptions | undefined,
): Promise<BlobUpload> {
  await broken.suspend(options);
  try {
    return await target.resume(broken.id, options);
  } catch (error) {
    options?.signal?.throwIfAborted();
    // Forgotten, or a store that does not say how much it has: from the start, then.
    if (isRetryable(error) || isDenied(error)) throw error;
    await broken.abort();
    return begin(target, blob, options);
  }
}

function begin(
  target: BlobWriter,
  blob: Pick<Descriptor, "digest" | "size">,
  options: ReadOptions | undefined,
): Promise<BlobUpload> {
  return target.begin({
    signal: options?.signal,
    priority: options?.priority,
    algorithm: algorithmOf(blob.digest),
    expect: blob,
  });
}

function wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(handle);
      reject(signal?.reason);
    };
    const handle = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

async function* piecesOf(
  source: BlobSource,
  from: number,
  options: ReadOptions | undefined,
): AsyncGenerator<{ readonly bytes: Uint8Array; readonly end: number }> {
  const length = source.size - from;
  if (source.stream === undefined || length === 0) {
    for (let at = from; at < source.size;) {
      const bytes = await source.read(at, Math.min(PIECE, source.size - at), options);
      at += bytes.length;
      yield { bytes, end: at };
    }
    return;
  }
  const reader = source.stream(from, length, options).getReader();
  let at = from;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      at += value.length;
      yield { bytes: value, end: at };
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}
