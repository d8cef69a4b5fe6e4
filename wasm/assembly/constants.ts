/*
 * Numbers of DEFLATE (RFC 1951), gzip (RFC 1952) and zlib (RFC 1950), and what `run` answers with.
 */

// ---- DEFLATE, https://www.rfc-editor.org/rfc/rfc1951#section-3.2 --------------------------------

export const BLOCK_STORED: u32 = 0;
export const BLOCK_FIXED: u32 = 1;
export const BLOCK_DYNAMIC: u32 = 2;

/** The longest code of literals, lengths and distances. */
export const MAX_CODE_BITS: u32 = 15;
/** The longest code of the code that the other two codes' lengths are written in. */
export const MAX_PRECODE_BITS: u32 = 7;

/** Literals 0–255, end of block 256, lengths 257–285; 286 and 287 have codes in the fixed code and no meaning. */
export const LITLEN_SYMBOLS: u32 = 288;
/** Distances 0–29; 30 and 31 have codes in the fixed code and no meaning. */
export const DISTANCE_SYMBOLS: u32 = 32;
export const PRECODE_SYMBOLS: u32 = 19;

/** What a dynamic block may declare: the two without meaning are refused in its header already, as zlib does. */
export const MAX_DYNAMIC_LITLEN_SYMBOLS: u32 = 286;
export const MAX_DYNAMIC_DISTANCE_SYMBOLS: u32 = 30;

export const END_OF_BLOCK: u32 = 256;
export const FIRST_LENGTH: u32 = 257;
export const MIN_MATCH: u32 = 3;
export const MAX_MATCH: u32 = 258;
export const WINDOW_SIZE: u32 = 32768;

// ---- gzip, https://www.rfc-editor.org/rfc/rfc1952#section-2.3 -----------------------------------

/** ID1 and ID2, read as a little-endian u16. */
export const GZIP_MAGIC: u32 = 0x8b1f;
export const METHOD_DEFLATE: u32 = 8;
/** ID1, ID2, CM, FLG, MTIME (4), XFL, OS. */
export const GZIP_FIXED_HEADER: u32 = 10;
/** CRC32, ISIZE. */
export const GZIP_TRAILER: u32 = 8;
export const FLAG_HEADER_CRC: u32 = 0x02;
export const FLAG_EXTRA: u32 = 0x04;
export const FLAG_NAME: u32 = 0x08;
export const FLAG_COMMENT: u32 = 0x10;
export const FLAGS_RESERVED: u32 = 0xe0;

// ---- zlib, https://www.rfc-editor.org/rfc/rfc1950#section-2.2 -----------------------------------

/** CMF, FLG. */
export const ZLIB_HEADER: u32 = 2;
/** ADLER32. */
export const ZLIB_TRAILER: u32 = 4;
export const ZLIB_FLAG_DICTIONARY: u32 = 0x20;
export const ZLIB_MAX_WINDOW_LOG: u32 = 7;

// ---- what `run` answers (src/core.ts has the same list) -------------------------------------------

/** All input is used but for a few bytes of look-ahead; never answered when the input is final. */
export const NEED_INPUT: i32 = 0;
/** Output has reached the given end. */
export const NEED_OUTPUT: i32 = 1;
/** A block boundary that was asked for. */
export const BLOCK: i32 = 2;
/** The input ended after a member's trailer. */
export const DONE: i32 = 3;
/** Behind a member's header, where members are reported. */
export const MEMBER: i32 = 4;

export const TRUNCATED: i32 = -1;
export const TRAILING_BYTES: i32 = -2;

export const BAD_BLOCK_TYPE: i32 = -10;
export const BAD_STORED_LENGTH: i32 = -11;
export const BAD_SYMBOL_COUNT: i32 = -12;
export const BAD_CODE_LENGTHS: i32 = -13;
export const NO_END_OF_BLOCK: i32 = -14;
export const BAD_CODE: i32 = -15;
export const BAD_SYMBOL: i32 = -16;
export const BAD_DISTANCE: i32 = -17;
export const BAD_STORED_START: i32 = -18;

export const BAD_MAGIC: i32 = -20;
export const BAD_METHOD: i32 = -21;
export const BAD_FLAGS: i32 = -22;
export const BAD_HEADER_CRC: i32 = -23;
export const BAD_ZLIB_HEADER: i32 = -24;
export const ZLIB_DICTIONARY: i32 = -25;

export const BAD_CRC: i32 = -30;
export const BAD_SIZE: i32 = -31;
export const BAD_ADLER: i32 = -32;
