/**
 * The zTOC: table of contents and checkpoints of one compressed layer, with which any file of the layer is one range
 * request away. Codec, span geometry, and the layer index that a lazy reader plans with. `@socikit/ztoc/build` makes one.
 *
 * @module
 */
export { ZTOC_ERROR_CODES, ZtocError, type ZtocErrorCode } from "./errors.ts";
export {
  ENTRY_TYPES,
  type CompressionAlgorithm,
  type CompressionInfo,
  type EntryType,
  type TableOfContents,
  type TocEntry,
  type Ztoc,
} from "./ztoc.ts";
export { decodeZtoc, MAX_ZTOC_SIZE } from "./decode.ts";
export { encodeZtoc } from "./encode.ts";
export { decodeZinfo, encodeZinfo, WINDOW_SIZE, type Checkpoint, type Checkpoints, type Zinfo } from "./zinfo.ts";
export { decodeTarZinfo, encodeTarZinfo, type TarZinfo } from "./tar-zinfo.ts";
export { inspectZtoc, ZTOC_FINDING_CODES, type ZtocFinding, type ZtocFindingCode } from "./inspect-ztoc.ts";
export { spansOf, type Span } from "./span.ts";
export type { Check, LayerIndex, Piece } from "./layer-index.ts";
export { createZtocIndex, mostOutputOf, type ZtocIndex } from "./ztoc-index.ts";
export { needsXattrs, xattrsOf } from "./xattrs.ts";
export { sparseForm } from "./sparse-map.ts";
export { parseModTime } from "./mod-time.ts";
export { compareTarHeader } from "./compare-tar-header.ts";
