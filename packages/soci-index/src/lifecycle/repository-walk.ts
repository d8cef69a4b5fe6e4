import {
  decodeManifest,
  DOCKER_CONFIG,
  eachConcurrently,
  isDigest,
  isImageIndex,
  isIndexType,
  isManifestType,
  isNotFound,
  MAX_INDEX_DEPTH,
  OCI_CONFIG,
  OciError,
  referrersTag,
  subjectOfTag,
  verifiedManifests,
  type Descriptor,
  type Digest,
  type ImageIndex,
  type ImageManifest,
  type ManifestReader,
  type Platform,
  type ReadOptions,
  type ReferrerLister,
  type ReferrersAnswer,
  type TagLister,
} from "@socikit/oci";
import { SociIndexError } from "../errors.ts";
import { SOCI_INDEX_V1, SOCI_INDEX_V2 } from "../media-types.ts";
import { sociIndexDigestOf, type SociIndex } from "../soci-index.ts";
import type { UnreadManifest } from "./repository-survey.ts";

/** Most tags of a repository, and most manifests that they lead to: each is kept while the repository is looked at. */
const MAX_TAGS = 100_000;
const MAX_DOCUMENTS = 200_000;
/** Most manifests that its tags lead to, counted once for each tag. */
const MAX_VISITS = 5_000_000;

/** How a repository is looked at. */
export interface SurveyOptions extends ReadOptions {
  /** Requests at the same time. @default {4} */
  readonly concurrency?: number | undefined;
  /**
   * Further manifests whose referrers are looked for, such as images that were deleted: a registry with a referrers API knows
   * them still, and nothing else leads there.
   */
  readonly subjects?: readonly Digest[] | undefined;
}

/** Where a repository is looked at. */
export type SurveyPorts = TagLister & ManifestReader & ReferrerLister;

/** A manifest that was read. */
export interface Document {
  readonly descriptor: Descriptor;
  readonly manifest: ImageManifest | ImageIndex;
}

/** What is known of a manifest that tags and lists lead to. */
export interface Subject {
  readonly tags: Set<string>;
  exists: boolean;
  platform?: Platform;
}

/** What is reached from one tag. */
interface TagWalk {
  readonly tag: string;
  readonly seen: Set<Digest>;
}

/** Reads what there is to read of a repository, in three steps, and keeps it. */
export class RepositoryWalk {
  readonly #ports: SurveyPorts;
  readonly #manifests: ManifestReader;
  readonly #read: ReadOptions;
  readonly #concurrency: number;
  readonly tags: Map<string, Digest> = new Map();
  /** What was read; `undefined` for what is not there or cannot be read. */
  readonly documents: Map<Digest, Document | undefined> = new Map();
  readonly missing: Set<Digest> = new Set();
  readonly unread: UnreadManifest[] = [];
  readonly lists: Map<string, Document> = new Map();
  readonly subjects: Map<Digest, Subject> = new Map();
  /** SOCI indexes that image indexes have as children. */
  readonly children: Set<Digest> = new Set();
  /** By subject, what lists as SOCI indexes of it, in the order in which they are tried. */
  readonly listed: Map<Digest, Descriptor[]> = new Map();
  #lacksApi = false;
  #visits = 0;

  constructor(ports: SurveyPorts, { signal, priority, concurrency = 4 }: SurveyOptions) {
    this.#ports = ports;
    this.#manifests = verifiedManifests(ports);
    this.#read = { signal, priority };
    this.#concurrency = concurrency;
  }

  async readTags(): Promise<void> {
    const tags: string[] = [];
    for await (const tag of this.#ports.tags(this.#read)) {
      if (tags.length === MAX_TAGS) throw tooLarge(`it has more than ${MAX_TAGS} tags`);
      tags.push(tag);
    }
    const digests = new Map<string, Digest>();
    await eachConcurrently(tags, this.#concurrency, this.#read.signal, async (tag, signal) => {
      const document = await this.#fetch(tag, { ...this.#read, signal });
      if (document !== undefined) digests.set(tag, document.descriptor.digest);
    });
    for (const tag of tags) {
      const digest = digests.get(tag);
      if (digest !== undefined) this.tags.set(tag, digest);
    }
  }

  /** Everything that image indexes lead to. */
  async readChildren(): Promise<void> {
    let level: Digest[] = [];
    for (const [tag, digest] of this.tags) {
      const document = this.documents.get(digest);
      if (document === undefined) continue;
      if (isFallbackList(tag, document)) this.lists.set(tag, document);
      else level.push(digest);
    }
    for (let depth = 0; level.length > 0 && depth < MAX_INDEX_DEPTH; depth++) {
      const children = [...new Set(level)].flatMap((digest) => this.#childrenOf(digest));
      // One level after the other: a child names the next.
      await this.#fetchAll(children);
      level = children.map(({ digest }) => digest);
    }
    for (const [tag, digest] of this.tags)
      if (!this.lists.has(tag)) this.#visit({ tag, seen: new Set() }, digest, undefined, 0);
  }

  /** Notes by which tag a manifest is reached, and with it all below. In the order of tags, so images are in it too. */
  #visit(from: TagWalk, digest: Digest, platform: Platform | undefined, depth: number): void {
    const document = this.documents.get(digest);
    if (document === undefined || depth > MAX_INDEX_DEPTH || from.seen.has(digest)) return;
    from.seen.add(digest);
    if (++this.#visits > MAX_VISITS) throw tooLarge(`its tags lead to more than ${MAX_VISITS} manifests together`);
    if (isSociIndex(document)) {
      // Some copies lose the artifact type of an entry; the config keeps it.
      if (depth > 0) this.children.add(digest);
      return;
    }
    this.#subject(digest, platform).tags.add(from.tag);
    for (const child of this.#childrenOf(digest)) this.#visit(from, child.digest, child.platform, depth + 1);
  }

  #childrenOf(digest: Digest): readonly Descriptor[] {
    const manifest = this.documents.get(digest)?.manifest;
    if (manifest === undefined || !isImageIndex(manifest)) return [];
    return manifest.manifests.filter(({ mediaType }) => isManifestType(mediaType) || isIndexType(mediaType));
  }

  async findReferrers(further: readonly Digest[]): Promise<void> {
    const subjects = new Set<Digest>();
    // Attestations have an image's config too, and a platform that is none.
    for (const [digest, { platform }] of this.subjects)
      if (mayHaveIndexes(this.documents.get(digest)?.manifest) && platform?.os !== "unknown") subjects.add(digest);
    await this.#fetchAll([...this.lists.values()].flatMap(({ manifest }) => sociEntries(manifest)));
    const others = new Set<Digest>(further);
    for (const [tag, document] of this.lists) {
      const subject = this.subjectOf(tag, document);
      if (subject !== undefined) others.add(subject);
    }
    // Indexes that have a tag themselves.
    for (const [, document] of this.#known()) {
      const index = sociIndexOf(document);
      if (index?.version === "v1" && index.subject !== undefined) others.add(index.subject.digest);
    }
    // In one order, whatever came first.
    for (const digest of [...others].sort()) subjects.add(digest);
    const referrers = new Map<Digest, Descriptor[]>();
    const missing = new Set<Digest>();
    await eachConcurrently([...subjects], this.#concurrency, this.#read.signal, async (subject, signal) => {
      const read = { ...this.#read, signal };
      referrers.set(subject, await this.#referrersOf(subject, read));
      if (!(await this.#exists(subject, read))) missing.add(subject);
    });
    for (const subject of subjects) {
      this.listed.set(subject, referrers.get(subject) ?? []);
      this.#subject(subject).exists = !missing.has(subject);
    }
    await this.#fetchAll([...this.listed.values()].flat());
    const named = [...this.#known()].flatMap(([, { manifest }]) => sociIndexDigestOf(manifest) ?? []).sort();
    await this.#fetchAll(named.map((digest) => ({ mediaType: "", digest, size: 0 })));
  }

  #subject(digest: Digest, platform?: Platform): Subject {
    let subject = this.subjects.get(digest);
    if (subject === undefined) this.subjects.set(digest, (subject = { tags: new Set(), exists: true }));
    if (platform !== undefined) subject.platform ??= platform;
    return subject;
  }

  *#known(): Generator<readonly [Digest, Document]> {
    for (const [digest, document] of this.documents) if (document !== undefined) yield [digest, document];
  }

  /** The subject of a list: what its tag says, or what it lists where the tag has not the whole digest. */
  subjectOf(tag: string, { manifest }: Document): Digest | undefined {
    const named = subjectOfTag(tag);
    if (named !== "unknown") return named;
    for (const { digest } of sociEntries(manifest)) {
      const document = this.documents.get(digest);
      const subject = document && sociIndexOf(document)?.subject?.digest;
      if (subject !== undefined && referrersTag(subject) === tag) return subject;
    }
    return undefined;
  }

  async #referrersOf(subject: Digest, read: ReadOptions): Promise<Descriptor[]> {
    const found: Descriptor[] = [];
    // Without the API there is nothing but the tags, and those are known.
    if (this.#lacksApi && !this.tags.has(referrersTag(subject))) return found;
    const onAnswer = ({ outcome }: ReferrersAnswer): void => void (this.#lacksApi ||= outcome === "unsupported");
    try {
      for await (const referrer of this.#ports.referrers(subject, { ...read, artifactType: SOCI_INDEX_V1, onAnswer }))
        if (referrer.artifactType === SOCI_INDEX_V1) found.push(referrer);
    } catch (error) {
      if (!(error instanceof OciError)) throw error;
      this.unread.push({ name: subject, message: error.message });
    }
    return found;
  }

  async #exists(subject: Digest, read: ReadOptions): Promise<boolean> {
    if (this.documents.get(subject) !== undefined) return true;
    try {
      await this.#ports.resolve(subject, read);
      return true;
    } catch (error) {
      if (!isNotFound(error)) throw error;
      return false;
    }
  }

  async #fetchAll(descriptors: readonly Descriptor[]): Promise<void> {
    const wanted = new Map<Digest, Descriptor>();
    for (const descriptor of descriptors)
      if (!this.documents.has(descriptor.digest)) wanted.set(descriptor.digest, descriptor);
    await eachConcurrently([...wanted.values()], this.#concurrency, this.#read.signal, async (descriptor, signal) => {
      await this.#fetch(descriptor, { ...this.#read, signal });
    });
  }

  async #fetch(target: string | Descriptor, read: ReadOptions): Promise<Document | undefined> {
    if (this.documents.size >= MAX_DOCUMENTS) throw tooLarge(`it has more than ${MAX_DOCUMENTS} manifests`);
    const name = typeof target === "string" ? target : target.digest;
    try {
      // A size of 0 is of a digest that came without one.
      const asked = typeof target !== "string" && target.size === 0 ? target.digest : target;
      const { descriptor, bytes } = await this.#manifests.fetchManifest(asked, read);
      const known = this.documents.get(descriptor.digest);
      const document = known ?? { descriptor, manifest: decodeManifest(bytes, descriptor.mediaType) };
      this.documents.set(descriptor.digest, document);
      return document;
    } catch (error) {
      const isMissing = isNotFound(error);
      if (!isMissing && !(error instanceof OciError)) throw error;
      if (!isMissing) this.unread.push({ name, message: error instanceof Error ? error.message : String(error) });
      if (isDigest(name)) {
        this.documents.set(name, undefined);
        if (isMissing) this.missing.add(name);
      }
      return undefined;
    }
  }
}

function tooLarge(what: string): SociIndexError {
  return new SociIndexError("ERR_SOCI_REPOSITORY_TOO_LARGE", `Cannot survey repository: ${what}`);
}

/** A list of referrers is an index whose entries run nowhere, under a tag that is named so. */
function isFallbackList(tag: string, { manifest }: Document): boolean {
  return (
    subjectOfTag(tag) !== undefined &&
    isImageIndex(manifest) &&
    manifest.manifests.every(({ platform }) => platform === undefined)
  );
}

/** Those entries of a list that say they are SOCI indexes, or do not say what they are. */
function sociEntries(manifest: ImageManifest | ImageIndex): readonly Descriptor[] {
  if (!isImageIndex(manifest)) return [];
  return manifest.manifests.filter(({ artifactType }) => artifactType === undefined || artifactType === SOCI_INDEX_V1);
}

function isSociIndex({ manifest }: Document): boolean {
  return !isImageIndex(manifest) && [SOCI_INDEX_V1, SOCI_INDEX_V2].includes(manifest.config.mediaType);
}

/** The SOCI index that a manifest is, where it is one. */
export function sociIndexOf(document: Document): SociIndex | undefined {
  return isSociIndex(document) && !isImageIndex(document.manifest) ? indexOf(document.manifest) : undefined;
}

function indexOf({ config, layers, subject }: ImageManifest): SociIndex {
  const version = config.mediaType === SOCI_INDEX_V1 ? "v1" : "v2";
  return { version, blobs: layers, ...(subject === undefined ? {} : { subject }) };
}

/** Whether a manifest may be the subject of a SOCI index: an image, or an index of some, which the reference points at too. */
function mayHaveIndexes(manifest: ImageManifest | ImageIndex | undefined): boolean {
  if (manifest === undefined) return false;
  if (isImageIndex(manifest)) return manifest.artifactType === undefined;
  return manifest.config.mediaType === OCI_CONFIG || manifest.config.mediaType === DOCKER_CONFIG;
}
