/*
 * One instance of the core, driven as wasm/src/core.ts drives it. What no access may touch is poisoned: the gaps between regions always, and in
 * each run the input behind its end and the output that the run has not been given. AddressSanitizer then stops at the very
 * instruction, on reads as well as on writes.
 */
#ifndef HOST_H_
#define HOST_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NEED_INPUT = 0, NEED_OUTPUT = 1, BLOCK = 2, DONE = 3, MEMBER = 4 };
enum {
  TRUNCATED = -1,
  TRAILING_BYTES = -2,
  BAD_BLOCK_TYPE = -10,
  BAD_DISTANCE = -17,
  BAD_STORED_START = -18,
  BAD_MAGIC = -20,
  ZLIB_DICTIONARY = -25,
  BAD_CRC = -30,
  BAD_SIZE = -31,
  BAD_ADLER = -32,
};
#define WINDOW_SIZE 32768u
#define NEVER UINT64_MAX

/** How much of the buffers is used: as in core.ts, at least 512 bytes of input. */
typedef struct { uint32_t input, output; } Sizes;

extern Sizes host_capacity;
extern uint32_t host_max_boundaries;

void host_initialize(void);
/** As it was after host_initialize, but for what lies in the input and the output. */
void host_reset(void);
void host_start_stream(Sizes sizes, bool accepts_zlib, bool reports_members);
void host_start_span(Sizes sizes, uint32_t window_length, uint64_t offset, uint32_t bits, uint32_t bit_count);
/** Answers DONE, or what is wrong. */
int host_start_in_block(Sizes sizes, const uint8_t *header, size_t length, uint32_t window_length, uint64_t offset, uint32_t bits,
                        uint32_t bit_count);
void host_set_window(const uint8_t *bytes, uint32_t at, uint32_t length);
/** Copies in what fits. Answers how much that was. */
size_t host_append_input(const uint8_t *bytes, size_t length);
void host_end_input(void);
/** `output_limit`, `report_from`: bytes behind the output's start. */
int host_run(uint32_t output_limit, uint64_t report_from);
uint64_t host_compressed(void);
uint32_t host_pending_bits(void);
/** Output since the last host_move_output. */
const uint8_t *host_output(void);
uint32_t host_produced(void);
/** The 32768 bytes before the end of the output. */
const uint8_t *host_window(void);
void host_move_output(void);
uint64_t host_header_length(void);
uint64_t host_longest_text(void);
bool host_is_zlib(void);
void host_watch_window(uint32_t length);
const uint8_t *host_window_use(void);
void host_add_boundary(void);
void host_take_boundary(uint32_t *matches, uint32_t *bytes);

/** What core.ts saves. */
typedef struct {
  uint8_t fields[512], unread[1024], window[WINDOW_SIZE];
  uint32_t fields_length, unread_length, window_length;
  uint64_t position;
} State;

/** After NEED_INPUT, when all output so far is taken. `total`: bytes of it. */
void host_save(State *, uint64_t total);
/** Into an instance that is as host_reset leaves it. False for a state that none can have saved. */
bool host_restore(const State *, Sizes sizes, bool accepts_zlib, bool reports_members);

#endif
