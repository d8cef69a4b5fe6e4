import { OciError, type Descriptor } from "@socikit/oci";

/** The error for content that is there with another size than its descriptor's; `where` names the place. */
export function sizeMismatch(expect: Pick<Descriptor, "digest" | "size">, size: number, where?: string): OciError {
  return new OciError(
    "ERR_OCI_SIZE_MISMATCH",
    `Cannot open ${expect.digest}${where === undefined ? "" : ` of "${where}"`}: it has ${size} bytes, its descriptor says ${expect.size}`,
  );
}
