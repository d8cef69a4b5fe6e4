// https://github.com/opencontainers/image-spec/blob/v1.1.1/media-types.md
/** An OCI image manifest. */
export const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
/** An OCI image index. */
export const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
/** An OCI image config. */
export const OCI_CONFIG = "application/vnd.oci.image.config.v1+json";
/** The empty JSON descriptor's media type, `{}`. */
export const OCI_EMPTY = "application/vnd.oci.empty.v1+json";
/** An OCI layer: plain tar. */
export const OCI_LAYER = "application/vnd.oci.image.layer.v1.tar";
/** An OCI layer: gzip. */
export const OCI_LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip";
/** An OCI layer: zstd. */
export const OCI_LAYER_ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd";
// https://distribution.github.io/distribution/spec/manifest-v2-2/
/** A Docker image manifest, schema 2. */
export const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
/** A Docker manifest list. */
export const DOCKER_MANIFEST_LIST = "application/vnd.docker.distribution.manifest.list.v2+json";
/** A Docker image config. */
export const DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json";
/** A Docker layer: gzip. */
export const DOCKER_LAYER_GZIP = "application/vnd.docker.image.rootfs.diff.tar.gzip";
/** A Docker layer: plain tar. */
export const DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar";
/** A Docker layer: zstd. */
export const DOCKER_LAYER_ZSTD = "application/vnd.docker.image.rootfs.diff.tar.zstd";
/** A Docker layer that registries did not hold: gzip. */
export const DOCKER_FOREIGN_LAYER_GZIP = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
/** A Docker layer that registries did not hold: plain tar. */
export const DOCKER_FOREIGN_LAYER = "application/vnd.docker.image.rootfs.foreign.diff.tar";

/** The manifest types that a client of images accepts, for `Accept` headers. */
export const MANIFEST_TYPES: readonly string[] = [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_MANIFEST_LIST];

/** Whether the type is an image index or a Docker manifest list. */
export function isIndexType(mediaType: string): boolean {
  return mediaType === OCI_INDEX || mediaType === DOCKER_MANIFEST_LIST;
}

/** Whether the type is an image manifest, OCI or Docker schema 2. */
export function isManifestType(mediaType: string): boolean {
  return mediaType === OCI_MANIFEST || mediaType === DOCKER_MANIFEST;
}

/**
 * Whether the type is a foreign layer's (Docker) or a nondistributable one's (OCI): its content need not be where the image
 * is. Whether it is there all the same is for the store to say; `urls` of a descriptor are never followed.
 */
export function isForeignLayer(mediaType: string): boolean {
  return /\.(?:foreign|nondistributable)\./.test(mediaType);
}

/** How a layer is packed: what its media type says. `undefined` for anything that cannot be read as a layer. */
export type LayerCompression = "gzip" | "uncompressed" | "zstd";

/**
 * The compression that a layer's media type names, or `undefined` where the type is not a layer's or names another
 * compression or encryption. Parameters are not stripped: a descriptor has none.
 */
export function layerCompression(mediaType: string): LayerCompression | undefined {
  switch (mediaType) {
    case DOCKER_LAYER_GZIP:
    case DOCKER_FOREIGN_LAYER_GZIP:
      return "gzip";
    case DOCKER_LAYER:
    case DOCKER_FOREIGN_LAYER:
      return "uncompressed";
    case DOCKER_LAYER_ZSTD:
      return "zstd";
  }
  const oci = /^application\/vnd\.oci\.image\.layer\.(?:nondistributable\.)?v1\.tar(?:\+(.*))?$/.exec(mediaType);
  if (oci === null) return undefined;
  if (oci[1] === undefined) return "uncompressed";
  return oci[1] === "gzip" || oci[1] === "zstd" ? oci[1] : undefined;
}
