import { bytesOf, type ByteString } from "@socikit/oci";
import type { Int64 } from "./tar-number.ts";

/** Up to this many bytes are copied to the others, more are a part of their own. */
const MAX_COPIED = 256;

/**
 * Writes the fields of a saved state, for {@linkcode StateReader}. Large byte arrays are not copied: they must not change before
 * the parts are read, and a state of hundreds of megabytes takes no second such amount.
 */
export class StateWriter {
  readonly #parts: Uint8Array[] = [];
  #buffer: Uint8Array = new Uint8Array(1024);
  #view: DataView = new DataView(this.#buffer.buffer);
  #used = 0;
  #length = 0;

  /** Bytes written. */
  get length(): number {
    return this.#length;
  }

  /** All that was written, in order. */
  parts(): readonly Uint8Array[] {
    return this.#used === 0 ? this.#parts : [...this.#parts, this.#buffer.subarray(0, this.#used)];
  }

  /** Any number: 8 bytes. */
  number(value: number): void {
    this.#reserve(8);
    this.#view.setFloat64(this.#used - 8, value, true);
  }

  flag(value: boolean): void {
    this.#reserve(1);
    this.#buffer[this.#used - 1] = value ? 1 : 0;
  }

  int64(value: Int64): void {
    this.#reserve(8);
    this.#view.setBigInt64(this.#used - 8, BigInt(value), true);
  }

  /** Their length, and bytes. */
  bytes(bytes: Uint8Array): void {
    this.number(bytes.length);
    this.rawBytes(bytes);
  }

  /** Bytes alone, whose length the reader knows. */
  rawBytes(bytes: Uint8Array): void {
    if (bytes.length > MAX_COPIED) {
      if (this.#used > 0) this.#parts.push(this.#buffer.subarray(0, this.#used));
      this.#parts.push(bytes);
      this.#length += bytes.length;
      this.#begin();
    } else {
      this.#reserve(bytes.length);
      this.#buffer.set(bytes, this.#used - bytes.length);
    }
  }

  byteString(text: ByteString): void {
    this.bytes(bytesOf(text));
  }

  /** As UTF-8: lone surrogates do not survive. */
  text(text: string): void {
    this.bytes(new TextEncoder().encode(text));
  }

  #reserve(length: number): void {
    if (this.#used + length > this.#buffer.length) {
      this.#parts.push(this.#buffer.subarray(0, this.#used));
      this.#begin();
    }
    this.#used += length;
    this.#length += length;
  }

  #begin(): void {
    this.#buffer = new Uint8Array(1024);
    this.#view = new DataView(this.#buffer.buffer);
    this.#used = 0;
  }
}
