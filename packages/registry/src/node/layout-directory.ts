import { readdir, realpath, rm } from "node:fs/promises";
import { join } from "node:path";
import {
  algorithmOf,
  digestOf,
  isIndexType,
  isManifestType,
  isNotFound,
  isTag,
  type BeginOptions,
  type BlobUpload,
  type Descriptor,
  type Digest,
  type DigestAlgorithm,
  type ReadOptions,
} from "@socikit/oci";
import { isMissingFile, makeDirectory, readRegularFile, replaceFile } from "@socikit/oci/node";
import { RegistryError } from "../errors.ts";
import { manifestFacts, type ManifestFacts } from "../manifest-facts.ts";
import type { StoreRepository } from "../store.ts";
import { nameOfRaw, rawEntry, reaches, withoutChildren, withoutNames, type FactsOf } from "./layout-entries.ts";
import { DirectoryFiles, statFile } from "./layout-files.ts";
import type { LayoutDocuments } from "./layout-documents.ts";
import { findTag, LayoutIndex, MAX_INDEX_SIZE, unreadableFile } from "./layout-index.ts";
import { isWhole, LayoutManifests } from "./layout-manifests.ts";
import { LayoutReader } from "./layout-reader.ts";
import { LayoutUploads } from "./layout-upload.ts";
import { blobsBelow, sweepLayout, type StoredBlob, type SweepOptions, type SweepReport } from "./sweep-layout.ts";
import { checkLayoutVersion, invalidLayout, MAX_LAYOUT_FILE, OCI_LAYOUT } from "./layout-version.ts";

/** Options of {@linkcode openLayoutDirectory}. */
export interface LayoutOptions {
  /** Makes the layout where the directory is empty or not there. @default false */
  readonly create?: boolean | undefined;
  /**
   * Whether an `oci-layout` file may be missing where there is an `index.json`, which tells plainly enough what the directory is.
   *
   * @default {false}
   */
  readonly unmarked?: boolean | undefined;
  /**
   * A directory that holds the layout: a blob whose symbolic link leads out of it is as good as none. For who gives blobs
   * away unchecked, as a server does: a stranger's layout could name any file of this machine. Without it links lead
   * anywhere, as build systems write them.
   */
  readonly root?: string | undefined;
  /**
   * Whether what is written outlives the machine's stopping. False for what is thrown away soon: it saves some milliseconds a
   * write.
   *
   * @default true
   */
  readonly sync?: boolean | undefined;
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
  /** The blobs that are there, whatever leads to them, by name. */
  blobs(options?: ReadOptions): AsyncIterable<StoredBlob>;
  /**
   * Removes the blobs that no entry of `index.json` leads to, and what writers that were killed have left.
   *
   * @throws {RegistryError} `ERR_REGISTRY_INVALID_LAYOUT` where an entry cannot be read. @throws {OciError} for a manifest that is
   * damaged. What they lead to is not known, so that nothing is removed.
   */
  sweep(options?: SweepOptions): Promise<SweepReport>;
  /** `index.json` and `oci-layout` as they stand: {@linkcode LayoutDirectory.entries} leaves out what it cannot read. */
  documents(options?: ReadOptions): Promise<LayoutDocuments>;
  /** The entries of `index.json`, annotations included, in its order. */
  entries(options?: ReadOptions): Promise<readonly Descriptor[]>;
  /**
   * The only image among the entries; referrers and artifacts do not count.
   *
   * @throws {RegistryError} `ERR_REGISTRY_AMBIGUOUS_IMAGE`, naming the tags; `ERR_REGISTRY_MANIFEST_UNKNOWN` for none.
   */
  onlyImage(options?: ReadOptions): Promise<Descriptor>;
}

/**
 * Opens an OCI image layout.
 * https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
 *
 * @throws {RegistryError} `ERR_REGISTRY_NOT_A_LAYOUT` where the directory has no `oci-layout` file (see `unmarked`);
 * `ERR_REGISTRY_INVALID_LAYOUT` where that cannot be read, or, with `create`, the directory holds other things.
 */
export async function openLayoutDirectory(directory: string, options: LayoutOptions = {}): Promise<LayoutDirectory> {
  const { create = false, unmarked = false, sync = true } = options;
  if (create) await createLayout(directory, sync);
  await checkLayout(directory, unmarked);
  const real = await realpath(directory);
  return new OpenLayout(real, options.root === undefined ? undefined : await realpath(options.root), sync);
}

/** Whether a directory holds an `oci-layout` file. */
export async function isLayoutDirectory(directory: string): Promise<boolean> {
  return (await statFile(join(directory, "oci-layout"))) !== undefined;
}

async function createLayout(directory: string, sync: boolean): Promise<void> {
  await makeDirectory(directory);
  if (!(await isLayoutDirectory(directory))) {
    // What a creation that was cut short leaves is taken up again.
    const foreign = (await readdir(directory)).filter(
      (name) => name !== "blobs" && name !== "index.json" && !name.startsWith("."),
    );
    if (foreign.length > 0)
      throw invalidLayout(directory, `it holds other things (${JSON.stringify(foreign[0])}); name an empty directory`);
    await replaceFile(join(directory, "oci-layout"), OCI_LAYOUT, { sync });
  }
  const real = await realpath(directory);
  await makeDirectory(join(real, "blobs", "sha256"));
  await new LayoutIndex(real, sync).create();
}

async function checkLayout(directory: string, unmarked: boolean): Promise<void> {
  let text: string;
  try {
    text = new TextDecoder().decode(await readRegularFile(join(directory, "oci-layout"), MAX_LAYOUT_FILE));
  } catch (cause) {
    if (isMissingFile(cause)) {
      if (unmarked && (await statFile(join(directory, "index.json"))) !== undefined) return;
      throw new RegistryError(
        "ERR_REGISTRY_NOT_A_LAYOUT",
        `Cannot open layout "${directory}": it has ${unmarked ? "neither an oci-layout nor an index.json" : "no oci-layout"} file`,
        { cause },
      );
    }
    const unreadable = unreadableFile(cause, MAX_LAYOUT_FILE);
    if (unreadable !== undefined) throw invalidLayout(directory, `its oci-layout is ${unreadable}`, cause);
    throw cause;
  }
  checkLayoutVersion(text, directory);
}

class OpenLayout extends LayoutReader implements LayoutDirectory {
  readonly directory: string;
  readonly #files: DirectoryFiles;
  readonly #index: LayoutIndex;
  readonly #uploads: LayoutUploads;
  readonly #manifests: LayoutManifests;
  readonly #factsOf: FactsOf;

  constructor(directory: string, root: string | undefined, sync: boolean) {
    const files = new DirectoryFiles(directory, root);
    const manifests = new LayoutManifests(files);
    const index = new LayoutIndex(directory, sync);
    super(files, manifests, () => index.entries());
    this.directory = directory;
    this.#files = files;
    this.#index = index;
    this.#uploads = new LayoutUploads(join(directory, "blobs"), sync);
    this.#manifests = manifests;
    this.#factsOf = (descriptor) => manifests.facts(descriptor);
  }

  async documents(options?: ReadOptions): Promise<LayoutDocuments> {
    options?.signal?.throwIfAborted();
    const [index, ociLayout] = await Promise.all([
      readRegularFile(join(this.directory, "index.json"), MAX_INDEX_SIZE),
      readRegularFile(join(this.directory, "oci-layout"), MAX_LAYOUT_FILE).catch((error: unknown) => {
        if (isMissingFile(error)) return undefined;
        throw error;
      }),
    ]);
    return { index, ociLayout };
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
    const path = this.#files.path(digest);
    if (!(await isWhole(path, digest))) await this.#write(bytes, digest);
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

  /**
   * Writes a manifest as blobs are written. A temporary file beside the others, which a process that is killed leaves, makes
   * umoci's gc fail of a blob without a digest.
   */
  async #write(bytes: Uint8Array, digest: Digest): Promise<void> {
    const upload = await this.#uploads.begin({ algorithm: algorithmOf(digest) });
    try {
      await upload.write(bytes);
    } catch (error) {
      await upload.abort();
      throw error;
    }
    await upload.commit(digest);
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

  async begin(options: BeginOptions = {}): Promise<BlobUpload> {
    options.signal?.throwIfAborted();
    return this.#uploads.begin(options);
  }

  async resume(id: string, options?: ReadOptions): Promise<BlobUpload> {
    options?.signal?.throwIfAborted();
    return this.#uploads.resume(id);
  }

  async deleteManifest(digest: Digest, options?: ReadOptions): Promise<void> {
    options?.signal?.throwIfAborted();
    await this.find(digest);
    const isThere = (await statFile(this.#files.path(digest))) !== undefined;
    await this.#index.update(async (entries) => {
      const kept = entries.filter(({ descriptor }) => descriptor.digest !== digest);
      // An entry whose blob somebody has removed has to be got rid of too.
      if (!isThere && kept.length === entries.length) throw this.#manifests.unknown(digest);
      return kept.length === entries.length ? undefined : kept.map(({ raw }) => raw);
    }, options?.signal);
    await rm(this.#files.path(digest), { force: true });
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

  blobs(options?: ReadOptions): AsyncIterable<StoredBlob> {
    return blobsBelow(this.directory, options);
  }

  async sweep(options: SweepOptions = {}): Promise<SweepReport> {
    const factsOf = async (descriptor: Descriptor): Promise<ManifestFacts | undefined> => {
      const { mediaType } = descriptor;
      if (mediaType !== "" && !isManifestType(mediaType) && !isIndexType(mediaType)) return undefined;
      try {
        return await this.#manifests.checkedFacts(descriptor);
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw error;
      }
    };
    return this.#index.whileLocked(async (entries) => {
      const roots = entries.map(({ descriptor }) => descriptor);
      const report = await sweepLayout(this.directory, roots, factsOf, options);
      if (options.dryRun !== true) for (const { digest } of report.blobs) this.#manifests.forget(digest);
      return report;
    }, options.signal);
  }

  async deleteBlob(digest: Digest, options?: ReadOptions): Promise<void> {
    options?.signal?.throwIfAborted();
    try {
      await rm(this.#files.path(digest));
    } catch (cause) {
      if (!isMissingFile(cause)) throw cause;
      throw new RegistryError("ERR_REGISTRY_BLOB_UNKNOWN", `Cannot remove blob: "${this.directory}" has no ${digest}`, {
        cause,
      });
    }
  }
}
