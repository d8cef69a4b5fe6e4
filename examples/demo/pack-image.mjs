// Packs an image of three gzip layers out of real files of this machine: the Node installation, and node_modules.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { lstat, readdir, readlink } from "node:fs/promises";
import { basename, dirname, join, sep } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { encodeGoJson, encodeManifest, OCI_CONFIG, OCI_LAYER_GZIP, OCI_MANIFEST } from "@socikit/oci";
import { tarOf } from "./tar-writer.mjs";

/** @typedef {import("./tar-writer.mjs").TarEntry} TarEntry */

/** Least input that is sure to be more than 100 MB when compressed; programs and scripts shrink to about a third. */
const LEAST_INPUT = 380e6;
const ROOT = "opt/app/node_modules";

/**
 * Plans the layers: what is in each.
 *
 * 0: the Node installation. 1: the packages of node_modules without a scope. 2: those with one; and whiteouts, which
 * take away a directory and a file of layer 0 and empty another directory but for one file.
 *
 * @param {string} nodeModules
 */
export async function planLayers(nodeModules) {
  const node = await nodeInstallation();
  const names = (await readdir(nodeModules)).filter((name) => !name.startsWith("."));
  const walkAll = (chosen, root) => chosen.map((name) => walk(join(nodeModules, name), `${root}/${name}`));
  const plain = (
    await Promise.all(
      walkAll(
        names.filter((name) => !name.startsWith("@")),
        ROOT,
      ),
    )
  ).flat();
  const scoped = (
    await Promise.all(
      walkAll(
        names.filter((name) => name.startsWith("@")),
        ROOT,
      ),
    )
  ).flat();
  const layers = [
    [...directories("usr/local"), ...node],
    [...directories(ROOT), ...plain],
    [...directories(ROOT), ...scoped, ...whiteouts(node)],
  ];
  // A checkout with few packages: the packages once more, elsewhere.
  const input = sizeOf(layers.flat());
  if (input < LEAST_INPUT && plain.length + scoped.length > 0) {
    const packages = [...plain, ...scoped];
    const copies = Math.min(20, Math.ceil((LEAST_INPUT - input) / Math.max(1, sizeOf(packages))));
    for (let copy = 1; copy <= copies; copy++)
      layers[2].push(...packages.map((entry) => ({ ...entry, name: `opt/copy-${copy}/${entry.name}` })));
  }
  return layers.map(byName);
}

/** Bytes of content. */
export function sizeOf(entries) {
  return entries.reduce((sum, { size = 0 }) => sum + size, 0);
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
  let input = 0;
  async function* counted() {
    for await (const bytes of tarOf(entries)) {
      diffHash.update(bytes);
      yield bytes;
      onInput((input += bytes.length));
    }
  }
  // Level 6 is what image builders use. zlib works on other threads: the layers are packed side by side.
  const gzip = createGzip({ level: 6, chunkSize: 256 * 1024 });
  const [blob] = await Promise.all([pushBlob(target, gzip), pipeline(Readable.from(counted()), gzip, { signal })]);
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
