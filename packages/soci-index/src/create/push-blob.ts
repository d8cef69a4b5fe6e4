import { algorithmOf, type BlobReader, type BlobWriter, type Descriptor, type ReadOptions } from "@socikit/oci";

/**
 * Puts a blob into a store that may have it already. Where that fails or is aborted, the upload is thrown away.
 *
 * @returns whether the blob was there before.
 */
export async function pushBlob(
  target: Pick<BlobReader, "stat"> & BlobWriter,
  blob: Pick<Descriptor, "digest" | "size">,
  bytes: Uint8Array,
  options?: ReadOptions,
): Promise<boolean> {
  if ((await target.stat(blob.digest, options)) !== undefined) return true;
  const upload = await target.begin({ ...options, algorithm: algorithmOf(blob.digest), expect: blob });
  try {
    await upload.write(bytes, options);
    await upload.commit(blob.digest, options);
  } catch (error) {
    await upload.abort();
    throw error;
  }
  return false;
}
