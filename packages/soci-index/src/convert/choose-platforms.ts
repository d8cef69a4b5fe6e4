import { formatPlatform, hostPlatform, matchesPlatform, OciError, type Descriptor, type Platform } from "@socikit/oci";
import { chooseChild, type ChosenChild } from "./choose-child.ts";
import { nameOfChild, type ConvertDecision } from "./convert-decision.ts";
import { defaultPlatform, distinctPlatforms } from "./requested-platform.ts";
import { isUnknown } from "./image-platforms.ts";
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
  const there = distinctPlatforms(working.platforms.filter((platform) => !isUnknown(platform)));
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
      // What the index says nothing of, and is of no platform, is an attestation more likely than an image.
      const isAttestation = isUnknown(request) && chosen.configPlatform !== undefined;
      const isWanted = choice.platforms !== "all" || (chosen.isImage && !isAttestation);
      (isWanted ? found : artifacts).push({ request, chosen });
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
  if (found.length === 0) {
    // What is wrong with an artifact is said of it where there is no image.
    const wrong = artifacts.filter(({ chosen }) => !chosen.isImage);
    if (wrong.length > 0) return wrong;
    throw notFound(there.length === 0 ? undefined : asked[0], there);
  }
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
  const fail = (what: string): OciError =>
    new OciError("ERR_OCI_PLATFORM_NOT_FOUND", `Cannot choose a platform: ${what}`);
  if (request === undefined) return fail("the index has no images");
  const wanted = formatPlatform(request);
  if (there.some((platform) => matchesPlatform(request, platform)))
    return fail(`the index names ${wanted}, and leads to no image of it`);
  const has = there.length === 0 ? "no images" : there.map(formatPlatform).join(", ");
  return fail(`the image has none for ${wanted}; it has ${has}`);
}
