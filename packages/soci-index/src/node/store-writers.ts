import { randomUUID } from "node:crypto";
import { readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { isMissingFile, isRunning, makeDirectory } from "@socikit/oci/node";

/** Milliseconds after which a writer is taken for gone, whatever its process does: the number may be another one's by then. */
const ABANDONED_MS = 24 * 3600 * 1000;

/** Who is writing to a store, as files of a folder in it: one for each writer, while it writes. */
export class StoreWriters {
  readonly #folder: string;

  /** @param directory The store's. */
  constructor(directory: string) {
    this.#folder = join(directory, ".socikit-writers");
  }

  /** Enters a writer. Resolves to what takes it out again, which never fails. */
  async enter(): Promise<() => Promise<void>> {
    await makeDirectory(this.#folder);
    const path = join(this.#folder, randomUUID());
    await writeFile(path, `${process.pid} ${hostname()}`);
    return () => rm(path, { force: true }).catch(() => {});
  }

  /** The process of one that is writing; `undefined` where nobody is. Takes those out that were killed. */
  async anyone(): Promise<string | undefined> {
    let found: string | undefined;
    for (const name of await namesIn(this.#folder)) {
      const path = join(this.#folder, name);
      const holder = await holderOf(path);
      if (holder !== undefined) found ??= holder;
      else await rm(path, { force: true });
    }
    return found;
  }
}

/** The process that a file is of; `undefined` where it has ended. */
async function holderOf(path: string): Promise<string | undefined> {
  try {
    const [pid = "", ...host] = (await readFile(path, "utf8")).split(" ");
    const age = Date.now() - (await stat(path)).mtimeMs;
    if (age > ABANDONED_MS) return undefined;
    // Of another machine's process there is no telling. A file that is empty is being made, or its process was killed there.
    if (host.join(" ") !== hostname()) return pid === "" && age > 5000 ? undefined : pid || "unknown";
    return isRunning(Number(pid)) ? pid : undefined;
  } catch (error) {
    if (isMissingFile(error)) return undefined;
    throw error;
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isMissingFile(error)) return [];
    throw error;
  }
}
