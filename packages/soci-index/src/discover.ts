import type {
  Descriptor,
  Digest,
  ImageManifest,
  ManifestReader,
  ProgressEvent,
  ReadOptions,
  ReferrerLister,
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
 * - `rejected`: a referrer says that it is an index and is not one of this image.
 * - `found`: the index that is used.
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

/**
 * The index of an image: the one named by digest, else by the image's annotation (v2), else the first of its referrers
 * (v1), as the reference looks for it (spec section 15). `undefined` where there is none.
 *
 * An index that is named is used or the call fails; nothing else is tried in its place. Of referrers, which anyone who
 * may push can add, those that are not a v1 index with this image as subject are passed over.
 *
 * @throws {SociIndexError} `ERR_SOCI_INDEX_MALFORMED` or another code of `decodeSociIndex`; what the port throws.
 */
export async function discoverSociIndex(
  ports: { readonly index: ManifestReader & ReferrerLister },
  image: { readonly descriptor: Descriptor; readonly manifest: ImageManifest },
  options: DiscoverOptions = {},
): Promise<DiscoveredIndex | undefined> {
  const { signal, priority, indexDigest } = options;
  const read: ReadOptions = { signal, priority };
  const tell = (event: Omit<DiscoveryEvent, "v" | "type">): void =>
    options.onEvent?.({ v: 1, type: "discovery", ...event });

  const named = async (digest: Digest, via: "digest" | "annotation"): Promise<DiscoveredIndex> => {
    const { descriptor, bytes } = await ports.index.fetchManifest(digest, read);
    const index = decodeSociIndex(bytes);
    tell({
      step: via,
      outcome: "found",
      index: digest,
      message: `${digest} is named by ${via === "digest" ? "the caller" : "the image's annotation"}`,
    });
    return { descriptor, index, via };
  };
  if (indexDigest !== undefined) return named(indexDigest, "digest");

  const annotated = sociIndexDigestOf(image.manifest);
  if (annotated !== undefined) return named(annotated, "annotation");
  const annotation = image.manifest.annotations?.[SOCI_INDEX_DIGEST];
  if (annotation !== undefined)
    throw new SociIndexError(
      "ERR_SOCI_INDEX_MALFORMED",
      `Cannot find the SOCI index of ${image.descriptor.digest}: its annotation ${JSON.stringify(annotation.slice(0, 200))} is not a digest`,
    );
  tell({ step: "annotation", outcome: "absent", message: `the image has no annotation ${SOCI_INDEX_DIGEST}` });

  const subject = image.descriptor.digest;
  let candidates = 0;
  for await (const referrer of ports.index.referrers(subject, { ...read, artifactType: SOCI_INDEX_V1 })) {
    // Not every registry filters.
    if (selectSociIndex([referrer]) === undefined) continue;
    if (++candidates > MAX_CANDIDATES) break;
    // One at a time: the first that fits is used.
    const { descriptor, bytes } = await ports.index.fetchManifest(referrer, read);
    const index = decodeSociIndex(bytes);
    if (index.version === "v1" && index.subject?.digest === subject) {
      tell({
        step: "referrers",
        outcome: "found",
        index: descriptor.digest,
        message: `${descriptor.digest} is listed as a referrer of the image, which anyone who may push there can add`,
      });
      return { descriptor, index, via: "referrers" };
    }
    const other = index.version === "v2" ? "it is a v2 index" : `its subject is ${index.subject?.digest ?? "missing"}`;
    tell({
      step: "referrers",
      outcome: "rejected",
      index: descriptor.digest,
      message: `${descriptor.digest} is listed as a referrer of the image, but ${other}`,
    });
  }
  tell({ step: "referrers", outcome: "absent", message: `the registry lists no SOCI index for ${subject}` });
  return undefined;
}
