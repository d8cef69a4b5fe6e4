import type { Descriptor, Digest, Platform } from "@socikit/oci";

/** What there is to say of a SOCI index in a repository. */
export const ARTIFACT_STATES = [
  /** An image is read by it: named by the image's annotation (v2), or the first of its referrers (v1). */
  "used",
  /** v1: its image is there, and another index is listed before it, which is read in its place. */
  "shadowed",
  /** v1: its image is there, and nothing lists it, so that nobody finds it. */
  "unlisted",
  /** v1: the manifest that is its subject is not in the repository. */
  "orphaned",
  /** v2: it is in an image index, or has a tag, and no image that a tag leads to names it. */
  "unnamed",
  /** It is named or listed, and not there. */
  "missing",
  /** It is listed for a manifest that is not its subject, or is no SOCI index. */
  "misplaced",
] as const;

/** One of {@linkcode ARTIFACT_STATES}. */
export type ArtifactState = (typeof ARTIFACT_STATES)[number];

/** An image manifest that a SOCI index belongs to. */
export interface IndexedImage {
  /** Digest of the manifest. */
  readonly digest: Digest;
  /** Whether it is in the repository. */
  readonly exists: boolean;
  /** Tags that lead to it, by image indexes or directly. None for an image that is only reached by its digest. */
  readonly tags: readonly string[];
  /** What it runs on, where an image index says so. */
  readonly platform?: Platform;
}

/** A SOCI index in a repository. */
export interface SociArtifact {
  /** Its version; of one that is missing, by which it is named. */
  readonly version: "v1" | "v2";
  /** Its manifest. The size is 0 where only its digest is known. */
  readonly descriptor: Descriptor;
  /** What there is to say of it. */
  readonly state: ArtifactState;
  /** The images that it belongs to: one of a v1 index, any number of a v2 index, which images of the same layers share. */
  readonly images: readonly IndexedImage[];
  /** Tags of the index itself. */
  readonly tags: readonly string[];
  /** Fallback tags that list it. */
  readonly lists: readonly string[];
  /** Whether an image index that a tag leads to has it as a child. */
  readonly inIndex: boolean;
  /** Bytes of the zTOCs and prefetch artifacts that it names; registries may keep them once for several indexes. */
  readonly blobBytes: number;
  /** For what it is shadowed: the index that is read in its place. */
  readonly shadowedBy?: Digest;
}

/** The list of referrers that a fallback tag names. */
export interface FallbackList {
  /** The tag, such as `sha256-…`. */
  readonly tag: string;
  /** The list's manifest. */
  readonly descriptor: Descriptor;
  /** The manifest whose referrers it lists; `undefined` where neither the tag nor what is listed tells. */
  readonly subject?: Digest;
  /** Whether that is in the repository; also where it is not known. */
  readonly subjectExists: boolean;
  /** What it lists, of whatever type. */
  readonly entries: readonly Descriptor[];
}

/** Something that could not be read: what it leads to is not known. */
export interface UnreadManifest {
  /** Its tag, or its digest. */
  readonly name: string;
  /** Why. */
  readonly message: string;
}

/** Every SOCI artifact of a repository that can be found, and the image that each belongs to. */
export interface RepositorySurvey {
  /** Images in the order of their tags; of each, its indexes in the order in which they are tried. */
  readonly artifacts: readonly SociArtifact[];
  /** Lists of referrers under tags, in the order of their tags. */
  readonly lists: readonly FallbackList[];
  /** All tags, with the manifests that they name. */
  readonly tags: ReadonlyMap<string, Digest>;
  /** What could not be read. */
  readonly unread: readonly UnreadManifest[];
}
