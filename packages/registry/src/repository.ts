import {
  algorithmOf,
  decodeManifest,
  digestOf,
  isDigest,
  isIndexType,
  isManifestType,
  isNotFound,
  isRepositoryName,
  isTag,
  parseReference,
  verifyStream,
  type BeginOptions,
  type BlobMounter,
  type BlobReader,
  type BlobUpload,
  type BlobWriter,
  type Deleter,
  type Descriptor,
  type Digest,
  type DigestAlgorithm,
  type FetchedManifest,
  type ManifestReader,
  type ManifestWriter,
  type ReadOptions,
  type Reference,
  type ReferrerLister,
  type ReferrersOptions,
  type TagLister,
} from "@socikit/oci";
import { RegistryClient } from "./client.ts";
import type { CredentialProvider } from "./credentials.ts";
import { RegistryError } from "./errors.ts";
import type { RegistryEvent } from "./events.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import { fetchManifest, manifestRequest, nameOf, putManifest, resolveManifest } from "./manifest-access.ts";
import { endpointOf } from "./origin.ts";
import { pages } from "./pages.ts";
import { rangeSource } from "./range-source.ts";
import { referrerOf } from "./referrer.ts";
import { RemoteReferrers } from "./remote-referrers.ts";
import { repositoryScope } from "./scopes.ts";
import { statBlob } from "./stat-blob.ts";
import { systemTimer, type Timer } from "./timer.ts";
import type { Transport } from "./transport.ts";
import { beginUpload, mountBlob, resumeUpload } from "./upload.ts";

/** How a repository is spoken to. */
export interface RepositoryOptions {
  /** How requests are sent: `fetchTransport()`, or `nodeTransport()` on Node. */
  readonly transport: Transport;
  /** Where credentials come from; without them, tokens are asked for anonymously. */
  readonly credentials?: CredentialProvider | undefined;
  /**
   * Whether to speak `http:`, which shows credentials to everyone on the way. By default to this machine only
   * (`localhost`, 127.0.0.0/8, `[::1]`).
   */
  readonly plainHttp?: boolean | undefined;
  /** Token servers (`host[:port]`) that may get the credentials besides those that belong to the registry. */
  readonly trustedRealmHosts?: readonly string[] | undefined;
  /** Most repetitions of a request that failed in a way worth repeating. @default {4} */
  readonly maxRetries?: number | undefined;
  /** Longest wait for a response's header, in ms. @default {30_000} */
  readonly headersTimeoutMs?: number | undefined;
  /** Longest wait for more of a body, in ms. @default {30_000} */
  readonly idleTimeoutMs?: number | undefined;
  /** Least speed of a body, over ten seconds of waiting for it. @default {1024} */
  readonly minimumBytesPerSecond?: number | undefined;
  /** Longest wait for a whole manifest, token or list, in ms. @default {60_000} */
  readonly documentTimeoutMs?: number | undefined;
  /** Most bytes thrown away in front of a range where the server sends the whole blob. @default {16_777_216} */
  readonly maxSkipBytes?: number | undefined;
  /** Bytes of a blob sent in one request; longer blobs are sent in chunks. @default {8_388_608} */
  readonly uploadChunkSize?: number | undefined;
  /** User-Agent field. @default {"socikit"} */
  readonly userAgent?: string | undefined;
  /** Hears of requests, redirects, retries. */
  readonly onEvent?: ((event: RegistryEvent) => void) | undefined;
  /** The clock and the dice. */
  readonly timer?: Timer | undefined;
}

/** One repository of a registry (OCI distribution spec 1.1), as every port of content. */
export interface RemoteRepository
  extends ManifestReader, ManifestWriter, BlobReader, BlobWriter, BlobMounter, ReferrerLister, TagLister, Deleter {
  /** What was opened, as written. */
  readonly reference: Reference;
}

/** Manifests kept after a push, so that tagging does not fetch what was just sent. */
const MAX_KEPT = 8;

/**
 * Opens a repository. Nothing is sent before the first call.
 *
 * What every method throws: {@linkcode RegistryError}, with the registry's own words where it gave any; `OciError` where
 * bytes do not fit their digest or size; `signal.reason` when aborted.
 *
 * @param reference Its tag and digest are kept in `reference`, and not used otherwise. `docker.io` stands for Docker Hub.
 */
export function openRepository(reference: Reference | string, options: RepositoryOptions): RemoteRepository {
  return new Repository(typeof reference === "string" ? parseReference(reference) : reference, options);
}

class Repository implements RemoteRepository {
  readonly reference: Reference;
  readonly #client: RegistryClient;
  readonly #referrers: RemoteReferrers;
  readonly #maxSkipBytes: number;
  readonly #uploads: { readonly chunkSize: number };
  readonly #kept: Map<Digest, Uint8Array> = new Map();

  constructor(reference: Reference, options: RepositoryOptions) {
    if (!isRepositoryName(reference.repository))
      throw new TypeError(`Cannot open ${JSON.stringify(reference.repository)}: it is not a repository name`);
    const { origin, repository } = endpointOf(reference.registry, reference.repository, options.plainHttp);
    this.reference = reference;
    this.#client = new RegistryClient({
      transport: options.transport,
      origin: new URL(origin),
      registryHost: reference.registry,
      repository,
      credentials: options.credentials,
      trustedRealmHosts: options.trustedRealmHosts ?? [],
      maxRetries: options.maxRetries ?? 4,
      limits: {
        headersTimeoutMs: options.headersTimeoutMs ?? DEFAULT_LIMITS.headersTimeoutMs,
        idleTimeoutMs: options.idleTimeoutMs ?? DEFAULT_LIMITS.idleTimeoutMs,
        documentTimeoutMs: options.documentTimeoutMs ?? DEFAULT_LIMITS.documentTimeoutMs,
        minimumBytesPerSecond: options.minimumBytesPerSecond ?? DEFAULT_LIMITS.minimumBytesPerSecond,
      },
      timer: options.timer ?? systemTimer,
      userAgent: options.userAgent ?? "socikit",
      onEvent: options.onEvent,
    });
    this.#referrers = new RemoteReferrers(this.#client);
    this.#maxSkipBytes = options.maxSkipBytes ?? 16 * 1024 * 1024;
    const { uploadChunkSize = 8 * 1024 * 1024 } = options;
    if (!Number.isSafeInteger(uploadChunkSize) || uploadChunkSize < 1)
      throw new RangeError(`Cannot open repository: no upload has chunks of ${uploadChunkSize} bytes`);
    this.#uploads = { chunkSize: uploadChunkSize };
  }

  resolve(tagOrDigest: string, options?: ReadOptions): Promise<Descriptor> {
    return resolveManifest(this.#client, tagOrDigest, options);
  }

  async fetchManifest(target: string | Descriptor, options?: ReadOptions): Promise<FetchedManifest> {
    const { descriptor, bytes } = await fetchManifest(this.#client, target, options);
    return { descriptor, bytes };
  }

  async pushManifest(
    bytes: Uint8Array,
    mediaType: string,
    options?: ReadOptions & { readonly algorithm?: DigestAlgorithm | undefined },
  ): Promise<Descriptor> {
    const descriptor: Descriptor = { mediaType, digest: digestOf(bytes, options?.algorithm), size: bytes.length };
    const manifest = isManifestType(mediaType) || isIndexType(mediaType) ? decodeManifest(bytes, mediaType) : undefined;
    const response = await putManifest(this.#client, descriptor.digest, bytes, mediaType, options);
    if (manifest?.subject !== undefined) {
      const announced = response.headers.get("oci-subject") !== null;
      await this.#referrers.add(manifest.subject.digest, referrerOf(descriptor, manifest), announced, options);
    }
    this.#kept.delete(descriptor.digest);
    this.#kept.set(descriptor.digest, bytes.slice());
    for (const oldest of this.#kept.keys()) if (this.#kept.size > MAX_KEPT) this.#kept.delete(oldest);
    return descriptor;
  }

  /**
   * Lets a tag name a manifest. `expected` is looked at just before: registries have no compare-and-set. A manifest that is
   * named by SHA-512 is tagged so where the registry can; else the tag names the same bytes by the registry's own algorithm.
   *
   * @throws {RegistryError} `ERR_REGISTRY_TAG_CHANGED` where the tag does not name what was expected.
   */
  async tag(
    tag: string,
    target: Descriptor,
    options?: ReadOptions & { readonly expected?: Digest | null },
  ): Promise<void> {
    if (!isTag(tag)) throw new TypeError(`Cannot tag: ${JSON.stringify(tag)} is not a tag`);
    if (options?.expected !== undefined) await this.#expect(tag, options.expected, options);
    const bytes = this.#kept.get(target.digest) ?? (await fetchManifest(this.#client, target, options)).bytes;
    if (algorithmOf(target.digest) !== "sha256") {
      // A manifest under a tag gets the registry's own algorithm. One under a digest keeps it, and some take tags along:
      // https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-manifests
      const response = await putManifest(this.#client, target.digest, bytes, target.mediaType, { ...options, tag });
      const tagged = (response.headers.get("oci-tag") ?? "").split(",").map((name) => name.trim());
      if (tagged.includes(tag)) return;
    }
    await putManifest(this.#client, tag, bytes, target.mediaType, options);
  }

  async #expect(tag: string, expected: Digest | null, options: ReadOptions): Promise<void> {
    let found: Digest | null = null;
    try {
      found = (await resolveManifest(this.#client, tag, options)).digest;
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    if (found === expected) return;
    throw new RegistryError(
      "ERR_REGISTRY_TAG_CHANGED",
      `Cannot tag ${nameOf(this.#client, tag)}: it names ${found ?? "nothing"}, not ${expected ?? "nothing"}`,
    );
  }

  stat(digest: Digest, options?: ReadOptions): Promise<{ readonly size: number } | undefined> {
    return statBlob(this.#client, digest, options);
  }

  async open(
    blob: Pick<Descriptor, "digest" | "size">,
    options?: ReadOptions,
  ): Promise<ReturnType<typeof rangeSource>> {
    options?.signal?.throwIfAborted();
    return rangeSource(this.#client, blob, { maxSkipBytes: this.#maxSkipBytes });
  }

  async stream(blob: Pick<Descriptor, "digest" | "size">, options?: ReadOptions): Promise<ReadableStream<Uint8Array>> {
    options?.signal?.throwIfAborted();
    const source = rangeSource(this.#client, blob, { maxSkipBytes: this.#maxSkipBytes });
    return verifyStream(source.stream!(0, blob.size, options), blob);
  }

  begin(options?: BeginOptions): Promise<BlobUpload> {
    return beginUpload(this.#client, this.#uploads, options);
  }

  resume(id: string, options?: ReadOptions): Promise<BlobUpload> {
    return resumeUpload(this.#client, this.#uploads, id, options);
  }

  async mount(digest: Digest, from: string, options?: ReadOptions): Promise<boolean> {
    if (!isRepositoryName(from))
      throw new TypeError(`Cannot mount from ${JSON.stringify(from)}: it is not a repository name`);
    const { repository } = endpointOf(this.reference.registry, from);
    return mountBlob(this.#client, digest, repository, options);
  }

  referrers(subject: Digest, options?: ReferrersOptions): AsyncIterable<Descriptor> {
    return this.#referrers.list(subject, options);
  }

  async *tags(options?: ReadOptions): AsyncGenerator<string> {
    const { repository, registryHost } = this.#client.options;
    const action = `list tags of ${registryHost}/${repository}`;
    const list = pages(
      this.#client,
      {
        action,
        target: "repository",
        method: "GET",
        url: this.#client.url("tags/list"),
        headers: { accept: "application/json" },
        scopes: [repositoryScope(repository, "pull")],
        accept: ({ status }) => status === 200,
      },
      options,
    );
    for await (const { response, bytes, count } of list) {
      const tags = parseTags(bytes);
      if (tags === undefined) {
        throw new RegistryError(
          "ERR_REGISTRY_PROTOCOL",
          `Cannot ${action}: the registry's answer is not a list of tags`,
          this.#client.contextOf({ method: "GET" }, response),
        );
      }
      count(tags.length);
      yield* tags;
    }
  }

  async deleteManifest(digest: Digest, options?: ReadOptions): Promise<void> {
    // What it refers to is known only as long as it is there.
    const subject = await this.#subjectOf(digest, options);
    await this.#delete(digest, options);
    this.#kept.delete(digest);
    if (subject !== undefined) await this.#referrers.remove(subject, digest, options);
  }

  async untag(tag: string, options?: ReadOptions): Promise<void> {
    if (!isTag(tag)) throw new TypeError(`Cannot remove tag: ${JSON.stringify(tag)} is not a tag`);
    await this.#delete(tag, options);
  }

  async #subjectOf(digest: Digest, options: ReadOptions | undefined): Promise<Digest | undefined> {
    const { bytes, descriptor } = await fetchManifest(this.#client, digest, options);
    try {
      return decodeManifest(bytes, descriptor.mediaType).subject?.digest;
    } catch {
      // What cannot be read can be deleted all the same.
      return undefined;
    }
  }

  async #delete(name: string, options: ReadOptions | undefined): Promise<void> {
    const response = await this.#client.send(
      {
        ...manifestRequest(this.#client, name, "pull", "delete"),
        action: `delete ${isDigest(name) ? "manifest" : "tag"} ${nameOf(this.#client, name)}`,
        method: "DELETE",
        accept: ({ status }) => status >= 200 && status < 300,
      },
      options,
    );
    await response.body?.cancel();
  }
}

function parseTags(bytes: Uint8Array): readonly string[] | undefined {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
  const tags = typeof json === "object" && json !== null ? (json as { tags?: unknown }).tags : undefined;
  // Go writes null for an empty list.
  if (tags === null || tags === undefined) return [];
  return Array.isArray(tags) && tags.every((tag): tag is string => typeof tag === "string" && isTag(tag))
    ? tags
    : undefined;
}
