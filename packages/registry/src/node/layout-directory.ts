import { mkdir, readdir, realpath, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import {
  digestOf,
  isDigest,
  isTag,
  OciError,
  verifyStream,
  type BlobSource,
  type BlobUpload,
  type Descriptor,
  type Digest,
  type DigestAlgorithm,
  type FetchedManifest,
  type ReadOptions,
} from "@socikit/oci";
import { isMissingFile, openFileSource, readRegularFile, replaceFile, syncDirectory } from "@socikit/oci/node";
import { RegistryError } from "../errors.ts";
import { manifestFacts } from "../manifest-facts.ts";
import { referrersTag } from "../referrers.ts";
import { sizeMismatch } from "../size-mismatch.ts";
import { sourceStream } from "../source-stream.ts";
import type { StoreRepository } from "../store.ts";
import { nameOfRaw, rawEntry, reaches, withoutChildren, withoutNames, type FactsOf } from "./layout-entries.ts";
import { findTag, LayoutIndex, tagOfName, unreadableFile } from "./layout-index.ts";
import { isWhole, LayoutManifests, statFile } from "./layout-manifests.ts";
import { LayoutUploads } from "./layout-upload.ts";

/** Options of {@linkcode openLayoutDirectory}. */
export interface LayoutOptions {
  /** Makes the layout where the directory is empty or not there. @default false */
  readonly create?: boolean | undefined;
  /**
   * A directory that holds the layout: a blob whose symbolic link leads out of it is as good as none. For who gives blobs
   * away unchecked, as a server does: a stranger's layout could name any file of this machine. Without it links lead
   * anywhere, as build systems write them.
   */
  readonly root?: string | undefined;
}

/**
 * An OCI image layout directory as a repository.
 *
 * Tags are `org.opencontainers.image.ref.name` annotations of `index.json`; a whole reference there, as some tools write,
 * counts by its tag. Manifests that no tag or index leads to are entries without a name, referrers among them: they are
 * found by reading those. Every write is whole or not there, whenever the process or machine stops; writers of this and
 * other processes wait for each other.
 */
export interface LayoutDirectory extends Omit<StoreRepository, "mount" | "deleteBlob"> {
  /** The directory's real path. */
  readonly directory: string;
  /** Removes a blob. */
  deleteBlob(digest: Digest, options?: ReadOptions): Promise<void>;
  /** The entries of `index.json`, annotations included, in its order. */
  entries(options?: ReadOptions): Promise<readonly Descriptor[]>;
  /**
   * The only image among the entries; referrers and artifacts do not count.
   *
   * @throws {RegistryError} `ERR_REGISTRY_AMBIGUOUS_IMAGE`, naming the tags; `ERR_REGISTRY_MANIFEST_UNKNOWN` for none.
   */
  onlyImage(options?: ReadOptions): Promise<Descriptor>;
}

/** Largest `oci-layout` read, in bytes; those of all tools have fewer than a hundred. */
const MAX_LAYOUT_FILE = 64 * 1024;

/** Tags that an error names. */
const MAX_NAMED = 10;

/**
 * Opens an OCI image layout.
 * https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
 *
 * @throws {RegistryError} `ERR_REGISTRY_NOT_A_LAYOUT` where the directory has no `oci-layout` file;
 * `ERR_REGISTRY_INVALID_LAYOUT` where that cannot be read, or, with `create`, the directory holds other things.
 */
export async function openLayoutDirectory(directory: string, options: LayoutOptions = {}): Promise<LayoutDirectory> {
  if (options.create === true) await createLayout(directory);
  await checkLayout(directory);
  const real = await realpath(directory);
  return new OpenLayout(real, options.root === undefined ? undefined : await realpath(options.root));
}

/** Whether a directory holds an `oci-layout` file. */
export async function isLayoutDirectory(directory: string): Promise<boolean> {
  return (await statFile(join(directory, "oci-layout"))) !== undefined;
}

async function createLayout(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  if (!(await isLayoutDirectory(directory))) {
    // What a creation that was cut short leaves is taken up again.
    const foreign = (await readdir(directory)).filter(
      (name) => name !== "blobs" && name !== "index.json" && !name.startsWith("."),
    );
    if (foreign.length > 0)
      throw invalidLayout(directory, `it holds other things (${JSON.stringify(foreign[0])}); name an empty directory`);
    await replaceFile(join(directory, "oci-layout"), new TextEncoder().encode('{"imageLayoutVersion":"1.0.0"}'));
  }
  const real = await realpath(directory);
  await mkdir(join(real, "blobs", "sha256"), { recursive: true });
  await new LayoutIndex(real).create();
}

async function checkLayout(directory: string): Promise<void> {
  let version: unknown;
  try {
    const text = new TextDecoder().decode(await readRegularFile(join(directory, "oci-layout"), MAX_LAYOUT_FILE));
    version = (JSON.parse(text) as { imageLayoutVersion?: unknown })?.imageLayoutVersion;
  } catch (cause) {
    if (isMissingFile(cause))
      throw new RegistryError(
        "ERR_REGISTRY_NOT_A_LAYOUT",
        `Cannot open layout "${directory}": it has no oci-layout file`,
        { cause },
      );
    const unreadable = unreadableFile(cause, MAX_LAYOUT_FILE);
    if (unreadable !== undefined) throw invalidLayout(directory, `its oci-layout is ${unreadable}`, cause);
    if (cause instanceof SyntaxError) throw invalidLayout(directory, "its oci-layout file is not JSON", cause);
    throw cause;
  }
  if (typeof version !== "string" || !version.startsWith("1."))
    throw invalidLayout(directory, `its version is ${JSON.stringify(version) ?? "missing"}, and only 1.x is known`);
}

class OpenLayout implements LayoutDirectory {
  readonly directory: string;
  readonly #index: LayoutIndex;
  readonly #uploads: LayoutUploads;
  readonly #manifests: LayoutManifests;
  readonly #factsOf: FactsOf;

  constructor(directory: string, root: string | undefined) {
    this.directory = directory;
    this.#index = new LayoutIndex(directory);
    this.#uploads = new LayoutUploads(join(directory, "blobs"));
    this.#manifests = new LayoutManifests(directory, root);
    this.#factsOf = (descriptor) => this.#manifests.facts(descriptor);
  }

  async entries(options?: ReadOptions): Promise<readonly Descriptor[]> {
    options?.signal?.throwIfAborted();
    return (await this.#index.entries()).map(({ descriptor }) => descriptor);
  }

  async onlyImage(options?: ReadOptions): Promise<Descriptor> {
    const images = new Map<Digest, { readonly descriptor: Descriptor; readonly name: string | undefined }>();
    const children = new Set<Digest>();
    let broken: unknown;
    for (const { descriptor, name } of await this.#index.entries()) {
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
      throw new RegistryError("ERR_REGISTRY_MANIFEST_UNKNOWN", `Cannot find image: "${this.directory}" holds none`);
    }
    if (others.length === 0) return first.descriptor;
    const names = roots.map(({ descriptor, name }) => name ?? descriptor.digest);
    const more = names.length > MAX_NAMED ? `, and ${names.length - MAX_NAMED} more` : "";
    throw new RegistryError(
      "ERR_REGISTRY_AMBIGUOUS_IMAGE",
      `Cannot choose an image: "${this.directory}" holds ${names.slice(0, MAX_NAMED).join(", ")}${more}; name one`,
    );
  }

  async resolve(tagOrDigest: string, options?: ReadOptions): Promise<Descriptor> {
    options?.signal?.throwIfAborted();
    const { digest, mediaType } = await this.#find(tagOrDigest);
    if (mediaType === "") return (await this.#manifests.fetch(digest, "", tagOrDigest)).descriptor;
    const file = await this.#manifests.findBlob(digest);
    if (file === undefined) throw this.#manifests.unknown(tagOrDigest);
    return { mediaType, digest, size: file.size };
  }

  async fetchManifest(target: string | Descriptor, options?: ReadOptions): Promise<FetchedManifest> {
    options?.signal?.throwIfAborted();
    if (typeof target === "string") {
      const { digest, mediaType } = await this.#find(target);
      return this.#manifests.fetch(digest, mediaType, target);
    }
    const fetched = await this.#manifests.fetch(target.digest, target.mediaType, target.digest);
    if (fetched.descriptor.size !== target.size) throw sizeMismatch(target, fetched.descriptor.size, this.directory);
    return fetched;
  }

  async pushManifest(
    bytes: Uint8Array,
    mediaType: string,
    options?: ReadOptions & { readonly algorithm?: DigestAlgorithm | undefined },
  ): Promise<Descriptor> {
    options?.signal?.throwIfAborted();
    const digest = digestOf(bytes, options?.algorithm);
    const facts = manifestFacts(bytes, digest, mediaType);
    const descriptor: Descriptor = { mediaType: facts.mediaType, digest, size: bytes.length };
    const path = this.#manifests.blobPath(digest);
    const made = await mkdir(dirname(path), { recursive: true });
    if (made !== undefined) await syncDirectory(dirname(made));
    if (!(await isWhole(path, digest))) await replaceFile(path, bytes);
    this.#manifests.remember(digest, facts);
    await this.#index.update(async (entries) => {
      const kept = await withoutChildren(entries, facts, this.#factsOf);
      const isListed = kept.some((entry) => entry.descriptor.digest === digest);
      const isReached = isListed || (facts.subject === undefined && (await reaches(kept, digest, this.#factsOf)));
      if (isReached && kept.length === entries.length) return undefined;
      return [...kept.map(({ raw }) => raw), ...(isReached ? [] : [rawEntry(descriptor, undefined, facts)])];
    }, options?.signal);
    return descriptor;
  }

  async tag(
    tag: string,
    target: Descriptor,
    options?: ReadOptions & { readonly expected?: Digest | null },
  ): Promise<void> {
    options?.signal?.throwIfAborted();
    if (!isTag(tag)) throw new TypeError(`Cannot tag ${target.digest}: ${JSON.stringify(tag)} is not a tag`);
    const { descriptor } = await this.fetchManifest(target.digest, options);
    const facts = await this.#factsOf(descriptor);
    await this.#index.update(async (entries) => {
      const before = findTag(entries, tag)?.descriptor.digest ?? null;
      if (options?.expected !== undefined && options.expected !== before) {
        throw new RegistryError(
          "ERR_REGISTRY_TAG_CHANGED",
          `Cannot tag "${tag}" in "${this.directory}": it names ${before ?? "nothing"}, not ${options.expected ?? "nothing"}`,
        );
      }
      const untagged = await withoutNames(entries, (entry) => entry.name === tag, this.#factsOf);
      // The name takes the place of the entry without one.
      const kept = untagged.filter((raw) => !(raw["digest"] === descriptor.digest && nameOfRaw(raw) === undefined));
      return [...kept, rawEntry({ ...target, ...descriptor }, tag, facts)];
    }, options?.signal);
  }

  async stat(digest: Digest, options?: ReadOptions): Promise<{ readonly size: number } | undefined> {
    options?.signal?.throwIfAborted();
    const found = await this.#manifests.findBlob(digest);
    return found && { size: found.size };
  }

  async open(blob: Pick<Descriptor, "digest" | "size">, options?: ReadOptions): Promise<BlobSource> {
    options?.signal?.throwIfAborted();
    const file = await this.#manifests.findBlob(blob.digest);
    if (file === undefined) {
      throw new RegistryError(
        "ERR_REGISTRY_BLOB_UNKNOWN",
        `Cannot open blob: "${this.directory}" has no ${blob.digest}`,
      );
    }
    if (file.size !== blob.size) throw sizeMismatch(blob, file.size, this.directory);
    return openFileSource(file.path);
  }

  async stream(blob: Pick<Descriptor, "digest" | "size">, options?: ReadOptions): Promise<ReadableStream<Uint8Array>> {
    const source = await this.open(blob, options);
    return verifyStream(sourceStream(source, 0, source.size, options?.signal), blob);
  }

  async begin(options?: ReadOptions & { readonly algorithm?: DigestAlgorithm }): Promise<BlobUpload> {
    options?.signal?.throwIfAborted();
    return this.#uploads.begin(options?.algorithm ?? "sha256");
  }

  async resume(id: string, options?: ReadOptions): Promise<BlobUpload> {
    options?.signal?.throwIfAborted();
    return this.#uploads.resume(id);
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
    const entries = await this.#index.entries();
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
    for (const { name } of await this.#index.entries()) {
      const tag = name === undefined ? undefined : tagOfName(name);
      if (tag !== undefined) tags.add(tag);
    }
    for (const tag of [...tags].sort()) {
      options?.signal?.throwIfAborted();
      yield tag;
    }
  }

  async deleteManifest(digest: Digest, options?: ReadOptions): Promise<void> {
    options?.signal?.throwIfAborted();
    await this.#find(digest);
    if ((await statFile(this.#manifests.blobPath(digest))) === undefined) throw this.#manifests.unknown(digest);
    await this.#index.update(async (entries) => {
      const kept = entries.filter(({ descriptor }) => descriptor.digest !== digest);
      return kept.length === entries.length ? undefined : kept.map(({ raw }) => raw);
    }, options?.signal);
    await rm(this.#manifests.blobPath(digest), { force: true });
    this.#manifests.forget(digest);
  }

  async untag(tag: string, options?: ReadOptions): Promise<void> {
    options?.signal?.throwIfAborted();
    await this.#index.update(async (entries) => {
      const found = findTag(entries, tag);
      if (found === undefined) throw this.#manifests.unknown(tag);
      return withoutNames(entries, (entry) => entry === found || entry.name === tag, this.#factsOf);
    }, options?.signal);
  }

  async deleteBlob(digest: Digest, options?: ReadOptions): Promise<void> {
    options?.signal?.throwIfAborted();
    try {
      await rm(this.#manifests.blobPath(digest));
    } catch (cause) {
      if (!isMissingFile(cause)) throw cause;
      throw new RegistryError("ERR_REGISTRY_BLOB_UNKNOWN", `Cannot remove blob: "${this.directory}" has no ${digest}`, {
        cause,
      });
    }
  }

  /** What a tag or digest names; the media type is empty where the entry has none, or there is no entry. */
  async #find(tagOrDigest: string): Promise<{ readonly digest: Digest; readonly mediaType: string }> {
    const entries = await this.#index.entries();
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

function invalidLayout(directory: string, what: string, cause?: unknown): RegistryError {
  return new RegistryError("ERR_REGISTRY_INVALID_LAYOUT", `Cannot open layout "${directory}": ${what}`, { cause });
}
