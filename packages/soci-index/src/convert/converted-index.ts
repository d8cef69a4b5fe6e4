import {
  algorithmOf,
  digestOf,
  encodeIndex,
  OCI_INDEX,
  OCI_MANIFEST,
  type Descriptor,
  type Digest,
  type DigestAlgorithm,
  type ImageIndex,
  type Platform,
} from "@socikit/oci";
import { SOCI_MANIFEST_DIGEST } from "../annotations.ts";
import { SOCI_INDEX_V2 } from "../media-types.ts";
import { nameOfChild, type ConvertDecision } from "./convert-decision.ts";
import { encodeGoDocument } from "./go-document.ts";
import type { IndexEntry } from "./place-indexes.ts";
import { ATTESTED_DIGEST, type ChildPlan, type KeptChild, type RewrittenChild } from "./plan-children.ts";
import { rewriteManifest } from "./rewrite-manifest.ts";

/** A SOCI index that was made, for a platform that was asked for. */
export interface AttachedIndex {
  /** The platform, as it was asked for. */
  readonly request: Platform;
  /** The child of the source that it is of. */
  readonly child: Descriptor;
  /** The index manifest. */
  readonly bytes: Uint8Array;
}

/** A manifest to write. */
export interface ManifestToWrite {
  readonly bytes: Uint8Array;
  readonly mediaType: string;
  /** Of the digest that it is named by. */
  readonly algorithm: DigestAlgorithm;
}

/** What took the place of what. */
export interface ConvertedManifest {
  /** The manifest of the source. */
  readonly from: Descriptor;
  /** The manifest of the converted image. Its digest is the same where nothing had to change. */
  readonly to: Descriptor;
  /** The platform, where the converted index says one. */
  readonly platform?: Platform;
  /** Its SOCI index, where one was made. */
  readonly index?: Descriptor;
}

/** A converted image, worked out and not written yet. */
export interface ConvertedIndex {
  /** The image index. */
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
  /** What has to be there before it, in that order. */
  readonly toWrite: readonly ManifestToWrite[];
  /** Old and new, in the order of the index, SOCI indexes that are new left out. */
  readonly manifests: readonly ConvertedManifest[];
  /** The SOCI indexes in the order given, and the manifests that they are of. */
  readonly indexes: readonly { readonly index: Descriptor; readonly manifest: Descriptor }[];
}

/**
 * Works out the converted image (spec sections 10.4 to 10.6): manifests with the digest of their SOCI index, and an image index
 * of both.
 *
 * @param source The index that is converted.
 * @param entries What the new one consists of.
 * @param plans What becomes of the children among them.
 * @param attached In the order of the platforms asked for.
 */
export function convertedIndex(
  source: ImageIndex,
  entries: readonly IndexEntry[],
  plans: ReadonlyMap<Descriptor, ChildPlan>,
  attached: readonly AttachedIndex[],
  decide: (decision: ConvertDecision) => void,
): ConvertedIndex {
  const indexes = attached.map(({ bytes }): Descriptor => ({
    mediaType: OCI_MANIFEST,
    digest: digestOf(bytes),
    size: bytes.length,
    artifactType: SOCI_INDEX_V2,
  }));
  /** The first in the order asked for is the one that the manifest names. */
  const indexAt = (child: Descriptor): number => attached.findIndex((one) => one.child.digest === child.digest);
  const rewritten = new Map<Descriptor, { readonly to: Descriptor; readonly bytes: Uint8Array }>();
  const successors = new Map<string, Descriptor>();
  for (const plan of plans.values()) {
    if (!("from" in plan)) continue;
    const found = rewrite(plan, indexes[indexAt(plan.child)]?.digest);
    rewritten.set(plan.child, found);
    for (const { digest } of [plan.child, plan.from]) if (!successors.has(digest)) successors.set(digest, found.to);
  }

  const toWrite: ManifestToWrite[] = attached.map(({ bytes }) => ({
    bytes,
    mediaType: OCI_MANIFEST,
    algorithm: "sha256",
  }));
  const manifests: ConvertedManifest[] = [];
  const children: Descriptor[] = [];
  const report = (from: Descriptor, to: Descriptor, index?: Descriptor): void => {
    const { platform } = to;
    manifests.push({
      from: plain(from),
      to: plain(to),
      ...(platform === undefined ? {} : { platform }),
      ...(index === undefined ? {} : { index }),
    });
    children.push(to);
  };
  for (const entry of entries) {
    if ("platform" in entry) {
      const index = indexes[entry.platform];
      const one = attached[entry.platform];
      if (index === undefined || one === undefined)
        throw new TypeError("Cannot convert image: a platform has no index");
      const isNamed = indexAt(one.child) === entry.platform;
      const manifest = isNamed ? successors.get(one.child.digest) : undefined;
      children.push({
        ...index,
        ...(manifest === undefined ? {} : { annotations: { [SOCI_MANIFEST_DIGEST]: manifest.digest } }),
        platform: one.request,
      });
      continue;
    }
    const { child } = entry;
    const plan = plans.get(child);
    if (plan === undefined) throw new TypeError(`Cannot convert ${child.digest}: there is no plan for it`);
    const found = rewritten.get(child);
    if ("from" in plan && found !== undefined) {
      toWrite.push({ bytes: found.bytes, mediaType: OCI_MANIFEST, algorithm: "sha256" });
      report(plan.from, found.to, indexes[indexAt(child)]);
    } else if ("kept" in plan) {
      const kept = keep(plan, successors, decide);
      toWrite.push(...kept.manifests);
      report(child, kept.to);
    }
  }
  const bytes = encodeIndex({ ...source, mediaType: OCI_INDEX, manifests: children });
  return {
    descriptor: { mediaType: OCI_INDEX, digest: digestOf(bytes), size: bytes.length },
    bytes,
    toWrite,
    manifests,
    indexes: attached.map(({ child }, i) => ({
      index: indexes[i]!,
      manifest: plain(successors.get(child.digest) ?? child),
    })),
  };
}

function plain({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}

/** The child of the converted index that a manifest written anew is. */
function rewrite(
  { child, manifest, withoutLayers, platform }: RewrittenChild,
  index: Digest | undefined,
): { readonly to: Descriptor; readonly bytes: Uint8Array } {
  const { bytes, annotations } = rewriteManifest(manifest, withoutLayers, index);
  const { urls, data, artifactType } = child;
  const to: Descriptor = {
    mediaType: OCI_MANIFEST,
    digest: digestOf(bytes),
    size: bytes.length,
    ...(urls === undefined ? {} : { urls }),
    ...(annotations === undefined ? {} : { annotations }),
    // As it was, although it is that of the old manifest: so the reference has it. Readers look whether it fits.
    ...(data === undefined ? {} : { data }),
    ...(platform === undefined ? {} : { platform }),
    ...(artifactType === undefined ? {} : { artifactType }),
  };
  return { to, bytes };
}

/** A child that stays, but for the digests of manifests that have changed. */
function keep(
  { child, kept, manifest }: KeptChild,
  successors: ReadonlyMap<string, Descriptor>,
  decide: (decision: ConvertDecision) => void,
): { readonly to: Descriptor; readonly manifests: readonly ManifestToWrite[] } {
  const to = withSuccessors(child, successors);
  const asItIs = kept.map(({ descriptor, bytes }): ManifestToWrite => ({
    bytes,
    mediaType: descriptor.mediaType,
    algorithm: algorithmOf(descriptor.digest),
  }));
  const subject = manifest?.subject && successors.get(manifest.subject.digest);
  if (manifest === undefined || subject === undefined || subject.digest === manifest.subject?.digest)
    return { to, manifests: asItIs };
  // What refers to its image has to refer to the new one, or is not found there.
  const bytes = encodeGoDocument({ manifest: { ...manifest, subject: plain(subject) }, withoutLayers: false });
  const digest = digestOf(bytes);
  const message = `${nameOfChild(child)} has ${manifest.subject?.digest} as its subject: it is written anew, with ${subject.digest}`;
  decide({ code: "attestation-moved", digest: child.digest, message });
  const { data: _, ...rest } = to;
  return {
    to: { ...rest, digest, size: bytes.length },
    manifests: [{ bytes, mediaType: child.mediaType, algorithm: "sha256" }],
  };
}

/** The descriptor, with annotations that name a manifest naming the one that took its place. */
function withSuccessors(child: Descriptor, successors: ReadonlyMap<string, Descriptor>): Descriptor {
  if (child.annotations === undefined) return child;
  const annotations = Object.entries(child.annotations).map(([key, value]): [string, string] => {
    const isDigest = key === ATTESTED_DIGEST || key === SOCI_MANIFEST_DIGEST;
    return [key, isDigest ? (successors.get(value)?.digest ?? value) : value];
  });
  return { ...child, annotations: Object.fromEntries(annotations) };
}
