import { lstat, readdir, rm, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { isDigest, type Descriptor, type Digest, type ReadOptions } from "@socikit/oci";
import { isMissingFile, syncDirectory } from "@socikit/oci/node";
import type { ManifestFacts } from "../manifest-facts.ts";

/** A blob in a layout directory. */
export interface StoredBlob {
  readonly digest: Digest;
  /** Bytes of the file. */
  readonly size: number;
  /** When it was written. */
  readonly modifiedAt: Date;
}

/** How {@linkcode LayoutDirectory.sweep} works. */
export interface SweepOptions extends ReadOptions {
  /** Removes nothing, and says what it would remove. @default {false} */
  readonly dryRun?: boolean | undefined;
  /**
   * Milliseconds since its last change that a file is left alone: whoever copies an image writes its blobs before anything
   * leads to them. 0 where it is sure that nobody is writing.
   *
   * @default a day
   */
  readonly graceMs?: number | undefined;
}

/** What a sweep removed. */
export interface SweepReport {
  /** Blobs that nothing led to. */
  readonly blobs: readonly StoredBlob[];
  /** Files that an interrupted write had left behind, and the bytes in them. */
  readonly leftovers: { readonly count: number; readonly bytes: number };
}

/** A day. */
export const SWEEP_GRACE_MS: number = 24 * 3600 * 1000;

/** Milliseconds that a lock's file is left alone, whatever the grace: it is there for one rename and one read. */
const LOCK_GRACE_MS = 60_000;

/** The blobs of a layout directory, by name. Files whose names are no digests are left out. */
export async function* blobsBelow(directory: string, options?: ReadOptions): AsyncGenerator<StoredBlob> {
  for (const algorithm of ["sha256", "sha512"]) {
    const folder = join(directory, "blobs", algorithm);
    for (const name of await namesIn(folder)) {
      options?.signal?.throwIfAborted();
      const digest = `${algorithm}:${name}`;
      const file = isDigest(digest) ? await fileAt(join(folder, name)) : undefined;
      if (isDigest(digest) && file !== undefined) yield { digest, size: file.size, modifiedAt: file.mtime };
    }
  }
}

/**
 * Removes what nothing leads to. Runs while nobody writes the list of entries.
 *
 * @param roots What leads to everything that stays.
 * @param factsOf Reads a manifest; `undefined` where it is not there. It fails for one that is damaged: what that one leads to is
 * not known, so that nothing may go.
 */
export async function sweepLayout(
  directory: string,
  roots: readonly Descriptor[],
  factsOf: (descriptor: Descriptor) => Promise<ManifestFacts | undefined>,
  options: SweepOptions,
): Promise<SweepReport> {
  const { dryRun = false, graceMs = SWEEP_GRACE_MS, signal } = options;
  const kept = await reachedFrom(roots, factsOf, options);
  const isOld = (changed: Date): boolean => Date.now() - changed.getTime() >= graceMs;
  const blobs: StoredBlob[] = [];
  for await (const blob of blobsBelow(directory, options))
    if (!kept.has(blob.digest) && isOld(blob.modifiedAt)) blobs.push(blob);
  const leftovers: { readonly path: string; readonly size: number }[] = [];
  for (const folder of [".", "blobs", join("blobs", "sha256"), join("blobs", "sha512")])
    for (const name of await namesIn(join(directory, folder))) {
      signal?.throwIfAborted();
      const path = join(directory, folder, name);
      const file = isLeftover(name) ? await fileAt(path) : undefined;
      // A lock that is moved aside may be somebody's, for the moment that it takes to look at it.
      const isLock = name.includes(".lock.") && file !== undefined && Date.now() - file.mtimeMs < LOCK_GRACE_MS;
      if (file !== undefined && isOld(file.mtime) && !isLock) leftovers.push({ path, size: file.size });
    }
  if (!dryRun) {
    const folders = new Set<string>();
    for (const { digest } of blobs) {
      signal?.throwIfAborted();
      const [algorithm, hex] = digest.split(":") as [string, string];
      await rm(join(directory, "blobs", algorithm, hex), { force: true });
      folders.add(algorithm);
    }
    for (const { path } of leftovers) await rm(path, { force: true });
    for (const algorithm of folders) await syncDirectory(join(directory, "blobs", algorithm));
  }
  return { blobs, leftovers: { count: leftovers.length, bytes: leftovers.reduce((sum, { size }) => sum + size, 0) } };
}

/** Everything that descriptors lead to: themselves, config and layers, children. Of what is missing, the digest alone. */
async function reachedFrom(
  roots: readonly Descriptor[],
  factsOf: (descriptor: Descriptor) => Promise<ManifestFacts | undefined>,
  options: ReadOptions,
): Promise<ReadonlySet<Digest>> {
  const reached = new Set<Digest>();
  const queue = [...roots];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    options.signal?.throwIfAborted();
    if (reached.has(next.digest)) continue;
    reached.add(next.digest);
    const facts = await factsOf(next);
    for (const { digest } of facts?.blobs ?? []) reached.add(digest);
    queue.push(...(facts?.children ?? []));
  }
  return reached;
}

/** What `replaceFile`, locks and uploads leave where they are killed: `.NAME.UUID`, `.socikit-upload-ID`. */
function isLeftover(name: string): boolean {
  return /^\..+\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(name) || name.startsWith(".socikit-upload-");
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    if (isMissingFile(error)) return [];
    throw error;
  }
}

async function fileAt(
  path: string,
): Promise<{ readonly size: number; readonly mtime: Date; readonly mtimeMs: number } | undefined> {
  try {
    const found = await lstat(path);
    if (found.isSymbolicLink() && isLeftover(basename(path))) return found;
    const file = found.isSymbolicLink() ? await stat(path) : found;
    return file.isFile() ? file : undefined;
  } catch (error) {
    if (isMissingFile(error)) return undefined;
    throw error;
  }
}
