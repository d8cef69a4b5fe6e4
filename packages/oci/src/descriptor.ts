import type { Digest } from "./digest.ts";
import type { Platform } from "./platform.ts";

/**
 * What a blob or manifest is: media type, digest, size in bytes.
 * https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md
 */
export interface Descriptor {
  /** Media type of the content. */
  readonly mediaType: string;
  /** Digest of the content. */
  readonly digest: Digest;
  /** Size of the content in bytes. */
  readonly size: number;
  /** Free-form annotations. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** Type of the artifact, on descriptors of artifact manifests. */
  readonly artifactType?: string;
  /** Platform, on the children of an image index. */
  readonly platform?: Platform;
  /** Content embedded as base64; never used unless it fits size and digest. */
  readonly data?: string;
  /** Other places of the content. Kept, and never followed. */
  readonly urls?: readonly string[];
}
