import { readAll, verifyBytes, type BlobReader, type Descriptor, type ReadOptions } from "@socikit/oci";
import { LazyReadError } from "./errors.ts";

/**
 * Fetches a blob into memory, and checks it against its digest and size, whatever the port has checked.
 *
 * @param what Names it in errors.
 * @throws {LazyReadError} `ERR_LAZY_INDEX_TOO_LARGE` above `limit` bytes; nothing is fetched then.
 */
export async function fetchVerified(
  blobs: Pick<BlobReader, "stream">,
  blob: Descriptor,
  limit: number,
  what: string,
  options: ReadOptions,
): Promise<Uint8Array> {
  if (blob.size > limit)
    throw new LazyReadError(
      "ERR_LAZY_INDEX_TOO_LARGE",
      `Cannot fetch ${what}: ${blob.digest} has ${blob.size} bytes, more than ${limit}`,
    );
  // Only digest and size: the places that a descriptor's `urls` name are never asked.
  const stream = await blobs.stream({ digest: blob.digest, size: blob.size }, options);
  const bytes = await readAll(stream, blob.size, options.signal);
  verifyBytes(bytes, blob);
  return bytes;
}
