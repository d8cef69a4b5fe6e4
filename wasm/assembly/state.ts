/*
 * Saving a stream's state between two calls, to go on in another instance. It lies at STATE, for the host to copy; the
 * window and the input that is not used yet the host copies from where they are. Nothing of this runs where no state is
 * saved. What is watched (watch.ts) is not in it.
 *
 * Tables are not saved: they are built again from the code lengths of the current block, which lie untouched until the
 * next one. That is 320 bytes instead of 13 KB, and whatever is restored, a table is one that `build` has made: the symbol
 * loops follow its offsets without a look.
 *
 * With a change of these fields, VERSION of src/scan-state.ts goes up.
 */
import { END_OF_BLOCK, MAX_CODE_BITS, MAX_DYNAMIC_DISTANCE_SYMBOLS, MAX_DYNAMIC_LITLEN_SYMBOLS } from "./constants";
import { CODE_LENGTHS, OUTPUT, STATE, STATE_SIZE } from "./memory";
import { Bits, RETAINED, giveBack, startBits } from "./bits";
import { AT_BODY, AT_START, AT_TRAILER, GZIP, IN_BLOCKS, Member, UNKNOWN, ZLIB } from "./gzip";
import { Block, IN_STORED, IN_SYMBOLS, useFixedTables } from "./inflate";
import { Output, setFloor } from "./output";
import { buildDistanceTable, buildLitlenTable } from "./tables";

const PHASE: usize = STATE;
const FORMAT: usize = STATE + 1;
const IS_LATER: usize = STATE + 2;
const BLOCK_PHASE: usize = STATE + 3;
const IS_LAST: usize = STATE + 4;
const HAS_FIXED_TABLES: usize = STATE + 5;
const BIT_COUNT: usize = STATE + 6;
const BITS: usize = STATE + 7;
const FLAGS: usize = STATE + 8;
const EXTRA_LEFT: usize = STATE + 12;
const HEADER_CRC: usize = STATE + 16;
const CHECK: usize = STATE + 20;
const SIZE: usize = STATE + 24;
const STORED_LEFT: usize = STATE + 28;
const HEADER_LENGTH: usize = STATE + 32;
const TEXT_LENGTH: usize = STATE + 40;
const LONGEST_TEXT: usize = STATE + 48;
/** Bytes of output before the current place that matches may reach. */
const REACH: usize = STATE + 56;
const LITLENS: usize = STATE + 60;
const DISTANCES: usize = STATE + 62;
const LENGTHS: usize = STATE + 64;

/**
 * After `moveOutput`. What is then left of the input begins at `inputNext`. Only what the phase needs is written: what an
 * earlier block or another stream has left behind is in no state.
 */
export function saveState(): void {
  const phase = Member.phase;
  giveBack();
  memory.fill(STATE, 0, STATE_SIZE);
  store<u8>(PHASE, phase);
  store<u8>(IS_LATER, Member.isLater);
  if (phase == AT_START) return;
  store<u8>(FORMAT, Member.format);
  if (phase < IN_BLOCKS) {
    store<u32>(FLAGS, Member.flags);
    store<u32>(EXTRA_LEFT, Member.extraLeft as u32);
    store<u32>(HEADER_CRC, Member.headerCrc);
    store<u64>(HEADER_LENGTH, Member.headerLength);
    store<u64>(TEXT_LENGTH, Member.textLength);
    store<u64>(LONGEST_TEXT, Member.longestText);
    return;
  }
  store<u32>(CHECK, Member.check);
  store<u32>(SIZE, Member.size);
  if (phase != IN_BLOCKS) return;
  store<u8>(BLOCK_PHASE, Block.phase);
  store<u8>(IS_LAST, Block.isLast);
  store<u8>(BIT_COUNT, (Bits.count - RETAINED) as u8);
  store<u8>(BITS, (Bits.buffer >> RETAINED) as u8);
  store<u32>(REACH, (OUTPUT - Output.floor) as u32);
  if (Block.phase == IN_STORED) store<u32>(STORED_LEFT, Block.storedLeft as u32);
  if (Block.phase != IN_SYMBOLS) return;
  store<u8>(HAS_FIXED_TABLES, Block.hasFixedTables);
  if (Block.hasFixedTables) return;
  store<u16>(LITLENS, Block.litlens);
  store<u16>(DISTANCES, Block.distances);
  memory.copy(LENGTHS, CODE_LENGTHS, Block.litlens + Block.distances);
}

/**
 * After `startStream`, with the host's copies of STATE and of `windowLength` bytes of window in their places. Input goes on at
 * `inputNext` of the saved one, `compressed` bytes into the stream. False for a state that no stream can be in.
 */
export function restoreState(compressed: f64, windowLength: u32): bool {
  const phase: i32 = load<u8>(PHASE);
  const format: i32 = load<u8>(FORMAT);
  const blockPhase: i32 = load<u8>(BLOCK_PHASE);
  const bitCount: u32 = load<u8>(BIT_COUNT);
  const bits: u32 = load<u8>(BITS);
  if (phase > AT_TRAILER || format > ZLIB || blockPhase > IN_SYMBOLS) return false;
  // Fields of a header are gzip's; what comes behind a header is of a known format.
  if (phase != AT_START && (phase < AT_BODY ? format != GZIP : format == UNKNOWN)) return false;
  if (bitCount > 7 || bits >> bitCount) return false;
  if (bitCount && (phase != IN_BLOCKS || blockPhase == IN_STORED)) return false;
  const reach: u32 = load<u32>(REACH);
  const storedLeft: u32 = load<u32>(STORED_LEFT);
  const extraLeft: u32 = load<u32>(EXTRA_LEFT);
  if (reach > windowLength || storedLeft > 0xffff || extraLeft > 0xffff) return false;
  const headerLength: u64 = load<u64>(HEADER_LENGTH);
  const textLength: u64 = load<u64>(TEXT_LENGTH);
  const longestText: u64 = load<u64>(LONGEST_TEXT);
  if (headerLength as f64 > compressed || textLength > headerLength || longestText > headerLength) return false;
  if (phase == IN_BLOCKS && blockPhase == IN_SYMBOLS && !restoreTables()) return false;

  Member.phase = phase;
  Member.format = format;
  Member.isLater = load<u8>(IS_LATER) != 0;
  Member.flags = load<u32>(FLAGS);
  Member.extraLeft = extraLeft;
  Member.headerCrc = load<u32>(HEADER_CRC);
  Member.check = load<u32>(CHECK);
  Member.size = load<u32>(SIZE);
  Member.headerLength = headerLength;
  Member.textLength = textLength;
  Member.longestText = longestText;
  Block.phase = blockPhase;
  Block.isLast = load<u8>(IS_LAST) != 0;
  Block.storedLeft = storedLeft;
  setFloor(OUTPUT - reach);
  startBits(Bits.next, bits, bitCount);
  return true;
}

function restoreTables(): bool {
  if (load<u8>(HAS_FIXED_TABLES)) {
    useFixedTables();
    return true;
  }
  const litlens: u32 = load<u16>(LITLENS);
  const distances: u32 = load<u16>(DISTANCES);
  if (litlens > MAX_DYNAMIC_LITLEN_SYMBOLS || distances > MAX_DYNAMIC_DISTANCE_SYMBOLS) return false;
  for (let at = LENGTHS; at < LENGTHS + litlens + distances; at++) if (load<u8>(at) > MAX_CODE_BITS) return false;
  if (litlens <= END_OF_BLOCK || distances == 0 || load<u8>(LENGTHS + END_OF_BLOCK) == 0) return false;
  Block.hasFixedTables = false;
  Block.litlens = litlens;
  Block.distances = distances;
  memory.copy(CODE_LENGTHS, LENGTHS, litlens + distances);
  return buildLitlenTable(litlens) && buildDistanceTable(litlens, distances);
}
