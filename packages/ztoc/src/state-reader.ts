import { byteStringOf, type ByteString } from "@socikit/oci";
import { ZtocError } from "./errors.ts";
import type { Int64 } from "./tar-number.ts";

/**
 * Reads what {@linkcode StateWriter} wrote. Whatever the bytes are, a method gives a value of its kind or throws a ZtocError
 * `ERR_ZTOC_STATE_MALFORMED`; what the values mean together is the caller's to check ({@linkcode check}).
 */
export class StateReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Bytes not read yet. */
  get left(): number {
    return this.#bytes.length - this.#at;
  }

  /** Any number, also NaN. */
  number(): number {
    return this.#view.getFloat64(this.#take(8), true);
  }

  /** An integer from 0 to `max`. */
  integer(max: number = Number.MAX_SAFE_INTEGER): number {
    const value = this.number();
    this.check(Number.isSafeInteger(value) && value >= 0 && value <= max, "a number is out of range");
    return value;
  }

  flag(): boolean {
    const value = this.#bytes[this.#take(1)]!;
    this.check(value <= 1, "a flag is neither on nor off");
    return value === 1;
  }

  int64(): Int64 {
    const value = this.#view.getBigInt64(this.#take(8), true);
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }

  /** A view. */
  bytes(): Uint8Array {
    return this.rawBytes(this.integer());
  }

  /** A view. */
  rawBytes(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  byteString(): ByteString {
    return byteStringOf(this.bytes());
  }

  text(): string {
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(this.bytes());
  }

  /** Everything must have been read. */
  end(): void {
    this.check(this.left === 0, `${this.left} bytes are left over`);
  }

  /** Throws unless it holds. */
  check(holds: boolean, found: string): asserts holds {
    if (!holds) throw malformed(found);
  }

  #take(length: number): number {
    if (length > this.left) throw malformed("it ends too early");
    const at = this.#at;
    this.#at += length;
    return at;
  }
}

/** The error of a saved build that none has saved so. */
export function malformed(found: string, options?: ErrorOptions): ZtocError {
  return new ZtocError("ERR_ZTOC_STATE_MALFORMED", `Cannot go on with a saved build: ${found}`, options);
}
