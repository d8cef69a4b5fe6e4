import type { ByteString } from "@socikit/oci";

/** A vtable written earlier: the field positions it holds, and where it is. */
interface WrittenVtable {
  readonly fields: Int32Array;
  readonly at: number;
}

/**
 * Fields of a table, and where they are: what tables have in common that have the same slots and begin at the same place of
 * eight bytes.
 */
export interface TableShape {
  /** Bytes of the table. */
  readonly size: number;
  /** Where its vtable is. */
  readonly vtable: number;
  /** Where in the table each slot's field is, in bytes from its beginning; 0 for those that it does not have. */
  readonly fields: Int32Array;
}

/** What a field of a table is. */
export type SlotKind = "offset" | "int32" | "int64";

/** Bytes that a string takes: its length, its bytes, NUL, up to a multiple of four. */
export function stringSize(length: number): number {
  return (length + 8) & ~3;
}

/** Slots of the largest table of the schemas. */
const MAX_SLOTS = 14;

/**
 * Builds a FlatBuffer from back to front, byte for byte as Go's runtime does (spec section 7.2): what is not stored,
 * where padding goes and when a vtable is shared decide the digest. About a hundred lines, so that no version of a
 * runtime can drift from the bytes.
 *
 * Positions are counted from the end of the buffer: an object's is the number of bytes in use right after writing it.
 */
export class FlatbufferBuilder {
  #bytes: Uint8Array;
  #view: DataView;
  #used = 0;
  #minAlign = 1;
  /** Where the fields of the current table are; 0 for those it does not have. One array for all tables: there are many. */
  readonly #fields: Int32Array = new Int32Array(MAX_SLOTS);
  #slots = 0;
  #tableStart = 0;
  readonly #vtables: WrittenVtable[] = [];

  /** @param capacity Bytes to begin with. Pages never written cost no memory, so a generous bound is better than growth. */
  constructor(capacity = 1024) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** A string, always stored anew and with a NUL behind it. */
  string(text: ByteString): number {
    this.#prepare(4, text.length + 1);
    this.#bytes[this.#bytes.length - ++this.#used] = 0;
    this.#used += text.length;
    const at = this.#bytes.length - this.#used;
    for (let i = 0; i < text.length; i++) this.#bytes[at + i] = text.charCodeAt(i);
    return this.#placeUint32(text.length);
  }

  /** Strings as {@linkcode string} writes them one after the other, in the order in which they lie here. Returns where the first lies. */
  strings(source: Uint8Array, at: number, length: number): number {
    this.#prepare(4, length);
    this.#used += length;
    const to = this.#bytes.length - this.#used;
    this.#bytes.set(source.subarray(at, at + length), to);
    return this.#used;
  }

  /** A vector of `length` bytes, which `fill` writes into the view that it gets. */
  byteVector(length: number, fill: (target: Uint8Array) => void): number {
    this.#prepare(4, length);
    this.#used += length;
    const at = this.#bytes.length - this.#used;
    fill(this.#bytes.subarray(at, at + length));
    return this.#placeUint32(length);
  }

  /** A vector of offsets to no objects. */
  emptyVector(): number {
    this.#prepare(4, 0);
    return this.#placeUint32(0);
  }

  /** A vector of offsets to objects written before. */
  offsetVector(targets: ArrayLike<number>): number {
    this.#prepare(4, 4 * targets.length);
    for (let i = targets.length - 1; i >= 0; i--) this.#placeOffset(targets[i]!);
    return this.#placeUint32(targets.length);
  }

  /** Begins a table. Its strings and vectors have to be written before. */
  startTable(slots: number): void {
    this.#fields.fill(0);
    this.#slots = slots;
    this.#tableStart = this.#used;
  }

  addOffset(slot: number, target: number): void {
    this.#prepare(4, 0);
    this.#placeOffset(target);
    this.#fields[slot] = this.#used;
  }

  addInt8(slot: number, value: number, absent: number): void {
    if (value === absent) return;
    this.#prepare(1, 0);
    this.#view.setInt8(this.#bytes.length - ++this.#used, value);
    this.#fields[slot] = this.#used;
  }

  /** A 32-bit field, signed or not: what is stored is the value modulo 2^32. */
  addInt32(slot: number, value: number): void {
    if (value === 0) return;
    this.#prepare(4, 0);
    this.#placeUint32(value);
    this.#fields[slot] = this.#used;
  }

  addInt64(slot: number, value: number | bigint): void {
    // eslint-disable-next-line eqeqeq -- 0 and 0n alike
    if (value == 0) return;
    this.#prepare(8, 0);
    this.#used += 8;
    const at = this.#bytes.length - this.#used;
    if (typeof value === "bigint") {
      this.#view.setBigInt64(at, BigInt.asIntN(64, value), true);
    } else {
      // There are four an entry: without a bigint for each.
      this.#view.setUint32(at, value, true);
      this.#view.setInt32(at + 4, Math.floor(value / 0x1_0000_0000), true);
    }
    this.#fields[slot] = this.#used;
  }

  /** Ends the table: shares an equal vtable, or puts a new one in front. */
  endTable(): number {
    this.#prepare(4, 0);
    const table = this.#placeUint32(0);
    const fields = this.#fields;
    let slots = this.#slots;
    while (slots > 0 && fields[slots - 1] === 0) slots--;
    for (let slot = 0; slot < slots; slot++) if (fields[slot] !== 0) fields[slot] = table - fields[slot]!;
    let vtable = this.#findVtable(slots);
    if (vtable === 0) {
      const size = 4 + 2 * slots;
      this.#grow(size);
      this.#used += size;
      vtable = this.#used;
      const at = this.#bytes.length - vtable;
      this.#view.setUint16(at, size, true);
      this.#view.setUint16(at + 2, table - this.#tableStart, true);
      for (let slot = 0; slot < slots; slot++) this.#view.setUint16(at + 4 + 2 * slot, fields[slot]!, true);
      this.#vtables.push({ fields: fields.slice(0, slots), at: vtable });
    }
    this.#view.setInt32(this.#bytes.length - table, vtable - table, true);
    return table;
  }

  /** The place of eight bytes that a table would begin at: 0 to 7. */
  get alignment(): number {
    return this.#used % 8;
  }

  /** The shape of the table that was ended last, for tables that begin at the same place of eight bytes. */
  lastShape(table: number): TableShape {
    const vtable = table + this.#view.getInt32(this.#bytes.length - table, true);
    return { size: table - this.#tableStart, vtable, fields: this.#fields.slice() };
  }

  /** Writes a table of the shape of one before. `values` has for each slot its number, or the position it leads to. */
  tableOf({ size, vtable, fields }: TableShape, kinds: readonly SlotKind[], values: Float64Array): number {
    this.#grow(size);
    this.#used += size;
    const table = this.#used;
    const view = this.#view;
    const at = this.#bytes.length - table;
    view.setInt32(at, vtable - table, true);
    for (let slot = 0; slot < kinds.length; slot++) {
      const field = fields[slot]!;
      if (field === 0) continue;
      const value = values[slot]!;
      view.setUint32(at + field, kinds[slot] === "offset" ? table - field - value : value, true);
      if (kinds[slot] === "int64") view.setInt32(at + field + 4, Math.floor(value / 0x1_0000_0000), true);
    }
    return table;
  }

  /** Ends the buffer. The result is a view at the end of the builder's memory. */
  finish(root: number): Uint8Array {
    this.#prepare(this.#minAlign, 4);
    this.#placeOffset(root);
    return this.#bytes.subarray(this.#bytes.length - this.#used);
  }

  /** Newest first, comparing the fields and not the table's size, as Go does. 0 where there is none. */
  #findVtable(slots: number): number {
    for (let i = this.#vtables.length - 1; i >= 0; i--) {
      const vtable = this.#vtables[i]!;
      if (vtable.fields.length !== slots) continue;
      let slot = 0;
      while (slot < slots && vtable.fields[slot] === this.#fields[slot]) slot++;
      if (slot === slots) return vtable.at;
    }
    return 0;
  }

  /** Pads so that the position after `extra` more bytes is a multiple of `size`, and makes room for both. */
  #prepare(size: number, extra: number): void {
    if (size > this.#minAlign) this.#minAlign = size;
    const padding = (size - ((this.#used + extra) % size)) % size;
    this.#grow(padding + size + extra);
    // Memory not yet in use is zero, and so is the padding.
    this.#used += padding;
  }

  #grow(bytes: number): void {
    const needed = this.#used + bytes;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(this.#bytes.length - this.#used), larger.length - this.#used);
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }

  #placeUint32(value: number): number {
    this.#used += 4;
    this.#view.setUint32(this.#bytes.length - this.#used, value, true);
    return this.#used;
  }

  #placeOffset(target: number): void {
    this.#placeUint32(this.#used + 4 - target);
  }
}
