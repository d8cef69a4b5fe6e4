import { allocateReleasable, release } from "./releasable-memory.ts";

/** Bytes of a chunk. A record that is longer has one of its own. */
const CHUNK_SIZE: number = 2 ** 18;

/** Records that were written, and cannot be written to any more. */
interface Chunk {
  readonly bytes: Uint8Array;
  /** The first record in it. */
  readonly first: number;
}

/**
 * Records of bytes, kept as they come: what a builder remembers of each entry, without an object for each. They are read from
 * the last to the first, and their memory is given back on the way.
 *
 * A record is written to and read from plain memory: optimized code reaches into it faster than into memory that can be given
 * back, and takes half as long to be made.
 */
export class RecordLog {
  readonly #chunks: Chunk[] = [];
  #bytes: Uint8Array = new Uint8Array(CHUNK_SIZE);
  #view: DataView = new DataView(this.#bytes.buffer);
  /** The first record in `#bytes`, and how much of it is in use. */
  #first = 0;
  #used = 0;
  /** Where each record begins in its chunk. */
  #starts: Uint32Array = new Uint32Array(256);
  #length = 0;

  /** Number of records. */
  get length(): number {
    return this.#length;
  }

  /** The memory that the record being written, or the one read last, lies in. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** The same memory. */
  get view(): DataView {
    return this.#view;
  }

  /** Where in {@linkcode bytes} a record of at most so many bytes may be written. What lies there is anything. */
  reserve(most: number): number {
    if (this.#used + most > this.#bytes.length) this.#flush(most);
    return this.#used;
  }

  /** The record at the place that was reserved last is complete. */
  add(length: number): void {
    if (this.#length === this.#starts.length) {
      const larger = new Uint32Array(this.#length * 2);
      larger.set(this.#starts);
      this.#starts = larger;
    }
    this.#starts[this.#length++] = this.#used;
    this.#used += length;
  }

  /**
   * Where in {@linkcode bytes} a record begins. After one that lies further back, its neighbours in front can be opened, and
   * those behind it cannot: they may be gone. Nothing can be added any more.
   */
  open(index: number): number {
    while (index < this.#first) this.#load();
    const start = this.#starts[index];
    if (start === undefined || index >= this.#length) throw new RangeError(`Cannot open record ${index}`);
    return start;
  }

  /** The bytes of the records from `index` on, as views, which hold until a record is added. */
  viewsFrom(index: number): readonly Uint8Array[] {
    const chunks = [...this.#chunks, { bytes: this.#bytes.subarray(0, this.#used), first: this.#first }];
    return chunks.flatMap(({ bytes, first }, i) => {
      const end = chunks[i + 1]?.first ?? this.#length;
      return index >= end ? [] : [bytes.subarray(index > first ? this.#starts[index] : 0)];
    });
  }

  /** Puts away what was written, and makes room. */
  #flush(most: number): void {
    if (this.#length > this.#first) {
      const bytes = allocateReleasable(this.#used);
      bytes.set(this.#bytes.subarray(0, this.#used));
      this.#chunks.push({ bytes, first: this.#first });
    }
    this.#first = this.#length;
    this.#used = 0;
    this.#provide(Math.max(CHUNK_SIZE, most));
  }

  /** Takes the last of what was put away. */
  #load(): void {
    const chunk = this.#chunks.pop() as Chunk;
    this.#provide(Math.max(CHUNK_SIZE, chunk.bytes.length));
    this.#bytes.set(chunk.bytes);
    this.#length = this.#first;
    this.#first = chunk.first;
    release(chunk.bytes);
  }

  #provide(size: number): void {
    if (size === this.#bytes.length) return;
    this.#bytes = new Uint8Array(size);
    this.#view = new DataView(this.#bytes.buffer);
  }
}
