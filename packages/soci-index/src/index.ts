/**
 * SOCI index manifests: which zTOC belongs to which layer of an image. Encode, decode, and find the one of an image.
 * Making one for an image is in `./build`.
 *
 * @module
 */
export { SOCI_INDEX_ERROR_CODES, SociIndexError, type SociIndexErrorCode } from "./errors.ts";
export { SOCI_INDEX_V1, SOCI_INDEX_V2, SOCI_PREFETCH, SOCI_ZTOC } from "./media-types.ts";
export {
  SOCI_BUILD_TOOL,
  SOCI_DISABLE_XATTRS,
  SOCI_INDEX_DIGEST,
  SOCI_LAYER_DIGEST,
  SOCI_LAYER_MEDIA_TYPE,
  SOCI_MANIFEST_DIGEST,
  SOCI_SPAN_SIZE,
} from "./annotations.ts";
export {
  artifactTypeOf,
  createSociIndex,
  decodeSociIndex,
  DEFAULT_BUILD_TOOL,
  encodeSociIndex,
  selectSociIndex,
  sociIndexConfig,
  sociIndexDigestOf,
  ztocFor,
  type IndexedLayer,
  type SociIndex,
  type SociIndexOptions,
} from "./soci-index.ts";
export {
  discoverSociIndex,
  sociIndexCandidates,
  type DiscoveredIndex,
  type DiscoverOptions,
  type DiscoveryImage,
  type DiscoveryPorts,
} from "./discover.ts";
export {
  describeTrace,
  DISCOVERY_CODES,
  type DiscoveryCode,
  type DiscoveryEvent,
  type DiscoveryStep,
} from "./discovery-event.ts";
export {
  componentsOf,
  entryPath,
  MAX_PATH_BYTES,
  MAX_PATH_DEPTH,
  whiteoutOf,
  type Whiteout,
} from "./tree/entry-path.ts";
export { MAX_MERGED_ENTRIES, mergeTables, type MergeTablesOptions } from "./tree/merge-tables.ts";
export {
  MAX_TREE_ENTRIES,
  MergedTree,
  type EntryName,
  type EntryNames,
  type RefusedEntry,
} from "./tree/merged-tree.ts";
export {
  decodePrefetch,
  encodePrefetch,
  MAX_PREFETCH_SIZE,
  type PrefetchArtifact,
  type PrefetchRange,
} from "./prefetch/prefetch-artifact.ts";
export {
  listPrefetch,
  prefetchesOf,
  prefetchSpans,
  readPrefetch,
  type ListedPrefetch,
} from "./prefetch/read-prefetch.ts";
