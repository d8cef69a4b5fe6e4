import {
  bytesSource,
  concatBytes,
  decodeManifest,
  digestOf,
  isDigest,
  isImageIndex,
  isIndexType,
  isManifestType,
  verifyStream,
  type BlobMounter,
  type BlobReader,
  type BlobWriter,
  type Descriptor,
  type Digest,
  type ManifestReader,
  type ManifestWriter,
  type ReferrerLister,
} from "@socikit/oci";

/** A store in memory that holds writers to their word: manifests and tags may only name what is there. */
export interface MemoryTarget
  extends BlobReader, BlobWriter, BlobMounter, ManifestWriter, ManifestReader, ReferrerLister {
  readonly blobs: Map<Digest, Uint8Array>;
  readonly manifests: Map<Digest, Uint8Array>;
  readonly tags: Map<string, Digest>;
  /** Blobs of other repositories of the same registry, by the repository's name. */
  readonly elsewhere: Map<string, ReadonlyMap<Digest, Uint8Array>>;
  /** What was asked of it, in order. */
  readonly log: string[];
  /** Uploads that were begun and neither committed nor aborted. */
  readonly uploads: Set<string>;
}

/** Its error for what is not there, as registries have it. */
class NotThere extends Error {
  readonly notFound = true;
}

export function memoryTarget(): MemoryTarget {
  const blobs = new Map<Digest, Uint8Array>();
  const manifests = new Map<Digest, Uint8Array>();
  const types = new Map<Digest, string>();
  const tags = new Map<string, Digest>();
  const elsewhere = new Map<string, ReadonlyMap<Digest, Uint8Array>>();
  const log: string[] = [];
  const uploads = new Set<string>();
  const describe = (name: string): Descriptor => {
    const digest = isDigest(name) ? name : tags.get(name);
    const bytes = digest && manifests.get(digest);
    if (digest === undefined || bytes === undefined) throw new NotThere(`Cannot find manifest ${name}`);
    const mediaType = types.get(digest) ?? "";
    if (!isManifestType(mediaType) && !isIndexType(mediaType)) return { mediaType, digest, size: bytes.length };
    const manifest = decodeManifest(bytes);
    const artifactType = isImageIndex(manifest) ? undefined : (manifest.artifactType ?? manifest.config.mediaType);
    return { mediaType, digest, size: bytes.length, ...(artifactType === undefined ? {} : { artifactType }) };
  };
  const blobOf = ({ digest }: Pick<Descriptor, "digest">): Uint8Array => {
    const bytes = blobs.get(digest);
    if (bytes === undefined) throw new NotThere(`Cannot find blob ${digest}`);
    return bytes;
  };
  let count = 0;
  return {
    blobs,
    manifests,
    tags,
    elsewhere,
    log,
    uploads,
    async stat(digest, options) {
      options?.signal?.throwIfAborted();
      const bytes = blobs.get(digest);
      return bytes && { size: bytes.length };
    },
    async open(blob) {
      return bytesSource(blobOf(blob));
    },
    async stream(blob) {
      return verifyStream(new Blob([blobOf(blob).slice()]).stream() as ReadableStream<Uint8Array>, blob);
    },
    async mount(digest, from) {
      const bytes = elsewhere.get(from)?.get(digest);
      if (bytes === undefined) return false;
      blobs.set(digest, bytes);
      log.push(`mount ${digest}`);
      return true;
    },
    async begin(options) {
      options?.signal?.throwIfAborted();
      const id = String(++count);
      uploads.add(id);
      const parts: Uint8Array[] = [];
      let offset = 0;
      return {
        id,
        get offset() {
          return offset;
        },
        async write(bytes, write) {
          write?.signal?.throwIfAborted();
          parts.push(bytes.slice());
          offset += bytes.length;
        },
        async commit(digest, commit) {
          commit?.signal?.throwIfAborted();
          const bytes = concatBytes(parts);
          if (digestOf(bytes) !== digest) throw new Error(`Cannot commit: the bytes are not ${digest}`);
          blobs.set(digest, bytes);
          uploads.delete(id);
          log.push(`blob ${digest}`);
          return { mediaType: "", digest, size: bytes.length };
        },
        async suspend() {},
        async abort() {
          uploads.delete(id);
        },
      };
    },
    async resume(id) {
      throw new Error(`Cannot resume ${id}`);
    },
    async pushManifest(bytes, mediaType, options) {
      options?.signal?.throwIfAborted();
      const digest = digestOf(bytes, options?.algorithm);
      if (isManifestType(mediaType) || isIndexType(mediaType)) {
        const manifest = decodeManifest(bytes, mediaType);
        const held = isImageIndex(manifest) ? manifests : blobs;
        for (const named of isImageIndex(manifest) ? manifest.manifests : [manifest.config, ...manifest.layers])
          if (held.get(named.digest)?.length !== named.size && named.urls === undefined)
            throw new Error(`Cannot push ${digest}: ${named.digest} is not there`);
      }
      manifests.set(digest, bytes);
      types.set(digest, mediaType);
      log.push(`manifest ${digest}`);
      return describe(digest);
    },
    async tag(tag, { digest }, options) {
      options?.signal?.throwIfAborted();
      if (!manifests.has(digest)) throw new NotThere(`Cannot tag: ${digest} is not there`);
      tags.set(tag, digest);
      log.push(`tag ${tag}`);
    },
    async resolve(tagOrDigest) {
      return describe(tagOrDigest);
    },
    async fetchManifest(target) {
      const descriptor = describe(typeof target === "string" ? target : target.digest);
      return { descriptor, bytes: manifests.get(descriptor.digest)! };
    },
    async *referrers(subject) {
      for (const [digest, bytes] of manifests)
        if (isManifestType(types.get(digest) ?? "") && decodeManifest(bytes).subject?.digest === subject)
          yield describe(digest);
    },
  };
}
