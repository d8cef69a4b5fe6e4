/**
 * What of `@socikit/oci` needs Node's file system (Node, Deno, Bun).
 *
 * @module
 */
export { openFileSource } from "./node/file-source.ts";
export { hostErrorCode, isMissingFile, replaceFile, syncDirectory } from "./node/replace-file.ts";
export { readRegularFile } from "./node/read-regular-file.ts";
