/*
 * The memory map. Everything has its constant address, so nothing is allocated, nothing can leak, and a
 * table's address is an immediate of the load instruction that reads it.
 *
 *      0  asc's own constants (the order of the precode)
 *   1024  decode tables, what they are built from, CRC-32 tables
 *  65536  INPUT    look-back | bytes to decode | padding
 *         HISTORY  the 32768 bytes of output before OUTPUT
 *         OUTPUT   output | slack that the fast loop may scribble over
 *         WINDOW_USE, CROSSINGS, MATCHES   what watching notes
 *         STATE   what is saved
 *
 * HISTORY ends where OUTPUT begins: output is written upwards, matches read downwards, and they never wrap.
 * Between regions lies GAP, that nothing may touch. It is wider where RED_ZONES is defined (debug.ts).
 */
import {
  DISTANCE_SYMBOLS, LITLEN_SYMBOLS, MAX_CODE_BITS, PRECODE_SYMBOLS, WINDOW_SIZE,
} from "./constants";

const GAP: usize = isDefined(RED_ZONES) ? 256 : 64;
/** Tables begin at a cache line. */
const LINE: usize = 63;

// ---- sizes of the decode tables ---------------------------------------------------------------------

/** Bits of a code looked up at once; longer codes go on in a subtable. 12 was measured slower: more cache, no fewer misses. */
export const LITLEN_TABLE_BITS: u32 = 11;
export const DISTANCE_TABLE_BITS: u32 = 8;
export const PRECODE_TABLE_BITS: u32 = 7;
/**
 * The most entries a table and its subtables can take, over all codes there are: what zlib's `examples/enough.c`
 * prints for `enough 288 11 15` and `enough 32 8 15`.
 */
export const LITLEN_ENTRIES: usize = 2342;
export const DISTANCE_ENTRIES: usize = 402;
export const PRECODE_ENTRIES: usize = 128;

// ---- tables --------------------------------------------------------------------------------------------

export const LITLEN_TABLE: usize = 1024;
/** Two arrays with one index: what to consume, and what it means. */
export const DISTANCE_TABLE: usize = (LITLEN_TABLE + 4 * LITLEN_ENTRIES + GAP + LINE) & ~LINE;
export const DISTANCE_VALUES: usize = (DISTANCE_TABLE + 4 * DISTANCE_ENTRIES + GAP + LINE) & ~LINE;
export const PRECODE_TABLE: usize = (DISTANCE_VALUES + 4 * DISTANCE_ENTRIES + GAP + LINE) & ~LINE;

/** Entries by symbol, before the length of its code is known. Made once. */
export const LITLEN_RESULTS: usize = (PRECODE_TABLE + 4 * PRECODE_ENTRIES + GAP + LINE) & ~LINE;
export const DISTANCE_RESULTS: usize = LITLEN_RESULTS + 4 * (LITLEN_SYMBOLS as usize);
export const DISTANCE_RESULT_VALUES: usize = DISTANCE_RESULTS + 4 * (DISTANCE_SYMBOLS as usize);
export const PRECODE_RESULTS: usize = DISTANCE_RESULT_VALUES + 4 * (DISTANCE_SYMBOLS as usize);

/**
 * Code lengths of literals and lengths, directly followed by those of distances, as they are written in a block.
 * The last repeat may run 138 bytes over before it is found too long, and zeros are written 16 at a time.
 */
export const CODE_LENGTHS: usize = (PRECODE_RESULTS + 4 * (PRECODE_SYMBOLS as usize) + GAP + LINE) & ~LINE;
export const CODE_LENGTHS_END: usize = CODE_LENGTHS + 320 + 138 + 16;
export const PRECODE_LENGTHS: usize = (CODE_LENGTHS_END + GAP + LINE) & ~LINE;

/** Number of codes by length; offsets into the sorted symbols by length; symbols by (length, symbol). */
export const LENGTH_COUNTS: usize = (PRECODE_LENGTHS + 32 + GAP + LINE) & ~LINE;
export const LENGTH_OFFSETS: usize = LENGTH_COUNTS + 4 * (MAX_CODE_BITS as usize + 1);
export const SORTED_SYMBOLS: usize = LENGTH_OFFSETS + 4 * (MAX_CODE_BITS as usize + 2);

/** How a match with a distance below 16 repeats within a vector, and by how much the vector then advances. */
export const PATTERNS: usize = (SORTED_SYMBOLS + 2 * (LITLEN_SYMBOLS as usize) + GAP + LINE) & ~LINE;
export const PATTERN_STEPS: usize = PATTERNS + 16 * 16;

/** 16 tables of 256 words. */
export const CRC_TABLES: usize = (PATTERN_STEPS + 16 + GAP + LINE) & ~LINE;
/** The vectors that CRC-32 folds: 300 before, and as many as are done in a piece. And the 300 that are left at the end. */
export const CRC_FOLDED: usize = (CRC_TABLES + 16 * 4 * 256 + GAP + LINE) & ~LINE;
export const CRC_FOLDED_END: usize = CRC_FOLDED + 16 * (300 + 720);
export const CRC_REST: usize = (CRC_FOLDED_END + GAP + LINE) & ~LINE;
const TABLES_END: usize = CRC_REST + 16 * 300 + GAP;

// ---- input ---------------------------------------------------------------------------------------------

/**
 * Bytes kept in front of the next byte when input is moved down: the bit buffer holds up to 7 bytes that a stored
 * block or a boundary gives back.
 */
export const INPUT_LOOK_BACK: usize = 16;
export const INPUT: usize = (isDefined(RED_ZONES) ? 98304 : 65536) + INPUT_LOOK_BACK;
/** With more, level 2 of the cache holds less of the output: 1.5 % slower at 192 KiB. At 16 KiB calls begin to show. */
export const INPUT_CAPACITY: usize = 64 * 1024;
/** Read past the end of the final input: a dynamic block's header and a refill. The host zeroes it. */
export const INPUT_PADDING: usize = 512;

// ---- output --------------------------------------------------------------------------------------------

export const HISTORY: usize = (INPUT + INPUT_CAPACITY + INPUT_PADDING + GAP + LINE) & ~LINE;
export const OUTPUT: usize = HISTORY + (WINDOW_SIZE as usize);
/** Below 256 KiB moving the history down shows (5 % at 64 KiB); above, nothing is gained. */
export const OUTPUT_CAPACITY: usize = 256 * 1024;
/** One step of the fast loop past the end: 2 literals, a match of 258, and 32 bytes of vector store beyond it. */
export const OUTPUT_SLACK: usize = 320;

// ---- watching (watch.ts) ---------------------------------------------------------------------------------

/** For each byte of a window, whether it is referenced. */
export const WINDOW_USE: usize = (OUTPUT + OUTPUT_CAPACITY + OUTPUT_SLACK + GAP + LINE) & ~LINE;
/** A ring, of a power of two of entries. */
export const CROSSINGS_CAPACITY: u32 = 256;
export const CROSSINGS: usize = WINDOW_USE + (WINDOW_SIZE as usize) + GAP;
/**
 * The matches of 32768 bytes of output, a word each: one gives three bytes at least, and a step of the loop may run over the end.
 * And a vector behind them. Gone through in pieces of 8 KiB, crossings cost 2.5 % more.
 */
export const MATCHES: usize = (CROSSINGS + 16 * (CROSSINGS_CAPACITY as usize) + GAP + LINE) & ~LINE;
export const MATCHES_END: usize = MATCHES + 4 * (WINDOW_SIZE as usize / 3 + 2) + 16;

// ---- saving (state.ts) -------------------------------------------------------------------------------------

export const STATE: usize = (MATCHES_END + GAP + LINE) & ~LINE;
export const STATE_SIZE: usize = 64 + 320;

/** What must fit the pages that asconfig.json gives: 8 × 65536. */
export const MEMORY_END: usize = STATE + STATE_SIZE + GAP;

if (TABLES_END > INPUT - INPUT_LOOK_BACK) ERROR("the tables run into the input");
if (MEMORY_END > (isDefined(RED_ZONES) ? 9 : 8) * 65536) ERROR("the map does not fit the memory");
