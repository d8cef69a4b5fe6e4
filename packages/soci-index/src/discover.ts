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
const MAX_CANDIDATES = 64;
/** Most of those without a good one that are looked at in the list's order. */
const MAX_IN_ORDER = 16;
/** Most that are listed, to find the newest of them. */
const MAX_LISTED = 1000;

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
 * what that throws. The first of the referrers that is an index of the image comes first, as the reference has it (spec section 15). Where that is of no use the
 * newest comes next, by `org.opencontainers.image.created` of those that have it, else the last of the list: an index that was made
 * anew is the last one. At most 64 referrers are looked at, of the first thousand, and each is given once.
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
  let rejected = false;
  const step = "referrers";
  const reject = (code: DiscoveryCode, message: string, index?: Digest): void => {
    rejected = true;
    tell({ step, outcome: "rejected", code, message, ...(index === undefined ? {} : { index }) });
  };
  const onAnswer = (answer: ReferrersAnswer): void => tell({ step, outcome: "answered", ...answerOf(answer) });
  const rest: Descriptor[] = [];
  let failure: { readonly error: unknown } | undefined;
  const tryOut = async (referrer: Descriptor): Promise<DiscoveredIndex | undefined> => {
    const candidate = await fetchCandidate(manifests, referrer, subject, read);
    if ("code" in candidate) {
      const message = `${referrer.digest} is listed as a referrer of the image, but ${candidate.why}`;
      reject(candidate.code, message, referrer.digest);
      return undefined;
    }
    const { digest } = candidate.descriptor;
    if (given.has(digest)) return undefined;
    given.add(digest);
    const message = `${digest} is listed as a referrer of the image, which anyone who may push there can add`;
    tell({ step, outcome: "found", code: "referrer", index: digest, message });
    return { ...candidate, via: "referrers" };
  };
  const seen = new Set<Digest>();
  try {
    for await (const referrer of lister.referrers(subject, { ...read, artifactType: SOCI_INDEX_V1, onAnswer })) {
      // Not every registry filters.
      if (selectSociIndex([referrer]) === undefined) continue;
      if (seen.has(referrer.digest)) continue;
      if (seen.size === MAX_LISTED) break;
      seen.add(referrer.digest);
      if (given.size > 0 || seen.size > MAX_IN_ORDER) {
        rest.push(referrer);
        continue;
      }
      // Most often the first is used, and nothing more is asked for.
      const found = await tryOut(referrer);
      if (found !== undefined) yield found;
      // Whoever comes back for another has found no use for this one.
      if (found !== undefined) rejected = true;
    }
  } catch (error) {
    read.signal?.throwIfAborted();
    // What was listed before is there all the same.
    failure = { error };
  }
  const left = MAX_CANDIDATES - (seen.size - rest.length);
  for (const referrer of newestFirst(rest).slice(0, left)) {
    // One at a time: the next is looked at where this one is of no use.
    const found = await tryOut(referrer);
    if (found !== undefined) yield found;
  }
  if (rest.length > left)
    reject(
      "too-many-referrers",
      `more than ${MAX_CANDIDATES} manifests are listed as SOCI indexes of the image, and no more are looked at; one that is named is used (--index DIGEST)`,
    );
  if (failure !== undefined) {
    // Whoever may push can write the list too, where the registry keeps it under a tag.
    if (!(failure.error instanceof OciError)) throw failure.error;
    reject("list-unusable", `the list of the image's referrers cannot be used: ${failure.error.message}`);
  }
  const message = rejected
    ? `no SOCI index that the registry lists for ${subject} can be used`
    : `the registry lists no SOCI index for ${subject}`;
  tell({ step, outcome: "absent", code: rejected ? "none-usable" : "none-listed", message });
}

/** Those that say when they were made, the last one first, then the others from the list's end. */
function newestFirst(listed: readonly Descriptor[]): readonly Descriptor[] {
  const madeAt = ({ annotations }: Descriptor): number => {
    const time = Date.parse(annotations?.["org.opencontainers.image.created"] ?? "");
    return Number.isNaN(time) ? Number.NEGATIVE_INFINITY : time;
  };
  return [...listed]
    .reverse()
    .map((referrer) => ({ referrer, time: madeAt(referrer) }))
    .sort((a, b) => (a.time === b.time ? 0 : b.time - a.time))
    .map(({ referrer }) => referrer);
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
  if (outcome === "refused")
    return {
      code: "api-refused",
      asked,
      message: "the registry answers the referrers API with an error, the fallback tag is asked all the same",
    };
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
