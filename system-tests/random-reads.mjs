// Reads random ranges of random files of an image lazily and compares them with the unpacked tree; then compares the whole listing. Runs on
// Node, Deno and Bun: random-reads.mjs HOST/REPOSITORY:TAG TREE COUNT [SEED]
import { lstatSync, openSync, readSync, closeSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { openImage } from "@socikit/lazy-reader";
import { toDisplay } from "@socikit/oci";
import { fetchTransport, openRepository } from "@socikit/registry";

const [reference, tree, count, seed = "1"] = process.argv.slice(2);
const tag = reference.slice(reference.lastIndexOf(":") + 1);

/** A generator of whole numbers below a bound: mulberry32, so that a failure can be repeated. */
function randomIntegers(start) {
  let state = start >>> 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * bound);
  };
}

/** Every path below `folder` with what a listing shows of it. */
function walk(folder, prefix, into) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = `${prefix}${entry.name}`;
    const stat = lstatSync(join(folder, entry.name));
    if (entry.isDirectory()) into.set(path, "directory");
    else if (entry.isSymbolicLink()) into.set(path, `symlink ${readlinkSync(join(folder, entry.name))}`);
    else if (entry.isFile()) into.set(path, `file ${stat.size}`);
    else into.set(path, "special");
    if (entry.isDirectory()) walk(join(folder, entry.name), `${path}/`, into);
  }
  return into;
}

function readRange(path, start, end) {
  const bytes = new Uint8Array(end - start);
  const file = openSync(path, "r");
  let at = 0;
  while (at < bytes.length) {
    const read = readSync(file, bytes, at, bytes.length - at, start + at);
    if (read === 0) throw new Error(`${path} ends early`);
    at += read;
  }
  closeSync(file);
  return bytes;
}

const began = performance.now();
const expected = walk(tree, "", new Map());
const files = [...expected].filter(([, what]) => what.startsWith("file ")).map(([path]) => path);
files.sort();

const repository = openRepository(reference, { transport: fetchTransport() });
const image = await openImage({ image: repository }, tag);
const modes = image.layers.map(({ mode }) => mode).join(" ");
if (!modes.includes("ztoc")) throw new Error(`no layer has a zTOC: ${modes}`);

const random = randomIntegers(Number(seed));
const jobs = Array.from({ length: Number(count) }, () => {
  const path = files[random(files.length)];
  const { size } = lstatSync(join(tree, path));
  const start = random(size + 1);
  return { path, start, end: start + random(Math.min(size - start, 1 << 20) + 1) };
});
let bytes = 0;
let next = 0;
// Four side by side, as a program that starts reads: some of them want the same span.
async function reader() {
  while (next < jobs.length) {
    const i = next++;
    const { path, start, end } = jobs[i];
    const found = await image.read(path, { range: { start, end } });
    const wanted = readRange(join(tree, path), start, end);
    if (found.length !== wanted.length || found.some((byte, at) => byte !== wanted[at])) {
      throw new Error(`read ${i}: ${path} ${start}-${end} differs (seed ${seed})`);
    }
    bytes += found.length;
  }
}
await Promise.all(Array.from({ length: 4 }, reader));

let listed = 0;
for await (const info of image.list("", { recursive: true })) {
  const path = new TextDecoder()
    .decode(Uint8Array.from(info.path, (letter) => letter.charCodeAt(0)))
    .replace(/^\//, "");
  if (path === "") continue;
  listed++;
  const what =
    info.type === "symlink"
      ? `symlink ${toDisplay(info.linkname)}`
      : info.type === "file"
        ? `file ${info.size}`
        : info.type === "directory"
          ? "directory"
          : "special";
  if (expected.get(path) !== what)
    throw new Error(`${path} is listed as "${what}", unpacked it is "${expected.get(path)}"`);
}
if (listed !== expected.size) throw new Error(`${listed} entries are listed, ${expected.size} are unpacked`);
await image.close();

const seconds = ((performance.now() - began) / 1000).toFixed(1);
console.log(`${count} reads, ${bytes} bytes equal; ${listed} entries equal; layers: ${modes}; ${seconds} s`);
