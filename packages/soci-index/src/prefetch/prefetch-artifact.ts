import { decodeGoJson, encodeGoJson, foldName, type Json, type JsonObject } from "@socikit/oci";
import { SociIndexError } from "../errors.ts";

/** Spans of a layer that are fetched before anyone asks for them. Both ends belong to it, as in the format. */
export interface PrefetchRange {
  /** ID of the first span, from 0 to 2^31 - 1. */
  readonly firstSpan: number;
  /** ID of the last span, from `firstSpan` on. The layer may have fewer spans; there is nothing to fetch past the last one. */
  readonly lastSpan: number;
  /** Lower comes first; 0 unless said otherwise, and then not written. The reference reads it and uses it for nothing. */
  readonly priority?: number;
}

/** What is fetched of one layer when it is mounted (spec section 9). */
export interface PrefetchArtifact {
  /** At least one. Those that socikit or the reference wrote ascend and do not overlap; others may. */
  readonly ranges: readonly PrefetchRange[];
}

/** Largest prefetch artifact that is read, in bytes: some 100,000 ranges. Those of images have a few hundred bytes. */
export const MAX_PREFETCH_SIZE: number = 4 * 1024 * 1024;

/** Version of the format, the only one there is. */
const VERSION = "1.0";
/** The reference's span IDs are 32-bit integers. */
const MAX_SPAN_ID = 2 ** 31 - 1;

/**
 * Decodes a prefetch artifact. Copies what it keeps.
 *
 * @throws {SociIndexError} `ERR_SOCI_PREFETCH_MALFORMED`, also for one without a range or with a range that ends before it
 * begins; `ERR_SOCI_PREFETCH_UNKNOWN_VERSION`; `ERR_SOCI_PREFETCH_TOO_LARGE` past {@linkcode MAX_PREFETCH_SIZE}.
 */
export function decodePrefetch(bytes: Uint8Array): PrefetchArtifact {
  if (bytes.length > MAX_PREFETCH_SIZE)
    throw new SociIndexError(
      "ERR_SOCI_PREFETCH_TOO_LARGE",
      `Cannot decode prefetch artifact: its ${bytes.length} bytes are more than ${MAX_PREFETCH_SIZE}`,
    );
  const document = structOf(parse(bytes), ["version", "prefetch_spans"], "it");
  const version = document.get("version") ?? "";
  if (typeof version !== "string") throw malformed("version is not text");
  if (version !== VERSION)
    throw new SociIndexError(
      "ERR_SOCI_PREFETCH_UNKNOWN_VERSION",
      `Cannot decode prefetch artifact: its version is ${JSON.stringify(version.slice(0, 100))}, not "${VERSION}"`,
    );
  const spans = document.get("prefetch_spans") ?? [];
  if (!Array.isArray(spans)) throw malformed("prefetch_spans is not a list");
  if (spans.length === 0) throw malformed("it has no range");
  return { ranges: spans.map(decodeRange) };
}

function parse(bytes: Uint8Array): Json {
  try {
    return decodeGoJson(bytes);
  } catch (cause) {
    throw malformed((cause as SyntaxError).message, cause);
  }
}

function decodeRange(json: Json, i: number): PrefetchRange {
  const at = `prefetch_spans[${i}]`;
  const range = structOf(json, ["start_span", "end_span", "priority"], at);
  const firstSpan = integerOf(range, "start_span", at, 0, MAX_SPAN_ID);
  const lastSpan = integerOf(range, "end_span", at, 0, MAX_SPAN_ID);
  if (lastSpan < firstSpan) throw malformed(`${at} ends at span ${lastSpan}, before it begins at ${firstSpan}`);
  const priority = integerOf(range, "priority", at, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  return { firstSpan, lastSpan, ...(priority === 0 ? {} : { priority }) };
}

/** An integer; 0 where it is absent or null, which Go does not tell apart from it. */
function integerOf(json: JsonObject, name: string, at: string, least: number, most: number): number {
  const value = json.get(name) ?? 0;
  if (typeof value !== "number" || value < least || value > most)
    throw malformed(`${at}.${name} is not an integer from ${least} to ${most}`);
  return value;
}

/** The members of an object. One that only Go would take for a member, in another case, is refused as in manifests. */
function structOf(json: Json, names: readonly string[], at: string): JsonObject {
  if (!(json instanceof Map)) throw malformed(`${at} is not an object`);
  const object = json as JsonObject;
  for (const name of object.keys()) {
    const meant = names.find((known) => known === foldName(name));
    if (meant !== undefined && meant !== name)
      throw malformed(`${at} has ${JSON.stringify(name)}, which some readers take for ${JSON.stringify(meant)}`);
  }
  return object;
}

function malformed(what: string, cause?: unknown): SociIndexError {
  return new SociIndexError(
    "ERR_SOCI_PREFETCH_MALFORMED",
    `Cannot decode prefetch artifact: ${what}`,
    cause === undefined ? undefined : { cause },
  );
}

/**
 * Encodes a prefetch artifact, byte for byte as the reference does.
 *
 * @throws {RangeError} for no range at all, which no reader takes, and for one that {@linkcode decodePrefetch} refuses.
 */
export function encodePrefetch(artifact: PrefetchArtifact): Uint8Array {
  if (artifact.ranges.length === 0) throw new RangeError("Cannot encode prefetch artifact: it has no range");
  return encodeGoJson({
    version: VERSION,
    prefetch_spans: artifact.ranges.map(({ firstSpan, lastSpan, priority }) => {
      if (!(firstSpan >= 0 && firstSpan <= lastSpan && lastSpan <= MAX_SPAN_ID))
        throw new RangeError(`Cannot encode prefetch artifact: spans ${firstSpan} to ${lastSpan} are no range`);
      return { start_span: firstSpan, end_span: lastSpan, priority: priority === 0 ? undefined : priority };
    }),
  });
}
