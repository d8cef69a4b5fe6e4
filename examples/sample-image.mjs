// A small image for the examples, made in memory, so that each of them runs without a network.
import { Buffer } from "node:buffer";
import { digestOf, encodeGoJson, encodeManifest, OCI_CONFIG, OCI_LAYER_GZIP, OCI_MANIFEST } from "@socikit/oci";
import { gzipSync } from "fflate";
import { tarOf } from "./demo/tar-writer.mjs";

/** A file of the sample, and what is in it. */
export const SAMPLE_PATH = "/usr/share/numbers/numbers-07.txt";
export const SAMPLE_TEXT = numbers(7);

/** A file that the lower layer has and the upper one takes away. */
export const REMOVED_PATH = "/usr/share/numbers/numbers-03.txt";

/** About 600 kB of text. */
function numbers(seed) {
  let text = "";
  for (let i = 0; text.length < 600_000; i++) text += `${seed} ${(i * 2654435761) % 4294967296}\n`;
  return text;
}

const directory = (name) => ({ name, type: "directory", mode: 0o755, mtime: 0 });
const file = (name, text) => ({ name, type: "file", mode: 0o644, mtime: 0, bytes: Buffer.from(text) });

/**
 * Pushes the sample: two gzip layers, the upper of which removes a file of the lower.
 *
 * @param {import("@socikit/oci").BlobWriter & import("@socikit/oci").ManifestWriter} target
 * @param {string} tag
 */
export async function pushSampleImage(target, tag) {
  const lower = [directory("usr/"), directory("usr/share/"), directory("usr/share/numbers/")];
  for (let seed = 0; seed < 16; seed++)
    lower.push(file(`usr/share/numbers/numbers-${String(seed).padStart(2, "0")}.txt`, numbers(seed)));
  const upper = [file("usr/share/numbers/.wh.numbers-03.txt", ""), directory("etc/"), file("etc/hostname", "sample\n")];
  const layers = [];
  const diffIds = [];
  for (const entries of [lower, upper]) {
    const parts = [];
    for await (const part of tarOf(entries)) parts.push(part);
    const tar = Buffer.concat(parts);
    diffIds.push(digestOf(tar));
    layers.push(await pushBlob(target, gzipSync(tar, { level: 6, mtime: 0 }), OCI_LAYER_GZIP));
  }
  const config = encodeGoJson({ architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: diffIds } });
  const manifest = encodeManifest({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: await pushBlob(target, config, OCI_CONFIG),
    layers,
  });
  await target.tag(tag, await target.pushManifest(manifest, OCI_MANIFEST));
}

async function pushBlob(target, bytes, mediaType) {
  const upload = await target.begin();
  await upload.write(bytes);
  return { ...(await upload.commit(digestOf(bytes))), mediaType };
}
