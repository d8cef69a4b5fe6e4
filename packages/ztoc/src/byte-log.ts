import { byteStringOf, type ByteString } from "@socikit/oci";

const CHUNK_SIZE = 65536;

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
    if (this.#used === this.#last.length) {
      this.#last = new Uint8Array(CHUNK_SIZE);
      this.#chunks.push(this.#last);
      this.#used = 0;
    }
    this.#last[this.#used++] = byte;
  }

  /** @param value An integer from 0 to 2^53 − 1. */
  putNumber(value: number): void {
    let rest = value;
    for (; rest > 0x7fff_ffff; rest = Math.floor(rest / 128)) this.putByte((rest % 128) | 0x80);
    for (; rest > 127; rest >>>= 7) this.putByte((rest & 127) | 0x80);
    this.putByte(rest);
  }

  putText(text: ByteString): void {
    this.putNumber(text.length);
    for (let i = 0; i < text.length; i++) this.putByte(text.charCodeAt(i));
  }

  /** Reads what was put at an address, and what follows it. */
  read(address: number): ByteLogCursor {
    return new ByteLogCursor(this.#chunks, address);
  }
}

/** A place in a {@linkcode ByteLog} that moves on as it is read. */
export class ByteLogCursor {
  readonly #chunks: readonly Uint8Array[];
  #address: number;

  constructor(chunks: readonly Uint8Array[], address: number) {
    this.#chunks = chunks;
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

  text(): ByteString {
    let text = "";
    for (let left = this.number(); left > 0;) {
      const at = this.#address % CHUNK_SIZE;
      const length = Math.min(left, CHUNK_SIZE - at);
      text += byteStringOf(this.#chunks[Math.floor(this.#address / CHUNK_SIZE)]!.subarray(at, at + length));
      this.#address += length;
      left -= length;
    }
    return text as ByteString;
  }
}
