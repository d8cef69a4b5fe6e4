/**
 * Builds zTOCs with socikit and with the reference, of the golden layers and of random ones, and compares: the same bytes, or the same
 * error; where the reference cannot read its own zTOC back, a warning that says so; else, what `ztoc info` says of it.
 *
 *   npm run differential -- [--layers N] [--seed S]
 *
 * Layers that differ are saved in differential/failures. Needs `npm run build`, Go, a C compiler and zlib1g-dev.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { loadInflate } from "@socikit/inflate";
import { decodeZtoc } from "@socikit/ztoc";
import { buildZtoc } from "@socikit/ztoc/build";
import { describeZtoc } from "../packages/cli/dist/commands/ztoc-info.js";
import { randomLayer } from "./layers.mjs";
import { Random } from "./random.mjs";
import { Reference } from "./reference.mjs";
import { programOptions } from "../scripts/program-options.mjs";

const { values } = programOptions(import.meta.url, {
  options: { layers: { type: "string", default: "2000" }, seed: { type: "string", default: "1" } },
});
const layers = Number(values.layers);
const seed = Number(values.seed);
const failures = fileURLToPath(new URL("failures", import.meta.url));

const random = new Random(seed);
const inflate = await loadInflate();
const reference = new Reference();
const counts = { golden: 0, same: 0, "same error": 0, "not read back by the reference": 0, described: 0, different: 0 };
const errors = new Map();
try {
  for (let index = 0; index < layers; index++) await check(randomLayer(random), `seed-${seed}-layer-${index}`);
  for (const layer of goldenLayers()) {
    counts.golden++;
    await check(layer, `golden-${layer.name}`);
  }
} finally {
  reference.close();
}
for (const [kind, count] of [...errors].sort((a, b) => b[1] - a[1]))
  console.log(`  ${String(count).padStart(5)} ${kind}`);
console.log(
  `seed ${seed}: ${Object.entries(counts)
    .map(([name, count]) => `${count} ${name}`)
    .join(", ")}`,
);
console.log(`${counts.golden + layers - counts.different} passed, ${counts.different} failed`);
if (counts.different > 0) process.exitCode = 1;

/** Those of testdata/vectors and, where they are beside the repository, the real ones; at every span size they are recorded with. */
function* goldenLayers() {
  for (const [list, folder] of [
    ["vectors.json", "../testdata/vectors/"],
    ["layers.json", "../../shared/golden/layers/"],
  ]) {
    const { cases } = JSON.parse(readFileSync(new URL(`../testdata/${list}`, import.meta.url), "utf8"));
    const there = cases.filter(({ file }) => existsSync(new URL(folder + file, import.meta.url)));
    if (there.length < cases.length) console.log(`  (${folder} is not there: ${cases.length - there.length} cases)`);
    for (const { file, compression, spanSize, error } of there) {
      // It divides by zero.
      if (error === "(the reference crashes)") continue;
      const bytes = new Uint8Array(readFileSync(new URL(folder + file, import.meta.url)));
      yield { name: file, bytes, compression, spanSize };
    }
  }
}

async function check(layer, name) {
  const theirs = await reference.build(layer);
  const ours = await build(layer);
  const difference = compare(ours, theirs);
  if (difference !== undefined) report(name, layer, difference);
  else if (theirs.error === undefined) counts.same++;
  else counts["same error"]++;
  if (theirs.readBack !== undefined) counts["not read back by the reference"]++;
  if (theirs.error !== undefined) {
    const kind = theirs.error.slice(0, 100);
    errors.set(kind, (errors.get(kind) ?? 0) + 1);
  }
}

async function build({ bytes, compression, spanSize }) {
  async function* chunks() {
    for (let at = 0; at < bytes.length;) {
      const length = 1 + random.below(70_000);
      yield bytes.subarray(at, at + length);
      at += length;
    }
  }
  try {
    return { build: await buildZtoc(chunks(), { compression, spanSize, inflate }) };
  } catch (error) {
    return { error };
  }
}

function compare(ours, theirs) {
  if (theirs.error !== undefined) {
    const isSame = ours.error?.name === "ZtocError" && ours.error.message.includes(theirs.error);
    return isSame ? undefined : `the reference: ${theirs.error}; socikit: ${ours.error ?? ours.build.digest}`;
  }
  if (ours.build?.digest !== theirs.digest)
    return `the reference: ${theirs.digest}; socikit: ${ours.error ?? ours.build.digest}`;
  const warned = ours.build.warnings.some(({ code }) => code === "WARN_ZTOC_INVALID_TOC_ENTRY");
  if (warned !== (theirs.readBack !== undefined))
    return `the reference reads it back: ${theirs.readBack ?? "yes"}; socikit warns: ${warned}`;
  if (theirs.info === undefined) return undefined;
  // Numbers that JavaScript does not have: built, and not read.
  if (ours.build.warnings.some(({ code }) => code === "WARN_ZTOC_NUMBER_OUT_OF_RANGE")) return undefined;
  counts.described++;
  return compareInfo(ours.build.bytes, theirs.info);
}

/** What `ztoc info` shows, member by member. */
function compareInfo(bytes, theirs) {
  const ours = describeZtoc(decodeZtoc(bytes), bytes.length);
  for (const [i, file] of (theirs.files ?? []).entries()) {
    // Bytes that are no UTF-8 are U+FFFD there, and \xNN here: two names stay two.
    if (file.filename.includes("\ufffd")) file.filename = ours.files[i]?.filename;
  }
  const [got, want] = [ours, theirs].map((info) => JSON.stringify(info));
  return got === want ? undefined : `the reference's info: ${want}\n  socikit's: ${got}`;
}

function report(name, { bytes, compression, spanSize }, difference) {
  counts.different++;
  mkdirSync(failures, { recursive: true });
  const path = `${failures}/${name}-span-${spanSize}.${compression === "gzip" ? "tar.gz" : "tar"}`;
  writeFileSync(path, bytes);
  console.log(`DIFFERENT ${path}\n  ${difference}`);
}
