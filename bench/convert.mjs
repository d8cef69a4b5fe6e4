/**
 * Converting real images: time, memory, bytes read and written, beside the reference's own command where it is.
 *
 *   npm run bench:convert -- [--rounds N] [--image rabbitmq|large|LAYOUT] [--cpu] [--markdown FILE]
 *
 * The images are the one of the system tests, 129 MB in four layers, and one of 293 MB in three, made once by bench/convert/make-large-image.sh and
 * kept with the benchmarks' layers; making them needs root, mmdebstrap and umoci. Layouts are converted to a layout directory, to the
 * reference's `--format oci-dir` and to an archive; registry to registry both registries are on loopback, the one that is written to new in
 * each round: referrers-registry of the system tests where it is built, else `socikit serve`. Each run is a process of its own, seen from outside
 * (measure/measured-run.py): start of Node included. Rounds are interleaved; numbers are medians with their quartiles. Every run must make the same image.
 * `--require-peers`, as in CI: fails without the reference and the registry. `--cpu` is for a machine that is not quiet: goals are compared with processor time then, which two threads use twice as fast.
 */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { freePort, startServer } from "../system-tests/programs.mjs";
import { cacheDirectory } from "./corpora/corpora.mjs";
import { describeMachine } from "./measure/machine.mjs";
import { markdownTable, writeMarkdownSection } from "./measure/markdown-section.mjs";
import { median, ratios, summary } from "./measure/statistics.mjs";

/** Of an image's conversion, layout to layout, in ms; and of memory, in bytes. */
const GOALS = { rabbitmq: 700, large: 1800 };
const MEMORY = 250e6;

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    image: { type: "string", multiple: true, default: ["rabbitmq", "large"] },
    cpu: { type: "boolean", default: process.env.CLOCK === "cpu" },
    markdown: { type: "string" },
    "require-peers": { type: "boolean", default: false },
  },
});
const clock = values.cpu ? "cpuMs" : "wallMs";
const ciHome =
  process.env.SOCIKIT_CI_HOME ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "socikit-ci");
process.env.PATH += `:${join(ciHome, "go-bin")}`;
const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const SOCIKIT = [process.execPath, here("../packages/cli/bin/socikit.js")];
const work = mkdtempSync(join(tmpdir(), "socikit-bench-"));
const has = (program) => spawnSync(program, ["--help"], { stdio: "ignore" }).error === undefined;

const contenders = [
  { name: "layout → layout", args: (from) => ["convert", `oci-layout:${from.layout}`, `oci-layout:${work}/out:b`] },
  {
    name: "→ --format oci-dir",
    args: (from) => ["convert", "--standalone", "--format", "oci-dir", from.layout, `${work}/out`],
  },
  { name: "→ archive", args: (from) => ["convert", "--standalone", from.layout, `${work}/out`] },
  {
    name: "registry → registry",
    registry: true,
    args: (from, to) => ["convert", from.reference, `${to.host}/image:b`],
  },
  {
    name: "reference → oci-dir",
    reference: "→ --format oci-dir",
    args: (from) => ["convert", "--standalone", "--format", "oci-dir", from.layout, `${work}/out`],
  },
  {
    name: "reference → archive",
    reference: "→ archive",
    args: (from) => ["convert", "--standalone", from.layout, `${work}/out`],
  },
].filter(({ reference }) => reference === undefined || has("soci"));

if (values["require-peers"])
  for (const program of ["soci", "referrers-registry"])
    if (!has(program)) throw new Error(`${program} is not here: .ci/stages/peers.sh builds it`);
const head = `${describeMachine()}, Node ${process.versions.node}; ${values.rounds} rounds, ${values.cpu ? "processor" : "wall"} time`;
console.log(head);
if (!has("soci")) console.log("without the reference: its command is not here (differential/reference-cli)");
const rows = [];
try {
  for (const name of values.image) rows.push(...(await compare(name)));
} finally {
  rmSync(work, { recursive: true, force: true });
}
if (values.markdown !== undefined)
  writeMarkdownSection(
    values.markdown,
    "bench:convert",
    `${head}. In brackets quartiles, then how many times as long the reference took; memory is the largest of all rounds; bytes are those of system calls, sockets included.\n\n${markdownTable(["image", "", "time", "processor", "memory", "read", "written"], rows)}`,
  );

/** Measures one image. @returns Its rows. */
async function compare(name) {
  const layout = layoutOf(name);
  const source = await startRegistry();
  const results = new Map(contenders.map((one) => [one.name, []]));
  const digests = new Set();
  try {
    const from = { layout, reference: `${source.host}/image:a` };
    push(layout, from.reference);
    for (let round = 0; round < Number(values.rounds); round++)
      for (let turn = 0; turn < contenders.length; turn++) {
        const one = contenders[(turn + round) % contenders.length];
        const { digest, ...measured } = await runOnce(one, from);
        digests.add(digest);
        results.get(one.name).push(measured);
      }
  } finally {
    await source.stop();
  }
  if (digests.size !== 1) throw new Error(`The converted images differ: ${[...digests].join(", ")}`);
  const size = execFileSync("du", ["-sb", join(layout, "blobs")], { encoding: "utf8" }).split("\t")[0];
  console.log(`\n${name}: ${(size / 1e6).toFixed(0)} MB`);
  return contenders.map((one) => print(name, one, results));
}

/** One run of a contender, its destination made ready before and taken away after. */
async function runOnce({ args, registry = false, reference }, from) {
  rmSync(join(work, "out"), { recursive: true, force: true });
  const to = registry ? await startRegistry() : undefined;
  try {
    const program = reference === undefined ? SOCIKIT : ["soci"];
    const quiet = reference === undefined ? ["-q"] : [];
    const measured = await measure([...program, ...args(from, to), ...quiet]);
    const digest = reference === undefined ? measured.stdout.trim() : writtenDigest();
    return { ...measured, digest };
  } finally {
    await to?.stop();
  }
}

/** The digest of what the reference has written: it prints none. */
function writtenDigest() {
  const out = join(work, "out");
  const index = existsSync(join(out, "index.json"))
    ? readFileSync(join(out, "index.json"), "utf8")
    : execFileSync("tar", ["-xOf", out, "index.json"], { encoding: "utf8" });
  return JSON.parse(index).manifests[0].digest;
}

function measure(command) {
  return new Promise((done, fail) => {
    const child = spawn("python3", [here("measure/measured-run.py"), ...command], {
      stdio: ["ignore", "pipe", "pipe", "pipe"],
      env: { ...process.env, TZ: "UTC", DOCKER_CONFIG: "/nonexistent" },
    });
    const texts = ["", "", "", ""];
    for (const i of [1, 2, 3]) child.stdio[i].on("data", (chunk) => (texts[i] += chunk));
    child.on("error", fail);
    child.on("close", (code) => {
      if (code === 0) done({ ...JSON.parse(texts[3]), stdout: texts[1] });
      else fail(new Error(`${command.join(" ")} ended with ${code}: ${texts[2]}`));
    });
  });
}

async function startRegistry() {
  const port = await freePort();
  const host = `127.0.0.1:${port}`;
  const folder = mkdtempSync(join(work, "registry-"));
  const server = has("referrers-registry")
    ? await startServer("referrers-registry", [host, folder], port)
    : await startServer(SOCIKIT[0], [SOCIKIT[1], "serve", "--listen", host, "-q"], port);
  return {
    host,
    async stop() {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Copies a layout's image as it is, with the command itself: an index that nothing is in is not made, and the copy is. */
function push(layout, reference) {
  const args = ["create", `oci-layout:${layout}`, reference, "--min-layer-size", String(2 ** 40), "-q"];
  const { status, stderr } = spawnSync(SOCIKIT[0], [SOCIKIT[1], ...args], { encoding: "utf8" });
  if (status !== 6) throw new Error(`Cannot push ${layout}: ${stderr}`);
}

/** The layout of a named image, made where it is not there, or a path. */
function layoutOf(name) {
  const recipes = {
    rabbitmq: [
      "../system-tests/make-rabbitmq-image.sh",
      process.env.SOCIKIT_RABBITMQ_IMAGE ?? join(ciHome, "rabbitmq-image"),
    ],
    large: ["convert/make-large-image.sh", join(cacheDirectory(), "large-image")],
  };
  if (recipes[name] === undefined) return name;
  const [script, directory] = recipes[name];
  const recipe = ["../system-tests/debian-image.sh", script].map((file) => readFileSync(here(file), "utf8")).join("");
  const stamp = `${directory}.of`;
  // What CI has made is as good.
  const isMade = existsSync(join(directory, "index.json"));
  if (isMade && (name === "rabbitmq" || (existsSync(stamp) && readFileSync(stamp, "utf8") === recipe)))
    return directory;
  console.log(`Making ${directory}`);
  mkdirSync(cacheDirectory(), { recursive: true });
  const unfinished = `${directory}.${process.pid}`;
  execFileSync(here(script), [unfinished], { stdio: ["ignore", "ignore", "inherit"] });
  rmSync(directory, { recursive: true, force: true });
  renameSync(unfinished, directory);
  writeFileSync(stamp, recipe);
  return directory;
}

/** Prints one contender's results. @returns Its row. */
function print(image, { name, registry, reference }, results) {
  const own = results.get(name);
  const of = (key, list = own) => list.map((one) => one[key]);
  const seconds = (key) => {
    const { median: middle, low, high } = summary(of(key));
    return `${(middle / 1000).toFixed(2)} s (${(low / 1000).toFixed(2)}–${(high / 1000).toFixed(2)})`;
  };
  const rss = Math.max(...of("rss"));
  const megabytes = (key) => `${(median(of(key)) / 1e6).toFixed(0)} MB`;
  const peer = contenders.find((one) => one.reference === name);
  const times = peer === undefined ? undefined : summary(ratios(of(clock), of(clock, results.get(peer.name))));
  const time = `${seconds("wallMs")}${times === undefined ? "" : `, ${times.median.toFixed(2)}×`}`;
  let verdict = "";
  if (reference === undefined) {
    const goal = GOALS[image];
    const reached = goal === undefined || median(of(clock)) <= goal;
    const facts = [
      ...(goal === undefined ? [] : [`goal ${goal} ms ${reached ? "reached" : "missed"}`]),
      ...(rss <= MEMORY ? [] : ["memory goal missed"]),
    ];
    verdict = facts.length === 0 ? "" : `; ${facts.join(", ")}`;
  }
  console.log(
    `  ${name.padEnd(22)}${time}; processor ${seconds("cpuMs")}; ${(rss / 1e6).toFixed(0)} MB; ${megabytes("read")} read, ${megabytes("written")} written${registry ? " (sockets included)" : ""}${verdict}`,
  );
  return [image, name, time, seconds("cpuMs"), `${(rss / 1e6).toFixed(0)} MB`, megabytes("read"), megabytes("written")];
}
