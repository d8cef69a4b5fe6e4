import {
  algorithmOf,
  createDigester,
  decodeManifest,
  digestOf,
  isDigest,
  isRepositoryName,
  isTag,
  OciError,
  verifyStream,
  type BlobSource,
  type BlobUpload,
  type Descriptor,
  type Digest,
  type DigestAlgorithm,
  type Digester,
  type FetchedManifest,
  type ReadOptions,
} from "@socikit/oci";
import { RegistryError } from "./errors.ts";
import { PagedBytes } from "./paged-bytes.ts";
import { referrerOf } from "./referrer.ts";
import { sizeMismatch } from "./size-mismatch.ts";
import type { Store, StoreRepository } from "./store.ts";
import { uploadId } from "./upload-id.ts";

/** Most unfinished uploads of a repository; a further one takes the place of the oldest. */
const MAX_UPLOADS = 256;

/** What one repository holds. */
interface Contents {
  readonly manifests: Map<Digest, FetchedManifest>;
  readonly tags: Map<string, Digest>;
  readonly blobs: Map<Digest, PagedBytes>;
  readonly uploads: Map<string, MemoryUpload>;
  /** Referrers by subject, whether the subject is there or not. */
  readonly referrers: Map<Digest, Map<Digest, Descriptor>>;
}

/**
 * A store in memory: the one behind a registry server that is asked to keep nothing, and the double that tests use. Blobs
 * mounted from another repository share their bytes. Nothing is bounded but the unfinished uploads, 256 a repository.
 */
export function createMemoryStore(): Store {
  const contents = new Map<string, Contents>();
  return {
    repository(name) {
      if (!isRepositoryName(name))
        throw new TypeError(`Cannot open repository: ${JSON.stringify(name)} is not a repository name`);
      return new MemoryRepository(name, contents);
    },
    async *repositories(options) {
      for (const [name, held] of contents) {
        options?.signal?.throwIfAborted();
        if (held.manifests.size > 0 || held.blobs.size > 0) yield name;
      }
    },
  };
}

class MemoryRepository implements StoreRepository {
  readonly #name: string;
  readonly #all: Map<string, Contents>;

  constructor(name: string, all: Map<string, Contents>) {
    this.#name = name;
    this.#all = all;
  }

  async resolve(tagOrDigest: string, options?: ReadOptions): Promise<Descriptor> {
    options?.signal?.throwIfAborted();
    return this.#manifest(tagOrDigest).descriptor;
  }

  async fetchManifest(target: string | Descriptor, options?: ReadOptions): Promise<FetchedManifest> {
    options?.signal?.throwIfAborted();
    const { descriptor, bytes } = this.#manifest(typeof target === "string" ? target : target.digest);
    if (typeof target !== "string" && target.size !== descriptor.size) throw sizeMismatch(target, descriptor.size);
    return { descriptor, bytes: bytes.slice() };
  }

  async pushManifest(
    bytes: Uint8Array,
    mediaType: string,
    options?: ReadOptions & { readonly algorithm?: DigestAlgorithm | undefined },
  ): Promise<Descriptor> {
    options?.signal?.throwIfAborted();
    const manifest = decodeManifest(bytes, mediaType);
    const descriptor: Descriptor = {
      mediaType: mediaType || (manifest.mediaType ?? ""),
      digest: digestOf(bytes, options?.algorithm),
      size: bytes.length,
    };
    const held = this.#write();
    held.manifests.set(descriptor.digest, { descriptor, bytes: bytes.slice() });
    if (manifest.subject !== undefined) {
      const referrers = held.referrers.get(manifest.subject.digest) ?? new Map<Digest, Descriptor>();
      referrers.set(descriptor.digest, referrerOf(descriptor, manifest));
      held.referrers.set(manifest.subject.digest, referrers);
    }
    return descriptor;
  }

  async tag(
    tag: string,
    target: Descriptor,
    options?: ReadOptions & { readonly expected?: Digest | null },
  ): Promise<void> {
    options?.signal?.throwIfAborted();
    if (!isTag(tag)) throw new TypeError(`Cannot tag ${target.digest}: ${JSON.stringify(tag)} is not a tag`);
    this.#manifest(target.digest);
    const held = this.#write();
    const before = held.tags.get(tag) ?? null;
    if (options?.expected !== undefined && options.expected !== before) {
      throw new RegistryError(
        "ERR_REGISTRY_TAG_CHANGED",
        `Cannot tag "${tag}" in ${this.#name}: it names ${before ?? "nothing"}, not ${options.expected ?? "nothing"}`,
      );
    }
    held.tags.set(tag, target.digest);
  }

  async stat(digest: Digest, options?: ReadOptions): Promise<{ readonly size: number } | undefined> {
    options?.signal?.throwIfAborted();
    const blob = this.#read()?.blobs.get(digest);
    return blob === undefined ? undefined : { size: blob.length };
  }

  async open(blob: Pick<Descriptor, "digest" | "size">, options?: ReadOptions): Promise<BlobSource> {
    options?.signal?.throwIfAborted();
    const bytes = this.#blob(blob.digest);
    if (bytes.length !== blob.size) throw sizeMismatch(blob, bytes.length);
    return bytes.source();
  }

  async stream(blob: Pick<Descriptor, "digest" | "size">, options?: ReadOptions): Promise<ReadableStream<Uint8Array>> {
    const source = await this.open(blob, options);
    // Sources of pages always stream.
    return verifyStream(source.stream!(0, source.size, options), blob);
  }

  async begin(options?: ReadOptions & { readonly algorithm?: DigestAlgorithm }): Promise<BlobUpload> {
    options?.signal?.throwIfAborted();
    const held = this.#write();
    for (const oldest of held.uploads.values()) {
      if (held.uploads.size < MAX_UPLOADS) break;
      await oldest.abort();
    }
    const upload = new MemoryUpload(held, options?.algorithm ?? "sha256");
    held.uploads.set(upload.id, upload);
    return upload;
  }

  async resume(id: string, options?: ReadOptions): Promise<BlobUpload> {
    options?.signal?.throwIfAborted();
    const upload = this.#read()?.uploads.get(id);
    if (upload === undefined) {
      throw new RegistryError(
        "ERR_REGISTRY_UPLOAD_UNKNOWN",
        `Cannot resume upload to ${this.#name}: there is none called ${JSON.stringify(id.slice(0, 100))}`,
      );
    }
    upload.take();
    return upload;
  }

  async mount(digest: Digest, from: string, options?: ReadOptions): Promise<boolean> {
    options?.signal?.throwIfAborted();
    const bytes = this.#all.get(from)?.blobs.get(digest);
    if (bytes === undefined) return false;
    this.#write().blobs.set(digest, bytes);
    return true;
  }

  async *referrers(
    subject: Digest,
    options?: ReadOptions & { readonly artifactType?: string },
  ): AsyncIterable<Descriptor> {
    // As they are now: what is pushed while they are read does not come into it.
    for (const referrer of Array.from(this.#read()?.referrers.get(subject)?.values() ?? [])) {
      options?.signal?.throwIfAborted();
      if (options?.artifactType === undefined || referrer.artifactType === options.artifactType) yield referrer;
    }
  }

  async *tags(options?: ReadOptions): AsyncIterable<string> {
    const held = this.#read();
    if (held === undefined)
      throw new RegistryError("ERR_REGISTRY_REPOSITORY_UNKNOWN", `Cannot list tags: there is no ${this.#name}`);
    for (const tag of [...held.tags.keys()].sort()) {
      options?.signal?.throwIfAborted();
      yield tag;
    }
  }

  async deleteManifest(digest: Digest, options?: ReadOptions): Promise<void> {
    options?.signal?.throwIfAborted();
    this.#manifest(digest);
    const held = this.#write();
    held.manifests.delete(digest);
    for (const [tag, tagged] of held.tags) if (tagged === digest) held.tags.delete(tag);
    for (const [subject, referrers] of held.referrers) {
      if (referrers.delete(digest) && referrers.size === 0) held.referrers.delete(subject);
    }
  }

  async untag(tag: string, options?: ReadOptions): Promise<void> {
    options?.signal?.throwIfAborted();
    if (this.#read()?.tags.delete(tag) !== true) throw this.#unknownManifest(tag);
  }

  async deleteBlob(digest: Digest, options?: ReadOptions): Promise<void> {
    options?.signal?.throwIfAborted();
    this.#blob(digest);
    this.#write().blobs.delete(digest);
  }

  #read(): Contents | undefined {
    return this.#all.get(this.#name);
  }

  #write(): Contents {
    let held = this.#read();
    if (held === undefined) {
      held = { manifests: new Map(), tags: new Map(), blobs: new Map(), uploads: new Map(), referrers: new Map() };
      this.#all.set(this.#name, held);
    }
    return held;
  }

  #manifest(tagOrDigest: string): FetchedManifest {
    const held = this.#read();
    const digest = isDigest(tagOrDigest) ? tagOrDigest : held?.tags.get(tagOrDigest);
    const manifest = digest === undefined ? undefined : held?.manifests.get(digest);
    if (manifest === undefined) throw this.#unknownManifest(tagOrDigest);
    return manifest;
  }

  #blob(digest: Digest): PagedBytes {
    const bytes = this.#read()?.blobs.get(digest);
    if (bytes === undefined)
      throw new RegistryError("ERR_REGISTRY_BLOB_UNKNOWN", `Cannot open blob: ${this.#name} has no ${digest}`);
    return bytes;
  }

  #unknownManifest(tagOrDigest: string): RegistryError {
    return new RegistryError(
      "ERR_REGISTRY_MANIFEST_UNKNOWN",
      `Cannot find manifest: ${this.#name} has no ${JSON.stringify(tagOrDigest.slice(0, 200))}`,
    );
  }
}

class MemoryUpload implements BlobUpload {
  readonly id: string = uploadId();
  readonly #held: Contents;
  readonly #bytes = new PagedBytes();
  readonly #algorithm: DigestAlgorithm;
  readonly #digester: Digester;
  #taken = true;

  constructor(held: Contents, algorithm: DigestAlgorithm) {
    this.#held = held;
    this.#algorithm = algorithm;
    this.#digester = createDigester(algorithm);
  }

  get offset(): number {
    return this.#bytes.length;
  }

  /** Two writers of one upload would interleave: the second is told so. */
  take(): void {
    if (this.#taken)
      throw new RegistryError("ERR_REGISTRY_UPLOAD_BUSY", `Cannot resume upload: "${this.id}" is being written`);
    this.#taken = true;
  }

  async write(bytes: Uint8Array, options?: ReadOptions): Promise<void> {
    options?.signal?.throwIfAborted();
    this.#bytes.append(bytes);
    this.#digester.update(bytes);
  }

  async commit(digest: Digest, options?: ReadOptions): Promise<Descriptor> {
    options?.signal?.throwIfAborted();
    this.#held.uploads.delete(this.id);
    this.#bytes.trim();
    const found =
      algorithmOf(digest) === this.#algorithm ? this.#digester.digest() : this.#digestWith(algorithmOf(digest));
    if (found !== digest)
      throw new OciError("ERR_OCI_DIGEST_MISMATCH", `Cannot store ${digest}: the bytes have digest ${found}`);
    if (!this.#held.blobs.has(digest)) this.#held.blobs.set(digest, this.#bytes);
    return { mediaType: "application/octet-stream", digest, size: this.#bytes.length };
  }

  async suspend(): Promise<void> {
    this.#taken = false;
  }

  async abort(): Promise<void> {
    this.#held.uploads.delete(this.id);
  }

  /** The digest by another algorithm than the upload began with: a registry learns which one at the end only. */
  #digestWith(algorithm: DigestAlgorithm): Digest {
    const digester = createDigester(algorithm);
    for (const chunk of this.#bytes.chunks()) digester.update(chunk);
    return digester.digest();
  }
}
