import type { ByteString } from "@socikit/oci";
import { spanBoundsOf } from "./span.ts";
import { BLOCK_SIZE } from "./tar-header.ts";
import { mostOutputOf } from "./ztoc-index.ts";
import type { TocEntry, Ztoc } from "./ztoc.ts";

/** Codes of {@linkcode ZtocFinding}, each one oddity. */
export const ZTOC_FINDING_CODES = [
  /** The format's version is not the one that is known. */
  "ODD_ZTOC_VERSION",
  /** Spans of no output: the reference does not mount the layer. */
  "ODD_ZTOC_EMPTY_SPAN",
  /** A span whose compressed bytes are none, or not all of the layer's. */
  "ODD_ZTOC_SPAN_OUTSIDE_LAYER",
  /** A span that claims more output than its bytes can give. */
  "ODD_ZTOC_SPAN_TOO_LARGE",
  /** An entry whose content ends after the archive. */
  "ODD_ZTOC_ENTRY_OUTSIDE_ARCHIVE",
  /** An entry whose content leaves no room for its header behind the entry before. */
  "ODD_ZTOC_ENTRY_WITHOUT_HEADER",
  /** An entry whose content does not begin at a block. */
  "ODD_ZTOC_ENTRY_NOT_AT_BLOCK",
  /** An entry of a size below 0. */
  "ODD_ZTOC_ENTRY_NEGATIVE_SIZE",
  /** A sparse file: what lies at its content is not what it says. */
  "ODD_ZTOC_SPARSE_FILE",
  /** A link, device or directory that claims a size. */
  "ODD_ZTOC_SIZE_WITHOUT_CONTENT",
  /** An entry before the one before it. */
  "ODD_ZTOC_ENTRY_OUT_OF_ORDER",
  /** An entry without a name. */
  "ODD_ZTOC_NO_NAME",
  /** An entry without a time, or whose time is not RFC 3339. */
  "ODD_ZTOC_MOD_TIME",
] as const;

/** One of {@linkcode ZTOC_FINDING_CODES}. */
export type ZtocFindingCode = (typeof ZTOC_FINDING_CODES)[number];

/** Something odd about a zTOC that could be decoded. */
export interface ZtocFinding {
  /** What it is. */
  readonly code: ZtocFindingCode;
  /** `error`: the content of this entry, or of this span, cannot be read. `warning`: it can, and will not be as expected. */
  readonly severity: "error" | "warning";
  /** The same in words. */
  readonly message: string;
  /** The entry, where it is about one. */
  readonly entry?: { readonly index: number; readonly name: ByteString };
  /** The span, where it is about one. */
  readonly spanId?: number;
}

const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;

/**
 * Looks at what a decoded zTOC says, without its layer: spans first, then entries in their order. The reference writes all
 * of these, so none is a reason to refuse the zTOC; a reader refuses the entry or the span. Findings are made while they are
 * asked for: a crafted zTOC can have several for each of its entries.
 */
export function* inspectZtoc(ztoc: Ztoc): Generator<ZtocFinding, void, undefined> {
  if (ztoc.version !== "0.9")
    yield { code: "ODD_ZTOC_VERSION", severity: "warning", message: `Its version is ${JSON.stringify(ztoc.version)}` };
  yield* inspectSpans(ztoc);
  let index = 0;
  let before = 0;
  for (const entry of ztoc.toc) {
    yield* inspectEntry(entry, index, before, ztoc.uncompressedArchiveSize);
    before = entry.uncompressedOffset;
    index++;
  }
}

function* inspectSpans(ztoc: Ztoc): Generator<ZtocFinding> {
  const bounds = spanBoundsOf(ztoc);
  const isGzip = ztoc.compression.algorithm === "gzip";
  for (let spanId = 0; spanId < bounds.count; spanId++) {
    const start = bounds.compressedStart(spanId);
    const end = bounds.compressedEnd(spanId);
    const output = bounds.uncompressedEnd(spanId) - bounds.uncompressedStart(spanId);
    const finding = (code: ZtocFindingCode, severity: ZtocFinding["severity"], found: string): ZtocFinding => ({
      code,
      severity,
      message: `Span ${spanId} ${found}`,
      spanId,
    });
    if (start >= end || end > ztoc.compressedArchiveSize)
      yield finding(
        "ODD_ZTOC_SPAN_OUTSIDE_LAYER",
        "error",
        `has compressed bytes ${start} to ${end} of ${ztoc.compressedArchiveSize}`,
      );
    else if (output > (isGzip ? mostOutputOf(end - start) : end - start))
      yield finding("ODD_ZTOC_SPAN_TOO_LARGE", "error", `claims ${output} bytes out of ${end - start}`);
    // The last one may hold nothing but what follows the archive.
    if (output <= 0 && spanId < bounds.count - 1) yield finding("ODD_ZTOC_EMPTY_SPAN", "warning", "is empty");
  }
}

function* inspectEntry(
  entry: TocEntry,
  index: number,
  offsetBefore: number,
  archiveSize: number,
): Generator<ZtocFinding> {
  const { name, type, headerOffset, uncompressedOffset: offset, uncompressedSize: size } = entry;
  const finding = (code: ZtocFindingCode, severity: ZtocFinding["severity"], found: string): ZtocFinding => ({
    code,
    severity,
    message: `Entry ${index} ${found}`,
    entry: { index, name },
  });
  const content = type === "reg" ? Math.max(0, size) : 0;
  if (offset + content > archiveSize)
    yield finding("ODD_ZTOC_ENTRY_OUTSIDE_ARCHIVE", "error", `ends at ${offset + content} of ${archiveSize}`);
  if (offset % BLOCK_SIZE !== 0) yield finding("ODD_ZTOC_ENTRY_NOT_AT_BLOCK", "error", `begins at ${offset}`);
  if (headerOffset + BLOCK_SIZE > offset)
    yield finding(
      "ODD_ZTOC_ENTRY_WITHOUT_HEADER",
      "error",
      `begins at ${offset}, but its header at ${headerOffset}, where the entry before ends`,
    );
  if (offset < offsetBefore)
    yield finding("ODD_ZTOC_ENTRY_OUT_OF_ORDER", "warning", `begins at ${offset}, before the one before it`);
  if (type === "reg" && size < 0) yield finding("ODD_ZTOC_ENTRY_NEGATIVE_SIZE", "error", `has a size of ${size}`);
  if (type !== "reg" && size !== 0)
    yield finding("ODD_ZTOC_SIZE_WITHOUT_CONTENT", "warning", `is a ${type} with a size of ${size}`);
  if (type === "reg" && isSparse(entry)) yield finding("ODD_ZTOC_SPARSE_FILE", "error", "is a sparse file");
  if (name === "") yield finding("ODD_ZTOC_NO_NAME", "warning", "has no name");
  if (!RFC_3339.test(entry.modTime))
    yield finding("ODD_ZTOC_MOD_TIME", "warning", `has the time ${JSON.stringify(entry.modTime.slice(0, 100))}`);
}

function isSparse({ paxRecords }: TocEntry): boolean {
  // A file has seldom any records, and no map is walked for it then.
  if (paxRecords.size === 0) return false;
  for (const key of paxRecords.keys()) if (key === "GNU.sparse.major" || key === "GNU.sparse.map") return true;
  return false;
}
