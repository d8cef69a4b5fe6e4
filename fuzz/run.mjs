/**
 * Fuzzes the decoders and the builder.
 *
 *   npm run fuzz -- NAME [--seconds N] [--seed S]
 *   npm run fuzz -- --all [--seconds N] [--seed S]
 *   npm run fuzz -- NAME --keep      also saves one small input for every distinct answer
 *
 * Starts from the layers of testdata/vectors and the cases kept, changes them, and keeps for further changes what gives an answer
 * not seen before. A finding is an error without a code, two answers that should be one, more than a second of CPU, or
 * 64 MB more at the peak; it is saved in testdata/fuzz-cases/NAME, where tests replay it, and fails the run. Needs `npm run build`.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync, existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Random } from "../differential/random.mjs";
import { fuzzCore } from "./core/fuzz-core.mjs";
import { mutate } from "./mutate.mjs";
import { createTargets } from "./targets.mjs";
import { programOptions } from "../scripts/program-options.mjs";

const MAX_CPU_MS = 1000;
const MAX_GROWTH_KB = 64 * 1024;
const MAX_KEPT = 40;

const { values, positionals } = programOptions(import.meta.url, {
  allowPositionals: true,
  options: {
    all: { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
    seconds: { type: "string", default: "10" },
    seed: { type: "string" },
  },
});
const seed = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed);
const vectors = new URL("../testdata/vectors/", import.meta.url);
const layers = readdirSync(vectors).map((name) => ({
  name,
  bytes: new Uint8Array(readFileSync(new URL(name, vectors))),
}));
const targets = await createTargets(await builtPackages(), layers);
const names = values.all ? Object.keys(targets) : positionals;
if (names.length === 0 || names.some((name) => targets[name] === undefined)) {
  console.error(
    `Usage: npm run fuzz -- NAME [--seconds N], NAME one of\n  ${Object.keys(targets).join("\n  ")}\nor --all`,
  );
  process.exit(2);
}
let findings = 0;
for (const name of names) findings += name === "core" ? fuzzNative(name) : await fuzz(name, targets[name]);
console.log(`seed ${seed}: ${names.length - findings} passed, ${findings} failed`);
if (findings > 0) process.exitCode = 1;

function casesOf(name) {
  return fileURLToPath(new URL(`../testdata/fuzz-cases/${name}/`, import.meta.url));
}

/** The core, by libFuzzer (core/README.md). What cannot be built has failed. */
function fuzzNative(name) {
  try {
    return fuzzCore(casesOf(name), { seconds: Number(values.seconds), seed, keep: values.keep });
  } catch (error) {
    console.log(error.message);
    return 1;
  }
}

/** Fuzzes one target. Returns 1 if there was a finding. */
async function fuzz(name, { seeds, words, run }) {
  const random = new Random(seed);
  const directory = casesOf(name);
  const corpus = [...seeds];
  if (existsSync(directory))
    for (const file of readdirSync(directory)) corpus.push(new Uint8Array(readFileSync(directory + file)));
  const answers = new Map();
  const found = new Set();
  const end = performance.now() + 1000 * Number(values.seconds);
  let executions = 0;
  for (; performance.now() < end; executions++) {
    const input =
      executions < corpus.length && executions < seeds.length
        ? corpus[executions].slice()
        : mutate(random, corpus, words);
    const original = input.slice();
    const answer = await execute(run, input);
    if (answer.finding !== undefined && !found.has(answer.finding)) {
      found.add(answer.finding);
      const file = save(directory, answer.finding, original);
      console.log(`FOUND ${name}: ${answer.finding}\n  ${file}`);
      if (answer.error !== undefined) console.log(answer.error.stack);
    }
    const known = answers.get(answer.text);
    if (known === undefined && corpus.length < seeds.length + 2000) corpus.push(original);
    if (known === undefined || original.length < known.length) answers.set(answer.text, original);
  }
  if (values.keep)
    for (const [text, input] of [...answers].sort((a, b) => a[1].length - b[1].length).slice(0, MAX_KEPT))
      if (input.length <= 4096) save(directory, text, input);
  console.log(`${name}: ${executions} executions, ${answers.size} distinct answers, ${found.size} findings`);
  return found.size > 0 ? 1 : 0;
}

async function execute(run, input) {
  const before = process.resourceUsage();
  let error;
  try {
    await run(input);
  } catch (thrown) {
    error = thrown;
  }
  const after = process.resourceUsage();
  const cpuMs = (after.userCPUTime - before.userCPUTime + after.systemCPUTime - before.systemCPUTime) / 1000;
  const growth = after.maxRSS - before.maxRSS;
  // What differs from one input to the next in the same answer: numbers, and quoted texts.
  const text =
    error === undefined
      ? "accepted"
      : `${error.code ?? error.name} ${error.message.replace(/"[^]*"/, '""').replace(/sha\d+:[0-9a-f]+|\d+/g, "#")}`;
  let finding;
  if (error !== undefined && typeof error.code !== "string") finding = `uncoded ${text}`;
  else if (error?.code?.startsWith("ERR_") && !/^ERR_(?:ZTOC|INFLATE|OCI|REGISTRY|SOCI)_/.test(error.code))
    finding = `foreign ${text}`;
  else if (cpuMs > MAX_CPU_MS) finding = `slow ${text}`;
  else if (growth > MAX_GROWTH_KB) finding = `large ${text}`;
  return { text, finding, error };
}

function save(directory, text, input) {
  mkdirSync(directory, { recursive: true });
  const words = text
    .toLowerCase()
    .replace(/^\w+_/, "")
    .replace(/cannot .*?: /g, "")
    .replace(/[^a-z]+/g, "-");
  const file = `${directory}${words.slice(0, 50).replace(/^-|-$/g, "")}-${createHash("sha256").update(input).digest("hex").slice(0, 8)}`;
  writeFileSync(file, input);
  return file;
}

async function builtPackages() {
  const dist = "../packages/ztoc/dist/";
  const { chooseLayer } = await import("../packages/soci-index/dist/create/layer-choice.js");
  const { readArchiveMembers } = await import("../packages/registry/dist/node/archive-members.js");
  const { loadInflate } = await import("@socikit/inflate");
  return {
    ...(await import("@socikit/ztoc")),
    ...(await import("@socikit/ztoc/build")),
    ...(await import("@socikit/oci")),
    ...(await import("@socikit/soci-index")),
    ...(await import("@socikit/soci-index/build")),
    ...(await import("@socikit/soci-index/node")),
    chooseLayer,
    readArchiveMembers,
    ...(await import(`${dist}tar-parser.js`)),
    ...(await import(`${dist}tar-header.js`)),
    ...(await import(`${dist}pax.js`)),
    inflate: await loadInflate(),
  };
}
