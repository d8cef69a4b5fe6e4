import { toByteString, type ByteString, type Digest } from "@socikit/oci";
import { decodeTarZinfo, ZtocError, type TocEntry, type Ztoc } from "@socikit/ztoc";
import { cleanPath } from "./clean-path.ts";
import { combineRanges } from "./combine-ranges.ts";
import type { FoundRanges, KnownLayer } from "./image-rule.ts";
import type { PrefetchRange } from "./prefetch-artifact.ts";
import type { PrefetchPath } from "./prefetch-list.ts";
import { SearchWork } from "./search-work.ts";
import { spanLookup } from "./span-lookup.ts";

/**
 * The reference's rule (spec section 9): the topmost layer that has an entry of just this name, the first such entry. Names
 * are compared as stored, so `./name` is never found; links are not followed, whiteouts not seen, priorities not known, and a
 * range goes up to the span that holds the byte after the file.
 */
export async function referenceRanges(
  layers: readonly KnownLayer[],
  paths: readonly PrefetchPath[],
  options: { readonly signal?: AbortSignal | undefined },
): Promise<FoundRanges> {
  const work = new SearchWork(Number.POSITIVE_INFINITY);
  const names = paths.map(({ path }) => cleanPath(path));
  const wanted = new Set<ByteString>(names.map((name) => toByteString(name)));
  const found = new Map<ByteString, { readonly digest: Digest; readonly range: PrefetchRange | undefined }>();
  const looked = new Set<Digest>();
  for (const { digest, ztoc } of [...layers].reverse()) {
    if (looked.has(digest)) continue;
    looked.add(digest);
    const rangeOf = referenceRangeOf(ztoc);
    for (const entry of ztoc.toc) {
      if (wanted.has(entry.name) && !found.has(entry.name)) found.set(entry.name, { digest, range: rangeOf(entry) });
      work.spend(1);
      // Each layer hides those below.
      if (work.isTurn) await work.turn(options.signal);
    }
  }
  const ranges = new Map<Digest, PrefetchRange[]>();
  const missing: string[] = [];
  for (const name of names) {
    const place = found.get(toByteString(name));
    if (place?.range === undefined) {
      missing.push(name);
      continue;
    }
    const all = ranges.get(place.digest) ?? [];
    ranges.set(place.digest, all);
    all.push(place.range);
  }
  return {
    artifacts: new Map([...ranges].map(([digest, all]) => [digest, { ranges: combineRanges(all) }])),
    missing,
    problems: new Map(),
  };
}

/** The reference's range of an entry; `undefined` where the zinfo cannot be read, which ends its search. */
function referenceRangeOf(ztoc: Ztoc): (entry: TocEntry) => PrefetchRange | undefined {
  let spanAt: (offset: number) => number;
  try {
    spanAt = referenceLookup(ztoc);
  } catch (error) {
    if (!(error instanceof ZtocError)) throw error;
    return () => undefined;
  }
  return ({ uncompressedOffset, uncompressedSize }) => {
    const firstSpan = spanAt(uncompressedOffset);
    return { firstSpan, lastSpan: Math.max(firstSpan, spanAt(uncompressedOffset + uncompressedSize)) };
  };
}

function referenceLookup(ztoc: Ztoc): (offset: number) => number {
  if (ztoc.compression.algorithm === "gzip") return spanLookup(ztoc);
  const { spanSize } = decodeTarZinfo(ztoc.compression.zinfo);
  // Past the last span too: it does not look how many there are.
  return (offset) => Math.trunc(offset / spanSize);
}
