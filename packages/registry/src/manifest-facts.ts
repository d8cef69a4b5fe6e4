import {
  decodeManifest,
  DOCKER_CONFIG,
  DOCKER_MANIFEST,
  isImageIndex,
  OCI_CONFIG,
  OCI_INDEX,
  OCI_MANIFEST,
  type Descriptor,
  type Digest,
} from "@socikit/oci";
import { referrerOf } from "./referrer.ts";

/** What a store has to know of a manifest, so that it need not be read again. */
export interface ManifestFacts {
  /** Media type: as announced, else the manifest's own, else what its members say. */
  readonly mediaType: string;
  /** What it refers to. */
  readonly subject: Digest | undefined;
  /** Its descriptor in a list of referrers. */
  readonly referrer: Descriptor;
  /** Children of an index; none for an image. */
  readonly children: readonly Descriptor[];
  /** Config and layers of an image or artifact; none of an index. */
  readonly blobs: readonly Descriptor[];
  /** Whether it is an image or an index of images, no artifact and no referrer. */
  readonly isImage: boolean;
}

/**
 * Reads a manifest's facts.
 *
 * @param mediaType As announced; empty where nothing was.
 * @throws {OciError} `ERR_OCI_INVALID_MANIFEST`, `ERR_OCI_TOO_LARGE`.
 */
export function manifestFacts(bytes: Uint8Array, digest: Digest, mediaType: string): ManifestFacts {
  const manifest = decodeManifest(bytes, mediaType);
  const isIndex = isImageIndex(manifest);
  const inferred = isIndex ? OCI_INDEX : manifest.config.mediaType === DOCKER_CONFIG ? DOCKER_MANIFEST : OCI_MANIFEST;
  const type = mediaType || manifest.mediaType || inferred;
  const hasImageConfig = !isIndex && [OCI_CONFIG, DOCKER_CONFIG].includes(manifest.config.mediaType);
  return {
    mediaType: type,
    subject: manifest.subject?.digest,
    referrer: referrerOf({ mediaType: type, digest, size: bytes.length }, manifest),
    children: isIndex ? manifest.manifests : [],
    blobs: isIndex ? [] : [manifest.config, ...manifest.layers],
    isImage: manifest.subject === undefined && !manifest.artifactType && (isIndex || hasImageConfig),
  };
}
