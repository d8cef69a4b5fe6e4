import {
  decodeManifest,
  digestOf,
  encodeIndex,
  isDigest,
  isImageIndex,
  OCI_INDEX,
  referrersTag,
  type Deleter,
  type Descriptor,
  type Digest,
  type ManifestReader,
  type ManifestWriter,
  type ReferrerLister,
  type TagLister,
} from "@socikit/oci";

/**
 * The manifests of a repository in memory, kept as a registry does: with the referrers API, or with lists under tags, which
 * `pushManifest` keeps as clients do. What others do besides is written to the maps.
 */
export class MemoryRepository implements TagLister, ManifestReader, ManifestWriter, ReferrerLister, Deleter {
  readonly manifests: Map<Digest, { readonly mediaType: string; readonly bytes: Uint8Array }> = new Map();
  readonly tagged: Map<string, Digest> = new Map();
  /** Which deletions are taken. */
  deletions: "all" | "of-manifests" | "none" | "denied" = "all";
  /** Whether the tags of a manifest stay, with what they name, when it is deleted by its digest. */
  keepsTags = false;
  /** What was asked, in order. */
  readonly asked: string[] = [];
  readonly #api: boolean;

  constructor(kind: "api" | "tags") {
    this.#api = kind === "api";
  }

  async *tags(): AsyncGenerator<string> {
    yield* [...this.tagged.keys()].sort();
  }

  async resolve(name: string): Promise<Descriptor> {
    this.asked.push(`resolve ${name}`);
    return this.#find(name);
  }

  async fetchManifest(target: string | Descriptor): Promise<{ descriptor: Descriptor; bytes: Uint8Array }> {
    const name = typeof target === "string" ? target : target.digest;
    this.asked.push(`fetch ${name}`);
    const descriptor = this.#find(name);
    return { descriptor, bytes: this.manifests.get(descriptor.digest)!.bytes };
  }

  async pushManifest(bytes: Uint8Array, mediaType: string): Promise<Descriptor> {
    const digest = digestOf(bytes);
    this.manifests.set(digest, { mediaType, bytes });
    this.asked.push(`push ${digest}`);
    const descriptor = { mediaType, digest, size: bytes.length };
    const { subject } = decodeManifest(bytes);
    if (subject !== undefined && !this.#api)
      this.putList(subject.digest, [...this.listUnder(referrersTag(subject.digest)), this.#typed(descriptor)]);
    return descriptor;
  }

  async tag(tag: string, { digest }: Descriptor, options?: { readonly expected?: Digest | null }): Promise<void> {
    const before = this.tagged.get(tag) ?? null;
    if (options?.expected !== undefined && options.expected !== before)
      throw new Error(`Cannot tag ${tag}: it names ${before}`);
    this.asked.push(`tag ${tag}`);
    this.tagged.set(tag, digest);
  }

  async *referrers(subject: Digest, options?: Parameters<ReferrerLister["referrers"]>[1]): AsyncGenerator<Descriptor> {
    this.asked.push(`referrers ${subject}`);
    const given = new Set<Digest>();
    const unsupported = { way: "api", asked: "", outcome: "unsupported", listed: 0, given: 0 } as const;
    if (!this.#api) options?.onAnswer?.(unsupported);
    else
      for (const [digest, { bytes }] of this.manifests) {
        if (decodeManifest(bytes).subject?.digest !== subject) continue;
        given.add(digest);
        yield this.#typed(this.#find(digest));
      }
    for (const entry of this.listUnder(referrersTag(subject))) if (!given.has(entry.digest)) yield entry;
  }

  async deleteManifest(digest: Digest): Promise<void> {
    this.#refuse(true);
    this.#find(digest);
    this.asked.push(`delete ${digest}`);
    if (![...this.tagged.values()].includes(digest) || !this.keepsTags) this.drop(digest);
  }

  async untag(tag: string): Promise<void> {
    this.#refuse(false);
    this.#find(tag);
    this.asked.push(`untag ${tag}`);
    this.drop(tag);
  }

  /** Deletes as someone else does, with no look at what that leaves. */
  drop(name: string): void {
    if (!isDigest(name)) this.tagged.delete(name);
    else {
      this.manifests.delete(name);
      for (const [tag, digest] of this.tagged) if (digest === name) this.tagged.delete(tag);
    }
  }

  /** Puts a list of referrers under its tag. */
  putList(subject: Digest, entries: readonly Descriptor[]): Digest {
    const bytes = encodeIndex({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: entries });
    const digest = digestOf(bytes);
    this.manifests.set(digest, { mediaType: OCI_INDEX, bytes });
    this.tagged.set(referrersTag(subject), digest);
    return digest;
  }

  /** What a list of referrers has. */
  listUnder(tag: string): readonly Descriptor[] {
    const digest = this.tagged.get(tag);
    const held = digest === undefined ? undefined : this.manifests.get(digest);
    const list = held === undefined ? undefined : decodeManifest(held.bytes);
    return list !== undefined && isImageIndex(list) ? list.manifests : [];
  }

  /** What was changed, of what was asked. */
  get changes(): readonly string[] {
    return this.asked.filter((what) => /^(?:push|tag|delete|untag) /.test(what));
  }

  #find(name: string): Descriptor {
    const digest = isDigest(name) ? name : this.tagged.get(name);
    const held = digest === undefined ? undefined : this.manifests.get(digest);
    if (digest === undefined || held === undefined)
      throw Object.assign(new Error(`Cannot find ${name}`), { notFound: true });
    return { mediaType: held.mediaType, digest, size: held.bytes.length };
  }

  #typed(descriptor: Descriptor): Descriptor {
    const manifest = decodeManifest(this.manifests.get(descriptor.digest)!.bytes);
    return isImageIndex(manifest) ? descriptor : { ...descriptor, artifactType: manifest.config.mediaType };
  }

  #refuse(ofManifest: boolean): void {
    if (this.deletions === "none" || (this.deletions === "of-manifests" && !ofManifest))
      throw Object.assign(new Error("the registry answers 405"), { unsupported: true });
    if (this.deletions === "denied") throw Object.assign(new Error("the registry answers 403"), { denied: true });
  }
}
