// A small image in memory, with its contents known: two gzip layers, the upper one with a whiteout. Web types only, so that it is made alike in
// Node, Deno, Bun and a browser.
import { gzipSync } from "fflate";
import { digestOf, encodeManifest, OCI_CONFIG, OCI_LAYER_GZIP, OCI_MANIFEST } from "@socikit/oci";
import { makeTar } from "./make-tar.mjs";

/** What the image shows when its layers are merged: path → content. */
export const FILES = {
  "etc/motd": text("welcome\n"),
  "usr/share/words": noise(3_000_000, 1),
  "usr/share/numbers": noise(700_000, 2),
};
/** In the lower layer only: the upper layer takes it away. */
export const REMOVED = "etc/secret";

/**
 * Makes the image and pushes it.
 * @param {import("@socikit/oci").BlobWriter & import("@socikit/oci").ManifestWriter} target
 * @param {string} tag
 */
export async function pushSampleImage(target, tag) {
  const layers = [
    makeTar([
      ["etc/", ""],
      ["etc/motd", text("to be replaced\n")],
      [REMOVED, text("hidden\n")],
      ["usr/share/words", FILES["usr/share/words"]],
    ]),
    makeTar([
      ["etc/motd", FILES["etc/motd"]],
      ["etc/.wh.secret", ""],
      ["usr/share/numbers", FILES["usr/share/numbers"]],
    ]),
  ];
  const blobs = [];
  for (const tar of layers) blobs.push(await pushBlob(target, gzipSync(tar, { level: 1, mtime: 0 })));
  const config = text(
    JSON.stringify({
      architecture: "amd64",
      os: "linux",
      config: {},
      rootfs: { type: "layers", diff_ids: layers.map((tar) => digestOf(tar)) },
    }),
  );
  const manifest = encodeManifest({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: { mediaType: OCI_CONFIG, ...(await pushBlob(target, config)) },
    layers: blobs.map((blob) => ({ mediaType: OCI_LAYER_GZIP, ...blob })),
  });
  await target.tag(tag, await target.pushManifest(manifest, OCI_MANIFEST));
}

async function pushBlob(target, bytes) {
  const blob = { digest: digestOf(bytes), size: bytes.length };
  const upload = await target.begin({ expect: blob });
  await upload.write(bytes);
  await upload.commit(blob.digest);
  return blob;
}

function text(string) {
  return new TextEncoder().encode(string);
}

/** Half noise, half repetition: compresses, and has blocks of both kinds. */
function noise(length, seed) {
  const bytes = new Uint8Array(length);
  let state = seed;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = i & 0x1000 ? state >>> 24 : 97 + (i % 23);
  }
  return bytes;
}
