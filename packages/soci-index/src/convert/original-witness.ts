import {
  isDigest,
  isNotFound,
  MAX_MANIFEST_SIZE,
  readAll,
  type BlobReader,
  type Descriptor,
  type Digest,
  type ImageManifest,
  type ManifestReader,
  type ReadOptions,
  type ReferrerLister,
} from "@socikit/oci";

/** An in-toto statement, as BuildKit attaches them to images. */
const STATEMENT = "application/vnd.in-toto+json";
/** Statements that are read. */
const MAX_STATEMENTS = 32;
/** Digests that are asked for. */
const MAX_QUESTIONS = 128;

/** A place that may still hold the original, or something that refers to it. */
export type OriginalPlace = Pick<ManifestReader, "resolve"> & Partial<ReferrerLister>;

/**
 * Who knows a digest. A manifest that was made up here is the original where someone knows its digest: nobody could
 * without having had it.
 */
export class OriginalWitness {
  readonly #known: Set<string>;
  readonly #places: readonly OriginalPlace[];
  readonly #options: ReadOptions;
  readonly #answers: Map<Digest, boolean> = new Map();
  #statements = 0;

  constructor(known: readonly Digest[], places: readonly OriginalPlace[], options: ReadOptions) {
    this.#known = new Set(known);
    this.#places = places;
    this.#options = options;
  }

  /** Whether a digest was given, or a statement is about it. */
  knows(digest: Digest): boolean {
    return this.#known.has(digest);
  }

  /** Whether anything is known without asking. */
  get knowsAny(): boolean {
    return this.#known.size > 0;
  }

  /** Takes the digests that an attestation is about. */
  async learn({ layers }: ImageManifest, blobs: Pick<BlobReader, "stream">): Promise<void> {
    for (const layer of layers) {
      if (layer.mediaType !== STATEMENT || layer.size > MAX_MANIFEST_SIZE || this.#statements++ >= MAX_STATEMENTS)
        continue;
      for (const digest of await this.#subjectsOf(layer, blobs)) this.#known.add(digest);
    }
  }

  async #subjectsOf(layer: Descriptor, blobs: Pick<BlobReader, "stream">): Promise<readonly Digest[]> {
    try {
      const bytes = await readAll(await blobs.stream(layer, this.#options), MAX_MANIFEST_SIZE, this.#options.signal);
      const { subject } = JSON.parse(new TextDecoder().decode(bytes)) as {
        readonly subject?: readonly { readonly digest?: { readonly sha256?: unknown } }[];
      };
      return (subject ?? []).map(({ digest }) => `sha256:${String(digest?.sha256)}`).filter(isDigest);
    } catch {
      this.#options.signal?.throwIfAborted();
      // It helps where it can be read.
      return [];
    }
  }

  /** Whether a place holds a manifest, or something that refers to it. Each digest is asked for once, and not too many. */
  async finds(digest: Digest): Promise<boolean> {
    const known = this.#answers.get(digest);
    if (known !== undefined) return known;
    if (this.#answers.size >= MAX_QUESTIONS) return false;
    let found = false;
    for (const place of this.#places)
      found ||= (await holds(place, digest, this.#options)) || (await refersTo(place, digest, this.#options));
    this.#answers.set(digest, found);
    return found;
  }
}

async function holds(place: OriginalPlace, digest: Digest, options: ReadOptions): Promise<boolean> {
  try {
    return (await place.resolve(digest, options)).digest === digest;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

async function refersTo(place: OriginalPlace, digest: Digest, options: ReadOptions): Promise<boolean> {
  if (place.referrers === undefined) return false;
  try {
    for await (const _ of place.referrers(digest, options)) return true;
  } catch (error) {
    options.signal?.throwIfAborted();
    if (error instanceof TypeError || error instanceof RangeError) throw error;
  }
  return false;
}
