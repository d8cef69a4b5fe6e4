/**
 * Lists random tar archives with socikit's parser and with other readers, and compares the entries.
 *
 *   npm run differential:tar -- [--archives N] [--seed S] [--listings N]
 *
 * Python's tarfile lists all of them: names, types, offsets of headers and of content, sizes. GNU tar and bsdtar, where they
 * are there, list `--listings` of them, every so-manieth: names, sizes, and GNU tar's block numbers. A difference is counted
 * under the reason that differential/README.md gives for it, or fails the run; those archives are saved in
 * differential/failures. Needs `npm run build` and Python.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { TarParser } from "../packages/ztoc/dist/tar-parser.js";
import { randomArchive } from "./archives.mjs";
import { Bsdtar, GnuTar, Tarfile } from "./readers.mjs";
import { reasonOf } from "./tar-differences.mjs";
import { Random } from "./random.mjs";
import { programOptions } from "../scripts/program-options.mjs";

const { values } = programOptions(import.meta.url, {
  options: {
    archives: { type: "string", default: "10000" },
    listings: { type: "string", default: "1000" },
    seed: { type: "string", default: "1" },
  },
});
const archives = Number(values.archives);
const seed = Number(values.seed);
const every = Math.max(1, Math.floor(archives / Number(values.listings)));
const failures = fileURLToPath(new URL("failures", import.meta.url));

const random = new Random(seed);
const tarfile = new Tarfile();
const listers = [new GnuTar(), new Bsdtar()].filter((reader) => reader.isThere());
const tallies = new Map([tarfile, ...listers].map(({ name }) => [name, { same: 0, different: 0, reasons: new Map() }]));
let batch = [];
for (let index = 0; index < archives; index++) {
  const archive = { index, ...randomArchive(random) };
  archive.ours = list(archive.bytes);
  judge(tarfile, archive, await tarfile.list(archive.bytes));
  if (index % every === 0) batch.push(archive);
  if (batch.length === 100) judgeBatch();
}
judgeBatch();
tarfile.close();

let failed = 0;
let compared = 0;
for (const [name, { same, different, reasons }] of tallies) {
  const documented = [...reasons.values()].reduce((sum, count) => sum + count, 0);
  console.log(`${name}: ${same} same, ${documented} documented differences, ${different} others`);
  for (const [reason, count] of [...reasons].sort((a, b) => b[1] - a[1]))
    console.log(`  ${String(count).padStart(6)} ${reason}`);
  failed += different;
  compared += same + documented;
}
console.log(`seed ${seed}: ${archives} archives`);
console.log(`${compared} passed, ${failed} failed`);
if (failed > 0) process.exitCode = 1;

/** The entries that socikit finds, and the error that ended it. */
function list(bytes) {
  const entries = [];
  const parser = new TarParser(({ name, type, headerOffset, payloadOffset, size, isSparse }) =>
    entries.push({ name, type, headerOffset, payloadOffset, size: Number(size), isSparse }),
  );
  for (let at = 0; at < bytes.length; at += 777) parser.push(bytes.subarray(at, at + 777));
  parser.finish();
  return { entries, error: parser.error?.message };
}

function judgeBatch() {
  for (const reader of listers) reader.listAll(batch).forEach((theirs, i) => judge(reader, batch[i], theirs));
  batch = [];
}

function judge(reader, archive, theirs) {
  const tally = tallies.get(reader.name);
  const difference = compare(reader, archive.ours, theirs);
  if (difference === undefined) {
    tally.same++;
    return;
  }
  const reason = reasonOf(reader.name, difference, archive, theirs);
  if (reason !== undefined) {
    tally.reasons.set(reason, (tally.reasons.get(reason) ?? 0) + 1);
    return;
  }
  tally.different++;
  if (tally.different > 20) return;
  mkdirSync(failures, { recursive: true });
  const path = `${failures}/seed-${seed}-archive-${archive.index}.tar`;
  writeFileSync(path, archive.bytes);
  console.log(`DIFFERENT ${path} (${reader.name}, at ${difference.at})`);
  console.log(`  socikit: ${JSON.stringify(difference.ours)}\n  ${reader.name}: ${JSON.stringify(difference.theirs)}`);
  console.log(`  made of: ${archive.members.map(({ at, features }) => `${at}: ${features.join(", ")}`).join("; ")}`);
}

/** The first entry, or end, that is not the same: `at` is its offset in the archive. */
function compare(reader, ours, theirs) {
  const count = Math.max(ours.entries.length, theirs.entries.length);
  for (let i = 0; i < count; i++) {
    const a = ours.entries[i];
    const b = theirs.entries[i];
    if (a === undefined || b === undefined || !reader.isSame(a, b)) return differenceAt(i, ours, theirs);
  }
  return (ours.error === undefined) === (theirs.error == null) ? undefined : differenceAt(count, ours, theirs);
}

function differenceAt(i, ours, theirs) {
  const a = ours.entries[i] ?? { end: ours.error ?? "no error" };
  const b = theirs.entries[i] ?? { end: theirs.error ?? "no error" };
  // Errors say which entry they are about.
  const stoppedAt = /the entry at byte (\d+)/.exec(ours.error ?? "")?.[1];
  const at = a.headerOffset ?? (stoppedAt === undefined ? (b.headerOffset ?? Infinity) : Number(stoppedAt));
  return { at, ours: a, theirs: b };
}
