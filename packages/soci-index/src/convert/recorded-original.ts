import {
  digestOf,
  isManifestType,
  type BlobReader,
  type Descriptor,
  type Digest,
  type FetchedManifest,
  type ImageIndex,
  type ImageManifest,
  type ManifestReader,
  type ReadOptions,
  type ReferrerLister,
} from "@socikit/oci";
import { sociIndexDigestOf } from "../soci-index.ts";
import { SOCI_INDEX_V2 } from "../media-types.ts";
import { decodeGoDocument, type GoDocument } from "./go-document.ts";
import { recordedOriginals } from "./originals-record.ts";
import type { RecoveredOriginal } from "./recover-original.ts";
import { rewriteManifest } from "./rewrite-manifest.ts";
import type { SourceContent } from "./source-content.ts";

/** A manifest of a record, decoded. */
interface Recorded extends FetchedManifest {
  readonly document: GoDocument;
}

/**
 * What an image was before it was converted, by a record that refers to it. Whoever may push there can leave a record, so that
 * only one is taken whose manifests convert to those of the image.
 */
export async function recordedOriginal(
  image: ManifestReader & Pick<BlobReader, "stream"> & Partial<ReferrerLister>,
  source: SourceContent,
  digest: Digest,
  converted: ImageIndex,
  options: ReadOptions,
): Promise<RecoveredOriginal | undefined> {
  for await (const { manifests } of recordedOriginals(image, digest, options)) {
    const recorded = decoded(manifests);
    const root = recorded?.[0];
    if (recorded === undefined || root === undefined) continue;
    const below = reachedFrom(root, recorded);
    const pairs: { readonly from: Descriptor; readonly to: Descriptor }[] = [];
    for (const child of converted.manifests) {
      if (child.artifactType === SOCI_INDEX_V2) continue;
      const to = await originalOf(source, child, recorded);
      if (to === undefined || !below.has(to.digest)) break;
      pairs.push({ from: { mediaType: child.mediaType, digest: child.digest, size: child.size }, to });
    }
    const parts = converted.manifests.filter(({ artifactType }) => artifactType !== SOCI_INDEX_V2);
    if (pairs.length === parts.length) return { root, manifests, pairs };
  }
  return undefined;
}

function decoded(manifests: readonly FetchedManifest[]): readonly Recorded[] | undefined {
  try {
    return manifests.map((one) => ({ ...one, document: decodeGoDocument(one.bytes, one.descriptor.mediaType) }));
  } catch {
    return undefined;
  }
}

/** Digests of what an index leads to, and its own. */
function reachedFrom(root: Recorded, recorded: readonly Recorded[]): ReadonlySet<Digest> {
  const byDigest = new Map(recorded.map((one) => [one.descriptor.digest, one]));
  const reached = new Set<Digest>();
  const queue: Digest[] = [root.descriptor.digest];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    if (reached.has(next)) continue;
    reached.add(next);
    const document = byDigest.get(next)?.document;
    if (document !== undefined && "index" in document)
      queue.push(...document.index.manifests.map(({ digest }) => digest));
  }
  return reached;
}

/** The recorded manifest that a child of the converted image took the place of. */
async function originalOf(
  source: SourceContent,
  child: Descriptor,
  recorded: readonly Recorded[],
): Promise<Descriptor | undefined> {
  const { mediaType, digest, size } = child;
  const same = recorded.find(({ descriptor }) => descriptor.digest === digest);
  if (same !== undefined) return same.descriptor;
  // What is no manifest was copied as it is, and is in no record.
  if (!isManifestType(mediaType)) return { mediaType, digest, size };
  const { document } = await source.document(child);
  if ("index" in document) return undefined;
  const index = sociIndexDigestOf(document.manifest);
  return recorded.find((one) => {
    if ("index" in one.document) return false;
    const { manifest, withoutLayers } = one.document;
    if (digestOf(rewriteManifest(manifest, withoutLayers, index).bytes) === digest) return true;
    return document.manifest.subject !== undefined && hasSameContent(manifest, document.manifest);
  })?.descriptor;
}

/** An attestation that was given another subject is the same else. */
function hasSameContent(one: ImageManifest, other: ImageManifest): boolean {
  const digests = ({ config, layers }: ImageManifest): string => [config, ...layers].map(({ digest }) => digest).join();
  return digests(one) === digests(other);
}
