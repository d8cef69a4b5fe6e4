import type { BlobMounter, BlobReader, BlobWriter, ManifestReader, ManifestWriter, ProgressEvent } from "./ports.ts";
import type { ReadOptions } from "./blob-source.ts";
import { eachConcurrently } from "./concurrently.ts";
import type { Descriptor } from "./descriptor.ts";
import { algorithmOf, digestOf, type Digest } from "./digest.ts";
import { OciError } from "./errors.ts";
import { encodeIndex } from "./go-json.ts";
import { decodeManifest, isImageIndex, MAX_INDEX_DEPTH } from "./manifest.ts";
import { isForeignLayer, OCI_INDEX } from "./media-types.ts";
import { isImageOf, selectPlatform, type Platform } from "./platform.ts";
import { isTag } from "./reference.ts";
import { uploadBlob } from "./upload-blob.ts";

/** What {@linkcode copyImage} did. */
export type CopyEvent = ProgressEvent &
  (
    | { readonly type: "blob-started"; readonly digest: Digest; readonly size: number }
    /** `bytes` of the blob are there so far. */
    | { readonly type: "blob-progress"; readonly digest: Digest; readonly size: number; readonly bytes: number }
    | { readonly type: "blob-copied"; readonly digest: Digest; readonly size: number }
    /** The blob was not sent: it was there, could be mounted, or is a layer that registries do not hold. */
    | {
        readonly type: "blob-skipped";
        readonly digest: Digest;
        readonly size: number;
        readonly reason: "present" | "mounted" | "foreign";
      }
    | { readonly type: "manifest-copied"; readonly descriptor: Descriptor }
    | { readonly type: "tagged"; readonly tag: string; readonly descriptor: Descriptor }
  );

/** How {@linkcode copyImage} copies. */
export interface CopyOptions extends ReadOptions {
  /**
   * Platforms to copy of an image index; all without it. One alone is copied as the manifest that it is. Of several, a
   * smaller index is made, which has another digest; what belongs to them (attestations, SOCI indexes) stays in it.
   */
  readonly platforms?: readonly Platform[] | undefined;
  /** Another repository of the target's registry that holds the image: blobs are mounted from there where the target can. */
  readonly mountFrom?: string | undefined;
  /** Tag that names the copy, written last. */
  readonly tag?: string | undefined;
  /** Blobs copied at the same time. @default {3} */
  readonly concurrency?: number | undefined;
  /** Hears of progress. */
  readonly onEvent?: ((event: CopyEvent) => void) | undefined;
}

interface Node {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

interface Plan {
  /** Children before parents; the image itself is the last. */
  readonly manifests: readonly Node[];
  readonly blobs: readonly Descriptor[];
}

/** Manifests of one image. */
const MAX_MANIFESTS = 10_000;

/** Bytes of all of them: they are kept until the blobs are copied. */
const MAX_MANIFEST_BYTES = 64 * 1024 * 1024;

/**
 * Copies an image: blobs first, three at a time, each only where it is missing; then manifests, an index after what it
 * names; the tag last. Whatever interrupts it leaves no manifest or tag that points at something missing. Bytes are kept,
 * so digests are.
 *
 * Layers that registries do not hold (those with `urls`, of a foreign or nondistributable type) are not copied, and their
 * URLs not followed.
 *
 * @returns The descriptor of what the copy's tag names.
 * @throws {OciError} `ERR_OCI_PLATFORM_NOT_FOUND` for a platform that the image does not have; `ERR_OCI_TOO_LARGE` for
 * indexes too deep, with too many manifests, or with more than 64 MiB of them.
 */
export async function copyImage(
  source: ManifestReader & BlobReader,
  target: ManifestWriter & Pick<BlobReader, "stat"> & BlobWriter & Partial<BlobMounter>,
  tagOrDigest: string,
  options: CopyOptions = {},
): Promise<Descriptor> {
  const { tag, onEvent, signal, mountFrom } = options;
  if (tag !== undefined && !isTag(tag)) throw new TypeError(`Cannot copy image: ${JSON.stringify(tag)} is not a tag`);
  const root = await source.fetchManifest(tagOrDigest, { signal });
  const plan = await planCopy(source, root, options);
  await eachConcurrently(plan.blobs, options.concurrency ?? 3, signal, async (blob, inner) => {
    const { digest, size } = blob;
    const skip = (reason: "present" | "mounted" | "foreign"): void =>
      onEvent?.({ v: 1, type: "blob-skipped", digest, size, reason });
    if (isElsewhere(blob)) return skip("foreign");
    const there = await target.stat(digest, { signal: inner });
    if (there?.size === size) return skip("present");
    if (mountFrom !== undefined && (await target.mount?.(digest, mountFrom, { signal: inner }))) return skip("mounted");
    onEvent?.({ v: 1, type: "blob-started", digest, size });
    const opened = await source.open(blob, { signal: inner });
    try {
      const onProgress = (bytes: number): void => onEvent?.({ v: 1, type: "blob-progress", digest, size, bytes });
      await uploadBlob(target, opened, blob, { signal: inner, onProgress });
    } finally {
      await opened.close?.();
    }
    onEvent?.({ v: 1, type: "blob-copied", digest, size });
  });
  for (const { descriptor, bytes } of plan.manifests) {
    // In order: an index after what it names.
    const algorithm = algorithmOf(descriptor.digest);
    const pushed = await target.pushManifest(bytes, descriptor.mediaType, { signal, algorithm });
    onEvent?.({ v: 1, type: "manifest-copied", descriptor: pushed });
  }
  const copied = plan.manifests.at(-1)!.descriptor;
  if (tag !== undefined) {
    await target.tag(tag, copied, { signal });
    onEvent?.({ v: 1, type: "tagged", tag, descriptor: copied });
  }
  return copied;
}

/** Everything to copy, read from the source before anything is written to the target. */
async function planCopy(source: ManifestReader, root: Node, options: CopyOptions): Promise<Plan> {
  const blobs = new Map<Digest, Descriptor>();
  const manifests = new Map<Digest, Node>();
  let total = 0;
  const visit = async (node: Node, depth: number): Promise<void> => {
    const manifest = decodeManifest(node.bytes, node.descriptor.mediaType);
    if (depth > MAX_INDEX_DEPTH) throw tooLarge(`its indexes are nested more than ${MAX_INDEX_DEPTH} deep`);
    if (!isImageIndex(manifest)) {
      for (const blob of [manifest.config, ...manifest.layers])
        if (!blobs.has(blob.digest)) blobs.set(blob.digest, blob);
    } else {
      for (const child of manifest.manifests) {
        if (manifests.has(child.digest)) continue;
        if (manifests.size >= MAX_MANIFESTS) throw tooLarge(`it has more than ${MAX_MANIFESTS} manifests`);
        // One after the other: a bound on memory, and few images have many.
        await visit(await source.fetchManifest(child, { signal: options.signal }), depth + 1);
      }
    }
    total += node.bytes.length;
    if (total > MAX_MANIFEST_BYTES) throw tooLarge(`its manifests have more than ${MAX_MANIFEST_BYTES} bytes together`);
    manifests.set(node.descriptor.digest, node);
  };
  const chosen = await choose(source, root, options);
  await visit(chosen, 0);
  return { manifests: [...manifests.values()], blobs: [...blobs.values()] };
}

function tooLarge(what: string): OciError {
  return new OciError("ERR_OCI_TOO_LARGE", `Cannot copy image: ${what}`);
}

/** The image, or what of it the platforms leave. */
async function choose(source: ManifestReader, root: Node, options: CopyOptions): Promise<Node> {
  const { platforms, signal } = options;
  if (platforms === undefined) return root;
  const manifest = decodeManifest(root.bytes, root.descriptor.mediaType);
  if (!isImageIndex(manifest)) return root;
  // Fails where there is none, and says what there is.
  for (const wanted of platforms) selectPlatform(manifest.manifests, wanted, wanted);
  const images = new Set(manifest.manifests.filter((child) => platforms.some((wanted) => isImageOf(child, wanted))));
  const digests = new Set<string>([...images].map(({ digest }) => digest));
  // Attestations and SOCI indexes name the manifest that they belong to in an annotation.
  const belongs = (child: Descriptor): boolean =>
    Object.values(child.annotations ?? {}).some((value) => digests.has(value));
  const kept = manifest.manifests.filter((child) => images.has(child) || belongs(child));
  if (kept.length === manifest.manifests.length) return root;
  if (kept.length === 1) return source.fetchManifest(kept[0]!, { signal });
  const bytes = encodeIndex({ ...manifest, manifests: kept });
  return {
    descriptor: { mediaType: manifest.mediaType ?? OCI_INDEX, digest: digestOf(bytes), size: bytes.length },
    bytes,
  };
}

/** A layer that registries need not hold, of which it is said where else it is. */
function isElsewhere({ urls, mediaType }: Descriptor): boolean {
  return (urls?.length ?? 0) > 0 && isForeignLayer(mediaType);
}
