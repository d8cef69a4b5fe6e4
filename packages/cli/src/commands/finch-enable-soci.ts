import { join } from "node:path";
import { defaultSnapshotter, enableSoci } from "@socikit/finch-config";
import type { CommandRun } from "../command-spec.ts";
import { CliError } from "../errors.ts";
import { locatedError } from "../located-error.ts";

/** finch.yaml is a page; this is far beyond it. */
const MAX_CONFIG_SIZE = 1024 * 1024;

/** `socikit finch enable-soci` */
export const finchEnableSoci: CommandRun = async (invocation, io) => {
  const file = invocation.text("file") ?? defaultPath(io.system, io.home, io.env["LOCALAPPDATA"]);
  if ((await io.files.kind(file)) === undefined)
    throw new CliError("ERR_CLI_NO_FILE", `Cannot edit ${file}: it is not there`, {
      hint: "finch vm init writes it; if it is elsewhere: --file PATH",
    });
  const bytes = await io.files.read(file, MAX_CONFIG_SIZE);
  const before = decodeText(bytes, file);
  const after = edited(before, file);
  const changed = after !== before;
  const dryRun = invocation.flag("dry-run");
  if (changed && !dryRun) {
    io.signal.throwIfAborted();
    await io.files.replace(file, new TextEncoder().encode(after));
  }
  if (invocation.flag("json")) {
    const report = { file, before: defaultSnapshotter(before), after: defaultSnapshotter(after), changed };
    await io.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
  } else if (dryRun) {
    await io.stdout.write(after);
  }
  if (dryRun) {
    await io.stderr.write(changed ? "Nothing written (--dry-run)\n" : `${file}: soci is the default already\n`);
    return undefined;
  }
  await io.stderr.write(
    changed
      ? `${file}: soci is the default snapshotter now, ${defaultSnapshotter(before)} was\n  → finch vm stop && finch vm start\n`
      : `${file}: soci is the default already\n`,
  );
  if (io.system === "linux" && invocation.text("file") === undefined)
    await io.stderr.write("On Linux Finch runs without a virtual machine and does not read this setting\n");
  return undefined;
};

function edited(before: string, file: string): string {
  try {
    return enableSoci(before);
  } catch (error) {
    throw locatedError(error, file);
  }
}

/** Where Finch looks: it takes no path from options or environment. */
function defaultPath(system: string, home: string, localAppData: string | undefined): string {
  return system === "win32" && localAppData !== undefined
    ? join(localAppData, ".finch", "finch.yaml")
    : join(home, ".finch", "finch.yaml");
}

function decodeText(bytes: Uint8Array, file: string): string {
  try {
    // A byte order mark stays: not a byte is touched but the setting.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new CliError("ERR_CLI_NOT_TEXT", `Cannot read ${file}: it is not UTF-8 text`, { cause });
  }
}
