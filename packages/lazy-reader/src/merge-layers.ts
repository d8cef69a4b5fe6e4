import { mergeTables, SociIndexError, type MergedTree, type RefusedEntry } from "@socikit/soci-index";
import type { LazyLayer } from "./lazy-layer.ts";
import { LazyReadError } from "./errors.ts";

/** Bounds of a merge. */
export interface MergeOptions {
  /** Entries of the tree at most. {@linkcode MAX_TREE_ENTRIES} unless said otherwise. */
  readonly maxTreeEntries?: number | undefined;
  /** Entries of the layers together at most. {@linkcode MAX_MERGED_ENTRIES} unless said otherwise. */
  readonly maxMergedEntries?: number | undefined;
  /** Ends the merge. */
  readonly signal?: AbortSignal | undefined;
  /** Told of the entries that are not taken. */
  readonly onRefused: (layer: LazyLayer, refused: RefusedEntry) => void;
}

/**
 * Merges layers, oldest first. Other things get their turn meanwhile, the signal's abort above all.
 *
 * @throws {LazyReadError} `ERR_LAZY_TOO_MANY_ENTRIES`; where the layers have too many together, before anything is done.
 */
export async function mergeLayers(layers: readonly LazyLayer[], options: MergeOptions): Promise<MergedTree> {
  const { signal, maxTreeEntries, maxMergedEntries, onRefused } = options;
  try {
    return await mergeTables(
      layers.map(({ toc }) => toc),
      { signal, maxTreeEntries, maxMergedEntries, onRefused: (layer, refused) => onRefused(layers[layer]!, refused) },
    );
  } catch (cause) {
    if (!(cause instanceof SociIndexError) || cause.code !== "ERR_SOCI_TOO_MANY_ENTRIES") throw cause;
    throw new LazyReadError("ERR_LAZY_TOO_MANY_ENTRIES", cause.message, { cause });
  }
}
