import type { ByteString } from "@socikit/oci";
import type { PaxRecords } from "./pax.ts";
import { BLOCK_SIZE } from "./tar-header.ts";
import { parseDecimal, parseNumeric, type Int64 } from "./tar-number.ts";

/** Parts of a sparse file that have data: offsets and lengths in the file, by turns. */
export type SparseMap = readonly Int64[];

/** Most bytes that a map may take, as of any special record. */
export const MAX_SPECIAL_SIZE: number = 2 ** 20;

const MAX_INT64 = 2n ** 63n - 1n;

/** Which of GNU's PAX forms an entry is written in, if it is sparse at all: the map in a record, or before the data. */
export function sparseForm(records: ReadonlyMap<ByteString, ByteString>): "record" | "data" | undefined {
  const get = (key: string): string => records.get(key as ByteString) ?? "";
  const version = `${get("GNU.sparse.major")}/${get("GNU.sparse.minor")}`;
  switch (version) {
    case "0/0":
    case "0/1":
      return "record";
    case "1/0":
      return "data";
    case "/":
      // Versions 0.0 and 0.1 say nothing of themselves.
      return get("GNU.sparse.map") === "" ? undefined : "record";
    default:
      return undefined;
  }
}

/** The map in the records `GNU.sparse.numblocks` and `GNU.sparse.map`. */
export function parseRecordMap(records: PaxRecords): SparseMap | undefined {
  const count = parseDecimal(records.get("GNU.sparse.numblocks" as ByteString) ?? "");
  const text: string = records.get("GNU.sparse.map" as ByteString) ?? "";
  const numbers = text === "" ? [] : text.split(",");
  if (typeof count !== "number" || count < 0 || numbers.length !== 2 * count) return undefined;
  return parseAll(numbers);
}

/** The map in front of the data of version 1.0: a count and its numbers, each on a line, in whole blocks. */
export class DataMap {
  #text = "";
  #newlines = 0;
  #count: Int64 | undefined;
  #blocks = 0;

  /** Takes a block. `true` where the map is complete, `undefined` where its count is not one. */
  push(block: ByteString): boolean | undefined {
    this.#blocks++;
    this.#text += block;
    for (let at = block.indexOf("\n"); at >= 0; at = block.indexOf("\n", at + 1)) this.#newlines++;
    if (this.#newlines === 0) return false;
    this.#count ??= parseDecimal(this.#text.slice(0, this.#text.indexOf("\n"))) ?? -1;
    if (this.#count < 0 || this.#count >= 2n ** 62n) return undefined;
    return this.#newlines >= 1 + 2 * Number(this.#count);
  }

  /** Whether another block would make the map longer than is allowed. */
  get isFull(): boolean {
    return (this.#blocks + 1) * BLOCK_SIZE > MAX_SPECIAL_SIZE;
  }

  /** The blocks so far: those that another map has to be pushed to go on. */
  get text(): ByteString {
    return this.#text as ByteString;
  }

  /** The complete map. */
  parse(): SparseMap | undefined {
    return parseAll(this.#text.split("\n").slice(1, 1 + 2 * Number(this.#count)));
  }
}

/** Entries of the old GNU format in a header or an extension block, up to the first that is empty. */
export function parseOldGnuEntries(block: Uint8Array, at: number, most: number): SparseMap | undefined {
  const map: Int64[] = [];
  for (let i = 0; i < most && block[at + 24 * i] !== 0; i++) {
    const offset = parseNumeric(block, at + 24 * i, 12);
    const length = parseNumeric(block, at + 24 * i + 12, 12);
    if (offset === undefined || length === undefined) return undefined;
    map.push(offset, length);
  }
  return map;
}

/** Whether the parts ascend, do not overlap and lie inside a file of `size` bytes. */
export function isValidSparseMap(map: SparseMap, size: Int64): boolean {
  if (size < 0) return false;
  let end = 0n;
  for (let i = 0; i < map.length; i += 2) {
    const offset = BigInt(map[i]!);
    const length = BigInt(map[i + 1]!);
    if (offset < end || length < 0n || offset + length > MAX_INT64 || offset + length > size) return false;
    end = offset + length;
  }
  return true;
}

function parseAll(numbers: readonly string[]): SparseMap | undefined {
  const map: Int64[] = [];
  for (const text of numbers) {
    const number = parseDecimal(text);
    if (number === undefined) return undefined;
    map.push(number);
  }
  return map;
}
