import { isAbsolute, join, resolve } from "node:path";
import type { LocalStore } from "@socikit/soci-index/node";
import type { OptionSpec } from "./command-spec.ts";
import { CliError } from "./errors.ts";
import type { CliIo } from "./io.ts";
import type { Invocation } from "./invocation.ts";
import { formatLocation, parseLocation, type Location } from "./location.ts";

/** Where the store of this machine is. */
export const ROOT_OPTION: OptionSpec = {
  name: "root",
  kind: "text",
  lastCounts: true,
  value: "DIR",
  byDefault: "$XDG_DATA_HOME/socikit, else ~/.local/share/socikit; on Windows %LOCALAPPDATA%\\socikit",
  summary: "the local store",
};

/** The directory of the store. */
export function storeRoot(invocation: Invocation, { env, home, system }: CliIo): string {
  const given = invocation.text("root");
  if (given !== undefined) return given;
  // https://specifications.freedesktop.org/basedir-spec/latest/: one that is not absolute is to be ignored.
  const data = env["XDG_DATA_HOME"];
  if (data !== undefined && isAbsolute(data)) return join(data, "socikit");
  const local = env["LOCALAPPDATA"];
  return system === "win32" && local ? join(local, "socikit") : join(home, ".local", "share", "socikit");
}

/** What the store calls an image: its location; a path on this machine whole, since commands run elsewhere too. */
export function storedName(location: Location): string {
  if (location.kind === "layout") return formatLocation({ ...location, directory: resolve(location.directory) });
  return formatLocation(location.kind === "archive" ? { ...location, file: resolve(location.file) } : location);
}

/** The name that `--ref` and the like ask for, however it is spelled. */
export function askedName(text: string): string {
  try {
    return storedName(parseLocation(text));
  } catch {
    // No image has it.
    return text;
  }
}

/** The store, made where it is not there. */
export async function createStore(invocation: Invocation, io: CliIo): Promise<LocalStore> {
  const root = storeRoot(invocation, io);
  await checkRoot(root, io);
  return openAt(root, true);
}

/** The store; `undefined` where none was made yet, which is as good as one that is empty. */
export async function openStore(invocation: Invocation, io: CliIo): Promise<LocalStore | undefined> {
  const root = storeRoot(invocation, io);
  await checkRoot(root, io);
  return (await io.files.kind(join(root, "oci-layout"))) === undefined ? undefined : openAt(root, false);
}

/** A file in the place of the store is no store that was not made yet. */
async function checkRoot(root: string, { files }: CliIo): Promise<void> {
  const kind = await files.kind(root);
  if (kind !== undefined && kind !== "directory")
    throw new CliError(
      "ERR_CLI_NOT_A_DIRECTORY",
      `Cannot open local store ${JSON.stringify(root)}: it is no directory`,
    );
}

async function openAt(root: string, create: boolean): Promise<LocalStore> {
  const [{ openLayoutDirectory }, { openLocalStore }] = await Promise.all([
    import("@socikit/registry/node"),
    import("@socikit/soci-index/node"),
  ]);
  return openLocalStore(await openLayoutDirectory(root, { create }));
}
