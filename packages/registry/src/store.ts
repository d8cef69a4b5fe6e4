import type {
  BlobMounter,
  BlobReader,
  BlobWriter,
  Deleter,
  Digest,
  ManifestReader,
  ManifestWriter,
  ReadOptions,
  ReferrerLister,
  TagLister,
} from "@socikit/oci";

/** What a registry server serves: repositories by name. */
export interface Store {
  /** Whether every write is refused. Left out, the store is writable. */
  readonly readOnly?: boolean;
  /**
   * The repository of that name. Asking costs nothing and makes nothing: a name that is not there shows in its methods,
   * as `ERR_REGISTRY_REPOSITORY_UNKNOWN` or as the thing asked for being unknown.
   */
  repository(name: string): StoreRepository;
  /** Names of the repositories that hold something. */
  repositories(options?: ReadOptions): AsyncIterable<string>;
}

/**
 * One repository of a store.
 *
 * Errors that a server turns into answers: `RegistryError` `ERR_REGISTRY_REPOSITORY_UNKNOWN`, `ERR_REGISTRY_MANIFEST_UNKNOWN`,
 * `ERR_REGISTRY_BLOB_UNKNOWN`, `ERR_REGISTRY_UPLOAD_UNKNOWN`, `ERR_REGISTRY_UPLOAD_BUSY`, `ERR_REGISTRY_READ_ONLY`; `OciError`
 * for bytes that do not fit their digest or are no manifest.
 */
export interface StoreRepository
  extends
    ManifestReader,
    ManifestWriter,
    BlobReader,
    BlobWriter,
    ReferrerLister,
    TagLister,
    Deleter,
    Partial<BlobMounter> {
  /** Removes a blob. Left out where blobs cannot be removed. */
  deleteBlob?(digest: Digest, options?: ReadOptions): Promise<void>;
}
