import {
  decodeManifest,
  isForeignLayer,
  isImageIndex,
  isIndexType,
  isManifestType,
  MAX_INDEX_DEPTH,
  OciError,
  type BlobReader,
  type Descriptor,
  type Digest,
  type ManifestReader,
  type ReadOptions,
} from "@socikit/oci";

/** A blob of an archive. */
export interface ArchivedBlob {
  readonly descriptor: Descriptor;
  /** Its content, where it was read already: of manifests. */
  readonly bytes?: Uint8Array;
}

/** Manifests of one archive, and bytes of all of them: they are kept until they are written. As of a copy. */
const MAX_MANIFESTS = 10_000;
const MAX_MANIFEST_BYTES = 64 * 1024 * 1024;

/**
 * The blobs that some descriptors lead to, each once: themselves, config and layers of manifests, children of indexes.
 * Subjects are not followed. What is neither manifest nor index by its descriptor's media type is a blob.
 *
 * @throws {OciError} `ERR_OCI_SIZE_MISMATCH` for a digest that is named with two sizes; `ERR_OCI_TOO_LARGE`;
 * `ERR_OCI_INVALID_MANIFEST`.
 */
export async function archiveContents(
  source: ManifestReader & BlobReader,
  roots: readonly Descriptor[],
  options: ReadOptions,
): Promise<readonly ArchivedBlob[]> {
  const found = new Map<Digest, ArchivedBlob>();
  let manifests = 0;
  let bytes = 0;
  const visit = async (descriptor: Descriptor, depth: number): Promise<void> => {
    const known = found.get(descriptor.digest);
    if (known !== undefined && known.descriptor.size !== descriptor.size)
      throw new OciError(
        "ERR_OCI_SIZE_MISMATCH",
        `Cannot write archive: ${descriptor.digest} is named with ${known.descriptor.size} and ${descriptor.size} bytes`,
      );
    const isDocument = isManifestType(descriptor.mediaType) || isIndexType(descriptor.mediaType);
    // What was taken for a blob may be a manifest by another descriptor.
    if (known !== undefined && (known.bytes !== undefined || !isDocument)) return;
    if (!isDocument) {
      if (!(await isElsewhere(source, descriptor, options))) found.set(descriptor.digest, { descriptor });
      return;
    }
    if (depth > MAX_INDEX_DEPTH) throw tooLarge(`its indexes are nested more than ${MAX_INDEX_DEPTH} deep`);
    if (++manifests > MAX_MANIFESTS) throw tooLarge(`it has more than ${MAX_MANIFESTS} manifests`);
    // One after the other: a bound on memory, and few images have many.
    const fetched = await source.fetchManifest(descriptor, options);
    bytes += fetched.bytes.length;
    if (bytes > MAX_MANIFEST_BYTES) throw tooLarge(`its manifests have more than ${MAX_MANIFEST_BYTES} bytes together`);
    found.set(descriptor.digest, { descriptor, bytes: fetched.bytes });
    const document = decodeManifest(fetched.bytes, descriptor.mediaType);
    const below = isImageIndex(document) ? document.manifests : [document.config, ...document.layers];
    for (const child of below) await visit(child, depth + 1);
  };
  for (const root of roots) await visit(root, 0);
  return [...found.values()];
}

function tooLarge(what: string): OciError {
  return new OciError("ERR_OCI_TOO_LARGE", `Cannot write archive: ${what}`);
}

/** A layer that registries need not hold, of which it is said where else it is, and that is not here. */
async function isElsewhere(source: BlobReader, blob: Descriptor, options: ReadOptions): Promise<boolean> {
  if ((blob.urls?.length ?? 0) === 0 || !isForeignLayer(blob.mediaType)) return false;
  return (await source.stat(blob.digest, options)) === undefined;
}
