/*
 * The debug build: index.ts with red zones. Between the regions of memory.ts lie zones of a byte that nothing may write;
 * they are looked at after each call, and so is where the reader and the writer stand. What is wrong traps.
 * scripts/build-wasm.mjs --debug compiles it, with RED_ZONES defined, which makes the gaps wide.
 */
import {
  CODE_LENGTHS, CODE_LENGTHS_END, CRC_FOLDED, CRC_FOLDED_END, CRC_REST, CRC_TABLES, CROSSINGS, CROSSINGS_CAPACITY,
  DISTANCE_ENTRIES, DISTANCE_TABLE, DISTANCE_VALUES, HISTORY, INPUT, INPUT_CAPACITY, INPUT_LOOK_BACK, INPUT_PADDING,
  LENGTH_COUNTS, LITLEN_ENTRIES, LITLEN_RESULTS, LITLEN_TABLE, MATCHES, MATCHES_END, MEMORY_END, OUTPUT, OUTPUT_CAPACITY, OUTPUT_SLACK, PATTERNS,
  PATTERN_STEPS, PRECODE_ENTRIES, PRECODE_LENGTHS, PRECODE_RESULTS, PRECODE_TABLE, SORTED_SYMBOLS,
  STATE, STATE_SIZE, WINDOW_USE,
} from "./memory";
import { Bits } from "./bits";
import { LITLEN_SYMBOLS, PRECODE_SYMBOLS, WINDOW_SIZE } from "./constants";
import { Output } from "./output";
import * as core from "./index";

export { HISTORY, INPUT, INPUT_CAPACITY, INPUT_PADDING, OUTPUT, OUTPUT_CAPACITY, OUTPUT_SLACK, MEMORY_END } from "./memory";
export { CROSSINGS_CAPACITY, STATE, STATE_SIZE, WINDOW_USE } from "./memory";
export { headerLength, inputNext, isZlib, longestText, outputNext, pendingBits } from "./index";

const RED: u8 = 0xa5;

/** Below the tables: asc's constants end long before. */
const zones: StaticArray<usize> = [
  768, LITLEN_TABLE,
  LITLEN_TABLE + 4 * LITLEN_ENTRIES, DISTANCE_TABLE,
  DISTANCE_TABLE + 4 * DISTANCE_ENTRIES, DISTANCE_VALUES,
  DISTANCE_VALUES + 4 * DISTANCE_ENTRIES, PRECODE_TABLE,
  PRECODE_TABLE + 4 * PRECODE_ENTRIES, LITLEN_RESULTS,
  PRECODE_RESULTS + 4 * (PRECODE_SYMBOLS as usize), CODE_LENGTHS,
  CODE_LENGTHS_END, PRECODE_LENGTHS,
  PRECODE_LENGTHS + 32, LENGTH_COUNTS,
  SORTED_SYMBOLS + 2 * (LITLEN_SYMBOLS as usize), PATTERNS,
  PATTERN_STEPS + 16, CRC_TABLES,
  CRC_TABLES + 16 * 4 * 256, CRC_FOLDED,
  CRC_FOLDED_END, CRC_REST,
  CRC_REST + 16 * 300, INPUT - INPUT_LOOK_BACK,
  INPUT + INPUT_CAPACITY + INPUT_PADDING, HISTORY,
  OUTPUT + OUTPUT_CAPACITY + OUTPUT_SLACK, WINDOW_USE,
  WINDOW_USE + (WINDOW_SIZE as usize), CROSSINGS,
  CROSSINGS + 16 * (CROSSINGS_CAPACITY as usize), MATCHES,
  MATCHES_END, STATE,
  STATE + STATE_SIZE, MEMORY_END,
];

export function zoneCount(): i32 {
  return zones.length >> 1;
}

export function zoneStart(index: i32): usize {
  return zones[2 * index];
}

export function zoneEnd(index: i32): usize {
  return zones[2 * index + 1];
}

function check(): void {
  for (let zone = 0; zone < zones.length; zone += 2) {
    for (let at = zones[zone]; at < zones[zone + 1]; at++) assert(load<u8>(at) == RED);
  }
}

export function initialize(): void {
  assert(__data_end <= zones[0]);
  for (let zone = 0; zone < zones.length; zone += 2) {
    assert(zones[zone] + 64 <= zones[zone + 1]);
    memory.fill(zones[zone], RED, zones[zone + 1] - zones[zone]);
  }
  core.initialize();
  check();
}

export function startStream(acceptsZlib: bool, reportsMembers: bool): void {
  core.startStream(acceptsZlib, reportsMembers);
  check();
}

export function startSpan(windowLength: usize, bits: u32, bitCount: u32): void {
  core.startSpan(windowLength, bits, bitCount);
  check();
}

export function startInBlock(length: usize, bits: u32, bitCount: u32): i32 {
  const status = core.startInBlock(length, bits, bitCount);
  check();
  return status;
}

export function watchWindow(length: usize): void {
  core.watchWindow(length);
  check();
}

export function addBoundary(): void {
  core.addBoundary();
  check();
}

export function takeBoundary(): usize {
  const taken = core.takeBoundary();
  check();
  return taken;
}

export function saveState(): void {
  core.saveState();
  check();
}

export function restoreState(compressed: f64, windowLength: u32): bool {
  const isRestored = core.restoreState(compressed, windowLength);
  check();
  return isRestored;
}

export function run(inputEnd: usize, isFinal: bool, outputEnd: usize, reportFrom: usize): i32 {
  // What the loops scribble over behind the output is within the slack, also where less of the buffer is used.
  const slack = outputEnd + OUTPUT_SLACK;
  const zone = Output.next < outputEnd ? min(64, OUTPUT + OUTPUT_CAPACITY + OUTPUT_SLACK - slack) : 0;
  memory.fill(slack, RED, zone);
  const status = core.run(inputEnd, isFinal, outputEnd, reportFrom);
  for (let at = slack; at < slack + zone; at++) assert(load<u8>(at) == RED);
  assert(Output.next >= OUTPUT && Output.next <= slack);
  assert(Output.low >= Output.floor && Output.floor >= HISTORY && Output.low <= Output.next);
  assert(Bits.next >= INPUT - INPUT_LOOK_BACK && Bits.next + 8 <= inputEnd + INPUT_PADDING);
  check();
  return status;
}

export function moveInput(inputEnd: usize): usize {
  const end = core.moveInput(inputEnd);
  check();
  return end;
}

export function moveOutput(): void {
  core.moveOutput();
  check();
}
