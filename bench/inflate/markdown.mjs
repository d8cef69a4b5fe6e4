/** The tables of bench/inflate.mjs for bench/README.md. */
import { markdownTable } from "../measure/markdown-section.mjs";
import { summary, timesOf } from "../measure/statistics.mjs";
import { GOALS, judge } from "./goals.mjs";

const HEADS = {
  "raw to libdeflate": "raw: native libdeflate",
  "raw to node:zlib": "raw: best node:zlib stream",
  "raw to fflate": "raw: fflate",
  "gzip to createGunzip": "gzip, pooled: best createGunzip",
  "checkpoints 4 MiB": "checkpoints, 4 MiB",
  "checkpoints 1 MiB": "checkpoints, 1 MiB",
  crossings: "crossings",
};

/** @param results As `--json` writes them. */
export function inflateMarkdown({ machine, clock, rounds, load, notes, runs, moduleSize, coldStarts }) {
  const parts = [
    `${machine}; ${rounds} interleaved rounds, ${clock === "cpu" ? "processor" : "wall"} time, load ${load}. MB/s of output, ` +
      "then how many times as fast as each peer, and what recording costs; quartiles in brackets. **Bold**: a goal that is missed.",
    ...notes.map((note) => `Not here: ${note}.`),
  ];
  for (const { runtime, libraries, corpora } of runs) {
    const native = corpora[0].native === undefined ? "" : `; native ${corpora[0].native}`;
    parts.push(`### ${runtime}`, `With ${libraries.join(", ")}${native}.`, goalsTable(runtime, corpora));
  }
  parts.push("### All contenders", "MB/s of output, over the layers of `gzip -6`.");
  for (const { runtime, corpora } of runs) parts.push(`#### ${runtime}`, contendersTable(corpora));
  parts.push(
    "### Cold start",
    `The module has ${moduleSize} bytes. From a new process's first call to the first output, in milliseconds:`,
    markdownTable(
      ["runtime", "given a compiled module", "with compiling", "one more instance, later"],
      coldStarts.map(({ runtime, withModule, compiling }) => [
        runtime,
        spread(summary(withModule.map(({ total }) => total)), 2),
        spread(summary(compiling.map(({ total }) => total)), 2),
        spread(summary(withModule.map(({ next }) => next)), 2),
      ]),
    ),
  );
  return parts.join("\n\n");
}

function goalsTable(runtime, corpora) {
  return markdownTable(
    ["layer", "raw", "gzip, pooled", ...GOALS.map(({ id }) => HEADS[id])],
    corpora.map((corpus) => [
      corpus.name,
      speed(corpus, "raw/ours"),
      speed(corpus, "gzip/ours pooled"),
      ...GOALS.map((goal) => cell(goal, judge(goal, runtime, corpus))),
    ]),
  );
}

function cell(goal, found) {
  if (found === undefined) return "–";
  const text = goal.isCost
    ? `${(found.median * 100).toFixed(1)} %`
    : `${found.median.toFixed(2)} (${found.low.toFixed(2)}–${found.high.toFixed(2)})`;
  return found.isReached === false ? `**${text}**` : text;
}

function contendersTable(corpora) {
  const shown = corpora.filter(({ name }) => name.endsWith(".gzip-6"));
  const chosen = shown.length > 0 ? shown : corpora.slice(0, 3);
  const names = Object.keys(chosen[0].times);
  return markdownTable(
    ["", ...chosen.map(({ name }) => name)],
    names.map((name) => [name.replace("/", ": "), ...chosen.map((corpus) => speed(corpus, name))]),
  );
}

function speed({ size, times }, name) {
  const ran = timesOf(times[name] ?? []);
  return ran.length === 0 ? "–" : spread(summary(ran.map((time) => size / time / 1000)), 0);
}

function spread({ median, low, high }, digits) {
  return `${median.toFixed(digits)} (${low.toFixed(digits)}–${high.toFixed(digits)})`;
}
