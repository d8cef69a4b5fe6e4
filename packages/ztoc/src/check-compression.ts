import type { CompressionAlgorithm } from "./ztoc.ts";

/** @throws {TypeError} for a compression that no zTOC is of. zstd would be taken for a tar stream, and indexed as one. */
export function checkCompression(compression: CompressionAlgorithm): void {
  if (compression === "gzip" || compression === "uncompressed") return;
  const found = typeof compression === "string" ? JSON.stringify(compression) : String(compression);
  throw new TypeError(`Cannot index layer: its compression must be "gzip" or "uncompressed", but is ${found}`);
}
