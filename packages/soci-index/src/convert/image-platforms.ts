import {
  decodeImageConfig,
  DOCKER_CONFIG,
  isIndexType,
  isManifestType,
  MAX_INDEX_DEPTH,
  MAX_MANIFEST_SIZE,
  normalizePlatform,
  OCI_CONFIG,
  OciError,
  type Descriptor,
  type Digest,
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
  descriptors: readonly Descriptor[],
): Promise<readonly Platform[]> {
  const found: Platform[] = [];
  const entered = new Set<Digest>();
  const walk = async (descriptor: Descriptor, depth: number): Promise<void> => {
    const { platform, mediaType, digest } = descriptor;
    if (platform !== undefined) {
      if (!isUnknown(platform)) found.push(platform);
      return;
    }
    // What is listed again has no other platforms, and indexes could be listed without end.
    if ((!isIndexType(mediaType) && !isManifestType(mediaType)) || entered.has(digest)) return;
    entered.add(digest);
    if (depth > MAX_INDEX_DEPTH) throw tooDeep(descriptor);
    const { document } = await source.document(descriptor);
    if ("index" in document) for (const child of document.index.manifests) await walk(child, depth + 1);
    else {
      const own = await configPlatform(source, document.manifest);
      if (own !== undefined) found.push(own);
    }
  };
  for (const descriptor of descriptors) await walk(descriptor, 0);
  return found;
}

/** The platform that an image's config says, normalised; `undefined` where the config is no image's. */
export async function configPlatform(source: SourceContent, { config }: ImageManifest): Promise<Platform | undefined> {
  if (config.mediaType !== OCI_CONFIG && config.mediaType !== DOCKER_CONFIG) return undefined;
  return platformIn(await source.config(config));
}

/** The same of any config, whatever it says that it is; `undefined` where it says no platform. */
export async function anyConfigPlatform(
  source: SourceContent,
  { config }: ImageManifest,
): Promise<Platform | undefined> {
  if (config.size > MAX_MANIFEST_SIZE) return undefined;
  const bytes = await source.config(config);
  try {
    return platformIn(bytes);
  } catch (error) {
    if (error instanceof OciError) return undefined;
    throw error;
  }
}

function platformIn(config: Uint8Array): Platform {
  const { platform } = decodeImageConfig(config);
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
