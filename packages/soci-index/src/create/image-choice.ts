import {
  DOCKER_CONFIG,
  decodeImageConfig,
  decodeManifest,
  hostPlatform,
  isImageIndex,
  matchesPlatform,
  MAX_MANIFEST_SIZE,
  OCI_CONFIG,
  OciError,
  readAll,
  selectPlatform,
  verifyStream,
  type BlobReader,
  type Descriptor,
  type Digest,
  type ImageIndex,
  type ImageManifest,
  type ManifestReader,
  type Platform,
  type ReadOptions,
} from "@socikit/oci";

/** One image manifest that is to be indexed. */
export interface ChosenImage {
  /** The manifest, with media type, digest and size as whatever lists it has them. */
  readonly descriptor: Descriptor;
  /** Its content. */
  readonly manifest: ImageManifest;
  /** What it runs on, where that is said anywhere. */
  readonly platform?: Platform;
}

/** Which images of an image index. */
export interface ImageChoice {
  /** The platforms to index, "all" of them, or the host's where absent. */
  readonly platforms?: readonly Platform[] | "all" | undefined;
  /** What is preferred where nothing is asked for. */
  readonly hostPlatform?: Platform | undefined;
}

/** Deepest nesting of image indexes. Real ones are one deep, rarely two. */
const MAX_DEPTH = 8;

/**
 * The image manifests below a tag or digest that are to be indexed, each once, in the order asked for.
 *
 * Of an index: the platforms asked for; without a request the host's, else the only one there is; all, without
 * attestations and other artifacts. An index in the index is entered, and what is found there is indexed under its own
 * digest, by which clients ask. A single manifest is taken whatever is asked for, as the reference takes it, except where
 * its own descriptor names another platform.
 *
 * @throws {OciError} `ERR_OCI_PLATFORM_NOT_FOUND`, listing what there is; `ERR_OCI_INVALID_MANIFEST`.
 */
export async function chooseImages(
  source: ManifestReader & BlobReader,
  tagOrDigest: string,
  choice: ImageChoice,
  options?: ReadOptions,
): Promise<{ readonly top: Descriptor; readonly images: readonly ChosenImage[] }> {
  const top = await source.fetchManifest(tagOrDigest, options);
  const document = decodeManifest(top.bytes, top.descriptor.mediaType);
  const chosen = new Map<Digest, ChosenImage>();
  const add = (image: ChosenImage): void => {
    if (!chosen.has(image.descriptor.digest)) chosen.set(image.descriptor.digest, image);
  };
  const walk = new Walk(source, choice.hostPlatform ?? hostPlatform(), options);
  const { platforms } = choice;
  if (!isImageIndex(document)) {
    const { platform } = top.descriptor;
    const wanted = platforms === "all" ? [] : (platforms ?? []);
    for (const request of wanted)
      if (platform && !matchesPlatform(request, platform)) selectPlatform([top.descriptor], request, request);
    add(await walk.withPlatform(top.descriptor, document));
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
    const child = selectPlatform(index.manifests, request, this.host);
    const document = await this.#fetch(child, depth);
    if (isImageIndex(document)) return this.one(document, request ?? child.platform, depth + 1);
    return this.withPlatform(child, document);
  }

  async *all(index: ImageIndex, depth: number): AsyncIterable<ChosenImage> {
    for (const child of index.manifests) {
      if (child.artifactType !== undefined) continue;
      const { platform } = child;
      if (platform !== undefined && (platform.os === "unknown" || platform.architecture === "unknown")) continue;
      const document = await this.#fetch(child, depth);
      if (isImageIndex(document)) yield* this.all(document, depth + 1);
      // Without a platform it may be anything: an image is what has an image's config.
      else if (platform !== undefined || isImageConfig(document)) yield this.withPlatform(child, document);
    }
  }

  async withPlatform(descriptor: Descriptor, manifest: ImageManifest): Promise<ChosenImage> {
    const platform = descriptor.platform ?? (await this.#configPlatform(manifest));
    return { descriptor, manifest, ...(platform === undefined ? {} : { platform }) };
  }

  async #configPlatform(manifest: ImageManifest): Promise<Platform | undefined> {
    if (!isImageConfig(manifest)) return undefined;
    const stream = verifyStream(await this.#source.stream(manifest.config, this.#options), manifest.config);
    const { platform } = decodeImageConfig(await readAll(stream, MAX_MANIFEST_SIZE, this.#options?.signal));
    return platform.os === "" || platform.architecture === "" ? undefined : platform;
  }

  async #fetch(child: Descriptor, depth: number): Promise<ImageManifest | ImageIndex> {
    if (depth >= MAX_DEPTH)
      throw new OciError(
        "ERR_OCI_INVALID_MANIFEST",
        `Cannot read ${child.digest}: image indexes are nested over ${MAX_DEPTH} deep`,
      );
    const { bytes } = await this.#source.fetchManifest(child, this.#options);
    return decodeManifest(bytes, child.mediaType);
  }
}

function isImageConfig(manifest: ImageManifest): boolean {
  return manifest.config.mediaType === OCI_CONFIG || manifest.config.mediaType === DOCKER_CONFIG;
}
