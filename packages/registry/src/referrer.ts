import { isImageIndex, type Descriptor, type ImageIndex, type ImageManifest } from "@socikit/oci";

/**
 * The descriptor under which a manifest is listed as a referrer: its own, with the artifact type and annotations that it
 * has. An image manifest without an artifact type is listed under its config's media type, an index without one under none.
 * https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers
 */
export function referrerOf(
  descriptor: Pick<Descriptor, "mediaType" | "digest" | "size">,
  manifest: ImageManifest | ImageIndex,
): Descriptor {
  const artifactType = manifest.artifactType || (isImageIndex(manifest) ? "" : manifest.config.mediaType);
  const annotations = manifest.annotations;
  return {
    mediaType: descriptor.mediaType,
    digest: descriptor.digest,
    size: descriptor.size,
    ...(annotations === undefined || Object.keys(annotations).length === 0 ? {} : { annotations }),
    ...(artifactType === "" ? {} : { artifactType }),
  };
}
