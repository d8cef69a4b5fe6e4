/**
 * How long a new process takes to its first output, from nothing but imported JavaScript. Started by bench/inflate.mjs:
 *   cold-start.mjs FILE.gz module    given a compiled module: an instance, and the first output
 *   cold-start.mjs FILE.gz compile   with compiling the embedded module
 * `next` is the same for one more instance in that process, the first being at work still.
 * Input is the first 4 KiB of the file: output comes when all of a piece is decoded. Prints milliseconds as JSON.
 */
import { readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { loadInflate } from "../../wasm/dist/index.js";

const [path, mode] = process.argv.slice(-2);
const piece = readFileSync(path).subarray(0, 4096);
const bytes = readFileSync(new URL("../../wasm/build/inflate.wasm", import.meta.url));
const module = mode === "module" ? await WebAssembly.compile(bytes) : undefined;

const began = performance.now();
const inflate = await loadInflate({ module });
const loaded = performance.now();
let firstOutput;
const scan = inflate.scanGzip({
  output() {
    firstOutput ??= performance.now();
  },
});
const opened = performance.now();
scan.push(piece);

// Another instance, in code that has run once.
let nextOutput;
const warm = performance.now();
const next = inflate.scanGzip({
  output() {
    nextOutput ??= performance.now();
  },
});
next.push(piece);
const times = {
  load: loaded - began,
  open: opened - loaded,
  decode: firstOutput - opened,
  total: firstOutput - began,
  next: nextOutput - warm,
};
console.log(JSON.stringify(times));
