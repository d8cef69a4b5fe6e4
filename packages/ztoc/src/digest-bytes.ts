import { hexOf, parseDigest, type Digest } from "@socikit/oci";

/** The bytes that a digest writes as hex. */
export function digestBytes(digest: Digest): Uint8Array {
  const hex = hexOf(digest);
  return Uint8Array.from({ length: hex.length / 2 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16));
}

/** The digest of 32 bytes of SHA-256. */
export function sha256Digest(bytes: Uint8Array): Digest {
  let hex = "";
  for (const byte of bytes) hex += byte.toString(16).padStart(2, "0");
  return parseDigest(`sha256:${hex}`);
}
