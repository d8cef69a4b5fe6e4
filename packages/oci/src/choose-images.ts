import type { ReadOptions } from "./blob-source.ts";
import type { Descriptor } from "./descriptor.ts";
import type { Digest } from "./digest.ts";
import { OciError } from "./errors.ts";
import { hostPlatform } from "./host-platform.ts";
import {
  decodeImageConfig,
  decodeManifest,
  isImageIndex,
  MAX_INDEX_DEPTH,
  MAX_MANIFEST_SIZE,
  type ImageIndex,
  type ImageManifest,
} from "./manifest.ts";
import { DOCKER_CONFIG, OCI_CONFIG } from "./media-types.ts";
import { isImageChild, isImageOf, matchesPlatform, selectPlatform, type Platform } from "./platform.ts";
import type { BlobReader, ManifestReader } from "./ports.ts";
import { readAll } from "./read-stream.ts";
import { verifiedContent } from "./verified-content.ts";

/** One image manifest that was chosen. */
export interface ChosenImage {
  /** The manifest, with media type, digest and size as whatever lists it has them. */
  readonly descriptor: Descriptor;
  /** Its content. */
  readonly manifest: ImageManifest;
  /** What it runs on, where that is said anywhere: by the index, else by its config. */
  readonly platform?: Platform;
}

/** Which images of an image index. */
export interface ImageChoice {
  /** The platforms wanted, "all" of them, or the host's where absent. */
  readonly platforms?: readonly Platform[] | "all" | undefined;
  /** What is preferred where nothing is asked for. */
  readonly hostPlatform?: Platform | undefined;
  /**
   * Whether an image that is in no index has to be of a platform asked for by its config too. Without it, it is taken
   * whatever is asked for, as the reference takes it, except where its own descriptor names another platform.
   */
  readonly checkSingle?: boolean | undefined;
}

/**
 * The image manifests below a tag or digest, each once, in the order asked for. One rule for every reader of images
 * (spec sections 8.5 and 10.1):
 *
 * - Of an index, what is no artifact and has neither system nor processor `unknown` may be an image. A child with a platform
 *   is taken by it; where it is an index in the index, it is entered, and the manifest found there is chosen under its own
 *   digest, by which clients ask. A child without a platform is entered, and counts by what its config says.
 * - The platforms asked for; without a request the host's, else the only one there is; or all.
 *
 * Manifests and configs are checked against digest and size here.
 *
 * @throws {OciError} `ERR_OCI_PLATFORM_NOT_FOUND`, listing what there is; `ERR_OCI_INVALID_MANIFEST`.
 */
export async function chooseImages(
  source: ManifestReader & BlobReader,
  tagOrDigest: string,
  choice: ImageChoice,
  options?: ReadOptions,
): Promise<{ readonly top: Descriptor; readonly images: readonly ChosenImage[] }> {
  const content = verifiedContent(source);
  const top = await content.fetchManifest(tagOrDigest, options);
  const document = decodeManifest(top.bytes, top.descriptor.mediaType);
  const chosen = new Map<Digest, ChosenImage>();
  const add = (image: ChosenImage): void => {
    if (!chosen.has(image.descriptor.digest)) chosen.set(image.descriptor.digest, image);
  };
  const walk = new Walk(content, choice.hostPlatform ?? hostPlatform(), options);
  const { platforms } = choice;
  if (!isImageIndex(document)) {
    const image = await walk.withPlatform(top.descriptor, document);
    const known = choice.checkSingle === true ? image.platform : top.descriptor.platform;
    for (const request of platforms === "all" ? [] : (platforms ?? []))
      if (known !== undefined && !matchesPlatform(request, known))
        selectPlatform([{ ...top.descriptor, platform: known }], request, request);
    add(image);
  } else if (platforms === "all") {
    for await (const image of walk.all(document, 0)) add(image);
    // Fails, and says what there is instead.
    if (chosen.size === 0) selectPlatform([], undefined, walk.host);
  } else {
    // One at a time: a platform that is missing fails before more is fetched.
    for (const request of platforms ?? [undefined]) add(await walk.one(document, request, 0));
  }
  return { top: top.descriptor, images: [...chosen.values()] };
}

class Walk {
  readonly host: Platform;
  readonly #source: ManifestReader & BlobReader;
  readonly #options: ReadOptions | undefined;

  constructor(source: ManifestReader & BlobReader, host: Platform, options: ReadOptions | undefined) {
    this.#source = source;
    this.host = host;
    this.#options = options;
  }

  async one(index: ImageIndex, request: Platform | undefined, depth: number): Promise<ChosenImage> {
    const named = index.manifests.find((child) => isImageOf(child, request ?? this.host));
    if (named === undefined) {
      const image = await this.#unnamed(index, request ?? this.host, depth);
      if (image !== undefined) return image;
    }
    // The one found, or the only one; fails where there is none, and says what there is.
    const child = named ?? selectPlatform(index.manifests, request, this.host);
    const document = await this.#fetch(child, depth);
    if (isImageIndex(document)) return this.one(document, request ?? child.platform, depth + 1);
    return this.withPlatform(child, document);
  }

  /** The first image of a platform that the index does not name it by: below a child without one. */
  async #unnamed(index: ImageIndex, wanted: Platform, depth: number): Promise<ChosenImage | undefined> {
    for (const child of index.manifests) {
      if (!isImageChild(child) || child.platform !== undefined) continue;
      for await (const image of this.#below(child, depth))
        if (image.platform !== undefined && matchesPlatform(wanted, image.platform)) return image;
    }
    return undefined;
  }

  async *all(index: ImageIndex, depth: number): AsyncGenerator<ChosenImage> {
    for (const child of index.manifests) if (isImageChild(child)) yield* this.#below(child, depth);
  }

  async *#below(child: Descriptor, depth: number): AsyncGenerator<ChosenImage> {
    const document = await this.#fetch(child, depth);
    if (isImageIndex(document)) yield* this.all(document, depth + 1);
    // Without a platform it may be anything: an image is what has an image's config.
    else if (child.platform !== undefined || isImageConfig(document)) yield this.withPlatform(child, document);
  }

  async withPlatform(descriptor: Descriptor, manifest: ImageManifest): Promise<ChosenImage> {
    const platform = descriptor.platform ?? (await this.#configPlatform(manifest));
    return { descriptor, manifest, ...(platform === undefined ? {} : { platform }) };
  }

  async #configPlatform(manifest: ImageManifest): Promise<Platform | undefined> {
    if (!isImageConfig(manifest)) return undefined;
    const { digest, size } = manifest.config;
    if (size > MAX_MANIFEST_SIZE)
      throw new OciError(
        "ERR_OCI_TOO_LARGE",
        `Cannot read config ${digest}: its ${size} bytes are more than ${MAX_MANIFEST_SIZE}`,
      );
    const stream = await this.#source.stream(manifest.config, this.#options);
    const { platform } = decodeImageConfig(await readAll(stream, MAX_MANIFEST_SIZE, this.#options?.signal));
    return platform.os === "" || platform.architecture === "" ? undefined : platform;
  }

  async #fetch(child: Descriptor, depth: number): Promise<ImageManifest | ImageIndex> {
    if (depth >= MAX_INDEX_DEPTH)
      throw new OciError(
        "ERR_OCI_INVALID_MANIFEST",
        `Cannot read ${child.digest}: image indexes are nested over ${MAX_INDEX_DEPTH} deep`,
      );
    const { bytes } = await this.#source.fetchManifest(child, this.#options);
    return decodeManifest(bytes, child.mediaType);
  }
}

function isImageConfig(manifest: ImageManifest): boolean {
  return manifest.config.mediaType === OCI_CONFIG || manifest.config.mediaType === DOCKER_CONFIG;
}
