import {
  isIndexType,
  isManifestType,
  MAX_INDEX_DEPTH,
  OCI_INDEX,
  OciError,
  type Descriptor,
  type ImageIndex,
  type Platform,
} from "@socikit/oci";
import { SociIndexError } from "../errors.ts";
import { nameOfChild, type ConvertDecision } from "./convert-decision.ts";
import { imagePlatforms, tooDeep } from "./image-platforms.ts";
import type { SourceContent, SourceDocument } from "./source-content.ts";

/** What is converted: an index, made around a manifest that is in none. */
export interface WorkingIndex {
  /** Its children are still those of the source. */
  readonly index: ImageIndex;
  /** The platforms that are asked for where all are. */
  readonly platforms: readonly Platform[];
  /** Whether it was made around a manifest, whose platform is then asked for where nobody asks. */
  readonly isSingle: boolean;
}

/** Children of an index whose indexes are expanded: as many as one index may have. */
const MAX_CHILDREN = 10_000;

/** What becomes of indexes in the index. */
export type NestedIndexes = "first" | "expand";

/**
 * The index to work on (spec sections 10.2 and 11).
 *
 * @throws {SociIndexError} `ERR_SOCI_NOT_AN_IMAGE` for a manifest of no platform.
 */
export async function workingIndex(
  source: SourceContent,
  top: SourceDocument,
  nested: NestedIndexes,
  decide: (decision: ConvertDecision) => void,
): Promise<WorkingIndex> {
  const { document, descriptor } = top;
  if (!("index" in document)) return singleIndex(source, descriptor);
  const children =
    nested === "expand" ? await expanded(source, document.index.manifests, decide, 0) : document.index.manifests;
  const [only] = children;
  if (children.length === 1 && only !== undefined && isManifestType(only.mediaType)) {
    const message = `${descriptor.digest} is an index of one manifest: ${nameOfChild(only)} is converted, the index's own annotations are lost`;
    decide({ code: "single-manifest", digest: descriptor.digest, message });
    return singleIndex(source, only);
  }
  // Where the layout says of the whole index that it is of a platform, that is the only one.
  const platforms = await imagePlatforms(source, descriptor.platform === undefined ? children : [descriptor]);
  return {
    index: { ...document.index, mediaType: OCI_INDEX, manifests: children },
    platforms,
    isSingle: false,
  };
}

async function singleIndex(source: SourceContent, descriptor: Descriptor): Promise<WorkingIndex> {
  const platforms = await imagePlatforms(source, [descriptor]);
  const [platform] = platforms;
  if (platform === undefined)
    throw new SociIndexError(
      "ERR_SOCI_NOT_AN_IMAGE",
      `Cannot convert ${descriptor.digest}: image does not support any platforms; it is an artifact or an attestation`,
    );
  const manifests = [{ ...descriptor, platform }];
  return { index: { schemaVersion: 2, mediaType: OCI_INDEX, manifests }, platforms, isSingle: true };
}

async function expanded(
  source: SourceContent,
  children: readonly Descriptor[],
  decide: (decision: ConvertDecision) => void,
  depth: number,
): Promise<readonly Descriptor[]> {
  const all: Descriptor[] = [];
  for (const child of children) {
    if (!isIndexType(child.mediaType)) {
      all.push(child);
      continue;
    }
    if (depth >= MAX_INDEX_DEPTH) throw tooDeep(child);
    const { document } = await source.document(child);
    const inner = "index" in document ? document.index.manifests : [];
    const message = `${nameOfChild(child)} is an index in the index: its ${inner.length} children take its place`;
    decide({ code: "nested-index-expanded", digest: child.digest, message });
    all.push(...(await expanded(source, inner, decide, depth + 1)));
    if (all.length > MAX_CHILDREN)
      throw new OciError(
        "ERR_OCI_TOO_LARGE",
        `Cannot convert ${child.digest}: its indexes have over ${MAX_CHILDREN} children`,
      );
  }
  return all;
}
