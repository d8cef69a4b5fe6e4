// Speed of @socikit/inflate next to its peers, in one interleaved run. On the built packages:
//   npm run bench:inflate [-- FILE.gz...]      default: corpora that it makes of node_modules and of this machine's /usr
//   CLOCK=cpu npm run bench:inflate            processor time instead of wall time, for a machine that is not quiet
//   ROUNDS=5, CORPUS_MB=24                     fewer rounds, smaller corpora
// Each number is the median of the rounds in MB of output a second (1 MB = 10^6 bytes); behind it the spread (quartiles),
// and the median of the ratios, round by round, to the base that is named. Two comparisons, like with like:
//   raw   decode DEFLATE, look at no checksum, hand nothing over       base: node:zlib's best raw stream
//   gzip  decode gzip, check CRC-32 and size, hand all bytes to a sink base: node:zlib's best gunzip stream
// "view" is a look at the decoder's memory for the time of the call; "pooled" copies it into a buffer that is used again;
// "fresh" into a new one. Native peers run as a process of their own, between rounds, by processor time.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { performance } from "node:perf_hooks";
import { createGunzip, createInflateRaw, gunzipSync, gzipSync, inflateRawSync } from "node:zlib";
import { loadInflate } from "../wasm/dist/index.js";

const ROUNDS = Number(process.env.ROUNDS ?? 9);
const CORPUS_SIZE = Number(process.env.CORPUS_MB ?? 48) * 1e6;
const KIB = 1024;
const PUSH = 256 * KIB;
const usesCpu = process.env.CLOCK === "cpu";
const now = usesCpu ? () => process.cpuUsage().user / 1000 : () => performance.now();

const inflate = await loadInflate();
const fflate = await optional("fflate");
const pako = await optional("pako");
const native = compileNative();

const given = process.argv.slice(2).map((file) => ({ name: basename(file), gzip: readFileSync(file) }));
const corpora = given.length > 0 ? given : makeCorpora();
console.log(
  `${process.versions.bun ? `Bun ${process.versions.bun}` : process.versions.deno ? `Deno ${process.versions.deno}` : `Node ${process.version}`}, ` +
    `${ROUNDS} rounds, MB/s of output by ${usesCpu ? "processor" : "wall"} time; native: ${native?.has.join(", ") ?? "no compiler, or no zlib.h"}`,
);
for (const corpus of corpora) await measure(corpus);
native?.remove();

async function measure({ name, gzip }) {
  const size = gunzipSync(gzip).length;
  const header = headerLength(gzip);
  const groups = contenders(gzip, header, size);
  const times = new Map();
  const note = (own, time) => times.set(own, [...(times.get(own) ?? []), time]);
  for (let round = 0; round <= ROUNDS; round++) {
    for (const group of Object.values(groups)) {
      for (const [own, run] of Object.entries(group.peers)) {
        const start = now();
        const length = await run();
        const time = now() - start;
        if (length !== size) throw new Error(`${own} of ${name}: ${length} instead of ${size} bytes`);
        // The first round compiles.
        if (round > 0) note(own, time);
      }
    }
    if (native !== undefined && round > 0) for (const [own, time] of native.run(gzip, size, header)) note(own, time);
  }
  console.log(`\n${name}: ${(gzip.length / 1e6).toFixed(1)} → ${(size / 1e6).toFixed(1)} MB`);
  for (const [kind, { base }] of Object.entries(groups)) {
    const own = [
      ...Object.keys(groups[kind].peers),
      ...[...times.keys()].filter((key) => key.startsWith("native") && key.endsWith(kind)),
    ];
    const best = base
      .filter((key) => times.has(key))
      .toSorted((a, b) => median(times.get(a)) - median(times.get(b)))[0];
    console.log(`  ${kind}, against ${best}`);
    for (const key of own) {
      const speeds = times.get(key).map((time) => size / time / 1000);
      const ratios = times.get(key).map((time, round) => times.get(best)[round] / time);
      const spread = `${quantile(speeds, 0.25).toFixed(0)}–${quantile(speeds, 0.75).toFixed(0)}`;
      console.log(
        `    ${key.padEnd(40)}${median(speeds).toFixed(0).padStart(6)}  ${spread.padStart(11)}  ${median(ratios).toFixed(2).padStart(6)}×`,
      );
    }
  }
}

function contenders(gzip, header, size) {
  const raw = gzip.subarray(header);
  // node's raw decoders stop at the first member's end.
  const isSingle = inflateRawSync(raw).length === size;
  const scan = (sink) => {
    let length = 0;
    const { output } = sink;
    const running = inflate.scanGzip({
      ...sink,
      output(bytes) {
        length += bytes.length;
        output?.(bytes);
      },
    });
    for (let at = 0; at < gzip.length; at += PUSH) running.push(gzip.subarray(at, at + PUSH));
    running.finish();
    return length;
  };
  const checkpoints = (spanSize) => {
    let last;
    return scan({
      nextBlock: () => (last === undefined ? 0 : last + spanSize + 1),
      block({ uncompressed }, window) {
        last = uncompressed;
        window();
      },
    });
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
  const pooled = new Uint8Array(512 * KIB);
  const chunkSizes = [64, 256, 1024];
  const streams = (create, bytes, label) =>
    Object.fromEntries(
      chunkSizes.map((chunk) => [`node ${label} ${chunk}K`, () => stream(create({ chunkSize: chunk * KIB }), bytes)]),
    );
  return {
    raw: {
      base: chunkSizes.map((chunk) => `node createInflateRaw ${chunk}K`),
      peers: {
        async ours() {
          // All but the last byte is decoded and skipped.
          const want = { start: size - 1, end: size };
          let length = size - 1;
          for await (const part of inflate.decoder.decode({ byte: header, bits: 0, window: [] }, raw, want))
            length += part.length;
          return length;
        },
        ...(isSingle && {
          ...streams(createInflateRaw, raw, "createInflateRaw"),
          "node inflateRawSync 1M": () => inflateRawSync(raw, { chunkSize: 1024 * KIB }).length,
          ...(fflate && { "fflate inflateSync": () => fflate.inflateSync(raw, { out: new Uint8Array(size) }).length }),
        }),
      },
    },
    gzip: {
      base: chunkSizes.map((chunk) => `node createGunzip ${chunk}K`),
      peers: {
        "ours, view": () => scan({}),
        "ours, pooled": () => scan({ output: (bytes) => pooled.set(bytes) }),
        "ours, fresh": () => scan({ output: (bytes) => bytes.slice() }),
        "ours, view, windows each 4 MiB": () => checkpoints(4 * KIB * KIB),
        "ours, view, windows each 1 MiB": () => checkpoints(KIB * KIB),
        "ours, view, all crossings": () => scan({ crossing() {} }),
        ...streams(createGunzip, gzip, "createGunzip"),
        "node gunzipSync 1M": () => gunzipSync(gzip, { chunkSize: 1024 * KIB }).length,
        async DecompressionStream() {
          let length = 0;
          for await (const part of new Blob([gzip]).stream().pipeThrough(new DecompressionStream("gzip")))
            length += part.length;
          return length;
        },
        ...(fflate && isSingle && { "fflate gunzipSync": () => fflate.gunzipSync(gzip).length }),
        ...(pako && isSingle && { "pako ungzip": () => pako.ungzip(gzip).length }),
      },
    },
  };
}

/** Files below /usr, node_modules, and a mix with what is compressed already; each by zlib's levels 6 and 1. */
function makeCorpora() {
  const modules = new URL("../node_modules", import.meta.url).pathname;
  const system = collect("/usr", CORPUS_SIZE);
  const own = collect(modules, CORPUS_SIZE);
  const packed = gzipSync(own.subarray(0, own.length >> 1), { level: 1 });
  const mixed = Buffer.concat([own.subarray(0, CORPUS_SIZE / 3), packed, system.subarray(0, CORPUS_SIZE / 3)]);
  return Object.entries({ system, node_modules: own, mixed }).flatMap(([name, bytes]) =>
    [6, 1].map((level) => ({ name: `${name}, gzip -${level}`, gzip: gzipSync(bytes, { level }) })),
  );
}

/** Files of a tree in order of their names, up to `limit` bytes, each after a header of 512 bytes as in a tar. */
function collect(root, limit) {
  const parts = [];
  let length = 0;
  const visit = (directory) => {
    let entries;
    try {
      entries = readdirSync(directory, { withFileTypes: true }).toSorted((a, b) => (a.name < b.name ? -1 : 1));
    } catch {
      return;
    }
    for (const entry of entries) {
      if (length >= limit) return;
      const path = join(directory, entry.name);
      if (entry.isDirectory()) visit(path);
      if (!entry.isFile()) continue;
      try {
        const header = Buffer.alloc(512);
        header.write(path.slice(-100));
        const bytes = readFileSync(path).subarray(0, 8e6);
        parts.push(header, bytes, Buffer.alloc(-bytes.length & 511));
        length += bytes.length + 1024;
      } catch {
        // Not readable, and not needed.
      }
    }
  };
  visit(root);
  return Buffer.concat(parts).subarray(0, limit);
}

/** Our C program, where a compiler and zlib's headers are there; with libdeflate where its are. */
function compileNative() {
  const directory = mkdtempSync(join(tmpdir(), "socikit-bench-"));
  const source = new URL("native-inflate.c", import.meta.url).pathname;
  const program = join(directory, "native-inflate");
  const options = { stdio: "ignore" };
  const remove = () => rmSync(directory, { recursive: true, force: true });
  let has;
  try {
    execFileSync("cc", ["-O2", "-DHAVE_LIBDEFLATE", source, "-o", program, "-lz", "-ldeflate"], options);
    has = ["zlib", "libdeflate"];
  } catch {
    try {
      execFileSync("cc", ["-O2", source, "-o", program, "-lz"], options);
      has = ["zlib"];
    } catch {
      remove();
      return undefined;
    }
  }
  let written;
  return {
    has,
    remove,
    run(gzip, size, header) {
      const file = join(directory, "corpus.gz");
      if (written !== gzip) writeFileSync(file, gzip);
      written = gzip;
      let text;
      try {
        text = execFileSync(program, [file, `${size}`, `${header}`, "1"], { encoding: "utf8" });
      } catch {
        return []; // more than one member
      }
      return text
        .trim()
        .split("\n")
        .map((line) => line.split("\t"))
        .map(([own, time]) => [own, Number(time)]);
    },
  };
}

async function optional(name) {
  try {
    return await import(name);
  } catch {
    return undefined;
  }
}

function headerLength(gzip) {
  let at = 10;
  if (gzip[3] & 4) at += 2 + gzip[at] + 256 * gzip[at + 1];
  for (const flag of [8, 16]) if (gzip[3] & flag) while (gzip[at++] !== 0);
  return gzip[3] & 2 ? at + 2 : at;
}

function quantile(numbers, part) {
  return numbers.toSorted((a, b) => a - b)[Math.floor(part * (numbers.length - 1) + 0.5)];
}

function median(numbers) {
  return quantile(numbers, 0.5);
}
