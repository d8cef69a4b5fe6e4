import { encodeGoJson } from "@socikit/oci";

/** Spans of a layer that are fetched before anyone asks for them. Both ends belong to it, as in the format. */
export interface PrefetchRange {
  /** ID of the first span. */
  readonly firstSpan: number;
  /** ID of the last span. */
  readonly lastSpan: number;
  /** Lower comes first. 0 unless said otherwise, and then not written; the reference reads it and uses it for nothing. */
  readonly priority?: number;
}

/** What is fetched of one layer when it is mounted (spec section 9). */
export interface PrefetchArtifact {
  /** In ascending order, where socikit or the reference wrote them. */
  readonly ranges: readonly PrefetchRange[];
}

/** Version of the format, the only one there is. */
const VERSION = "1.0";

/**
 * Encodes a prefetch artifact, byte for byte as the reference does.
 *
 * @throws {RangeError} for no range at all, which no reader takes.
 */
export function encodePrefetch(artifact: PrefetchArtifact): Uint8Array {
  if (artifact.ranges.length === 0) throw new RangeError("Cannot encode prefetch artifact: it has no range");
  return encodeGoJson({
    version: VERSION,
    prefetch_spans: artifact.ranges.map(({ firstSpan, lastSpan, priority }) => ({
      start_span: firstSpan,
      end_span: lastSpan,
      priority: priority === 0 ? undefined : priority,
    })),
  });
}
