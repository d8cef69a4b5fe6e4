import type {
  BlobReader,
  BlobWriter,
  Deleter,
  Descriptor,
  Digest,
  ManifestReader,
  ManifestWriter,
  ReadOptions,
  ReferrerLister,
} from "@socikit/oci";

/** A blob that a layout holds. */
export interface LayoutBlob {
  readonly digest: Digest;
  /** In bytes. */
  readonly size: number;
  /** When it was written. */
  readonly modifiedAt: Date;
}

/** What a sweep removed, or would remove. */
export interface LayoutSweep {
  /** Blobs that nothing led to. */
  readonly blobs: readonly LayoutBlob[];
  /** Files that interrupted writes had left. */
  readonly leftovers: { readonly count: number; readonly bytes: number };
}

/** What a store keeps its content in: the layout directories of `@socikit/registry/node` are such. */
export interface StoreLayout
  extends ManifestReader, ManifestWriter, BlobReader, BlobWriter, ReferrerLister, Pick<Deleter, "deleteManifest"> {
  /** Where it is: its real path. */
  readonly directory: string;
  /** What its `index.json` lists. */
  entries(options?: ReadOptions): Promise<readonly Descriptor[]>;
  /** The blobs that are there, whatever leads to them. */
  blobs(options?: ReadOptions): AsyncIterable<LayoutBlob>;
  /** Removes what nothing leads to. `graceMs`: what is younger stays. */
  sweep(
    options?: ReadOptions & { readonly dryRun?: boolean | undefined; readonly graceMs?: number | undefined },
  ): Promise<LayoutSweep>;
}
