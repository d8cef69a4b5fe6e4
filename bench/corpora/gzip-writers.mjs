/**
 * The encoders that write layers, each over a file:
 *
 *   gzip-6, gzip-1   GNU gzip, as Debian has it; node:zlib at the same level where there is none
 *   pigz             pigz -6: blocks of 128 KiB, each primed with the one before
 *   crane            Go's compress/gzip at its fastest level
 *   umoci            Go's pgzip at its default level
 */
import { execFileSync, spawnSync } from "node:child_process";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

export const GZIP_WRITERS = ["gzip-6", "gzip-1", "pigz", "crane", "umoci"];

/**
 * One of them, if it is here.
 *
 * @param directory Where the program of Go's encoders goes.
 * @returns `{ id, write(from, to) }`, where `id` says which program it is, or `{ missing }`: why it is not.
 */
export function findGzipWriter(name, directory) {
  if (name === "crane" || name === "umoci") {
    const go = buildGo(directory);
    return go.missing === undefined ? piped(go.id, go.program, [name]) : go;
  }
  if (name === "pigz") {
    const pigz = versionOf("pigz");
    return pigz === undefined ? { missing: "pigz is not here" } : piped(pigz, "pigz", ["-6", "-n"]);
  }
  const level = name.slice("gzip".length);
  const gzip = versionOf("gzip");
  return gzip === undefined ? byNode(-Number(level)) : piped(gzip, "gzip", [level, "-n"]);
}

function piped(id, program, args) {
  return {
    id: `${id} ${args.join(" ")}`,
    write(from, to) {
      const input = openSync(from, "r");
      const output = openSync(to, "w");
      try {
        execFileSync(program, args, { stdio: [input, output, "inherit"] });
      } finally {
        closeSync(input);
        closeSync(output);
      }
    },
  };
}

function byNode(level) {
  return {
    id: `no gzip: node:zlib ${process.versions.zlib} -${level}`,
    write: (from, to) => writeFileSync(to, gzipSync(readFileSync(from), { level })),
  };
}

function versionOf(program) {
  const { status, stdout, stderr } = spawnSync(program, ["--version"], { encoding: "utf8" });
  return status === 0 ? `${stdout}${stderr}`.trim().split("\n")[0] : undefined;
}

/** `GO` is the command, else "go". */
function buildGo(directory) {
  const source = fileURLToPath(new URL("gzip-go", import.meta.url));
  const program = join(directory, "gzip-go");
  const go = process.env.GO ?? "go";
  const version = spawnSync(go, ["env", "GOVERSION"], { cwd: source, encoding: "utf8" });
  if (version.error !== undefined) return { missing: "Go is not here" };
  const build = spawnSync(go, ["build", "-C", source, "-o", program, "."], { encoding: "utf8" });
  if (build.status !== 0)
    return { missing: `Go's encoders do not build here: ${build.stderr.trim().split("\n").at(-1)}` };
  return { id: `${version.stdout.trim()}, pgzip 1.2.6,`, program };
}
