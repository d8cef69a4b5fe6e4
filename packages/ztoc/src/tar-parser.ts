import { byteStringOf, type ByteString } from "@socikit/oci";
import { ZTOC_ERROR_CODES, ZtocError, type ZtocErrorCode } from "./errors.ts";
import { parsePaxTime, type TarTime } from "./mod-time.ts";
import { parsePax, type PaxRecords } from "./pax.ts";
import {
  DataMap,
  isValidSparseMap,
  MAX_SPECIAL_SIZE,
  parseOldGnuEntries,
  parseRecordMap,
  sparseForm,
  type SparseMap,
} from "./sparse-map.ts";
import { BLOCK_SIZE, isHeaderOnly, isZeroBlock, parseTarHeader, type TarHeader } from "./tar-header.ts";
import type { StateReader } from "./state-reader.ts";
import type { StateWriter } from "./state-writer.ts";
import { parseDecimal, parseNumeric, type Int64 } from "./tar-number.ts";
import {
  restoreDataMap,
  restoreNumbers,
  restorePending,
  restoreRecords,
  saveNumbers,
  savePending,
  saveRecords,
} from "./tar-state.ts";
import type { EntryType } from "./ztoc.ts";

/** An entry of a tar stream, after PAX records and GNU long names. */
export interface TarEntry {
  readonly name: ByteString;
  readonly type: EntryType;
  readonly linkname: ByteString;
  /** As the headers have it, also for entries without payload; of a sparse file, the logical size. */
  readonly size: Int64;
  readonly mode: Int64;
  readonly uid: Int64;
  readonly gid: Int64;
  readonly uname: ByteString;
  readonly gname: ByteString;
  readonly modTime: TarTime;
  readonly devmajor: Int64;
  readonly devminor: Int64;
  readonly paxRecords: PaxRecords;
  /** Whether it is a sparse file: what lies in the stream is less than `size`. */
  readonly isSparse: boolean;
  /** Where its first header block begins. */
  readonly headerOffset: number;
  /** Where its payload begins, after a sparse map. */
  readonly payloadOffset: number;
}

const NO_RECORDS: PaxRecords = new Map();
const EMPTY = "" as ByteString;

const TYPES: ReadonlyMap<string, EntryType> = new Map([
  ["0", "reg"],
  ["1", "hardlink"],
  ["2", "symlink"],
  ["3", "char"],
  ["4", "block"],
  ["5", "dir"],
  ["6", "fifo"],
]);

/** Extension blocks of an old GNU sparse map, each with 21 entries, before Go's reader gives up. */
const MAX_EXTENSIONS = 2047;

/** What the parser is in the middle of. Their order is part of a saved state. */
const STEPS = ["header", "end", "special", "sparse-map", "sparse-extension", "payload", "padding", "ended"] as const;
type Step = (typeof STEPS)[number];

/**
 * Parses a tar stream that is pushed in pieces, as Go's archive/tar does (spec section 6), and calls back for each entry
 * when its headers are complete. It never throws: the first error ends it, as the end marker does, and what comes after
 * is not looked at. Holds one block, and special records up to 1 MiB.
 */
export class TarParser {
  readonly #onEntry: (entry: TarEntry) => void;
  #step: Step = "header";
  /** Bytes that the step still needs: never 0 between pushes, unless it has ended. */
  #needs = BLOCK_SIZE;
  #position = 0;
  #error: ZtocError | undefined;
  /** Whether the stream so far ends with a special record that was refused for what it says. */
  #endsWithRecord = false;

  /** What the step collects, and how much of it is there. */
  #collected: Uint8Array;
  #filled = 0;
  readonly #block: Uint8Array = new Uint8Array(BLOCK_SIZE);

  /** Where the first header of the entry began, meta headers included. */
  #headerOffset = 0;
  /** Of the header read last. */
  #typeflag = "";
  /** It, where this parser has read one. */
  #before: TarHeader | undefined;
  /** Payload and padding of the header read last, as far as they are not yet consumed. */
  #payload = 0;
  #padding = 0;
  /** What meta headers said about the next entry. */
  #records: PaxRecords = NO_RECORDS;
  #longName: ByteString = EMPTY;
  #longLink: ByteString = EMPTY;
  /** The entry whose sparse map is being read. */
  #sparse: { readonly entry: PendingEntry; readonly map: DataMap } | undefined;
  #oldSparse: { readonly size: Int64; readonly map: Int64[]; extensions: number } | undefined;

  constructor(onEntry: (entry: TarEntry) => void) {
    this.#onEntry = onEntry;
    this.#collected = this.#block;
  }

  /** Bytes consumed: after the end of the archive, what its size is (spec section 6.7). */
  get position(): number {
    return this.#position;
  }

  /** Whether nothing more is looked at: after the end marker, an error, or {@linkcode finish}. */
  get ended(): boolean {
    return this.#step === "ended";
  }

  /** The error that ended it, if one did. */
  get error(): ZtocError | undefined {
    return this.#error;
  }

  /** Takes the next bytes of the stream, which are not kept. */
  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length && !this.ended) {
      const taken = Math.min(bytes.length - at, this.#needs);
      if (this.#step !== "payload" && this.#step !== "padding") {
        this.#collected.set(bytes.subarray(at, at + taken), this.#filled);
        this.#filled += taken;
      }
      at += taken;
      this.#position += taken;
      this.#needs -= taken;
      while (this.#needs === 0 && !this.ended) this.#advance();
    }
    if (at < bytes.length) this.#endsWithRecord = false;
  }

  /** The stream is over. An archive may end without its marker, and without the padding of its last entry. */
  finish(): void {
    const isCut = this.#step === "header" || this.#step === "end" ? this.#filled > 0 : this.#step !== "padding";
    if (this.#step !== "ended" && isCut) this.#cut();
    this.#step = "ended";
  }

  /**
   * The stream cannot go on here. Returns whether that is the archive's error: it is, unless the archive had ended or had
   * an error before. `hasComeBefore`: the reader learns of it together with the last bytes that were pushed; then it is also
   * where these completed a special record, which Go reads to its end before it looks into it.
   */
  interrupt(hasComeBefore: boolean): boolean {
    const isOpen = this.#step !== "ended" || (hasComeBefore && this.#endsWithRecord);
    this.#step = "ended";
    return isOpen;
  }

  /** Saves all of it but whom it calls. */
  save(state: StateWriter): void {
    state.number(STEPS.indexOf(this.#step));
    state.number(this.#needs);
    state.number(this.#position);
    state.number(this.#headerOffset);
    state.number(this.#payload);
    state.number(this.#padding);
    state.flag(this.#endsWithRecord);
    state.flag(this.#error !== undefined);
    if (this.#error !== undefined) {
      state.number(ZTOC_ERROR_CODES.indexOf(this.#error.code));
      state.text(this.#error.message);
    }
    if (this.#step === "ended") return;
    // Collected anew in another array with the next step, and not changed in this one before it is written.
    state.bytes(this.#collected.subarray(0, this.#filled));
    state.byteString(this.#typeflag as ByteString);
    state.byteString(this.#longName);
    state.byteString(this.#longLink);
    saveRecords(state, this.#records);
    if (this.#step === "sparse-map" && this.#sparse !== undefined) {
      savePending(state, this.#sparse.entry);
      state.byteString(this.#sparse.map.text);
    }
    if (this.#step === "sparse-extension" && this.#oldSparse !== undefined) {
      state.int64(this.#oldSparse.size);
      state.number(this.#oldSparse.extensions);
      saveNumbers(state, this.#oldSparse.map);
    }
  }

  /** Goes on where {@linkcode save} was called. @throws {ZtocError} `ERR_ZTOC_STATE_MALFORMED`. */
  restore(state: StateReader): void {
    const step = STEPS[state.integer(STEPS.length - 1)]!;
    const needs = lengthOf(state);
    this.#step = step;
    this.#position = state.integer();
    this.#headerOffset = state.integer();
    this.#payload = lengthOf(state);
    this.#padding = state.integer(BLOCK_SIZE - 1);
    this.#endsWithRecord = state.flag();
    if (state.flag()) {
      const code = ZTOC_ERROR_CODES[state.integer(ZTOC_ERROR_CODES.length - 1)]!;
      state.check(code.startsWith("ERR_ZTOC_TAR_") && step === "ended", "its error is none of a tar stream");
      this.#error = new ZtocError(code, state.text());
    }
    if (step === "ended") return;
    this.#restoreCollected(state, needs);
    this.#typeflag = state.byteString();
    this.#longName = state.byteString();
    this.#longLink = state.byteString();
    this.#records = restoreRecords(state);
    if (step === "special") state.check(isSpecial(this.#typeflag), "a special record is of no such type");
    if (step === "sparse-map") {
      state.check(this.#payload >= BLOCK_SIZE, "its sparse map does not fit into it");
      this.#sparse = { entry: restorePending(state, this.#records), map: restoreDataMap(state) };
    }
    if (step === "sparse-extension")
      this.#oldSparse = {
        size: state.int64(),
        extensions: state.integer(MAX_EXTENSIONS),
        map: restoreNumbers(state),
      };
  }

  /** What the step has, so that it needs as much as is left, and not nothing: it would be stuck. */
  #restoreCollected(state: StateReader, needs: number): void {
    const collected = state.bytes();
    const size = collected.length + needs;
    let isSound = size === BLOCK_SIZE;
    if (this.#step === "payload") isSound = collected.length === 0;
    if (this.#step === "padding") isSound = collected.length === 0 && needs < BLOCK_SIZE;
    if (this.#step === "special") isSound = size <= MAX_SPECIAL_SIZE + 1;
    state.check(isSound && needs > 0, `it has ${collected.length} bytes of a ${this.#step}, and needs ${needs}`);
    this.#collected = this.#step === "special" && size > BLOCK_SIZE ? new Uint8Array(size) : this.#block;
    this.#collected.set(collected);
    this.#filled = collected.length;
    this.#needs = needs;
  }

  #begin(step: Step, needs: number): void {
    this.#step = step;
    this.#needs = needs;
    this.#filled = 0;
    this.#collected = this.#block;
  }

  /** The step has what it needs. */
  #advance(): void {
    switch (this.#step) {
      case "header":
        return this.#afterHeader();
      case "end":
        // One block of zeros and then something else is damage; two are the end.
        if (isZeroBlock(this.#block)) this.#step = "ended";
        else this.#invalid("a block of zeros is followed by something else");
        return;
      case "special":
        return this.#afterSpecial();
      case "sparse-map":
        return this.#afterMapBlock();
      case "sparse-extension":
        return this.#afterExtension();
      case "payload":
        return this.#begin("padding", this.#padding);
      case "padding":
        // A special record is a part of the entry that follows.
        if (!isSpecial(this.#typeflag)) this.#headerOffset = this.#position;
        return this.#begin("header", BLOCK_SIZE);
      case "ended":
    }
  }

  #afterHeader(): void {
    if (isZeroBlock(this.#block)) return this.#begin("end", BLOCK_SIZE);
    const header = parseTarHeader(this.#block, this.#before);
    if (header === undefined) return this.#invalid("its checksum or a number is wrong");
    this.#before = header;
    this.#typeflag = header.typeflag;
    if (!this.#setPayload(header.typeflag, header.size)) return;
    switch (header.typeflag) {
      case "x":
      case "g":
      case "L":
      case "K": {
        const needs = Math.min(this.#payload, MAX_SPECIAL_SIZE + 1);
        this.#begin("special", needs);
        if (needs > BLOCK_SIZE) this.#collected = new Uint8Array(needs);
        return;
      }
      default:
        return this.#afterEntry(header);
    }
  }

  /** Payload and padding of a header. Where its size is negative, that is an error. */
  #setPayload(typeflag: string, size: Int64): boolean {
    if (isHeaderOnly(typeflag)) {
      this.#payload = 0;
    } else if (size < 0) {
      this.#invalid(`its size is ${size}`);
      return false;
    } else {
      // A size beyond 2^53 outlasts every stream.
      this.#payload = typeof size === "bigint" ? Infinity : size;
    }
    this.#padding = this.#payload === Infinity ? 0 : (BLOCK_SIZE - (this.#payload % BLOCK_SIZE)) % BLOCK_SIZE;
    return true;
  }

  #afterSpecial(): void {
    this.#endsWithRecord = this.#filled > MAX_SPECIAL_SIZE;
    if (this.#filled > MAX_SPECIAL_SIZE)
      return this.#fail("ERR_ZTOC_TAR_RECORD_TOO_LONG", "archive/tar: header field too long");
    const payload = byteStringOf(this.#collected.subarray(0, this.#filled));
    switch (this.#typeflag) {
      case "L":
        this.#longName = untilNul(payload);
        break;
      case "K":
        this.#longLink = untilNul(payload);
        break;
      default: {
        const records = parsePax(payload);
        this.#endsWithRecord = records === undefined || this.#typeflag === "g";
        if (records === undefined) return this.#invalid("its PAX records are malformed");
        // Global headers are handed to the caller of Go's reader, who knows no such entry.
        if (this.#typeflag === "g") return this.#unsupported("g");
        this.#records = records;
      }
    }
    this.#begin("padding", this.#padding);
  }

  /** All headers of an entry are there. The order of checks is Go's, so that the same error comes first. */
  #afterEntry(header: TarHeader): void {
    const entry = this.#merge(header);
    if (entry === undefined || !this.#setPayload(entry.typeflag, entry.size)) return;
    if (entry.typeflag === "S") return this.#beginOldSparse(header);
    const form = sparseForm(entry.records);
    if (form === undefined) return this.#emit(entry, false);
    const get = (key: string): ByteString => entry.records.get(key as ByteString) ?? EMPTY;
    entry.name = get("GNU.sparse.name") || entry.name;
    const sizeText = get("GNU.sparse.size") || get("GNU.sparse.realsize");
    if (sizeText !== "") {
      const size = parseDecimal(sizeText);
      if (size === undefined) return this.#invalid("its sparse size is not a number");
      entry.size = size;
    }
    if (form === "record") return this.#emitSparse(entry, parseRecordMap(entry.records));
    this.#sparse = { entry, map: new DataMap() };
    this.#beginMapBlock(this.#sparse.map);
  }

  /** What PAX records and long names make of a header. */
  #merge(header: TarHeader): PendingEntry | undefined {
    const entry: PendingEntry = {
      name: header.name,
      linkname: header.linkname,
      typeflag: header.typeflag,
      size: header.size,
      mode: header.mode,
      uid: header.uid,
      gid: header.gid,
      uname: header.uname,
      gname: header.gname,
      modTime: { seconds: header.mtime, nanoseconds: 0 },
      devmajor: header.devmajor,
      devminor: header.devminor,
      records: this.#records,
    };
    for (const [key, value] of this.#records) {
      if (value !== "" && !applyRecord(entry, key, value)) {
        this.#invalid(`its PAX record "${key}" is malformed`);
        return undefined;
      }
    }
    if (this.#longName !== "") entry.name = this.#longName;
    if (this.#longLink !== "") entry.linkname = this.#longLink;
    if (entry.typeflag === "\0") entry.typeflag = entry.name.endsWith("/") ? "5" : "0";
    return entry;
  }

  #beginMapBlock(map: DataMap): void {
    if (map.isFull) return this.#fail("ERR_ZTOC_TAR_SPARSE_MAP_TOO_LONG", "archive/tar: sparse map too long");
    if (this.#payload < BLOCK_SIZE) return this.#cut();
    this.#begin("sparse-map", BLOCK_SIZE);
  }

  #afterMapBlock(): void {
    const sparse = this.#sparse;
    if (sparse === undefined) return;
    this.#payload -= BLOCK_SIZE;
    const isComplete = sparse.map.push(byteStringOf(this.#block));
    if (isComplete === undefined) return this.#invalid("its sparse map has no count");
    if (!isComplete) return this.#beginMapBlock(sparse.map);
    this.#sparse = undefined;
    this.#emitSparse(sparse.entry, sparse.map.parse());
  }

  #emitSparse(entry: PendingEntry, map: SparseMap | undefined): void {
    if (map === undefined || isHeaderOnly(entry.typeflag) || !isValidSparseMap(map, entry.size))
      return this.#invalid("its sparse map is malformed");
    this.#emit(entry, true);
  }

  #emit(entry: PendingEntry, isSparse: boolean): void {
    const type = TYPES.get(entry.typeflag);
    if (type === undefined) return this.#unsupported(entry.typeflag);
    this.#onEntry({
      name: entry.name,
      type,
      linkname: entry.linkname,
      size: entry.size,
      mode: entry.mode,
      uid: entry.uid,
      gid: entry.gid,
      uname: entry.uname,
      gname: entry.gname,
      modTime: entry.modTime,
      devmajor: entry.devmajor,
      devminor: entry.devminor,
      paxRecords: entry.records,
      isSparse,
      headerOffset: this.#headerOffset,
      payloadOffset: this.#position,
    });
    this.#records = NO_RECORDS;
    this.#longName = EMPTY;
    this.#longLink = EMPTY;
    this.#begin("payload", this.#payload);
  }

  /** Old GNU sparse files are no entries of a zTOC, but their map is read first, and its errors come first. */
  #beginOldSparse(header: TarHeader): void {
    if (header.format !== "gnu") return this.#invalid("it is a sparse file, but not in GNU format");
    const size = parseNumeric(this.#block, 483, 12);
    if (size === undefined) return this.#invalid("its sparse size is not a number");
    this.#oldSparse = { size, map: [], extensions: 0 };
    this.#addOldSparse(386, 4, 482);
  }

  #afterExtension(): void {
    if (this.#oldSparse === undefined) return;
    if (++this.#oldSparse.extensions > MAX_EXTENSIONS)
      return this.#fail("ERR_ZTOC_TAR_SPARSE_MAP_TOO_LONG", "archive/tar: sparse map too long");
    this.#addOldSparse(0, 21, 504);
  }

  #addOldSparse(at: number, most: number, extended: number): void {
    const sparse = this.#oldSparse;
    if (sparse === undefined) return;
    const entries = parseOldGnuEntries(this.#block, at, most);
    if (entries === undefined) return this.#invalid("its sparse map is malformed");
    sparse.map.push(...entries);
    if (this.#block[extended] !== 0) return this.#begin("sparse-extension", BLOCK_SIZE);
    if (!isValidSparseMap(sparse.map, sparse.size)) return this.#invalid("its sparse map is malformed");
    this.#unsupported("S");
  }

  #invalid(found: string): void {
    this.#fail("ERR_ZTOC_TAR_HEADER", "archive/tar: invalid tar header", found);
  }

  #cut(): void {
    this.#fail("ERR_ZTOC_TAR_TRUNCATED", "unexpected EOF", "the tar stream ends inside it");
  }

  /** Ends with an error of the reference's wording, the place and what was found behind it. */
  #fail(code: ZtocErrorCode, reason: string, found?: string): void {
    const where = `the entry at byte ${this.#headerOffset} of the tar stream${found === undefined ? "" : `: ${found}`}`;
    this.#end(new ZtocError(code, `Cannot index layer: error while reading tar header: ${reason} (${where})`));
  }

  #end(error: ZtocError): void {
    this.#error = error;
    this.#step = "ended";
  }

  #unsupported(typeflag: string): void {
    this.#end(
      new ZtocError(
        "ERR_ZTOC_TAR_ENTRY_TYPE",
        `Cannot index layer: unsupported input tar entry ${quoteRune(typeflag)} (the entry at byte ${this.#headerOffset} of the tar stream)`,
      ),
    );
  }
}

/** An entry while its headers are being merged. */
export interface PendingEntry {
  name: ByteString;
  linkname: ByteString;
  typeflag: string;
  size: Int64;
  readonly mode: Int64;
  uid: Int64;
  gid: Int64;
  uname: ByteString;
  gname: ByteString;
  modTime: TarTime;
  readonly devmajor: Int64;
  readonly devminor: Int64;
  readonly records: PaxRecords;
}

/** Bytes of a stream, which may be more than there can be. */
function lengthOf(state: StateReader): number {
  const value = state.number();
  state.check(value === Infinity || (Number.isSafeInteger(value) && value >= 0), "a length is none");
  return value;
}

/** Applies a PAX record that has a value. `false` where the value is malformed. */
function applyRecord(entry: PendingEntry, key: string, value: ByteString): boolean {
  switch (key) {
    case "path":
      entry.name = value;
      return true;
    case "linkpath":
      entry.linkname = value;
      return true;
    case "uname":
      entry.uname = value;
      return true;
    case "gname":
      entry.gname = value;
      return true;
    case "uid":
    case "gid":
    case "size": {
      const number = parseDecimal(value);
      if (number !== undefined) entry[key] = number;
      return number !== undefined;
    }
    case "mtime": {
      const time = parsePaxTime(value);
      if (time !== undefined) entry.modTime = time;
      return time !== undefined;
    }
    case "atime":
    case "ctime":
      return parsePaxTime(value) !== undefined;
    default:
      return true;
  }
}

/** Whether a header is of a record about the next one: PAX, or a GNU long name. */
function isSpecial(typeflag: string): boolean {
  return typeflag === "x" || typeflag === "g" || typeflag === "L" || typeflag === "K";
}

function untilNul(text: ByteString): ByteString {
  const end = text.indexOf("\0");
  return end < 0 ? text : (text.slice(0, end) as ByteString);
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ["'", "\\'"],
  ["\\", "\\\\"],
  ["\x07", "\\a"],
  ["\b", "\\b"],
  ["\t", "\\t"],
  ["\n", "\\n"],
  ["\v", "\\v"],
  ["\f", "\\f"],
  ["\r", "\\r"],
]);

/** A character below U+0100 as Go's `%q` prints it. */
function quoteRune(character: string): string {
  const code = character.charCodeAt(0);
  const hex = code.toString(16).padStart(2, "0");
  const escaped = ESCAPES.get(character);
  if (escaped !== undefined) return `'${escaped}'`;
  if (code < 0x20 || code === 0x7f) return `'\\x${hex}'`;
  if ((code >= 0x80 && code <= 0xa0) || code === 0xad) return `'\\u00${hex}'`;
  return `'${character}'`;
}
