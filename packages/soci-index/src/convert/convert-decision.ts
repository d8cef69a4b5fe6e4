import { formatPlatform, type Descriptor, type Digest } from "@socikit/oci";

/**
 * What is decided about parts of an image that are not plain images of one platform. Where not said otherwise, the
 * reference decides the same, so that digests are equal.
 */
export const CONVERT_DECISION_CODES = [
  /** An index of one manifest: that manifest is converted, and the index's own annotations are lost. */
  "single-manifest",
  /** An index in the index: one manifest of it takes its place, the others are lost. */
  "nested-index-flattened",
  /** An index in the index: its manifests take its place. With `nestedIndexes: "expand"`; the reference cannot. */
  "nested-index-expanded",
  /** An index in the index, with something below it that is neither manifest nor index, or nothing: as it was. */
  "nested-index-kept",
  /** A child without a platform: it is indexed by what its config says, and has that platform from now on. The reference fails. */
  "platform-from-config",
  /** A platform that the index names, and leads to no image of: it gets no index. With all platforms; the reference fails. */
  "platform-without-image",
  /** A platform of which every layer was skipped: it gets no index. */
  "nothing-to-index",
  /** Annotations of a descriptor in the index: those of its manifest take their place. */
  "annotations-lost",
  /** An attestation: written anew like an image, without its annotations, so that tools no longer find what it is of. */
  "attestation-rewritten",
  /** An attestation: as it was, and of the manifest that took the place of the one it was of. With `keepAttestations`. */
  "attestation-kept",
  /** An attestation that names its image as its subject: the subject is the new manifest now, and the rest as it was. With `keepAttestations`. */
  "attestation-moved",
  /** Another artifact: written anew like an image, as which its config is then announced. */
  "artifact-rewritten",
  /** Another artifact: as it was. With `keepAttestations`. */
  "artifact-kept",
  /** The SOCI index of a platform that gets none in this run: as it was. The reference takes it for an image, and fails. */
  "soci-index-kept",
  /** A child that is neither manifest nor index: as it was. */
  "not-a-manifest",
] as const;

/** One of {@linkcode CONVERT_DECISION_CODES}. */
export type ConvertDecisionCode = (typeof CONVERT_DECISION_CODES)[number];

/** What was decided about one part of the image. */
export interface ConvertDecision {
  /** The decision. */
  readonly code: ConvertDecisionCode;
  /** Digest of the part. */
  readonly digest: Digest;
  /** The decision about this part, in words. */
  readonly message: string;
  /** Manifests that the converted image does not have. */
  readonly lost?: readonly Digest[];
}

/** The part, as messages name it. */
export function nameOfChild({ digest, platform }: Descriptor): string {
  return platform === undefined ? digest : `${digest} (${formatPlatform(platform)})`;
}
