import { toByteString, type ByteString, type Digest } from "@socikit/oci";
import type { Ztoc } from "@socikit/ztoc";
import { componentsOf } from "../tree/entry-path.ts";
import { mergeTables } from "../tree/merge-tables.ts";
import { cleanPath } from "./clean-path.ts";
import { combineRanges } from "./combine-ranges.ts";
import { ImageFiles, type ImageFile } from "./image-files.ts";
import { isPattern, parsePattern } from "./path-pattern.ts";
import type { PrefetchArtifact, PrefetchRange } from "./prefetch-artifact.ts";
import type { PrefetchPath } from "./prefetch-list.ts";
import { spanLookup } from "./span-lookup.ts";

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
}

/**
 * Looks paths up in the image as a container sees it: names are cleaned, upper layers hide lower ones, links are followed. A
 * path that is there stands for itself, whatever characters it has, and a directory for all files below it; otherwise it is
 * tried as a pattern. Of each file the spans that hold its header, which readers check first, and its content, and none after it.
 */
export async function imageRanges(
  layers: readonly KnownLayer[],
  paths: readonly PrefetchPath[],
  options: { readonly signal?: AbortSignal | undefined },
): Promise<FoundRanges> {
  const tables = layers.map(({ ztoc }) => ztoc.toc);
  const files = new ImageFiles(await mergeTables(tables, options), tables);
  const priorities = new PriorityByFile();
  const missing: string[] = [];
  for (const { path, priority = 0 } of paths) {
    options.signal?.throwIfAborted();
    const cleaned = cleanPath(path);
    const found = filesOf(files, toByteString(cleaned));
    if (found === undefined) missing.push(cleaned);
    else for (const file of found) priorities.add(file, priority);
  }
  const artifacts = new Map<Digest, PrefetchArtifact>();
  for (const digest of new Set(layers.map((layer) => layer.digest))) {
    const ranges = rangesOf(layers, digest, priorities);
    if (ranges.length > 0) artifacts.set(digest, { ranges: combineRanges(ranges) });
  }
  return { artifacts, missing };
}

/** The files that a path stands for; `undefined` where it stands for nothing that is there. */
function filesOf(files: ImageFiles, path: ByteString): readonly ImageFile[] | undefined {
  const components = componentsOf(path);
  const id = files.find(components);
  if (id !== undefined) return [...files.filesAt(id)];
  if (!isPattern(path)) return undefined;
  const found = [...files.filesMatching(parsePattern(components))];
  return found.length > 0 ? found : undefined;
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
