import { mkdir, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { hostErrorCode } from "./replace-file.ts";

/**
 * Makes a directory, and those above it that are not there. One that is there is left as it is.
 *
 * Node 20's own recursive `mkdir` never settles where a file system takes no directories and says `ENOENT`, as `/proc` does:
 * here every one is tried twice at most.
 *
 * @returns the topmost directory that was made; `undefined` where none was.
 * @throws the host's error, `ENOTDIR` or `EEXIST` for a file in the way among them.
 */
export async function makeDirectory(path: string): Promise<string | undefined> {
  const missing: string[] = [];
  for (let at = resolve(path); ; at = dirname(at)) {
    const outcome = await make(at);
    if (outcome === "absent" && dirname(at) !== at && missing.length < MAX_DEPTH) {
      missing.push(at);
      continue;
    }
    if (outcome === "absent") await mkdir(at);
    let first = outcome === "made" ? at : undefined;
    for (const below of missing.toReversed()) {
      if ((await make(below)) === "absent") await mkdir(below);
      first ??= below;
    }
    return first;
  }
}

/** Directories above one another: no path of a system has more. */
const MAX_DEPTH = 4096;

/** `absent`: the directory above is not there. */
async function make(path: string): Promise<"made" | "there" | "absent"> {
  try {
    await mkdir(path);
    return "made";
  } catch (error) {
    if (hostErrorCode(error) === "ENOENT") return "absent";
    // Roots are refused with EEXIST, EISDIR or EPERM, by system.
    const isThere = await stat(path).then(
      (found) => found.isDirectory(),
      () => false,
    );
    if (!isThere) throw error;
    return "there";
  }
}
