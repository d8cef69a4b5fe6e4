import { isNotFound, OciError } from "@socikit/oci";
import type { DiscoveredIndex } from "@socikit/soci-index";
import { LazyReadError, type LazyErrorCode } from "./errors.ts";
import type { LazyEvent } from "./events.ts";
import type { LayerIndexFinder } from "./layer-index-finder.ts";

/** Indexes among the referrers that are tried. */
export const MAX_TRIED_INDEXES = 32;
/** Bytes of zTOCs that are fetched for indexes of no use, before no other is tried. Each may cost the fetch of all its zTOCs. */
export const MAX_TRIED_BYTES: number = 256 * 1024 * 1024;

/** What the choice of the index decides, besides what is wrong with its zTOCs: which layers have none, and how large they are. */
const OF_THE_CHOICE: ReadonlySet<LazyErrorCode> = new Set<LazyErrorCode>([
  "ERR_LAZY_INDEX_TOO_LARGE",
  "ERR_LAZY_LAYER_TOO_LARGE",
  "ERR_LAZY_NO_INDEX",
]);

/**
 * Tells an error that lies in an index from those of the network, of logins and of the layers themselves. What is wrong with a blob is
 * remembered: it is not fetched again for the next index that names it.
 */
export class IndexFaults {
  /** Bytes that have been asked for, of blobs. */
  bytes = 0;
  readonly #errors = new WeakSet<object>();
  readonly #known = new Map<string, object>();

  /** Looks for indexes by `find`, and notes what is wrong with them: damaged, of another layer, not there. */
  watch(find: LayerIndexFinder): LayerIndexFinder {
    return async (layer, finding) => {
      const found = await find(layer, finding);
      if (found === undefined) return undefined;
      const { size, digest } = found;
      // A zTOC that is right for one layer may be wrong for another.
      const key = digest === undefined ? undefined : `${digest} ${size} ${layer.digest} ${layer.size}`;
      return {
        size,
        digest,
        fetch: async (options) => {
          const known = key === undefined ? undefined : this.#known.get(key);
          if (known !== undefined) throw known;
          this.bytes += size;
          try {
            return await found.fetch(options);
          } catch (error) {
            // An abort's reason is the error of another layer.
            const isFault = error instanceof LazyReadError || error instanceof OciError || isNotFound(error);
            if (isFault && !options.signal?.aborted) {
              this.#errors.add(error as object);
              if (key !== undefined) this.#known.set(key, error as object);
            }
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
 * referrers, where anyone who may push can put it, gives way to the next, {@linkcode MAX_TRIED_INDEXES} at most, or
 * {@linkcode MAX_TRIED_BYTES} of zTOCs.
 *
 * @param attempt Is given no index where there is none at all.
 * @throws the first index's error where none can be used; `ERR_LAZY_INVALID_INDEX` with that as `cause` where there may be more.
 */
export async function byUsableIndex<Result>(
  candidates: AsyncGenerator<DiscoveredIndex, void, undefined>,
  emit: (event: LazyEvent) => void,
  attempt: (found: DiscoveredIndex | undefined, faults: IndexFaults) => Promise<Result>,
): Promise<Result> {
  let first: { readonly error: unknown } | undefined;
  const faults = new IndexFaults();
  try {
    for (let tried = 0; ; tried++) {
      // One after the other: the next is wanted only where this one is of no use.
      const { value: found } = await candidates.next();
      if (found === undefined && first !== undefined) throw first.error;
      if (first !== undefined && (tried === MAX_TRIED_INDEXES || faults.bytes >= MAX_TRIED_BYTES))
        throw tooMany(tried, first.error);
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
}

function tooMany(tried: number, cause: unknown): LazyReadError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new LazyReadError(
    "ERR_LAZY_INVALID_INDEX",
    `Cannot use any of the ${tried} SOCI indexes of the image that were tried, and no more are (${MAX_TRIED_INDEXES} at most, or ${MAX_TRIED_BYTES / 1024 / 1024} MiB of zTOCs); one that is named is used (--index DIGEST). The first of them: ${message}`,
    { cause },
  );
}
