import { createReadStream } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { isMissingFile, readRegularFile, replaceFile } from "@socikit/oci/node";
import type { CliFiles } from "../io.ts";

/** The host's files. */
export function nodeFiles(): CliFiles {
  return { stream, read: readRegularFile, replace, kind };
}

const CHUNK = 256 * 1024;

function stream(path: string): AsyncIterable<Uint8Array> {
  return createReadStream(path, { highWaterMark: CHUNK });
}

async function replace(path: string, bytes: Uint8Array): Promise<void> {
  // Renaming over a symbolic link would leave the file that it names as it was.
  const target = await realpath(path).catch(() => path);
  const before = await stat(target).catch(() => undefined);
  await replaceFile(target, bytes, before === undefined ? {} : { mode: before.mode & 0o7777 });
}

async function kind(path: string): Promise<"file" | "directory" | "other" | undefined> {
  try {
    const found = await stat(path);
    return found.isFile() ? "file" : found.isDirectory() ? "directory" : "other";
  } catch (error) {
    if (isMissingFile(error)) return undefined;
    throw error;
  }
}
