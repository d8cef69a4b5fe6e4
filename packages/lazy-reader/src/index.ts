/**
 * Reads files of a remote image without pulling it: spans to verified bytes to files. {@linkcode openImage} opens a whole image with its
 * layers merged, {@linkcode openLayer} one layer. Both meet a registry, a directory or memory at the ports of `@socikit/oci`.
 *
 * @module
 */
export { LAZY_ERROR_CODES, LazyReadError, type LazyErrorCode } from "./errors.ts";
export type { LazyEvent } from "./events.ts";
export { openImage, type ImagePorts, type LazyImage, type OpenImageOptions } from "./open-image.ts";
export type { PlatformChoice } from "./find-manifest.ts";
export { DEFAULT_WHOLE_LAYER_BYTES, DEFAULT_ZTOC_BYTES, type LayerOpenerOptions } from "./layer-opener.ts";
export type { FoundLayerIndex, LayerIndexFinder } from "./layer-index-finder.ts";
export {
  openLayer,
  DEFAULT_CONCURRENCY,
  type LayerOptions,
  type LayerPorts,
  type ReadableIndex,
} from "./open-layer.ts";
export type { OpenSource } from "./shared-source.ts";
export { openWholeLayer, type WholeLayerOptions } from "./whole-layer.ts";
export { ByteBudget } from "./byte-budget.ts";
export type { LayerMode, LazyLayer } from "./lazy-layer.ts";
export type { Attributes, FileTree, OpenFile } from "./file-tree.ts";
export { createImageTree, type ImageTree } from "./image-tree.ts";
export {
  createPathReader,
  MAX_SYMLINKS,
  type FileInfo,
  type ListOptions,
  type PathReader,
  type ReadFileOptions,
} from "./image-paths.ts";
// The merged names of an image's layers, which prefetch lists are looked up in too.
export {
  entryPath,
  MAX_MERGED_ENTRIES,
  MAX_PATH_BYTES,
  MAX_PATH_DEPTH,
  MAX_TREE_ENTRIES,
  MergedTree,
  whiteoutOf,
  type RefusedEntry,
  type Whiteout,
} from "@socikit/soci-index";
export { EntryContents, MAX_HEADER_BYTES, MAX_READ_BYTES } from "./entry-content.ts";
export {
  createPieceCache,
  DEFAULT_CACHE_BYTES,
  type CachedPiece,
  type PieceCache,
  type TrustTier,
} from "./piece-cache.ts";
export { coalesce, planRead, type PieceFetch, type PieceRead } from "./plan.ts";
export { DEFAULT_HELD_BYTES, DEFAULT_REQUEST_BYTES } from "./piece-loader.ts";
export { FetchQueue } from "./fetch-queue.ts";
export { plainDecoder } from "./plain-decoder.ts";
export { windowMatches } from "./window.ts";
