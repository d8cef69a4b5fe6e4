import { toByteString, type Digest } from "@socikit/oci";
import type { Ztoc } from "@socikit/ztoc";
import { componentsOf } from "../tree/entry-path.ts";
import { mergeTables } from "../tree/merge-tables.ts";
import { cleanPath } from "./clean-path.ts";
import { combineRanges } from "./combine-ranges.ts";
import { ImageFiles, type ImageFile } from "./image-files.ts";
import { isPattern, parsePattern, patternProblem } from "./path-pattern.ts";
import type { PrefetchArtifact, PrefetchRange } from "./prefetch-artifact.ts";
import type { PrefetchPath } from "./prefetch-list.ts";
import { SearchWork } from "./search-work.ts";
import { spanLookup } from "./span-lookup.ts";

/** What a path costs before anything is looked at: it is cleaned, and parsed where it is a pattern. */
const LOOKS_OF_A_PATH = 10;

/** A layer that can be looked into. */
export interface KnownLayer {
  readonly digest: Digest;
  readonly ztoc: Ztoc;
}

/** What is prefetched of each layer, and what was not found. */
export interface FoundRanges {
  /** By the layer's digest. */
  readonly artifacts: ReadonlyMap<Digest, PrefetchArtifact>;
  /** Cleaned paths, in the order asked for. */
  readonly missing: readonly string[];
  /** What is wrong with those of them that are broken patterns, in a few words. */
  readonly problems: ReadonlyMap<string, string>;
}

/**
 * Looks paths up in the image as a container sees it: names are cleaned, upper layers hide lower ones, links are followed. A
 * path that is there stands for itself, whatever characters it has, and a directory for all files below it; otherwise it is
 * tried as a pattern. Others get their turn meanwhile, the signal's abort above all. Of each file the spans that hold its header, which readers check first, and its content, and none after it.
 *
 * @throws {SociIndexError} `ERR_SOCI_PREFETCH_TOO_BROAD` where more than `maxLooks` names have to be looked at.
 */
export async function imageRanges(
  layers: readonly KnownLayer[],
  paths: readonly PrefetchPath[],
  options: { readonly signal?: AbortSignal | undefined; readonly maxLooks?: number | undefined },
): Promise<FoundRanges> {
  const tables = layers.map(({ ztoc }) => ztoc.toc);
  const work = new SearchWork(options.maxLooks);
  const files = new ImageFiles(await mergeTables(tables, options), tables, work);
  const priorities = new PriorityByFile();
  const missing = new Set<string>();
  const problems = new Map<string, string>();
  const wanted: string[] = [];
  const best = new Map<string, number>();
  for (const { path, priority = 0 } of paths) {
    const cleaned = cleanPath(path);
    wanted.push(cleaned);
    // Each once, with the best priority that it is asked for with.
    best.set(cleaned, Math.min(priority, best.get(cleaned) ?? Number.POSITIVE_INFINITY));
    work.spend(LOOKS_OF_A_PATH + Math.floor(path.length / 64));
    if (work.isTurn) await work.turn(options.signal);
  }
  for (const [path, priority] of best) {
    const components = componentsOf(toByteString(path));
    work.spend(LOOKS_OF_A_PATH);
    const id = files.find(components);
    const isTried = id === undefined && isPattern(path);
    const search =
      id === undefined ? (isTried ? files.filesMatching(parsePattern(components)) : []) : files.filesAt(id);
    let isThere = id !== undefined;
    for (const file of search) {
      // The search goes on where it was.
      if (file === undefined) await work.turn(options.signal);
      else {
        isThere = true;
        priorities.add(file, priority);
      }
    }
    if (!isThere) missing.add(path);
    const problem = isTried && !isThere ? patternProblem(components) : undefined;
    if (problem !== undefined) problems.set(path, problem);
    if (work.isTurn) await work.turn(options.signal);
  }
  const artifacts = new Map<Digest, PrefetchArtifact>();
  for (const digest of new Set(layers.map((layer) => layer.digest))) {
    const ranges = rangesOf(layers, digest, priorities);
    if (ranges.length > 0) artifacts.set(digest, { ranges: combineRanges(ranges) });
  }
  return { artifacts, missing: wanted.filter((path) => missing.has(path)), problems };
}

/** The best priority that was asked for, of each file. */
class PriorityByFile {
  readonly #layers: Map<number, Map<number, number>> = new Map();

  add({ layer, entry }: ImageFile, priority: number): void {
    const entries = this.#layers.get(layer) ?? new Map<number, number>();
    entries.set(entry, Math.min(priority, entries.get(entry) ?? Number.POSITIVE_INFINITY));
    this.#layers.set(layer, entries);
  }

  of(layer: number): ReadonlyMap<number, number> {
    return this.#layers.get(layer) ?? new Map();
  }
}

/** The spans of one layer, wherever the image has it. */
function rangesOf(layers: readonly KnownLayer[], digest: Digest, priorities: PriorityByFile): PrefetchRange[] {
  const ranges: PrefetchRange[] = [];
  for (const [i, layer] of layers.entries()) {
    const wanted = layer.digest === digest ? priorities.of(i) : new Map<number, number>();
    if (wanted.size === 0) continue;
    const extent = extentsOf(layer.ztoc);
    const spanAt = spanLookup(layer.ztoc);
    for (const [entry, priority] of wanted) {
      const { start, end } = extent(entry);
      if (end > start) ranges.push({ firstSpan: spanAt(start), lastSpan: spanAt(end - 1), priority });
    }
  }
  return ranges;
}

/** Where each file lies in the tar stream, from its header to its content's end. Nothing for a file without content. */
function extentsOf({ toc, uncompressedArchiveSize }: Ztoc): (entry: number) => { start: number; end: number } {
  const offsets = Float64Array.from(toc, ({ uncompressedOffset }) => uncompressedOffset).sort();
  return (entry) => {
    const { headerOffset, uncompressedOffset, uncompressedSize } = toc.at(entry);
    // A sparse file's size is its logical one. Its content ends before the next one's at the latest.
    const end = Math.min(
      uncompressedOffset + uncompressedSize,
      uncompressedArchiveSize,
      nextOf(offsets, uncompressedOffset),
    );
    if (end <= uncompressedOffset) return { start: 0, end: 0 };
    return { start: Math.min(headerOffset, uncompressedOffset), end };
  };
}

/** The first offset after one. */
function nextOf(offsets: Float64Array, offset: number): number {
  let low = 0;
  for (let high = offsets.length; low < high;) {
    const middle = (low + high) >>> 1;
    if (offsets[middle]! <= offset) low = middle + 1;
    else high = middle;
  }
  return offsets[low] ?? Number.POSITIVE_INFINITY;
}
