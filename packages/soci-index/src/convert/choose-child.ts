import {
  isIndexType,
  isManifestType,
  matchesPlatform,
  MAX_INDEX_DEPTH,
  type ChosenImage,
  type Descriptor,
  type Digest,
  type Platform,
} from "@socikit/oci";
import { isLayerType } from "../create/layer-choice.ts";
import { SOCI_INDEX_V2, SOCI_PREFETCH } from "../media-types.ts";
import { anyConfigPlatform, configPlatform, tooDeep } from "./image-platforms.ts";
import type { SourceContent } from "./source-content.ts";

/** A child of the index that a platform is found at. */
export interface ChosenChild {
  /** The child, as the index lists it. */
  readonly child: Descriptor;
  /** The image that is indexed: the child itself, or what lies below it where it is an index. */
  readonly image: ChosenImage;
  /** What the image's config says, where the index says nothing. */
  readonly configPlatform?: Platform;
  /** Whether its layers are an image's. */
  readonly isImage: boolean;
}

/**
 * The child for a platform (spec section 8.5): the first that matches. The image is looked for among all that match, those with
 * more features first, as in the reference; the two differ for Windows alone.
 *
 * Where that is no image, others are tried, unlike in the reference: artifacts and SOCI indexes are passed over, a child
 * without a platform is asked what its config says, and of an index in the index all that match are tried. Where there is
 * none but an artifact, that.
 */
export async function chooseChild(
  source: SourceContent,
  children: readonly Descriptor[],
  request: Platform,
): Promise<ChosenChild | undefined> {
  const candidates = children.filter(
    ({ artifactType, platform }) =>
      artifactType !== SOCI_INDEX_V2 && (platform === undefined || matchesPlatform(request, platform)),
  );
  const named = candidates.find(({ platform }) => platform !== undefined);
  const image = named && (await new ImageSearch(source, request).first(featuresFirst(candidates), 0));
  if (named !== undefined && image !== undefined && isIndexable(image)) return { child: named, image, isImage: true };
  let artifact: ChosenChild | undefined;
  for (const child of candidates) {
    const below = await new ImageSearch(source, request).below(child, 0);
    if (below === undefined) continue;
    const said = child.platform === undefined ? below.platform : undefined;
    const chosen = {
      child,
      image: below,
      isImage: isIndexable(below),
      ...(said === undefined ? {} : { configPlatform: said }),
    };
    if (chosen.isImage) return chosen;
    artifact ??= chosen;
  }
  return artifact;
}

function isIndexable({ manifest }: ChosenImage): boolean {
  return manifest.layers.every(({ mediaType }) => mediaType === SOCI_PREFETCH || isLayerType(mediaType));
}

/** Those that say more of themselves first, and last those that say nothing. */
function featuresFirst(descriptors: readonly Descriptor[]): readonly Descriptor[] {
  const rank = ({ platform }: Descriptor): number =>
    platform === undefined ? -1 : (platform["os.features"]?.length ?? 0);
  return [...descriptors].sort((a, b) => rank(b) - rank(a));
}

class ImageSearch {
  readonly #source: SourceContent;
  readonly #request: Platform;
  /** Indexes that were looked into: the same could be listed without end. */
  readonly #entered = new Set<Digest>();

  constructor(source: SourceContent, request: Platform) {
    this.#source = source;
    this.#request = request;
  }

  async first(descriptors: readonly Descriptor[], depth: number): Promise<ChosenImage | undefined> {
    for (const descriptor of descriptors) {
      const found = await this.below(descriptor, depth);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** The image of the platform at a descriptor or below it. A descriptor's platform, where it has one, matches already. */
  async below(descriptor: Descriptor, depth: number): Promise<ChosenImage | undefined> {
    const { mediaType, digest } = descriptor;
    if (!isManifestType(mediaType) && !isIndexType(mediaType)) return undefined;
    if (isIndexType(mediaType) && this.#entered.has(digest)) return undefined;
    this.#entered.add(digest);
    const { document } = await this.#source.document(descriptor);
    if ("index" in document) {
      if (depth >= MAX_INDEX_DEPTH) throw tooDeep(descriptor);
      const matching = document.index.manifests.filter(
        ({ platform }) => platform === undefined || matchesPlatform(this.#request, platform),
      );
      return this.first(featuresFirst(matching), depth + 1);
    }
    const { manifest } = document;
    // Further down the reference takes any config's word.
    const platformOf = depth === 0 ? configPlatform : anyConfigPlatform;
    const platform = descriptor.platform ?? (await platformOf(this.#source, manifest));
    if (platform === undefined || !matchesPlatform(this.#request, platform)) return undefined;
    return { descriptor, manifest, platform };
  }
}
