/**
 * Decoding spans by a pool of one worker and of two, and on the calling thread; and what this machine gives two processes
 * of native libdeflate at once, over one: no pool can do better than its processors do. On the built packages:
 *
 *   node bench/decoder-pool.mjs [--rounds N] [--markdown FILE] [FILE.gz...]
 *
 * Without files: a Debian root file system and node_modules by gzip -6 (bench/corpora). Rounds are interleaved; numbers are
 * medians, in MB of output a second (1 MB = 10^6 bytes), ratios medians of the ratios round by round, with their quartiles.
 * It says little on a machine that is not idle: the load is printed with it. Native processes need a C compiler, zlib1g-dev
 * and libdeflate-dev.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { createDecoderPool, loadInflate } from "../wasm/dist/index.js";
import { prepareCorpora } from "./corpora/corpora.mjs";
import { headerLength } from "./inflate/contenders.mjs";
import { startClock } from "./measure/clock.mjs";
import { interleave } from "./measure/interleave.mjs";
import { describeMachine } from "./measure/machine.mjs";
import { markdownTable, writeMarkdownSection } from "./measure/markdown-section.mjs";
import { median, ratios, summary } from "./measure/statistics.mjs";
import { compileNative, NativeInflate } from "./peers/native-inflate.mjs";
import { programOptions } from "../scripts/program-options.mjs";

const MIB = 1024 * 1024;
/** Two workers to one, at spans of 4 MiB. */
const GOAL = 1.8;

const { values, positionals } = programOptions(import.meta.url, {
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: process.env.ROUNDS ?? "11" },
    markdown: { type: "string" },
  },
});
const rounds = Number(values.rounds);
const files = positionals.length > 0 ? positionals : defaultLayers();
const directory = mkdtempSync(join(tmpdir(), "socikit-bench-"));
const { program, libraries, missing } = compileNative(directory);
const hasNative = libraries.includes("libdeflate");
const inflate = await loadInflate();
const pools = { one: createDecoderPool({ size: 1 }), two: createDecoderPool({ size: 2 }) };

const head = `${describeMachine()}, Node ${process.versions.node}, ${rounds} rounds`;
console.log(head);
if (missing !== undefined) console.log(`(${missing})`);
const HEAD = ["layer", "span", "thread", "one", "two", "two to one", "native: two to one"];
const rows = [];
for (const file of files) {
  const gzip = shared(readFileSync(file));
  for (const spanSize of [4 * MIB, MIB]) {
    const { spans, size } = spansOf(gzip, spanSize);
    const natives = hasNative ? await openNatives(file, gzip, size) : [];
    const all = contenders(spans, size, natives);
    // Once before: the first one compiles.
    for (const { measure } of all) await measure();
    const times = await interleave(all, rounds);
    for (const native of natives) native.close();
    const speed = (name) => (size / 1000 / median(times[name])).toFixed(0);
    const two = summary(ratios(times.two, times.one));
    const upper = hasNative ? text(summary(ratios(times["native two"], times["native one"]).map((r) => 2 * r))) : "–";
    const span = spanSize / MIB;
    const row = [
      basename(file, ".tar.gz"),
      `${span} MiB`,
      speed("thread"),
      speed("one"),
      speed("two"),
      text(two),
      upper,
    ];
    rows.push(row);
    const goal =
      span !== 4
        ? ""
        : `≥ ${GOAL}×: ${two.median >= GOAL ? "reached" : `missed by ${((1 - two.median / GOAL) * 100).toFixed(1)} %`}, `;
    console.log(HEAD.map((name, i) => `${name} ${row[i]}`).join(", "));
    console.log(`  ${goal}load ${loadavg()[0].toFixed(1)}`);
  }
}
pools.one.close();
pools.two.close();
rmSync(directory, { recursive: true, force: true });
if (values.markdown !== undefined) {
  const note =
    "MB/s: the calling thread, one worker, two workers; beside them two processes of native libdeflate to one.";
  writeMarkdownSection(values.markdown, "decoder-pool", `${head}. ${note}\n\n${markdownTable(HEAD, rows)}`);
}

function contenders(spans, size, natives) {
  const ours = (name, decoder, atOnce) => ({
    name,
    every: 1,
    async measure() {
      const read = startClock("wall");
      const length = await decodeAll(decoder, atOnce, spans);
      if (length !== size) throw new Error(`${name} gave ${length} bytes of ${size}`);
      return read();
    },
  });
  const native = (name, processes) => ({
    name,
    every: 1,
    async measure() {
      const read = startClock("wall");
      await Promise.all(processes.map((process) => process.run("raw/libdeflate")));
      return read();
    },
  });
  return [
    ours("thread", inflate.decoder, 1),
    ours("one", pools.one, 2),
    ours("two", pools.two, 4),
    ...(natives.length === 0 ? [] : [native("native one", natives.slice(0, 1)), native("native two", natives)]),
  ];
}

/** Decodes all spans, so many at once. */
async function decodeAll(decoder, atOnce, spans) {
  let next = 0;
  let length = 0;
  const reader = async () => {
    while (next < spans.length) {
      const { start, compressed, want } = spans[next++];
      // As the lazy reader decodes: it copies each chunk.
      for await (const chunk of decoder.decode(start, compressed, want, { lends: true })) length += chunk.length;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, reader));
  return length;
}

/** The spans of a layer, and how long its output is. */
function spansOf(gzip, spanSize) {
  const points = [];
  let size = 0;
  const scan = inflate.scanGzip({
    output: (bytes) => void (size += bytes.length),
    nextBlock: () => (points.length === 0 ? 0 : points.at(-1).uncompressed + spanSize + 1),
    block: (boundary, window) => points.push({ ...boundary, window: window() }),
  });
  scan.push(gzip);
  scan.finish();
  const spans = points.map(({ compressed, uncompressed, bits, window }, i) => {
    const byte = compressed - (bits > 0 ? 1 : 0);
    return {
      start: { byte, bits, window: [{ at: 0, bytes: window }] },
      compressed: gzip.subarray(byte, points[i + 1]?.compressed ?? gzip.length),
      want: { start: 0, end: (points[i + 1]?.uncompressed ?? size) - uncompressed },
    };
  });
  return { spans, size };
}

/** Two processes, warm. */
async function openNatives(path, gzip, size) {
  const header = headerLength(gzip);
  const options = { program, path, size, header, clock: "wall" };
  const natives = [await NativeInflate.open(options), await NativeInflate.open(options)];
  for (const native of natives) await native.run("raw/libdeflate");
  return natives;
}

function shared(bytes) {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}

function text({ median: middle, low, high }) {
  return `${middle.toFixed(2)}× (${low.toFixed(2)}–${high.toFixed(2)})`;
}

function defaultLayers() {
  const { corpora, notes } = prepareCorpora({ names: ["debian.gzip-6", "node_modules.gzip-6"] });
  for (const note of notes) console.log(`(${note})`);
  return corpora.map(({ path }) => path);
}
