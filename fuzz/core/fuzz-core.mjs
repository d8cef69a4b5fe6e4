/** Runs the fuzzer of the inflate core (README.md), and keeps what it finds. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BUILD, buildCoreFuzzer } from "./build.mjs";

/** Longer inputs take time and show nothing new: a short stream has all there is. */
const MAX_LENGTH = 8192;
/** Bytes of cases that are kept at most. */
const MAX_KEPT = 300_000;

/**
 * Fuzzes for `seconds`, from the cases in `directory` and what runs before this one have left in build/corpus. A finding is saved in
 * `directory`. Answers 1 if there was one.
 *
 * @param keep Also puts a small set of inputs in `directory` in place of what is there, that reaches everything.
 */
export function fuzzCore(directory, { seconds, seed, keep }) {
  const fuzzer = buildCoreFuzzer();
  const corpus = join(BUILD, "corpus");
  const artifacts = mkdtempSync(join(tmpdir(), "socikit-fuzz-"));
  mkdirSync(corpus, { recursive: true });
  mkdirSync(directory, { recursive: true });
  try {
    const { output, status } = runFuzzer(fuzzer, [
      `-seed=${seed}`,
      `-max_total_time=${seconds}`,
      `-max_len=${MAX_LENGTH}`,
      "-timeout=10",
      "-print_final_stats=1",
      `-artifact_prefix=${artifacts}/`,
      corpus,
      directory,
    ]);
    const found = readdirSync(artifacts);
    for (const name of found) {
      const kind = name.replace(/-.*/, "");
      const text = /^FOUND: (.*)$/m.exec(output)?.[1] ?? /^SUMMARY: (?:\w+: )?([\w-]+)/m.exec(output)?.[1] ?? kind;
      const file = save(directory, `found ${text}`, join(artifacts, name));
      console.log(`FOUND core: ${text}\n  ${file}`);
    }
    const executions = /number_of_executed_units: (\d+)/.exec(output)?.[1] ?? "?";
    const rate = /average_exec_per_sec: +(\d+)/.exec(output)?.[1] ?? "?";
    const edges = [...output.matchAll(/ cov: (\d+)/g)].at(-1)?.[1] ?? "?";
    const all = /\((\d+) PCs\)/.exec(output)?.[1] ?? "?";
    const kept = [...output.matchAll(/ corp: (\d+)/g)].at(-1)?.[1] ?? "?";
    console.log(
      `core: ${executions} executions, ${rate} a second, ${edges} of ${all} edges, ${kept} inputs, ${found.length} findings`,
    );
    if (found.length > 0 || status !== 0) {
      console.log(output.split("\n").slice(-80).join("\n"));
      return 1;
    }
    if (keep) keepCases(fuzzer, corpus, directory, artifacts);
    return 0;
  } finally {
    rmSync(artifacts, { recursive: true, force: true });
  }
}

/** Replaces the cases by as few inputs as reach every edge that the corpus and they reach, each named after its answer. */
function keepCases(fuzzer, corpus, directory, work) {
  const merged = join(work, "merged");
  mkdirSync(merged);
  runFuzzer(fuzzer, ["-merge=1", `-max_len=${MAX_LENGTH}`, "-use_counters=0", merged, directory, corpus]);
  const files = readdirSync(merged).map((name) => join(merged, name));
  const sizes = files.map((file) => readFileSync(file).length);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (total > MAX_KEPT) throw new Error(`Cannot keep cases: ${files.length} inputs of ${total} bytes`);
  for (const file of files) save(directory, answerOf(fuzzer, file), file);
  const names = new Set(files.map((file) => digestOf(readFileSync(file))));
  for (const name of readdirSync(directory)) {
    // Findings stay, and what was made by hand.
    if (!/^(?:found|seed)-/.test(name) && !names.has(name.slice(-8))) rmSync(join(directory, name));
  }
  console.log(`core: ${files.length} inputs of ${total} bytes kept`);
}

function answerOf(fuzzer, file) {
  const { output } = runFuzzer(fuzzer, [file], { SOCIKIT_FUZZ_ANSWERS: "1" });
  return /^ANSWER (.*)$/m.exec(output)?.[1] ?? "too short";
}

function runFuzzer(fuzzer, args, env = {}) {
  const { stdout, stderr, status, error } = spawnSync(fuzzer, args, {
    env: { ...process.env, ...env },
    encoding: "latin1",
    maxBuffer: 2 ** 28,
  });
  if (error !== undefined) throw error;
  return { output: stdout + stderr, status };
}

function digestOf(bytes) {
  return createHash("sha256").update(bytes).digest("hex").slice(0, 8);
}

/** Copies a file to one that is named as run.mjs names cases: what was answered, and the beginning of the digest. */
function save(directory, text, from) {
  const words = text
    .toLowerCase()
    .replace(/\([^)]*\)/g, "")
    .replace(/[^a-z]+/g, "-")
    .replace(/^-|-$/g, "");
  const file = join(directory, `${words.slice(0, 50).replace(/-$/, "")}-${digestOf(readFileSync(from))}`);
  if (!existsSync(file)) cpSync(from, file);
  return file;
}
