import { createDigester, type Digest, type Digester } from "@socikit/oci";

/**
 * Bytes that stay unhashed for the sake of cuts that come late: a decoder reports a boundary when it has seen what lies
 * behind it, which is at most a block's header (some 300 bytes) later.
 */
const KEPT = 4096;

/** Hashes the spans of a stream while it passes. Neighbours may share a byte; bytes before the first span are in none. */
export class SpanHasher {
  readonly #digests: Digest[] = [];
  #digester: Digester | undefined;
  /** Cuts that are known, and not yet reached. */
  #cuts: { readonly end: number; readonly start: number }[] = [];
  /** Where the next byte to hash lies. */
  #position = 0;
  /** The last bytes of what was pushed, so that a cut may lie in them. */
  #tail: Uint8Array = new Uint8Array(0);
  /** Where the stream ends so far. */
  #end = 0;

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
      this.#digester = createDigester();
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
