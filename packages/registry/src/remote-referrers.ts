import {
  decodeManifest,
  encodeIndex,
  isImageIndex,
  isNotFound,
  MAX_MANIFEST_SIZE,
  OCI_INDEX,
  OciError,
  referrersTag,
  type Descriptor,
  type Digest,
  type ImageIndex,
  type ReadOptions,
  type ReferrersAnswer,
  type ReferrersOptions,
} from "@socikit/oci";
import type { ClientRequest, RegistryClient } from "./client.ts";
import { RegistryError, type RegistryErrorCode } from "./errors.ts";
import { fetchManifest, manifestRequest, nameOf, putManifest } from "./manifest-access.ts";
import { pages } from "./pages.ts";
import { readBody } from "./read-body.ts";
import { referrerOf } from "./referrer.ts";
import { ReferrerSieve } from "./referrer-sieve.ts";
import { mediaTypeOf, parseErrorBody } from "./responses.ts";
import { capabilityOf, isFiltered, mergeReferrer, withoutReferrers, type ReferrersCapability } from "./referrers.ts";
import { repositoryScope } from "./scopes.ts";

/** Attempts to write a referrers tag that others write too. */
const MAX_ATTEMPTS = 5;

/** Manifests that are read to learn their type, where a list does not tell. Whoever may push can add as many as they like. */
const MAX_UNTYPED = 16;

/**
 * The referrers of a registry's manifests, by its API and by the tag scheme. Whether it has the API is found out once. What it
 * says is not believed alone: lists under tags stay behind when a registry learns the API, some filter by a type that they do
 * not see (the config's, which is SOCI's), and lists that clients keep under tags lack types
 * (https://github.com/sigstore/cosign/issues/4641).
 */
export class RemoteReferrers {
  readonly #client: RegistryClient;
  #capability: ReferrersCapability = "unknown";

  /** @param client The registry. */
  constructor(client: RegistryClient) {
    this.#client = client;
  }

  /**
   * Descriptors of the manifests whose subject is `subject`, each once: those of the API, then those of the tag that the API
   * does not list, then, where a type is asked for and none came, those that the API lists when it is not to filter. Of those
   * without a type the manifests are read, 16 at most. Whoever has found what it looked for leaves, and nothing more is asked.
   *
   * Where the registry answers the API with an error, or its list does not end, what the tag lists is given all the same, and
   * then the error is thrown: the list may not be all.
   *
   * @throws {OciError} for a list that cannot be read, where no other has any.
   * @throws {RegistryError} what the API answers, at the list's end.
   */
  async *list(subject: Digest, options: ReferrersOptions = {}): AsyncGenerator<Descriptor> {
    const { artifactType } = options;
    const sieve = new ReferrerSieve(artifactType);
    let hidden = false;
    let failure: OciError | undefined;
    let refusal: RegistryError | undefined;
    if (this.#capability !== "tag") {
      try {
        hidden = yield* this.#fromApi(subject, artifactType, sieve, options);
      } catch (error) {
        if (error instanceof OciError) failure = error;
        else if (isRefusal(error)) refusal = error;
        else throw error;
      }
      // Neither there nor not: an error that says that the repository is not.
      if (this.#capability === "unknown" && refusal === undefined) return;
    } else {
      // Asked before, and remembered: whoever listens now has not heard.
      const { search } = this.#request(subject, artifactType).url;
      options.onAnswer?.({
        way: "api",
        asked: `referrers/${subject}${search}`,
        outcome: "unsupported",
        listed: 0,
        given: 0,
      });
    }
    try {
      yield* this.#fromTag(subject, sieve, options);
    } catch (error) {
      if (refusal !== undefined && (error instanceof RegistryError || error instanceof OciError)) throw refusal;
      throw error;
    }
    if (hidden && sieve.given === 0) yield* this.#fromApi(subject, undefined, sieve, options);
    for (const descriptor of sieve.untyped.slice(0, MAX_UNTYPED)) {
      // One after the other: whoever has found what it looked for leaves.
      const typed = await this.#withType(descriptor, options);
      if (typed !== undefined) yield* sieve.take([typed], false);
    }
    if (refusal !== undefined) throw refusal;
    if (failure !== undefined && sieve.given === 0) throw failure;
  }

  /** Gives what the API lists. Returns whether the registry has left some out, of other types as it says. */
  async *#fromApi(
    subject: Digest,
    artifactType: string | undefined,
    sieve: ReferrerSieve,
    options: ReferrersOptions,
  ): AsyncGenerator<Descriptor, boolean> {
    const request = this.#request(subject, artifactType);
    const answer = new Answer("api", `referrers/${subject}${request.url.search}`, sieve);
    let filtered = false;
    try {
      let first = true;
      for await (const { response, bytes, count } of pages(this.#client, request, options)) {
        if (first) this.#capability = capabilityOf(statusOf(response, bytes)) ?? "unknown";
        if (first && this.#capability !== "api") {
          answer.outcome = "unsupported";
          return false;
        }
        first = false;
        const { manifests } = this.#decode(bytes, subject);
        answer.listed += manifests.length;
        count(manifests.length);
        filtered = artifactType !== undefined && isFiltered(response.headers.get("oci-filters-applied"));
        yield* sieve.take(manifests, filtered);
      }
      return filtered;
    } catch (error) {
      if (error instanceof OciError) answer.outcome = "unusable";
      if (isRefusal(error)) answer.outcome = "refused";
      throw error;
    } finally {
      this.#tell(subject, answer, options);
    }
  }

  async *#fromTag(subject: Digest, sieve: ReferrerSieve, options: ReferrersOptions): AsyncGenerator<Descriptor> {
    const answer = new Answer("tag", referrersTag(subject), sieve);
    try {
      const listed = await this.#readTag(answer.asked, options);
      if (listed === undefined) answer.outcome = "absent";
      const manifests = listed?.index.manifests ?? [];
      answer.listed = manifests.length;
      yield* sieve.take(manifests, false);
    } catch (error) {
      if (!(error instanceof OciError)) throw error;
      answer.outcome = "unusable";
      // Where there is an API, whoever may push cannot hide what it lists by what they write under the tag.
      if (this.#capability !== "api") throw error;
    } finally {
      this.#tell(subject, answer, options);
    }
  }

  #tell(subject: Digest, answer: Answer, options: ReferrersOptions): void {
    const isUnanswered = this.#capability === "unknown" && answer.way === "api" && answer.outcome !== "refused";
    if (isUnanswered) return;
    options.onAnswer?.(answer.result());
    const { way: via, outcome } = answer;
    // That a tag is not there is worth a word only where there is nothing else.
    const isNews = outcome === "listed" || (outcome === "absent" && this.#capability === "tag");
    const count = answer.result().given;
    if (isNews) this.#client.options.onEvent?.({ v: 1, type: "referrers", subject, via, count });
  }

  /** The descriptor with the type that its manifest has. `undefined` where it cannot be read: it is of no use then. */
  async #withType(descriptor: Descriptor, options: ReadOptions): Promise<Descriptor | undefined> {
    try {
      const { bytes, descriptor: found } = await fetchManifest(this.#client, descriptor, options);
      const { artifactType } = referrerOf(descriptor, decodeManifest(bytes, found.mediaType));
      return artifactType === undefined ? undefined : { ...descriptor, artifactType };
    } catch (error) {
      if (error instanceof OciError || isNotFound(error)) return undefined;
      throw error;
    }
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
    if (this.#capability !== "unknown") return this.#capability === "api";
    try {
      const response = await this.#client.send(this.#request(subject), options);
      const context = this.#client.contextOf({ method: "GET" }, response);
      const bytes = await readBody(response.body, MAX_MANIFEST_SIZE, "list of referrers", context);
      this.#capability = capabilityOf(statusOf(response, bytes)) ?? "unknown";
    } catch (error) {
      // Whom the API is denied to keeps the tag, as the specification asks where nothing was announced. What is broken may be whole soon.
      if (!(error instanceof RegistryError && error.denied)) throw error;
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
      if (change(found?.index) !== found?.index) continue;
      if (before !== undefined && before.digest !== found?.digest) await this.#discard(before, options);
      return;
    }
    throw new RegistryError(
      "ERR_REGISTRY_TAG_CHANGED",
      `Cannot list referrers of ${nameOf(this.#client, subject)}: others write "${tag}" at the same time, ${MAX_ATTEMPTS} attempts were overwritten`,
      { retryable: true },
    );
  }

  /**
   * Deletes a list that a new one has taken the place of: nothing names it any more, and what it names cannot be deleted from some
   * registries as long as it is there (https://github.com/oras-project/oras/issues/1228). Where that is not allowed it stays.
   */
  async #discard(before: ListedTag, options: ReadOptions | undefined): Promise<void> {
    // The empty list is the same for all subjects, and may still be another's.
    if (before.index.manifests.length === 0) return;
    try {
      const request = manifestRequest(this.#client, before.digest, "pull", "delete");
      const action = `delete manifest ${nameOf(this.#client, before.digest)}`;
      const accept = (): boolean => true;
      const response = await this.#client.send({ ...request, action, method: "DELETE", accept }, options);
      await response.body?.cancel();
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error;
    }
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

  async #readTag(tag: string, options: ReadOptions | undefined): Promise<ListedTag | undefined> {
    try {
      const { bytes, descriptor, etag } = await fetchManifest(this.#client, tag, options);
      const manifest = decodeManifest(bytes, descriptor.mediaType);
      if (isImageIndex(manifest)) return { index: manifest, digest: descriptor.digest, etag };
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

/**
 * Whether the registry has answered, and so that it says nothing of what is under a tag. Where the network failed, or the registry asks
 * to be left alone, nothing else is tried.
 */
function isRefusal(error: unknown): error is RegistryError {
  return error instanceof RegistryError && REFUSALS.has(error.code);
}

const REFUSALS: ReadonlySet<RegistryErrorCode> = new Set<RegistryErrorCode>([
  "ERR_REGISTRY_UNAUTHORIZED",
  "ERR_REGISTRY_DENIED",
  "ERR_REGISTRY_STATUS",
  "ERR_REGISTRY_PROTOCOL",
  "ERR_REGISTRY_REDIRECT",
  "ERR_REGISTRY_TOO_LARGE",
]);

/** The list that a tag names. */
interface ListedTag {
  readonly index: ImageIndex;
  readonly digest: Digest;
  readonly etag: string | undefined;
}

/** What one way has given so far. */
class Answer {
  readonly way: ReferrersAnswer["way"];
  readonly asked: string;
  outcome: ReferrersAnswer["outcome"] = "listed";
  listed = 0;
  readonly #sieve: ReferrerSieve;
  readonly #before: number;

  constructor(way: ReferrersAnswer["way"], asked: string, sieve: ReferrerSieve) {
    this.way = way;
    this.asked = asked;
    this.#sieve = sieve;
    this.#before = sieve.given;
  }

  result(): ReferrersAnswer {
    const { way, asked, outcome, listed } = this;
    return { way, asked, outcome, listed, given: this.#sieve.given - this.#before };
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
