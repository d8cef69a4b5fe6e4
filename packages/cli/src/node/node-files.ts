import { open, realpath, stat, writeFile } from "node:fs/promises";
import { isMissingFile, readFileChunks, readRegularFile, replaceFile, type FileWriter } from "@socikit/oci/node";
import type { CliFiles } from "../io.ts";

/** The host's files. */
export function nodeFiles(): CliFiles {
  return { stream, read: readRegularFile, replace, kind };
}

async function* stream(path: string): AsyncIterable<Uint8Array> {
  try {
    yield* readFileChunks(path);
  } catch (error) {
    throw withPath(error, path);
  }
}

/** The host's error, with the path that was asked for: a read has none, and a write that of a temporary file. */
function withPath(error: unknown, path: string): unknown {
  return error instanceof Error ? Object.assign(error, { path }) : error;
}

async function replace(path: string, content: Uint8Array | FileWriter): Promise<void> {
  // Renaming over a symbolic link would leave the file that it names as it was.
  const target = await realpath(path).catch(() => path);
  const before = await stat(target).catch(() => undefined);
  if (before !== undefined && !before.isFile() && !before.isDirectory()) {
    // A device or a pipe, such as /dev/null, takes the bytes; a file renamed over it would be in its place for everybody.
    await writeInto(target, content).catch((error: unknown) => {
      throw withPath(error, path);
    });
    return;
  }
  const options = before === undefined ? {} : { mode: before.mode & 0o7777 };
  await replaceFile(target, content, options).catch((error: unknown) => {
    throw isHostError(error) ? withPath(error, path) : error;
  });
}

async function writeInto(path: string, content: Uint8Array | FileWriter): Promise<void> {
  if (content instanceof Uint8Array) return writeFile(path, content);
  const file = await open(path, "w");
  try {
    await content((bytes) => file.writeFile(bytes));
  } finally {
    await file.close();
  }
}

/** Whether it is the file's fault, and not that of who writes it. */
function isHostError(error: unknown): boolean {
  return error instanceof Error && "syscall" in error;
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
