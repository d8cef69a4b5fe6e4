// Decoding spans by a pool of one worker and of two, and on the calling thread. On the built packages:
//   node bench/decoder-pool.mjs FILE.gz...     default: the layers in ../shared/golden/layers
// Rounds are interleaved; each number is the median, in MB of output a second (1 MB = 10^6 bytes). It says little on a
// machine that is not idle: the load is printed with it.
import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";
import { basename, join } from "node:path";
import { performance } from "node:perf_hooks";
import { createDecoderPool, loadInflate } from "../wasm/dist/index.js";

const ROUNDS = Number(process.env.ROUNDS ?? 11);
const LAYERS = new URL("../../shared/golden/layers/", import.meta.url).pathname;
const MIB = 1024 * 1024;

const files = process.argv.slice(2);
if (files.length === 0) {
  files.push(
    ...readdirSync(LAYERS)
      .filter((name) => name.endsWith(".gz"))
      .map((name) => join(LAYERS, name)),
  );
}
const inflate = await loadInflate();
const decoders = {
  thread: { decoder: inflate.decoder, atOnce: 1 },
  one: { decoder: createDecoderPool({ size: 1 }), atOnce: 2 },
  two: { decoder: createDecoderPool({ size: 2 }), atOnce: 4 },
};

console.log(`Node ${process.versions.node}, ${availableParallelism()} processors, ${ROUNDS} rounds`);
console.log("layer                     span   thread      one      two   two/one   load");
for (const file of files) {
  const gzip = shared(readFileSync(file));
  for (const spanSize of [4 * MIB, MIB]) {
    const spans = spansOf(gzip, spanSize);
    const times = { thread: [], one: [], two: [] };
    const size = spans.reduce((sum, { want }) => sum + want.end, 0);
    for (let round = -1; round < ROUNDS; round++) {
      for (const [name, contender] of Object.entries(decoders)) {
        const start = performance.now();
        const length = await decodeAll(contender, spans);
        if (length !== size) throw new Error(`${name} gave ${length} bytes of ${size}`);
        if (round >= 0) times[name].push(performance.now() - start);
      }
    }
    const speed = (name) => size / 1000 / median(times[name]);
    // Each round's own ratio: what disturbs a round disturbs both of its sides.
    const ratio = median(times.one.map((time, round) => time / times.two[round]));
    const columns = [speed("thread").toFixed(0), speed("one").toFixed(0), speed("two").toFixed(0)];
    const numbers = columns.map((text) => text.padStart(9)).join("");
    const label = `${basename(file, ".tar.gz").padEnd(24)}${`${spanSize / MIB} MiB`.padStart(6)}`;
    console.log(`${label}${numbers}${ratio.toFixed(2).padStart(10)}${loadavg()[0].toFixed(1).padStart(7)}`);
  }
}
decoders.one.decoder.close();
decoders.two.decoder.close();

/** Decodes all spans, so many at once. */
async function decodeAll({ decoder, atOnce }, spans) {
  let next = 0;
  let length = 0;
  const reader = async () => {
    while (next < spans.length) {
      const { start, compressed, want } = spans[next++];
      for await (const chunk of decoder.decode(start, compressed, want)) length += chunk.length;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, reader));
  return length;
}

function spansOf(gzip, spanSize) {
  const points = [];
  let total = 0;
  const scan = inflate.scanGzip({
    output: (bytes) => void (total += bytes.length),
    nextBlock: () => (points.length === 0 ? 0 : points.at(-1).uncompressed + spanSize + 1),
    block: (boundary, window) => points.push({ ...boundary, window: window() }),
  });
  scan.push(gzip);
  scan.finish();
  return points.map(({ compressed, uncompressed, bits, window }, i) => {
    const byte = compressed - (bits > 0 ? 1 : 0);
    return {
      start: { byte, bits, window: [{ at: 0, bytes: window }] },
      compressed: gzip.subarray(byte, points[i + 1]?.compressed ?? gzip.length),
      want: { start: 0, end: (points[i + 1]?.uncompressed ?? total) - uncompressed },
    };
  });
}

function shared(bytes) {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}

function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}
