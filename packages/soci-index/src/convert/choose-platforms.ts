import { formatPlatform, hostPlatform, matchesPlatform, OciError, type Descriptor, type Platform } from "@socikit/oci";
import { chooseChild, type ChosenChild } from "./choose-child.ts";
import { nameOfChild, type ConvertDecision } from "./convert-decision.ts";
import { defaultPlatform, distinctPlatforms } from "./requested-platform.ts";
import type { SourceContent } from "./source-content.ts";
import type { WorkingIndex } from "./working-index.ts";

/** A platform that was asked for, and what it is found at. */
export interface ChosenPlatform {
  /** As it was asked for. */
  readonly request: Platform;
  readonly chosen: ChosenChild;
}

/** Which platforms of an image. */
export interface PlatformChoice {
  /** Those named, all, or where absent what a lone manifest is of, the host's, or the only one that there is. */
  readonly platforms?: readonly Platform[] | "all" | undefined;
  /** What is preferred where nothing is asked for. */
  readonly hostPlatform?: Platform | undefined;
}

/**
 * The platforms that are asked for, each once, and what they are found at (spec sections 8.5 and 10.1).
 *
 * @throws {OciError} `ERR_OCI_PLATFORM_NOT_FOUND`, listing what there is.
 */
export async function choosePlatforms(
  source: SourceContent,
  working: WorkingIndex,
  choice: PlatformChoice,
  decide: (decision: ConvertDecision) => void,
): Promise<readonly ChosenPlatform[]> {
  const { manifests } = working.index;
  const there = distinctPlatforms(working.platforms);
  const asked = requestsOf(working, choice);
  const found: ChosenPlatform[] = [];
  const artifacts: ChosenPlatform[] = [];
  const decideWithout = (child: Descriptor, what: string): void =>
    decide({
      code: "platform-without-image",
      digest: child.digest,
      message: `${nameOfChild(child)} ${what}: it gets no SOCI index`,
    });
  for (const request of distinctPlatforms(asked)) {
    const chosen = await chooseChild(source, manifests, request);
    if (chosen !== undefined) {
      (chosen.isImage || choice.platforms !== "all" ? found : artifacts).push({ request, chosen });
      continue;
    }
    const named = manifests.find(({ platform }) => platform !== undefined && matchesPlatform(request, platform));
    if (choice.platforms === "all" && named !== undefined) {
      decideWithout(named, "leads to no image of its platform");
      continue;
    }
    // Nobody asked for it: what there is instead need not be chosen where there is one thing alone.
    const [only, ...others] = there;
    if (choice.platforms === undefined && only !== undefined && others.length === 0 && asked[0] !== only)
      return choosePlatforms(source, working, { platforms: [only] }, decide);
    throw notFound(request, there);
  }
  if (found.length === 0 && artifacts[0] === undefined) throw notFound(asked[0], there);
  // What is wrong with an artifact is said of it where there is no image.
  if (found.length === 0) return artifacts;
  for (const { chosen } of artifacts) decideWithout(chosen.child, "is an artifact and no image");
  return found;
}

function requestsOf(working: WorkingIndex, { platforms, hostPlatform: host }: PlatformChoice): readonly Platform[] {
  if (platforms === "all") return working.platforms;
  if (platforms !== undefined && platforms.length > 0) return platforms;
  const [own] = working.platforms;
  return working.isSingle && own !== undefined ? [own] : [defaultPlatform(host ?? hostPlatform())];
}

function notFound(request: Platform | undefined, there: readonly Platform[]): OciError {
  const wanted = request === undefined ? "any platform" : formatPlatform(request);
  const isNamed = request !== undefined && there.some((platform) => matchesPlatform(request, platform));
  const has = there.length === 0 ? "no images" : there.map(formatPlatform).join(", ");
  return new OciError(
    "ERR_OCI_PLATFORM_NOT_FOUND",
    `Cannot choose a platform: ${isNamed ? `the index names ${wanted}, and leads to no image of it` : `the image has none for ${wanted}; it has ${has}`}`,
  );
}
