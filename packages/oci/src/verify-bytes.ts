import type { Descriptor } from "./descriptor.ts";
import { algorithmOf, digestOf } from "./digest.ts";
import { OciError } from "./errors.ts";

/**
 * Checks bytes against size and digest.
 *
 * @throws {OciError} `ERR_OCI_SIZE_MISMATCH`, `ERR_OCI_DIGEST_MISMATCH`.
 */
export function verifyBytes(bytes: Uint8Array, expect: Pick<Descriptor, "digest" | "size">): void {
  if (bytes.length !== expect.size)
    throw new OciError(
      "ERR_OCI_SIZE_MISMATCH",
      `Cannot verify ${expect.digest}: ${bytes.length} bytes came instead of ${expect.size}`,
    );
  const found = digestOf(bytes, algorithmOf(expect.digest));
  if (found !== expect.digest)
    throw new OciError("ERR_OCI_DIGEST_MISMATCH", `Cannot verify ${expect.digest}: the bytes have digest ${found}`);
}
