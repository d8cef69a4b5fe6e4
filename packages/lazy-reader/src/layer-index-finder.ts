import type { BlobReader, Descriptor, Digest, ReadOptions } from "@socikit/oci";
import { ztocFor, type SociIndex } from "@socikit/soci-index";
import { createZtocIndex, decodeZtoc } from "@socikit/ztoc";
import { LazyReadError } from "./errors.ts";
import type { ReadableIndex } from "./open-layer.ts";
import { fetchVerified } from "./verified-fetch.ts";

/** An index that a layer has, not fetched yet. */
export interface FoundLayerIndex {
  /** Bytes that it takes, to fetch and to hold. */
  readonly size: number;
  /** The blob that it is in, where it is one: what is wrong with it is wrong by whatever index it is found. */
  readonly digest?: Digest | undefined;
  /** Fetches it, verified. */
  fetch(options: ReadOptions): Promise<ReadableIndex>;
}

/** Looks for the index of a layer. `undefined` where it has none: it is read whole then. */
export type LayerIndexFinder = (
  layer: Descriptor,
  options: ReadOptions,
) => FoundLayerIndex | undefined | Promise<FoundLayerIndex | undefined>;

/** Finds the zTOCs that a SOCI index names. */
export function ztocFinder(blobs: BlobReader, index: SociIndex | undefined): LayerIndexFinder {
  return (layer) => {
    const ztoc = index === undefined ? undefined : ztocFor(index, layer.digest);
    if (ztoc === undefined) return undefined;
    return { size: ztoc.size, digest: ztoc.digest, fetch: (options) => fetchZtoc(blobs, layer, ztoc, options) };
  };
}

/**
 * Fetches and decodes a layer's zTOC.
 *
 * @throws {LazyReadError} `ERR_LAZY_INDEX_MISMATCH` where it is of a layer of another size, `ERR_LAZY_INVALID_INDEX` where it is none.
 */
async function fetchZtoc(
  blobs: BlobReader,
  layer: Descriptor,
  descriptor: Descriptor,
  options: ReadOptions,
): Promise<ReadableIndex> {
  const bytes = await fetchVerified(blobs, descriptor, descriptor.size, `zTOC of layer ${layer.digest}`, options);
  const cannot = `Cannot use zTOC ${descriptor.digest} for layer ${layer.digest}`;
  try {
    const ztoc = decodeZtoc(bytes);
    if (ztoc.compressedArchiveSize !== layer.size)
      throw new LazyReadError(
        "ERR_LAZY_INDEX_MISMATCH",
        `${cannot}: it is of a layer of ${ztoc.compressedArchiveSize} bytes, this one has ${layer.size}`,
      );
    return createZtocIndex(ztoc, descriptor.digest, layer);
  } catch (error) {
    if (error instanceof LazyReadError) throw error;
    // Whatever is wrong with the bytes comes out as this package's error, the decoder's as its cause.
    throw new LazyReadError(
      "ERR_LAZY_INVALID_INDEX",
      `${cannot}: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}
