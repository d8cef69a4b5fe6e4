import { randomUUID } from "node:crypto";
import { readdir, realpath, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import {
  algorithmOf,
  isNotFound,
  type BeginOptions,
  type BlobReader,
  type BlobSource,
  type BlobUpload,
  type BlobWriter,
  type Descriptor,
  type Digest,
  type DigestAlgorithm,
  type FetchedManifest,
  type ManifestReader,
  type ManifestWriter,
  type ReadOptions,
  type ReferrerLister,
} from "@socikit/oci";
import { isMissingFile, makeDirectory } from "@socikit/oci/node";
import { openLayoutDirectory, type LayoutDirectory } from "./layout-directory.ts";
import type { LayoutArchive } from "./layout-archive.ts";
import { replaceLayoutDirectory, restoreLayoutDirectory } from "./replace-layout-directory.ts";
import { writeLayoutArchive, type WriteArchiveOptions } from "./write-layout-archive.ts";

/**
 * A layout that is being made elsewhere. Its ports take what a layout directory takes; nothing is seen at its place before
 * `finish`.
 */
export interface StagedLayout extends ManifestReader, ManifestWriter, BlobReader, BlobWriter, ReferrerLister {
  /**
   * Puts the layout in its place: whole, or not at all. Once.
   *
   * @param entries What `index.json` lists; by default the entries that were kept, then those that were written.
   */
  finish(entries?: readonly Descriptor[], options?: WriteArchiveOptions): Promise<void>;
  /** Throws away what was written. After `finish` it does nothing. Never fails. */
  discard(): Promise<void>;
}

/** Where content may come from that is not written again. */
export type StageBase = ManifestReader & BlobReader & Partial<ReferrerLister>;

/** How {@linkcode stageLayoutArchive} stages. */
export interface StageArchiveOptions {
  /**
   * Content that counts as there: it is read again at the end and not kept in between. For what is on this machine; blobs of
   * a registry would be fetched twice.
   */
  readonly base?: StageBase | undefined;
  /** Entries of the `index.json` before, which stay: the base's, where an archive is added to. */
  readonly keep?: readonly Descriptor[] | undefined;
}

/** Milliseconds after which what another process staged, and nobody finished, is removed. */
const ABANDONED_MS = 24 * 3600 * 1000;

/**
 * Begins an archive, which {@linkcode writeLayoutArchive} writes in the end. What is pushed lies in a directory beside it
 * until then.
 *
 * @throws the host's error where that directory cannot be made.
 */
export async function stageLayoutArchive(file: string, options: StageArchiveOptions = {}): Promise<StagedLayout> {
  const target = await realpath(file).catch(() => resolve(file));
  const before = await stat(target).catch(() => undefined);
  // Beside a device there is nothing.
  const isBeside = before === undefined || before.isFile() || before.isDirectory();
  const staged = await stage(join(isBeside ? dirname(target) : tmpdir(), basename(target)));
  return new Staged(staged, options, (content, entries, finish) =>
    writeLayoutArchive(target, content, entries, finish),
  );
}

/**
 * Begins a layout directory that takes the place of `directory`, as the reference's `convert --format oci-dir` makes it (spec
 * section 11): the base with all its files, whatever refers to them, what is pushed, and an `index.json` that lists the entries
 * of the end and no others.
 *
 * @throws the host's error where the directory beside it cannot be made.
 */
export async function stageLayoutDirectory(
  directory: string,
  base: LayoutDirectory | LayoutArchive,
): Promise<StagedLayout> {
  const target = await realpath(directory).catch(() => resolve(directory));
  await makeDirectory(dirname(target));
  await restoreLayoutDirectory(target);
  const staged = await stage(target);
  return new Staged(staged, { base }, (_, entries, { signal }) =>
    replaceLayoutDirectory(target, staged.directory, base, entries, { signal }),
  );
}

/** Makes an empty layout beside a path, and removes such ones that were abandoned. */
async function stage(path: string): Promise<LayoutDirectory> {
  const folder = dirname(path);
  const prefix = `.${basename(path)}.socikit-`;
  for (const name of await readdir(folder)) {
    if (!name.startsWith(prefix)) continue;
    const abandoned = join(folder, name);
    try {
      if (Date.now() - (await stat(abandoned)).mtimeMs > ABANDONED_MS) await rm(abandoned, { recursive: true });
    } catch (error) {
      // Another process was quicker.
      if (!isMissingFile(error)) throw error;
    }
  }
  const made = join(folder, prefix + randomUUID());
  try {
    return await openLayoutDirectory(made, { create: true, sync: false });
  } catch (error) {
    // On a full disk a folder can be made, and no file in it.
    await rm(made, { recursive: true, force: true }).catch(() => {});
    throw error;
  }
}

type Finish = (
  content: ManifestReader & BlobReader,
  entries: readonly Descriptor[],
  options: WriteArchiveOptions,
) => Promise<void>;

class Staged implements StagedLayout {
  readonly #staged: LayoutDirectory;
  readonly #base: StageBase | undefined;
  readonly #keep: readonly Descriptor[];
  readonly #finish: Finish;

  constructor(staged: LayoutDirectory, { base, keep = [] }: StageArchiveOptions, finish: Finish) {
    this.#staged = staged;
    this.#base = base;
    this.#keep = keep;
    this.#finish = finish;
  }

  async finish(entries?: readonly Descriptor[], options: WriteArchiveOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    await this.#finish(this, entries ?? (await this.#entries()), options);
    await this.discard();
  }

  async discard(): Promise<void> {
    await rm(this.#staged.directory, { recursive: true, force: true }).catch(() => {});
  }

  /** What stays, less the names that are given anew, then what is new. */
  async #entries(): Promise<readonly Descriptor[]> {
    const written = await this.#staged.entries();
    const nameOf = ({ annotations }: Descriptor): string | undefined =>
      annotations?.["org.opencontainers.image.ref.name"] || undefined;
    const names = new Set(written.map(nameOf));
    const isKept = (entry: Descriptor): boolean =>
      nameOf(entry) === undefined && this.#keep.some(({ digest }) => digest === entry.digest);
    return [
      ...this.#keep.filter((kept) => nameOf(kept) === undefined || !names.has(nameOf(kept))),
      // What was written again, as an index is that is there, has its entry.
      ...written.filter((entry) => !isKept(entry)),
    ];
  }

  resolve(tagOrDigest: string, options?: ReadOptions): Promise<Descriptor> {
    return this.#orOfBase((store) => store.resolve(tagOrDigest, options));
  }

  fetchManifest(target: string | Descriptor, options?: ReadOptions): Promise<FetchedManifest> {
    return this.#orOfBase((store) => store.fetchManifest(target, options));
  }

  pushManifest(
    bytes: Uint8Array,
    mediaType: string,
    options?: ReadOptions & { readonly algorithm?: DigestAlgorithm | undefined },
  ): Promise<Descriptor> {
    return this.#staged.pushManifest(bytes, mediaType, options);
  }

  async tag(
    tag: string,
    target: Descriptor,
    options?: ReadOptions & { readonly expected?: Digest | null },
  ): Promise<void> {
    if ((await this.#staged.stat(target.digest, options)) === undefined) {
      const { bytes, descriptor } = await this.fetchManifest(target, options);
      await this.pushManifest(bytes, descriptor.mediaType, { ...options, algorithm: algorithmOf(target.digest) });
    }
    await this.#staged.tag(tag, target, options);
  }

  async stat(digest: Digest, options?: ReadOptions): Promise<{ readonly size: number } | undefined> {
    return (await this.#staged.stat(digest, options)) ?? (await this.#base?.stat(digest, options));
  }

  open(blob: Pick<Descriptor, "digest" | "size">, options?: ReadOptions): Promise<BlobSource> {
    return this.#orOfBase((store) => store.open(blob, options));
  }

  stream(blob: Pick<Descriptor, "digest" | "size">, options?: ReadOptions): Promise<ReadableStream<Uint8Array>> {
    return this.#orOfBase((store) => store.stream(blob, options));
  }

  begin(options?: BeginOptions): Promise<BlobUpload> {
    return this.#staged.begin(options);
  }

  resume(id: string, options?: ReadOptions): Promise<BlobUpload> {
    return this.#staged.resume(id, options);
  }

  async *referrers(
    subject: Digest,
    options?: ReadOptions & { readonly artifactType?: string },
  ): AsyncIterable<Descriptor> {
    const seen = new Set<Digest>();
    for (const store of [this.#base, this.#staged])
      for await (const referrer of store?.referrers?.(subject, options) ?? []) {
        if (!seen.has(referrer.digest)) yield referrer;
        seen.add(referrer.digest);
      }
  }

  async #orOfBase<T>(read: (store: ManifestReader & BlobReader) => Promise<T>): Promise<T> {
    try {
      return await read(this.#staged);
    } catch (error) {
      if (this.#base === undefined || !isNotFound(error)) throw error;
      return read(this.#base);
    }
  }
}
