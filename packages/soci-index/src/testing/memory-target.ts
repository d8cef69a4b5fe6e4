import {
  decodeManifest,
  digestOf,
  isImageIndex,
  type BlobReader,
  type BlobWriter,
  type Descriptor,
  type Digest,
  type ManifestReader,
  type ManifestWriter,
  type ReferrerLister,
} from "@socikit/oci";

/** A store in memory that holds writers to their word: a manifest may only name blobs that are there. */
export interface MemoryTarget
  extends Pick<BlobReader, "stat">, BlobWriter, ManifestWriter, ManifestReader, ReferrerLister {
  readonly blobs: Map<Digest, Uint8Array>;
  readonly manifests: Map<Digest, Uint8Array>;
  /** What was asked of it, in order. */
  readonly log: string[];
  /** Uploads that were begun and neither committed nor aborted. */
  readonly open: Set<string>;
}

export function memoryTarget(): MemoryTarget {
  const blobs = new Map<Digest, Uint8Array>();
  const manifests = new Map<Digest, Uint8Array>();
  const log: string[] = [];
  const open = new Set<string>();
  const describe = (digest: Digest): Descriptor => {
    const bytes = manifests.get(digest);
    if (bytes === undefined) throw new Error(`Cannot find manifest ${digest}`);
    const manifest = decodeManifest(bytes);
    const artifactType = isImageIndex(manifest) ? undefined : (manifest.artifactType ?? manifest.config.mediaType);
    return {
      mediaType: manifest.mediaType ?? "",
      digest,
      size: bytes.length,
      ...(artifactType === undefined ? {} : { artifactType }),
    };
  };
  let uploads = 0;
  return {
    blobs,
    manifests,
    log,
    open,
    async stat(digest, options) {
      options?.signal?.throwIfAborted();
      const bytes = blobs.get(digest);
      return bytes && { size: bytes.length };
    },
    async begin(options) {
      options?.signal?.throwIfAborted();
      const id = String(++uploads);
      open.add(id);
      const parts: number[] = [];
      return {
        id,
        get offset() {
          return parts.length;
        },
        async write(bytes, write) {
          write?.signal?.throwIfAborted();
          for (const byte of bytes) parts.push(byte);
        },
        async commit(digest, commit) {
          commit?.signal?.throwIfAborted();
          const bytes = Uint8Array.from(parts);
          if (digestOf(bytes) !== digest) throw new Error(`Cannot commit: the bytes are not ${digest}`);
          blobs.set(digest, bytes);
          open.delete(id);
          log.push(`blob ${digest}`);
          return { mediaType: "", digest, size: bytes.length };
        },
        async suspend() {},
        async abort() {
          open.delete(id);
        },
      };
    },
    async resume(id) {
      throw new Error(`Cannot resume ${id}`);
    },
    async pushManifest(bytes, _mediaType, options) {
      options?.signal?.throwIfAborted();
      const manifest = decodeManifest(bytes);
      if (isImageIndex(manifest)) throw new Error("Cannot push: it is an index");
      for (const { digest, size } of [manifest.config, ...manifest.layers])
        if (blobs.get(digest)?.length !== size) throw new Error(`Cannot push: blob ${digest} is not there`);
      const digest = digestOf(bytes);
      manifests.set(digest, bytes);
      log.push(`manifest ${digest}`);
      return describe(digest);
    },
    async tag() {
      throw new Error("Cannot tag: an index has none");
    },
    async resolve(tagOrDigest) {
      return describe(tagOrDigest as Digest);
    },
    async fetchManifest(target) {
      const descriptor = describe((typeof target === "string" ? target : target.digest) as Digest);
      return { descriptor, bytes: manifests.get(descriptor.digest)! };
    },
    async *referrers(subject) {
      for (const [digest, bytes] of manifests)
        if (decodeManifest(bytes).subject?.digest === subject) yield describe(digest);
    },
  };
}
