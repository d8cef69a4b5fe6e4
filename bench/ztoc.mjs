/**
 * Builds the zTOC of a synthetic layer that is generated while it is read, and prints speed and peak memory.
 *
 *   node bench/ztoc.mjs [--size BYTES] [--entries N] [--span-size BYTES] [--max-rss MEGABYTES] [--stream]
 *
 * Two processes: the child makes the layer (tar, gzip -1) and writes it to a named pipe; this one reads the pipe once, as `socikit
 * ztoc build` reads a file: into two buffers that take turns. With `--stream` it is read as a Node stream, which makes memory for
 * each chunk: V8 lets up to 32 MB of that pile up. So the memory printed is that of building alone. With `--max-rss` it fails above
 * that. Needs `npm run build`, and a system with named pipes.
 */
import { execFileSync, spawn } from "node:child_process";
import { createReadStream, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createGzip } from "node:zlib";
import { tarEnd, tarHeader } from "./corpora/tar-archive.mjs";
import { programOptions } from "../scripts/program-options.mjs";

/** What a layer of 2 GiB in 100,000 entries may take, in MB, besides the windows and records of its spans, in bytes. */
const MAX_RSS_MB = 96;
const SPAN_BYTES = 33_000;

const { values } = programOptions(import.meta.url, {
  options: {
    size: { type: "string", default: String(2 * 2 ** 30) },
    entries: { type: "string", default: "100000" },
    "span-size": { type: "string", default: String(4 * 2 ** 20) },
    "max-rss": { type: "string" },
    stream: { type: "boolean", default: false },
    produce: { type: "boolean", default: false },
  },
});
const size = Number(values.size);
const entries = Number(values.entries);
const spanSize = Number(values["span-size"]);

await (values.produce ? produce() : measure());

async function measure() {
  const { buildZtoc } = await import("@socikit/ztoc/build");
  const { loadInflate } = await import("@socikit/inflate");
  const { readFileChunks } = await import("@socikit/oci/node");
  const inflate = await loadInflate();
  const directory = mkdtempSync(join(tmpdir(), "socikit-layer-"));
  const pipe = join(directory, "layer");
  execFileSync("mkfifo", [pipe]);
  const baseline = peakRss();
  const producer = [fileURLToPath(import.meta.url), "--produce", "--size", String(size), "--entries", String(entries)];
  spawn("sh", ["-c", 'exec "$@" > "$0"', pipe, process.execPath, ...producer], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const layer = values.stream ? createReadStream(pipe) : readFileChunks(pipe);
  let read = 0;
  let busyMs = 0;
  // What the builder does between two chunks: waiting for the child is not in it.
  async function* timed(chunks) {
    for await (const chunk of chunks) {
      read += chunk.length;
      const before = performance.now();
      yield chunk;
      busyMs += performance.now() - before;
    }
  }
  const cpuBefore = process.cpuUsage();
  const began = performance.now();
  const { ztoc, bytes, digest, warnings } = await buildZtoc(timed(layer), {
    compression: "gzip",
    spanSize,
    inflate,
    // As the command does: waiting for a signal must keep nothing either.
    signal: new AbortController().signal,
  });
  const wallMs = performance.now() - began;
  rmSync(directory, { recursive: true });
  const cpu = process.cpuUsage(cpuBefore);
  const cpuMs = (cpu.user + cpu.system) / 1000;
  const tarMB = ztoc.uncompressedArchiveSize / 1e6;
  const rss = peakRss();
  const besides = rss - ((ztoc.compression.maxSpanId + 1) * SPAN_BYTES) / 1e6;
  const rows = [
    ["layer, compressed", `${(read / 1e6).toFixed(0)} MB, read once`],
    ["tar", `${tarMB.toFixed(0)} MB, ${ztoc.toc.length} entries`],
    ["zTOC", `${(bytes.length / 1e6).toFixed(1)} MB, ${ztoc.compression.maxSpanId + 1} spans, ${digest.slice(7, 19)}`],
    ["warnings", String(warnings.length)],
    ["scan", `${(busyMs / 1000).toFixed(1)} s, ${(tarMB / (busyMs / 1000)).toFixed(0)} MB/s of tar`],
    ["CPU, pipe included", `${(cpuMs / 1000).toFixed(1)} s, ${(tarMB / (cpuMs / 1000)).toFixed(0)} MB/s of tar`],
    ["wall, with the generator", `${(wallMs / 1000).toFixed(1)} s`],
    ["peak RSS", `${rss.toFixed(0)} MB (${baseline.toFixed(0)} MB before it began)`],
    [
      "besides its spans",
      `${besides.toFixed(0)} MB, goal ≤ ${MAX_RSS_MB}: ${besides <= MAX_RSS_MB ? "reached" : "missed"}`,
    ],
  ];
  for (const [name, value] of rows) console.log(`${name.padEnd(26)}${value}`);
  if (ztoc.compressedArchiveSize !== read) throw new Error("The layer was not read to its end");
  if (values["max-rss"] !== undefined && rss > Number(values["max-rss"]))
    throw new Error(`Peak RSS is above ${values["max-rss"]} MB`);
}

/** Megabytes: Linux and Node count kibibytes. */
function peakRss() {
  return (process.resourceUsage().maxRSS * 1024) / 1e6;
}

/** Writes the layer to stdout: files of various sizes, text that gzip makes a third of. */
async function produce() {
  const gzip = createGzip({ level: 1 });
  gzip.pipe(process.stdout);
  const pool = text(8 * 2 ** 20);
  const average = Math.max(0, Math.floor(size / entries) - 512);
  let at = 0;
  for (let entry = 0; entry < entries; entry++) {
    const length = Math.floor((average * (50 + ((entry * 37) % 101))) / 100);
    if (at + length > pool.length) at = (entry * 4099) % 65536;
    const body = Buffer.alloc(Math.ceil(length / 512) * 512);
    for (let filled = 0; filled < length;) {
      const taken = Math.min(length - filled, pool.length - at);
      pool.copy(body, filled, at, at + taken);
      filled += taken;
      at = (at + taken) % pool.length;
    }
    await write(gzip, Buffer.concat([tarHeader(`usr/lib/package-${entry % 977}/src/file-${entry}.js`, length), body]));
  }
  await write(gzip, tarEnd());
  gzip.end();
}

function write(stream, bytes) {
  return new Promise((resolve) => void stream.write(bytes, resolve));
}

/** Words of a small vocabulary, always the same. */
function text(length) {
  let state = 1;
  const next = (limit) => ((state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 8) % limit;
  const words = Array.from({ length: 4096 }, () =>
    Array.from({ length: 2 + next(9) }, () => String.fromCharCode(97 + next(26))).join(""),
  );
  const parts = [];
  for (let filled = 0; filled < length;) {
    const word = `${words[Math.min(next(4096), next(4096))]}${next(9) === 0 ? "\n" : " "}`;
    parts.push(word);
    filled += word.length;
  }
  return Buffer.from(parts.join("").slice(0, length));
}
