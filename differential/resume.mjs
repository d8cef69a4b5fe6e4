/**
 * Builds zTOCs at once, and saved and gone on with elsewhere, and compares: the same bytes, warnings, or error.
 *
 *   npm run differential:resume -- [--layers N] [--seed S]
 *
 * Layers of up to 2,500 bytes are saved at every byte, one after the other, and at some hundred alone; others at places by chance,
 * in pieces, some of which are cut short. All of testdata/vectors, N random ones (layers.mjs), and ../shared/golden/layers where
 * that is. Some go on in another process. Needs `npm run build`.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadInflate } from "@socikit/inflate";
import { digestOf } from "@socikit/oci";
import { buildZtoc, ResumableBuild } from "@socikit/ztoc/build";
import { SaveableSha256 } from "../packages/ztoc/dist/saveable-sha256.js";
import { randomLayer } from "./layers.mjs";
import { Random } from "./random.mjs";
import { concat } from "./tar-writer.mjs";
import { programOptions } from "../scripts/program-options.mjs";

const SMALL = 2500;

const { values } = programOptions(import.meta.url, {
  options: {
    layers: { type: "string", default: "100" },
    seed: { type: "string", default: "1" },
    // Of the process that is started: what to build, how far.
    child: { type: "string" },
  },
});
const inflate = await loadInflate();
if (values.child !== undefined) {
  const { file, options, at } = JSON.parse(values.child);
  const build = await ResumableBuild.start(options);
  build.push(new Uint8Array(readFileSync(file)).subarray(0, at));
  writeFileSync(`${file}.saved`, build.save());
  process.exit();
}

const seed = Number(values.seed);
const random = new Random(seed);
const folder = mkdtempSync(join(tmpdir(), "socikit-resume-"));
let passed = 0;
let failed = 0;
let resumptions = 0;
try {
  const root = fileURLToPath(new URL("..", import.meta.url));
  for (const name of readdirSync(join(root, "testdata/vectors")))
    await check(name, read(join(root, "testdata/vectors", name)), typeOf(name), random.pick([0, 1000, 65_536]));
  const golden = join(root, "../shared/golden/layers");
  for (const name of existsSync(golden) ? readdirSync(golden) : [])
    await check(name, read(join(golden, name)), typeOf(name), 4_194_304);
  for (let i = 0; i < Number(values.layers); i++) {
    const { bytes, compression, spanSize } = randomLayer(random);
    await check(`random layer ${i}`, bytes, compression, spanSize);
  }
  report("SHA-256 of more than 2^32 bits", hashesLong());
} finally {
  rmSync(folder, { recursive: true });
}
console.log(`seed ${seed}: ${resumptions} resumptions`);
console.log(`${passed} passed, ${failed} failed`);
if (failed > 0) process.exitCode = 1;

async function check(name, layer, compression, wantedSpanSize) {
  // A span takes 33 KB of what is saved: some dozens are enough.
  const spanSize = Math.max(wantedSpanSize, Math.floor(layer.length / (compression === "gzip" ? 5 : 50)));
  const options = { compression, spanSize };
  const want = await outcome(() => buildZtoc(once(layer), { ...options, inflate }));
  const identity = { ...options, layer: { digest: digestOf(layer), size: layer.length } };
  const ways = [];
  if (layer.length <= SMALL) {
    const everywhere = Array.from({ length: layer.length + 1 }, (_, i) => i);
    ways.push(["saved at every byte", () => resumed(layer, everywhere, identity)]);
    for (let cut = 0; cut <= layer.length; cut += 1 + random.below(Math.ceil(layer.length / 200)))
      ways.push([`cut at ${cut}`, () => resumed(layer, [cut], options)]);
  } else {
    for (let i = 0; i < 4; i++) {
      const cut = random.below(layer.length);
      ways.push([`cut at ${cut}`, () => resumed(layer, [cut], options)]);
    }
    const cuts = Array.from({ length: 12 }, () => random.below(layer.length)).sort((a, b) => a - b);
    ways.push([`saved at ${cuts}`, () => resumed(layer, cuts, identity)]);
    ways.push([`in pieces, some cut short, at ${cuts}`, () => inPieces(layer, cuts, identity)]);
  }
  if (random.chance(layer.length > 100_000 ? 0.2 : 0.02))
    ways.push(["in another process", () => elsewhere(layer, random.below(layer.length + 1), identity)]);
  for (const [way, build] of ways) {
    const got = await outcome(build);
    if (got === want) continue;
    return report(`${name} (${compression}, spans of ${spanSize}), ${way}: ${got}, at once ${want}`, false);
  }
  report(name, true);
}

function report(what, holds) {
  if (holds) return void passed++;
  failed++;
  console.log(`DIFFERENT ${what}`);
}

async function resumed(layer, cuts, options) {
  let build = await ResumableBuild.start({ ...options, inflate });
  let at = 0;
  try {
    for (const cut of cuts) {
      build.push(layer.slice(at, cut));
      at = cut;
      // Both are open for a moment, so that they are two instances of the decoder.
      const next = await ResumableBuild.resume(build.save(), { ...options, inflate });
      resumptions++;
      build.close();
      build = next;
    }
    build.push(layer.slice(at));
    return build.finish();
  } finally {
    build.close();
  }
}

async function inPieces(layer, cuts, options) {
  let build = await ResumableBuild.start({ ...options, inflate });
  let saved = new Uint8Array(0);
  try {
    for (const cut of cuts) {
      build.push(layer.slice(build.position, Math.max(cut, build.position)));
      const piece = build.saveMore();
      // As of a process that ended while it wrote; but of the first there must be something.
      const length = piece.at > 0 && random.chance(0.3) ? random.below(piece.bytes.length) : piece.bytes.length;
      saved = concat(saved.subarray(0, piece.at), piece.bytes.subarray(0, length));
      build.close();
      build = await ResumableBuild.resume(saved, { ...options, inflate });
      resumptions++;
    }
    build.push(layer.slice(build.position));
    return build.finish();
  } finally {
    build.close();
  }
}

async function elsewhere(layer, at, options) {
  const file = join(folder, "layer");
  writeFileSync(file, layer);
  const child = JSON.stringify({ file, options, at });
  try {
    execFileSync(process.execPath, [fileURLToPath(import.meta.url), "--child", child], {
      stdio: ["ignore", "ignore", "pipe"],
    });
  } catch (error) {
    // Damaged before that place.
    if (!String(error.stderr).includes("ZtocError")) throw error;
    return buildZtoc(once(layer), { ...options, inflate });
  }
  const build = await ResumableBuild.resume(read(`${file}.saved`), { ...options, inflate });
  resumptions++;
  return build.run(once(layer.subarray(build.position)));
}

/** What a build comes to, as text. */
async function outcome(build) {
  try {
    const { digest, warnings, needsXattrs } = await build();
    return JSON.stringify([digest, warnings, needsXattrs]);
  } catch (error) {
    if (typeof error.code !== "string") throw error;
    return `${error.code} ${error.message}`;
  }
}

/** 600 MB, saved on the way. */
function hashesLong() {
  const bytes = Uint8Array.from({ length: 2 ** 20 }, (_, i) => (i * 31) ^ (i >>> 7));
  const host = createHash("sha256");
  let own = new SaveableSha256();
  for (let i = 0; i < 600; i++) {
    const part = bytes.subarray(i);
    host.update(part);
    own.update(part);
    if (i % 100 === 99) own = SaveableSha256.restore(own.save());
  }
  return own.digest() === `sha256:${host.digest("hex")}`;
}

function typeOf(name) {
  return name.endsWith(".tar") ? "uncompressed" : "gzip";
}

function read(file) {
  return new Uint8Array(readFileSync(file));
}

async function* once(bytes) {
  yield bytes;
}
