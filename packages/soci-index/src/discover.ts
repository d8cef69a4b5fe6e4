import {
  isNotFound,
  OciError,
  verifiedManifests,
  type Descriptor,
  type Digest,
  type ImageManifest,
  type ManifestReader,
  type ProgressEvent,
  type ReadOptions,
  type ReferrerLister,
} from "@socikit/oci";
import { SOCI_INDEX_DIGEST } from "./annotations.ts";
import { SociIndexError } from "./errors.ts";
import { SOCI_INDEX_V1 } from "./media-types.ts";
import { decodeSociIndex, selectSociIndex, sociIndexDigestOf, type SociIndex } from "./soci-index.ts";

/** How an index was found. */
export type DiscoveryStep = "digest" | "annotation" | "referrers";

/**
 * One step of {@linkcode discoverSociIndex}: what was asked, what was answered.
 *
 * - `absent`: there is none by this way, and the next is tried.
 * - `rejected`: a referrer says that it is an index and is not one of this image, is damaged, or is listed and not there;
 *   or the list itself cannot be read.
 * - `found`: the index that is used, unless the caller asks for the next.
 */
export interface DiscoveryEvent extends ProgressEvent {
  readonly type: "discovery";
  /** The way that was tried. */
  readonly step: DiscoveryStep;
  /** The answer. */
  readonly outcome: "absent" | "rejected" | "found";
  /** What was asked and answered, in a sentence. */
  readonly message: string;
  /** The index, where the step had one. */
  readonly index?: Digest;
}

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
  const tell = (event: Omit<DiscoveryEvent, "v" | "type">): void =>
    options.onEvent?.({ v: 1, type: "discovery", ...event });

  const named = async (digest: Digest, via: "digest" | "annotation"): Promise<DiscoveredIndex> => {
    const { descriptor, bytes } = await manifests.fetchManifest(digest, read);
    const index = decodeSociIndex(bytes);
    tell({
      step: via,
      outcome: "found",
      index: digest,
      message: `${digest} is named by ${via === "digest" ? "the caller" : "the image's annotation"}`,
    });
    return { descriptor, index, via };
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
  if (annotation !== undefined)
    throw new SociIndexError(
      "ERR_SOCI_INDEX_MALFORMED",
      `Cannot find the SOCI index of ${image.descriptor.digest}: its annotation ${JSON.stringify(annotation.slice(0, 200))} is not a digest`,
    );
  tell({ step: "annotation", outcome: "absent", message: `the image has no annotation ${SOCI_INDEX_DIGEST}` });

  const subject = image.descriptor.digest;
  const given = new Set<Digest>();
  let looked = 0;
  let rejected = false;
  const reject = (message: string, index?: Digest): void => {
    rejected = true;
    tell({ step: "referrers", outcome: "rejected", message, ...(index === undefined ? {} : { index }) });
  };
  try {
    for await (const referrer of ports.index.referrers(subject, { ...read, artifactType: SOCI_INDEX_V1 })) {
      // Not every registry filters.
      if (selectSociIndex([referrer]) === undefined) continue;
      if (looked === MAX_CANDIDATES) break;
      looked++;
      // One at a time: most often the first that fits is used.
      const candidate = await fetchCandidate(manifests, referrer, subject, read);
      if (typeof candidate === "string") {
        reject(`${referrer.digest} is listed as a referrer of the image, but ${candidate}`, referrer.digest);
        continue;
      }
      const { digest } = candidate.descriptor;
      if (given.has(digest)) continue;
      given.add(digest);
      const message = `${digest} is listed as a referrer of the image, which anyone who may push there can add`;
      tell({ step: "referrers", outcome: "found", index: digest, message });
      yield { ...candidate, via: "referrers" };
      // Whoever comes back for another has found no use for this one.
      rejected = true;
    }
  } catch (error) {
    // Whoever may push can write the list too, where the registry keeps it under a tag.
    if (!(error instanceof OciError)) throw error;
    reject(`the list of the image's referrers cannot be used: ${error.message}`);
  }
  const message = rejected
    ? `no SOCI index that the registry lists for ${subject} can be used`
    : `the registry lists no SOCI index for ${subject}`;
  tell({ step: "referrers", outcome: "absent", message });
}

/** A referrer that says it is an index, read; or what is wrong with it, so that the next is tried. */
async function fetchCandidate(
  manifests: ManifestReader,
  referrer: Descriptor,
  subject: Digest,
  read: ReadOptions,
): Promise<{ readonly descriptor: Descriptor; readonly index: SociIndex } | string> {
  try {
    const { descriptor, bytes } = await manifests.fetchManifest(referrer, read);
    const index = decodeSociIndex(bytes);
    if (index.version === "v2") return "it is a v2 index";
    if (index.subject?.digest !== subject) return `its subject is ${index.subject?.digest ?? "missing"}`;
    return { descriptor, index };
  } catch (error) {
    // A stale entry of the list, or one that is no index or damaged. What says nothing of the entry is not passed over.
    if (error instanceof OciError || error instanceof SociIndexError || isNotFound(error))
      return `it cannot be used: ${error instanceof Error ? error.message : String(error)}`;
    throw error;
  }
}
