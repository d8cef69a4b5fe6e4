import {
  bytesSource,
  uploadBlob,
  type BlobReader,
  type BlobWriter,
  type Descriptor,
  type ReadOptions,
} from "@socikit/oci";

/** Puts a blob where it may be already. Resolves to whether it was. */
export async function putBlob(
  target: Pick<BlobReader, "stat"> & BlobWriter,
  blob: Pick<Descriptor, "digest" | "size">,
  bytes: Uint8Array,
  options: ReadOptions,
): Promise<boolean> {
  if ((await target.stat(blob.digest, options))?.size === blob.size) return true;
  await uploadBlob(target, bytesSource(bytes), blob, options);
  return false;
}
