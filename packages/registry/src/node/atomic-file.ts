import { open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { uploadId } from "../upload-id.ts";

/**
 * Replaces a file so that, whenever the machine stops, either the old bytes are there or all of the new ones: written
 * beside it, synced, renamed over it, and the folder synced. Without the last two a file of zeros can be what is left.
 */
export async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${uploadId()}`);
  try {
    const file = await open(temporary, "wx");
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
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

/** Whether the host says that there is no such file. */
export function isNotFound(error: unknown): boolean {
  const code = hostErrorCode(error);
  return code === "ENOENT" || code === "ENOTDIR";
}
