import {
  isDigest,
  isNotFound,
  OciError,
  readAll,
  verifyStream,
  type BlobReader,
  type Descriptor,
  type Digest,
  type ReadOptions,
} from "@socikit/oci";
import { SOCI_LAYER_DIGEST } from "../annotations.ts";
import { SociIndexError } from "../errors.ts";
import { SOCI_PREFETCH } from "../media-types.ts";
import type { SociIndex } from "../soci-index.ts";
import { combineRanges } from "./combine-ranges.ts";
import { decodePrefetch, MAX_PREFETCH_SIZE, type PrefetchArtifact } from "./prefetch-artifact.ts";

/** A prefetch artifact that an index names. */
export interface ListedPrefetch {
  /** The layer that it is of. */
  readonly layer: Digest;
  /** The artifact's descriptor. */
  readonly descriptor: Descriptor;
  /** What it says; absent where it cannot be used. */
  readonly artifact?: PrefetchArtifact;
  /** Why it cannot: it is not there, is damaged, or of a version that is not known. */
  readonly error?: Error;
}

/** Descriptors of an index's prefetch artifacts: of one layer, or of all. Each once, though an index may name it twice. */
export function prefetchesOf(index: SociIndex, layer?: Digest): readonly Descriptor[] {
  const seen = new Set<string>();
  return index.blobs.filter(({ mediaType, digest, annotations }) => {
    const of = annotations?.[SOCI_LAYER_DIGEST];
    if (mediaType !== SOCI_PREFETCH || of === undefined || !isDigest(of)) return false;
    if (layer !== undefined && of !== layer) return false;
    return !seen.has(`${of} ${digest}`) && seen.add(`${of} ${digest}`);
  });
}

/**
 * Reads a prefetch artifact, checked against digest and size.
 *
 * @throws {SociIndexError} what `decodePrefetch` throws, `ERR_SOCI_PREFETCH_TOO_LARGE` before anything is read.
 * @throws {OciError} `ERR_OCI_DIGEST_MISMATCH`, `ERR_OCI_SIZE_MISMATCH`; and what the port throws.
 */
export async function readPrefetch(
  source: Pick<BlobReader, "stream">,
  descriptor: Descriptor,
  options?: ReadOptions,
): Promise<PrefetchArtifact> {
  const { digest, size } = descriptor;
  if (size > MAX_PREFETCH_SIZE)
    throw new SociIndexError(
      "ERR_SOCI_PREFETCH_TOO_LARGE",
      `Cannot read prefetch artifact ${digest}: its ${size} bytes are more than ${MAX_PREFETCH_SIZE}`,
    );
  const stream = verifyStream(await source.stream(descriptor, options), descriptor);
  return decodePrefetch(await readAll(stream, MAX_PREFETCH_SIZE, options?.signal));
}

/**
 * The prefetch artifacts of an index, in its order, each read. One that cannot be used comes with the reason and does not end the
 * list: no file depends on it.
 *
 * @throws what the port throws of other things than the artifact: the network, logins, aborts.
 */
export async function* listPrefetch(
  source: Pick<BlobReader, "stream">,
  index: SociIndex,
  options?: ReadOptions,
): AsyncGenerator<ListedPrefetch, void, undefined> {
  for (const descriptor of prefetchesOf(index)) {
    // `prefetchesOf` gives those alone that have one.
    const layer = descriptor.annotations![SOCI_LAYER_DIGEST] as Digest;
    yield { layer, descriptor, ...(await tryRead(source, descriptor, options)) };
  }
}

async function tryRead(
  source: Pick<BlobReader, "stream">,
  descriptor: Descriptor,
  options: ReadOptions | undefined,
): Promise<Pick<ListedPrefetch, "artifact" | "error">> {
  try {
    return { artifact: await readPrefetch(source, descriptor, options) };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if (!(error instanceof OciError || error instanceof SociIndexError || isNotFound(error))) throw error;
    return { error };
  }
}

/**
 * The spans that prefetch artifacts of one layer name, each once: those of the lowest priority number first, then in ascending
 * order. What is past the layer's last span is left out, so the number of spans bounds the result whatever the artifacts claim.
 *
 * @param spanCount Spans that the layer has.
 */
export function prefetchSpans(artifacts: readonly PrefetchArtifact[], spanCount: number): readonly number[] {
  const ranges = combineRanges(artifacts.flatMap((artifact) => artifact.ranges));
  const spans: number[] = [];
  for (const { firstSpan, lastSpan } of ranges.sort((a, b) => (a.priority ?? 0) - (b.priority ?? 0)))
    for (let span = firstSpan; span <= lastSpan && span < spanCount; span++) spans.push(span);
  return spans;
}
