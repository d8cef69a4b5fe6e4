/**
 * Who decodes in bench/inflate.mjs. Names are `KIND/WHO`. Two kinds, like with like:
 *
 *   raw    decode DEFLATE, look at no checksum, hand nothing over
 *   gzip   decode gzip, check CRC-32 and size, hand all bytes over
 *
 * Of ours, "view" is a look at the decoder's memory for the time of the call, "pooled" copies it into a buffer that is
 * used again, "fresh" into a new one. Streams get the whole input at once.
 *
 * What recording costs is a few percent, less than a machine's speed changes within a second. So "checkpoints" and
 * "crossings" are decoded beside a plain scan of their own, "beside" them: each piece of input by both, one right after
 * the other.
 */
import { createGunzip, createInflateRaw, gunzipSync, inflateRawSync } from "node:zlib";
import { startClock } from "../measure/clock.mjs";

const KIB = 1024;
const MIB = 1024 * KIB;
/** Bytes of input a push. */
const PUSH = 256 * KIB;
const CHUNK_SIZES = [64, 256, 1024];
/** Slow ones are run in every third round: their ratios are far from 1. */
const SLOW = 3;

export const RAW_STREAMS = CHUNK_SIZES.map((chunk) => `raw/createInflateRaw ${chunk}K`);
/** What is recorded, and a sink that does. */
const RECORDINGS = [
  ["checkpoints 4 MiB", () => checkpointSink(4 * MIB)],
  ["checkpoints 1 MiB", () => checkpointSink(MIB)],
  ["crossings", () => ({ crossing() {} })],
];
/** The plain scan that ran piece by piece with a recording one. */
export const besideOf = (name) => `beside/${name}`;

export const GZIP_STREAMS = CHUNK_SIZES.map((chunk) => `gzip/createGunzip ${chunk}K`);

/**
 * All of them over one file, neighbours those that are compared.
 *
 * @param options `gzip`: the file; `size`, of its output; `header`, of its first member; `clock`: "wall" or "cpu";
 * `native`: a {@linkcode NativeInflate} and which `libraries` it has, or undefined.
 * @returns Each `{ name, every, measure }`: `measure()` decodes once and answers milliseconds, or throws when that gave
 * another number of bytes.
 */
export function openContenders({ inflate, fflate, pako, native, libraries, gzip, size, header, clock }) {
  const raw = gzip.subarray(header);
  const contenders = [];
  const add = (name, run, every = 1) => {
    const measure = async () => {
      const read = startClock(clock);
      const length = await run();
      const time = read();
      if (length !== size) throw new Error(`${name}: ${length} instead of ${size} bytes`);
      return time;
    };
    contenders.push({ name, every, measure });
  };
  // node's raw decoders and the native ones stop at the first member's end.
  const isSingle = inflateRawSync(raw).length === size;
  const addNative = (name, every = 1) => {
    if (isSingle && libraries.includes(name.split("/")[1]))
      contenders.push({ name, every, isElsewhere: true, measure: () => native.run(name) });
  };
  const scratch = new Uint8Array(fflate === undefined ? 0 : size);
  const pooled = new Uint8Array(512 * KIB);

  addNative("raw/libdeflate");
  add("raw/ours", () => decodeRaw(inflate, raw, header, size));
  if (isSingle) {
    for (const [i, name] of RAW_STREAMS.entries())
      add(name, () => stream(createInflateRaw({ chunkSize: CHUNK_SIZES[i] * KIB }), raw));
    add("raw/inflateRawSync 1024K", () => inflateRawSync(raw, { chunkSize: MIB }).length);
    add("raw/fflate inflateSync", () => fflate.inflateSync(raw, { out: scratch }).length, SLOW);
    if (pako !== undefined) add("raw/pako inflateRaw", () => pako.inflateRaw(raw).length, SLOW);
  }
  addNative("raw/zlib", SLOW);

  addNative("gzip/libdeflate");
  for (const [i, name] of GZIP_STREAMS.entries())
    add(name, () => stream(createGunzip({ chunkSize: CHUNK_SIZES[i] * KIB }), gzip));
  add("gzip/ours pooled", () => scan(inflate, gzip, { output: (bytes) => pooled.set(bytes) }));
  add("gzip/ours view", () => scan(inflate, gzip, {}));
  for (const [what, openSink] of RECORDINGS) {
    const name = `gzip/ours ${what}`;
    const take = pairOf(() => scanBoth(inflate, gzip, [openSink(), {}], size, clock));
    contenders.push({ name, every: 1, measure: () => take(0) });
    contenders.push({ name: besideOf(name), every: 1, measure: () => take(1) });
  }
  add("gzip/ours fresh", () => scan(inflate, gzip, { output: (bytes) => bytes.slice() }));
  add("gzip/gunzipSync 1024K", () => gunzipSync(gzip, { chunkSize: MIB }).length);
  if (globalThis.Bun !== undefined)
    add("gzip/Bun.gunzipSync libdeflate", () => globalThis.Bun.gunzipSync(gzip, { library: "libdeflate" }).length);
  add("gzip/DecompressionStream", () => webStream(gzip), SLOW);
  if (isSingle) {
    add("gzip/fflate gunzipSync", () => fflate.gunzipSync(gzip, { out: scratch }).length, SLOW);
    if (pako !== undefined) add("gzip/pako ungzip", () => pako.ungzip(gzip).length, SLOW);
  }
  addNative("gzip/zlib", SLOW);
  return contenders;
}

/** Bytes before the first member's DEFLATE data. */
export function headerLength(gzip) {
  let at = 10;
  if (gzip[3] & 4) at += 2 + gzip[at] + 256 * gzip[at + 1];
  for (const flag of [8, 16]) if (gzip[3] & flag) while (gzip[at++] !== 0);
  return gzip[3] & 2 ? at + 2 : at;
}

/** All but the last byte is decoded and skipped. */
async function decodeRaw(inflate, raw, header, size) {
  const want = { start: size - 1, end: size };
  let length = size - 1;
  for await (const part of inflate.decoder.decode({ byte: header, bits: 0, window: [] }, raw, want))
    length += part.length;
  return length;
}

function scan(inflate, gzip, sink) {
  let length = 0;
  const { output } = sink;
  const running = inflate.scanGzip({
    ...sink,
    output(bytes) {
      length += bytes.length;
      output?.(bytes);
    },
  });
  for (let at = 0; at < gzip.length; at += PUSH) running.push(gzip.subarray(at, at + PUSH));
  running.finish();
  return length;
}

/** `take(side)` answers one of the two times that `measure()` gives, and measures again when it was taken before. */
function pairOf(measure) {
  const waiting = [undefined, undefined];
  return (side) => {
    if (waiting[side] === undefined) [waiting[0], waiting[1]] = measure();
    const time = waiting[side];
    waiting[side] = undefined;
    return time;
  };
}

/** Scans into both sinks, each piece into one right after the other, either first by turns. Answers milliseconds of each. */
function scanBoth(inflate, gzip, sinks, size, clock) {
  const lengths = [0, 0];
  const times = [0, 0];
  const scans = sinks.map((sink, side) =>
    inflate.scanGzip({ ...sink, output: (bytes) => void (lengths[side] += bytes.length) }),
  );
  const timed = (side, step) => {
    const read = startClock(clock);
    step(scans[side]);
    times[side] += read();
  };
  let first = 0;
  for (let at = 0; at < gzip.length; at += PUSH) {
    const piece = gzip.subarray(at, at + PUSH);
    timed(first, (scan) => scan.push(piece));
    timed(1 - first, (scan) => scan.push(piece));
    first = 1 - first;
  }
  for (const side of [0, 1]) timed(side, (scan) => scan.finish());
  if (lengths.some((length) => length !== size)) throw new Error(`${lengths.join(" and ")} instead of ${size} bytes`);
  return times;
}

/** Records checkpoints by the rule of a zTOC, and keeps their windows. */
function checkpointSink(spanSize) {
  const checkpoints = [];
  return {
    nextBlock: () => (checkpoints.length === 0 ? 0 : checkpoints.at(-1).uncompressed + spanSize + 1),
    block: (boundary, window) => void checkpoints.push({ ...boundary, window: window() }),
  };
}

function stream(decoder, bytes) {
  return new Promise((resolve, reject) => {
    let length = 0;
    decoder
      .on("data", (part) => void (length += part.length))
      .on("end", () => resolve(length))
      .on("error", reject);
    decoder.end(bytes);
  });
}

async function webStream(gzip) {
  let length = 0;
  for await (const part of new Blob([gzip]).stream().pipeThrough(new DecompressionStream("gzip")))
    length += part.length;
  return length;
}
