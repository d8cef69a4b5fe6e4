/**
 * Builds zTOCs of random layers with socikit and with the reference, and compares: the same bytes, or the same error; and
 * where the reference cannot read its own zTOC back, a warning that says so.
 *
 *   npm run differential -- [--layers N] [--seed S]
 *
 * Layers that differ are saved in differential/failures. Needs `npm run build`, Go, a C compiler and zlib1g-dev.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { loadInflate } from "@socikit/inflate";
import { buildZtoc } from "@socikit/ztoc/build";
import { randomLayer } from "./layers.mjs";
import { Random } from "./random.mjs";
import { Reference } from "./reference.mjs";

const { values } = parseArgs({
  options: { layers: { type: "string", default: "2000" }, seed: { type: "string", default: "1" } },
});
const layers = Number(values.layers);
const seed = Number(values.seed);
const failures = fileURLToPath(new URL("failures", import.meta.url));

const random = new Random(seed);
const inflate = await loadInflate();
const reference = new Reference();
const counts = { same: 0, "same error": 0, "not read back by the reference": 0, different: 0 };
const errors = new Map();
try {
  for (let index = 0; index < layers; index++) {
    const layer = randomLayer(random);
    const theirs = await reference.build(layer);
    const ours = await build(layer);
    const difference = compare(ours, theirs);
    if (difference !== undefined) report(index, layer, difference);
    else if (theirs.error === undefined) counts.same++;
    else counts["same error"]++;
    if (theirs.readBack !== undefined) counts["not read back by the reference"]++;
    if (theirs.error !== undefined) {
      const kind = theirs.error.slice(0, 100);
      errors.set(kind, (errors.get(kind) ?? 0) + 1);
    }
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
console.log(`${layers - counts.different} passed, ${counts.different} failed`);
if (counts.different > 0) process.exitCode = 1;

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
  return undefined;
}

function report(index, { bytes, compression, spanSize }, difference) {
  counts.different++;
  mkdirSync(failures, { recursive: true });
  const path = `${failures}/seed-${seed}-layer-${index}-span-${spanSize}.${compression === "gzip" ? "tar.gz" : "tar"}`;
  writeFileSync(path, bytes);
  console.log(`DIFFERENT ${path}\n  ${difference}`);
}
