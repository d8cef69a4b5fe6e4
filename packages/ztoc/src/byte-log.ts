import type { ByteString } from "@socikit/oci";
import type { ByteReader } from "./flatbuffer-builder.ts";
import { allocateReleasable, release } from "./releasable-memory.ts";

const CHUNK_SIZE: number = 2 ** 18;

/**
 * Grows at its end, in chunks: what a builder remembers of each entry, without an object for each. Numbers are varints of
 * seven bits a byte, strings have their length before them. Addresses are bytes from the beginning.
 */
export class ByteLog {
  readonly #chunks: Uint8Array[] = [];
  #last: Uint8Array = new Uint8Array(0);
  #used = 0;

  /** Where the next byte goes. */
  get end(): number {
    return this.#chunks.length === 0 ? 0 : (this.#chunks.length - 1) * CHUNK_SIZE + this.#used;
  }

  putByte(byte: number): void {
    if (this.#used === this.#last.length) this.#addChunk();
    this.#last[this.#used++] = byte;
  }

  #addChunk(): void {
    this.#last = allocateReleasable(CHUNK_SIZE);
    this.#chunks.push(this.#last);
    this.#used = 0;
  }

  /** @param value An integer from 0 to 2^53 − 1. */
  putNumber(value: number): void {
    let rest = value;
    for (; rest > 0x7fff_ffff; rest = Math.floor(rest / 128)) this.putByte((rest % 128) | 0x80);
    for (; rest > 127; rest >>>= 7) this.putByte((rest & 127) | 0x80);
    this.putByte(rest);
  }

  putText(text: ByteString): void {
    const { length } = text;
    this.putNumber(length);
    if (this.#used + length > this.#last.length) {
      for (let i = 0; i < length; i++) this.putByte(text.charCodeAt(i));
      return;
    }
    const chunk = this.#last;
    const at = this.#used;
    for (let i = 0; i < length; i++) chunk[at + i] = text.charCodeAt(i);
    this.#used = at + length;
  }

  /** Bytes as they are: what {@linkcode viewsFrom} gave of another log. */
  putBytes(bytes: Uint8Array): void {
    for (let taken = 0; taken < bytes.length;) {
      if (this.#used === this.#last.length) this.#addChunk();
      const length = Math.min(bytes.length - taken, CHUNK_SIZE - this.#used);
      this.#last.set(bytes.subarray(taken, taken + length), this.#used);
      this.#used += length;
      taken += length;
    }
  }

  /** The bytes from an address to the end, as views. */
  viewsFrom(address: number): readonly Uint8Array[] {
    const first = Math.floor(address / CHUNK_SIZE);
    return this.#chunks
      .slice(first)
      .map((chunk, i) =>
        chunk.subarray(i === 0 ? address % CHUNK_SIZE : 0, chunk === this.#last ? this.#used : CHUNK_SIZE),
      );
  }

  /** Lets go of the chunks behind the one that an address lies in. Nothing can be put any more. */
  releaseAfter(address: number): void {
    for (const chunk of this.#chunks.splice(Math.floor(address / CHUNK_SIZE) + 1)) release(chunk);
  }

  /** A place to read from, at the beginning. */
  cursor(): ByteLogCursor {
    return new ByteLogCursor(this.#chunks);
  }
}

/** A place in a {@linkcode ByteLog} that moves on as it is read. */
export class ByteLogCursor implements ByteReader {
  readonly #chunks: readonly Uint8Array[];
  #address = 0;

  constructor(chunks: readonly Uint8Array[]) {
    this.#chunks = chunks;
  }

  /** Moves to an address. */
  seek(address: number): void {
    this.#address = address;
  }

  byte(): number {
    const address = this.#address++;
    return this.#chunks[Math.floor(address / CHUNK_SIZE)]![address % CHUNK_SIZE]!;
  }

  number(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  }

  /** The bytes of a text, whose length was read by {@linkcode number}. */
  copyTo(target: Uint8Array, at: number, length: number): void {
    for (let copied = 0; copied < length;) {
      const from = this.#address % CHUNK_SIZE;
      const taken = Math.min(length - copied, CHUNK_SIZE - from);
      const chunk = this.#chunks[Math.floor(this.#address / CHUNK_SIZE)]!;
      // Names are short: a loop makes no view, and there are hundreds of thousands.
      for (let i = 0; i < taken; i++) target[at + copied + i] = chunk[from + i]!;
      this.#address += taken;
      copied += taken;
    }
  }
}

/** The number that a log has at `at`. `undefined` where the bytes end in it, or it is beyond 2^53. */
export function readVarint(
  bytes: Uint8Array,
  at: number,
): { readonly value: number; readonly end: number } | undefined {
  let value = 0;
  let end = at;
  for (let scale = 1; end < bytes.length && scale <= 2 ** 49; scale *= 128) {
    const byte = bytes[end++]!;
    value += (byte & 127) * scale;
    if (byte < 128) return value <= Number.MAX_SAFE_INTEGER ? { value, end } : undefined;
  }
  return undefined;
}
