import {
  decodeManifest,
  isImageIndex,
  isIndexType,
  isManifestType,
  MAX_MANIFEST_SIZE,
  OCI_INDEX,
  OCI_MANIFEST,
  OciError,
  readAll,
  verifiedContent,
  verifyBytes,
  type BlobReader,
  type Descriptor,
  type Digest,
  type ManifestReader,
  type ReadOptions,
} from "@socikit/oci";
import { embeddedIn } from "../create/embedded-in.ts";
import { decodeGoDocument, type GoDocument } from "./go-document.ts";

/** A manifest or index of the source. */
export interface SourceDocument {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
  readonly document: GoDocument;
}

/** Manifests of one image. */
const MAX_MANIFESTS = 10_000;
/** Bytes of all of them, and of configs: they are kept until they are written. */
const MAX_BYTES = 64 * 1024 * 1024;

/**
 * What is read of the image that is converted: each manifest once, all checked here against digest and size. Content that
 * a descriptor brings along in its `data` is taken from there, where it fits.
 */
export class SourceContent {
  readonly #content: ManifestReader & BlobReader;
  readonly #options: ReadOptions;
  readonly #documents: Map<Digest, SourceDocument> = new Map();
  readonly #configs: Map<Digest, Uint8Array> = new Map();
  #bytes = 0;

  constructor(port: ManifestReader & BlobReader, options: ReadOptions) {
    this.#content = verifiedContent(port);
    this.#options = options;
  }

  /** What a tag or digest names. */
  async top(tagOrDigest: string): Promise<SourceDocument> {
    const { descriptor, bytes } = await this.#content.fetchManifest(tagOrDigest, this.#options);
    // What the port says besides is about its own listing, and would end up in the converted image.
    const { mediaType, digest, size } = descriptor;
    if (isManifestType(mediaType) || isIndexType(mediaType)) return this.add({ mediaType, digest, size }, bytes);
    const document = decodeManifest(bytes);
    const said = document.mediaType ?? (isImageIndex(document) ? OCI_INDEX : OCI_MANIFEST);
    return this.add({ mediaType: said, digest, size }, bytes);
  }

  /** Takes a manifest that need not be in the source. */
  add(descriptor: Descriptor, bytes: Uint8Array): SourceDocument {
    verifyBytes(bytes, descriptor);
    this.#keep(bytes);
    const found = { descriptor, bytes, document: decodeGoDocument(bytes, descriptor.mediaType) };
    this.#documents.set(descriptor.digest, found);
    return found;
  }

  /** A manifest or index, as whatever lists it describes it. */
  async document(descriptor: Descriptor): Promise<SourceDocument> {
    const known = this.#documents.get(descriptor.digest);
    if (known !== undefined) return { ...known, descriptor };
    const embedded = embeddedIn(descriptor);
    if (embedded !== undefined) return this.add(descriptor, embedded);
    const { bytes } = await this.#content.fetchManifest(descriptor, this.#options);
    return this.add(descriptor, bytes);
  }

  /** The bytes of anything that is listed as a manifest, whatever it is. */
  async opaque(descriptor: Descriptor): Promise<Uint8Array> {
    const embedded = embeddedIn(descriptor);
    return embedded ?? (await this.#content.fetchManifest(descriptor, this.#options)).bytes;
  }

  /** A config, whole. Each is read once. */
  async config(descriptor: Descriptor): Promise<Uint8Array> {
    const known = this.#configs.get(descriptor.digest) ?? embeddedIn(descriptor);
    if (known !== undefined) return known;
    if (descriptor.size > MAX_MANIFEST_SIZE)
      throw new OciError(
        "ERR_OCI_TOO_LARGE",
        `Cannot read config ${descriptor.digest}: its ${descriptor.size} bytes are more than ${MAX_MANIFEST_SIZE}`,
      );
    const stream = await this.#content.stream(descriptor, this.#options);
    const bytes = await readAll(stream, MAX_MANIFEST_SIZE, this.#options.signal);
    this.#keep(bytes);
    this.#configs.set(descriptor.digest, bytes);
    return bytes;
  }

  stat(digest: Digest, options?: ReadOptions): ReturnType<BlobReader["stat"]> {
    return this.#content.stat(digest, options);
  }

  /** A blob as it comes, checked to its end. */
  stream(blob: Descriptor, options?: ReadOptions): ReturnType<BlobReader["stream"]> {
    return this.#content.stream(blob, options);
  }

  open(blob: Descriptor, options?: ReadOptions): ReturnType<BlobReader["open"]> {
    return this.#content.open(blob, options);
  }

  #keep(bytes: Uint8Array): void {
    this.#bytes += bytes.length;
    if (this.#documents.size >= MAX_MANIFESTS || this.#bytes > MAX_BYTES)
      throw new OciError(
        "ERR_OCI_TOO_LARGE",
        `Cannot convert image: it has more than ${MAX_MANIFESTS} manifests, or ${MAX_BYTES} bytes of them and of configs`,
      );
  }
}
