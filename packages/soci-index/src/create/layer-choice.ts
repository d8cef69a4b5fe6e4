import {
  DOCKER_FOREIGN_LAYER,
  DOCKER_FOREIGN_LAYER_GZIP,
  DOCKER_LAYER,
  DOCKER_LAYER_GZIP,
  DOCKER_LAYER_ZSTD,
  type Descriptor,
} from "@socikit/oci";
import { SociIndexError } from "../errors.ts";
import { SOCI_PREFETCH } from "../media-types.ts";

/** Reasons for which a layer gets no zTOC. */
export const LAYER_SKIP_CODES = [
  /** It is smaller than the minimum layer size: reading it whole is as fast. */
  "too-small",
  /** Its compression cannot be indexed: zstd, encryption, or one that the media type does not name. */
  "compression",
  /** It is a foreign layer, and the registry does not hold it. */
  "foreign",
] as const;

/** One of {@linkcode LAYER_SKIP_CODES}. */
export type LayerSkipCode = (typeof LAYER_SKIP_CODES)[number];

/** Why a layer gets no zTOC. */
export interface LayerSkip {
  /** The reason. */
  readonly code: LayerSkipCode;
  /** The reason in words: the reference's line where it has one. */
  readonly message: string;
}

/** What is done with a layer: built as one kind of stream, skipped and said so, or passed over in silence. */
export type LayerChoice =
  | { readonly build: "gzip" | "uncompressed" }
  | { readonly skip: LayerSkip }
  | { readonly ignore: true };

const OCI_LAYER_PREFIX = "application/vnd.oci.image.layer.";
/** Of these the reference knows that they are layers; a suffix after `+` is cut off before. */
const DOCKER_COMPRESSION: ReadonlyMap<string, string> = new Map([
  [DOCKER_LAYER_GZIP, "gzip"],
  [DOCKER_FOREIGN_LAYER_GZIP, "gzip"],
  [DOCKER_LAYER_ZSTD, "zstd"],
  // Any compression may hide behind these two; they are read as plain tar.
  [DOCKER_LAYER, "unknown"],
  [DOCKER_FOREIGN_LAYER, "unknown"],
]);

/**
 * What the reference does with a layer (spec section 8.3): decided by its media type and size alone.
 *
 * @throws {SociIndexError} `ERR_SOCI_NOT_AN_IMAGE` for what is not a layer, `ERR_SOCI_UNKNOWN_LAYER_TYPE` for a layer of a
 * kind that says nothing of its compression. Both fail the whole index in the reference too.
 */
export function chooseLayer(layer: Descriptor, minLayerSize: number): LayerChoice {
  const { mediaType, digest, size } = layer;
  if (mediaType === SOCI_PREFETCH) return { ignore: true };
  if (!isLayerType(mediaType))
    throw new SociIndexError(
      "ERR_SOCI_NOT_AN_IMAGE",
      `Cannot index ${digest}: ${JSON.stringify(mediaType)} is not a layer mediaType; this is an artifact, not an image`,
    );
  const named = `ztoc skipped - layer ${digest} (${mediaType})`;
  if (size < minLayerSize)
    return {
      skip: { code: "too-small", message: `${named} size ${size} is less than min-layer-size ${minLayerSize}` },
    };
  const compression = compressionOf(layer);
  switch (compression) {
    case "gzip":
      return { build: "gzip" };
    case "uncompressed":
    case "unknown":
      return { build: "uncompressed" };
    default:
      return {
        skip: {
          code: "compression",
          message: `${named} is compressed in an unsupported format. expect: [tar, gzip, unknown] but got "${compression}"`,
        },
      };
  }
}

/** Whether the reference knows that it is a layer. */
export function isLayerType(mediaType: string): boolean {
  return mediaType.startsWith(OCI_LAYER_PREFIX) || DOCKER_COMPRESSION.has(withoutSuffix(mediaType));
}

function withoutSuffix(mediaType: string): string {
  const plus = mediaType.indexOf("+");
  return plus < 0 ? mediaType : mediaType.slice(0, plus);
}

/** The compression as the reference names it; "" is none that it knows. */
function compressionOf({ mediaType, digest }: Descriptor): string {
  const base = withoutSuffix(mediaType);
  const suffixes = mediaType === base ? [] : mediaType.slice(base.length + 1).split("+");
  const docker = DOCKER_COMPRESSION.get(base);
  if (docker !== undefined) return suffixes.length === 0 ? docker : "";
  switch (base) {
    case `${OCI_LAYER_PREFIX}v1.tar`:
    case `${OCI_LAYER_PREFIX}nondistributable.v1.tar`: {
      if (mediaType === `${OCI_LAYER_PREFIX}v1.tar`) return "uncompressed";
      // The last of the sorted ones decides, so gzip+encrypted is gzip, and building it fails.
      const last = suffixes.sort().at(-1) ?? "";
      return last === "gzip" || last === "zstd" ? last : "";
    }
    default:
      throw new SociIndexError(
        "ERR_SOCI_UNKNOWN_LAYER_TYPE",
        `Cannot index ${digest}: could not determine layer compression: unrecognised mediatype ${mediaType}`,
      );
  }
}
