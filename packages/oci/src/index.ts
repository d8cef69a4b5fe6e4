/**
 * The nouns of OCI images, and the ports that socikit's packages meet at: digests, descriptors, manifests, references,
 * platforms; reading, writing and copying blobs and manifests wherever they live.
 *
 * @module
 */
export { OCI_ERROR_CODES, OciError, type OciErrorCode } from "./errors.ts";
export type { ByteRange, Space } from "./byte-range.ts";
export { byteStringOf, bytesOf, toByteString, toDisplay, type ByteString } from "./byte-string.ts";
export {
  algorithmOf,
  createDigester,
  digestOf,
  hexOf,
  isDigest,
  parseDigest,
  type Digest,
  type DigestAlgorithm,
  type Digester,
} from "./digest.ts";
export type { Descriptor } from "./descriptor.ts";
export * from "./media-types.ts";
export {
  formatPlatform,
  isImageChild,
  isImageOf,
  matchesPlatform,
  normalizePlatform,
  parsePlatform,
  selectPlatform,
  type Platform,
} from "./platform.ts";
export { hostPlatform } from "./host-platform.ts";
export { formatReference, isRepositoryName, isTag, parseReference, type Reference } from "./reference.ts";
export { blobSource, bytesSource, checkBlobRange, type BlobSource, type ReadOptions } from "./blob-source.ts";
export { printable } from "./printable.ts";
export { concatBytes } from "./concat-bytes.ts";
export { BlobCheck } from "./blob-check.ts";
export { checkOf, chunksOf, readAll, verifyStream } from "./read-stream.ts";
export { eachConcurrently } from "./concurrently.ts";
export { uploadBlob } from "./upload-blob.ts";
export { copyImage, type CopyEvent, type CopyOptions } from "./copy-image.ts";
export { chooseImages, type ChosenImage, type ImageChoice } from "./choose-images.ts";
export { verifyBytes } from "./verify-bytes.ts";
export { verifiedContent, verifiedManifests } from "./verified-content.ts";
export { isDenied, isNotFound, isRetryable, isUnsupported, retryAfterOf, type PortErrorFacts } from "./port-error.ts";
export { referrersTag, subjectOfTag } from "./referrers-tag.ts";
export {
  decodeImageConfig,
  decodeManifest,
  isImageIndex,
  MAX_INDEX_DEPTH,
  MAX_MANIFEST_SIZE,
  type ImageConfig,
  type ImageIndex,
  type ImageManifest,
} from "./manifest.ts";
export { decodeGoJson, foldName, JsonFraction, type Json, type JsonObject } from "./go-json-decode.ts";
export { encodeGoJson, encodeIndex, encodeManifest, type GoJson } from "./go-json.ts";
export type {
  BeginOptions,
  BlobMounter,
  BlobReader,
  BlobUpload,
  BlobWriter,
  Deleter,
  FetchedManifest,
  ManifestReader,
  ManifestWriter,
  ProgressEvent,
  ReferrerLister,
  ReferrersAnswer,
  ReferrersOptions,
  TagLister,
} from "./ports.ts";
