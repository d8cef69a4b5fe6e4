import { createDigester, type Digest, type Digester } from "@socikit/oci";
import { digestBytes, sha256Digest } from "./digest-bytes.ts";
import type { SaveableDigester, SaveableDigesters } from "./saveable-digester.ts";
import type { StateReader } from "./state-reader.ts";
import type { StateWriter } from "./state-writer.ts";

/**
 * Bytes that stay unhashed for the sake of cuts that come late: a decoder reports a boundary when it has seen what lies
 * behind it, which is at most a block's header (some 300 bytes) later.
 */
const KEPT = 4096;
/** Of SHA-256, in bytes. */
const DIGEST_SIZE = 32;

/** Hashes the spans of a stream while it passes. Neighbours may share a byte; bytes before the first span are in none. */
export class SpanHasher {
  readonly #digests: Digest[] = [];
  /** What makes hashes, where they can be saved. */
  readonly #saveable: SaveableDigesters | undefined;
  #digester: Digester | undefined;
  /** Cuts that are known, and not yet reached. */
  #cuts: { readonly end: number; readonly start: number }[] = [];
  /** Where the next byte to hash lies. */
  #position = 0;
  /** The last bytes of what was pushed, so that a cut may lie in them. */
  #tail: Uint8Array = new Uint8Array(0);
  /** Where the stream ends so far. */
  #end = 0;

  /** @param saveable Makes hashes that can be saved; they are slower than the host's. */
  constructor(saveable?: SaveableDigesters) {
    this.#saveable = saveable;
  }

  /** Number of spans that have ended. */
  get length(): number {
    return this.#digests.length;
  }

  /** Whether a span has begun. */
  get isOpen(): boolean {
    return this.#digester !== undefined;
  }

  /** Bytes that were pushed. */
  get end(): number {
    return this.#end;
  }

  /** The span before ends at `end`, the next begins at `start`, which is the same or the byte before. */
  cut(end: number, start: number): void {
    this.#cuts.push({ end, start });
  }

  /** Takes the next bytes, which are not kept. Cuts in them are to be known, those in the last 4,096 may follow. */
  push(bytes: Uint8Array): void {
    const at = this.#end;
    this.#end += bytes.length;
    for (const { end, start } of this.#cuts) {
      this.#hash(end, bytes, at);
      this.#endSpan();
      if (start < at - this.#tail.length) throw new RangeError(`Cannot hash span: its start ${start} has passed`);
      this.#position = start;
      this.#digester = this.#saveable?.create() ?? createDigester();
    }
    this.#cuts = [];
    this.#hash(this.#end - KEPT, bytes, at);
    this.#tail = bytes.length >= KEPT ? bytes.slice(-KEPT) : joinEnd(this.#tail, bytes);
  }

  /** The stream is over: the digests of its spans, in order. */
  finish(): readonly Digest[] {
    if (this.#cuts.length > 0) this.push(new Uint8Array(0));
    this.#hash(this.#end, new Uint8Array(0), this.#end);
    this.#endSpan();
    return this.#digests;
  }

  /** Saves the digests of all spans that have ended but the first `since`. */
  saveAdded(state: StateWriter, since: number): void {
    state.number(this.#digests.length - since);
    for (const digest of this.#digests.slice(since)) state.rawBytes(digestBytes(digest));
  }

  /** Adds what {@linkcode saveAdded} saved. @throws {ZtocError} `ERR_ZTOC_STATE_MALFORMED`. */
  restoreAdded(state: StateReader): void {
    for (let left = state.integer(); left > 0; left--) this.#digests.push(sha256Digest(state.rawBytes(DIGEST_SIZE)));
  }

  /** Saves the rest: the span that has begun. Its hash must be one that can be saved, and what was cut must be pushed. */
  save(state: StateWriter): void {
    if (this.#saveable === undefined || this.#cuts.length > 0) throw new TypeError("Cannot save the hash of a span");
    // Made by `saveable`.
    const digester = this.#digester as SaveableDigester | undefined;
    state.flag(digester !== undefined);
    if (digester !== undefined) state.bytes(digester.save());
    state.number(this.#position);
    state.number(this.#end);
    // The next push makes a new one, and does not change this.
    state.bytes(this.#tail);
  }

  /** Goes on where {@linkcode save} was called. @throws {ZtocError} `ERR_ZTOC_STATE_MALFORMED`. */
  restore(state: StateReader): void {
    if (state.flag()) {
      const digester = this.#saveable?.restore(state.bytes());
      state.check(digester !== undefined, "the hash of a span is none");
      this.#digester = digester;
    }
    this.#position = state.integer();
    this.#end = state.integer();
    this.#tail = state.bytes().slice();
    const tailAt = this.#end - this.#tail.length;
    state.check(this.#tail.length === Math.min(KEPT, this.#end), "the end of what was read is missing");
    state.check(this.#position >= tailAt && this.#position <= this.#end, "a span is hashed up to a place out of reach");
  }

  #endSpan(): void {
    if (this.#digester !== undefined) this.#digests.push(this.#digester.digest());
    this.#digester = undefined;
  }

  /** Hashes up to `to`, out of the tail and then `bytes`, which begin at `at`. */
  #hash(to: number, bytes: Uint8Array, at: number): void {
    if (to <= this.#position) return;
    if (this.#digester !== undefined) {
      const tailAt = at - this.#tail.length;
      if (this.#position < at)
        this.#digester.update(this.#tail.subarray(this.#position - tailAt, Math.min(to, at) - tailAt));
      if (to > at) this.#digester.update(bytes.subarray(Math.max(0, this.#position - at), to - at));
    }
    this.#position = to;
  }
}

/** The last bytes of both, as many as are kept. */
function joinEnd(tail: Uint8Array, bytes: Uint8Array): Uint8Array {
  const kept = Math.min(KEPT, tail.length + bytes.length);
  const joined = new Uint8Array(kept);
  joined.set(bytes, kept - bytes.length);
  joined.set(tail.subarray(tail.length - (kept - bytes.length)), 0);
  return joined;
}
