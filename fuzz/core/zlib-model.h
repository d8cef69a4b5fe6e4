/* What zlib says of a stream: native, in the same process. */
#ifndef ZLIB_MODEL_H_
#define ZLIB_MODEL_H_

#include "host.h"

/** Output is decoded up to here. Some more than the core's whole buffer, so that it has to move. */
#define MAX_OUTPUT (300u * 1024)
#define MAX_STREAM (64u * 1024)

typedef struct {
  uint64_t compressed, uncompressed;
  uint32_t bits;
  /** Index of its member. */
  uint32_t member;
} Boundary;

typedef struct {
  bool is_zlib;
  uint64_t compressed, header_end, uncompressed, longest_text;
} Member;

typedef struct {
  /** DONE, TRUNCATED or another of host.h's: what the core is to answer. NEED_OUTPUT: there are more than MAX_OUTPUT bytes. */
  int answer;
  /** zlib's words. */
  const char *message;
  /** Where it stopped, and where its last member began. */
  uint64_t used, member_start;
  /** With WINDOW_SIZE bytes before it. */
  uint8_t *output;
  uint32_t length;
  uint32_t boundary_count, member_count;
  Boundary *boundaries;
  Member *members;
} Model;

void model_initialize(Model *);
/** A stream of members, as window bits 47 (`accepts_zlib`) or 31 take it. */
void model_members(Model *, const uint8_t *bytes, size_t length, bool accepts_zlib);
/**
 * Raw DEFLATE behind a window and `bit_count` bits. `in_member`: where it ends, a trailer of eight bytes is skipped and members may follow,
 * which is what the core does in spans; else, that is all.
 */
void model_raw(Model *, const uint8_t *bytes, size_t length, const uint8_t *window, uint32_t window_length, uint32_t bits, uint32_t bit_count,
               bool in_member);

#endif
