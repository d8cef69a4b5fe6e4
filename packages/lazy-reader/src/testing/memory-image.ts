import {
  decodeManifest,
  digestOf,
  encodeIndex,
  encodeManifest,
  isImageIndex,
  OCI_CONFIG,
  OCI_INDEX,
  OCI_LAYER_GZIP,
  OCI_MANIFEST,
  type BlobReader,
  type Descriptor,
  type Digest,
  type ManifestReader,
  type Platform,
  type ReferrerLister,
} from "@socikit/oci";
import { createSociIndex, encodeSociIndex, SOCI_INDEX_DIGEST, SOCI_INDEX_V1, SOCI_INDEX_V2 } from "@socikit/soci-index";
import { buildZtoc } from "@socikit/ztoc/build";
import { watchedSource, type WatchedRead } from "./fake-index.ts";

/** A repository in memory that notes what is asked of it, and keeps what it is given without looking. */
export class MemoryImages implements ManifestReader, BlobReader, ReferrerLister {
  readonly blobs: Map<Digest, Uint8Array> = new Map();
  readonly manifests: Map<Digest, { readonly descriptor: Descriptor; readonly bytes: Uint8Array }> = new Map();
  readonly tags: Map<string, Digest> = new Map();
  /** Reads of parts of blobs. */
  readonly reads: (WatchedRead & { readonly digest: Digest })[] = [];
  /** Blobs that were streamed whole. */
  readonly streamed: Digest[] = [];
  /** Sources that are open. */
  open_ = 0;

  putBlob(bytes: Uint8Array, mediaType: string): Descriptor {
    const digest = digestOf(bytes);
    this.blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  }
  putManifest(bytes: Uint8Array, mediaType: string, tag?: string): Descriptor {
    const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.length };
    this.manifests.set(descriptor.digest, { descriptor, bytes });
    if (tag !== undefined) this.tags.set(tag, descriptor.digest);
    return descriptor;
  }
  async resolve(tagOrDigest: string): Promise<Descriptor> {
    return (await this.fetchManifest(tagOrDigest)).descriptor;
  }
  fetchManifest(target: string | Descriptor): Promise<{ readonly descriptor: Descriptor; readonly bytes: Uint8Array }> {
    const name = typeof target === "string" ? target : target.digest;
    const found = this.manifests.get(this.tags.get(name) ?? (name as Digest));
    return found === undefined ? Promise.reject(new Error(`no manifest ${name}`)) : Promise.resolve(found);
  }
  stat(digest: Digest): Promise<{ readonly size: number } | undefined> {
    const bytes = this.blobs.get(digest);
    return Promise.resolve(bytes === undefined ? undefined : { size: bytes.length });
  }
  open(blob: Pick<Descriptor, "digest" | "size">): ReturnType<BlobReader["open"]> {
    const bytes = this.blobs.get(blob.digest);
    if (bytes === undefined) return Promise.reject(new Error(`no blob ${blob.digest}`));
    this.open_++;
    const source = watchedSource(bytes);
    return Promise.resolve({
      size: source.size,
      read: (offset, length, options) => {
        this.reads.push({ digest: blob.digest, offset, length, signal: options?.signal });
        return source.read(offset, length, options);
      },
      close: () => {
        this.open_--;
        return Promise.resolve();
      },
    });
  }
  stream(blob: Pick<Descriptor, "digest" | "size">): Promise<ReadableStream<Uint8Array>> {
    const bytes = this.blobs.get(blob.digest);
    if (bytes === undefined) return Promise.reject(new Error(`no blob ${blob.digest}`));
    this.streamed.push(blob.digest);
    let at = 0;
    return Promise.resolve(
      new ReadableStream<Uint8Array>(
        {
          pull(controller) {
            if (at >= bytes.length) return controller.close();
            controller.enqueue(bytes.slice(at, (at += 60_000)));
          },
        },
        { highWaterMark: 0 },
      ),
    );
  }
  async *referrers(subject: Digest): AsyncIterable<Descriptor> {
    await Promise.resolve();
    for (const { descriptor, bytes } of this.manifests.values()) {
      const manifest = decodeManifest(bytes);
      if (manifest.subject?.digest !== subject || isImageIndex(manifest)) continue;
      yield { ...descriptor, artifactType: manifest.artifactType ?? manifest.config.mediaType };
    }
  }
}

/** A layer of a test image. */
export interface TestLayer {
  /** The blob. */
  readonly blob: Uint8Array;
  /** OCI gzip unless said otherwise. */
  readonly mediaType?: string | undefined;
  readonly urls?: readonly string[] | undefined;
  /** Span size of its zTOC; 0 for none. */
  readonly spanSize?: number | undefined;
  /** Changes the zTOC's bytes before they are stored, under the digest that they then have. */
  readonly ztoc?: ((bytes: Uint8Array) => Uint8Array) | undefined;
}

/** Puts an image into a repository, with the index of its layers that have a span size. */
export async function putImage(
  images: MemoryImages,
  layers: readonly TestLayer[],
  options: {
    readonly tag?: string;
    readonly version?: "v1" | "v2";
    readonly platform?: Platform;
    readonly nested?: number;
  } = {},
): Promise<{ readonly manifest: Descriptor; readonly index: Descriptor | undefined }> {
  const tag = options.tag ?? "latest";
  const platform = options.platform ?? { os: "linux", architecture: "amd64" };
  const config = images.putBlob(new TextEncoder().encode(JSON.stringify({ ...platform, rootfs: {} })), OCI_CONFIG);
  const descriptors = layers.map(({ blob, mediaType, urls }) => ({
    ...images.putBlob(blob, mediaType ?? OCI_LAYER_GZIP),
    ...(urls === undefined ? {} : { urls }),
  }));
  const indexed = [];
  for (const [i, { blob, spanSize = 0, mediaType, ztoc }] of layers.entries()) {
    if (spanSize === 0) continue;
    const compression = (mediaType ?? OCI_LAYER_GZIP).endsWith("gzip") ? "gzip" : "uncompressed";
    const built = await buildZtoc(chunksOfBytes(blob), { compression, spanSize });
    const stored = images.putBlob(ztoc?.(built.bytes) ?? built.bytes, "application/octet-stream");
    indexed.push({ layer: descriptors[i]!, ztoc: stored, spanSize });
  }
  const version = options.version ?? "v1";
  const fields = { schemaVersion: 2 as const, mediaType: OCI_MANIFEST, config, layers: descriptors };
  let index: Descriptor | undefined;
  let annotations: Record<string, string> | undefined;
  if (version === "v2" && indexed.length > 0) {
    index = images.putManifest(encodeSociIndex(createSociIndex("v2", indexed)), OCI_MANIFEST);
    annotations = { [SOCI_INDEX_DIGEST]: index.digest };
  }
  const bytes = encodeManifest({ ...fields, ...(annotations === undefined ? {} : { annotations }) });
  let top = images.putManifest(bytes, OCI_MANIFEST, tag);
  const manifest = top;
  if (version === "v1" && indexed.length > 0)
    index = images.putManifest(encodeSociIndex(createSociIndex("v1", indexed, manifest)), OCI_MANIFEST);
  for (let depth = 0; depth < (options.nested ?? 0); depth++) {
    const child = depth === 0 ? { ...top, platform } : top;
    top = images.putManifest(
      encodeIndex({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [child] }),
      OCI_INDEX,
      tag,
    );
  }
  return { manifest, index };
}

/** The artifact types of SOCI indexes, by version. */
export const INDEX_TYPES = { v1: SOCI_INDEX_V1, v2: SOCI_INDEX_V2 } as const;

async function* chunksOfBytes(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65_536) {
    await Promise.resolve();
    yield bytes.subarray(at, at + 65_536);
  }
}
