import {
  decodeImageConfig,
  decodeManifest,
  formatPlatform,
  hostPlatform,
  isImageIndex,
  isIndexType,
  matchesPlatform,
  MAX_MANIFEST_SIZE,
  OciError,
  parsePlatform,
  selectPlatform,
  verifiedManifests,
  type BlobReader,
  type Descriptor,
  type ImageManifest,
  type ManifestReader,
  type Platform,
  type ReadOptions,
} from "@socikit/oci";
import { LazyReadError } from "./errors.ts";
import { fetchVerified } from "./verified-fetch.ts";

/** Indexes within indexes that a platform is looked for in. */
const MAX_INDEX_DEPTH = 4;

/** Which image of several is meant. */
export interface PlatformChoice {
  /** The platform asked for: `linux/arm64`. Unless given, `hostPlatform`'s, else the only one there is. */
  readonly platform?: string | Platform | undefined;
  /** What is preferred without `platform`. Linux on this machine's processor unless given; `linux/amd64` in a browser. */
  readonly hostPlatform?: Platform | undefined;
}

/** An image's manifest. */
export interface FoundManifest {
  /** Of the manifest, with its platform, where that is known. */
  readonly descriptor: Descriptor;
  /** The same, decoded. */
  readonly manifest: ImageManifest;
}

/**
 * Finds the manifest of an image, through indexes within indexes. Each is checked against its digest and size.
 *
 * @throws {LazyReadError} `ERR_LAZY_NOT_AN_IMAGE`. `OciError` `ERR_OCI_PLATFORM_NOT_FOUND`, and what is wrong with a manifest.
 */
export async function findManifest(
  image: ManifestReader & BlobReader,
  tagOrDigest: string,
  choice: PlatformChoice,
  reading: ReadOptions,
): Promise<FoundManifest> {
  const manifests = verifiedManifests(image);
  const request = typeof choice.platform === "string" ? parsePlatform(choice.platform) : choice.platform;
  const host = choice.hostPlatform ?? hostPlatform();
  let target: string | Descriptor = tagOrDigest;
  let platform: Platform | undefined;
  for (let depth = 0; depth <= MAX_INDEX_DEPTH; depth++) {
    // Each manifest names the next.
    const { descriptor, bytes } = await manifests.fetchManifest(target, reading);
    const manifest = decodeManifest(bytes, descriptor.mediaType);
    if (!isImageIndex(manifest)) {
      if (request !== undefined && platform === undefined) await checkPlatform(image, manifest, request, reading);
      const known = platform ?? descriptor.platform;
      return { descriptor: { ...descriptor, ...(known === undefined ? {} : { platform: known }) }, manifest };
    }
    const child = selectPlatform(manifest.manifests, request, host);
    if (!isIndexType(child.mediaType)) platform = child.platform;
    target = child;
  }
  throw new LazyReadError(
    "ERR_LAZY_NOT_AN_IMAGE",
    `Cannot open "${tagOrDigest}": it is indexes within indexes, more than ${MAX_INDEX_DEPTH} deep`,
  );
}

/** Whether the only image there is, is for the platform that was asked for: its config says. */
async function checkPlatform(
  image: BlobReader,
  manifest: ImageManifest,
  request: Platform,
  reading: ReadOptions,
): Promise<void> {
  const { config } = manifest;
  const { platform } = decodeImageConfig(
    await fetchVerified(image, config, MAX_MANIFEST_SIZE, "image config", reading),
  );
  if (platform.os !== "" && !matchesPlatform(request, platform))
    throw new OciError(
      "ERR_OCI_PLATFORM_NOT_FOUND",
      `Cannot choose a platform: the image has none for ${formatPlatform(request)}; it has ${formatPlatform(platform)}`,
    );
}
