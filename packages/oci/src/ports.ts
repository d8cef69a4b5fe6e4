import type { BlobCheck } from "./blob-check.ts";
import type { BlobSource, ReadOptions } from "./blob-source.ts";
import type { Descriptor } from "./descriptor.ts";
import type { Digest, DigestAlgorithm } from "./digest.ts";

/** A manifest as received. */
export interface FetchedManifest {
  /** Media type, digest of `bytes`, and their number. */
  readonly descriptor: Descriptor;
  /** The bytes that the digest is of. Re-encoding the parsed form would change it. */
  readonly bytes: Uint8Array;
}

/** Finds and reads manifests. */
export interface ManifestReader {
  /** The descriptor that a tag or digest names. */
  resolve(tagOrDigest: string, options?: ReadOptions): Promise<Descriptor>;
  /** The whole manifest, checked against the digest asked for, where one was, and its size. */
  fetchManifest(target: string | Descriptor, options?: ReadOptions): Promise<FetchedManifest>;
}

/** Writes manifests and names them. Every blob a manifest names is there before it; tags are written last. */
export interface ManifestWriter {
  /**
   * Writes a manifest under its digest: of `algorithm`, SHA-256 unless said otherwise. A manifest that others name by another
   * digest has to be written under that one. Where it has a `subject`, it is found as that one's referrer afterwards.
   */
  pushManifest(
    bytes: Uint8Array,
    mediaType: string,
    options?: ReadOptions & { readonly algorithm?: DigestAlgorithm | undefined },
  ): Promise<Descriptor>;
  /** Lets `tag` name `target`. `expected` is compare-and-set where the store can: the digest before, or null for none. */
  tag(tag: string, target: Descriptor, options?: ReadOptions & { readonly expected?: Digest | null }): Promise<void>;
}

/** Reads blobs. */
export interface BlobReader {
  /** Size of a blob, or `undefined` where it is not there. */
  stat(digest: Digest, options?: ReadOptions): Promise<{ readonly size: number } | undefined>;
  /** Random access. Bytes are not verified: whoever reads parts checks them against what it trusts. */
  open(blob: Pick<Descriptor, "digest" | "size">, options?: ReadOptions): Promise<BlobSource>;
  /** The whole blob; the stream ends with an error where size or digest do not fit. */
  stream(blob: Pick<Descriptor, "digest" | "size">, options?: ReadOptions): Promise<ReadableStream<Uint8Array>>;
}

/** One upload of a blob, in order. */
export interface BlobUpload {
  /** Names the upload for {@linkcode BlobWriter.resume}. */
  readonly id: string;
  /** Bytes that the store has. A broken upload goes on here, so a copy reads from a BlobSource, not from a stream. */
  readonly offset: number;
  /**
   * Appends bytes, which are not retained. They may be on their way when it resolves: the next call tells of what has failed. A signal
   * ends what the call waits for, and with it the upload; once the call is over it has nothing to say.
   */
  write(bytes: Uint8Array, options?: ReadOptions): Promise<void>;
  /** Ends the upload: the blob is there under `digest`, or the call fails and nothing is. */
  commit(digest: Digest, options?: ReadOptions): Promise<Descriptor>;
  /**
   * Lets go of local resources; the upload can be resumed. May send what was written and not sent yet, unless that has failed
   * before; what is not sent is not in `offset`. Never fails; a signal ends it early.
   */
  suspend(options?: ReadOptions): Promise<void>;
  /** Throws the upload away. Never fails. */
  abort(): Promise<void>;
}

/** How {@linkcode BlobWriter.begin} starts an upload. */
export interface BeginOptions extends ReadOptions {
  /** What the blob is named by. SHA-256 unless said otherwise. */
  readonly algorithm?: DigestAlgorithm;
  /** The blob, where it is known: lets the store choose how to send it. */
  readonly expect?: Pick<Descriptor, "digest" | "size">;
  /**
   * What hashes the bytes that are going to be written, on their way here: the store need not hash them again. It has to have
   * passed, for the digest and as many bytes as were written, before `commit` believes it; else the store looks for itself, or fails.
   */
  readonly check?: BlobCheck | undefined;
}

/** Writes blobs. */
export interface BlobWriter {
  /** Starts an upload. */
  begin(options?: BeginOptions): Promise<BlobUpload>;
  /** Takes an upload up again, by its `id`. */
  resume(id: string, options?: ReadOptions): Promise<BlobUpload>;
}

/** Makes a blob of one repository available in another of the same registry. */
export interface BlobMounter {
  /** Whether the blob is there now; `false` means: upload it. */
  mount(digest: Digest, from: string, options?: ReadOptions): Promise<boolean>;
}

/** Lists what refers to a manifest. */
export interface ReferrerLister {
  /** Descriptors of the manifests whose `subject` is `subject`, in the store's order. */
  referrers(subject: Digest, options?: ReferrersOptions): AsyncIterable<Descriptor>;
}

/** Which referrers are listed. */
export interface ReferrersOptions extends ReadOptions {
  /** Those of this type alone. */
  readonly artifactType?: string;
  /** Hears how the list came about, where the store asks someone. Stores that know by themselves say nothing. */
  readonly onAnswer?: ((answer: ReferrersAnswer) => void) | undefined;
}

/** One of the ways to a list of referrers, and what came of it. It is told when the way's list has ended, or is left. */
export interface ReferrersAnswer {
  /** The referrers API, or the tag that takes its place. */
  readonly way: "api" | "tag";
  /** What was asked for: the API's path below the repository, with its query, or the tag. */
  readonly asked: string;
  /** `unsupported`: there is no such API; `absent`: there is no such tag; `unusable`: what is there is no list; `refused`: an error. */
  readonly outcome: "listed" | "unsupported" | "absent" | "unusable" | "refused";
  /** Descriptors that were listed, of whatever type. */
  readonly listed: number;
  /** Those among them that were given on: of the type asked for, and not given before. */
  readonly given: number;
}

/** Lists tags. */
export interface TagLister {
  /** The tags, in the store's order (registries: lexical). */
  tags(options?: ReadOptions): AsyncIterable<string>;
}

/** Removes manifests and tags. */
export interface Deleter {
  /** Removes a manifest and every tag on it. */
  deleteManifest(digest: Digest, options?: ReadOptions): Promise<void>;
  /** Removes a tag; the manifest stays. */
  untag(tag: string, options?: ReadOptions): Promise<void>;
}

/**
 * What happened, as versioned data: progress rows, `--json` and a job queue read the same events.
 * Each package that emits events exports a union of its own types that extend this one.
 */
export interface ProgressEvent {
  /** Version of the event's shape. */
  readonly v: 1;
  /** Which event it is. */
  readonly type: string;
}
