// What lazy reading saves, on this machine: `npm run demo`, or `npm run demo -- IMAGE` for an image of any registry.
//
// Packs an image out of files that are here, serves it on a loopback registry, indexes it from registry to registry with
// the command `socikit create`, and reads one file of it through a slow link: once after a full pull, once lazily.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { coloursFor, createProgress, EXIT_CODES, formatBytes, main, nodeIo, wantsColours } from "@socikit/cli";
import { openImage } from "@socikit/lazy-reader";
import {
  copyImage,
  decodeManifest,
  formatReference,
  isImageIndex,
  printable,
  selectPlatform,
  toDisplay,
} from "@socikit/oci";
import { createMemoryStore, openRepository } from "@socikit/registry";
import { dockerCredentials, nodeTransport, serveRegistry } from "@socikit/registry/node";
import { createRegistryHandler } from "@socikit/registry/server";
import { explainDemoError, parseArguments, USAGE } from "./command-line.mjs";
import { packImage, planLayers } from "./pack-image.mjs";
import { pullImage } from "./pull-image.mjs";
import { compareTable, gain } from "./report.mjs";
import { openShapedLink } from "./shaped-link.mjs";
import { tarSize } from "./tar-writer.mjs";

const LINK = { megabitsPerSecond: 100, roundTripMs: 20 };
/** Smaller layers get no zTOC unless told otherwise. */
const MIN_LAYER_SIZE = 10 * 1024 * 1024;
const REPOSITORY = "demo/image";
const TAG = "latest";
const NODE_MODULES = fileURLToPath(new URL("../../node_modules", import.meta.url));

const interrupted = new AbortController();
process.once("SIGINT", () => {
  interrupted.abort(new Error("Interrupted"));
  // Whatever does not listen has this long to end; temporary files are gone by then.
  setTimeout(() => process.exit(EXIT_CODES.interrupted), 1500).unref();
});
const { signal } = interrupted;
const io = nodeIo(signal);
const colours = coloursFor(wantsColours(io.stdout.isTTY, io.env));
const platform = { os: "linux", architecture: io.architecture };
const say = (line = "") => void process.stdout.write(`${line}\n`);

const args = process.argv.slice(2);
try {
  const { help, image } = parseArguments(args);
  if (help) process.stdout.write(USAGE);
  else process.exitCode = await demo(image);
} catch (error) {
  const { message, hint, exit, unexpected } = explainDemoError(error, signal.aborted);
  process.stderr.write(`${colours.red("demo:")} ${printable(message)}\n`);
  if (hint !== undefined) process.stderr.write(`  → ${printable(hint)}\n`);
  if (unexpected) console.error(error);
  process.exitCode = exit;
}

/** @param {import("@socikit/oci").Reference} [given] An image of a registry; by default one is packed of this machine's files. */
async function demo(given) {
  const store = createMemoryStore();
  const handler = createRegistryHandler(store);
  let requests = 0;
  const counted = (request) => {
    requests += 1;
    return handler(request);
  };
  const server = await serveRegistry(counted, { host: "127.0.0.1", port: 0 });
  const link = await openShapedLink({ port: server.port, ...LINK });
  const directory = await mkdtemp(join(tmpdir(), "socikit-demo-"));
  /** One way through the link, with nothing kept from before: what it took until `run` was done. */
  const measure = async (run) => {
    const transport = nodeTransport();
    const before = { requests, bytes: link.bytes(), at: performance.now() };
    try {
      const repository = openRepository(`127.0.0.1:${link.port}/${REPOSITORY}:${TAG}`, { transport });
      const result = await run(repository);
      return {
        result,
        ms: performance.now() - before.at,
        bytes: link.bytes() - before.bytes,
        requests: requests - before.requests,
      };
    } finally {
      await transport.close();
    }
  };
  try {
    const reference = `127.0.0.1:${server.port}/${REPOSITORY}:${TAG}`;
    say(
      colours.bold(
        given === undefined
          ? "\n1  Pack an image out of files of this machine"
          : `\n1  Copy ${formatReference(given)} to a registry on this machine`,
      ),
    );
    const layers = given === undefined ? await pack(store.repository(REPOSITORY)) : await copy(given, reference);
    const size = layers.reduce((sum, layer) => sum + layer.size, 0);
    say(`   ${layers.length} layers, ${formatBytes(size)} compressed, at ${reference}`);

    say(colours.bold("\n2  Index it, from registry to registry: socikit create"));
    await index(reference, layers);
    const path = await chooseFile(reference);

    say(
      colours.bold(
        `\n3  Read one file through a link of ${LINK.megabitsPerSecond} Mbit/s and ${LINK.roundTripMs} ms, nothing cached`,
      ),
    );
    say(`   ${printable(path)}`);
    const pull = await measure((repository) => pullAndRead(repository, path, directory, size));
    const lazy = await measure((repository) => listAndRead(repository, path));

    say(`\n${compareTable(pull, lazy, colours)}`);
    assert.deepEqual(lazy.result.bytes, pull.result.bytes, "the file read lazily is not the file that was pulled");
    const gains = `${gain(pull.ms, lazy.ms, "faster")}, ${gain(pull.bytes, lazy.bytes, "fewer bytes")}`;
    say(`  Lazily: ${colours.bold(colours.green(gains))}, and the same ${formatBytes(pull.result.bytes.length)}:`);
    say(`  sha256:${createHash("sha256").update(pull.result.bytes).digest("hex")}\n`);
    if (given === undefined) checkClaims(size, pull, lazy);
    return EXIT_CODES.done;
  } finally {
    await link.close();
    await server.close();
    await rm(directory, { recursive: true, force: true });
  }
}

/** What is promised of the demo's own image. Others may be small. */
function checkClaims(size, pull, lazy) {
  assert.ok(size >= 100e6, `the image has ${formatBytes(size)}, less than 100 MB`);
  assert.equal(lazy.result.entries, pull.result.entries, "the list is not what was unpacked");
  assert.ok(lazy.bytes < pull.bytes / 10, "reading lazily moved more than a tenth of the bytes");
  assert.ok(lazy.ms < pull.ms / 5, "reading lazily took more than a fifth of the time");
}

async function pack(target) {
  const progress = createProgress({ stream: io.stderr, colours, now: io.now });
  try {
    progress.begin("plan", "choosing files");
    const plan = await planLayers(NODE_MODULES);
    progress.end("plan", `${plan.flat().length} entries`);
    const titles = ["Node and npm", "packages", "more packages"];
    plan.forEach((entries, i) => progress.begin(`${i}`, `packing ${titles[i]}`, tarSize(entries)));
    const { layers } = await packImage(plan, target, {
      tag: TAG,
      platform,
      signal,
      onProgress: (i, input) => progress.advance(`${i}`, input),
      onPacked: (i, layer) => progress.end(`${i}`, formatBytes(layer.size)),
    });
    return layers;
  } finally {
    progress.close();
  }
}

/** Copies one platform of an image. Its own registry is only read. */
async function copy(from, reference) {
  const transport = nodeTransport();
  const progress = createProgress({ stream: io.stderr, colours, now: io.now });
  try {
    const source = openRepository(from, { transport, credentials: dockerCredentials() });
    const target = openRepository(reference, { transport });
    const chosen = await chooseManifest(source, from.digest ?? from.tag ?? "latest");
    await copyImage(source, target, chosen.descriptor.digest, {
      tag: TAG,
      signal,
      onEvent: (event) => {
        if (event.type === "blob-started")
          progress.begin(event.digest, `copying ${event.digest.slice(0, 19)}`, event.size);
        if (event.type === "blob-progress") progress.advance(event.digest, event.bytes);
        if (event.type === "blob-copied") progress.end(event.digest, formatBytes(event.size));
      },
    });
    return chosen.manifest.layers;
  } finally {
    progress.close();
    await transport.close();
  }
}

/** The manifest of this machine's platform, or of the only one there is. */
async function chooseManifest(source, target) {
  const { descriptor, bytes } = await source.fetchManifest(target, { signal });
  const manifest = decodeManifest(bytes, descriptor.mediaType);
  if (!isImageIndex(manifest)) return { descriptor, manifest };
  return chooseManifest(source, selectPlatform(manifest.manifests, undefined, platform).digest);
}

/** Runs the command itself. Where every layer is small, which only a given image has, small ones are indexed too. */
async function index(reference, layers) {
  const lines = [];
  const quiet = {
    ...io,
    stdout: { ...io.stdout, isTTY: false, columns: 80, rows: 24, write: async (text) => void lines.push(text) },
  };
  const small = layers.every(({ size }) => size < MIN_LAYER_SIZE) ? ["--min-layer-size", "0"] : [];
  const code = await main(["create", reference, ...small], quiet);
  signal.throwIfAborted();
  assert.equal(code, EXIT_CODES.done, "socikit create failed");
  const digest = lines.join("").trim().split("\n").at(-1);
  say(`   The SOCI index:\n   ${digest}`);
}

/** The regular file whose size is nearest to 200 kB, found without the link, so that both ways know it from the start. */
async function chooseFile(reference) {
  const transport = nodeTransport();
  try {
    const image = await openImage({ image: openRepository(reference, { transport }) }, TAG, { signal });
    let best;
    // Paths that do not fit into a line of 80 columns come last.
    const distance = ({ size, path }) => Math.abs(Math.log(Math.max(1, size) / 200_000)) + (path.length > 77 ? 100 : 0);
    for await (const file of image.list("/", { recursive: true, signal }))
      if (
        file.type === "file" &&
        !toDisplay(file.path).includes("\\x") &&
        (best === undefined || distance(file) < distance(best))
      )
        best = file;
    await image.close();
    if (best === undefined) throw new Error("Cannot choose a file: the image has none");
    return toDisplay(best.path);
  } finally {
    await transport.close();
  }
}

async function pullAndRead(repository, path, directory, size) {
  const progress = createProgress({ stream: io.stderr, colours, now: io.now });
  try {
    progress.begin("pull", "pulling everything", size);
    const tree = await pullImage(repository, TAG, directory, {
      signal,
      onFetched: (bytes) => {
        progress.advance("pull", bytes);
        if (bytes === size) progress.end("pull", formatBytes(size));
      },
      onUnpacked: (bytes) => {
        progress.begin("unpack", "unpacking", size);
        progress.advance("unpack", bytes);
      },
    });
    const bytes = await tree.read(path);
    progress.end("unpack", `${tree.count()} entries on disk`);
    return { bytes, entries: tree.count() };
  } finally {
    progress.close();
  }
}

async function listAndRead(repository, path) {
  const progress = createProgress({ stream: io.stderr, colours, now: io.now });
  try {
    progress.begin("lazy", "listing everything and reading the same file");
    const image = await openImage({ image: repository }, TAG, { signal });
    let entries = 0;
    for await (const _ of image.list("/", { recursive: true, signal })) entries += 1;
    const bytes = Buffer.from(await image.read(path, { signal }));
    await image.close();
    progress.end("lazy", `${entries} entries listed`);
    return { bytes, entries };
  } finally {
    progress.close();
  }
}
