import type { ByteString } from "@socikit/oci";
import { ascendingOrder } from "./ascending-order.ts";
import { ZtocError } from "./errors.ts";
import type { FlatbufferReader } from "./flatbuffer-reader.ts";
import { ENTRY_TYPES, type EntryType, type TableOfContents, type TocEntry } from "./ztoc.ts";

/** Most entries of a zTOC. Images have a few hundred thousand; this many take 100 MB of columns. */
export const MAX_ENTRIES: number = 2 ** 23;

/** An entry's place in the vector, and a table of nothing but its type: the rest may be shared. */
const LEAST_ENTRY_SIZE = 12;

const NAME = 0;
const TYPE = 1;
const UNCOMPRESSED_OFFSET = 2;
const UNCOMPRESSED_SIZE = 3;
const LINKNAME = 4;
const MODE = 5;
const UID = 6;
const GID = 7;
const UNAME = 8;
const GNAME = 9;
const MOD_TIME = 10;
const DEVMAJOR = 11;
const DEVMINOR = 12;
const PAX_RECORDS = 13;

const EMPTY = "" as ByteString;
const TYPES: readonly { readonly type: EntryType; readonly bytes: Uint8Array }[] = ENTRY_TYPES.map((type) => ({
  type,
  bytes: new TextEncoder().encode(type),
}));

/**
 * The entries of a decoded zTOC. Everything is checked once, when it is made; after that a position and a header offset
 * an entry are all that is kept beside the buffer (100,000 objects with their strings would be 130 MB).
 */
export class StoredToc implements TableOfContents {
  readonly length: number;
  readonly #reader: FlatbufferReader;
  /** Position of each entry's table. */
  readonly #tables: Uint32Array;
  readonly #headerOffsets: Float64Array;

  constructor(reader: FlatbufferReader, toc: number, exact: boolean) {
    const vector = reader.target(toc, 0);
    const count = vector === 0 ? 0 : reader.checkVector(vector, 4);
    if (count > MAX_ENTRIES)
      throw new ZtocError(
        "ERR_ZTOC_TOO_LARGE",
        `Cannot decode zTOC: it has ${count} entries, more than ${MAX_ENTRIES}`,
      );
    if (count * LEAST_ENTRY_SIZE > reader.bytes.length)
      reader.fail(`it has ${count} entries in ${reader.bytes.length} bytes: they overlap`);
    this.length = count;
    this.#reader = reader;
    const tables = new Uint32Array(count);
    const ends = new Float64Array(count);
    let isInOrder = true;
    let before = 0;
    for (let entry = 0; entry < count; entry++) {
      const table = reader.checkTable(reader.element(vector, entry));
      if (entry > 0 && table === tables[entry - 1]) reader.fail(`its entries ${entry - 1} and ${entry} are one`);
      tables[entry] = table;
      const isFile = checkEntry(reader, table, entry, exact) === "reg";
      const offset = reader.int64(table, UNCOMPRESSED_OFFSET);
      ends[entry] = offset + (isFile ? Math.max(0, reader.int64(table, UNCOMPRESSED_SIZE)) : 0);
      isInOrder &&= offset >= before;
      before = offset;
    }
    this.#tables = tables;
    // Tar order is that of the offsets, unless someone made the zTOC by hand.
    this.#headerOffsets = headerOffsets(ends, isInOrder ? undefined : ascendingOrder(offsetsOf(reader, tables)));
  }

  at(entry: number): TocEntry {
    const table = this.#tables[entry];
    const headerOffset = this.#headerOffsets[entry];
    if (table === undefined || headerOffset === undefined)
      throw new RangeError(`Cannot read entry ${entry}: the zTOC has ${this.length}`);
    const reader = this.#reader;
    const text = (slot: number): ByteString => {
      const target = reader.target(table, slot);
      return target === 0 ? EMPTY : reader.text(target);
    };
    let paxRecords: ReadonlyMap<ByteString, ByteString> | undefined;
    return {
      name: text(NAME),
      // Checked to be one of them.
      type: text(TYPE) as string as EntryType,
      headerOffset,
      uncompressedOffset: reader.int64(table, UNCOMPRESSED_OFFSET),
      uncompressedSize: reader.int64(table, UNCOMPRESSED_SIZE),
      linkname: text(LINKNAME),
      mode: reader.int64(table, MODE),
      uid: reader.uint32(table, UID),
      gid: reader.uint32(table, GID),
      uname: text(UNAME),
      gname: text(GNAME),
      modTime: text(MOD_TIME),
      devmajor: reader.int64(table, DEVMAJOR),
      devminor: reader.int64(table, DEVMINOR),
      get paxRecords() {
        return (paxRecords ??= readPaxRecords(reader, reader.target(table, PAX_RECORDS)));
      },
    };
  }

  *[Symbol.iterator](): Iterator<TocEntry> {
    for (let entry = 0; entry < this.length; entry++) yield this.at(entry);
  }
}

function readPaxRecords(reader: FlatbufferReader, vector: number): ReadonlyMap<ByteString, ByteString> {
  const records = new Map<ByteString, ByteString>();
  if (vector === 0) return records;
  for (let i = 0; i < reader.count(vector); i++) {
    const record = reader.element(vector, i);
    const key = reader.target(record, 0);
    const value = reader.target(record, 1);
    records.set(key === 0 ? EMPTY : reader.text(key), value === 0 ? EMPTY : reader.text(value));
  }
  return records;
}

const TEXTS: readonly number[] = [NAME, TYPE, LINKNAME, UNAME, GNAME, MOD_TIME];
const INT64S: readonly number[] = [UNCOMPRESSED_OFFSET, UNCOMPRESSED_SIZE, MODE, DEVMAJOR, DEVMINOR];

/** Checks all that {@linkcode StoredToc.at} reads, and returns the entry's type. Makes no object and no string. */
function checkEntry(reader: FlatbufferReader, table: number, entry: number, exact: boolean): EntryType {
  for (const slot of TEXTS) checkText(reader, table, slot);
  for (const slot of INT64S) {
    const value = reader.int64(table, slot);
    if ((exact && !Number.isSafeInteger(value)) || (slot === UNCOMPRESSED_OFFSET && value < 0)) {
      throw new ZtocError(
        "ERR_ZTOC_NUMBER_OUT_OF_RANGE",
        `Cannot decode zTOC: entry ${entry} (${JSON.stringify(reader.shown(reader.target(table, NAME)))}) has the number ${value}`,
      );
    }
  }
  reader.uint32(table, UID);
  reader.uint32(table, GID);
  const records = reader.target(table, PAX_RECORDS);
  const count = records === 0 ? 0 : reader.checkVector(records, 4);
  for (let i = 0; i < count; i++) {
    const record = reader.checkTable(reader.element(records, i));
    checkText(reader, record, 0);
    checkText(reader, record, 1);
  }
  return typeOf(reader, reader.target(table, TYPE), entry);
}

function typeOf(reader: FlatbufferReader, string: number, entry: number): EntryType {
  if (string !== 0) for (const { type, bytes } of TYPES) if (reader.stringEquals(string, bytes)) return type;
  throw new ZtocError(
    "ERR_ZTOC_UNKNOWN_ENTRY_TYPE",
    `Cannot decode zTOC: entry ${entry} is of type ${JSON.stringify(reader.shown(string))}`,
  );
}

function checkText(reader: FlatbufferReader, table: number, slot: number): void {
  const target = reader.target(table, slot);
  if (target !== 0) reader.checkString(target);
}

function offsetsOf(reader: FlatbufferReader, tables: Uint32Array): Float64Array {
  const offsets = new Float64Array(tables.length);
  for (let entry = 0; entry < tables.length; entry++)
    offsets[entry] = reader.int64(tables[entry]!, UNCOMPRESSED_OFFSET);
  return offsets;
}

/**
 * Where each entry's header begins: at 0, then where the entry before ends, rounded up to a block (spec section 6.8).
 * Unlike the reference, links and devices count as empty whatever size they claim, so those after them stay readable.
 *
 * @param ends Where each entry ends. It becomes the result.
 * @param order Of the entries in the stream, where it is not theirs.
 */
function headerOffsets(ends: Float64Array, order: Uint32Array | undefined): Float64Array {
  let running = 0;
  for (let i = 0; i < ends.length; i++) {
    const entry = order === undefined ? i : order[i]!;
    const next = Math.ceil(ends[entry]! / 512) * 512;
    ends[entry] = running;
    running = next;
  }
  return ends;
}
