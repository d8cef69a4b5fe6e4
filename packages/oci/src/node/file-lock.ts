import { randomUUID } from "node:crypto";
import { lstat, open, readFile, readlink, rename, rm, symlink } from "node:fs/promises";
import { hostname } from "node:os";
import { setTimeout as wait } from "node:timers/promises";
import { isRunning } from "./is-running.ts";
import { hostErrorCode, isMissingFile } from "./replace-file.ts";

/** Milliseconds to wait for a lock that another process holds. It is held for one small read, write and rename. */
const PATIENCE_MS = 10_000;
/** Milliseconds after which a lock is nobody's, where its holder's process cannot be looked up: it is on another machine. */
const STALE_MS = 60_000;
/** The same for a lock without a holder's name, which is there between two calls, unless a process was killed there. */
const NAMELESS_MS = 5000;
const POLL_MS = 15;

/** Writers of this process, by path: they queue here and never meet at the file. */
const queues = new Map<string, Promise<unknown>>();

/** What {@linkcode withFileLock} is told. */
export interface FileLockOptions {
  /** Ends the wait. */
  readonly signal?: AbortSignal | undefined;
  /** The error for a lock that another process keeps for ten seconds; `holder` is that process's number. */
  readonly locked: (holder: string) => Error;
}

/**
 * Runs `body` while no other writer does, in this process or another one: a link that only one can create. A lock left
 * behind by a process that died is removed.
 *
 * @param path The lock; the same spelling for all writers of one process.
 * @throws what `options.locked` makes when another process keeps it for ten seconds.
 */
export function withFileLock<T>(path: string, body: () => Promise<T>, options: FileLockOptions): Promise<T> {
  const before = queues.get(path) ?? Promise.resolve();
  const mine = before.then(async () => {
    const token = await acquire(path, options);
    try {
      return await body();
    } finally {
      if ((await contentOf(path)) === token) await rm(path, { force: true });
    }
  });
  const settled = mine.catch(() => {});
  queues.set(path, settled);
  void settled.then(() => {
    if (queues.get(path) === settled) queues.delete(path);
  });
  return mine;
}

async function acquire(path: string, { signal, locked }: FileLockOptions): Promise<string> {
  // Short enough for a file system to keep it in the link itself: 59 bytes on ext4.
  const token = `${process.pid} ${randomUUID().slice(0, 8)} ${thisHost()}`;
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    signal?.throwIfAborted();
    try {
      await create(path, token);
      return token;
    } catch (error) {
      if (hostErrorCode(error) !== "EEXIST") throw error;
    }
    const holder = await contentOf(path);
    if (holder === undefined) continue;
    if (await isStale(path, holder)) await remove(path, holder);
    else if (Date.now() > deadline) throw locked(holder.split(" ", 1)[0]!);
    else await wait(POLL_MS, undefined, signal === undefined ? {} : { signal }).catch(() => {});
  }
}

function thisHost(): string {
  return hostname().slice(0, 32);
}

/**
 * Creates the lock: a symbolic link whose target is the holder's name. It is there with its name or not at all, and takes no
 * space, so that a full disk can be locked, and freed.
 */
async function create(path: string, token: string): Promise<void> {
  try {
    await symlink(token, path);
  } catch (error) {
    // File systems without links, and Windows without the right to make them.
    if (!["EPERM", "ENOSYS", "ENOTSUP", "EOPNOTSUPP", "EINVAL"].includes(hostErrorCode(error) ?? "")) throw error;
    await createFile(path, token);
  }
}

/** The same as a file, or none: one without a holder's name would keep everyone out until it is old. */
async function createFile(path: string, token: string): Promise<void> {
  const file = await open(path, "wx");
  try {
    try {
      await file.writeFile(token);
    } finally {
      await file.close();
    }
  } catch (error) {
    await rm(path, { force: true }).catch(() => {});
    throw error;
  }
}

/** The holder's name; `undefined` where there is no lock. */
async function contentOf(path: string): Promise<string | undefined> {
  try {
    return await readlink(path);
  } catch (error) {
    if (isMissingFile(error)) return undefined;
    // It is a file. Windows calls that UNKNOWN.
    if (!["EINVAL", "UNKNOWN"].includes(hostErrorCode(error) ?? "")) throw error;
  }
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isMissingFile(error)) return undefined;
    throw error;
  }
}

async function isStale(path: string, holder: string): Promise<boolean> {
  const [pid, , ...host] = holder.split(" ");
  // A process of this machine that runs keeps its lock however long it takes: a slow disk is no reason to write beside it.
  if (/^\d+$/.test(pid ?? "") && host.join(" ") === thisHost()) return !isRunning(Number(pid));
  try {
    // Of another machine's process, and of a file that is empty between creation and writing, only the age tells.
    return Date.now() - (await lstat(path)).mtimeMs > (holder === "" ? NAMELESS_MS : STALE_MS);
  } catch (error) {
    if (isMissingFile(error)) return false;
    throw error;
  }
}

/**
 * Removes a stale lock. Two processes may find it stale, one remove it and take the lock, and the other then remove that
 * one: so it is moved aside first, looked at, and put back where it is not the stale one.
 */
async function remove(path: string, stale: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
    const found = await contentOf(aside);
    if (found !== undefined && found !== stale) await create(path, found);
  } catch (error) {
    if (!isMissingFile(error) && hostErrorCode(error) !== "EEXIST") throw error;
  }
  await rm(aside, { force: true });
}
