import { ByteLog, type ByteLogCursor } from "./byte-log.ts";
import {
  asciiText,
  entrySizeBound,
  sortedRecords,
  writeEntryTable,
  writePaxRecord,
  type EntryNumbers,
} from "./entry-table.ts";
import type { FlatbufferBuilder } from "./flatbuffer-builder.ts";
import { readVarint } from "./byte-log.ts";
import type { StateReader } from "./state-reader.ts";
import type { StateWriter } from "./state-writer.ts";
import type { Int64 } from "./tar-number.ts";
import { ENTRY_TYPES, type TocEntry } from "./ztoc.ts";

const INT64_FIELDS = ["uncompressedSize", "mode", "devmajor", "devminor"] as const;

/** Numbers that a varint cannot hold: negative ones, and those beyond 2^53. */
type WideNumbers = { [field in (typeof INT64_FIELDS)[number]]?: Int64 };

/** An entry as the builder has it. */
export type LoggedEntry = EntryNumbers &
  Pick<TocEntry, "name" | "type" | "linkname" | "uname" | "gname" | "modTime" | "paxRecords">;

/**
 * Entries as they come, kept as bytes: about 100 bytes an entry. A zTOC is written from its last entry to its first, so
 * all of them have to be kept until the layer ends. They go from here into the zTOC without becoming objects again: what
 * those leave behind would be most of a build's memory.
 */
export class EntryLog {
  readonly #log: ByteLog = new ByteLog();
  readonly #cursor: ByteLogCursor = this.#log.cursor();
  #addresses: Float64Array = new Float64Array(256);
  readonly #wide: Map<number, WideNumbers> = new Map();
  #length = 0;
  #encodedSizeBound = 0;

  /** Number of entries. */
  get length(): number {
    return this.#length;
  }

  /** Bytes that the entries take here. They take more in a zTOC. */
  get size(): number {
    return this.#log.end;
  }

  /** Most bytes that the entries take in a zTOC. */
  get encodedSizeBound(): number {
    return this.#encodedSizeBound;
  }

  /** Adds an entry. `true` where it has a number that a double cannot hold. */
  push(entry: LoggedEntry): boolean {
    const log = this.#log;
    const start = log.end;
    this.#begin(start);
    log.putText(entry.name);
    log.putByte(ENTRY_TYPES.indexOf(entry.type));
    log.putText(entry.linkname);
    log.putText(entry.uname);
    log.putText(entry.gname);
    log.putText(asciiText(entry.modTime));
    log.putNumber(entry.paxRecords.size);
    if (entry.paxRecords.size > 0) {
      for (const [key, value] of sortedRecords(entry.paxRecords)) {
        log.putText(key);
        log.putText(value);
      }
    }
    log.putNumber(entry.uncompressedOffset);
    log.putNumber(entry.uid);
    log.putNumber(entry.gid);
    let wide: WideNumbers | undefined;
    for (const field of INT64_FIELDS) {
      const value = entry[field];
      const isPlain = typeof value === "number" && value >= 0;
      log.putNumber(isPlain ? value : 0);
      if (!isPlain) (wide ??= {})[field] = value;
    }
    if (wide !== undefined) this.#wide.set(this.#length - 1, wide);
    this.#encodedSizeBound += entrySizeBound(log.end - start, entry.paxRecords.size);
    return wide !== undefined && Object.values(wide).some((value) => typeof value === "bigint");
  }

  /** The entry that comes next lies at that address. */
  #begin(address: number): void {
    if (this.#length === this.#addresses.length) {
      const larger = new Float64Array(this.#length * 2);
      larger.set(this.#addresses);
      this.#addresses = larger;
    }
    this.#addresses[this.#length++] = address;
  }

  /** Saves all entries but the first `since`: about 100 bytes an entry. */
  saveAdded(state: StateWriter, since: number): void {
    const start = since === this.#length ? this.#log.end : this.#addresses[since]!;
    state.number(this.#length - since);
    state.number(this.#log.end - start);
    for (const view of this.#log.viewsFrom(start)) state.rawBytes(view);
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
    const since = this.#length;
    const count = state.integer();
    const bytes = state.rawBytes(state.integer());
    const base = this.#log.end;
    for (let at = 0, i = 0; i < count || at < bytes.length; i++) {
      const end = i < count ? endOfEntry(bytes, at) : undefined;
      state.check(end !== undefined, `entry ${since + i} is none`);
      this.#begin(base + at);
      this.#encodedSizeBound += entrySizeBound(end.at - at, end.paxRecords);
      at = end.at;
    }
    this.#log.putBytes(bytes);
    for (let left = state.integer(); left > 0; left--) {
      const index = state.integer();
      state.check(index >= since && index < this.#length, "a number belongs to no entry");
      const numbers: WideNumbers = {};
      for (const field of INT64_FIELDS) if (state.flag()) numbers[field] = state.int64();
      this.#wide.set(index, numbers);
    }
  }

  /**
   * Writes an entry into a zTOC, as `writeEntry` does, and lets go of those behind it: they are written from the last to
   * the first. Returns where its table is.
   */
  write(builder: FlatbufferBuilder, entry: number): number {
    const address = this.#addresses[entry];
    if (address === undefined || entry >= this.#length) throw new RangeError(`Cannot write entry ${entry}`);
    if (entry + 1 < this.#length) this.#log.releaseAfter(this.#addresses[entry + 1]!);
    const cursor = this.#cursor;
    cursor.seek(address);
    const targets = {
      name: builder.stringFrom(cursor, cursor.number()),
      type: builder.string(asciiText(ENTRY_TYPES[cursor.byte()]!)),
      linkname: builder.stringFrom(cursor, cursor.number()),
      uname: builder.stringFrom(cursor, cursor.number()),
      gname: builder.stringFrom(cursor, cursor.number()),
      modTime: builder.stringFrom(cursor, cursor.number()),
      paxRecords: writeRecords(builder, cursor),
    };
    const uncompressedOffset = cursor.number();
    const uid = cursor.number();
    const gid = cursor.number();
    const uncompressedSize = cursor.number();
    const mode = cursor.number();
    const devmajor = cursor.number();
    const devminor = cursor.number();
    const numbers = { uncompressedOffset, uid, gid, uncompressedSize, mode, devmajor, devminor };
    const wide = this.#wide.get(entry);
    return writeEntryTable(builder, targets, wide === undefined ? numbers : { ...numbers, ...wide });
  }
}

/** Walks over an entry as `push` writes it: where it ends, and how many records it has. `undefined` for what is none. */
function endOfEntry(bytes: Uint8Array, from: number): { readonly at: number; readonly paxRecords: number } | undefined {
  let at: number | undefined = from;
  const number = (): number => {
    const read = at === undefined ? undefined : readVarint(bytes, at);
    at = read?.end;
    return read?.value ?? 0;
  };
  const text = (): void => {
    const length = number();
    at = at === undefined || length > bytes.length - at ? undefined : at + length;
  };
  text();
  if (at === undefined || (bytes[at] ?? ENTRY_TYPES.length) >= ENTRY_TYPES.length) return undefined;
  at++;
  for (let i = 0; i < 4; i++) text();
  const paxRecords = number();
  for (let left = paxRecords; left > 0 && at !== undefined; left--) {
    text();
    text();
  }
  for (let i = 0; i < 3 + INT64_FIELDS.length; i++) number();
  return at === undefined ? undefined : { at, paxRecords };
}

const NO_RECORDS: readonly number[] = [];

function writeRecords(builder: FlatbufferBuilder, cursor: ByteLogCursor): number {
  const count = cursor.number();
  if (count === 0) return builder.offsetVector(NO_RECORDS);
  const records = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    const key = builder.stringFrom(cursor, cursor.number());
    records[i] = writePaxRecord(builder, key, builder.stringFrom(cursor, cursor.number()));
  }
  return builder.offsetVector(records);
}
