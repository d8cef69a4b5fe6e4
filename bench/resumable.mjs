/**
 * What it takes more to build a zTOC so that it can be saved: processor time next to buildZtoc, and the size and time of saves.
 *
 *   node bench/resumable.mjs FILE... [--rounds N]
 *
 * FILE: layers (tar, or gzip). Rounds are interleaved; ratios are medians of the ratios round by round. Needs `npm run build`.
 */
import { readFileSync } from "node:fs";
import { loadInflate } from "@socikit/inflate";
import { digestOf } from "@socikit/oci";
import { buildZtoc, ResumableBuild } from "@socikit/ztoc/build";
import { programOptions } from "../scripts/program-options.mjs";

const CHUNK = 2 ** 18;
const SAVES = 16;

const { values, positionals } = programOptions(import.meta.url, {
  allowPositionals: true,
  options: { rounds: { type: "string", default: "9" } },
});
const rounds = Number(values.rounds);
const inflate = await loadInflate();
for (const file of positionals) await measure(file);

async function measure(file) {
  const layer = new Uint8Array(readFileSync(file));
  const compression = layer[0] === 0x1f ? "gzip" : "uncompressed";
  const options = { compression, inflate };
  const identity = { digest: digestOf(layer), size: layer.length };
  const ways = {
    buildZtoc: () => buildZtoc(chunksOf(layer), options),
    "resumable, layer not hashed": async () => (await ResumableBuild.start(options)).run(chunksOf(layer)),
    "resumable, layer hashed": async () =>
      (await ResumableBuild.start({ ...options, layer: identity })).run(chunksOf(layer)),
    [`the same, saved ${SAVES} times`]: async () => {
      const build = await ResumableBuild.start({ ...options, layer: identity });
      return build.run(chunksOf(layer), { saveEveryBytes: Math.ceil(layer.length / SAVES), onSave: () => {} });
    },
  };
  const times = new Map(Object.keys(ways).map((name) => [name, []]));
  let output = 0;
  for (let round = -1; round < rounds; round++) {
    for (const [name, way] of Object.entries(ways)) {
      const before = process.cpuUsage();
      const { ztoc } = await way();
      const { user, system } = process.cpuUsage(before);
      output = ztoc.uncompressedArchiveSize;
      // The first round warms up.
      if (round >= 0) times.get(name).push((user + system) / 1000);
    }
  }
  console.log(`${file}: ${mb(layer.length)} MB, ${mb(output)} MB of tar`);
  const alone = times.get("buildZtoc");
  for (const [name, list] of times) {
    const ratio = median(list.map((time, i) => time / alone[i]));
    console.log(
      `  ${name.padEnd(28)} ${median(list).toFixed(0).padStart(5)} ms  ×${ratio.toFixed(2)}  ${(output / 1000 / median(list)).toFixed(0)} MB/s of tar`,
    );
  }
  const build = await ResumableBuild.start({ ...options, layer: identity });
  const pieces = [];
  let began;
  for (let at = 0; at < layer.length; at += Math.ceil(layer.length / SAVES)) {
    build.push(layer.subarray(at, at + Math.ceil(layer.length / SAVES)));
    began = process.cpuUsage();
    pieces.push({ size: build.saveMore().bytes.length, ms: since(began) });
  }
  began = process.cpuUsage();
  const whole = build.save();
  const saveMs = since(began);
  began = process.cpuUsage();
  const again = await ResumableBuild.resume(whole, { ...options, layer: identity });
  const resumeMs = since(began);
  again.close();
  const { ztoc } = build.finish();
  console.log(
    `  saved at its end: ${mb(whole.length)} MB in ${saveMs.toFixed(1)} ms, resumed in ${resumeMs.toFixed(1)} ms (${ztoc.compression.maxSpanId + 1} spans, ${ztoc.toc.length} entries); in ${SAVES} pieces ${mb(pieces.reduce((sum, { size }) => sum + size, 0))} MB, ${median(pieces.map(({ ms }) => ms)).toFixed(1)} ms each`,
  );
}

async function* chunksOf(bytes) {
  for (let at = 0; at < bytes.length; at += CHUNK) yield bytes.subarray(at, at + CHUNK);
}

function since(before) {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function median(list) {
  return list.toSorted((a, b) => a - b)[list.length >> 1];
}

function mb(bytes) {
  return (bytes / 1e6).toFixed(1);
}
