/**
 * Speed and peak memory of building zTOCs, beside gunzip alone and the reference's own package.
 *
 *   npm run bench:ztoc -- [FILE.tar.gz...] [--rounds N] [--span-size BYTES] [--cpu] [--markdown FILE] [--no-large]
 *
 * Without files: a Debian root file system and node_modules, both by gzip -6 (bench/corpora), and at the end the layer of 2 GiB
 * of bench/ztoc.mjs. Each run is a process of its own that goes over the file four times: the first pass compiles, and gives the
 * peak of memory, and the median of the others is the run's time. Rounds are interleaved; numbers are medians with
 * their quartiles, ratios medians of the ratios round by round. One thread: node:zlib has a second one of its own, so gunzip is
 * read both ways. `--cpu` counts processor time of all threads instead of the time that passes, for a machine that is not
 * quiet. The reference needs Go, a C compiler and zlib1g-dev. Needs `npm run build`.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { createReadStream, readFileSync, statSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { createGunzip, gunzipSync } from "node:zlib";
import { Reference } from "../differential/reference.mjs";
import { prepareCorpora } from "./corpora/corpora.mjs";
import { startClock } from "./measure/clock.mjs";
import { describeMachine } from "./measure/machine.mjs";
import { markdownTable, writeMarkdownSection } from "./measure/markdown-section.mjs";
import { median, ratios, summary } from "./measure/statistics.mjs";
import { programOptions } from "../scripts/program-options.mjs";

/** How many times as fast as the reference, on the Debian layer. */
const GOAL = 4;
const LARGE = "A layer of 2 GiB and 100,000 entries, made while it is read:";
/** Over a file, in one process. */
const PASSES = 4;

const { values, positionals } = programOptions(import.meta.url, {
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "5" },
    "span-size": { type: "string", default: String(4 * 2 ** 20) },
    cpu: { type: "boolean", default: process.env.CLOCK === "cpu" },
    markdown: { type: "string" },
    "no-large": { type: "boolean", default: false },
    run: { type: "string" },
  },
});
const spanSize = Number(values["span-size"]);
const clock = values.cpu ? "cpu" : "wall";

if (values.run === undefined) await compare();
else {
  const first = await run(values.run, positionals[0]);
  const later = [];
  for (let pass = 1; pass < PASSES; pass++) later.push((await run(values.run, positionals[0])).ms);
  console.log(JSON.stringify({ ...first, firstMs: first.ms, ms: median(later) }));
}

async function compare() {
  const files = positionals.length > 0 ? positionals : defaultLayers();
  const reference = openReference();
  const peer = reference === undefined ? "" : `, ${reference.version}`;
  const head = `${describeMachine()}, Node ${process.versions.node}${peer}; ${values.rounds} rounds, ${values.cpu ? "processor" : "wall"} time`;
  console.log(head);
  const rows = [];
  try {
    const contenders = ["socikit", "gunzip", "gunzipSync", ...(reference === undefined ? [] : ["reference"])];
    for (const file of files) {
      const results = Object.fromEntries(contenders.map((name) => [name, []]));
      for (let round = 0; round < Number(values.rounds); round++)
        for (const name of contenders)
          results[name].push(name === "reference" ? await runReference(reference, file) : runChild(name, file));
      rows.push(print(file, results));
    }
  } finally {
    reference?.close();
  }
  const large = positionals.length === 0 && !values["no-large"] ? measureLarge() : undefined;
  if (values.markdown !== undefined) {
    const names = ["socikit", "gunzip (node:zlib stream)", "gunzipSync", "the reference's package"];
    const table = markdownTable(["layer", ...names], rows);
    writeMarkdownSection(
      values.markdown,
      "bench:ztoc",
      [
        `${head}. MB/s of tar; ratios say how many times as fast socikit is.`,
        table,
        ...(large === undefined ? [] : [LARGE, `\`\`\`\n${large}\n\`\`\``]),
      ].join("\n\n"),
    );
  }
}

/** Prints one layer's results. @returns Its row of the table. */
function print(file, results) {
  const digests = new Set(
    ["socikit", "reference"].flatMap((name) => (results[name] ?? []).map(({ digest }) => digest)),
  );
  if (digests.size > 1) throw new Error(`The zTOCs differ: ${[...digests].join(", ")}`);
  const tarMB = results.socikit[0].output / 1e6;
  const row = [`${basename(file, ".tar.gz")}, ${tarMB.toFixed(1)} MB of tar`];
  console.log(`\n${basename(file)}: ${(statSync(file).size / 1e6).toFixed(1)} MB, ${tarMB.toFixed(1)} MB of tar`);
  const timesOf = (name) => results[name].map(({ ms }) => ms);
  for (const name of ["socikit", "gunzip", "gunzipSync", "reference"]) {
    if (results[name] === undefined) {
      row.push("–");
      continue;
    }
    const speed = summary(timesOf(name).map((ms) => tarMB / (ms / 1000)));
    let text = `${speed.median.toFixed(0)} (${speed.low.toFixed(0)}–${speed.high.toFixed(0)})`;
    const ratio = name === "socikit" ? undefined : summary(ratios(timesOf("socikit"), timesOf(name)));
    if (ratio !== undefined) text += `: ${ratio.median.toFixed(2)}× (${ratio.low.toFixed(2)}–${ratio.high.toFixed(2)})`;
    if (name === "socikit") {
      const first = median(results[name].map(({ firstMs }) => firstMs));
      const rss = median(results[name].map((one) => one.rss));
      text += `, ${(tarMB / (first / 1000)).toFixed(0)} the first time, ${rss.toFixed(0)} MB at the peak`;
    }
    const hasGoal = name === "reference" && basename(file).startsWith("debian.");
    console.log(`  ${name.padEnd(12)}${text}${hasGoal ? `; goal ≥ ${GOAL}×: ${verdict(ratio.median)}` : ""}`);
    row.push(text);
  }
  return row;
}

function verdict(ratio) {
  return ratio >= GOAL ? "reached" : `missed by ${((1 - ratio / GOAL) * 100).toFixed(1)} %`;
}

/** @returns What bench/ztoc.mjs says of it, which is printed too. */
function measureLarge() {
  console.log(`\n${LARGE}`);
  const said = execFileSync(process.execPath, [fileURLToPath(new URL("ztoc.mjs", import.meta.url))], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  }).trimEnd();
  console.log(said);
  return said;
}

function runChild(name, file) {
  const self = fileURLToPath(import.meta.url);
  const args = [self, "--run", name, "--span-size", String(spanSize), ...(values.cpu ? ["--cpu"] : []), file];
  const { status, stdout } = spawnSync(process.execPath, args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (status !== 0) throw new Error(`${name} failed`);
  return JSON.parse(stdout);
}

/** One run, in this process. */
async function run(name, file) {
  if (name === "socikit") {
    const { buildZtoc } = await import("@socikit/ztoc/build");
    const { loadInflate } = await import("@socikit/inflate");
    const { readFileChunks } = await import("@socikit/oci/node");
    const inflate = await loadInflate();
    const read = startClock(clock);
    // As `socikit ztoc build` reads it.
    const { digest, ztoc } = await buildZtoc(readFileChunks(file), { compression: "gzip", spanSize, inflate });
    return { ms: read(), digest, output: ztoc.uncompressedArchiveSize, rss: peakRss() };
  }
  let output = 0;
  const read = startClock(clock);
  if (name === "gunzip") {
    // The best of its chunk sizes.
    for await (const chunk of createReadStream(file, { highWaterMark: 2 ** 20 }).pipe(
      createGunzip({ chunkSize: 2 ** 20 }),
    ))
      output += chunk.length;
  } else {
    output = gunzipSync(readFileSync(file)).length;
  }
  return { ms: read(), output, rss: peakRss() };
}

async function runReference(reference, file) {
  const { digest, duration, cpu, error } = await reference.buildFile(file, spanSize, "gzip");
  if (error !== undefined) throw new Error(error);
  return { ms: (values.cpu ? cpu : duration) / 1e6, digest };
}

function openReference() {
  try {
    return new Reference();
  } catch {
    console.log("(without the reference: it does not build here)");
    return undefined;
  }
}

function defaultLayers() {
  const { corpora, notes } = prepareCorpora({ names: ["debian.gzip-6", "node_modules.gzip-6"] });
  for (const note of notes) console.log(`(${note})`);
  return corpora.map(({ path }) => path);
}

/** Megabytes: Linux and Node count kibibytes. */
function peakRss() {
  return (process.resourceUsage().maxRSS * 1024) / 1e6;
}
