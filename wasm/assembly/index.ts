/*
 * What the host sees: addresses, and a few functions. It writes input at INPUT, calls `run`, reads output at OUTPUT.
 *
 *   initialize()                         once
 *   startStream() | startSpan()          begin; the input is then empty
 *   run(inputEnd, isFinal, ...)          until it answers DONE or an error
 *     NEED_INPUT   moveInput(), append input
 *     NEED_OUTPUT  take the output, moveOutput()
 *     BLOCK        inputNext(), outputNext(), pendingBits() are the boundary
 *     MEMBER       inputNext() is the header's end; headerLength(), longestText(), isZlib() tell of it
 *   moveOutput(), saveState()            after NEED_INPUT: what restoreState() needs to go on, in another instance too
 *
 * Numbers that can exceed 32 bits (offsets in streams) are the host's: here are addresses only.
 */
import { HISTORY, INPUT, OUTPUT } from "./memory";
import { RETAINED, Bits, startBits } from "./bits";
import { initializeCrc32 } from "./crc32";
import { Member, ZLIB, advance, resetCheckedTo, startInMember, startMembers, updateCheck } from "./gzip";
import { isStored, resumeBlock } from "./inflate";
import { Output, setFloor, slideOutput } from "./output";
import { initializeSymbols } from "./symbols";
import { initializeTables } from "./tables";
import { stopWatching } from "./watch";
import { BAD_STORED_START, DONE, WINDOW_SIZE } from "./constants";

export { HISTORY, INPUT, INPUT_CAPACITY, INPUT_PADDING, OUTPUT, OUTPUT_CAPACITY, OUTPUT_SLACK, MEMORY_END } from "./memory";
export { CROSSINGS_CAPACITY, STATE, STATE_SIZE, WINDOW_USE } from "./memory";
export { restoreState, saveState } from "./state";
export { addBoundary, takeBoundary, watchWindow } from "./watch";

export function initialize(): void {
  initializeTables();
  initializeSymbols();
  initializeCrc32();
}

function start(): void {
  memory.fill(HISTORY, 0, WINDOW_SIZE as usize);
  Output.next = OUTPUT;
  setFloor(OUTPUT);
  stopWatching();
  resetCheckedTo();
}

/** Begins at a member's first byte, with 32768 zeros as history. */
export function startStream(acceptsZlib: bool, reportsMembers: bool): void {
  start();
  startBits(INPUT, 0, 0);
  startMembers(acceptsZlib, reportsMembers);
}

/**
 * Begins at a block inside a member. `bitCount` (0–7) bits of `bits` come before the input. The host then fills in
 * HISTORY, of which matches may reach `windowLength` bytes.
 */
export function startSpan(windowLength: usize, bits: u32, bitCount: u32): void {
  start();
  setFloor(OUTPUT - windowLength);
  startBits(INPUT, bits, bitCount);
  startInMember(true);
}

/**
 * After `startSpan`: begins inside a block, whose header's `length` bytes the host has put at INPUT, with INPUT_PADDING
 * zeros behind. The bits are then those in front of the symbol that comes next. Answers DONE, or what is wrong.
 */
export function startInBlock(length: usize, bits: u32, bitCount: u32): i32 {
  startBits(INPUT, 0, 0);
  const status = resumeBlock(length);
  if (status == DONE && bitCount && isStored()) return BAD_STORED_START;
  startBits(INPUT, bits, bitCount);
  return status;
}

/**
 * Decodes. Input is [inputNext(), inputEnd); INPUT_PADDING zeros follow it when it `isFinal`. Output may pass
 * `outputEnd` by OUTPUT_SLACK at most. Boundaries are answered with BLOCK when the output is at `reportFrom` or beyond.
 */
export function run(inputEnd: usize, isFinal: bool, outputEnd: usize, reportFrom: usize): i32 {
  return advance(inputEnd, isFinal, outputEnd, reportFrom);
}

/** The first byte that is not used, not even in part. */
export function inputNext(): usize {
  return Bits.next - ((((Bits.count & 63) - RETAINED) >> 3) as usize);
}

/** The bits (0–7) of the byte before that are not used. */
export function pendingBits(): u32 {
  return (((Bits.count & 63) - RETAINED) & 7) as u32;
}

/** Of the last member's header, in bytes; exact up to 2^53. */
export function headerLength(): f64 {
  return Member.headerLength as f64;
}

/** Of the last member's name and comment, the longer one's bytes without NUL. */
export function longestText(): f64 {
  return Member.longestText as f64;
}

/** Whether the last member is zlib's, not gzip. */
export function isZlib(): bool {
  return Member.format == ZLIB;
}

export function outputNext(): usize {
  return Output.next;
}

/**
 * What the bit buffer can give back. No more is moved: where it was given back since the last move, the next byte is up to
 * 7 below INPUT, and 16 before that lie outside of the region.
 */
const LOOK_BACK: usize = 8;

/** Moves unused input to INPUT. Answers where it ends now. */
export function moveInput(inputEnd: usize): usize {
  const left = inputEnd - Bits.next;
  memory.copy(INPUT - LOOK_BACK, Bits.next - LOOK_BACK, left + LOOK_BACK);
  Bits.next = INPUT;
  return INPUT + left;
}

/** Moves the last 32768 bytes of output to HISTORY. Output goes on at OUTPUT. */
export function moveOutput(): void {
  updateCheck();
  slideOutput();
  resetCheckedTo();
}
