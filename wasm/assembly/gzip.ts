/*
 * Members: header, blocks, trailer, one after the other. https://www.rfc-editor.org/rfc/rfc1952#section-2.2
 *
 * `advance` goes through the phases below; each takes what it needs from the input when it is all there, or, where a
 * length is not bounded (extra field, name, comment), whatever there is. Nothing of a header is kept but its CRC and two lengths.
 *
 *   AT_START → AT_EXTRA_LENGTH → IN_EXTRA → IN_NAME → IN_COMMENT → AT_HEADER_CRC → AT_BODY → AT_FIRST_BLOCK
 *    ↑  └──────────────────────── zlib ──────────────────────────────────────────↗               │
 *    └──────────────────────────────────────────────────── AT_TRAILER ← IN_BLOCKS ←──────────────┘
 *
 * The bit buffer is empty in all phases but IN_BLOCKS: `Bits.next` is the read position.
 */
import {
  BAD_ADLER, BAD_CRC, BAD_FLAGS, BAD_HEADER_CRC, BAD_MAGIC, BAD_METHOD, BAD_SIZE, BAD_ZLIB_HEADER, BLOCK, DONE,
  FLAG_COMMENT, FLAG_EXTRA, FLAG_HEADER_CRC, FLAG_NAME, FLAGS_RESERVED, GZIP_FIXED_HEADER, GZIP_MAGIC, GZIP_TRAILER,
  MEMBER, METHOD_DEFLATE, NEED_INPUT, NEED_OUTPUT, TRAILING_BYTES, TRUNCATED, ZLIB_DICTIONARY, ZLIB_FLAG_DICTIONARY,
  ZLIB_HEADER, ZLIB_MAX_WINDOW_LOG, ZLIB_TRAILER,
} from "./constants";
import { adler32 } from "./adler32";
import { Bits } from "./bits";
import { crc32 } from "./crc32";
import { inflateBlocks, startBlocks } from "./inflate";
import { Output, setFloor } from "./output";

export const AT_START: i32 = 0;
const AT_EXTRA_LENGTH: i32 = 1;
const IN_EXTRA: i32 = 2;
const IN_NAME: i32 = 3;
const IN_COMMENT: i32 = 4;
const AT_HEADER_CRC: i32 = 5;
export const AT_BODY: i32 = 6;
const AT_FIRST_BLOCK: i32 = 7;
export const IN_BLOCKS: i32 = 8;
export const AT_TRAILER: i32 = 9;

/** What a member's trailer says about its output. UNKNOWN: decoding began inside the member. */
export const UNKNOWN: i32 = 0;
export const GZIP: i32 = 1;
export const ZLIB: i32 = 2;

export class Member {
  static phase: i32 = AT_START;
  static format: i32 = UNKNOWN;
  /** Whether any member came before: what cannot be a header is then bytes behind the end. */
  static isLater: bool = false;
  static acceptsZlib: bool = false;
  /** Whether `advance` answers MEMBER after each header. */
  static isReported: bool = false;
  /** Bytes of the header, and of the longer one of its two texts, without NUL. They are not bounded. */
  static headerLength: u64 = 0;
  static textLength: u64 = 0;
  static longestText: u64 = 0;
  static flags: u32 = 0;
  static extraLeft: usize = 0;
  static headerCrc: u32 = 0;
  /** Of the output up to `checkedTo`: CRC-32 or Adler-32, and the size modulo 2^32. */
  static check: u32 = 0;
  static size: u32 = 0;
  static checkedTo: usize = 0;
}

/** The next byte is the first of a member. */
export function startMembers(acceptsZlib: bool, isReported: bool): void {
  Member.phase = AT_START;
  Member.isReported = isReported;
  Member.format = UNKNOWN;
  Member.isLater = false;
  Member.acceptsZlib = acceptsZlib;
}

/** The next bit begins a block inside a member, whose trailer is skipped; later members are checked. */
export function startInMember(acceptsZlib: bool): void {
  Member.phase = IN_BLOCKS;
  Member.isReported = false;
  Member.format = UNKNOWN;
  Member.isLater = true;
  Member.acceptsZlib = acceptsZlib;
  startBlocks();
}

/** Takes output that is not yet in the checksum into it. To be called before output moves. */
export function updateCheck(): void {
  const from = Member.checkedTo;
  const length = Output.next - from;
  Member.checkedTo = Output.next;
  if (Member.format == GZIP) Member.check = crc32(Member.check, from, length);
  else if (Member.format == ZLIB) Member.check = adler32(Member.check, from, length);
  Member.size += length as u32;
}

/** To be called after output has moved. */
export function resetCheckedTo(): void {
  Member.checkedTo = Output.next;
}

/** Answers as `run` does (constants.ts). `reportFrom`: the output address from which on boundaries are reported. */
export function advance(inputEnd: usize, isFinal: bool, outputEnd: usize, reportFrom: usize): i32 {
  while (true) {
    let status: i32;
    if (Member.phase == IN_BLOCKS) {
      status = inflateBlocks(inputEnd, isFinal, outputEnd);
      if (status == BLOCK) {
        if (Output.next >= reportFrom) return BLOCK;
      } else if (status == DONE) {
        Member.phase = AT_TRAILER;
      } else {
        return status;
      }
    } else if (Member.phase == AT_TRAILER) {
      // When no more output is wanted, the trailer may be missing.
      if (Output.next >= outputEnd) return NEED_OUTPUT;
      status = readTrailer(inputEnd);
      if (status == NEED_INPUT) return isFinal ? TRUNCATED : NEED_INPUT;
      if (status != DONE) return status;
      Member.phase = AT_START;
      Member.isLater = true;
    } else if (Member.phase == AT_BODY) {
      Member.phase = AT_FIRST_BLOCK;
      if (Member.isReported) return MEMBER;
    } else if (Member.phase == AT_FIRST_BLOCK) {
      Member.phase = IN_BLOCKS;
      startBlocks();
      Member.check = Member.format == ZLIB ? 1 : 0;
      Member.size = 0;
      Member.checkedTo = Output.next;
      setFloor(Output.next);
      if (Output.next >= reportFrom) return BLOCK;
    } else {
      if (Member.phase == AT_START && isFinal && Member.isLater && Bits.next == inputEnd) return DONE;
      status = readHeader(inputEnd, isFinal);
      if (status == NEED_INPUT) return isFinal ? TRUNCATED : NEED_INPUT;
      if (status != DONE) return status;
    }
  }
}

/** One phase of a header. DONE: go on with the next phase. */
function readHeader(inputEnd: usize, isFinal: bool): i32 {
  const available = inputEnd - Bits.next;
  switch (Member.phase) {
    case AT_START:
      return readFixedHeader(available, isFinal);
    case AT_EXTRA_LENGTH:
      if (!(Member.flags & FLAG_EXTRA)) {
        Member.phase = IN_NAME;
        return DONE;
      }
      if (available < 2) return NEED_INPUT;
      Member.extraLeft = load<u16>(Bits.next);
      takeHeader(2);
      Member.phase = IN_EXTRA;
      return DONE;
    case IN_EXTRA: {
      const length = min(Member.extraLeft, available);
      takeHeader(length);
      Member.extraLeft -= length;
      if (Member.extraLeft) return NEED_INPUT;
      Member.phase = IN_NAME;
      return DONE;
    }
    case IN_NAME:
      if (Member.flags & FLAG_NAME && !takeString(available)) return NEED_INPUT;
      Member.phase = IN_COMMENT;
      return DONE;
    case IN_COMMENT:
      if (Member.flags & FLAG_COMMENT && !takeString(available)) return NEED_INPUT;
      Member.phase = AT_HEADER_CRC;
      return DONE;
    default: // AT_HEADER_CRC
      if (Member.flags & FLAG_HEADER_CRC) {
        if (available < 2) return NEED_INPUT;
        if (load<u16>(Bits.next) != (Member.headerCrc & 0xffff)) return BAD_HEADER_CRC;
        takeHeader(2);
      }
      Member.phase = AT_BODY;
      return DONE;
  }
}

/** As zlib with window bits 47 (`acceptsZlib`) or 31 does. */
function readFixedHeader(available: usize, isFinal: bool): i32 {
  if (available < 2) {
    // One byte cannot be a header. Behind a member, it is not the start of a cut one either, unless it looks like one.
    if (available == 1 && isFinal && Member.isLater && load<u8>(Bits.next) != (GZIP_MAGIC & 0xff)) return TRAILING_BYTES;
    return NEED_INPUT;
  }
  if (load<u16>(Bits.next) == GZIP_MAGIC) {
    if (available < GZIP_FIXED_HEADER) return NEED_INPUT;
    if (load<u8>(Bits.next, 2) != METHOD_DEFLATE) return BAD_METHOD;
    Member.flags = load<u8>(Bits.next, 3);
    if (Member.flags & FLAGS_RESERVED) return BAD_FLAGS;
    Member.headerCrc = 0;
    Member.headerLength = 0;
    Member.longestText = 0;
    Member.textLength = 0;
    takeHeader(GZIP_FIXED_HEADER);
    Member.format = GZIP;
    Member.phase = AT_EXTRA_LENGTH;
    return DONE;
  }
  const methodAndInfo: u32 = load<u8>(Bits.next);
  const flags: u32 = load<u8>(Bits.next, 1);
  const looksLikeZlib = Member.acceptsZlib && ((methodAndInfo << 8) | flags) % 31 == 0;
  if (!looksLikeZlib || (methodAndInfo & 15) != METHOD_DEFLATE || methodAndInfo >> 4 > ZLIB_MAX_WINDOW_LOG) {
    // NULs pass the check modulo 31, but are no method: padding is not a bad header.
    if (Member.isLater) return TRAILING_BYTES;
    return looksLikeZlib ? BAD_ZLIB_HEADER : BAD_MAGIC;
  }
  if (flags & ZLIB_FLAG_DICTIONARY) return ZLIB_DICTIONARY;
  // A declared window below 32 KiB is not enforced: zlib does not either.
  Bits.next += ZLIB_HEADER;
  Member.headerLength = ZLIB_HEADER;
  Member.longestText = 0;
  Member.format = ZLIB;
  Member.phase = AT_BODY;
  return DONE;
}

/** Moves on by header bytes, into the header's CRC. */
function takeHeader(length: usize): void {
  if (Member.flags & FLAG_HEADER_CRC) Member.headerCrc = crc32(Member.headerCrc, Bits.next, length);
  Bits.next += length;
  Member.headerLength += length;
}

/** Moves on past a NUL; false if there is none yet. */
function takeString(available: usize): bool {
  let length: usize = 0;
  while (length < available) {
    if (load<u8>(Bits.next + length++) == 0) {
      takeHeader(length);
      Member.longestText = max(Member.longestText, Member.textLength + length - 1);
      Member.textLength = 0;
      return true;
    }
  }
  takeHeader(length);
  Member.textLength += length;
  return false;
}

/** The bit buffer is empty: the last block ended at a byte boundary (`inflateBlocks`). */
function readTrailer(inputEnd: usize): i32 {
  const available = inputEnd - Bits.next;
  if (available < (Member.format == ZLIB ? ZLIB_TRAILER : GZIP_TRAILER)) return NEED_INPUT;
  updateCheck();
  if (Member.format == ZLIB) {
    if (bswap<u32>(load<u32>(Bits.next)) != Member.check) return BAD_ADLER;
    Bits.next += ZLIB_TRAILER;
    return DONE;
  }
  if (Member.format == GZIP) {
    if (load<u32>(Bits.next) != Member.check) return BAD_CRC;
    if (load<u32>(Bits.next, 4) != Member.size) return BAD_SIZE;
  }
  Bits.next += GZIP_TRAILER;
  return DONE;
}
