import {
  decodeManifest,
  encodeManifest,
  isDigest,
  isImageIndex,
  MAX_MANIFEST_SIZE,
  OCI_MANIFEST,
  OciError,
  parseDigest,
  type Descriptor,
  type Digest,
  type ImageIndex,
  type ImageManifest,
} from "@socikit/oci";
import {
  SOCI_BUILD_TOOL,
  SOCI_DISABLE_XATTRS,
  SOCI_INDEX_DIGEST,
  SOCI_LAYER_DIGEST,
  SOCI_LAYER_MEDIA_TYPE,
  SOCI_SPAN_SIZE,
} from "./annotations.ts";
import { SociIndexError } from "./errors.ts";
import { SOCI_INDEX_V1, SOCI_INDEX_V2, SOCI_ZTOC } from "./media-types.ts";

/** SOCI index manifest: which zTOC belongs to which layer of an image. */
export interface SociIndex {
  /** A v1 index points at its image with `subject`; a v2 index is pointed at by an annotation on the image. */
  readonly version: "v1" | "v2";
  /** Descriptors of the zTOCs, then of the prefetch artifacts, each in layer order. */
  readonly blobs: readonly Descriptor[];
  /** The image manifest that is indexed; v1 only. */
  readonly subject?: Descriptor;
  /** Annotations of the index itself. */
  readonly annotations?: Readonly<Record<string, string>>;
}

/** The config blob of every SOCI index: an empty JSON object. The caller owns the result. */
export function sociIndexConfig(): Uint8Array {
  return new TextEncoder().encode("{}");
}

/** Digest of {@linkcode sociIndexConfig}. */
const CONFIG_DIGEST: Digest = parseDigest("sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");

/** The identifier that the reference's CLI writes. Equal zTOCs have equal digests only where it is equal. */
export const DEFAULT_BUILD_TOOL = "AWS SOCI CLI v0.2";

/**
 * Decodes a SOCI index of either version. Copies what it keeps.
 *
 * @throws {SociIndexError} `ERR_SOCI_INDEX_MALFORMED`; `ERR_SOCI_INDEX_UNKNOWN_VERSION` for an artifact of another type;
 * `ERR_SOCI_INDEX_TOO_LARGE` past 4 MiB.
 */
export function decodeSociIndex(bytes: Uint8Array): SociIndex {
  const manifest = decoded(bytes);
  if (isImageIndex(manifest))
    throw new SociIndexError("ERR_SOCI_INDEX_MALFORMED", "Cannot decode SOCI index: it is an image index");
  if (manifest.mediaType !== undefined && manifest.mediaType !== OCI_MANIFEST)
    throw new SociIndexError(
      "ERR_SOCI_INDEX_MALFORMED",
      `Cannot decode SOCI index: its media type is ${JSON.stringify(manifest.mediaType)}`,
    );
  const { config, layers: blobs, subject, annotations } = manifest;
  return {
    version: versionOf(config.mediaType),
    blobs,
    ...(subject === undefined ? {} : { subject }),
    ...(annotations === undefined ? {} : { annotations }),
  };
}

function decoded(bytes: Uint8Array): ImageManifest | ImageIndex {
  try {
    return decodeManifest(bytes);
  } catch (cause) {
    if (!(cause instanceof OciError)) throw cause;
    if (cause.code === "ERR_OCI_TOO_LARGE")
      throw new SociIndexError(
        "ERR_SOCI_INDEX_TOO_LARGE",
        `Cannot decode SOCI index: its ${bytes.length} bytes are more than ${MAX_MANIFEST_SIZE}`,
        { cause },
      );
    const what = cause.message.replace(/^Cannot decode manifest: /, "");
    throw new SociIndexError("ERR_SOCI_INDEX_MALFORMED", `Cannot decode SOCI index: ${what}`, { cause });
  }
}

function versionOf(artifactType: string): "v1" | "v2" {
  if (artifactType === SOCI_INDEX_V1) return "v1";
  if (artifactType === SOCI_INDEX_V2) return "v2";
  throw new SociIndexError(
    "ERR_SOCI_INDEX_UNKNOWN_VERSION",
    `Cannot decode SOCI index: its config has type ${JSON.stringify(artifactType.slice(0, 200))}, which is not a version of SOCI's`,
  );
}

/** The artifact type of an index: the media type of its config. */
export function artifactTypeOf(index: Pick<SociIndex, "version">): string {
  return index.version === "v1" ? SOCI_INDEX_V1 : SOCI_INDEX_V2;
}

/** Most descriptors of an index that is read, those of prefetch artifacts included: what is read of a manifest's lists. */
const MAX_BLOBS = 10_000;

/**
 * Encodes with Go's member order and escaping, so that digests are the reference's (spec section 8.1).
 *
 * @throws {SociIndexError} `ERR_SOCI_INDEX_TOO_LARGE` for what no registry has to take and {@linkcode decodeSociIndex} does not: more
 * than 4 MiB, or 10,000 zTOCs and prefetch artifacts.
 */
export function encodeSociIndex(index: SociIndex): Uint8Array {
  const tooLarge = (what: string): SociIndexError =>
    new SociIndexError("ERR_SOCI_INDEX_TOO_LARGE", `Cannot encode SOCI index: ${what}`);
  if (index.blobs.length > MAX_BLOBS)
    throw tooLarge(`it names ${index.blobs.length} zTOCs and prefetch artifacts, more than ${MAX_BLOBS}`);
  const bytes = encodeManifest({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: { mediaType: artifactTypeOf(index), digest: CONFIG_DIGEST, size: sociIndexConfig().length },
    layers: index.blobs,
    ...(index.subject === undefined ? {} : { subject: index.subject }),
    ...(index.annotations === undefined ? {} : { annotations: index.annotations }),
  });
  if (bytes.length > MAX_MANIFEST_SIZE) throw tooLarge(`its ${bytes.length} bytes are more than ${MAX_MANIFEST_SIZE}`);
  return bytes;
}

/** A layer and the zTOC built for it. */
export interface IndexedLayer {
  /** The layer, as the image's manifest has it. */
  readonly layer: Descriptor;
  /** Digest and size of the zTOC. */
  readonly ztoc: Pick<Descriptor, "digest" | "size">;
  /** Span size that the zTOC was built with, in uncompressed bytes. */
  readonly spanSize: number;
  /** Says to readers that no entry has extended attributes and none marks an opaque directory. */
  readonly disableXattrs?: boolean;
}

/** What {@linkcode createSociIndex} may be told. */
export interface SociIndexOptions {
  /** Written into the index's annotations. @default {"AWS SOCI CLI v0.2"} */
  readonly buildToolIdentifier?: string | undefined;
  /** Descriptors of prefetch artifacts, in layer order: `planPrefetch` makes them. */
  readonly prefetch?: readonly Descriptor[] | undefined;
}

/**
 * The index of an image's zTOCs, as the reference writes it.
 *
 * @param layers In layer order; layers without a zTOC left out, a layer that occurs twice given twice.
 * @param subject The image manifest, for a v1 index. Its media type, digest and size are written and nothing else.
 * @throws {TypeError} if a v1 index has no subject, or a v2 index one.
 */
export function createSociIndex(
  version: "v1" | "v2",
  layers: readonly IndexedLayer[],
  subject?: Descriptor,
  options?: SociIndexOptions,
): SociIndex {
  if ((version === "v1") !== (subject !== undefined))
    throw new TypeError(`Cannot create SOCI index: ${version} ${version === "v1" ? "needs a" : "has no"} subject`);
  return {
    version,
    blobs: [...layers.map(ztocDescriptor), ...(options?.prefetch ?? [])],
    ...(subject === undefined
      ? {}
      : { subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.size } }),
    annotations: { [SOCI_BUILD_TOOL]: options?.buildToolIdentifier ?? DEFAULT_BUILD_TOOL },
  };
}

/** The descriptor of a zTOC in an index. */
function ztocDescriptor({ layer, ztoc, spanSize, disableXattrs }: IndexedLayer): Descriptor {
  return {
    mediaType: SOCI_ZTOC,
    digest: ztoc.digest,
    size: ztoc.size,
    annotations: {
      ...(disableXattrs === true ? { [SOCI_DISABLE_XATTRS]: "true" } : {}),
      [SOCI_LAYER_DIGEST]: layer.digest,
      [SOCI_LAYER_MEDIA_TYPE]: layer.mediaType,
      [SOCI_SPAN_SIZE]: String(spanSize),
    },
  };
}

/** The zTOC of a layer, or `undefined` where the index has none for it. */
export function ztocFor(index: SociIndex, layer: Digest): Descriptor | undefined {
  return index.blobs.find((blob) => blob.mediaType === SOCI_ZTOC && blob.annotations?.[SOCI_LAYER_DIGEST] === layer);
}

/** Digest of the v2 index that an image manifest names, or `undefined` where it names none. */
export function sociIndexDigestOf(manifest: Pick<ImageManifest, "annotations">): Digest | undefined {
  const digest = manifest.annotations?.[SOCI_INDEX_DIGEST];
  return digest !== undefined && isDigest(digest) ? digest : undefined;
}

/** The v1 index to use out of an image's referrers: the first, as the reference has it. */
export function selectSociIndex(referrers: readonly Descriptor[]): Descriptor | undefined {
  return referrers.find((referrer) => referrer.artifactType === SOCI_INDEX_V1);
}
