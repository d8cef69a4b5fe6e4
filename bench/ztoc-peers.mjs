/**
 * Speed and peak memory of building zTOCs, beside gunzip alone and the reference's own package.
 *
 *   npm run bench:ztoc -- [FILE.tar.gz...] [--rounds N] [--span-size BYTES] [--cpu]
 *
 * Without files it makes two layers: programs and libraries of this machine (`tar` of /usr/bin and /usr/sbin), and this repository's
 * node_modules, both by gzip -6. Each run is a process of its own, and its second pass over the file: the first compiles, and gives the
 * peak of memory. Rounds are interleaved, numbers are medians, with the least and the most. One thread: node:zlib has a second one of its own, so gunzip is read both ways. `--cpu` counts processor time of all
 * threads instead of the time that passes, for a machine that is not quiet. The reference needs Go, a C compiler and zlib1g-dev. Needs `npm run build`.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { createReadStream, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createGunzip, gunzipSync } from "node:zlib";
import { Reference } from "../differential/reference.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "5" },
    "span-size": { type: "string", default: String(4 * 2 ** 20) },
    cpu: { type: "boolean", default: false },
    run: { type: "string" },
  },
});
const spanSize = Number(values["span-size"]);

if (values.run === undefined) await compare();
else {
  // The first run compiles; what it takes at the peak is what counts.
  const { rss } = await run(values.run, positionals[0]);
  console.log(JSON.stringify({ ...(await run(values.run, positionals[0])), rss }));
}

async function compare() {
  const directory = mkdtempSync(join(tmpdir(), "socikit-bench-"));
  const reference = openReference();
  try {
    const files = positionals.length > 0 ? positionals : makeLayers(directory);
    const contenders = ["socikit", "gunzip", "gunzipSync", ...(reference === undefined ? [] : ["reference"])];
    for (const file of files) {
      const results = new Map(contenders.map((name) => [name, []]));
      let tarMB = 0;
      for (let round = 0; round < Number(values.rounds); round++)
        for (const name of contenders) {
          const result = name === "reference" ? await runReference(reference, file) : runChild(name, file);
          results.get(name).push(result);
          tarMB = Math.max(tarMB, (result.output ?? 0) / 1e6);
        }
      print(file, tarMB, results);
    }
  } finally {
    reference?.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

function print(file, tarMB, results) {
  console.log(
    `${basename(file)}: ${(statSync(file).size / 1e6).toFixed(1)} MB, ${tarMB.toFixed(1)} MB of tar, ${values.cpu ? "processor" : "wall"} time`,
  );
  const own = median(results.get("socikit").map(({ ms }) => ms));
  for (const [name, runs] of results) {
    const speeds = runs.map(({ ms }) => tarMB / (ms / 1000));
    const rss = runs[0].rss === undefined ? "" : `, ${median(runs.map((run) => run.rss)).toFixed(0)} MB at the peak`;
    const ratio = name === "socikit" ? "" : `, socikit ${(median(runs.map(({ ms }) => ms)) / own).toFixed(2)}×`;
    console.log(
      `  ${name.padEnd(12)}${median(speeds).toFixed(0).padStart(5)} MB/s (${Math.min(...speeds).toFixed(0)}–${Math.max(...speeds).toFixed(0)})${ratio}${rss}`,
    );
  }
  const digests = new Set(
    ["socikit", "reference"].flatMap((name) => (results.get(name) ?? []).map(({ digest }) => digest)),
  );
  if (digests.size > 1) throw new Error(`The zTOCs differ: ${[...digests].join(", ")}`);
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
    const inflate = await loadInflate();
    const clock = startClock();
    const { digest, ztoc } = await buildZtoc(chunksOf(file), { compression: "gzip", spanSize, inflate });
    return { ms: clock(), digest, output: ztoc.uncompressedArchiveSize, rss: peakRss() };
  }
  let output = 0;
  const clock = startClock();
  if (name === "gunzip") {
    // The best of its chunk sizes.
    for await (const chunk of createReadStream(file, { highWaterMark: 2 ** 20 }).pipe(
      createGunzip({ chunkSize: 2 ** 20 }),
    ))
      output += chunk.length;
  } else {
    const { readFileSync } = await import("node:fs");
    output = gunzipSync(readFileSync(file)).length;
  }
  return { ms: clock(), output, rss: peakRss() };
}

async function* chunksOf(file) {
  yield* createReadStream(file, { highWaterMark: 2 ** 20 });
}

function startClock() {
  if (!values.cpu) {
    const began = performance.now();
    return () => performance.now() - began;
  }
  const began = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(began);
    return (user + system) / 1000;
  };
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

function makeLayers(directory) {
  const repository = fileURLToPath(new URL("..", import.meta.url));
  const pack = (name, args) => {
    const tar = join(directory, `${name}.tar`);
    execFileSync("tar", ["--create", "--file", tar, ...args]);
    execFileSync("gzip", ["-6", tar]);
    return `${tar}.gz`;
  };
  return [
    pack("debian", ["--directory", "/", "usr/bin", "usr/sbin"]),
    pack("node_modules", ["--directory", repository, "--exclude=*.node", "node_modules"]),
  ];
}

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Megabytes: Linux and Node count kibibytes. */
function peakRss() {
  return (process.resourceUsage().maxRSS * 1024) / 1e6;
}
