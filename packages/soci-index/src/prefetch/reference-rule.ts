import { toByteString, type ByteString, type Digest } from "@socikit/oci";
import { decodeTarZinfo, spansOf, ZtocError, type TocEntry, type Ztoc } from "@socikit/ztoc";
import { mergeRanges } from "./merge-ranges.ts";
import type { PrefetchLayer, PrefetchPath } from "./plan-prefetch.ts";
import type { PrefetchArtifact, PrefetchRange } from "./prefetch-artifact.ts";

/** What is prefetched of each layer, and what was not found. */
export interface FoundRanges {
  /** By the layer's digest. */
  readonly artifacts: ReadonlyMap<Digest, PrefetchArtifact>;
  /** Cleaned paths, in the order asked for. */
  readonly missing: readonly string[];
}

/**
 * The reference's rule (spec section 9): the topmost layer that has an entry of just this name, the first such entry. Names
 * are compared as stored, so `./name` is never found; links are not followed, whiteouts not seen, and a range goes up to
 * the span that holds the byte after the file.
 */
export function referenceRanges(
  layers: readonly PrefetchLayer[],
  paths: readonly (string | PrefetchPath)[],
): FoundRanges {
  const ztocs = ztocsByDigest(layers);
  const wanted = new Set<ByteString>(paths.map((path) => toByteString(cleanPath(pathOf(path)))));
  const topFirst = [...new Set(layers.map(({ layer }) => layer.digest).reverse())];
  const found = new Map<ByteString, { readonly digest: Digest; readonly range: PrefetchRange | undefined }>();
  for (const digest of topFirst) {
    const ztoc = ztocs.get(digest);
    if (ztoc === undefined) continue;
    const rangeOf = referenceRangesOf(ztoc);
    for (const entry of ztoc.toc)
      if (wanted.has(entry.name) && !found.has(entry.name)) found.set(entry.name, { digest, range: rangeOf(entry) });
  }
  const ranges = new Map<Digest, PrefetchRange[]>();
  const missing: string[] = [];
  for (const path of paths) {
    const cleaned = cleanPath(pathOf(path));
    const place = found.get(toByteString(cleaned));
    if (place?.range === undefined) missing.push(cleaned);
    else ranges.set(place.digest, [...(ranges.get(place.digest) ?? []), place.range]);
  }
  const artifacts = new Map([...ranges].map(([digest, all]) => [digest, { ranges: mergeRanges(all) }]));
  return { artifacts, missing };
}

/** A layer counts as having a zTOC where any layer of its digest has one. */
export function ztocsByDigest(layers: readonly PrefetchLayer[]): ReadonlyMap<Digest, Ztoc> {
  const ztocs = new Map<Digest, Ztoc>();
  for (const { layer, ztoc } of layers)
    if (ztoc !== undefined && !ztocs.has(layer.digest)) ztocs.set(layer.digest, ztoc);
  return ztocs;
}

/** The path as asked for. */
export function pathOf(path: string | PrefetchPath): string {
  return typeof path === "string" ? path : path.path;
}

/** Go's `path.Clean("/" + path)`, without the slash in front: `..` goes up by name and stops at the root. */
export function cleanPath(path: string): string {
  const clean: string[] = [];
  for (const component of path.split("/")) {
    if (component === "..") clean.pop();
    else if (component !== "" && component !== ".") clean.push(component);
  }
  return clean.join("/");
}

/** The reference's range of an entry; `undefined` where the zinfo cannot be read, which ends its search. */
function referenceRangesOf(ztoc: Ztoc): (entry: TocEntry) => PrefetchRange | undefined {
  let spanAt: (offset: number) => number;
  try {
    spanAt = spanLookup(ztoc);
  } catch (error) {
    if (!(error instanceof ZtocError)) throw error;
    return () => undefined;
  }
  return ({ uncompressedOffset, uncompressedSize }) => {
    const firstSpan = spanAt(uncompressedOffset);
    return { firstSpan, lastSpan: Math.max(firstSpan, spanAt(uncompressedOffset + uncompressedSize)) };
  };
}

function spanLookup(ztoc: Ztoc): (offset: number) => number {
  if (ztoc.compression.algorithm === "uncompressed") {
    const { spanSize } = decodeTarZinfo(ztoc.compression.zinfo);
    // Past the last span too: the reference does not look how many there are.
    return (offset) => Math.trunc(offset / spanSize);
  }
  const starts = spansOf(ztoc).map(({ uncompressed }) => uncompressed.start);
  return (offset) => {
    let low = 0;
    for (let high = starts.length - 1; low < high;) {
      const middle = (low + high + 1) >>> 1;
      if (starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  };
}
