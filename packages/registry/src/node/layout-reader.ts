import {
  isDigest,
  OciError,
  referrersTag,
  verifyStream,
  type BlobReader,
  type BlobSource,
  type Descriptor,
  type Digest,
  type FetchedManifest,
  type ManifestReader,
  type ReadOptions,
  type ReferrerLister,
  type TagLister,
} from "@socikit/oci";
import { RegistryError } from "../errors.ts";
import { sizeMismatch } from "../size-mismatch.ts";
import { sourceStream } from "../source-stream.ts";
import type { FactsOf } from "./layout-entries.ts";
import type { LayoutFiles } from "./layout-files.ts";
import { findTag, tagOfName, type LayoutEntry } from "./layout-index.ts";
import type { LayoutManifests } from "./layout-manifests.ts";

/** Tags that an error names. */
const MAX_NAMED = 10;

/** Reads a layout, wherever its files are. */
export class LayoutReader implements ManifestReader, BlobReader, ReferrerLister, TagLister {
  readonly #files: LayoutFiles;
  readonly #manifests: LayoutManifests;
  readonly #readEntries: () => Promise<readonly LayoutEntry[]>;
  readonly #factsOf: FactsOf;

  /** @param readEntries The entries of `index.json`, as they are now. */
  constructor(files: LayoutFiles, manifests: LayoutManifests, readEntries: () => Promise<readonly LayoutEntry[]>) {
    this.#files = files;
    this.#manifests = manifests;
    this.#readEntries = readEntries;
    this.#factsOf = (descriptor) => manifests.facts(descriptor);
  }

  async entries(options?: ReadOptions): Promise<readonly Descriptor[]> {
    options?.signal?.throwIfAborted();
    return (await this.#readEntries()).map(({ descriptor }) => descriptor);
  }

  async onlyImage(options?: ReadOptions): Promise<Descriptor> {
    const images = new Map<Digest, { readonly descriptor: Descriptor; readonly name: string | undefined }>();
    const children = new Set<Digest>();
    let broken: unknown;
    for (const { descriptor, name } of await this.#readEntries()) {
      options?.signal?.throwIfAborted();
      const facts = await this.#manifests.checkedFacts(descriptor).catch((error: unknown) => {
        if (!(error instanceof OciError || error instanceof RegistryError)) throw error;
        broken ??= error;
        return undefined;
      });
      if (facts?.isImage !== true || isReferrersTag(name)) continue;
      for (const child of facts.children) children.add(child.digest);
      const found = { mediaType: facts.mediaType, digest: descriptor.digest, size: descriptor.size };
      images.set(found.digest, { descriptor: found, name: images.get(found.digest)?.name ?? name });
    }
    // oras lists the children of an index beside it.
    const roots = [...images.values()].filter(
      ({ descriptor, name }) => name !== undefined || !children.has(descriptor.digest),
    );
    const [first, ...others] = roots;
    if (first === undefined) {
      // Where one is there that cannot be read, this is what is to be known.
      if (broken !== undefined) throw broken;
      throw new RegistryError("ERR_REGISTRY_MANIFEST_UNKNOWN", `Cannot find image: "${this.#files.place}" holds none`);
    }
    if (others.length === 0) return first.descriptor;
    const names = roots.map(({ descriptor, name }) => name ?? descriptor.digest);
    const more = names.length > MAX_NAMED ? `, and ${names.length - MAX_NAMED} more` : "";
    throw new RegistryError(
      "ERR_REGISTRY_AMBIGUOUS_IMAGE",
      `Cannot choose an image: "${this.#files.place}" holds ${names.slice(0, MAX_NAMED).join(", ")}${more}; name one`,
    );
  }

  async resolve(tagOrDigest: string, options?: ReadOptions): Promise<Descriptor> {
    options?.signal?.throwIfAborted();
    const { digest, mediaType } = await this.find(tagOrDigest);
    if (mediaType === "") return (await this.#manifests.fetch(digest, "", tagOrDigest)).descriptor;
    const file = await this.#files.find(digest);
    if (file === undefined) throw this.#manifests.unknown(tagOrDigest);
    return { mediaType, digest, size: file.size };
  }

  async fetchManifest(target: string | Descriptor, options?: ReadOptions): Promise<FetchedManifest> {
    options?.signal?.throwIfAborted();
    if (typeof target === "string") {
      const { digest, mediaType } = await this.find(target);
      return this.#manifests.fetch(digest, mediaType, target);
    }
    const fetched = await this.#manifests.fetch(target.digest, target.mediaType, target.digest);
    if (fetched.descriptor.size !== target.size) throw sizeMismatch(target, fetched.descriptor.size, this.#files.place);
    return fetched;
  }

  async stat(digest: Digest, options?: ReadOptions): Promise<{ readonly size: number } | undefined> {
    options?.signal?.throwIfAborted();
    const found = await this.#files.find(digest);
    return found && { size: found.size };
  }

  async open(blob: Pick<Descriptor, "digest" | "size">, options?: ReadOptions): Promise<BlobSource> {
    options?.signal?.throwIfAborted();
    const file = await this.#files.find(blob.digest);
    if (file === undefined) {
      throw new RegistryError(
        "ERR_REGISTRY_BLOB_UNKNOWN",
        `Cannot open blob: "${this.#files.place}" has no ${blob.digest}`,
      );
    }
    if (file.size !== blob.size) throw sizeMismatch(blob, file.size, this.#files.place);
    return file.open();
  }

  async stream(blob: Pick<Descriptor, "digest" | "size">, options?: ReadOptions): Promise<ReadableStream<Uint8Array>> {
    const source = await this.open(blob, options);
    return verifyStream(sourceStream(source, 0, source.size, options?.signal), blob);
  }

  async *referrers(
    subject: Digest,
    options?: ReadOptions & { readonly artifactType?: string },
  ): AsyncIterable<Descriptor> {
    const seen = new Set<Digest>();
    const wanted = (referrer: Descriptor): boolean => {
      if (seen.has(referrer.digest)) return false;
      seen.add(referrer.digest);
      return options?.artifactType === undefined || referrer.artifactType === options.artifactType;
    };
    const entries = await this.#readEntries();
    for (const { descriptor } of entries) {
      options?.signal?.throwIfAborted();
      const facts = await this.#factsOf(descriptor);
      if (facts?.subject === subject && wanted(facts.referrer)) yield facts.referrer;
    }
    // Layouts that were copied from a registry without the referrers API hold its list under this tag.
    const listed = entries.find(({ name }) => name === referrersTag(subject));
    for (const referrer of (listed && (await this.#factsOf(listed.descriptor)))?.children ?? []) {
      if (wanted(referrer)) yield referrer;
    }
  }

  async *tags(options?: ReadOptions): AsyncIterable<string> {
    const tags = new Set<string>();
    for (const { name } of await this.#readEntries()) {
      const tag = name === undefined ? undefined : tagOfName(name);
      if (tag !== undefined) tags.add(tag);
    }
    for (const tag of [...tags].sort()) {
      options?.signal?.throwIfAborted();
      yield tag;
    }
  }

  /** What a tag or digest names; the media type is empty where the entry has none, or there is no entry. */
  async find(tagOrDigest: string): Promise<{ readonly digest: Digest; readonly mediaType: string }> {
    const entries = await this.#readEntries();
    if (isDigest(tagOrDigest)) {
      const listed = entries.find(({ descriptor }) => descriptor.digest === tagOrDigest && descriptor.mediaType !== "");
      return { digest: tagOrDigest, mediaType: listed?.descriptor.mediaType ?? "" };
    }
    const entry = findTag(entries, tagOrDigest);
    if (entry === undefined) throw this.#manifests.unknown(tagOrDigest);
    return { digest: entry.descriptor.digest, mediaType: entry.descriptor.mediaType };
  }
}

function isReferrersTag(name: string | undefined): boolean {
  return name !== undefined && /^sha(?:256|512)-[0-9a-f]{64}$/.test(name);
}
