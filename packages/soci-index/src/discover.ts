import {
  isNotFound,
  OciError,
  verifiedManifests,
  type Descriptor,
  type Digest,
  type ImageManifest,
  type ManifestReader,
  type ReadOptions,
  type ReferrerLister,
  type ReferrersAnswer,
} from "@socikit/oci";
import { SOCI_INDEX_DIGEST } from "./annotations.ts";
import type { DiscoveryCode, DiscoveryEvent, DiscoveryStep } from "./discovery-event.ts";
import { SociIndexError } from "./errors.ts";
import { SOCI_INDEX_V1 } from "./media-types.ts";
import { decodeSociIndex, selectSociIndex, sociIndexDigestOf, type SociIndex } from "./soci-index.ts";

/** What {@linkcode discoverSociIndex} may be told. */
export interface DiscoverOptions extends ReadOptions {
  /** The index to use, whatever the image says. */
  readonly indexDigest?: Digest | undefined;
  /** Gets the trace. */
  readonly onEvent?: ((event: DiscoveryEvent) => void) | undefined;
}

/** An index that was found. */
export interface DiscoveredIndex {
  /** Of the index manifest. */
  readonly descriptor: Descriptor;
  /** What it says. */
  readonly index: SociIndex;
  /** How it was found. */
  readonly via: DiscoveryStep;
}

/** Most referrers that are looked at. An image has one or two indexes; whoever may push can add as many as they like. */
const MAX_CANDIDATES = 16;

/** Where indexes are looked for. */
export interface DiscoveryPorts {
  /** The manifests, and what refers to them. */
  readonly index: ManifestReader & ReferrerLister;
}

/** The image whose index is looked for. */
export interface DiscoveryImage {
  /** Of the image's manifest. */
  readonly descriptor: Descriptor;
  /** The same, decoded. */
  readonly manifest: ImageManifest;
}

/**
 * The index of an image: the one named by digest, else by the image's annotation (v2), else the first of its referrers
 * (v1), as the reference looks for it (spec section 15). `undefined` where there is none.
 *
 * An index that is named is used or the call fails; nothing else is tried in its place. Of referrers, which anyone who
 * may push can add, those that are not a v1 index with this image as subject are passed over, and so are those that are
 * damaged or listed and not there: one bad entry does not make an image unreadable. Manifests are checked against digest and
 * size here.
 *
 * @throws {SociIndexError} `ERR_SOCI_INDEX_MALFORMED` or another code of `decodeSociIndex`, for an index that is named.
 * @throws what the port throws, of the network and of logins above all; of a referrer, not that it is not there.
 */
export async function discoverSociIndex(
  ports: DiscoveryPorts,
  image: DiscoveryImage,
  options: DiscoverOptions = {},
): Promise<DiscoveredIndex | undefined> {
  for await (const found of sociIndexCandidates(ports, image, options)) return found;
  return undefined;
}

/**
 * The indexes that an image may be read by, the one that {@linkcode discoverSociIndex} finds first: for a caller that finds out
 * later that one is of no use, because a zTOC of it is damaged, and wants the next. One that is named has none behind it.
 *
 * Nothing is asked for before it is needed: whoever stops at the first makes the same requests as `discoverSociIndex`, and throws
 * what that throws. At most 16 referrers are looked at, and each is given once.
 */
export async function* sociIndexCandidates(
  ports: DiscoveryPorts,
  image: DiscoveryImage,
  options: DiscoverOptions = {},
): AsyncGenerator<DiscoveredIndex, void, undefined> {
  const { signal, priority, indexDigest } = options;
  const read: ReadOptions = { signal, priority };
  const manifests = verifiedManifests(ports.index);
  const tell: Tell = (event) => options.onEvent?.({ v: 1, type: "discovery", ...event });

  const named = async (digest: Digest, step: "digest" | "annotation"): Promise<DiscoveredIndex> => {
    const event = { step, asked: digest, index: digest };
    const named = `${digest} is named by ${step === "digest" ? "the caller" : "the image's annotation"}`;
    let found: Candidate;
    try {
      found = await fetchIndex(manifests, digest, read);
    } catch (error) {
      const message = `${named} and cannot be used: ${error instanceof Error ? error.message : String(error)}`;
      if (signal?.aborted !== true) tell({ ...event, outcome: "failed", code: "named-unusable", message });
      throw error;
    }
    tell({ ...event, outcome: "found", code: "named", message: named });
    return { ...found, via: step };
  };
  if (indexDigest !== undefined) {
    yield await named(indexDigest, "digest");
    return;
  }

  const annotated = sociIndexDigestOf(image.manifest);
  if (annotated !== undefined) {
    yield await named(annotated, "annotation");
    return;
  }
  const annotation = image.manifest.annotations?.[SOCI_INDEX_DIGEST];
  const ofAnnotation = { step: "annotation", asked: SOCI_INDEX_DIGEST } as const;
  if (annotation !== undefined) {
    const message = `its annotation ${JSON.stringify(annotation.slice(0, 200))} is not a digest`;
    tell({ ...ofAnnotation, outcome: "failed", code: "not-a-digest", message });
    throw new SociIndexError(
      "ERR_SOCI_INDEX_MALFORMED",
      `Cannot find the SOCI index of ${image.descriptor.digest}: ${message}`,
    );
  }
  const message = `the image has no annotation ${SOCI_INDEX_DIGEST}`;
  tell({ ...ofAnnotation, outcome: "absent", code: "no-annotation", message });

  yield* referrerCandidates(ports.index, manifests, image.descriptor.digest, read, tell);
}

async function* referrerCandidates(
  lister: ReferrerLister,
  manifests: ManifestReader,
  subject: Digest,
  read: ReadOptions,
  tell: Tell,
): AsyncGenerator<DiscoveredIndex, void, undefined> {
  const given = new Set<Digest>();
  let looked = 0;
  let rejected = false;
  const step = "referrers";
  const reject = (code: DiscoveryCode, message: string, index?: Digest): void => {
    rejected = true;
    tell({ step, outcome: "rejected", code, message, ...(index === undefined ? {} : { index }) });
  };
  const onAnswer = (answer: ReferrersAnswer): void => tell({ step, outcome: "answered", ...answerOf(answer) });
  try {
    for await (const referrer of lister.referrers(subject, { ...read, artifactType: SOCI_INDEX_V1, onAnswer })) {
      // Not every registry filters.
      if (selectSociIndex([referrer]) === undefined) continue;
      if (looked === MAX_CANDIDATES) {
        reject("too-many-referrers", `more than ${MAX_CANDIDATES} manifests are listed as SOCI indexes of the image`);
        break;
      }
      looked++;
      // One at a time: most often the first that fits is used.
      const candidate = await fetchCandidate(manifests, referrer, subject, read);
      if ("code" in candidate) {
        const message = `${referrer.digest} is listed as a referrer of the image, but ${candidate.why}`;
        reject(candidate.code, message, referrer.digest);
        continue;
      }
      const { digest } = candidate.descriptor;
      if (given.has(digest)) continue;
      given.add(digest);
      const message = `${digest} is listed as a referrer of the image, which anyone who may push there can add`;
      tell({ step, outcome: "found", code: "referrer", index: digest, message });
      yield { ...candidate, via: "referrers" };
      // Whoever comes back for another has found no use for this one.
      rejected = true;
    }
  } catch (error) {
    // Whoever may push can write the list too, where the registry keeps it under a tag.
    if (!(error instanceof OciError)) throw error;
    reject("list-unusable", `the list of the image's referrers cannot be used: ${error.message}`);
  }
  const message = rejected
    ? `no SOCI index that the registry lists for ${subject} can be used`
    : `the registry lists no SOCI index for ${subject}`;
  tell({ step, outcome: "absent", code: rejected ? "none-usable" : "none-listed", message });
}

/** What one way to the list of referrers has answered. */
function answerOf({
  way,
  asked,
  outcome,
  listed,
  given,
}: ReferrersAnswer): Pick<DiscoveryEvent, "code" | "asked" | "message"> {
  if (outcome === "listed") {
    const what = way === "api" ? `the referrers API lists ${listed}` : `the tag ${asked} lists ${listed}`;
    const message = `${what}, ${given} of them taken for SOCI indexes${way === "api" ? "" : " that were not listed before"}`;
    return { code: way === "api" ? "api-listed" : "tag-listed", asked, message };
  }
  if (outcome === "absent") return { code: "tag-absent", asked, message: `there is no tag ${asked}` };
  if (outcome === "unsupported")
    return { code: "api-unsupported", asked, message: "the registry has no referrers API" };
  return way === "api"
    ? { code: "api-unusable", asked, message: "the referrers API answers with what is no list" }
    : { code: "tag-unusable", asked, message: `the tag ${asked} is no list of referrers` };
}

/** A referrer that says it is an index, read; or what is wrong with it, so that the next is tried. */
async function fetchCandidate(
  manifests: ManifestReader,
  referrer: Descriptor,
  subject: Digest,
  read: ReadOptions,
): Promise<Candidate | Refused> {
  try {
    const { descriptor, index } = await fetchIndex(manifests, referrer, read);
    if (index.version === "v2") return { code: "referrer-v2", why: "it is a v2 index" };
    if (index.subject?.digest !== subject)
      return { code: "referrer-of-another", why: `its subject is ${index.subject?.digest ?? "missing"}` };
    return { descriptor, index };
  } catch (error) {
    // A stale entry of the list, or one that is no index or damaged. What says nothing of the entry is not passed over.
    const isMissing = isNotFound(error);
    if (!isMissing && !(error instanceof OciError || error instanceof SociIndexError)) throw error;
    const why = `it cannot be used: ${error instanceof Error ? error.message : String(error)}`;
    return { code: isMissing ? "referrer-missing" : "referrer-damaged", why };
  }
}

async function fetchIndex(
  manifests: ManifestReader,
  target: Descriptor | Digest,
  read: ReadOptions,
): Promise<Candidate> {
  const { descriptor, bytes } = await manifests.fetchManifest(target, read);
  return { descriptor, index: decodeSociIndex(bytes) };
}

type Tell = (event: Omit<DiscoveryEvent, "v" | "type">) => void;

interface Candidate {
  readonly descriptor: Descriptor;
  readonly index: SociIndex;
}

interface Refused {
  readonly code: DiscoveryCode;
  readonly why: string;
}
