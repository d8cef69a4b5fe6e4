// What a pool of builders has to do, with threads of whatever kind the host has: shared by Node, Deno, Bun and a page.
import { InflateError } from "@socikit/inflate";
import { bytesSource } from "@socikit/oci";
import { buildZtoc, createBuildPool } from "@socikit/ztoc/build";
import { ZtocError } from "@socikit/ztoc";
import { gzipSync } from "fflate";
import { check, same, sameBytes } from "./check.mjs";
import { makeTar } from "./make-tar.mjs";

/**
 * Builds three layers at once on two threads, of each kind of input, and lets some builds fail.
 * @param {import("@socikit/ztoc/build").BuildPoolOptions} [options]
 */
export async function checkBuildPool(options) {
  const layers = [1, 2, 3].map((seed) =>
    gzipSync(makeTar([[`file-${seed}`, noise(seed * 900_000, seed)]]), { level: 1, mtime: 0 }),
  );
  const spans = { compression: "gzip", spanSize: 1 << 18 };
  const wanted = [];
  for (const layer of layers) wanted.push(await buildZtoc(bytesSource(layer), spans));
  const pool = createBuildPool({ threads: 2, ...options });
  const inputs = {
    "an iterable": (layer) => chunks(layer),
    "a stream": (layer) => new Blob([layer]).stream(),
    "a source": (layer) => bytesSource(layer),
    "a function": (layer) => async () => chunks(layer),
  };
  await check("pool: there are two threads", () => same(pool.threads, 2));
  for (const [name, open] of Object.entries(inputs)) {
    await check(`pool: three layers side by side, each ${name}`, async () => {
      const built = await Promise.all(layers.map((layer) => pool.build(open(layer), spans)));
      built.forEach(({ bytes, digest, ztoc }, i) => {
        sameBytes(bytes, wanted[i].bytes);
        same([digest, ztoc.toc.length], [wanted[i].digest, 1]);
      });
    });
  }
  await check("pool: an error has its class, code and cause", async () => {
    const damaged = layers[2].slice();
    damaged.fill(0xff, 1_000_000, 1_000_100);
    const wanted = await rejection(buildZtoc(bytesSource(damaged), spans));
    const error = await rejection(pool.build(bytesSource(damaged), spans));
    same([error instanceof ZtocError, error.code, error.message], [true, wanted.code, wanted.message]);
    same([error.cause instanceof InflateError, error.cause.code], [true, wanted.cause.code]);
  });
  await check("pool: an abort ends a build at once", async () => {
    const abort = new AbortController();
    const reason = new Error("enough");
    const building = rejection(pool.build(() => new Promise(() => {}), { ...spans, signal: abort.signal }));
    abort.abort(reason);
    same((await building) === reason, true);
  });
  await check("pool: code of a thread that is not there is an error, not a wait", async () => {
    const broken = createBuildPool({ threads: 1, worker: new URL("./no-such-worker.js", import.meta.url) });
    const error = await rejection(broken.build(bytesSource(layers[0]), spans));
    same(error.code, "ERR_ZTOC_WORKER");
    broken.close();
  });
  await check("pool: close() ends what goes on", async () => {
    const building = rejection(pool.build(() => new Promise(() => {}), spans));
    await new Promise((resolve) => setTimeout(resolve, 10));
    pool.close();
    same((await building).code, "ERR_ZTOC_WORKER");
  });
}

async function* chunks(layer) {
  for (let at = 0; at < layer.length; at += 60_000) yield layer.subarray(at, at + 60_000);
}

function rejection(promise) {
  return promise.then(
    () => {
      throw new Error("it was built");
    },
    (error) => error,
  );
}

function noise(length, seed) {
  const bytes = new Uint8Array(length);
  let state = seed;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = i & 0x2000 ? 97 + (i % 23) : state >>> 24;
  }
  return bytes;
}
