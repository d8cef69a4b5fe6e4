import { isNotFound, OciError } from "@socikit/oci";
import type { DiscoveredIndex } from "@socikit/soci-index";
import { LazyReadError, type LazyErrorCode } from "./errors.ts";
import type { LazyEvent } from "./events.ts";
import type { LayerIndexFinder } from "./layer-index-finder.ts";

/** Indexes among the referrers that are tried. Each may cost the fetch of all its zTOCs. */
export const MAX_TRIED_INDEXES = 4;

/** What the choice of the index decides, besides what is wrong with its zTOCs: which layers have none, and how large they are. */
const OF_THE_CHOICE: ReadonlySet<LazyErrorCode> = new Set<LazyErrorCode>([
  "ERR_LAZY_INDEX_TOO_LARGE",
  "ERR_LAZY_LAYER_TOO_LARGE",
  "ERR_LAZY_NO_INDEX",
]);

/** Tells an error that lies in an index from those of the network, of logins and of the layers themselves. */
export class IndexFaults {
  readonly #errors = new WeakSet<object>();

  /** Looks for indexes by `find`, and notes what is wrong with them: damaged, of another layer, not there. */
  watch(find: LayerIndexFinder): LayerIndexFinder {
    return async (layer, finding) => {
      const found = await find(layer, finding);
      if (found === undefined) return undefined;
      return {
        size: found.size,
        fetch: async (options) => {
          try {
            return await found.fetch(options);
          } catch (error) {
            // An abort's reason is the error of another layer.
            const isFault = error instanceof LazyReadError || error instanceof OciError || isNotFound(error);
            if (isFault && !options.signal?.aborted) this.#errors.add(error as object);
            throw error;
          }
        },
      };
    };
  }

  /** Whether another index may do where this error came. */
  has(error: unknown): boolean {
    if (error instanceof LazyReadError && OF_THE_CHOICE.has(error.code)) return true;
    return typeof error === "object" && error !== null && this.#errors.has(error);
  }
}

/**
 * Does something by the first index that it can be done by. An index that somebody names is the only one; one that stands among the
 * referrers, where anyone who may push can put it, gives way to the next, {@linkcode MAX_TRIED_INDEXES} at most.
 *
 * @param attempt Is given no index where there is none at all.
 * @throws the first index's error where none can be used.
 */
export async function byUsableIndex<Result>(
  candidates: AsyncGenerator<DiscoveredIndex, void, undefined>,
  emit: (event: LazyEvent) => void,
  attempt: (found: DiscoveredIndex | undefined, faults: IndexFaults) => Promise<Result>,
): Promise<Result> {
  let first: { readonly error: unknown } | undefined;
  try {
    for (let tried = 0; tried < MAX_TRIED_INDEXES; tried++) {
      // One after the other: the next is wanted only where this one is of no use.
      const { value: found } = await candidates.next();
      if (found === undefined && first !== undefined) break;
      const faults = new IndexFaults();
      try {
        return await attempt(found ?? undefined, faults);
      } catch (error) {
        if (found?.via !== "referrers" || !faults.has(error)) throw error;
        const message = error instanceof Error ? error.message : String(error);
        emit({ v: 1, type: "index-rejected", index: found.descriptor.digest, message });
        first ??= { error };
      }
    }
  } finally {
    await candidates.return();
  }
  throw first?.error;
}
