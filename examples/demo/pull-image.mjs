// The way without an index: fetch every layer, check it, unpack it, and only then read.
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { chunksOf, decodeManifest, MAX_MANIFEST_SIZE, readAll } from "@socikit/oci";
import { UnpackedTree } from "./unpacked-tree.mjs";

/** Layers fetched side by side: what containerd does. */
const CONCURRENCY = 3;

/**
 * Pulls an image into a directory, as container runtimes do: layers side by side into files, each unpacked as soon as it
 * and those below it are there.
 *
 * @param {import("@socikit/oci").ManifestReader & import("@socikit/oci").BlobReader} repository
 * @param {string} tag
 * @param {string} directory
 * @param {{ signal: AbortSignal, onFetched?: (bytes: number) => void, onUnpacked?: (bytes: number) => void }} options Both
 *   are told bytes of layers as they are in the registry.
 */
export async function pullImage(repository, tag, directory, { signal, onFetched, onUnpacked }) {
  const { bytes, descriptor } = await repository.fetchManifest(tag, { signal });
  const manifest = decodeManifest(bytes, descriptor.mediaType);
  await readAll(await repository.stream(manifest.config, { signal }), MAX_MANIFEST_SIZE, signal);
  const content = join(directory, "layers");
  const root = join(directory, "root");
  await mkdir(content);
  await mkdir(root);
  let fetched = 0;
  const queue = manifest.layers.entries();
  const arrivals = manifest.layers.map(() => deferred());
  for (const { promise } of arrivals) promise.catch(() => {});
  const fetchNext = async () => {
    for (const [i, layer] of queue) {
      const path = join(content, String(i));
      const count = async function* (chunks) {
        for await (const chunk of chunks) {
          onFetched?.((fetched += chunk.length));
          yield chunk;
        }
      };
      // The stream ends with an error where the layer's digest or size does not fit.
      const stream = await repository.stream(layer, { signal });
      await pipeline(Readable.from(count(chunksOf(stream, signal))), createWriteStream(path), { signal });
      arrivals[i].resolve(path);
    }
  };
  const fetching = Promise.all(Array.from({ length: CONCURRENCY }, fetchNext));
  fetching.catch((error) => arrivals.forEach(({ reject }) => reject(error)));
  const tree = new UnpackedTree(root);
  let unpacked = 0;
  for (const [i, { promise }] of arrivals.entries()) {
    const path = await promise;
    signal.throwIfAborted();
    await unpack(path, tree, signal, (bytes) => onUnpacked?.(unpacked + bytes));
    unpacked += manifest.layers[i].size;
    onUnpacked?.(unpacked);
  }
  await fetching;
  await tree.finish();
  return tree;
}

/** @param {(bytes: number) => void} onRead How many bytes of the layer's file are unpacked. */
async function unpack(path, tree, signal, onRead) {
  const magic = Buffer.alloc(4);
  const file = await open(path, "r");
  await file.read(magic, 0, 4, 0);
  await file.close();
  if (magic.readUInt32LE() === 0xfd2fb528)
    throw new Error("Cannot unpack the image: it has zstd layers, which this demo cannot read");
  const input = createReadStream(path, { highWaterMark: 1024 * 1024, signal });
  if (magic[0] !== 0x1f || magic[1] !== 0x8b) return tree.addLayer(counted(input, () => onRead(input.bytesRead)));
  const gunzip = createGunzip({ chunkSize: 256 * 1024 });
  const output = counted(gunzip, () => onRead(gunzip.bytesWritten));
  await Promise.all([tree.addLayer(output), pipeline(input, gunzip)]);
}

async function* counted(chunks, onChunk) {
  for await (const chunk of chunks) {
    yield chunk;
    onChunk();
  }
}

function deferred() {
  let resolve;
  let reject;
  const promise = new Promise((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
