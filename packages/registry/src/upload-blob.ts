import type { BlobSource, BlobUpload, BlobWriter, Descriptor, ReadOptions } from "@socikit/oci";
import { RegistryError } from "./errors.ts";

/** Bytes read at once where the source cannot stream. */
const PIECE = 4 * 1024 * 1024;
/** Times that a broken upload is taken up again. */
const MAX_RESUMES = 3;

/**
 * Uploads a blob from a source. An upload that breaks goes on at the offset that the store has reached, or from the start
 * where the store has forgotten it; what cannot be finished is aborted, so nothing half-written stays.
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
  let upload = await target.begin({ ...options, expect: blob });
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
      if (!(error instanceof RegistryError) || !error.retryable || resumes >= MAX_RESUMES || options?.signal?.aborted) {
        await upload.abort();
        throw error;
      }
      upload = await takeUp(target, upload, blob, options);
    }
  }
}

async function takeUp(
  target: BlobWriter,
  broken: BlobUpload,
  blob: Pick<Descriptor, "digest" | "size">,
  options: ReadOptions | undefined,
): Promise<BlobUpload> {
  await broken.suspend();
  try {
    return await target.resume(broken.id, options);
  } catch (error) {
    if (!(error instanceof RegistryError) || error.code !== "ERR_REGISTRY_UPLOAD_UNKNOWN") throw error;
    return target.begin({ ...options, expect: blob });
  }
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
