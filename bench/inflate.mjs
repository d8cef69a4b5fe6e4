// Speed of @socikit/inflate on gzip files, next to node:zlib. On the built packages:
//   node bench/inflate.mjs FILE.gz...          default: the layers in ../shared/golden/layers
//   CLOCK=cpu node bench/inflate.mjs           processor time of all threads instead, for a machine that is not quiet
// Rounds are interleaved; each number is the median, in MB of output a second (1 MB = 10^6 bytes).
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { performance } from "node:perf_hooks";
import { createGunzip, createInflateRaw, gunzipSync, inflateRawSync } from "node:zlib";
import { loadInflate } from "../wasm/dist/index.js";

const ROUNDS = Number(process.env.ROUNDS ?? 11);
const LAYERS = new URL("../../shared/golden/layers/", import.meta.url).pathname;
const PUSH = 256 * 1024;
const MIB = 1024 * 1024;
const now = process.env.CLOCK === "cpu" ? () => process.cpuUsage().user / 1000 : () => performance.now();

const files = process.argv.slice(2);
if (files.length === 0) {
  files.push(
    ...readdirSync(LAYERS)
      .filter((name) => name.endsWith(".gz"))
      .map((name) => join(LAYERS, name)),
  );
}
const inflate = await loadInflate();

/** What is measured: each takes a file's bytes and answers how many bytes it gave. */
function contenders(gzip, header) {
  const raw = gzip.subarray(header);
  const scan = (sink) => {
    let length = 0;
    const running = inflate.scanGzip({ output: (bytes) => void (length += bytes.length), ...sink });
    for (let at = 0; at < gzip.length; at += PUSH) running.push(gzip.subarray(at, at + PUSH));
    running.finish();
    return length;
  };
  const span = (spanSize) => {
    let last = 0;
    let windows = 0;
    let first = true;
    const length = scan({
      nextBlock: () => (first ? 0 : last + spanSize + 1),
      block: ({ uncompressed }, window) => {
        first = false;
        last = uncompressed;
        windows += window().length;
      },
    });
    return windows > 0 ? length : 0;
  };
  const stream = (decoder, bytes) =>
    new Promise((resolve, reject) => {
      let length = 0;
      decoder
        .on("data", (part) => void (length += part.length))
        .on("end", () => resolve(length))
        .on("error", reject);
      decoder.end(bytes);
    });
  const size = gunzipSync(gzip).length;
  return {
    "raw, chunks copied out": async () => {
      let length = 0;
      for await (const part of inflate.decoder.decode({ byte: 0, bits: 0, window: [] }, raw, { start: 0, end: size }))
        length += part.length;
      return length;
    },
    "raw, all skipped": async () => {
      let length = size - 1;
      for await (const part of inflate.decoder.decode({ byte: 0, bits: 0, window: [] }, raw, {
        start: size - 1,
        end: size,
      }))
        length += part.length;
      return length;
    },
    "gzip with CRC": () => scan({}),
    "gzip with CRC, windows each 4 MiB": () => span(4 * MIB),
    "gzip with CRC, windows each 1 MiB": () => span(MIB),
    // It stops at the first member's end.
    ...(inflateRawSync(raw).length === size && {
      "node createInflateRaw 256K": () => stream(createInflateRaw({ chunkSize: PUSH }), raw),
    }),
    "node createGunzip 256K": () => stream(createGunzip({ chunkSize: PUSH }), gzip),
    "node gunzipSync": () => gunzipSync(gzip).length,
  };
}

function headerLength(gzip) {
  let at = 10;
  if (gzip[3] & 4) at += 2 + gzip[at] + 256 * gzip[at + 1];
  for (const flag of [8, 16]) if (gzip[3] & flag) while (gzip[at++] !== 0);
  return gzip[3] & 2 ? at + 2 : at;
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
console.log(`Node ${process.version}, ${ROUNDS} rounds, MB/s`);
for (const file of files) {
  const gzip = readFileSync(file);
  const size = gunzipSync(gzip).length;
  const own = contenders(gzip, headerLength(gzip));
  const speeds = Object.fromEntries(Object.keys(own).map((name) => [name, []]));
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [name, run] of Object.entries(own)) {
      const start = now();
      const length = await run();
      if (length !== size) throw new Error(`${name} of ${file}: ${length} instead of ${size} bytes`);
      // The first round compiles.
      if (round > 0) speeds[name].push(size / (now() - start) / 1000);
    }
  }
  console.log(`\n${basename(file)}: ${(gzip.length / 1e6).toFixed(1)} → ${(size / 1e6).toFixed(1)} MB`);
  for (const [name, values] of Object.entries(speeds))
    console.log(`  ${name.padEnd(36)}${median(values).toFixed(0).padStart(6)}`);
}
