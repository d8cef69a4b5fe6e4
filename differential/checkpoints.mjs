/**
 * Decoding from every checkpoint to the next, over every corpus: at block boundaries, all of them and 4 KiB apart; and 4 KiB apart inside
 * blocks, with no more of the window than is needed. The input ends at the byte where the next checkpoint is.
 *
 *   npm run differential:checkpoints -- [--seed S]
 *
 * Corpora: testdata/vectors, the layers of ../shared/golden where they are beside the repository, and generated ones. What is compared with is
 * zlib's. Needs `npm run build`.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { constants, deflateSync, gunzipSync, gzipSync } from "node:zlib";
import { loadInflate, platformDecoder } from "@socikit/inflate";
import { fflateDecoder } from "@socikit/inflate/fflate";
import { DeflateMeasure } from "../wasm/dist/deflate-measure.js";
import { compileOwnModule, createInflate } from "../wasm/dist/load-inflate.js";
import { compileTesting, importTesting } from "./inflate-testing.mjs";
import { zlibMembers } from "./zlib-stream.mjs";
import { programOptions } from "../scripts/program-options.mjs";

const WINDOW_SIZE = 32768;
const APART = 4096;
/** More than the longest header of a block, in bytes. */
const MAX_BLOCK_HEADER = 300;
const STRATEGIES = ["Z_DEFAULT_STRATEGY", "Z_FILTERED", "Z_HUFFMAN_ONLY", "Z_RLE", "Z_FIXED"];

const { values } = programOptions(import.meta.url, { options: { seed: { type: "string", default: "1" } } });
const seed = Number(values.seed);
const { compressibleBytes, createRandom, sampleBytes, streamSamples } = await importTesting(compileTesting());
const inflate = await loadInflate();
const cramped = await createInflate(await compileOwnModule(), { input: 512, output: 300 });
const random = createRandom(seed);
/** How often each decodes, one in so many: without WebAssembly it is a slower way to the same bytes. */
const decoders = [
  { name: "core", decoder: inflate.decoder, oneIn: 1 },
  { name: "core with small buffers", decoder: cramped.decoder, oneIn: 8 },
  { name: "node:zlib", decoder: platformDecoder(), oneIn: 24 },
  { name: "fflate", decoder: fflateDecoder(), oneIn: 64 },
];

const counts = {
  corpora: 0,
  bytes: 0,
  boundaries: 0,
  apart: 0,
  inside: 0,
  refused: 0,
  decodes: new Map(),
  different: 0,
};
const bits = [new Set(), new Set()];
for (const { name, bytes } of corpora()) await resumeAll(name, bytes);
for (const { name, bytes } of await generated()) await resumeAll(name, bytes);
console.log(`  ${counts.corpora} corpora, ${(counts.bytes / 1e6).toFixed(1)} MB of output`);
console.log(
  `  from ${counts.boundaries} block boundaries, ${bits[0].size} of 8 bits; ${counts.apart} checkpoints 4 KiB apart`,
);
console.log(`  from ${counts.inside} places inside blocks, 4 KiB apart, ${bits[1].size} of 8 bits`);
console.log(
  `  ${[...counts.decodes].map(([name, count]) => `${count} by ${name}`).join(", ")}; ${counts.refused} behind zlib members, refused`,
);
const all = [...counts.decodes.values()].reduce((sum, count) => sum + count, 0);
const unseen = bits.reduce((sum, { size }) => sum + 8 - size, 0);
console.log(`seed ${seed}: ${all - counts.different} passed, ${counts.different + unseen} failed`);
if (counts.different + unseen > 0) process.exitCode = 1;

// ---- corpora -------------------------------------------------------------------------------------------------------

function* corpora() {
  for (const folder of ["../testdata/vectors/", "../../shared/golden/layers/"]) {
    const url = new URL(folder, import.meta.url);
    const names = existsSync(url) ? readdirSync(url).filter((name) => name.endsWith(".gz")) : [];
    for (const name of names) yield { name, bytes: new Uint8Array(readFileSync(new URL(name, url))) };
    if (names.length === 0) console.log(`  (${folder} is not there)`);
  }
}

/** Streams of every shape; and longer ones, for windows that are full and distances that are long. */
async function generated() {
  const samples = await streamSamples(random, 12, 3000);
  const framed = samples.filter(({ format }) => format !== "raw");
  const made = framed.map((sample, i) => ({ name: `sample ${i}, ${sample.shape}`, bytes: sampleBytes(sample) }));
  const text = compressibleBytes(random, 1_500_000);
  for (const [strategy, value] of Object.entries(constants).filter(([key]) => STRATEGIES.includes(key))) {
    for (const level of [1, 6, 9])
      made.push({
        name: `${strategy} ${level}`,
        bytes: gzipSync(text, { level, strategy: value, memLevel: 1 + random.below(9) }),
      });
  }
  made.push({ name: "stored", bytes: gzipSync(text, { level: 0 }) }, { name: "zlib", bytes: deflateSync(text) });
  return made.map(({ name, bytes }) => ({ name, bytes: new Uint8Array(bytes) }));
}

// ---- resuming ------------------------------------------------------------------------------------------------------

/** Of a stream that is not sound, nothing: what it is then is not for spans. */
async function resumeAll(name, bytes) {
  const { output, fault } = bytes.length > 2 ** 20 ? { output: gunzipSync(bytes) } : zlibMembers(bytes, true);
  if (fault !== undefined) return;
  counts.corpora++;
  counts.bytes += output.length;
  const { boundaries, members } = scan(bytes);
  const end = { bit: 8 * bytes.length, uncompressed: output.length };
  // Spans take the trailer of the member that they begin in for gzip's, as the reference does: they do not go on behind zlib's.
  const zlibEnds = members.flatMap(({ format }, i) =>
    format === "zlib" ? [8 * (members[i + 1]?.compressed ?? Infinity)] : [],
  );
  const leavesZlib = (place, next) => zlibEnds.some((bit) => place.bit < bit && next.bit > bit);
  const resume = async (places, kind) => {
    for (const [i, place] of places.entries()) {
      const next = places[i + 1] ?? end;
      const difference = await decodeTo(place, next, bytes, output, leavesZlib(place, next));
      if (difference === undefined) continue;
      counts.different++;
      console.log(`DIFFERENT ${name}, ${kind} ${i}, ${JSON.stringify(place)}: ${difference}`);
    }
  };
  counts.boundaries += boundaries.length;
  for (const { bit } of boundaries) bits[0].add(bit & 7);
  await resume(boundaries, "boundary");
  const apart = boundaries.filter(keepApart());
  if (apart.length < boundaries.length) {
    counts.apart += apart.length;
    await resume(apart, "checkpoint");
  }
  const inside = placesInside(bytes, members, boundaries, output.length);
  counts.inside += inside.length;
  for (const { bit } of inside) bits[1].add(bit & 7);
  await resume(inside, "place");
}

/** Whether a place is 4 KiB behind the one that was kept last. */
function keepApart() {
  let last = -Infinity;
  return ({ uncompressed }) => {
    if (uncompressed - last < APART) return false;
    last = uncompressed;
    return true;
  };
}

/** Boundaries by their first bit, and members; the windows of boundaries are compared in boundaries.mjs. */
function scan(bytes) {
  const boundaries = [];
  const members = [];
  const session = inflate.scanGzip(
    {
      block: ({ compressed, uncompressed, bits: own }) => boundaries.push({ bit: 8 * compressed - own, uncompressed }),
      member: (member) => members.push(member),
    },
    { zlibMembers: true },
  );
  session.push(bytes);
  session.finish();
  return { boundaries, members };
}

/** Symbols and stored bytes 4 KiB apart, found by the decoder that measures. */
function placesInside(bytes, members, boundaries, length) {
  const places = [];
  let next = 0;
  for (const [i, { headerEnd, uncompressed }] of members.entries()) {
    const measure = new DeflateMeasure(bytes.subarray(headerEnd, members[i + 1]?.compressed ?? bytes.length));
    const memberEnd = members[i + 1]?.uncompressed ?? length;
    for (let limit = APART; uncompressed + limit < memberEnd; limit = measure.produced + APART) {
      if (measure.advance(limit) !== "reached") throw new Error(`The measure stops in member ${i} before ${limit}`);
      const place = { bit: 8 * headerEnd + measure.position, uncompressed: uncompressed + measure.produced };
      if (place.uncompressed >= memberEnd) break;
      while (next < boundaries.length && boundaries[next].bit <= place.bit) next++;
      const inside = insideBlock(bytes, place, boundaries[next - 1]);
      if (inside !== undefined) places.push(inside);
    }
  }
  return places;
}

/** The block's header as a start wants it; `undefined` where the place is at a boundary. */
function insideBlock(bytes, place, { bit, uncompressed }) {
  if (bit === place.bit) return undefined;
  if (
    ((bytes[(bit + 1) >> 3] >> ((bit + 1) & 7)) & 1) === 0 &&
    ((bytes[(bit + 2) >> 3] >> ((bit + 2) & 7)) & 1) === 0
  ) {
    const at = Math.ceil((bit + 3) / 8);
    const left = bytes[at] + 256 * bytes[at + 1] - (place.uncompressed - uncompressed);
    if (left === 0) return undefined;
    const [low, high] = [left & 255, left >> 8];
    const isLast = (bytes[bit >> 3] >> (bit & 7)) & 1;
    return { ...place, blockHeader: Uint8Array.of(isLast, low, high, low ^ 255, high ^ 255) };
  }
  const from = bit >> 3;
  const shift = bit & 7;
  const blockHeader = Uint8Array.from(
    { length: MAX_BLOCK_HEADER },
    (_, i) => ((bytes[from + i] ?? 0) | ((bytes[from + i + 1] ?? 0) << 8)) >> shift,
  );
  return { ...place, blockHeader };
}

/** @param mayRefuse Whether an error is an answer, too; other bytes never are. */
async function decodeTo({ bit, uncompressed, blockHeader }, next, bytes, output, mayRefuse) {
  const start = { byte: bit >> 3, bits: (8 - (bit & 7)) & 7, window: [], ...(blockHeader && { blockHeader }) };
  const compressed = bytes.subarray(start.byte, Math.ceil(next.bit / 8));
  const length = next.uncompressed - uncompressed;
  const expected = output.subarray(uncompressed, next.uncompressed);
  const known = output.subarray(Math.max(0, uncompressed - WINDOW_SIZE), uncompressed);
  const whole = () => [{ at: WINDOW_SIZE - known.length, bytes: known }];
  const needed = () =>
    inflate
      .windowUse(start, compressed, length)
      .map(({ at, length: own }) => ({ at, bytes: output.subarray(uncompressed - WINDOW_SIZE + at).subarray(0, own) }));
  for (const { name, decoder, oneIn } of decoders) {
    if (oneIn > 1 && random.below(oneIn) > 0) continue;
    counts.decodes.set(name, (counts.decodes.get(name) ?? 0) + 1);
    const parts = [];
    try {
      const window = random.chance(50) ? whole() : needed();
      for await (const part of decoder.decode({ ...start, window }, compressed, { start: 0, end: length }))
        parts.push(part);
    } catch (error) {
      if (!mayRefuse || !error.code?.startsWith("ERR_INFLATE_")) return `${name}: ${error}`;
      counts.refused++;
      continue;
    }
    const got = parts.length === 1 ? parts[0] : Buffer.concat(parts);
    if (Buffer.compare(got, expected) !== 0) return `${name}: ${got.length} bytes for ${expected.length}, or others`;
  }
  return undefined;
}
