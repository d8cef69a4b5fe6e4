/**
 * Damaged streams of DEFLATE, gzip and zlib, decoded by socikit and by zlib: both must take the same ones, with the same bytes.
 *
 *   npm run differential:inflate -- [--executions N] [--seed S] [--workers N]
 *   npm run differential:inflate -- --replay FILE
 *
 * Streams on which they differ are saved in differential/failures, as hex digits. Needs `npm run build`.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { createInflateComparison } from "./inflate-comparison.mjs";
import { compileTesting, importTesting } from "./inflate-testing.mjs";
import { mutateStream } from "./stream-mutations.mjs";
import { programOptions } from "../scripts/program-options.mjs";

/** Of each shape. */
const SAMPLES = 120;
/** Bytes of output, about, of most. */
const SAMPLE_SIZE = 500;
/** Then a worker fetches what others have left. */
const BATCH = 1000;

if (isMainThread) await main();
else await work(workerData);

async function main() {
  const { values } = programOptions(import.meta.url, {
    options: {
      executions: { type: "string", default: "300000" },
      seed: { type: "string", default: "1" },
      workers: { type: "string", default: String(Math.min(8, availableParallelism())) },
      replay: { type: "string" },
    },
  });
  const testing = compileTesting();
  if (values.replay !== undefined) process.exitCode = await replay(testing, values.replay);
  else process.exitCode = await run(testing, Number(values.executions), Number(values.seed), Number(values.workers));
}

async function replay(testing, file) {
  const format = /-(raw|gzip|members)\.hex$/.exec(file)?.[1];
  if (format === undefined) throw new Error(`The name ${file} does not end with -raw.hex, -gzip.hex or -members.hex`);
  const compare = await createInflateComparison(await importTesting(testing));
  const bytes = new Uint8Array(Buffer.from(readFileSync(file, "utf8").trim(), "hex"));
  let status = 0;
  // How the input is cut, and into which buffers it goes, is drawn.
  for (let execution = 0; execution < 200 && status === 0; execution++) {
    const { difference, fault } = await compare(format, bytes, execution);
    if (difference !== undefined) status = 1;
    if (status === 1 || execution === 0)
      console.log(
        `${file}: zlib ${fault === undefined ? "accepts it" : `refuses it: ${fault}`}; ${difference ?? "so does socikit"}`,
      );
  }
  return status;
}

async function run(testing, executions, seed, workers) {
  const counts = new Map();
  let different = 0;
  let next = 0;
  await Promise.all(
    Array.from({ length: workers }, () => {
      const worker = new Worker(new URL(import.meta.url), { workerData: { testing, seed } });
      return new Promise((resolve, reject) => {
        worker.on("error", reject);
        worker.on("exit", resolve);
        worker.on("message", (batch) => {
          for (const [name, count] of batch.counts) counts.set(name, (counts.get(name) ?? 0) + count);
          for (const failure of batch.failures) {
            different++;
            if (different <= 20) report(failure, seed);
          }
          worker.postMessage(next < executions ? { from: next, to: Math.min(executions, (next += BATCH)) } : undefined);
        });
      });
    }),
  );
  for (const [name, count] of [...counts].sort()) console.log(`  ${String(count).padStart(7)} ${name}`);
  const accepted = [...counts].reduce((sum, [name, count]) => sum + (name.endsWith("accepted") ? count : 0), 0);
  console.log(`seed ${seed}: ${executions} executions, ${accepted} accepted, ${executions - accepted} refused by both`);
  // Where one of the two is rare, the other says little.
  const isFair = accepted > executions / 10 && accepted < (executions * 9) / 10;
  if (!isFair) console.log("Neither may be less than a tenth");
  console.log(`${executions - different} passed, ${different + (isFair ? 0 : 1)} failed`);
  return different === 0 && isFair ? 0 : 1;
}

function report({ execution, format, hex, difference }, seed) {
  const failures = fileURLToPath(new URL("failures", import.meta.url));
  mkdirSync(failures, { recursive: true });
  const file = `${failures}/inflate-seed-${seed}-execution-${execution}-${format}.hex`;
  writeFileSync(file, `${hex}\n`);
  console.log(`DIFFERENT ${difference}\n  npm run differential:inflate -- --replay ${file}`);
}

async function work({ testing, seed }) {
  // Most executions end with an error or two, and nobody reads where they were made: a fifth of the time.
  Error.stackTraceLimit = 0;
  const own = await importTesting(testing);
  const compare = await createInflateComparison(own);
  const samples = await own.streamSamples(own.createRandom(seed), SAMPLES, SAMPLE_SIZE);
  parentPort.postMessage({ counts: [], failures: [] });
  parentPort.on("message", async (batch) => {
    if (batch === undefined) {
      parentPort.close();
      return;
    }
    const counts = new Map();
    const failures = [];
    for (let execution = batch.from; execution < batch.to; execution++) {
      // Each by itself, so that it does not matter who does which.
      const random = own.createRandom(Math.imul(seed, 0x9e3779b1) ^ Math.imul(execution, 0x85ebca6b));
      const { format, bytes } = mutateStream(random, samples);
      const { fault, difference } = await compare(format, bytes, execution);
      const name = `${format} ${fault ?? "accepted"}`;
      counts.set(name, (counts.get(name) ?? 0) + 1);
      if (difference !== undefined)
        failures.push({ execution, format, hex: Buffer.from(bytes).toString("hex"), difference });
    }
    parentPort.postMessage({ counts: [...counts], failures });
  });
}
