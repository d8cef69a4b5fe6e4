import { OciError, type Descriptor } from "@socikit/oci";

/** The error for content that is there with another size than its descriptor's. */
export function sizeMismatch(expect: Pick<Descriptor, "digest" | "size">, size: number): OciError {
  return new OciError(
    "ERR_OCI_SIZE_MISMATCH",
    `Cannot open ${expect.digest}: it has ${size} bytes, its descriptor says ${expect.size}`,
  );
}
