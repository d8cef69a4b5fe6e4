import type { ByteString } from "@socikit/oci";
import {
  asciiText,
  entrySizeBound,
  entrySlots,
  EntryTableWriter,
  sortedRecords,
  RECORD_SIZE,
  writePaxRecord,
  writeSlots,
  type EntryNumbers,
} from "./entry-table.ts";
import { stringSize, type FlatbufferBuilder } from "./flatbuffer-builder.ts";
import { RecordLog } from "./record-log.ts";
import type { StateReader } from "./state-reader.ts";
import type { StateWriter } from "./state-writer.ts";
import type { Int64 } from "./tar-number.ts";
import { ENTRY_TYPES, type TocEntry } from "./ztoc.ts";

/** Numbers that a double need not hold. */
const INT64_FIELDS = ["uncompressedSize", "mode", "devmajor", "devminor"] as const;

/** Those of them that it does not. */
type WideNumbers = { [field in (typeof INT64_FIELDS)[number]]?: bigint };

/** An entry as the builder has it. */
export type LoggedEntry = EntryNumbers &
  Pick<TocEntry, "name" | "type" | "linkname" | "uname" | "gname" | "modTime" | "paxRecords">;

// A record: doubles, 32-bit numbers, the strings of the entry as they will stand in the zTOC, from the last that is written
// there to the first, then keys and values of its PAX records, each with its length before it.
const OFFSET = 0;
const SIZE = 8;
const MODE = 16;
const DEVMAJOR = 24;
const DEVMINOR = 32;
const UID = 40;
const GID = 44;
const PAX_RECORDS = 48;
const STRINGS_LENGTH = 52;
const STRINGS = 56;
/** Of an entry: `modTime`, `gname`, `uname`, `linkname`, `type`, `name`. */
const STRING_COUNT = 6;

/** An entry of a zTOC without strings and numbers: its table with the offsets to strings and records, their empty vector, and the offset to it. */
const LEAST_SIZE = 4 + 4 * 7 + 4 + 4;

/**
 * Entries as they come, kept as bytes: as many as they take in a zTOC, some 160 an entry. A zTOC is written from its last entry
 * to its first, so all of them have to be kept until the layer ends. They go from here into the zTOC without becoming objects
 * again: what those leave behind would be most of a build's memory.
 */
export class EntryLog {
  readonly #log: RecordLog = new RecordLog();
  readonly #wide: Map<number, WideNumbers> = new Map();
  readonly #slots: Float64Array = entrySlots();
  #tables: EntryTableWriter | undefined;
  #size = 0;
  #encodedSizeBound = 0;
  /** The strings of the entry before but its name, and where they lie in the log's memory: few differ from one to the next. */
  #before: Pick<LoggedEntry, "modTime" | "gname" | "uname" | "linkname" | "type"> | undefined;
  #beforeAt = 0;
  #beforeEnd = 0;

  /** Number of entries. */
  get length(): number {
    return this.#log.length;
  }

  /** Least bytes that the entries take in a zTOC. */
  get size(): number {
    return this.#size;
  }

  /** Most bytes that the entries take in a zTOC. */
  get encodedSizeBound(): number {
    return this.#encodedSizeBound;
  }

  /** Adds an entry. `true` where it has a number that a double cannot hold. */
  push(entry: LoggedEntry): boolean {
    const log = this.#log;
    const start = log.reserve(mostBytesOf(entry));
    const strings = start + STRINGS;
    const stringsEnd = this.#putStrings(entry, strings);
    const records = entry.paxRecords.size;
    const end = records === 0 ? stringsEnd : this.#putRecords(entry.paxRecords, stringsEnd);
    const { view } = log;
    view.setFloat64(start + OFFSET, entry.uncompressedOffset, true);
    view.setFloat64(start + SIZE, Number(entry.uncompressedSize), true);
    view.setFloat64(start + MODE, Number(entry.mode), true);
    view.setFloat64(start + DEVMAJOR, Number(entry.devmajor), true);
    view.setFloat64(start + DEVMINOR, Number(entry.devminor), true);
    view.setUint32(start + UID, entry.uid, true);
    view.setUint32(start + GID, entry.gid, true);
    view.setUint32(start + PAX_RECORDS, records, true);
    view.setUint32(start + STRINGS_LENGTH, stringsEnd - strings, true);
    const isWide = this.#keepWide(entry);
    log.add(end - start);
    this.#count(end - start, records);
    return isWide;
  }

  #count(length: number, records: number): void {
    this.#size += length - STRINGS + LEAST_SIZE + RECORD_SIZE * records;
    this.#encodedSizeBound += entrySizeBound(length - STRINGS, records);
  }

  #putStrings(entry: LoggedEntry, at: number): number {
    const { bytes } = this.#log;
    const before = this.#before;
    const isLikeBefore =
      before !== undefined &&
      // Not where the memory has been used again since.
      this.#beforeEnd <= at &&
      before.type === entry.type &&
      before.modTime === entry.modTime &&
      before.linkname === entry.linkname &&
      before.uname === entry.uname &&
      before.gname === entry.gname;
    let end: number;
    if (isLikeBefore) {
      bytes.copyWithin(at, this.#beforeAt, this.#beforeEnd);
      end = at + this.#beforeEnd - this.#beforeAt;
    } else {
      end = putString(bytes, at, asciiText(entry.modTime));
      end = putString(bytes, end, entry.gname);
      end = putString(bytes, end, entry.uname);
      end = putString(bytes, end, entry.linkname);
      end = putString(bytes, end, asciiText(entry.type));
      this.#before = entry;
    }
    this.#beforeAt = at;
    this.#beforeEnd = end;
    return putString(bytes, end, entry.name);
  }

  #putRecords(records: LoggedEntry["paxRecords"], at: number): number {
    const { bytes } = this.#log;
    let end = at;
    for (const [key, value] of sortedRecords(records)) {
      end = putString(bytes, end, key);
      end = putString(bytes, end, value);
    }
    return end;
  }

  #keepWide(entry: LoggedEntry): boolean {
    const { uncompressedSize, mode, devmajor, devminor } = entry;
    if (
      typeof uncompressedSize === "number" &&
      typeof mode === "number" &&
      typeof devmajor === "number" &&
      typeof devminor === "number"
    )
      return false;
    const wide: WideNumbers = {};
    for (const field of INT64_FIELDS) {
      const value: Int64 = entry[field];
      if (typeof value === "bigint") wide[field] = value;
    }
    this.#wide.set(this.#log.length, wide);
    return true;
  }

  /** Saves all entries but the first `since`: some 160 bytes an entry. */
  saveAdded(state: StateWriter, since: number): void {
    const views = this.#log.viewsFrom(since);
    state.number(this.#log.length - since);
    state.number(views.reduce((sum, view) => sum + view.length, 0));
    for (const view of views) state.rawBytes(view);
    const wide = Array.from(this.#wide).filter(([index]) => index >= since);
    state.number(wide.length);
    for (const [index, numbers] of wide) {
      state.number(index);
      for (const field of INT64_FIELDS) {
        state.flag(numbers[field] !== undefined);
        if (numbers[field] !== undefined) state.int64(numbers[field]);
      }
    }
  }

  /** Adds what {@linkcode saveAdded} saved. @throws {ZtocError} `ERR_ZTOC_STATE_MALFORMED`. */
  restoreAdded(state: StateReader): void {
    const since = this.#log.length;
    const count = state.integer();
    const bytes = state.rawBytes(state.integer());
    let at = 0;
    for (let i = 0; i < count || at < bytes.length; i++) {
      const found = i < count ? readRecord(bytes, at) : undefined;
      state.check(found !== undefined, `entry ${since + i} is none`);
      const record = bytes.subarray(at, found.end);
      const start = this.#log.reserve(record.length);
      this.#log.bytes.set(record, start);
      this.#log.add(record.length);
      this.#count(record.length, found.paxRecords);
      at = found.end;
    }
    for (let left = state.integer(); left > 0; left--) {
      const index = state.integer();
      state.check(index >= since && index < this.#log.length, "a number belongs to no entry");
      const numbers: WideNumbers = {};
      for (const field of INT64_FIELDS) if (state.flag()) numbers[field] = BigInt(state.int64());
      this.#wide.set(index, numbers);
    }
  }

  /**
   * Writes an entry into a zTOC, as `writeEntry` does, and lets go of those behind it: they are written from the last to
   * the first. Returns where its table is.
   */
  write(builder: FlatbufferBuilder, entry: number): number {
    const log = this.#log;
    const start = log.open(entry);
    const { bytes, view } = log;
    const strings = start + STRINGS;
    const stringsLength = view.getUint32(start + STRINGS_LENGTH, true);
    const records = view.getUint32(start + PAX_RECORDS, true);
    const position = builder.strings(bytes, strings, stringsLength);
    const gname = strings + stringSize(view.getUint32(strings, true));
    const uname = gname + stringSize(view.getUint32(gname, true));
    const linkname = uname + stringSize(view.getUint32(uname, true));
    const type = linkname + stringSize(view.getUint32(linkname, true));
    const name = type + stringSize(view.getUint32(type, true));
    // Positions count from the end of the zTOC, places in the log from its beginning.
    const origin = position + strings;
    const slots = this.#slots;
    slots[0] = origin - name;
    slots[1] = origin - type;
    slots[2] = view.getFloat64(start + OFFSET, true);
    slots[3] = view.getFloat64(start + SIZE, true);
    slots[4] = origin - linkname;
    slots[5] = view.getFloat64(start + MODE, true);
    slots[6] = view.getUint32(start + UID, true);
    slots[7] = view.getUint32(start + GID, true);
    slots[8] = origin - uname;
    slots[9] = origin - gname;
    slots[10] = position;
    slots[11] = view.getFloat64(start + DEVMAJOR, true);
    slots[12] = view.getFloat64(start + DEVMINOR, true);
    slots[13] =
      records === 0 ? builder.emptyVector() : writeRecords(builder, bytes, view, strings + stringsLength, records);
    const wide = this.#wide.get(entry);
    if (wide !== undefined) return writeSlots(builder, slots, wide);
    if (this.#tables?.builder !== builder) this.#tables = new EntryTableWriter(builder);
    return this.#tables.write(slots);
  }
}

/** Most bytes of an entry's record. */
function mostBytesOf(entry: LoggedEntry): number {
  const { name, type, linkname, uname, gname, modTime, paxRecords } = entry;
  const texts = name.length + type.length + linkname.length + uname.length + gname.length + modTime.length;
  // A string takes its bytes and at most 8 more.
  let most = STRINGS + texts + 8 * STRING_COUNT;
  if (paxRecords.size > 0) for (const [key, value] of paxRecords) most += key.length + value.length + 16;
  return most;
}

/** Puts a string as a zTOC has it: its length, its bytes, NUL, and NULs up to a multiple of four. */
function putString(bytes: Uint8Array, at: number, text: ByteString): number {
  const { length } = text;
  bytes[at] = length;
  bytes[at + 1] = length >>> 8;
  bytes[at + 2] = length >>> 16;
  bytes[at + 3] = length >>> 24;
  const from = at + 4;
  for (let i = 0; i < length; i++) bytes[from + i] = text.charCodeAt(i);
  const end = at + stringSize(length);
  for (let i = from + length; i < end; i++) bytes[i] = 0;
  return end;
}

const TYPES: ReadonlySet<string> = new Set(ENTRY_TYPES);

/** Walks over a record as `push` writes it: where it ends, and how many PAX records it has. `undefined` for what is none. */
function readRecord(bytes: Uint8Array, at: number): { readonly end: number; readonly paxRecords: number } | undefined {
  if (bytes.length - at < STRINGS) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const number = (field: number): number => view.getFloat64(at + field, true);
  // Those beyond 2^53 are kept besides, their nearest double here.
  if (!Number.isSafeInteger(number(OFFSET)) || number(OFFSET) < 0) return undefined;
  if (![SIZE, MODE, DEVMAJOR, DEVMINOR].every((field) => Number.isInteger(number(field)))) return undefined;
  const paxRecords = view.getUint32(at + PAX_RECORDS, true);
  let end = at + STRINGS;
  for (let string = 0; string < STRING_COUNT + 2 * paxRecords; string++) {
    if (string === STRING_COUNT && end !== at + STRINGS + view.getUint32(at + STRINGS_LENGTH, true)) return undefined;
    if (bytes.length - end < 8) return undefined;
    const length = view.getUint32(end, true);
    if (length > bytes.length) return undefined;
    const next = end + stringSize(length);
    if (next > bytes.length) return undefined;
    for (let i = end + 4 + length; i < next; i++) if (bytes[i] !== 0) return undefined;
    if (string === 4 && !TYPES.has(String.fromCharCode(...bytes.subarray(end + 4, end + 4 + Math.min(length, 16)))))
      return undefined;
    end = next;
  }
  return paxRecords > 0 || end === at + STRINGS + view.getUint32(at + STRINGS_LENGTH, true)
    ? { end, paxRecords }
    : undefined;
}

function writeRecords(
  builder: FlatbufferBuilder,
  bytes: Uint8Array,
  view: DataView,
  from: number,
  count: number,
): number {
  const records = new Uint32Array(count);
  let at = from;
  const string = (): number => {
    const size = stringSize(view.getUint32(at, true));
    at += size;
    return builder.strings(bytes, at - size, size);
  };
  for (let i = 0; i < count; i++) {
    const key = string();
    records[i] = writePaxRecord(builder, key, string());
  }
  return builder.offsetVector(records);
}
