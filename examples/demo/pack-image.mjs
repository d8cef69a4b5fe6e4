// Packs an image of three gzip layers out of real files of this machine: the Node installation, and node_modules.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { lstat, open, readdir, readlink } from "node:fs/promises";
import { basename, dirname, join, sep } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip, gzipSync } from "node:zlib";
import { encodeGoJson, encodeManifest, OCI_CONFIG, OCI_LAYER_GZIP, OCI_MANIFEST } from "@socikit/oci";
import { BATCH, tarOf } from "./tar-writer.mjs";

/** @typedef {import("./tar-writer.mjs").TarEntry} TarEntry */

/** Enough that the image is sure to have 100 MB compressed, although sizes are estimated; more would only take longer. */
const ENOUGH = 112e6;
const ROOT = "opt/app/node_modules";
/** Images are often packed with more effort. It would take three times as long, and save a tenth. */
const LEVEL = 1;
/** What is tried of each MiB of a large file, to estimate how small it becomes. */
const SAMPLE = 64 * 1024;

/**
 * Plans the layers: what is in each.
 *
 * 0: the Node installation. 1: packages of node_modules without a scope. 2: packages with one; and whiteouts, which take
 * away a directory and a file of layer 0 and empty another directory but for one file. Small packages come before large
 * ones, until all is about 110 MB compressed.
 *
 * @param {string} nodeModules
 */
export async function planLayers(nodeModules) {
  const node = await nodeInstallation();
  const layers = [
    [...directories("usr/local"), ...node],
    [...directories(ROOT)],
    [...directories(ROOT), ...whiteouts(node)],
  ];
  const packages = await walkPackages(nodeModules);
  let size = await packedSize(node);
  for (const [name, entries] of packages) {
    if (size >= ENOUGH) break;
    layers[name.startsWith("@") ? 2 : 1].push(...entries);
    size += await packedSize(entries);
  }
  // A checkout with few packages: the packages once more, elsewhere.
  for (let copy = 1; copy <= 20 && size < ENOUGH; copy++)
    for (const [, entries] of packages) {
      if (size >= ENOUGH) break;
      layers[2].push(...entries.map((entry) => ({ ...entry, name: `opt/copy-${copy}/${entry.name}` })));
      size += await packedSize(entries);
    }
  return layers.map(byName);
}

/** Packages, or all those of a scope, by name, small ones first. @returns {Promise<[string, TarEntry[]][]>} */
async function walkPackages(nodeModules) {
  const names = (await readdir(nodeModules)).filter((name) => !name.startsWith("."));
  const sizeOf = (entries) => entries.reduce((sum, { size = 0 }) => sum + size, 0);
  const packages = [];
  for (const name of names) {
    const scope = directories(`${ROOT}/${name}`).slice(-1);
    const inScope = name.startsWith("@") ? await readdir(join(nodeModules, name)) : [];
    for (const inner of inScope) {
      const entries = await walk(join(nodeModules, name, inner), `${ROOT}/${name}/${inner}`);
      packages.push([`${name}/${inner}`, [...scope, ...entries]]);
    }
    if (!name.startsWith("@")) packages.push([name, await walk(join(nodeModules, name), `${ROOT}/${name}`)]);
  }
  return packages.sort(([a, x], [b, y]) => sizeOf(x) - sizeOf(y) || (a < b ? -1 : 1));
}

/** Bytes of some entries when compressed, within some percent: of large files a sixteenth is tried, small ones are text. */
async function packedSize(entries) {
  let packed = 0;
  for (const { path, size = 0 } of entries) {
    if (path === undefined || size < SAMPLE) {
      packed += size / 4;
      continue;
    }
    const file = await open(path);
    const samples = [];
    for (let at = 0; at + SAMPLE <= size; at += 16 * SAMPLE)
      samples.push((await file.read(Buffer.alloc(SAMPLE), 0, SAMPLE, at)).buffer);
    await file.close();
    const tried = Buffer.concat(samples);
    packed += size * (gzipSync(tried, { level: LEVEL }).length / tried.length);
  }
  return packed;
}

/** node, its headers and npm, wherever this Node keeps them. */
async function nodeInstallation() {
  const prefix = dirname(dirname(process.execPath));
  const windows = dirname(process.execPath);
  const parts = [
    [process.execPath, `usr/local/bin/${basename(process.execPath)}`],
    [join(prefix, "include", "node"), "usr/local/include/node"],
    [join(prefix, "lib", "node_modules", "npm"), "usr/local/lib/node_modules/npm"],
    [join(windows, "node_modules", "npm"), "usr/local/lib/node_modules/npm"],
  ];
  const found = parts.filter(([from], i) => existsSync(from) && (i < 3 || !existsSync(parts[2][0])));
  const entries = await Promise.all(found.map(([from, to]) => walk(from, to)));
  return found.flatMap(([, to], i) => [...directories(dirname(to)), ...entries[i]]);
}

/** Removals for the top layer: https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#whiteouts */
function whiteouts(below) {
  const empty = (name) => ({ name, type: "file", mode: 0o644, mtime: 0, size: 0, bytes: new Uint8Array(0) });
  const has = (name) => below.some((entry) => entry.name === name);
  const npm = "usr/local/lib/node_modules/npm";
  const taken = ["man", "docs"].filter((name) => has(`${npm}/${name}/`)).map((name) => `${npm}/.wh.${name}`);
  if (has(`${npm}/README.md`)) taken.push(`${npm}/.wh.README.md`);
  const headers = "usr/local/include/node";
  const kept = below.find(({ name }) => name === `${headers}/node_version.h`);
  // Without npm and headers (a Node of another layout) there is still the program to take away.
  if (taken.length === 0)
    return [...directories("usr/local/bin"), empty(`usr/local/bin/.wh.${basename(process.execPath)}`)];
  return [
    ...directories(npm),
    ...taken.map(empty),
    ...(kept === undefined ? [] : [...directories(headers), empty(`${headers}/.wh..wh..opq`), kept]),
  ];
}

/** Entries of a directory and all that lead to it. */
function directories(path) {
  const parts = path.split("/");
  return parts.map((_, i) => ({
    name: `${parts.slice(0, i + 1).join("/")}/`,
    type: "directory",
    mode: 0o755,
    mtime: 0,
  }));
}

/** A file or a whole directory. @returns {Promise<TarEntry[]>} */
async function walk(from, to) {
  const stat = await lstat(from);
  const common = { mode: stat.mode & 0o777, mtime: Math.floor(stat.mtimeMs / 1000) };
  if (stat.isSymbolicLink())
    return [{ ...common, name: to, type: "symlink", linkname: (await readlink(from)).split(sep).join("/") }];
  if (stat.isFile()) return [{ ...common, name: to, type: "file", size: stat.size, path: from }];
  if (!stat.isDirectory()) return [];
  const names = await readdir(from);
  const below = await Promise.all(names.map((name) => walk(join(from, name), `${to}/${name}`)));
  return [{ ...common, name: `${to}/`, type: "directory" }, ...below.flat()];
}

/** Sorted and each name once, so that the same files make the same layer. */
function byName(entries) {
  const once = new Map(entries.map((entry) => [entry.name, entry]));
  return [...once.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * Packs a planned image into a repository, layers side by side, and tags it.
 *
 * @param {readonly (readonly TarEntry[])[]} plan
 * @param {import("@socikit/oci").BlobWriter & import("@socikit/oci").ManifestWriter} target
 * @param {{ tag: string, platform: import("@socikit/oci").Platform, signal?: AbortSignal, onProgress?: (layer: number, input: number) => void, onPacked?: (layer: number, blob: { size: number }) => void }} options
 */
export async function packImage(plan, target, { tag, platform, signal, onProgress, onPacked }) {
  const packed = await Promise.all(
    plan.map(async (entries, i) => {
      const result = await packLayer(entries, target, signal, (input) => onProgress?.(i, input));
      onPacked?.(i, result.layer);
      return result;
    }),
  );
  const config = encodeGoJson({
    architecture: platform.architecture,
    os: platform.os,
    config: { Cmd: ["/usr/local/bin/node"] },
    rootfs: { type: "layers", diff_ids: packed.map(({ diffId }) => diffId) },
  });
  const manifest = encodeManifest({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: { ...(await pushBlob(target, [config])), mediaType: OCI_CONFIG },
    layers: packed.map(({ layer }) => layer),
  });
  const descriptor = await target.pushManifest(manifest, OCI_MANIFEST);
  await target.tag(tag, descriptor);
  return { descriptor, layers: packed.map(({ layer }) => layer) };
}

async function packLayer(entries, target, signal, onInput) {
  const diffHash = createHash("sha256");
  // zlib works on other threads: the layers are packed side by side. One batch waits while another is compressed.
  const gzip = createGzip({ level: LEVEL, chunkSize: 256 * 1024, highWaterMark: 2 * BATCH });
  async function* hashed() {
    for await (const bytes of tarOf(entries)) {
      diffHash.update(bytes);
      yield bytes;
      // What is compressed, not what was read.
      onInput(gzip.bytesWritten);
    }
  }
  const [blob] = await Promise.all([pushBlob(target, gzip), pipeline(hashed(), gzip, { signal })]);
  onInput(gzip.bytesWritten);
  return { layer: { ...blob, mediaType: OCI_LAYER_GZIP }, diffId: `sha256:${diffHash.digest("hex")}` };
}

/** Uploads bytes whose digest is not known before they end. */
async function pushBlob(target, chunks) {
  const upload = await target.begin();
  const hash = createHash("sha256");
  try {
    for await (const chunk of chunks) {
      hash.update(chunk);
      await upload.write(chunk);
    }
    return await upload.commit(`sha256:${hash.digest("hex")}`);
  } catch (error) {
    await upload.abort();
    throw error;
  }
}
