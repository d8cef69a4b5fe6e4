import { readdir, realpath } from "node:fs/promises";
import { basename, join } from "node:path";
import {
  isRepositoryName,
  type BlobSource,
  type BlobUpload,
  type Descriptor,
  type Digest,
  type FetchedManifest,
  type ReadOptions,
} from "@socikit/oci";
import { isMissingFile } from "@socikit/oci/node";
import { RegistryError } from "../errors.ts";
import type { Store, StoreRepository } from "../store.ts";
import { isLayoutDirectory, openLayoutDirectory, type LayoutDirectory } from "./layout-directory.ts";
import { isInside } from "./layout-files.ts";

/** Deepest folder below the root that is looked into. */
const MAX_DEPTH = 16;

/**
 * A read-only store over a folder: every directory below `root` that holds an `oci-layout` file is the repository of that
 * relative name. Where `root` is a layout itself, it is the repository of its own base name, or `image` if that is no
 * repository name (upper case, for one). Directories whose relative name is no repository name are not served, links are
 * not followed out of `root`, those of blobs among them, and layouts that appear later are found.
 *
 * @throws the host's error (`ENOENT`, `EACCES`) where `root` cannot be read.
 */
export async function openLayoutStore(root: string): Promise<Store> {
  const real = await realpath(root);
  await readdir(real);
  const opened = new Map<string, Promise<LayoutDirectory>>();

  const directoryOf = async (name: string): Promise<string | undefined> => {
    if (name === rootName(real) && (await isLayoutDirectory(real))) return real;
    try {
      const directory = await realpath(join(real, ...name.split("/")));
      return isInside(directory, real) && (await isLayoutDirectory(directory)) ? directory : undefined;
    } catch (error) {
      if (isMissingFile(error)) return undefined;
      throw error;
    }
  };
  const layoutOf = async (name: string): Promise<LayoutDirectory | undefined> => {
    const directory = await directoryOf(name);
    if (directory === undefined) {
      opened.delete(name);
      return undefined;
    }
    let layout = opened.get(name);
    if (layout === undefined) {
      layout = openLayoutDirectory(directory, { root: real });
      // A layout that cannot be opened now may be whole later.
      layout.catch(() => opened.delete(name));
      opened.set(name, layout);
    }
    return layout;
  };

  return {
    readOnly: true,
    repository(name) {
      if (!isRepositoryName(name))
        throw new TypeError(`Cannot open repository: ${JSON.stringify(name)} is not a repository name`);
      return new ReadOnlyRepository(name, () => layoutOf(name));
    },
    async *repositories(options) {
      if (await isLayoutDirectory(real)) yield rootName(real);
      yield* layoutsBelow(real, "", 0, options?.signal);
    },
  };
}

function rootName(root: string): string {
  const name = basename(root);
  return isRepositoryName(name) ? name : "image";
}

/** Names of the layouts below a folder, sorted. Links are not followed: they could lead back. */
async function* layoutsBelow(
  folder: string,
  prefix: string,
  depth: number,
  signal: AbortSignal | undefined,
): AsyncIterable<string> {
  if (depth >= MAX_DEPTH) return;
  const entries = await readdir(folder, { withFileTypes: true });
  const isLayout = entries.some(({ name }) => name === "oci-layout");
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    signal?.throwIfAborted();
    if (!entry.isDirectory() || (isLayout && entry.name === "blobs")) continue;
    const name = prefix + entry.name;
    if (!isRepositoryName(name)) continue;
    const below = join(folder, entry.name);
    if (await isLayoutDirectory(below)) yield name;
    yield* layoutsBelow(below, `${name}/`, depth + 1, signal);
  }
}

class ReadOnlyRepository implements StoreRepository {
  readonly #name: string;
  readonly #find: () => Promise<LayoutDirectory | undefined>;

  constructor(name: string, find: () => Promise<LayoutDirectory | undefined>) {
    this.#name = name;
    this.#find = find;
  }

  async resolve(tagOrDigest: string, options?: ReadOptions): Promise<Descriptor> {
    return (await this.#layout()).resolve(tagOrDigest, options);
  }

  async fetchManifest(target: string | Descriptor, options?: ReadOptions): Promise<FetchedManifest> {
    return (await this.#layout()).fetchManifest(target, options);
  }

  async stat(digest: Digest, options?: ReadOptions): Promise<{ readonly size: number } | undefined> {
    return (await this.#find())?.stat(digest, options);
  }

  async open(blob: Pick<Descriptor, "digest" | "size">, options?: ReadOptions): Promise<BlobSource> {
    return (await this.#layout()).open(blob, options);
  }

  async stream(blob: Pick<Descriptor, "digest" | "size">, options?: ReadOptions): Promise<ReadableStream<Uint8Array>> {
    return (await this.#layout()).stream(blob, options);
  }

  async *referrers(
    subject: Digest,
    options?: ReadOptions & { readonly artifactType?: string },
  ): AsyncIterable<Descriptor> {
    const layout = await this.#find();
    if (layout !== undefined) yield* layout.referrers(subject, options);
  }

  async *tags(options?: ReadOptions): AsyncIterable<string> {
    yield* (await this.#layout()).tags(options);
  }

  async pushManifest(): Promise<never> {
    throw this.#readOnly();
  }

  async tag(): Promise<never> {
    throw this.#readOnly();
  }

  async begin(): Promise<BlobUpload> {
    throw this.#readOnly();
  }

  async resume(): Promise<BlobUpload> {
    throw this.#readOnly();
  }

  async deleteManifest(): Promise<never> {
    throw this.#readOnly();
  }

  async untag(): Promise<never> {
    throw this.#readOnly();
  }

  async #layout(): Promise<LayoutDirectory> {
    const layout = await this.#find();
    if (layout === undefined)
      throw new RegistryError("ERR_REGISTRY_REPOSITORY_UNKNOWN", `Cannot open repository: there is no ${this.#name}`);
    return layout;
  }

  #readOnly(): RegistryError {
    return new RegistryError("ERR_REGISTRY_READ_ONLY", `Cannot write to ${this.#name}: layouts are served read-only`);
  }
}
