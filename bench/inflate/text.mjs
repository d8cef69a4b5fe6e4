/** What bench/inflate.mjs prints. */
import { fastestOf, GOALS, judge, MAX_FIRST_OUTPUT_MS, MAX_MODULE_SIZE } from "./goals.mjs";
import { GZIP_STREAMS, RAW_STREAMS } from "./contenders.mjs";
import { median, ratios, summary, timesOf } from "../measure/statistics.mjs";

/** Speeds of all contenders over one corpus, and their ratios to the best stream of node:zlib of their kind. */
export function printCorpus({ name, compressed, size, times }) {
  console.log(`\n${name}: ${(compressed / 1e6).toFixed(1)} → ${(size / 1e6).toFixed(1)} MB`);
  for (const [kind, streams] of [
    ["raw", RAW_STREAMS],
    ["gzip", GZIP_STREAMS],
  ]) {
    const base = fastestOf(times, streams);
    console.log(
      `  ${kind.padEnd(32)} MB/s     spread${base === undefined ? "" : `   to ${base.slice(kind.length + 1)}`}`,
    );
    for (const [contender, rounds] of Object.entries(times)) {
      if (!contender.startsWith(`${kind}/`)) continue;
      const speed = summary(timesOf(rounds).map((time) => size / time / 1000));
      const ratio = base === undefined ? undefined : summary(ratios(rounds, times[base]));
      console.log(
        `    ${contender.slice(kind.length + 1).padEnd(28)}${speed.median.toFixed(0).padStart(7)}` +
          `${`${speed.low.toFixed(0)}–${speed.high.toFixed(0)}`.padStart(11)}${ratio === undefined ? "" : `   ${ratioText(ratio)}`}`,
      );
    }
  }
}

/** Each goal over each corpus in each runtime: the ratio, and by how much it is missed. */
export function printGoals(runs) {
  let reached = 0;
  let asked = 0;
  for (const { runtime, corpora } of runs) {
    console.log(`\n== Goals, ${runtime}`);
    for (const goal of GOALS) {
      console.log(`  ${goal.title}`);
      for (const corpus of corpora) {
        const found = judge(goal, runtime, corpus);
        if (found?.wanted !== undefined) asked++;
        if (found?.isReached) reached++;
        console.log(`    ${corpus.name.padEnd(24)}${verdict(goal, found)}`);
      }
    }
  }
  console.log(`\n${reached} of ${asked} goals reached`);
}

function verdict(goal, found) {
  if (found === undefined) return "not measured";
  const { low, high, wanted, isReached, missedBy } = found;
  const show = goal.isCost ? percent : (ratio) => ratio.toFixed(2);
  const measured = `${show(found.median).padStart(7)}  (${show(low)}–${show(high)})`.padEnd(28);
  if (wanted === undefined) return `${measured}no goal`;
  const sign = goal.isCost ? "≤" : "≥";
  return `${measured}${sign} ${show(wanted)}: ${isReached ? "reached" : `missed by ${percent(missedBy)}`}`;
}

/** Cold starts of every runtime, and the module. */
export function printColdStarts({ moduleSize, coldStarts }) {
  console.log(
    `\nModule: ${moduleSize} bytes, ≤ ${MAX_MODULE_SIZE}: ${moduleSize <= MAX_MODULE_SIZE ? "reached" : "missed"}`,
  );
  for (const { runtime, withModule, compiling } of coldStarts) {
    const first = summary(withModule.map(({ total }) => total));
    const parts = ["load", "open", "decode"].map(
      (part) => `${part} ${median(withModule.map((start) => start[part])).toFixed(2)}`,
    );
    const missedBy = first.median - MAX_FIRST_OUTPUT_MS;
    console.log(
      `First output in a new process, ${runtime}: ${spread(first)} ms given a compiled module (${parts.join(", ")}), ` +
        `≤ ${MAX_FIRST_OUTPUT_MS}: ${missedBy <= 0 ? "reached" : `missed by ${missedBy.toFixed(2)} ms`}; ` +
        `${spread(summary(compiling.map(({ total }) => total)))} ms with compiling; ` +
        `${spread(summary(withModule.map(({ next }) => next)))} ms in one more instance`,
    );
  }
}

function spread({ median: middle, low, high }) {
  return `${middle.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`;
}

function ratioText({ median: middle, low, high }) {
  return `${middle.toFixed(2)}× (${low.toFixed(2)}–${high.toFixed(2)})`;
}

function percent(share) {
  return `${(share * 100).toFixed(1)} %`;
}
