/**
 * Indexing an image of several layers, layout to layout, on the calling thread and on threads of a pool: time, processor time of all
 * threads, peak memory.
 *
 *   node bench/build-pool.mjs [--layout DIRECTORY] [--tag TAG] [--rounds N]
 *
 * The layout is that of the system tests, where they have made it: a RabbitMQ image of 129 MB in three layers. Each run is a process of its
 * own and its first, so compiling is in it, but the start of Node is not. Rounds are interleaved; numbers are medians with their
 * quartiles, ratios medians of the ratios round by round. Every run must make the same index. Needs `npm run build`.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { homedir, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describeMachine } from "./measure/machine.mjs";
import { median, ratios, summary } from "./measure/statistics.mjs";
import { programOptions } from "../scripts/program-options.mjs";

const { values } = programOptions(import.meta.url, {
  options: {
    layout: { type: "string", default: join(homedir(), ".cache/socikit-ci/rabbitmq-image") },
    tag: { type: "string", default: "rabbitmq" },
    rounds: { type: "string", default: "9" },
    run: { type: "string" },
  },
});
const CONTENDERS = {
  "no pool": undefined,
  "1 thread": { threads: 1 },
  "2 threads": { threads: 2 },
  // As `socikit create` on two processors.
  "1 and the calling one": { threads: 1, usesCallingThread: true },
};

if (values.run === undefined) compare();
else console.log(JSON.stringify(await run(CONTENDERS[values.run])));

function compare() {
  console.log(`${describeMachine()}, Node ${process.versions.node}; ${values.rounds} rounds`);
  const names = Object.keys(CONTENDERS);
  const results = new Map(names.map((name) => [name, []]));
  for (let round = 0; round < Number(values.rounds); round++)
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(turn + round) % names.length];
      const args = [fileURLToPath(import.meta.url), "--run", name, "--layout", values.layout, "--tag", values.tag];
      results.get(name).push(JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" })));
    }
  const digests = new Set([...results.values()].flat().map(({ digest }) => digest));
  if (digests.size !== 1) throw new Error(`The indexes differ: ${[...digests].join(", ")}`);
  const wallOf = (name) => results.get(name).map(({ wallMs }) => wallMs);
  for (const [name, runs] of results) {
    const cpu = median(runs.map(({ cpuMs }) => cpuMs)).toFixed(0);
    const rss = median(runs.map((one) => one.rss)).toFixed(0);
    const wall = withQuartiles(wallOf(name), 0);
    const gain = withQuartiles(ratios(wallOf(name), wallOf("no pool")), 2);
    console.log(`  ${name.padEnd(23)}${wall} ms, ${gain}× as fast; ${cpu} ms of processors, ${rss} MB at the peak`);
  }
  console.log(`  load ${loadavg()[0].toFixed(1)} at the end`);
}

function withQuartiles(numbers, digits) {
  const { median: middle, low, high } = summary(numbers);
  return `${middle.toFixed(digits)} (${low.toFixed(digits)}–${high.toFixed(digits)})`;
}

async function run(options) {
  const { openLayoutDirectory } = await import("@socikit/registry/node");
  const { createIndex } = await import("@socikit/soci-index/build");
  const { createBuildPool } = await import("@socikit/ztoc/build");
  const work = mkdtempSync(join(tmpdir(), "socikit-bench-"));
  try {
    const image = await openLayoutDirectory(values.layout);
    const target = await openLayoutDirectory(join(work, "target"), { create: true });
    const cpuBefore = process.cpuUsage();
    const began = performance.now();
    const pool = options && createBuildPool(options);
    const platform = { os: "linux", architecture: "amd64" };
    const { indexes } = await createIndex({ image, target, pool }, values.tag, {
      minLayerSize: 0,
      hostPlatform: platform,
    });
    pool?.close();
    const wallMs = performance.now() - began;
    const { user, system } = process.cpuUsage(cpuBefore);
    // Linux and Node count kibibytes.
    const rss = (process.resourceUsage().maxRSS * 1024) / 1e6;
    return { wallMs, cpuMs: (user + system) / 1000, rss, digest: indexes[0].index.digest };
  } finally {
    rmSync(work, { recursive: true });
  }
}
