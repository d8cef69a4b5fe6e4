import { SociIndexError } from "../errors.ts";
import { MergedTree, type EntryNames, type RefusedEntry } from "./merged-tree.ts";

/**
 * Entries of an image's layers together, unless told otherwise. A layer counts as often as the manifest names it, and each time is
 * work, though it may change nothing: a manifest has room for ten thousand.
 */
export const MAX_MERGED_ENTRIES: number = 10_000_000;

/** Bounds of a merge. */
export interface MergeTablesOptions {
  /** Entries of the tree at most. `MAX_TREE_ENTRIES` unless said otherwise. */
  readonly maxTreeEntries?: number | undefined;
  /** Entries of the layers together at most. {@linkcode MAX_MERGED_ENTRIES} unless said otherwise. */
  readonly maxMergedEntries?: number | undefined;
  /** Ends the merge. */
  readonly signal?: AbortSignal | undefined;
  /** Told of the entries that are not taken; `layer` counts from 0. */
  readonly onRefused?: ((layer: number, refused: RefusedEntry) => void) | undefined;
}

/**
 * Merges the tables of contents of layers, oldest first. Other things get their turn meanwhile, the signal's abort above all.
 *
 * @throws {SociIndexError} `ERR_SOCI_TOO_MANY_ENTRIES`; where the layers have too many together, before anything is done.
 */
export async function mergeTables(
  tables: readonly EntryNames[],
  options: MergeTablesOptions = {},
): Promise<MergedTree> {
  const { signal, onRefused, maxMergedEntries = MAX_MERGED_ENTRIES } = options;
  const entries = tables.reduce((sum, { length }) => sum + length, 0);
  if (entries > maxMergedEntries)
    throw new SociIndexError(
      "ERR_SOCI_TOO_MANY_ENTRIES",
      `Cannot merge layers: the ${tables.length} of them have ${entries} entries together, more than ${maxMergedEntries}`,
    );
  const tree = new MergedTree(options.maxTreeEntries);
  for (const [layer, toc] of tables.entries()) {
    const steps = tree.addInSteps(layer, toc, (refused) => onRefused?.(layer, refused));
    while (!steps.next().done) {
      // One after the other: each layer goes on top of those before.
      await new Promise((resolve) => setTimeout(resolve, 0));
      signal?.throwIfAborted();
    }
  }
  return tree;
}
