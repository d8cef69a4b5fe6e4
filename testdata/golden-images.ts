/**
 * The golden images: OCI layouts whose blobs lie in one folder, each blob once (17 MB as layouts, 2.2 MB here).
 * For tests; what the reference's commands make of each image is in `images.json`.
 *
 * @module
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  bytesSource,
  decodeManifest,
  digestOf,
  hexOf,
  isDigest,
  parseDigest,
  type BlobReader,
  type Descriptor,
  type Digest,
  type ManifestReader,
} from "@socikit/oci";

/** One OCI layout of the golden data. */
export interface GoldenImage {
  /** Its folder's name, such as `i04-multi`. */
  readonly name: string;
  /** The text of its `oci-layout`. */
  readonly ociLayout: string;
  /** The text of its `index.json`. */
  readonly index: string;
  /** The digests of its blobs, sorted. */
  readonly blobs: readonly Digest[];
}

const folder = import.meta.dirname;

/** The 25 images, sorted by name. */
export const goldenImages: readonly GoldenImage[] = readLayouts();

function readLayouts(): GoldenImage[] {
  const layouts = JSON.parse(readFileSync(join(folder, "images", "layouts.json"), "utf8")) as Record<
    string,
    { readonly ociLayout: string; readonly index: string; readonly blobs: readonly string[] }
  >;
  return Object.entries(layouts).map(([name, layout]) => ({
    name,
    ociLayout: layout.ociLayout,
    index: layout.index,
    blobs: layout.blobs.map(parseDigest),
  }));
}

/** The image of that name, or the only one whose name begins so: `i04` is enough. */
export function goldenImage(name: string): GoldenImage {
  const found = goldenImages.filter((image) => image.name === name || image.name.startsWith(`${name}-`));
  if (found.length !== 1) throw new RangeError(`Cannot find golden image: ${found.length} are named "${name}"`);
  return found[0]!;
}

/** The bytes of a blob of any of the images. */
export function goldenBlob(digest: Digest): Uint8Array {
  return new Uint8Array(readFileSync(join(folder, "images", "blobs", "sha256", hexOf(digest))));
}

/** The files of the layout, by their path in it. */
export function* goldenFiles(image: GoldenImage): Iterable<readonly [path: string, bytes: Uint8Array]> {
  yield ["oci-layout", new TextEncoder().encode(image.ociLayout)];
  yield ["index.json", new TextEncoder().encode(image.index)];
  for (const digest of image.blobs) yield [`blobs/sha256/${hexOf(digest)}`, goldenBlob(digest)];
}

/** Writes the layout into `directory`, which need not be there. */
export function writeGoldenImage(image: GoldenImage, directory: string): void {
  mkdirSync(join(directory, "blobs", "sha256"), { recursive: true });
  for (const [path, bytes] of goldenFiles(image)) writeFileSync(join(directory, path), bytes);
}

/** Entries of the layout's `index.json`. */
export function goldenEntries(image: GoldenImage): readonly Descriptor[] {
  return (JSON.parse(image.index) as { readonly manifests: readonly Descriptor[] }).manifests;
}

/** The layout's content through the reading ports: tags are the entries' `org.opencontainers.image.ref.name`. */
export function goldenContent(image: GoldenImage): ManifestReader & BlobReader {
  const has = new Set<string>(image.blobs);
  const bytesOf = (digest: Digest): Uint8Array => {
    if (!has.has(digest)) throw new Error(`Cannot read blob: ${digest} is not in ${image.name}`);
    return goldenBlob(digest);
  };
  return {
    async resolve(tagOrDigest) {
      const named = goldenEntries(image).find(
        (entry) =>
          entry.digest === tagOrDigest || entry.annotations?.["org.opencontainers.image.ref.name"] === tagOrDigest,
      );
      if (named !== undefined) return named;
      if (!isDigest(tagOrDigest)) throw new Error(`Cannot resolve "${tagOrDigest}": it is not in ${image.name}`);
      const bytes = bytesOf(tagOrDigest);
      const { mediaType } = decodeManifest(bytes);
      return { mediaType: mediaType ?? "application/vnd.oci.image.manifest.v1+json", digest: tagOrDigest, size: bytes.length };
    },
    async fetchManifest(target) {
      const descriptor = typeof target === "string" ? await this.resolve(target) : target;
      const bytes = bytesOf(descriptor.digest);
      if (digestOf(bytes) !== descriptor.digest) throw new Error(`Cannot read manifest: ${descriptor.digest} is damaged`);
      return { descriptor, bytes };
    },
    async stat(digest) {
      return has.has(digest) ? { size: goldenBlob(digest).length } : undefined;
    },
    async open(blob) {
      return bytesSource(bytesOf(blob.digest));
    },
    async stream(blob) {
      const bytes = bytesOf(blob.digest);
      return new ReadableStream<Uint8Array>({
        start(controller) {
          controller.enqueue(bytes);
          controller.close();
        },
      });
    },
  };
}
