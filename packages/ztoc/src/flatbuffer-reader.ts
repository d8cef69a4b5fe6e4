import { byteStringOf, toDisplay, type ByteString } from "@socikit/oci";
import { ZtocError, type ZtocErrorCode } from "./errors.ts";

/** Most bytes of a string. Those of a tar stream have 1 MiB at most; JavaScript's end at 512 MiB. */
const MAX_STRING_SIZE: number = 2 ** 24;
/** Bytes of a string that an error shows. */
const SHOWN_BYTES = 200;

/**
 * Bounds-checked access to the tables of a FlatBuffer (https://flatbuffers.dev/internals/). Generated readers check
 * nothing: a view past the end gives zeros, and a small file that names one string many times decodes to gigabytes.
 *
 * A table, string or vector is named by its position. The `check` functions count the bytes they stand for, and stop at
 * four times the size of the buffer: an honest buffer is read about once (vtables are shared, so a little more), one that
 * aliases its objects many times over. Whoever walks a buffer first checks everything it will read later.
 */
export class FlatbufferReader {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #what: string;
  readonly #code: ZtocErrorCode;
  #visited = 0;

  /** Keeps `bytes`. `what` and `code` go into the errors. */
  constructor(bytes: Uint8Array, what: string, code: ZtocErrorCode) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#what = what;
    this.#code = code;
  }

  /** Position of the checked root table. */
  root(): number {
    if (this.bytes.length < 8) this.fail(`${this.bytes.length} bytes hold no table`);
    return this.checkTable(this.#follow(0));
  }

  /** Checks that a table and its vtable lie inside the buffer. Returns its position. */
  checkTable(table: number): number {
    const length = this.bytes.length;
    if (table + 4 > length) this.fail(`a table at ${table} lies outside its ${length} bytes`);
    const vtable = table - this.#view.getInt32(table, true);
    if (vtable < 0 || vtable + 4 > length || vtable % 2 !== 0) this.fail(`table ${table} has its vtable at ${vtable}`);
    const vtableSize = this.#view.getUint16(vtable, true);
    const tableSize = this.#view.getUint16(vtable + 2, true);
    if (vtableSize < 4 || vtableSize % 2 !== 0 || vtable + vtableSize > length)
      this.fail(`the vtable at ${vtable} has a size of ${vtableSize}`);
    if (tableSize < 4 || table + tableSize > length) this.fail(`the table at ${table} has a size of ${tableSize}`);
    this.#visit(vtableSize + tableSize);
    return table;
  }

  /**
   * Checks that a string lies inside the buffer and ends with NUL. Returns its position.
   *
   * @throws {ZtocError} `ERR_ZTOC_TOO_LARGE` above 16 MiB.
   */
  checkString(string: number): number {
    const length = this.#view.getUint32(string, true);
    const end = string + 4 + length;
    if (end >= this.bytes.length || this.bytes[end] !== 0) this.fail(`the string at ${string} is not terminated`);
    if (length > MAX_STRING_SIZE)
      throw new ZtocError(
        "ERR_ZTOC_TOO_LARGE",
        `Cannot decode ${this.#what}: the string at ${string} has ${length} bytes, more than 16 MiB`,
      );
    this.#visit(length + 5);
    return string;
  }

  /** Checks that a vector lies inside the buffer. Returns its number of elements. */
  checkVector(vector: number, elementSize: number): number {
    const count = this.#view.getUint32(vector, true);
    if (count * elementSize > this.bytes.length - vector - 4)
      this.fail(`the vector at ${vector} claims ${count} elements`);
    this.#visit(4 + count * elementSize);
    return count;
  }

  /** Number of elements of a checked vector. */
  count(vector: number): number {
    return this.#view.getUint32(vector, true);
  }

  /** Position of the table, string or vector that a field names, or 0 where the field is absent. */
  target(table: number, slot: number): number {
    const at = this.#field(table, slot, 4);
    return at === 0 ? 0 : this.#follow(at);
  }

  /** Position of the table or string that an element of a checked vector names. */
  element(vector: number, index: number): number {
    return this.#follow(vector + 4 + index * 4);
  }

  /** The bytes of a checked string as they are, one character a byte. */
  text(string: number): ByteString {
    return byteStringOf(this.view(string));
  }

  /** How a checked string begins, for an error; nothing where there is no string. */
  shown(string: number): string {
    return string === 0 ? "" : toDisplay(byteStringOf(this.view(string).subarray(0, SHOWN_BYTES)));
  }

  /** Whether a checked string has just these bytes. */
  stringEquals(string: number, bytes: Uint8Array): boolean {
    if (this.#view.getUint32(string, true) !== bytes.length) return false;
    for (let i = 0; i < bytes.length; i++) if (this.bytes[string + 4 + i] !== bytes[i]) return false;
    return true;
  }

  /** The bytes of a checked string or vector of bytes: a view. */
  view(vector: number): Uint8Array {
    return this.bytes.subarray(vector + 4, vector + 4 + this.#view.getUint32(vector, true));
  }

  int8(table: number, slot: number, absent: number): number {
    const at = this.#field(table, slot, 1);
    return at === 0 ? absent : this.#view.getInt8(at);
  }

  int32(table: number, slot: number): number {
    const at = this.#field(table, slot, 4);
    return at === 0 ? 0 : this.#view.getInt32(at, true);
  }

  uint32(table: number, slot: number): number {
    const at = this.#field(table, slot, 4);
    return at === 0 ? 0 : this.#view.getUint32(at, true);
  }

  /** A 64-bit field, to the nearest double: `Number.isSafeInteger` says whether it is exact. */
  int64(table: number, slot: number): number {
    const at = this.#field(table, slot, 8);
    return at === 0 ? 0 : this.#view.getInt32(at + 4, true) * 0x1_0000_0000 + this.#view.getUint32(at, true);
  }

  /** @throws {ZtocError} always, with the reader's code. */
  fail(found: string): never {
    throw new ZtocError(this.#code, `Cannot decode ${this.#what}: ${found}`);
  }

  /** Position of a field of a checked table, or 0 where it is absent. */
  #field(table: number, slot: number, size: number): number {
    const vtable = table - this.#view.getInt32(table, true);
    const entry = 4 + slot * 2;
    if (entry >= this.#view.getUint16(vtable, true)) return 0;
    const offset = this.#view.getUint16(vtable + entry, true);
    if (offset === 0) return 0;
    const at = table + offset;
    if (offset < 4 || offset + size > this.#view.getUint16(vtable + 2, true) || at % size !== 0)
      this.fail(`field ${slot} of the table at ${table} lies at ${at}`);
    return at;
  }

  /** Follows the offset stored at `at`. Everything an offset can name begins with four bytes and is aligned to them. */
  #follow(at: number): number {
    const offset = this.#view.getUint32(at, true);
    const to = at + offset;
    if (offset === 0 || to % 4 !== 0 || to + 4 > this.bytes.length)
      this.fail(`the offset at ${at} leads to ${to} of ${this.bytes.length} bytes`);
    return to;
  }

  #visit(bytes: number): void {
    this.#visited += bytes;
    if (this.#visited > 4 * this.bytes.length) this.fail("its objects overlap: they are larger than the file");
  }
}
