/** What the decoder is to reach, on every corpus, and whether it does. */
import { besideOf, GZIP_STREAMS, RAW_STREAMS } from "./contenders.mjs";
import { median, ratios, summary, timesOf } from "../measure/statistics.mjs";

const isNode = (runtime) => runtime.startsWith("Node ");
const isNode20 = (runtime) => runtime.startsWith("Node 20.");

/**
 * Each goal: `ratio(times)` is an own contender's speed over a peer's, round by round, empty where one of them was not
 * there. `least(runtime, corpus)` is how much it has to be, undefined where nothing is asked. A goal with `isCost` is a
 * share of the speed that is lost, `most` of it.
 */
export const GOALS = [
  {
    id: "raw to libdeflate",
    title: "raw DEFLATE, native libdeflate = 1",
    ratio: (times) => against(times, "raw/ours", ["raw/libdeflate"]),
    least: (runtime) => (isNode20(runtime) ? 0.9 : isNode(runtime) ? 0.86 : undefined),
  },
  {
    id: "raw to node:zlib",
    title: "raw DEFLATE, the runtime's best node:zlib stream = 1",
    ratio: (times) => against(times, "raw/ours", RAW_STREAMS),
    least: (runtime, corpus) => (isNode20(runtime) ? (corpus.startsWith("node_modules.") ? 1.7 : 1.45) : undefined),
  },
  {
    id: "raw to fflate",
    title: "raw DEFLATE, fflate = 1",
    ratio: (times) => against(times, "raw/ours", ["raw/fflate inflateSync"]),
    least: () => 4,
  },
  {
    id: "gzip to createGunzip",
    title: "gzip, CRC-32 checked, copied to a buffer that is used again; the runtime's best createGunzip = 1",
    ratio: (times) => against(times, "gzip/ours pooled", GZIP_STREAMS),
    least: () => 1.5,
  },
  {
    id: "checkpoints 4 MiB",
    title: "checkpoints each 4 MiB: speed lost",
    isCost: true,
    ratio: (times) => costOf(times, "gzip/ours checkpoints 4 MiB"),
    most: () => 0.03,
  },
  {
    id: "checkpoints 1 MiB",
    title: "checkpoints each 1 MiB: speed lost",
    isCost: true,
    ratio: (times) => costOf(times, "gzip/ours checkpoints 1 MiB"),
    most: () => 0.04,
  },
  {
    id: "crossings",
    title: "crossings of every block: speed lost",
    isCost: true,
    ratio: (times) => costOf(times, "gzip/ours crossings"),
    most: () => 0.05,
  },
];

/** In bytes, and in milliseconds. */
export const MAX_MODULE_SIZE = 16 * 1024;
export const MAX_FIRST_OUTPUT_MS = 1;

/**
 * How a corpus does by one goal.
 *
 * @returns `{ median, low, high, wanted, isReached, missedBy }`: ratios, or shares where the goal is a cost. `wanted`,
 * `isReached` and `missedBy` are undefined where nothing is asked. `missedBy` is a share of the ratio wanted, or the
 * share lost beyond what is allowed. Undefined where it was not measured.
 */
export function judge(goal, runtime, { name, times }) {
  const measured = goal.ratio(times);
  const found = summary(goal.isCost ? measured.map((ratio) => 1 - ratio) : measured);
  if (found === undefined) return undefined;
  const wanted = goal.isCost ? goal.most(runtime, name) : goal.least(runtime, name);
  if (wanted === undefined) return found;
  const missedBy = goal.isCost ? found.median - wanted : 1 - found.median / wanted;
  return { ...found, wanted, isReached: missedBy <= 0, missedBy };
}

/** Ratios of a recording scan to the plain one that ran with it. */
function costOf(times, own) {
  return against(times, own, [besideOf(own)]);
}

/** Ratios to the fastest of the bases that were there. */
function against(times, own, bases) {
  const base = fastestOf(times, bases);
  return base === undefined || times[own] === undefined ? [] : ratios(times[own], times[base]);
}

/** The name with the least median time. */
export function fastestOf(times, names) {
  const there = names.filter((name) => times[name] !== undefined && timesOf(times[name]).length > 0);
  return there.toSorted((a, b) => median(timesOf(times[a])) - median(timesOf(times[b])))[0];
}
