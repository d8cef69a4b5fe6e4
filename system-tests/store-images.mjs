// Images for the tests of the local store: layouts with a few gzip layers, some of which they share.
import { gzipSync } from "node:zlib";
import { digestOf, encodeManifest, OCI_CONFIG, OCI_LAYER_GZIP, OCI_MANIFEST } from "@socikit/oci";
import { openLayoutDirectory } from "@socikit/registry/node";
import { noise } from "./small-image.mjs";

/** How every test here indexes. */
export const SPAN_SIZE = 65_536;

/** A tar of one file. */
function tarOf(name, content) {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write("0000644\0" + "0000000\0" + "0000000\0", 100);
  header.write(content.length.toString(8).padStart(11, "0") + "\0" + "00000000000\0", 124);
  header.write("        0", 148);
  header.write("ustar\u000000", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return Buffer.concat([header, content, Buffer.alloc((512 - (content.length % 512)) % 512), Buffer.alloc(1024)]);
}

/**
 * Makes a layout of `count` images, tagged "0", "1" and so on. Each has three layers of `size` bytes: one of its own, one that
 * it shares with the next, one that all share.
 */
export async function makeImages(directory, count, size = 400_000) {
  const layout = await openLayoutDirectory(directory, { create: true, sync: false });
  const push = async (bytes, mediaType) => {
    const digest = digestOf(bytes);
    if ((await layout.stat(digest)) === undefined) {
      const upload = await layout.begin();
      await upload.write(bytes);
      await upload.commit(digest);
    }
    return { mediaType, digest, size: bytes.length };
  };
  const diffIds = new Map();
  const layerOf = async (seed) => {
    const tar = tarOf(`file-${seed}`, noise(size, seed));
    const layer = await push(new Uint8Array(gzipSync(tar)), OCI_LAYER_GZIP);
    diffIds.set(layer.digest, digestOf(new Uint8Array(tar)));
    return layer;
  };
  for (let i = 0; i < count; i++) {
    const layers = [await layerOf(1000), await layerOf(500 + Math.floor(i / 2)), await layerOf(i + 1)];
    const rootfs = { type: "layers", diff_ids: layers.map(({ digest }) => diffIds.get(digest)) };
    const text = JSON.stringify({ architecture: "amd64", os: "linux", rootfs, image: i });
    const config = await push(new TextEncoder().encode(text), OCI_CONFIG);
    const manifest = encodeManifest({ schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers });
    await layout.tag(String(i), await layout.pushManifest(manifest, OCI_MANIFEST));
  }
  return layout;
}
