import {
  digestOf,
  encodeManifest,
  isIndexType,
  isManifestType,
  MAX_MANIFEST_SIZE,
  OCI_MANIFEST,
  OciError,
  readAll,
  verifiedManifests,
  verifyBytes,
  verifyStream,
  decodeManifest,
  isImageIndex,
  type BlobReader,
  type BlobWriter,
  type Descriptor,
  type Digest,
  type FetchedManifest,
  type ManifestReader,
  type ManifestWriter,
  type ReadOptions,
  type ReferrerLister,
} from "@socikit/oci";
import { putBlob } from "../create/put-blob.ts";
import type { SourceContent, SourceDocument } from "./source-content.ts";

/** Artifact type of a record of the manifests that an image had before it was converted. */
export const ORIGINALS_TYPE = "application/vnd.socikit.originals.v1+json";
/** A manifest in the record. Not a manifest's own type: tools that copy artifacts would look for it among manifests. */
const ORIGINAL_TYPE = "application/vnd.socikit.original.v1";
/** On a manifest in the record: its media type. */
const MEDIA_TYPE = "io.github.socikit.media-type";

/** Manifests in one record. */
const MAX_ORIGINALS = 10_000;
/** Records of one image that are looked at. */
const MAX_RECORDS = 4;

/**
 * Puts the manifests of an image beside what it was converted to: an artifact that refers to the converted image, with the
 * bytes of each manifest as a blob, the image's own first. The converted image does not change by it.
 */
export async function pushOriginals(
  target: Pick<BlobReader, "stat"> & BlobWriter & ManifestWriter,
  image: Descriptor,
  source: SourceContent,
  top: SourceDocument,
  options: ReadOptions,
): Promise<Descriptor> {
  const documents = new Map<Digest, SourceDocument>();
  await collect(source, top, documents);
  const layers: Descriptor[] = [];
  for (const { descriptor, bytes } of documents.values()) {
    const { digest, size, mediaType } = descriptor;
    await putBlob(target, { digest, size }, bytes, options);
    layers.push({ mediaType: ORIGINAL_TYPE, digest, size, annotations: { [MEDIA_TYPE]: mediaType } });
  }
  const empty = new TextEncoder().encode("{}");
  // The type is said twice: go-containerregistry's registry lists referrers by the type of their config, whatever else they say.
  const config: Descriptor = { mediaType: ORIGINALS_TYPE, digest: digestOf(empty), size: empty.length };
  await putBlob(target, config, empty, options);
  const record = encodeManifest({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    artifactType: ORIGINALS_TYPE,
    config,
    layers,
    subject: image,
  });
  const { mediaType, digest, size } = await target.pushManifest(record, OCI_MANIFEST, {
    ...options,
    algorithm: "sha256",
  });
  return { mediaType, digest, size, artifactType: ORIGINALS_TYPE };
}

/** Manifests and indexes, parents before children. */
async function collect(source: SourceContent, at: SourceDocument, found: Map<Digest, SourceDocument>): Promise<void> {
  if (found.has(at.descriptor.digest)) return;
  found.set(at.descriptor.digest, at);
  for (const child of "index" in at.document ? at.document.index.manifests : [])
    if (isManifestType(child.mediaType) || isIndexType(child.mediaType))
      await collect(source, await source.document(child), found);
}

/** The manifests of a record. */
export interface Originals {
  /** The record itself. */
  readonly record: Descriptor;
  /** The first is the image. */
  readonly manifests: readonly FetchedManifest[];
}

/** The records that refer to a converted image. Those that cannot be read are passed over. */
export async function* recordedOriginals(
  image: ManifestReader & Pick<BlobReader, "stream"> & Partial<ReferrerLister>,
  converted: Digest,
  options: ReadOptions,
): AsyncGenerator<Originals> {
  const manifests = verifiedManifests(image);
  let looked = 0;
  for await (const referrer of image.referrers?.(converted, { ...options, artifactType: ORIGINALS_TYPE }) ?? []) {
    // Not every registry filters.
    if (referrer.artifactType !== ORIGINALS_TYPE) continue;
    if (looked++ === MAX_RECORDS) return;
    try {
      const { bytes, descriptor } = await manifests.fetchManifest(referrer, options);
      yield { record: descriptor, manifests: await readRecord(image, bytes, options) };
    } catch (error) {
      options.signal?.throwIfAborted();
      if (error instanceof TypeError || error instanceof RangeError) throw error;
    }
  }
}

async function readRecord(
  blobs: Pick<BlobReader, "stream">,
  record: Uint8Array,
  options: ReadOptions,
): Promise<readonly FetchedManifest[]> {
  const manifest = decodeManifest(record, OCI_MANIFEST);
  const layers = isImageIndex(manifest) ? [] : manifest.layers;
  const originals: FetchedManifest[] = [];
  let total = 0;
  for (const { mediaType, digest, size, annotations } of layers) {
    const type = annotations?.[MEDIA_TYPE];
    if (mediaType !== ORIGINAL_TYPE || type === undefined) continue;
    total += size;
    if (originals.length === MAX_ORIGINALS || total > 16 * MAX_MANIFEST_SIZE)
      throw new OciError("ERR_OCI_TOO_LARGE", `Cannot read record of originals: it has too many, or too large ones`);
    const stream = verifyStream(await blobs.stream({ digest, size }, options), { digest, size });
    const bytes = await readAll(stream, MAX_MANIFEST_SIZE, options.signal);
    verifyBytes(bytes, { digest, size });
    originals.push({ descriptor: { mediaType: type, digest, size }, bytes });
  }
  if (originals.length === 0)
    throw new OciError("ERR_OCI_INVALID_MANIFEST", "Cannot read record of originals: it has none");
  return originals;
}
