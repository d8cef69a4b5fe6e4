/**
 * Speed of @socikit/inflate next to its peers, in every runtime that is here. On the built packages:
 *
 *   npm run bench:inflate [-- OPTIONS] [FILE.gz...]
 *
 *   --runtimes node-20,bun       default: node-20,node-24,node-26,deno,bun; "this" is the one that runs this
 *   --corpus debian,mixed.pigz   which corpora (bench/corpora), default all; or FILE.gz instead of them
 *   --corpus-mb N                smaller corpora
 *   --rounds N                   default 7, or $ROUNDS
 *   --cpu                        processor time instead of wall time, for a machine that is not quiet; so does CLOCK=cpu
 *   --json FILE                  all times
 *   --markdown FILE              tables, in place of those that FILE has (bench/README.md)
 *   --install-peers              first installs pako beside the corpora
 *   --check                      one round; fails when a contender gives the wrong length, or something is not here
 *
 * In each runtime all contenders take their turns in one process, round after round, the native ones in a process beside
 * it that decodes when it is asked. A number is the median of the rounds in MB of output a second (1 MB = 10^6 bytes),
 * with its quartiles; a ratio is the median of the ratios round by round. At the end, each goal on each corpus.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { cacheDirectory, prepareCorpora } from "./corpora/corpora.mjs";
import { inflateMarkdown } from "./inflate/markdown.mjs";
import { printColdStarts, printGoals } from "./inflate/text.mjs";
import { describeMachine } from "./measure/machine.mjs";
import { writeMarkdownSection } from "./measure/markdown-section.mjs";
import { DEFAULT_RUNTIMES, findRuntimes } from "./measure/runtimes.mjs";
import { installPeers, loadPeers } from "./peers/javascript-peers.mjs";
import { compileNative } from "./peers/native-inflate.mjs";
import { programOptions } from "../scripts/program-options.mjs";

const COLD_STARTS = 15;
const RUN = fileURLToPath(new URL("inflate/run.mjs", import.meta.url));
const COLD_START = fileURLToPath(new URL("inflate/cold-start.mjs", import.meta.url));
const MODULE = fileURLToPath(new URL("../wasm/build/inflate.wasm", import.meta.url));

const { values, positionals } = programOptions(import.meta.url, {
  allowPositionals: true,
  options: {
    runtimes: { type: "string", default: DEFAULT_RUNTIMES.join() },
    corpus: { type: "string", default: "" },
    "corpus-mb": { type: "string", default: process.env.CORPUS_MB ?? "Infinity" },
    rounds: { type: "string", default: process.env.ROUNDS ?? "7" },
    cpu: { type: "boolean", default: process.env.CLOCK === "cpu" },
    json: { type: "string" },
    markdown: { type: "string" },
    "install-peers": { type: "boolean", default: false },
    check: { type: "boolean", default: false },
  },
});
const clock = values.cpu ? "cpu" : "wall";
const rounds = values.check ? 1 : Number(values.rounds);

const peers = cacheDirectory();
if (values["install-peers"]) await installPeers(peers);
const notes = [...(await loadPeers(peers)).notes];
const corpora = findCorpora();
const { runtimes, notes: missingRuntimes } = findRuntimes(values.runtimes.split(","));
notes.push(...missingRuntimes);
const directory = mkdtempSync(join(tmpdir(), "socikit-bench-"));
try {
  const native = compileNative(directory);
  if (native.missing !== undefined) notes.push(native.missing);
  const machine = describeMachine();
  console.log(`${machine}; ${rounds} rounds, MB/s of output by ${clock === "cpu" ? "processor" : "wall"} time`);
  for (const note of notes) console.log(`(${note})`);
  const before = loadavg()[0];
  const runs = runtimes.map((runtime) => runIn(runtime, native));
  const load = `${before.toFixed(1)} before, ${loadavg()[0].toFixed(1)} at the end`;
  const coldStarts = runtimes.map(({ name, command }, i) => ({
    name,
    runtime: runs[i].runtime,
    ...coldStart(command),
  }));
  const moduleSize = statSync(MODULE).size;
  const results = { machine, clock, rounds, load, notes, moduleSize, coldStarts, runs };
  if (values.check) {
    console.log(`\nEvery contender gave every byte: ${runs.length} runtimes, ${corpora.length} layers`);
    if (notes.length > 0) process.exitCode = 1;
  } else {
    printGoals(runs);
    printColdStarts(results);
  }
  // Once more, where it is seen.
  for (const note of notes) console.log(`(${note})`);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results)}\n`);
  if (values.markdown !== undefined) writeMarkdownSection(values.markdown, "bench:inflate", inflateMarkdown(results));
} finally {
  rmSync(directory, { recursive: true, force: true });
}

function findCorpora() {
  if (positionals.length > 0) return positionals.map((file) => ({ name: basename(file), path: resolve(file) }));
  const names = values.corpus === "" ? [] : values.corpus.split(",");
  const found = prepareCorpora({ names, maxSize: Number(values["corpus-mb"]) * 1e6 });
  notes.push(...found.notes);
  return found.corpora.map(({ name, path }) => ({ name, path }));
}

function runIn({ name, command }, { program, libraries }) {
  const result = join(directory, `${name}.json`);
  const run = { corpora, rounds, clock, program, libraries, peers, result, isCheck: values.check };
  const [runtime, ...flags] = command;
  const { status } = spawnSync(runtime, [...flags, RUN], {
    env: { ...process.env, SOCIKIT_BENCH_RUN: JSON.stringify(run) },
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (status !== 0) throw new Error(`The run in ${name} failed`);
  return JSON.parse(readFileSync(result, "utf8"));
}

function coldStart([runtime, ...flags]) {
  const times = { withModule: [], compiling: [] };
  for (let start = 0; start < (values.check ? 1 : COLD_STARTS); start++) {
    for (const [kind, mode] of [
      ["withModule", "module"],
      ["compiling", "compile"],
    ]) {
      const args = [...flags, COLD_START, corpora[0].path, mode];
      const { status, stdout, stderr } = spawnSync(runtime, args, { encoding: "utf8" });
      if (status !== 0) throw new Error(`No cold start of ${runtime}: ${stderr}`);
      times[kind].push(JSON.parse(stdout));
    }
  }
  return times;
}
