/**
 * The part of bench/inflate.mjs that runs in each runtime: decodes every corpus by every contender in interleaved rounds.
 * It is started by bench/inflate.mjs with its settings in $SOCIKIT_BENCH_RUN, prints a table of each corpus, and
 * writes the times to the file `result`.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { loadInflate } from "../../wasm/dist/index.js";
import { headerLength, openContenders } from "./contenders.mjs";
import { printCorpus } from "./text.mjs";
import { interleave } from "../measure/interleave.mjs";
import { NativeInflate } from "../peers/native-inflate.mjs";
import { loadPeers } from "../peers/javascript-peers.mjs";
import { describeRuntime } from "../measure/runtimes.mjs";

/** @type {{ corpora: { name: string, path: string }[], rounds: number, clock: string, program?: string, libraries: string[], peers: string, result: string, isCheck: boolean }} */
const run = JSON.parse(process.env.SOCIKIT_BENCH_RUN);
const { fflate, pako, versions } = await loadPeers(run.peers);
const inflate = await loadInflate();
const runtime = describeRuntime();
const libraries = [`zlib ${process.versions.zlib.slice(0, 16)}`, ...versions];
console.log(`\n== ${runtime}, with ${libraries.join(", ")}`);

const corpora = [];
for (const [index, { name, path }] of run.corpora.entries()) {
  const gzip = readFileSync(path);
  const size = gunzipSync(gzip).length;
  const header = headerLength(gzip);
  const native =
    run.program === undefined
      ? undefined
      : await NativeInflate.open({ program: run.program, path, size, header, clock: run.clock });
  const { clock } = run;
  const all = { inflate, fflate, pako, native, libraries: run.libraries, gzip, size, header, clock };
  const contenders = await openContenders(all);
  if (!run.isCheck) {
    // The first corpus compiles the code, each corpus pages in its buffers.
    const cold = contenders.filter(({ name: who }) => index === 0 || /libdeflate|fflate/.test(who));
    for (const { measure } of cold) await measure();
  }
  const times = await interleave(contenders, run.rounds);
  native?.close();
  const corpus = { name, compressed: gzip.length, size, native: native?.versions, times };
  if (run.isCheck) console.log(`${name}: ${contenders.length} contenders, ${size} bytes each`);
  else printCorpus(corpus);
  corpora.push(corpus);
}
writeFileSync(run.result, JSON.stringify({ runtime, libraries, corpora }));
