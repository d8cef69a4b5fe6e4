import { stat } from "node:fs/promises";
import { join } from "node:path";
import {
  algorithmOf,
  decodeManifest,
  hexOf,
  isImageIndex,
  isNotFound,
  MAX_MANIFEST_SIZE,
  OciError,
  type Descriptor,
  type Digest,
  type Platform,
  type ReadOptions,
} from "@socikit/oci";
import { hostErrorCode, isMissingFile, readRegularFile, replaceFile, withFileLock } from "@socikit/oci/node";
import { SOCI_MANIFEST_DIGEST } from "../annotations.ts";
import type { CreatePorts } from "../create/create-index.ts";
import { SociIndexError } from "../errors.ts";
import { SOCI_INDEX_V1, SOCI_INDEX_V2, SOCI_ZTOC } from "../media-types.ts";
import { decodeSociIndex, type SociIndex } from "../soci-index.ts";
import {
  decodeCatalogue,
  EMPTY_CATALOGUE,
  encodeCatalogue,
  MAX_CATALOGUE_SIZE,
  type Catalogue,
  type CataloguedIndex,
  type CataloguedZtoc,
} from "./catalogue.ts";
import { withIndex, withZtoc } from "./catalogue-changes.ts";
import type { LayoutSweep, StoreLayout } from "./store-layout.ts";
import { StoreWriters } from "./store-writers.ts";

/** What is to be known of an index that was made. */
export interface RecordedIndex {
  /** The index manifest, which is in the store. */
  readonly index: Pick<Descriptor, "digest">;
  /** What the image is called. */
  readonly name?: string | undefined;
  /** What that names: the image manifest, or the image index that it is in. */
  readonly image?: Digest | undefined;
  /** The image's platform. */
  readonly platform?: Platform | undefined;
}

/** Writes to a store. Nothing is collected meanwhile. */
export interface StoreWriter {
  /** Gets what `createIndex` makes, and gives it the zTOCs that are there. */
  readonly target: CreatePorts["target"];
  /** Says of which layer a zTOC is, that is in the store: before an index does, so that a run that is cut short is not in vain. */
  recordZtoc(ztoc: Omit<CataloguedZtoc, "created">, options?: ReadOptions): Promise<void>;
  /** Says of which image an index is, that is in the store. */
  recordIndex(made: RecordedIndex, options?: ReadOptions): Promise<void>;
}

/** What {@linkcode LocalStore.rebuild} found. */
export interface RebuildReport extends Catalogue {
  /** Artifacts that the catalogue had, and indexes that the layout listed, and that are not there. */
  readonly dropped: readonly Digest[];
  /** Blobs that are damaged: their bytes have another digest. */
  readonly damaged: readonly Digest[];
}

/** What {@linkcode LocalStore.collect} removed, or would remove. */
export interface CollectReport extends LayoutSweep {
  /** Indexes that the layout lists and that are not there: what they led to is not known, and not kept. */
  readonly missing: readonly Digest[];
}

/** SOCI artifacts on this machine: an OCI layout, with a catalogue of what belongs to what. */
export interface LocalStore {
  /** Where it is. */
  readonly directory: string;
  /** Its content, to be read and sent from. */
  readonly layout: StoreLayout;
  /** What it holds. Indexes that are there and of which the catalogue does not know are in it too. */
  catalogue(options?: ReadOptions): Promise<Catalogue>;
  /** An index, whole. @throws {SociIndexError} `ERR_SOCI_STORE_UNKNOWN`, saying what the digest is of instead. */
  readIndex(digest: Digest, options?: ReadOptions): Promise<{ readonly bytes: Uint8Array; readonly index: SociIndex }>;
  /** Lets `body` write. */
  write<T>(body: (writer: StoreWriter) => Promise<T>, options?: ReadOptions): Promise<T>;
  /**
   * Removes an index. What it names stays, for other indexes and later ones, until it is collected.
   *
   * @throws {SociIndexError} `ERR_SOCI_STORE_UNKNOWN`.
   */
  removeIndex(digest: Digest, options?: ReadOptions): Promise<void>;
  /**
   * Makes the catalogue anew from the blobs. What they do not say, names and platforms, is kept of artifacts that are there.
   */
  rebuild(options?: ReadOptions): Promise<RebuildReport>;
  /**
   * Removes what no index leads to, and what interrupted writers left.
   *
   * @throws {SociIndexError} `ERR_SOCI_STORE_BUSY` while somebody writes.
   */
  collect(options?: ReadOptions & { readonly dryRun?: boolean | undefined }): Promise<CollectReport>;
}

/** Smallest document that can be an index: what is shorter is not looked into. */
const MIN_DOCUMENT = 10;

/** Opens a store in a layout. What cannot be read of it shows when it is asked for. */
export function openLocalStore(layout: StoreLayout): LocalStore {
  return new OpenStore(layout);
}

class OpenStore implements LocalStore {
  readonly layout: StoreLayout;
  readonly #path: string;
  readonly #writers: StoreWriters;

  constructor(layout: StoreLayout) {
    this.layout = layout;
    this.#path = join(layout.directory, "catalogue.json");
    this.#writers = new StoreWriters(layout.directory);
  }

  get directory(): string {
    return this.layout.directory;
  }

  async catalogue(options?: ReadOptions): Promise<Catalogue> {
    options?.signal?.throwIfAborted();
    return this.#reconciled(await this.#read(), options);
  }

  async readIndex(
    digest: Digest,
    options?: ReadOptions,
  ): Promise<{ readonly bytes: Uint8Array; readonly index: SociIndex }> {
    try {
      const { bytes } = await this.layout.fetchManifest(digest, options);
      return { bytes, index: decodeSociIndex(bytes) };
    } catch (error) {
      if (!isNotFound(error)) throw error;
      throw await this.#unknown("read", digest, error);
    }
  }

  async write<T>(body: (writer: StoreWriter) => Promise<T>, options?: ReadOptions): Promise<T> {
    // Under the lock that collecting holds from its beginning to its end.
    const leave = await this.#locked(() => this.#writers.enter(), options);
    try {
      return await body({
        target: this.#target(),
        recordZtoc: (ztoc, recording) =>
          this.#update((catalogue) => withZtoc(catalogue, { ...ztoc, created: now() }), recording),
        recordIndex: (made, recording) => this.#recordIndex(made, recording),
      });
    } finally {
      await leave();
    }
  }

  async removeIndex(digest: Digest, options?: ReadOptions): Promise<void> {
    await this.#locked(async () => {
      const entry = (await this.layout.entries(options)).find((each) => each.digest === digest);
      const known = await this.catalogue(options);
      // One that cannot be read any more is known from the layout's list alone.
      if (entry === undefined || !(isSociIndex(entry) || known.indexes.some((index) => index.digest === digest)))
        throw await this.#unknown("remove", digest);
      // The layout's list says what there is; the catalogue follows it, whenever this ends.
      await this.layout.deleteManifest(digest, options);
      await this.#replace({ ...known, indexes: known.indexes.filter((index) => index.digest !== digest) });
    }, options);
  }

  async rebuild(options?: ReadOptions): Promise<RebuildReport> {
    return this.#locked(async () => {
      const before = await this.#read().catch((error: unknown) => {
        // It is made anew for that.
        if (error instanceof SociIndexError && error.code === "ERR_SOCI_CATALOGUE_MALFORMED") return EMPTY_CATALOGUE;
        throw error;
      });
      const { catalogue, damaged } = await this.#scan(before, options);
      const missing = await this.#missing(options, before);
      for (const digest of missing) await this.layout.deleteManifest(digest, options);
      await this.#replace(catalogue);
      const found = new Set(
        [...catalogue.indexes, ...catalogue.ztocs, ...catalogue.prefetch].map(({ digest }) => digest),
      );
      const had = [...before.indexes, ...before.ztocs, ...before.prefetch].map(({ digest }) => digest).concat(missing);
      return { ...catalogue, dropped: [...new Set(had)].filter((digest) => !found.has(digest)), damaged };
    }, options);
  }

  async collect(options?: ReadOptions & { readonly dryRun?: boolean | undefined }): Promise<CollectReport> {
    return this.#locked(async () => {
      const writer = await this.#writers.anyone();
      if (writer !== undefined)
        throw new SociIndexError(
          "ERR_SOCI_STORE_BUSY",
          `Cannot collect "${this.directory}": process ${writer} is writing to it`,
        );
      const missing = await this.#missing(options);
      const planned = await this.layout.sweep({ ...options, graceMs: 0, dryRun: true });
      if (options?.dryRun === true) return { ...planned, missing };
      // Forgotten first: what is removed is nowhere said to be there, whenever this ends.
      const gone = new Set(planned.blobs.map(({ digest }) => digest));
      const kept = await this.#present(await this.catalogue(options), options, gone);
      const forget = (): Promise<void> => this.#replace(kept);
      const first = await forget().then(
        () => true,
        (error: unknown) => {
          // On a full disk there is room for a catalogue once something has gone, which is what this is for.
          if (hostErrorCode(error) !== "ENOSPC") throw error;
          return false;
        },
      );
      const swept = await this.layout.sweep({ ...options, graceMs: 0 });
      if (!first) await forget();
      return { ...swept, missing };
    }, options);
  }

  /** Indexes that the layout lists, by what it or a catalogue says, and whose blobs are gone. */
  async #missing(options: ReadOptions | undefined, known: Catalogue = EMPTY_CATALOGUE): Promise<readonly Digest[]> {
    const indexes = new Set(known.indexes.map(({ digest }) => digest));
    const missing = new Set<Digest>();
    for (const entry of await this.layout.entries(options)) {
      if (!isSociIndex(entry) && !indexes.has(entry.digest)) continue;
      if ((await this.layout.stat(entry.digest, options)) === undefined) missing.add(entry.digest);
    }
    return [...missing];
  }

  #target(): CreatePorts["target"] {
    const { layout } = this;
    return {
      resolve: (tagOrDigest, options) => layout.resolve(tagOrDigest, options),
      fetchManifest: (target, options) => layout.fetchManifest(target, options),
      pushManifest: (bytes, mediaType, options) => layout.pushManifest(bytes, mediaType, options),
      tag: (tag, target, options) => layout.tag(tag, target, options),
      stat: (digest, options) => layout.stat(digest, options),
      stream: (blob, options) => layout.stream(blob, options),
      begin: (options) => layout.begin(options),
      resume: (id, options) => layout.resume(id, options),
      referrers: (subject, options) => layout.referrers(subject, options),
      ztocsOf: async (layer, spanSize, options) => {
        const { ztocs } = await this.catalogue(options);
        return ztocs
          .filter((ztoc) => ztoc.layer === layer && ztoc.spanSize === spanSize)
          .map(({ digest, size }) => ({ mediaType: SOCI_ZTOC, digest, size }));
      },
    };
  }

  async #recordIndex(
    { index: { digest }, name, image, platform }: RecordedIndex,
    options?: ReadOptions,
  ): Promise<void> {
    const { bytes, index } = await this.readIndex(digest, options);
    const entry: CataloguedIndex = {
      ...indexEntry(digest, bytes, index, now()),
      names: name === undefined ? [] : [name],
      ...(image === undefined ? {} : { image }),
      ...(platform === undefined ? {} : { platform }),
    };
    await this.#update((catalogue) => withIndex(catalogue, entry, index), options);
  }

  /** What the catalogue says, brought in line with what the layout lists: of two files written one after the other, that one is first. */
  async #reconciled(catalogue: Catalogue, options: ReadOptions | undefined): Promise<Catalogue> {
    const listed = new Map((await this.layout.entries(options)).map((entry) => [entry.digest, entry]));
    const isThere = async ({ digest, version }: CataloguedIndex): Promise<boolean> =>
      // Those of version 2 are in image indexes.
      listed.has(digest) || (version === "v2" && (await this.layout.stat(digest, options)) !== undefined);
    const indexes: CataloguedIndex[] = [];
    for (const index of catalogue.indexes) if (await isThere(index)) indexes.push(index);
    let reconciled: Catalogue = { ...catalogue, indexes };
    for (const { digest, artifactType } of listed.values()) {
      if (!isSociIndex({ artifactType })) continue;
      if (indexes.some((index) => index.digest === digest)) continue;
      const found = await this.#tryIndex(digest, options);
      if (found !== undefined) reconciled = withIndex(reconciled, found.entry, found.index);
    }
    return reconciled;
  }

  /** Everything that is said in the blobs, with what the catalogue knew besides. */
  async #scan(
    before: Catalogue,
    options: ReadOptions | undefined,
  ): Promise<{ readonly catalogue: Catalogue; readonly damaged: readonly Digest[] }> {
    const listed = new Set((await this.layout.entries(options)).map(({ digest }) => digest));
    const damaged: Digest[] = [];
    // What is known besides: of those that are there, as is found out in the end.
    let catalogue: Catalogue = { ...before, indexes: [] };
    const manifests = new Map<Digest, Digest>();
    for await (const { digest, size } of this.layout.blobs(options)) {
      if (size < MIN_DOCUMENT || size > MAX_MANIFEST_SIZE || !(await this.#looksLikeJson(digest, size, options)))
        continue;
      const bytes = await this.#tryManifest(digest, options, damaged);
      const index = bytes && decoded(bytes, decodeSociIndex);
      if (bytes === undefined) continue;
      if (index === undefined) {
        for (const [soci, manifest] of manifestsOf(bytes)) manifests.set(soci, manifest);
        continue;
      }
      // A v1 index without a subject is of nothing.
      if (index.version === "v1" && index.subject === undefined) continue;
      if (index.version === "v1" && !listed.has(digest)) await this.layout.pushManifest(bytes, "", options);
      const known = before.indexes.find((entry) => entry.digest === digest);
      const entry = { ...indexEntry(digest, bytes, index, await this.#madeAt(digest)), ...known };
      catalogue = withIndex(catalogue, entry, index);
    }
    const indexes = catalogue.indexes.map((entry): CataloguedIndex => {
      const manifest = entry.manifest ?? manifests.get(entry.digest);
      return { ...entry, ...(manifest === undefined ? {} : { manifest }) };
    });
    return { catalogue: await this.#present({ ...catalogue, indexes }, options), damaged };
  }

  /** Less the artifacts that are not there, or not of their size, or `gone` soon. */
  async #present(
    catalogue: Catalogue,
    options: ReadOptions | undefined,
    gone: ReadonlySet<Digest> = new Set(),
  ): Promise<Catalogue> {
    const sizes = new Map<Digest, number>();
    for await (const { digest, size } of this.layout.blobs(options)) if (!gone.has(digest)) sizes.set(digest, size);
    const isThere = ({ digest, size }: { readonly digest: Digest; readonly size: number }): boolean =>
      sizes.get(digest) === size;
    return {
      indexes: catalogue.indexes.filter(isThere),
      ztocs: catalogue.ztocs.filter(isThere),
      prefetch: catalogue.prefetch.filter(isThere),
    };
  }

  async #looksLikeJson(digest: Digest, size: number, options: ReadOptions | undefined): Promise<boolean> {
    const source = await this.layout.open({ digest, size }, options);
    try {
      return (await source.read(0, 1, options))[0] === 0x7b;
    } finally {
      await source.close?.();
    }
  }

  async #tryManifest(
    digest: Digest,
    options: ReadOptions | undefined,
    damaged: Digest[],
  ): Promise<Uint8Array | undefined> {
    try {
      return (await this.layout.fetchManifest(digest, options)).bytes;
    } catch (error) {
      if (error instanceof OciError && error.code === "ERR_OCI_DIGEST_MISMATCH") damaged.push(digest);
      // Another document, as a config is.
      else if (!(error instanceof OciError) && !isNotFound(error)) throw error;
      return undefined;
    }
  }

  async #tryIndex(
    digest: Digest,
    options: ReadOptions | undefined,
  ): Promise<{ readonly entry: CataloguedIndex; readonly index: SociIndex } | undefined> {
    const bytes = await this.#tryManifest(digest, options, []);
    const index = bytes && decoded(bytes, decodeSociIndex);
    if (bytes === undefined || index === undefined) return undefined;
    return { entry: indexEntry(digest, bytes, index, await this.#madeAt(digest)), index };
  }

  /** When a blob was written, for want of anything better. */
  async #madeAt(digest: Digest): Promise<string | undefined> {
    const path = join(this.directory, "blobs", algorithmOf(digest), hexOf(digest));
    return (await stat(path).catch(() => undefined))?.mtime.toISOString();
  }

  async #unknown(verb: string, digest: Digest, cause?: unknown): Promise<SociIndexError> {
    const { ztocs, prefetch, indexes } = await this.catalogue();
    const isOf = ({ digest: other }: { readonly digest: Digest }): boolean => other === digest;
    const isGone = (await this.layout.entries()).some(isOf) && (await this.layout.stat(digest)) === undefined;
    const what = ztocs.some(isOf)
      ? `${digest} is a zTOC, not a SOCI index`
      : prefetch.some(isOf)
        ? `${digest} is a prefetch artifact, not a SOCI index`
        : isGone
          ? `"${this.directory}" lists ${digest} and does not have it`
          : indexes.some(isOf)
            ? `${digest} belongs to an image that is in "${this.directory}" too`
            : `"${this.directory}" has no ${digest}`;
    return new SociIndexError("ERR_SOCI_STORE_UNKNOWN", `Cannot ${verb} SOCI index: ${what}`, { cause });
  }

  async #read(): Promise<Catalogue> {
    try {
      return decodeCatalogue(await readRegularFile(this.#path, MAX_CATALOGUE_SIZE));
    } catch (error) {
      if (isMissingFile(error)) return EMPTY_CATALOGUE;
      if ((error as { readonly code?: unknown }).code !== "EFBIG") throw located(error, this.#path);
      throw new SociIndexError(
        "ERR_SOCI_CATALOGUE_MALFORMED",
        `Cannot read catalogue "${this.#path}": it has more than ${MAX_CATALOGUE_SIZE} bytes`,
        { cause: error },
      );
    }
  }

  async #update(change: (catalogue: Catalogue) => Catalogue, options: ReadOptions | undefined): Promise<void> {
    await this.#locked(async () => this.#replace(change(await this.catalogue(options))), options);
  }

  #replace(catalogue: Catalogue): Promise<void> {
    return replaceFile(this.#path, encodeCatalogue(catalogue));
  }

  #locked<T>(body: () => Promise<T>, options: ReadOptions | undefined): Promise<T> {
    const path = join(this.directory, ".socikit-store.lock");
    const locked = (holder: string): SociIndexError =>
      new SociIndexError(
        "ERR_SOCI_STORE_BUSY",
        `Cannot lock "${path}": process ${holder} holds it; remove the file if no such process is writing`,
      );
    return withFileLock(path, body, { locked, signal: options?.signal });
  }
}

function now(): string {
  return new Date().toISOString();
}

/** Whether an entry says that it is a SOCI index. */
function isSociIndex({ artifactType }: { readonly artifactType?: string | undefined }): boolean {
  return artifactType === SOCI_INDEX_V1 || artifactType === SOCI_INDEX_V2;
}

function indexEntry(digest: Digest, bytes: Uint8Array, index: SociIndex, created: string | undefined): CataloguedIndex {
  return {
    digest,
    size: bytes.length,
    version: index.version,
    ...(index.subject === undefined ? {} : { manifest: index.subject.digest }),
    names: [],
    ...(created === undefined ? {} : { created }),
  };
}

/** What a decoder gives, or `undefined` for what it refuses. */
function decoded<T>(bytes: Uint8Array, decode: (bytes: Uint8Array) => T): T | undefined {
  try {
    return decode(bytes);
  } catch (error) {
    if (error instanceof SociIndexError || error instanceof OciError) return undefined;
    throw error;
  }
}

/** Of the SOCI indexes that an image index lists, the manifests that they are of. */
function manifestsOf(bytes: Uint8Array): ReadonlyMap<Digest, Digest> {
  const manifest = decoded(bytes, decodeManifest);
  const found = new Map<Digest, Digest>();
  if (manifest === undefined || !isImageIndex(manifest)) return found;
  for (const child of manifest.manifests) {
    const of = child.annotations?.[SOCI_MANIFEST_DIGEST];
    const image = manifest.manifests.find(({ digest }) => digest === of);
    if (child.artifactType === SOCI_INDEX_V2 && image !== undefined) found.set(child.digest, image.digest);
  }
  return found;
}

function located(error: unknown, path: string): unknown {
  if (!(error instanceof SociIndexError)) return error;
  return new SociIndexError(error.code, error.message.replace("catalogue:", `catalogue "${path}":`), { cause: error });
}
