import { toDisplay } from "@socikit/oci";
import { decodeTarZinfo, decodeZinfo, type Ztoc } from "@socikit/ztoc";
import type { CommandRun } from "../command-spec.ts";
import { locatedError } from "../located-error.ts";
import { readZtoc } from "../ztoc-source.ts";

/** `socikit ztoc info` */
export const ztocInfo: CommandRun = async (invocation, io) => {
  const place = invocation.argument("ZTOC");
  const { ztoc, bytes } = await readZtoc(place, invocation, io);
  const info = describe(ztoc, bytes.length, place === "-" ? "standard input" : place);
  await io.stdout.write(`${JSON.stringify(info, undefined, 2)}\n`);
  return undefined;
};

function describe(ztoc: Ztoc, size: number, place: string): ZtocInfo {
  try {
    return describeZtoc(ztoc, size);
  } catch (error) {
    throw locatedError(error, place);
  }
}

/** What `soci ztoc info` prints (spec section 20). */
export interface ZtocInfo {
  readonly version: string;
  readonly build_tool: string;
  readonly size: number;
  readonly span_size: number;
  readonly num_spans: number;
  readonly num_files: number;
  readonly num_multi_span_files: number;
  /** `null` where there are none, as Go writes an empty list that was never made. */
  readonly files: readonly ZtocFileInfo[] | null;
}

/** One entry of {@linkcode ZtocInfo}. */
export interface ZtocFileInfo {
  readonly filename: string;
  readonly offset: number;
  readonly size: number;
  readonly type: string;
  readonly start_span: number;
  readonly end_span: number;
}

/**
 * Describes a zTOC in the reference's words. Its ends are inclusive in an odd way, and kept: `end_span` is the span of
 * offset + size, one byte past the file, so that a file that ends where its span ends counts as one of two spans.
 */
export function describeZtoc(ztoc: Ztoc, size: number): ZtocInfo {
  const { spanSize, spanOf } = spansOf(ztoc);
  const files = Array.from(ztoc.toc, (entry): ZtocFileInfo => {
    const { uncompressedOffset: offset, uncompressedSize } = entry;
    return {
      filename: toDisplay(entry.name),
      offset,
      size: uncompressedSize,
      type: entry.type,
      start_span: spanOf(offset),
      end_span: spanOf(offset + uncompressedSize),
    };
  });
  files.sort((a, b) => a.offset - b.offset);
  return {
    version: ztoc.version,
    build_tool: ztoc.buildToolIdentifier,
    size,
    span_size: spanSize,
    num_spans: ztoc.compression.maxSpanId + 1,
    num_files: files.length,
    num_multi_span_files: files.filter((file) => file.start_span !== file.end_span).length,
    files: files.length === 0 ? null : files,
  };
}

function spansOf(ztoc: Ztoc): { readonly spanSize: number; readonly spanOf: (offset: number) => number } {
  const { algorithm, zinfo } = ztoc.compression;
  if (algorithm === "uncompressed") {
    const { spanSize } = decodeTarZinfo(zinfo);
    return { spanSize, spanOf: (offset) => (spanSize === 0 ? 0 : Math.floor(offset / spanSize)) };
  }
  const { spanSize, checkpoints } = decodeZinfo(zinfo);
  const starts = Array.from(checkpoints, ({ uncompressedOffset }) => uncompressedOffset);
  return {
    spanSize,
    spanOf(offset) {
      // The last span that begins at or before the offset.
      let low = 0;
      let high = starts.length;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (starts[middle]! <= offset) low = middle + 1;
        else high = middle;
      }
      return Math.max(0, low - 1);
    },
  };
}
