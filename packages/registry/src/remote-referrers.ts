import {
  decodeManifest,
  encodeIndex,
  isImageIndex,
  isNotFound,
  MAX_MANIFEST_SIZE,
  OCI_INDEX,
  OciError,
  type Descriptor,
  type Digest,
  type ImageIndex,
  type ReadOptions,
} from "@socikit/oci";
import type { ClientRequest, RegistryClient } from "./client.ts";
import { RegistryError } from "./errors.ts";
import { fetchManifest, manifestRequest, nameOf, putManifest } from "./manifest-access.ts";
import { pages } from "./pages.ts";
import { readBody } from "./read-body.ts";
import { mediaTypeOf, parseErrorBody } from "./responses.ts";
import {
  capabilityOf,
  isFiltered,
  mergeReferrer,
  referrersTag,
  withoutReferrers,
  type ReferrersCapability,
} from "./referrers.ts";
import { repositoryScope } from "./scopes.ts";

/** Attempts to write a referrers tag that others write too. */
const MAX_ATTEMPTS = 5;

/** The referrers of a registry's manifests, by its API or by the tag scheme: whichever it has is found out once. */
export class RemoteReferrers {
  readonly #client: RegistryClient;
  #capability: ReferrersCapability = "unknown";

  /** @param client The registry. */
  constructor(client: RegistryClient) {
    this.#client = client;
  }

  /** Descriptors of the manifests whose subject is `subject`. When they have been read, or are left, the event says by which way. */
  async *list(
    subject: Digest,
    options: ReadOptions & { readonly artifactType?: string } = {},
  ): AsyncGenerator<Descriptor> {
    let count = 0;
    try {
      for await (const referrer of this.#listed(subject, options)) {
        count++;
        yield referrer;
      }
    } finally {
      const via = this.#capability;
      if (via !== "unknown") this.#client.options.onEvent?.({ v: 1, type: "referrers", subject, via, count });
    }
  }

  async *#listed(
    subject: Digest,
    options: ReadOptions & { readonly artifactType?: string },
  ): AsyncGenerator<Descriptor> {
    const { artifactType } = options;
    const matches = (descriptor: Descriptor): boolean =>
      artifactType === undefined || descriptor.artifactType === artifactType;
    if (this.#capability !== "tag") {
      let first = true;
      for await (const { response, bytes } of pages(this.#client, this.#request(subject, artifactType), options)) {
        if (first) this.#capability = capabilityOf(statusOf(response, bytes)) ?? "unknown";
        if (first && this.#capability === "unknown") return;
        if (this.#capability === "tag") break;
        first = false;
        const index = this.#decode(bytes, subject);
        const filtered = isFiltered(response.headers.get("oci-filters-applied"));
        yield* filtered ? index.manifests : index.manifests.filter(matches);
      }
      if (this.#capability === "api") return;
    }
    const listed = await this.#readTag(referrersTag(subject), options);
    yield* (listed?.index.manifests ?? []).filter(matches);
  }

  /** Makes a manifest that was pushed findable: nothing to do where the registry has the API. */
  async add(subject: Digest, referrer: Descriptor, announced: boolean, options?: ReadOptions): Promise<void> {
    // https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests-with-subject
    if (announced) this.#capability = "api";
    if (await this.#hasApi(subject, options)) return;
    await this.#update(subject, (index) => mergeReferrer(index, referrer), options);
  }

  /** Takes a manifest that was deleted out of the list of its subject. */
  async remove(subject: Digest, referrer: Digest, options?: ReadOptions): Promise<void> {
    if (await this.#hasApi(subject, options)) return;
    const gone = new Set([referrer]);
    await this.#update(subject, (index) => index && withoutReferrers(index, gone), options);
  }

  async #hasApi(subject: Digest, options: ReadOptions | undefined): Promise<boolean> {
    if (this.#capability === "unknown") {
      const response = await this.#client.send(this.#request(subject), options);
      const context = this.#client.contextOf({ method: "GET" }, response);
      const bytes = await readBody(response.body, MAX_MANIFEST_SIZE, "list of referrers", context);
      this.#capability = capabilityOf(statusOf(response, bytes)) ?? "unknown";
    }
    return this.#capability === "api";
  }

  /** Read, change, write, read back: registries seldom know compare-and-set, so a list that lost the race is written again. */
  async #update(
    subject: Digest,
    change: (index: ImageIndex | undefined) => ImageIndex | undefined,
    options: ReadOptions | undefined,
  ): Promise<void> {
    const tag = referrersTag(subject);
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      // Each attempt builds on what the one before it left.
      const before = await this.#readTag(tag, options);
      let after = change(before?.index);
      if (after === before?.index || after === undefined) return;
      const condition: Record<string, string> = before?.etag === undefined ? {} : { "if-match": before.etag };
      let status = await this.#write(tag, after, condition, [400, 404, 412], options);
      if (status === 400 || status === 404) {
        // Registries refuse a list that names manifests which have been deleted meanwhile.
        after = await this.#withoutMissing(after, options);
        status = await this.#write(tag, after, condition, [412], options);
      }
      if (status === 412) continue;
      const found = await this.#readTag(tag, options);
      if (change(found?.index) === found?.index) return;
    }
    throw new RegistryError(
      "ERR_REGISTRY_TAG_CHANGED",
      `Cannot list referrers of ${nameOf(this.#client, subject)}: others write "${tag}" at the same time, ${MAX_ATTEMPTS} attempts were overwritten`,
      { retryable: true },
    );
  }

  async #write(
    tag: string,
    index: ImageIndex,
    headers: Readonly<Record<string, string>>,
    accept: readonly number[],
    options: ReadOptions | undefined,
  ): Promise<number> {
    return (await putManifest(this.#client, tag, encodeIndex(index), OCI_INDEX, { ...options, headers, accept }))
      .status;
  }

  async #withoutMissing(index: ImageIndex, options: ReadOptions | undefined): Promise<ImageIndex> {
    const gone = new Set<Digest>();
    for (const { digest } of index.manifests) {
      // One after the other: a list is short, and this is rare.
      const response = await this.#client.send(
        {
          ...manifestRequest(this.#client, digest, "pull"),
          method: "HEAD",
          headers: { accept: "*/*" },
          accept: ({ status }) => status === 200 || status === 404,
        },
        options,
      );
      await response.body?.cancel();
      if (response.status === 404) gone.add(digest);
    }
    return withoutReferrers(index, gone);
  }

  async #readTag(
    tag: string,
    options: ReadOptions | undefined,
  ): Promise<{ readonly index: ImageIndex; readonly etag: string | undefined } | undefined> {
    try {
      const { bytes, descriptor, etag } = await fetchManifest(this.#client, tag, options);
      const manifest = decodeManifest(bytes, descriptor.mediaType);
      if (isImageIndex(manifest)) return { index: manifest, etag };
      // Whoever may push can write the tag: its content says nothing of the registry.
      throw new OciError(
        "ERR_OCI_INVALID_MANIFEST",
        `Cannot list referrers: ${nameOf(this.#client, tag)} is not an index`,
      );
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  #request(subject: Digest, artifactType?: string): ClientRequest {
    const query: Record<string, string> = artifactType === undefined ? {} : { artifactType };
    return {
      action: `list referrers of ${nameOf(this.#client, subject)}`,
      target: "repository",
      method: "GET",
      url: this.#client.url(`referrers/${subject}`, query),
      headers: { accept: OCI_INDEX },
      scopes: [repositoryScope(this.#client.options.repository, "pull")],
      accept: ({ status }) =>
        status === 200 || status === 404 || status === 400 || status === 405 || status === 406 || status === 501,
    };
  }

  #decode(bytes: Uint8Array, subject: Digest): ImageIndex {
    const manifest = decodeManifest(bytes, OCI_INDEX);
    if (isImageIndex(manifest)) return manifest;
    throw new RegistryError(
      "ERR_REGISTRY_PROTOCOL",
      `Cannot list referrers of ${nameOf(this.#client, subject)}: the registry's answer is not an index`,
    );
  }
}

function statusOf(
  response: { readonly status: number; readonly headers: Headers },
  bytes: Uint8Array,
): Parameters<typeof capabilityOf>[0] {
  return {
    status: response.status,
    mediaType: mediaTypeOf(response.headers),
    codes: response.status === 200 ? [] : parseErrorBody(bytes).map(({ code }) => code),
  };
}
