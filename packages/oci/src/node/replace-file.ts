import { randomUUID } from "node:crypto";
import { open, rename, rm, type FileHandle } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** Gives a file its content, in order: each call of `write` waits until the bytes are handed over, and does not keep them. */
export type FileWriter = (write: (bytes: Uint8Array) => Promise<void>) => Promise<void>;

/**
 * Replaces a file so that, whenever the machine stops, either the old bytes are there or all of the new ones: written
 * beside it, synced, renamed over it, and the folder synced. Without the last two a file of zeros can be what is left.
 *
 * @param content The bytes, or who writes them; where that one fails, the old file stays.
 * @param options `mode`: permissions of the new file, exactly; by default those that the umask leaves of 0666. `sync`: false
 * where it need not outlive the machine.
 * @throws the host's error (`ENOENT`, `EACCES`, `ENOSPC`), about `path`; nothing is left beside it then.
 */
export async function replaceFile(
  path: string,
  content: Uint8Array | FileWriter,
  options?: { readonly mode?: number | undefined; readonly sync?: boolean | undefined },
): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}`);
  const mode = options?.mode;
  try {
    const file = await open(temporary, "wx", mode ?? 0o666);
    try {
      // The mode given to open is cut down by the umask.
      if (mode !== undefined) await file.chmod(mode);
      if (content instanceof Uint8Array) await file.writeFile(content);
      else await content((bytes) => writeAll(file, bytes));
      if (options?.sync !== false) await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw aboutPath(error, temporary, path);
  }
  if (options?.sync !== false) await syncDirectory(dirname(path));
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    // A full disk may take a part.
    const { bytesWritten } = await file.write(bytes, at, bytes.length - at);
    at += bytesWritten;
  }
}

/** The host's error, about the file that the caller knows. */
function aboutPath(error: unknown, temporary: string, path: string): unknown {
  if (!(error instanceof Error)) return error;
  const found = error as NodeJS.ErrnoException;
  if (found.path === temporary) found.path = path;
  found.message = found.message.replaceAll(temporary, path);
  return found;
}

/** Makes renames in a folder last. Does nothing where folders cannot be opened (Windows). */
export async function syncDirectory(path: string): Promise<void> {
  try {
    const folder = await open(path, "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  } catch (error) {
    const code = hostErrorCode(error);
    if (code !== "EISDIR" && code !== "EPERM" && code !== "EACCES" && code !== "EINVAL") throw error;
  }
}

/** `ENOENT` and the like, where the error is the host's. */
export function hostErrorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** Whether an error is the host's for a file that is not there: `ENOENT`, `ENOTDIR`. */
export function isMissingFile(error: unknown): boolean {
  const code = hostErrorCode(error);
  return code === "ENOENT" || code === "ENOTDIR";
}
