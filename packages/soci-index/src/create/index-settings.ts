import type { ReadOptions } from "@socikit/oci";
import { DEFAULT_SPAN_SIZE } from "@socikit/ztoc/build";
import type { PrefetchRequest } from "../prefetch/plan-prefetch.ts";
import { DEFAULT_BUILD_TOOL } from "../soci-index.ts";

/** Layers that are smaller get no zTOC, in bytes as stored. */
export const DEFAULT_MIN_LAYER_SIZE: number = 10 * 2 ** 20;

/** How layers are indexed, whatever the index is for. */
export interface IndexingOptions extends ReadOptions {
  /**
   * Uncompressed bytes between two places where reading can begin. With 0 every block of a gzip layer is one; a plain tar
   * cannot be divided so.
   *
   * @default {4_194_304}
   */
  readonly spanSize?: number | undefined;
  /** Layers of fewer bytes, as stored, get no zTOC. @default {10_485_760} */
  readonly minLayerSize?: number | undefined;
  /** Written into zTOCs and index; equal content has the reference's digests only with the default. @default {"AWS SOCI CLI v0.2"} */
  readonly buildToolIdentifier?: string | undefined;
  /** `xattr`: say of layers without extended attributes and opaque directories that they have none. */
  readonly optimizations?: readonly "xattr"[] | undefined;
  /** Files whose spans are fetched when the image is mounted; none unless given. */
  readonly prefetch?: PrefetchRequest | undefined;
  /** Builds zTOCs that the target has already. @default {false} */
  readonly force?: boolean | undefined;
  /** Layers worked on at once. @default {2} */
  readonly concurrency?: number | undefined;
}

/** The same, checked and complete. */
export interface IndexSettings {
  readonly spanSize: number;
  readonly minLayerSize: number;
  readonly buildToolIdentifier: string;
  readonly disableXattrs: boolean;
  readonly concurrency: number;
  /** Whether zTOCs are looked into once all are there. Otherwise they are let go of: there may be many large ones. */
  readonly keepZtocs: boolean;
  /** Whether zTOCs are built that are there already. */
  readonly force: boolean;
}

/** @throws {RangeError} for options out of their range, in the order in which the reference looks at them. */
export function indexSettings(options: IndexingOptions): IndexSettings {
  const { spanSize = DEFAULT_SPAN_SIZE, minLayerSize = DEFAULT_MIN_LAYER_SIZE, concurrency = 2 } = options;
  const unknown = (options.optimizations ?? []).find((name) => name !== "xattr");
  if (unknown !== undefined)
    throw new RangeError(`Cannot index image: ${JSON.stringify(unknown)} is not an optimization; there is "xattr"`);
  atLeast("minLayerSize", minLayerSize, 0);
  atLeast("spanSize", spanSize, 0);
  atLeast("concurrency", concurrency, 1);
  return {
    spanSize,
    minLayerSize,
    concurrency,
    buildToolIdentifier: options.buildToolIdentifier ?? DEFAULT_BUILD_TOOL,
    disableXattrs: options.optimizations?.includes("xattr") ?? false,
    keepZtocs: (options.prefetch?.paths.length ?? 0) > 0,
    force: options.force ?? false,
  };
}

function atLeast(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least)
    throw new RangeError(`Cannot index image: ${name} ${value} is not an integer of ${least} or more`);
}
