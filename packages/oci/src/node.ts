/**
 * What of `@socikit/oci` needs Node's file system (Node, Deno, Bun).
 *
 * @module
 */
export { withFileLock, type FileLockOptions } from "./node/file-lock.ts";
export { isRunning } from "./node/is-running.ts";
export { makeDirectory } from "./node/make-directory.ts";
export { openFileSource } from "./node/file-source.ts";
export { hostErrorCode, isMissingFile, replaceFile, syncDirectory, type FileWriter } from "./node/replace-file.ts";
export { readFileChunks } from "./node/read-file-chunks.ts";
export { readRegularFile } from "./node/read-regular-file.ts";
