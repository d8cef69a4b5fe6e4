/** The files of an OCI image layout that are no blobs, as they stand. */
export interface LayoutDocuments {
  /** `index.json`. */
  readonly index: Uint8Array;
  /** `oci-layout`, where there is one. */
  readonly ociLayout?: Uint8Array | undefined;
}
