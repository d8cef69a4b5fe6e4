import { printable, type Digest, type ProgressEvent } from "@socikit/oci";

/** A way to the index of an image, in the order in which they are tried. */
export type DiscoveryStep = "digest" | "annotation" | "referrers";

/** What was answered, each a distinct one. Codes are stable API; messages are not. */
export const DISCOVERY_CODES = [
  // The index that is named, by the caller or by the image.
  "named",
  "named-unusable",
  "no-annotation",
  "not-a-digest",
  // What the registry was asked for and has answered; stores that know by themselves answer nothing.
  "api-listed",
  "api-unsupported",
  "api-unusable",
  "api-refused",
  "tag-listed",
  "tag-absent",
  "tag-unusable",
  // What became of a referrer.
  "referrer",
  "referrer-missing",
  "referrer-damaged",
  "referrer-v2",
  "referrer-of-another",
  "too-many-referrers",
  "list-unusable",
  // What became of all of them.
  "none-listed",
  "none-usable",
] as const;

/** One of {@linkcode DISCOVERY_CODES}. */
export type DiscoveryCode = (typeof DISCOVERY_CODES)[number];

/**
 * One step of `discoverSociIndex`: what was asked, what was answered.
 *
 * - `absent`: there is none by this way, and the next is tried.
 * - `answered`: what the registry says to a question for referrers.
 * - `rejected`: a referrer says that it is an index and is not one of this image, is damaged, or is listed and not there;
 *   or the list itself cannot be read.
 * - `found`: the index that is used, unless the caller asks for the next.
 * - `failed`: the index that is named cannot be used, and the call fails.
 */
export interface DiscoveryEvent extends ProgressEvent {
  readonly type: "discovery";
  /** The way that was tried. */
  readonly step: DiscoveryStep;
  /** The answer. */
  readonly outcome: "absent" | "answered" | "rejected" | "found" | "failed";
  /** The answer, exactly. */
  readonly code: DiscoveryCode;
  /** What was asked for: a digest, the annotation's key, the path of the referrers API, or the fallback tag. */
  readonly asked?: string;
  /** What was asked and answered, in a sentence. */
  readonly message: string;
  /** The index, where the step had one. */
  readonly index?: Digest;
}

const STEPS: Readonly<Record<DiscoveryStep, string>> = {
  digest: "digest",
  annotation: "annotation (v2)",
  referrers: "referrers (v1)",
};

/**
 * The trace of a discovery as lines for people: the way, the outcome, the sentence. What a registry answered comes before what
 * became of the referrers in it, though it is known only when its list has ended.
 */
export function describeTrace(events: readonly DiscoveryEvent[]): readonly string[] {
  const ordered: DiscoveryEvent[] = [];
  let waiting: DiscoveryEvent[] = [];
  for (const event of events) {
    if (event.outcome === "answered") {
      ordered.push(event, ...waiting);
      waiting = [];
    } else waiting.push(event);
  }
  ordered.push(...waiting);
  // Steps come in their order whatever the list has done: nothing of a later one is in front of an earlier one.
  const order: readonly DiscoveryStep[] = ["digest", "annotation", "referrers"];
  return order.flatMap((step) =>
    ordered
      .filter((event) => event.step === step)
      .map(({ outcome, message }) => `${STEPS[step]}: ${outcome}: ${printable(message)}`),
  );
}
