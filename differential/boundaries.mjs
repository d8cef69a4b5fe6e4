/**
 * Streams of every shape, cut at every byte: output, block boundaries and windows are those of a decoder that goes a bit at a time.
 *
 *   npm run differential:boundaries -- [--streams N] [--seed S]
 *
 * Also the layers of testdata/vectors. Streams on which they differ are saved in differential/failures. Needs `npm run build`.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { loadInflate } from "@socikit/inflate";
import { compileOwnModule, createInflate } from "../wasm/dist/load-inflate.js";
import { compileTesting, importTesting } from "./inflate-testing.mjs";
import { programOptions } from "../scripts/program-options.mjs";

const WINDOW_SIZE = 32768;
/** Longer ones are cut at this many places, drawn at random. */
const MAX_CUTS = 600;

const { values } = programOptions(import.meta.url, {
  options: { streams: { type: "string", default: "240" }, seed: { type: "string", default: "1" } },
});
const seed = Number(values.seed);
const { createRandom, gzipMember, referenceScan, ReferenceError, sampleBytes, streamSamples } =
  await importTesting(compileTesting());
const whole = await loadInflate();
// Buffers so small that their ends are met in every phase of decoding.
const cramped = await createInflate(await compileOwnModule(), { input: 512, output: 300 });

const counts = { streams: 0, boundaries: 0, windows: 0, cuts: 0, different: 0 };
const bits = new Set();
const shapes = new Set();
const random = createRandom(seed);
for (let round = 0; counts.streams < Number(values.streams); round++) {
  for (const sample of await streamSamples(random, 1, 400)) {
    shapes.add(sample.shape);
    const bytes = sample.format === "raw" ? gzipMember(sample.members[0].deflated, sample.output) : sampleBytes(sample);
    run(`seed-${seed}-round-${round}-${sample.shape.replace(" ", "-")}`, bytes, () => compareCut(bytes));
  }
}
const vectors = new URL("../testdata/vectors/", import.meta.url);
const layers = readdirSync(vectors).filter((name) => name.endsWith(".gz"));
for (const name of layers) {
  const bytes = new Uint8Array(readFileSync(new URL(name, vectors)));
  run(name, bytes, () => compareLayer(bytes));
}
console.log(
  `  ${counts.streams} streams of ${shapes.size} shapes, ${layers.length} of them layers of testdata/vectors`,
);
console.log(
  `  ${counts.cuts} cuts; ${counts.boundaries} boundaries, ${bits.size} of 8 bits, ${counts.windows} windows`,
);
console.log(`seed ${seed}: ${counts.streams - counts.different} passed, ${counts.different + (8 - bits.size)} failed`);
if (counts.different > 0 || bits.size < 8) process.exitCode = 1;

function run(name, bytes, compare) {
  counts.streams++;
  const difference = compare();
  if (difference === undefined) return;
  counts.different++;
  const failures = fileURLToPath(new URL("failures", import.meta.url));
  mkdirSync(failures, { recursive: true });
  writeFileSync(`${failures}/boundaries-${name}.gz`, bytes);
  console.log(`DIFFERENT ${failures}/boundaries-${name}.gz\n  ${difference}`);
}

/** A layer, whole and in pieces: some are 300 KB, and some are not sound. */
function compareLayer(bytes) {
  const expected = slowly(bytes);
  for (const [inflate, chunkSize] of [
    [whole, bytes.length],
    [cramped, 1 + random.below(5000)],
    [whole, 1 + random.below(500)],
  ]) {
    const cuts = [];
    for (let at = chunkSize; at < bytes.length; at += chunkSize) cuts.push(at);
    const difference = compare(scan(inflate, bytes, { cuts, looksAtWindows: true }), expected, bytes.length);
    if (difference !== undefined) return `in pieces of ${chunkSize}: ${difference}`;
  }
  return undefined;
}

/** In two pieces, with the scan saved in between or not; and ended at the cut. */
function compareCut(bytes) {
  const expected = slowly(bytes);
  for (const cut of cutsOf(bytes)) {
    counts.cuts++;
    const inflate = random.pick([whole, whole, cramped]);
    const isSaved = random.chance(25);
    const looksAtWindows = random.chance(5);
    const inTwo = compare(scan(inflate, bytes, { cuts: [cut], isSaved, looksAtWindows }), expected, bytes.length);
    if (inTwo !== undefined) return `cut at ${cut}${isSaved ? " and saved" : ""}: ${inTwo}`;
    const ended = compare(scan(inflate, bytes.subarray(0, cut), { looksAtWindows }), expected, cut);
    if (ended !== undefined) return `ended at ${cut}: ${ended}`;
  }
  return undefined;
}

function cutsOf({ length }) {
  if (length < MAX_CUTS) return Array.from({ length: length + 1 }, (_, cut) => cut);
  return Array.from({ length: MAX_CUTS }, () => random.below(length + 1));
}

function slowly(bytes) {
  try {
    const { output, boundaries, memberEnds } = referenceScan(bytes);
    return { output, boundaries, memberEnds, isSound: true };
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    return { output: error.output, boundaries: error.boundaries, isSound: false };
  }
}

/** Of the first `length` bytes. */
function compare(ours, { output, boundaries, memberEnds, isSound }, length) {
  const isWhole = isSound && memberEnds.includes(length);
  if (ours.fault !== undefined && isWhole) return `socikit: ${ours.fault}`;
  if (ours.fault === undefined && !isWhole) return "socikit accepts it";
  // One byte of a member tells nothing, but where it is that of gzip.
  const isStray = isSound && memberEnds.includes(length - 1) && ours.fault === "ERR_INFLATE_TRAILING_BYTES";
  if (isSound && !isWhole && !isStray && ours.fault !== "ERR_INFLATE_TRUNCATED") return `socikit: ${ours.fault}`;
  if (ours.windowFault !== undefined) return ours.windowFault;
  if (Buffer.compare(ours.output, output.subarray(0, ours.output.length)) !== 0) return "other output";
  // A boundary is told as soon as all bytes before it are there. In a stream that is not sound, those up to the fault.
  const reached = boundaries.filter(({ compressed }) => compressed <= length);
  const expected = isSound ? reached : boundaries.slice(0, ours.boundaries.length);
  for (let i = 0; i < Math.max(ours.boundaries.length, expected.length); i++) {
    const [got, want] = [ours.boundaries[i], expected[i]];
    if (got?.compressed !== want?.compressed || got.uncompressed !== want.uncompressed || got.bits !== want.bits)
      return `boundary ${i} is ${JSON.stringify(got)}, expected ${JSON.stringify(want)}`;
  }
  return undefined;
}

function scan(inflate, bytes, { cuts = [], isSaved = false, looksAtWindows }) {
  const parts = [];
  const boundaries = [];
  let length = 0;
  let windowFault;
  let window = Buffer.alloc(WINDOW_SIZE);
  let inWindow = 0;
  const sink = {
    output(part) {
      parts.push(part.slice());
      length += part.length;
    },
    block(boundary, windowOf) {
      const { uncompressed } = boundary;
      boundaries.push(boundary);
      bits.add(boundary.bits);
      counts.boundaries++;
      if (uncompressed !== length) windowFault = `block() at ${uncompressed}, after ${length} bytes`;
      // The time is in windows: a sample of those where streams are cut.
      if (!looksAtWindows) return;
      counts.windows++;
      window = Buffer.concat([window, ...parts.slice(inWindow)]).subarray(-WINDOW_SIZE);
      inWindow = parts.length;
      if (Buffer.compare(windowOf(), window) !== 0) windowFault = `another window at ${uncompressed}`;
    },
  };
  let session = inflate.scanGzip(sink, { zlibMembers: true });
  let fault;
  try {
    let at = 0;
    for (const cut of [...cuts, bytes.length]) {
      session.push(bytes.subarray(at, cut));
      at = cut;
      if (!isSaved || cut === bytes.length) continue;
      const state = session.save();
      session.close();
      session = inflate.scanGzip(sink, { zlibMembers: true, from: state });
    }
    session.finish();
  } catch (error) {
    if (!error.code?.startsWith("ERR_INFLATE_")) throw error;
    fault = error.code;
  }
  return { output: Buffer.concat(parts), boundaries, windowFault, fault };
}
