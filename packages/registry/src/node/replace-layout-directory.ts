import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import {
  chmod,
  copyFile,
  lstat,
  open,
  readdir,
  readlink,
  realpath,
  rename,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import {
  chunksOf,
  eachConcurrently,
  encodeIndex,
  OCI_INDEX,
  type BlobSource,
  type Descriptor,
  type ReadOptions,
} from "@socikit/oci";
import { hostErrorCode, makeDirectory, syncDirectory } from "@socikit/oci/node";
import { sourceStream } from "../source-stream.ts";
import { OpenArchive, type LayoutArchive } from "./layout-archive.ts";
import { isLayoutDirectory, type LayoutDirectory } from "./layout-directory.ts";
import { isInside } from "./layout-files.ts";
import { invalidLayout } from "./layout-version.ts";

/** Files that are copied, and synced, at the same time. */
const CONCURRENCY = 8;

/** What is ours alone and not the layout's: locks, uploads, what is staged beside it. */
const isOurs = (name: string): boolean => /^\.(?:.*[.-])?socikit-/.test(name);

/**
 * Completes a staged layout with the files of another one, and puts it in the place of `target`. Until then `target` is as it
 * was; from one rename to the next it is not there, and its content beside it.
 *
 * Modes are the reference's (spec section 11): of files 0666 and what the base's have, of directories 0777, of the target
 * 0755, all less the umask. Links stay links; one that leads out of the base would lead nowhere from here, and becomes a copy.
 *
 * @throws {RegistryError} `ERR_REGISTRY_INVALID_LAYOUT` for a target that holds other things than a layout: the reference
 * removes it. The host's error for one that is a file.
 */
export async function replaceLayoutDirectory(
  target: string,
  staged: string,
  base: LayoutDirectory | LayoutArchive,
  entries: readonly Descriptor[],
  options: ReadOptions,
): Promise<void> {
  await checkReplaceable(target, base);
  // Made without a mode of its own.
  const { mode } = await lstat(join(staged, "blobs"));
  const umask = 0o777 & ~mode;
  const made = new Copy(staged, umask, options);
  if (base instanceof OpenArchive) await made.archive(base);
  else await made.directory((base as LayoutDirectory).directory, staged);
  await made.folder("ingest");
  for (const name of await readdir(staged)) if (isOurs(name)) await rm(join(staged, name), { recursive: true });
  const index = join(staged, "index.json");
  await writeFile(index, encodeIndex({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: entries }));
  await chmod(staged, 0o755 & ~umask);
  await syncTree(staged, options);
  options.signal?.throwIfAborted();
  await exchange(target, staged);
}

async function checkReplaceable(target: string, base: LayoutDirectory | LayoutArchive): Promise<void> {
  // The base's own place loses nothing, whatever else is in it: all of it is copied.
  if ("directory" in base && base.directory === (await realpath(target).catch(() => undefined))) return;
  const names = await readdir(target).catch((error: unknown) => {
    if (hostErrorCode(error) === "ENOENT") return [];
    throw error;
  });
  if (names.length > 0 && !(await isLayoutDirectory(target)))
    throw invalidLayout(
      target,
      `it is no layout and holds other things (${JSON.stringify(names[0])}), which would be lost; name another place`,
    );
}

/** Copies files into a staged layout. Those that are there were written by this run, and stay. */
class Copy {
  readonly #into: string;
  readonly #umask: number;
  readonly #options: ReadOptions;

  constructor(into: string, umask: number, options: ReadOptions) {
    this.#into = into;
    this.#umask = umask;
    this.#options = options;
  }

  async directory(from: string, skip: string): Promise<void> {
    const files: { readonly path: string; readonly name: string }[] = [];
    const visit = async (folder: string, prefix: string): Promise<void> => {
      for (const entry of await readdir(folder, { withFileTypes: true })) {
        const path = join(folder, entry.name);
        if (path === skip || isOurs(entry.name)) continue;
        const name = prefix + entry.name;
        if (entry.isSymbolicLink()) await this.#link(path, name, from);
        else if (entry.isFile()) files.push({ path, name });
        else if (entry.isDirectory()) {
          await this.folder(name);
          await visit(path, `${name}/`);
        }
      }
    };
    await visit(from, "");
    await eachConcurrently(files, CONCURRENCY, this.#options.signal, ({ path, name }) => this.#file(path, name));
  }

  async archive({ files }: OpenArchive): Promise<void> {
    const links: (readonly [name: string, link: string])[] = [];
    for (const [name, member] of files.members) {
      this.#options.signal?.throwIfAborted();
      if (member.type === "directory") await this.folder(name);
      else if (member.type === "symlink") links.push([name, member.link]);
      else {
        await this.folder(dirname(name));
        const path = join(this.#into, name);
        if (await this.#isOwn(name)) continue;
        await this.#write(path, files.open(member), this.#modeOf(member.mode));
      }
    }
    // Last: nothing is written through them.
    for (const [name, link] of links) {
      await this.folder(dirname(name));
      if (!(await this.#isOwn(name))) await symlink(link, join(this.#into, name));
    }
  }

  /** Makes a folder, with those above it. */
  async folder(name: string): Promise<void> {
    await makeDirectory(join(this.#into, name));
  }

  async #file(path: string, name: string): Promise<void> {
    if (await this.#isOwn(name)) return;
    const to = join(this.#into, name);
    const { mode } = await lstat(path);
    // Where the file system can, both share the bytes.
    await copyFile(path, to, constants.COPYFILE_FICLONE);
    await chmod(to, this.#modeOf(mode));
  }

  async #write(path: string, source: BlobSource, mode: number): Promise<void> {
    const { signal } = this.#options;
    const file = await open(path, "w");
    try {
      for await (const chunk of chunksOf(sourceStream(source, 0, source.size, signal), signal))
        await file.writeFile(chunk);
      await file.chmod(mode);
    } finally {
      await file.close();
    }
  }

  async #link(path: string, name: string, from: string): Promise<void> {
    if (await this.#isOwn(name)) return;
    const target = await realpath(path).catch(() => undefined);
    if (target === undefined || isInside(target, from)) await symlink(await readlink(path), join(this.#into, name));
    else if ((await lstat(target)).isFile()) await this.#file(target, name);
  }

  /** Whether this run has written it: a blob that is there is the same blob. The base's `oci-layout` and `index.json` are copied, for their modes and text. */
  async #isOwn(name: string): Promise<boolean> {
    if (!name.startsWith("blobs/")) return false;
    return (await lstat(join(this.#into, name)).catch(() => undefined)) !== undefined;
  }

  #modeOf(mode: number): number {
    return (0o666 | (mode & 0o777)) & ~this.#umask;
  }
}

/** Syncs all files and folders below a folder, and it. */
async function syncTree(folder: string, options: ReadOptions): Promise<void> {
  const files: string[] = [];
  const folders: string[] = [folder];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath ?? entry.path, entry.name);
    if (entry.isFile()) files.push(path);
    else if (entry.isDirectory()) folders.push(path);
  }
  await eachConcurrently(files, CONCURRENCY, options.signal, async (path) => {
    const file = await open(path, "r");
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  });
  await eachConcurrently(folders, CONCURRENCY, options.signal, syncDirectory);
}

/** Puts a folder in the place of what may be there, and removes that. */
async function exchange(target: string, staged: string): Promise<void> {
  const before = await lstat(target).catch(() => undefined);
  // A link to the directory stays a link to it.
  const place = before?.isSymbolicLink() === true ? await realpath(target) : target;
  const aside = join(dirname(place), asidePrefix(place) + randomUUID());
  if (before !== undefined) await rename(place, aside);
  try {
    await rename(staged, place);
  } catch (error) {
    if (before !== undefined) await rename(aside, place);
    throw error;
  }
  await syncDirectory(dirname(place));
  await rm(aside, { recursive: true, force: true });
}

/** Puts back what a process that was killed between two renames has left beside a place, and removes it where it was the last thing to do. */
export async function restoreLayoutDirectory(place: string): Promise<void> {
  const prefix = asidePrefix(place);
  for (const name of await readdir(dirname(place))) {
    if (!name.startsWith(prefix)) continue;
    const aside = join(dirname(place), name);
    if ((await lstat(place).catch(() => undefined)) === undefined) await rename(aside, place);
    else await rm(aside, { recursive: true, force: true });
  }
}

function asidePrefix(place: string): string {
  return `.${basename(place)}.before-socikit-`;
}
