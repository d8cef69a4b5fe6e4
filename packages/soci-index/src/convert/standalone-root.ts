import {
  decodeManifest,
  digestOf,
  encodeIndex,
  isImageIndex,
  isIndexType,
  isManifestType,
  MAX_MANIFEST_SIZE,
  OCI_INDEX,
  OciError,
  readAll,
  verifyBytes,
  type BlobReader,
  type Descriptor,
  type Digest,
  type ImageIndex,
  type ReadOptions,
} from "@socikit/oci";
import { SociIndexError } from "../errors.ts";
import type { ConvertRoot } from "./convert-image.ts";
import { decodeGoDocument } from "./go-document.ts";
import { embeddedIn } from "../create/embedded-in.ts";

/** The files of an OCI image layout that are no blobs. */
export interface LayoutFiles {
  /** `index.json`. */
  readonly index: Uint8Array;
  /** `oci-layout`, where there is one. */
  readonly ociLayout?: Uint8Array | undefined;
}

/** What the reference converts of a layout. */
export interface StandaloneRoot extends ConvertRoot {
  /** Children that are not in the layout, and not in the converted image. */
  readonly missing: readonly Descriptor[];
}

/** Most manifests that are looked at. */
const MAX_MANIFESTS = 10_000;

/**
 * The image of a layout that the reference's `convert --standalone` converts (spec section 11): the only entry of `index.json`;
 * where that is an index of one manifest, that manifest; where children are not there, the index without them; of several
 * entries, whatever their names, all as one index. The layout is checked as the reference checks it.
 *
 * @param blobs The layout's blobs, manifests among them.
 * @throws {SociIndexError} `ERR_SOCI_LAYOUT_NO_IMAGE` where there is nothing to convert; `ERR_SOCI_LAYOUT_INVALID` for files that
 * cannot be read, a version that is not known, and manifests that do not fit their descriptors.
 */
export async function standaloneRoot(
  blobs: Pick<BlobReader, "stat" | "stream">,
  files: LayoutFiles,
  options?: ReadOptions,
): Promise<StandaloneRoot> {
  const layout = new LayoutReader(blobs, options);
  const index = decodeIndex(files.index, "index.json", "");
  const root = await resolveRoot(layout, index);
  checkVersion(files.ociLayout);
  for (const entry of index.manifests) await layout.check(entry);
  return root;
}

async function resolveRoot(layout: LayoutReader, index: ImageIndex): Promise<StandaloneRoot> {
  const [entry, ...others] = index.manifests;
  if (entry === undefined) throw noImage("index.json contains no manifests");
  const isAlone = others.length === 0;
  if (isAlone && !isIndexType(entry.mediaType)) return { descriptor: entry, missing: [] };
  const list = isAlone ? await readList(layout, entry) : { ...index, mediaType: index.mediaType ?? OCI_INDEX };
  const available: Descriptor[] = [];
  const missing: Descriptor[] = [];
  for (const child of list.manifests) ((await layout.has(child)) ? available : missing).push(child);
  const [first, ...more] = available;
  if (first === undefined) throw noImage("manifest list contains no entries with available blobs");
  if (more.length === 0 && isManifestType(first.mediaType)) return { descriptor: first, missing };
  if (isAlone && missing.length === 0) return { descriptor: entry, missing };
  const mediaType = list.mediaType ?? OCI_INDEX;
  const bytes = encodeIndex({ ...list, mediaType, manifests: available });
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length }, bytes, missing };
}

async function readList(layout: LayoutReader, entry: Descriptor): Promise<ImageIndex> {
  const bytes = await layout.read(entry);
  if (bytes === undefined) throw noImage(`read manifest list: ${entry.digest} is not there`);
  return decodeIndex(bytes, "manifest list", entry.mediaType);
}

function decodeIndex(bytes: Uint8Array, what: string, mediaType: string): ImageIndex {
  try {
    const document = decodeGoDocument(bytes, mediaType);
    if ("index" in document) return document.index;
  } catch (cause) {
    if (!(cause instanceof OciError)) throw cause;
    throw invalid(`unmarshal ${what}: ${cause.message.replace(/^Cannot decode manifest: /, "")}`, cause);
  }
  throw invalid(`unmarshal ${what}: it is not an index`);
}

function checkVersion(ociLayout: Uint8Array | undefined): void {
  if (ociLayout === undefined) return;
  let version: unknown;
  try {
    version = (JSON.parse(new TextDecoder().decode(ociLayout)) as { imageLayoutVersion?: unknown } | null)
      ?.imageLayoutVersion;
  } catch (cause) {
    throw invalid("invalid OCI Image Layout: oci-layout is not JSON", cause);
  }
  if (version !== "1.0.0")
    throw invalid(`invalid OCI Image Layout: unsupported version ${JSON.stringify(version) ?? "(none)"}`);
}

/** Reads a layout's manifests, each once. */
class LayoutReader {
  readonly #blobs: Pick<BlobReader, "stat" | "stream">;
  readonly #options: ReadOptions | undefined;
  readonly #checked = new Set<Digest>();

  constructor(blobs: Pick<BlobReader, "stat" | "stream">, options: ReadOptions | undefined) {
    this.#blobs = blobs;
    this.#options = options;
  }

  async has({ digest }: Descriptor): Promise<boolean> {
    return (await this.#blobs.stat(digest, this.#options)) !== undefined;
  }

  /** A manifest, checked; `undefined` where it is not there. */
  async read(descriptor: Descriptor): Promise<Uint8Array | undefined> {
    const embedded = embeddedIn(descriptor);
    if (embedded !== undefined) return embedded;
    const found = await this.#blobs.stat(descriptor.digest, this.#options);
    if (found === undefined) return undefined;
    const wrong = `invalid OCI Image Index: ${descriptor.digest}`;
    if (found.size !== descriptor.size) throw invalid(`${wrong} has ${found.size} bytes, not ${descriptor.size}`);
    try {
      const bytes = await readAll(
        await this.#blobs.stream(descriptor, this.#options),
        MAX_MANIFEST_SIZE,
        this.#options?.signal,
      );
      verifyBytes(bytes, descriptor);
      return bytes;
    } catch (cause) {
      if (!(cause instanceof OciError)) throw cause;
      throw invalid(`${wrong} cannot be read: ${cause.message}`, cause);
    }
  }

  /** Checks the manifests that are reached from a descriptor and are there. */
  async check(descriptor: Descriptor): Promise<void> {
    const queue: Descriptor[] = [descriptor];
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      if (!isManifestType(next.mediaType) && !isIndexType(next.mediaType)) continue;
      if (this.#checked.has(next.digest)) continue;
      if (this.#checked.size >= MAX_MANIFESTS) throw invalid(`it has more than ${MAX_MANIFESTS} manifests`);
      this.#checked.add(next.digest);
      const bytes = await this.read(next);
      if (bytes === undefined) continue;
      queue.push(...linksOf(bytes, next));
    }
  }
}

/** What a manifest names, as far as it may be manifests. */
function linksOf(bytes: Uint8Array, descriptor: Descriptor): readonly Descriptor[] {
  try {
    // Which of the two it is, is checked too.
    decodeGoDocument(bytes, descriptor.mediaType);
    const document = decodeManifest(bytes);
    const subject = document.subject === undefined ? [] : [document.subject];
    return isImageIndex(document)
      ? [...document.manifests, ...subject]
      : [document.config, ...document.layers, ...subject];
  } catch (cause) {
    if (!(cause instanceof OciError)) throw cause;
    throw invalid(`invalid OCI Image Index: ${descriptor.digest}: ${cause.message}`, cause);
  }
}

function noImage(what: string): SociIndexError {
  return new SociIndexError("ERR_SOCI_LAYOUT_NO_IMAGE", `Cannot convert layout: ${what}`);
}

function invalid(what: string, cause?: unknown): SociIndexError {
  return new SociIndexError(
    "ERR_SOCI_LAYOUT_INVALID",
    `Cannot convert layout: ${what}`,
    cause === undefined ? undefined : { cause },
  );
}
