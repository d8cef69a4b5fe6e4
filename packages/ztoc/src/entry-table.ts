import type { ByteString } from "@socikit/oci";
import type { FlatbufferBuilder, SlotKind, TableShape } from "./flatbuffer-builder.ts";
import type { Int64 } from "./tar-number.ts";
import type { TocEntry } from "./ztoc.ts";

/** The numbers of an entry. Those that Go stores in 64 bits are bigints where a double cannot hold them. */
export interface EntryNumbers {
  readonly uncompressedOffset: number;
  readonly uncompressedSize: Int64;
  readonly mode: Int64;
  readonly uid: number;
  readonly gid: number;
  readonly devmajor: Int64;
  readonly devminor: Int64;
}

/** Where the strings of an entry, and the vector of its PAX records, were written. */
export interface EntryTargets {
  readonly name: number;
  readonly type: number;
  readonly linkname: number;
  readonly uname: number;
  readonly gname: number;
  readonly modTime: number;
  readonly paxRecords: number;
}

/** Writes an entry: strings, records by the bytes of their keys, table (spec section 7.3). Returns where the table is. */
export function writeEntry(builder: FlatbufferBuilder, entry: TocEntry): number {
  const targets = {
    name: builder.string(entry.name),
    type: builder.string(asciiText(entry.type)),
    linkname: builder.string(entry.linkname),
    uname: builder.string(entry.uname),
    gname: builder.string(entry.gname),
    modTime: builder.string(asciiText(entry.modTime)),
    paxRecords: builder.offsetVector(
      sortedRecords(entry.paxRecords).map(([key, value]) =>
        writePaxRecord(builder, builder.string(key), builder.string(value)),
      ),
    ),
  };
  return writeEntryTable(builder, targets, entry);
}

/** Writes the table of an entry whose strings are written. Slots in order; what is 0 is left out. */
export function writeEntryTable(builder: FlatbufferBuilder, targets: EntryTargets, numbers: EntryNumbers): number {
  builder.startTable(14);
  builder.addOffset(0, targets.name);
  builder.addOffset(1, targets.type);
  builder.addInt64(2, numbers.uncompressedOffset);
  builder.addInt64(3, numbers.uncompressedSize);
  builder.addOffset(4, targets.linkname);
  builder.addInt64(5, numbers.mode);
  builder.addInt32(6, numbers.uid);
  builder.addInt32(7, numbers.gid);
  builder.addOffset(8, targets.uname);
  builder.addOffset(9, targets.gname);
  builder.addOffset(10, targets.modTime);
  builder.addInt64(11, numbers.devmajor);
  builder.addInt64(12, numbers.devminor);
  builder.addOffset(13, targets.paxRecords);
  return builder.endTable();
}

/** What the slots of an entry's table are, in their order. */
const SLOTS: readonly SlotKind[] = [
  "offset",
  "offset",
  "int64",
  "int64",
  "offset",
  "int64",
  "int32",
  "int32",
  "offset",
  "offset",
  "offset",
  "int64",
  "int64",
  "offset",
];

/** An entry's table by its slots: where strings and records were written, and the numbers. Used again for each entry. */
export function entrySlots(): Float64Array {
  return new Float64Array(SLOTS.length);
}

/**
 * Writes the tables of many entries, as {@linkcode writeEntryTable} does. Few differ in which of their numbers are 0, and so in
 * where their fields lie: that is found out once.
 */
export class EntryTableWriter {
  /** What it writes into. */
  readonly builder: FlatbufferBuilder;
  readonly #shapes: Map<number, TableShape> = new Map();

  constructor(builder: FlatbufferBuilder) {
    this.builder = builder;
  }

  /** Writes a table of what {@linkcode entrySlots} has. Returns where it is. */
  write(slots: Float64Array): number {
    const { builder } = this;
    // The place that it begins at decides where 64-bit numbers can lie.
    let key = builder.alignment;
    for (let slot = 0; slot < SLOTS.length; slot++) if (slots[slot] === 0) key |= 8 << slot;
    const shape = this.#shapes.get(key);
    if (shape !== undefined) return builder.tableOf(shape, SLOTS, slots);
    const table = writeSlots(builder, slots);
    this.#shapes.set(key, builder.lastShape(table));
    return table;
  }
}

/** Writes one table of what {@linkcode entrySlots} has, but for the numbers that are given besides. Returns where it is. */
export function writeSlots(
  builder: FlatbufferBuilder,
  slots: Float64Array,
  others: Partial<EntryNumbers> = {},
): number {
  return writeEntryTable(
    builder,
    {
      name: slots[0]!,
      type: slots[1]!,
      linkname: slots[4]!,
      uname: slots[8]!,
      gname: slots[9]!,
      modTime: slots[10]!,
      paxRecords: slots[13]!,
    },
    {
      uncompressedOffset: slots[2]!,
      uncompressedSize: slots[3]!,
      mode: slots[5]!,
      uid: slots[6]!,
      gid: slots[7]!,
      devmajor: slots[11]!,
      devminor: slots[12]!,
      ...others,
    },
  );
}

/** Writes the table of a PAX record whose strings are written. */
export function writePaxRecord(builder: FlatbufferBuilder, key: number, value: number): number {
  builder.startTable(2);
  builder.addOffset(0, key);
  builder.addOffset(1, value);
  return builder.endTable();
}

/** Records in the order in which they are written. ByteStrings compare as their bytes do. */
export function sortedRecords(records: TocEntry["paxRecords"]): readonly (readonly [ByteString, ByteString])[] {
  return Array.from(records).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Bytes that a PAX record takes besides its strings: its table, its place in the vector. */
export const RECORD_SIZE: number = 12 + 4;

/**
 * Most bytes that an entry takes.
 *
 * @param stringsSize Bytes of all its strings, those of its records included.
 */
export function entrySizeBound(stringsSize: number, paxRecords: number): number {
  // The vector's length, the table's fields with padding, its place in
  // the vector of entries.
  return stringsSize + RECORD_SIZE * paxRecords + 4 + 112 + 4;
}

/** Text that is ASCII by its nature is its own ByteString. */
export function asciiText(text: string): ByteString {
  return text as ByteString;
}
