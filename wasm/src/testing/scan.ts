import type { BlockBoundary, GzipScanOptions } from "../gzip-scan.ts";
import type { Inflate } from "../load-inflate.ts";

/** Everything a scan says. */
export interface ScanRecord {
  readonly output: Uint8Array;
  readonly boundaries: readonly BlockBoundary[];
  readonly windows: readonly Uint8Array[];
}

/** Scans `bytes` in pieces of `chunkSize`, and checks that the sink is called in order. */
export function scanAll(
  inflate: Inflate,
  bytes: Uint8Array,
  options: GzipScanOptions & { readonly chunkSize?: number; readonly windows?: boolean } = {},
): ScanRecord {
  const parts: Uint8Array[] = [];
  const boundaries: BlockBoundary[] = [];
  const windows: Uint8Array[] = [];
  let length = 0;
  const scan = inflate.scanGzip(
    {
      output(part, at) {
        if (at !== length) throw new Error(`output at ${at}, ${length} bytes came before`);
        parts.push(part.slice());
        length += part.length;
      },
      block(boundary, window) {
        if (boundary.uncompressed !== length)
          throw new Error(`block at ${boundary.uncompressed}, ${length} bytes came before`);
        boundaries.push(boundary);
        if (options.windows) windows.push(window());
      },
    },
    options,
  );
  const chunkSize = options.chunkSize ?? Math.max(1, bytes.length);
  for (let at = 0; at < bytes.length; at += chunkSize) scan.push(bytes.subarray(at, at + chunkSize));
  scan.finish();
  if (scan.compressed !== bytes.length) throw new Error(`${scan.compressed} of ${bytes.length} bytes were used`);
  return { output: new Uint8Array(Buffer.concat(parts)), boundaries, windows };
}
