import { gzipSync } from "fflate";
import {
  digestOf,
  encodeGoJson,
  encodeIndex,
  encodeManifest,
  OCI_CONFIG,
  OCI_INDEX,
  OCI_LAYER_GZIP,
  OCI_MANIFEST,
  type BlobWriter,
  type Descriptor,
  type DigestAlgorithm,
  type ManifestWriter,
} from "@socikit/oci";

/** One entry of a test layer: the type flag of its header, and content or a link's target. */
export interface TestEntry {
  readonly name: string;
  readonly flag?: "0" | "2" | "5";
  readonly text?: string;
  readonly link?: string;
  /** What the header says of the content's size, where it is not so. */
  readonly size?: number;
}

/** A tar archive, ustar headers only. */
export function tarOf(entries: readonly TestEntry[]): Uint8Array {
  const blocks: Uint8Array[] = [];
  for (const { name, flag = "0", text = "", link = "", size } of entries) {
    const content = new TextEncoder().encode(text);
    const header = new Uint8Array(512);
    const put = (value: string, at: number): void => header.set(new TextEncoder().encode(value), at);
    put(name, 0);
    put(flag === "5" ? "0000755" : "0000644", 100);
    put("0000000", 108);
    put("0000000", 116);
    put((size ?? content.length).toString(8).padStart(11, "0"), 124);
    put("00000000000", 136);
    put("        ", 148);
    put(flag, 156);
    put(link, 157);
    put("ustar\u000000", 257);
    const sum = header.reduce((total, byte) => total + byte, 0);
    put(`${sum.toString(8).padStart(6, "0")}\u0000 `, 148);
    blocks.push(header, content, new Uint8Array((512 - (content.length % 512)) % 512));
  }
  blocks.push(new Uint8Array(1024));
  return new Uint8Array(Buffer.concat(blocks));
}

/** Pushes a gzip layer. */
export async function pushBlob(target: BlobWriter, bytes: Uint8Array, mediaType: string): Promise<Descriptor> {
  const upload = await target.begin();
  await upload.write(bytes);
  return { ...(await upload.commit(digestOf(bytes))), mediaType };
}

/** What a test image is made of. */
export interface TestImage {
  /** Layers, oldest first: entries, or a blob with its media type. */
  readonly layers: readonly (readonly TestEntry[] | { readonly bytes: Uint8Array; readonly mediaType: string })[];
  readonly architecture?: string;
}

/** Pushes an image's manifest, under a digest of `algorithm`, and all it names, untagged. */
export async function pushImage(
  target: BlobWriter & ManifestWriter,
  image: TestImage,
  algorithm: DigestAlgorithm = "sha256",
): Promise<Descriptor> {
  const layers: Descriptor[] = [];
  for (const layer of image.layers) {
    const blob = "bytes" in layer ? layer : { bytes: gzipSync(tarOf(layer), { mtime: 0 }), mediaType: OCI_LAYER_GZIP };
    layers.push(await pushBlob(target, blob.bytes, blob.mediaType));
  }
  const architecture = image.architecture ?? "amd64";
  const config = encodeGoJson({ architecture, os: "linux", rootfs: { type: "layers", diff_ids: [] } });
  const manifest = encodeManifest({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: await pushBlob(target, config, OCI_CONFIG),
    layers,
  });
  return target.pushManifest(manifest, OCI_MANIFEST, { algorithm });
}

/** Pushes an index of images, one a platform, untagged. */
export async function pushMultiPlatform(
  target: BlobWriter & ManifestWriter,
  images: readonly TestImage[],
): Promise<Descriptor> {
  const manifests: Descriptor[] = [];
  for (const image of images) {
    const { mediaType, digest, size } = await pushImage(target, image);
    manifests.push({ mediaType, digest, size, platform: { os: "linux", architecture: image.architecture ?? "amd64" } });
  }
  return target.pushManifest(encodeIndex({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }), OCI_INDEX);
}

/** A text of some length that does not compress to nothing. */
export function noise(length: number, seed = 1): string {
  let text = "";
  let state = seed;
  while (text.length < length) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    text += state.toString(36);
  }
  return text.slice(0, length);
}
