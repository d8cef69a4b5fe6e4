import { isDigest, toDisplay } from "@socikit/oci";
import { decodeTarZinfo, decodeZinfo, decodeZtoc, MAX_ZTOC_SIZE, type Ztoc } from "@socikit/ztoc";
import type { CommandRun } from "../command-spec.ts";
import { CliError } from "../errors.ts";
import { locatedError } from "../located-error.ts";

/** `socikit ztoc info` */
export const ztocInfo: CommandRun = async (invocation, io) => {
  const file = invocation.argument("FILE");
  if (isDigest(file) && (await io.files.kind(file)) === undefined)
    throw new CliError("ERR_CLI_LOCATION_NOT_YET", `Cannot read ${file}: zTOCs by digest are not supported yet`, {
      hint: "give a file: socikit ztoc info FILE",
    });
  const bytes = file === "-" ? await readStdin(io.stdin) : await io.files.read(file, MAX_ZTOC_SIZE);
  const info = describe(bytes, file === "-" ? "standard input" : file);
  await io.stdout.write(`${JSON.stringify(info, undefined, 2)}\n`);
  return undefined;
};

function describe(bytes: Uint8Array, place: string): ZtocInfo {
  try {
    return describeZtoc(decodeZtoc(bytes), bytes.length);
  } catch (error) {
    throw locatedError(error, place);
  }
}

async function readStdin(stdin: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stdin) {
    size += chunk.length;
    if (size > MAX_ZTOC_SIZE)
      throw Object.assign(new Error(`Cannot read standard input: it is longer than ${MAX_ZTOC_SIZE} bytes`), {
        code: "EFBIG",
      });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
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
