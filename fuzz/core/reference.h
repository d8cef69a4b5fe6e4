/*
 * Inflate as RFC 1951 tells it, one bit after the other, that keeps where each symbol stands and how far each match reaches. zlib says neither,
 * and the core's starts inside blocks, the use of windows and the crossings are checked with them.
 */
#ifndef REFERENCE_H_
#define REFERENCE_H_

#include "zlib-model.h"

/** A literal or a match, or a byte of a stored block: where its first bit is, and where its output goes. */
typedef struct { uint64_t bit; uint32_t at; } Symbol;
typedef struct { uint32_t to, distance, length; } Match;

typedef struct {
  const uint8_t *bytes;
  size_t length;
  /** The next bit, counted from the first byte's lowest. */
  uint64_t bit;
  /** Output up to `at`. */
  uint8_t *output;
  uint32_t at, limit;
  /** The last block: its header's first bit, the first bit behind the header, its type, its symbols. */
  uint64_t header, body;
  bool is_last;
  uint32_t type;
  Symbol *symbols;
  uint32_t symbol_count;
  /** Of all blocks. */
  Match *matches;
  uint32_t match_count;
} Reference;

void reference_initialize(Reference *);
/** Begins at a bit, with output from `at` to `limit`. Matches are taken for right. */
void reference_start(Reference *, const uint8_t *bytes, size_t length, uint64_t bit, uint8_t *output, uint32_t at, uint32_t limit);
/** Decodes one block. False where its input or the room for its output ends, or it is wrong: symbols are then those before. */
bool reference_block(Reference *);

#endif
