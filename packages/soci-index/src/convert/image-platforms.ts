import {
  decodeImageConfig,
  DOCKER_CONFIG,
  isIndexType,
  isManifestType,
  MAX_INDEX_DEPTH,
  normalizePlatform,
  OCI_CONFIG,
  OciError,
  type Descriptor,
  type ImageManifest,
  type Platform,
} from "@socikit/oci";
import type { SourceContent } from "./source-content.ts";

/**
 * The platforms of an image, in the order in which the reference asks for them with `--all-platforms` (spec section 10.1):
 * as they stand in the index, or normalised from the config of a manifest that nothing says one of.
 */
export async function imagePlatforms(
  source: SourceContent,
  descriptor: Descriptor,
  depth = 0,
): Promise<readonly Platform[]> {
  const { platform, mediaType } = descriptor;
  if (platform !== undefined) return isUnknown(platform) ? [] : [platform];
  if (isIndexType(mediaType)) {
    if (depth >= MAX_INDEX_DEPTH) throw tooDeep(descriptor);
    const { document } = await source.document(descriptor);
    const children = "index" in document ? document.index.manifests : [];
    const found: Platform[] = [];
    for (const child of children) found.push(...(await imagePlatforms(source, child, depth + 1)));
    return found;
  }
  if (!isManifestType(mediaType)) return [];
  const { document } = await source.document(descriptor);
  if ("index" in document) return [];
  const own = await configPlatform(source, document.manifest);
  return own === undefined ? [] : [own];
}

/** The platform that an image's config says, normalised; `undefined` where the config is no image's. */
export async function configPlatform(source: SourceContent, { config }: ImageManifest): Promise<Platform | undefined> {
  if (config.mediaType !== OCI_CONFIG && config.mediaType !== DOCKER_CONFIG) return undefined;
  const { platform } = decodeImageConfig(await source.config(config));
  // Containers are Linux where nothing else is said: the reference takes the host, which is.
  return normalizePlatform({ ...platform, os: platform.os === "" ? "linux" : platform.os });
}

/** Attestations are of a platform that is called so. */
export function isUnknown({ os, architecture }: Platform): boolean {
  return os === "unknown" || architecture === "unknown";
}

/** The error for indexes in indexes without end. */
export function tooDeep({ digest }: Descriptor): OciError {
  return new OciError(
    "ERR_OCI_INVALID_MANIFEST",
    `Cannot read ${digest}: image indexes are nested over ${MAX_INDEX_DEPTH} deep`,
  );
}
