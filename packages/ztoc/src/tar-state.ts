/** What of a tar parser's state is written field by field. */
import type { PaxRecords } from "./pax.ts";
import { DataMap } from "./sparse-map.ts";
import type { StateReader } from "./state-reader.ts";
import type { StateWriter } from "./state-writer.ts";
import { BLOCK_SIZE } from "./tar-header.ts";
import type { Int64 } from "./tar-number.ts";
import type { PendingEntry } from "./tar-parser.ts";
import type { ByteString } from "@socikit/oci";

/** Saves records. */
export function saveRecords(state: StateWriter, records: PaxRecords): void {
  state.number(records.size);
  for (const [key, value] of records) {
    state.byteString(key);
    state.byteString(value);
  }
}

/** Restores what {@linkcode saveRecords} saved. */
export function restoreRecords(state: StateReader): PaxRecords {
  const records = new Map<ByteString, ByteString>();
  for (let left = state.integer(); left > 0; left--) {
    const key = state.byteString();
    records.set(key, state.byteString());
  }
  return records;
}

/** Saves an entry whose sparse map is being read, but for its records: they are those of the parser. */
export function savePending(state: StateWriter, entry: PendingEntry): void {
  state.byteString(entry.name);
  state.byteString(entry.linkname);
  state.byteString(entry.typeflag as ByteString);
  state.int64(entry.size);
  state.int64(entry.mode);
  state.int64(entry.uid);
  state.int64(entry.gid);
  state.byteString(entry.uname);
  state.byteString(entry.gname);
  state.int64(entry.modTime.seconds);
  state.number(entry.modTime.nanoseconds);
  state.int64(entry.devmajor);
  state.int64(entry.devminor);
}

/** Restores what {@linkcode savePending} saved. */
export function restorePending(state: StateReader, records: PaxRecords): PendingEntry {
  // Read in the order in which they stand here.
  const entry = {
    name: state.byteString(),
    linkname: state.byteString(),
    typeflag: state.byteString(),
    size: state.int64(),
    mode: state.int64(),
    uid: state.int64(),
    gid: state.int64(),
    uname: state.byteString(),
    gname: state.byteString(),
    modTime: { seconds: state.int64(), nanoseconds: state.number() },
    devmajor: state.int64(),
    devminor: state.int64(),
    records,
  };
  state.check(entry.typeflag.length === 1, "a type is none");
  const { nanoseconds } = entry.modTime;
  state.check(Number.isInteger(nanoseconds) && Math.abs(nanoseconds) < 1e9, "a time is none");
  return entry;
}

/** Restores a map of which there are blocks, saved as their text; it is not complete. */
export function restoreDataMap(state: StateReader): DataMap {
  const text = state.byteString();
  const map = new DataMap();
  let isOpen = text.length % BLOCK_SIZE === 0;
  for (let at = 0; at < text.length && isOpen; at += BLOCK_SIZE)
    isOpen = map.push(text.slice(at, at + BLOCK_SIZE) as ByteString) === false && !map.isFull;
  state.check(isOpen, "a sparse map does not go on");
  return map;
}

/** Saves numbers. */
export function saveNumbers(state: StateWriter, numbers: readonly Int64[]): void {
  state.number(numbers.length);
  for (const number of numbers) state.int64(number);
}

/** Restores what {@linkcode saveNumbers} saved. */
export function restoreNumbers(state: StateReader): Int64[] {
  // Each takes 8 bytes.
  return Array.from({ length: state.integer(Math.floor(state.left / 8)) }, () => state.int64());
}
