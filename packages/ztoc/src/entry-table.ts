import type { ByteString } from "@socikit/oci";
import type { FlatbufferBuilder } from "./flatbuffer-builder.ts";
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

/**
 * Most bytes that an entry takes.
 *
 * @param textLength Length of all its strings, those of its records included.
 */
export function entrySizeBound(textLength: number, paxRecords: number): number {
  // A string: length, NUL, padding. A record: two of them, its table, its place in the vector. An entry: six strings, the
  // vector's length, the table's twelve fields with padding, its place in the vector of entries.
  return textLength + 8 * 6 + (8 * 2 + 12 + 4) * paxRecords + 4 + 112 + 4;
}

/** Text that is ASCII by its nature is its own ByteString. */
export function asciiText(text: string): ByteString {
  return text as ByteString;
}
