import type { ByteString } from "@socikit/oci";
import { ByteLog, type ByteLogCursor } from "./byte-log.ts";
import { entrySizeBound, type EntryFields } from "./encode.ts";
import type { Int64 } from "./tar-number.ts";
import { ENTRY_TYPES } from "./ztoc.ts";

const NUMBERS = ["uncompressedSize", "mode", "devmajor", "devminor"] as const;

/** Numbers that a varint cannot hold: negative ones, and those beyond 2^53. */
type WideNumbers = { [field in (typeof NUMBERS)[number]]?: Int64 };

/**
 * Entries as they come, kept as bytes: about 100 bytes an entry. A zTOC is written from its last entry to its first, so
 * all of them have to be kept until the layer ends.
 */
export class EntryLog {
  readonly #log: ByteLog = new ByteLog();
  #addresses: Float64Array = new Float64Array(256);
  readonly #wide: Map<number, WideNumbers> = new Map();
  #length = 0;
  #encodedSizeBound = 0;

  /** Number of entries. */
  get length(): number {
    return this.#length;
  }

  /** Most bytes that the entries take in a zTOC. */
  get encodedSizeBound(): number {
    return this.#encodedSizeBound;
  }

  /** Adds an entry. `true` where it has a number that a double cannot hold. */
  push(entry: EntryFields): boolean {
    if (this.#length === this.#addresses.length) {
      const larger = new Float64Array(this.#length * 2);
      larger.set(this.#addresses);
      this.#addresses = larger;
    }
    const log = this.#log;
    const start = log.end;
    this.#addresses[this.#length] = start;
    log.putByte(ENTRY_TYPES.indexOf(entry.type));
    log.putNumber(entry.uncompressedOffset);
    let wide: WideNumbers | undefined;
    for (const field of NUMBERS) {
      const value = entry[field];
      const isPlain = typeof value === "number" && value >= 0;
      log.putNumber(isPlain ? value : 0);
      if (!isPlain) (wide ??= {})[field] = value;
    }
    log.putNumber(entry.uid);
    log.putNumber(entry.gid);
    if (wide !== undefined) this.#wide.set(this.#length, wide);
    for (const text of textsOf(entry)) log.putText(text);
    log.putNumber(entry.paxRecords.size);
    for (const [key, value] of entry.paxRecords) {
      log.putText(key);
      log.putText(value);
    }
    this.#encodedSizeBound += entrySizeBound(log.end - start, entry.paxRecords.size);
    this.#length++;
    return wide !== undefined && Object.values(wide).some((value) => typeof value === "bigint");
  }

  at(entry: number): EntryFields {
    const address = this.#addresses[entry];
    if (address === undefined || entry >= this.#length) throw new RangeError(`Cannot read entry ${entry}`);
    const cursor = this.#log.read(address);
    const type = ENTRY_TYPES[cursor.byte()]!;
    const uncompressedOffset = cursor.number();
    const numbers = {
      uncompressedSize: cursor.number(),
      mode: cursor.number(),
      devmajor: cursor.number(),
      devminor: cursor.number(),
      ...this.#wide.get(entry),
    };
    const uid = cursor.number();
    const gid = cursor.number();
    return {
      ...numbers,
      uid,
      gid,
      type,
      uncompressedOffset,
      name: cursor.text(),
      linkname: cursor.text(),
      uname: cursor.text(),
      gname: cursor.text(),
      modTime: cursor.text(),
      paxRecords: readRecords(cursor),
    };
  }
}

function textsOf(entry: EntryFields): readonly ByteString[] {
  // The text of a time is ASCII.
  return [entry.name, entry.linkname, entry.uname, entry.gname, entry.modTime as ByteString];
}

function readRecords(cursor: ByteLogCursor): ReadonlyMap<ByteString, ByteString> {
  const records = new Map<ByteString, ByteString>();
  for (let left = cursor.number(); left > 0; left--) {
    const key = cursor.text();
    records.set(key, cursor.text());
  }
  return records;
}
