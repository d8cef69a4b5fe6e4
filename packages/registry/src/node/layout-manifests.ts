import {
  algorithmOf,
  digestOf,
  MAX_MANIFEST_SIZE,
  OciError,
  type Descriptor,
  type Digest,
  type FetchedManifest,
} from "@socikit/oci";
import { readRegularFile } from "@socikit/oci/node";
import { RegistryError } from "../errors.ts";
import { manifestFacts, type ManifestFacts } from "../manifest-facts.ts";
import { statFile, type LayoutFiles } from "./layout-files.ts";

/** Facts kept of manifests, so that listing referrers reads each manifest once. */
const MAX_FACTS = 10_000;

/** The manifests among a layout's blobs: read, verified, and what is to be known of them remembered. */
export class LayoutManifests {
  readonly #files: LayoutFiles;
  readonly #known = new Map<Digest, ManifestFacts>();

  constructor(files: LayoutFiles) {
    this.#files = files;
  }

  /** Reads and verifies a manifest. A blob that is none is as unknown as one that is not there. */
  async fetch(digest: Digest, mediaType: string, asked: string): Promise<FetchedManifest> {
    const file = await this.#files.find(digest);
    if (file === undefined) throw this.unknown(asked);
    if (file.size > MAX_MANIFEST_SIZE) {
      // A layer, most likely, whose digest was taken for a manifest's.
      if (mediaType === "") throw this.unknown(asked);
      throw new OciError(
        "ERR_OCI_TOO_LARGE",
        `Cannot read manifest ${digest} of "${this.#files.place}": its ${file.size} bytes are more than ${MAX_MANIFEST_SIZE}`,
      );
    }
    const bytes = await file.read(MAX_MANIFEST_SIZE);
    const found = digestOf(bytes, algorithmOf(digest));
    if (found !== digest)
      throw new OciError(
        "ERR_OCI_DIGEST_MISMATCH",
        `Cannot read manifest ${digest} of "${this.#files.place}": the bytes have digest ${found}`,
      );
    if (mediaType !== "") return { descriptor: { mediaType, digest, size: bytes.length }, bytes };
    try {
      const facts = manifestFacts(bytes, digest, "");
      this.remember(digest, facts);
      return { descriptor: { mediaType: facts.mediaType, digest, size: bytes.length }, bytes };
    } catch (error) {
      throw error instanceof OciError ? this.unknown(asked, error) : error;
    }
  }

  /** Facts of an entry's manifest; `undefined` where it is not there or is broken, which is not every reader's business. */
  async facts(descriptor: Descriptor): Promise<ManifestFacts | undefined> {
    try {
      return await this.checkedFacts(descriptor);
    } catch (error) {
      if (error instanceof OciError || error instanceof RegistryError) return undefined;
      throw error;
    }
  }

  /** The same, where it is the reader's business: fails with what is wrong. */
  async checkedFacts(descriptor: Descriptor): Promise<ManifestFacts> {
    const known = this.#known.get(descriptor.digest);
    if (known !== undefined) return known;
    const { bytes } = await this.fetch(descriptor.digest, descriptor.mediaType, descriptor.digest);
    const facts = manifestFacts(bytes, descriptor.digest, descriptor.mediaType);
    this.remember(descriptor.digest, facts);
    return facts;
  }

  /** Keeps the facts of a manifest that was read or written. */
  remember(digest: Digest, facts: ManifestFacts): void {
    if (this.#known.size >= MAX_FACTS) this.#known.clear();
    this.#known.set(digest, facts);
  }

  /** The error for a name or digest that leads to no manifest. */
  unknown(tagOrDigest: string, cause?: unknown): RegistryError {
    return new RegistryError(
      "ERR_REGISTRY_MANIFEST_UNKNOWN",
      `Cannot find manifest: "${this.#files.place}" has no ${JSON.stringify(tagOrDigest.slice(0, 200))}`,
      { cause },
    );
  }

  /** Forgets what is known of a manifest that was removed. */
  forget(digest: Digest): void {
    this.#known.delete(digest);
  }
}

/** Whether the file is there with the bytes of its digest: one that another tool did not sync may be zeros. */
export async function isWhole(path: string, digest: Digest): Promise<boolean> {
  const file = await statFile(path);
  if (file === undefined || file.size > MAX_MANIFEST_SIZE) return false;
  return digestOf(await readRegularFile(path, MAX_MANIFEST_SIZE), algorithmOf(digest)) === digest;
}
