#include "host.h"

#include <sanitizer/asan_interface.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "found.h"
#include "zones.h"

Sizes host_capacity;
uint32_t host_max_boundaries;

static w2c_core core, initial;
static uint8_t *memory, *initial_tables;
static uint32_t input, input_padding, history, output, output_slack;
static uint32_t input_end, input_limit, output_capacity;
static uint64_t input_end_offset;
static bool is_final;

/* How much is closed behind the ends of input and output. To close all of it would take most of the time. */
#define CLOSED 4096u

static void close_region(uint32_t from, uint32_t end) {
  if (from < end) __asan_poison_memory_region(memory + from, end - from);
}

static void open_region(uint32_t from, uint32_t end) {
  if (from < end) __asan_unpoison_memory_region(memory + from, end - from);
}

static uint32_t closed_end(uint32_t from, uint32_t end) { return end - from > CLOSED ? from + CLOSED : end; }

void host_initialize(void) {
  wasm2c_core_instantiate(&core);
  memory = w2c_core_memory(&core)->data;
  input = *w2c_core_INPUT(&core);
  input_padding = *w2c_core_INPUT_PADDING(&core);
  history = *w2c_core_HISTORY(&core);
  output = *w2c_core_OUTPUT(&core);
  output_slack = *w2c_core_OUTPUT_SLACK(&core);
  host_capacity = (Sizes){*w2c_core_INPUT_CAPACITY(&core), *w2c_core_OUTPUT_CAPACITY(&core)};
  host_max_boundaries = *w2c_core_CROSSINGS_CAPACITY(&core);
  for (size_t i = 0; i < ZONES; i++) close_region(zones[i][0], zones[i][1]);
  w2c_core_initialize(&core);
  initial = core;
  initial_tables = malloc(input);
  for (size_t i = 0; i < ZONES && zones[i][1] < input; i++) {
    const uint32_t from = zones[i][1], end = zones[i + 1][0];
    memcpy(initial_tables + from, memory + from, (end < input ? end : input) - from);
  }
}

void host_reset(void) {
  core = initial;
  // Between the zones. Those behind the input are made anew by each start.
  for (size_t i = 0; i < ZONES && zones[i][1] < input; i++) {
    const uint32_t from = zones[i][1], end = zones[i + 1][0];
    memcpy(memory + from, initial_tables + from, (end < input ? end : input) - from);
  }
}

static void start_input(Sizes sizes, uint64_t offset) {
  REQUIRE(sizes.input >= 512 && sizes.input <= host_capacity.input && sizes.output <= host_capacity.output, "sizes");
  input_end = input;
  input_limit = input + sizes.input;
  input_end_offset = offset;
  output_capacity = sizes.output;
  is_final = false;
}

void host_start_stream(Sizes sizes, bool accepts_zlib, bool reports_members) {
  w2c_core_startStream(&core, accepts_zlib, reports_members);
  start_input(sizes, 0);
}

void host_start_span(Sizes sizes, uint32_t window_length, uint64_t offset, uint32_t bits, uint32_t bit_count) {
  w2c_core_startSpan(&core, window_length, bits, bit_count);
  start_input(sizes, offset);
}

int host_start_in_block(Sizes sizes, const uint8_t *header, size_t length, uint32_t window_length, uint64_t offset, uint32_t bits,
                        uint32_t bit_count) {
  host_start_span(sizes, window_length, offset, bits, bit_count);
  if (length > 300) length = 300;
  memcpy(memory + input_end, header, length);
  memset(memory + input_end + length, 0, input_padding);
  const uint32_t close = input_end + (uint32_t)length + input_padding;
  close_region(close, close + CLOSED);
  const int status = (int)w2c_core_startInBlock(&core, (uint32_t)length, bits, bit_count);
  open_region(close, close + CLOSED);
  return status;
}

void host_set_window(const uint8_t *bytes, uint32_t at, uint32_t length) { memcpy(memory + history + at, bytes, length); }

size_t host_append_input(const uint8_t *bytes, size_t length) {
  if (length > input_limit - input_end) input_end = w2c_core_moveInput(&core, input_end);
  REQUIRE(input_end >= input && input_end <= input_limit, "moveInput() leaves input where there is no room");
  const size_t room = input_limit - input_end;
  const size_t taken = length < room ? length : room;
  memcpy(memory + input_end, bytes, taken);
  input_end += (uint32_t)taken;
  input_end_offset += taken;
  return taken;
}

void host_end_input(void) {
  memset(memory + input_end, 0, input_padding);
  is_final = true;
}

int host_run(uint32_t output_limit, uint64_t report_from) {
  REQUIRE(output_limit <= output_capacity, "limit");
  const uint32_t before = w2c_core_outputNext(&core);
  const uint32_t output_end = output + output_limit;
  const uint64_t reach = (uint64_t)output_capacity + output_slack;
  const uint32_t report_address = report_from <= reach ? output + (uint32_t)report_from : UINT32_MAX;
  const uint32_t input_close = is_final ? input_end + input_padding : input_end;
  const uint32_t input_closed = closed_end(input_close, input + host_capacity.input + input_padding);
  const uint32_t output_close = (output_end > before ? output_end : before) + output_slack;
  const uint32_t output_closed = closed_end(output_close, output + host_capacity.output + output_slack);
  close_region(input_close, input_closed);
  close_region(output_close, output_closed);
  const int status = (int)w2c_core_run(&core, input_end, is_final, output_end, report_address);
  open_region(input_close, input_closed);
  open_region(output_close, output_closed);
  const uint32_t next = w2c_core_outputNext(&core);
  REQUIRE(next >= before && next <= output_close, "run() leaves its output at %u of %u", next - output, output_limit);
  const uint32_t used = w2c_core_inputNext(&core);
  // The bit buffer may hold bytes of before the last move.
  REQUIRE(used >= input - 8 && (used <= input_end || status < 0), "run() leaves its input at %d of %u", (int)(used - input), input_end - input);
  REQUIRE(w2c_core_pendingBits(&core) < 8, "pendingBits() of more than a byte");
  return status;
}

uint64_t host_compressed(void) { return input_end_offset - (input_end - w2c_core_inputNext(&core)); }
uint32_t host_pending_bits(void) { return w2c_core_pendingBits(&core); }
const uint8_t *host_output(void) { return memory + output; }
uint32_t host_produced(void) { return w2c_core_outputNext(&core) - output; }
const uint8_t *host_window(void) { return memory + w2c_core_outputNext(&core) - WINDOW_SIZE; }
void host_move_output(void) { w2c_core_moveOutput(&core); }
uint64_t host_header_length(void) { return (uint64_t)w2c_core_headerLength(&core); }
uint64_t host_longest_text(void) { return (uint64_t)w2c_core_longestText(&core); }
bool host_is_zlib(void) { return w2c_core_isZlib(&core) != 0; }
void host_watch_window(uint32_t length) { w2c_core_watchWindow(&core, length); }
const uint8_t *host_window_use(void) { return memory + *w2c_core_WINDOW_USE(&core); }
void host_add_boundary(void) { w2c_core_addBoundary(&core); }

void host_take_boundary(uint32_t *matches, uint32_t *bytes) {
  const uint8_t *entry = memory + w2c_core_takeBoundary(&core);
  memcpy(matches, entry + 4, 4);
  memcpy(bytes, entry + 8, 4);
}

void host_save(State *saved, uint64_t total) {
  w2c_core_moveOutput(&core);
  w2c_core_saveState(&core);
  const uint32_t next = w2c_core_inputNext(&core);
  saved->fields_length = *w2c_core_STATE_SIZE(&core);
  saved->unread_length = input_end - next;
  saved->window_length = total < WINDOW_SIZE ? (uint32_t)total : WINDOW_SIZE;
  saved->position = input_end_offset;
  REQUIRE(saved->fields_length <= sizeof saved->fields && saved->unread_length <= sizeof saved->unread, "a saved state is too long");
  memcpy(saved->fields, memory + *w2c_core_STATE(&core), saved->fields_length);
  memcpy(saved->unread, memory + next, saved->unread_length);
  memcpy(saved->window, memory + output - saved->window_length, saved->window_length);
}

bool host_restore(const State *saved, Sizes sizes, bool accepts_zlib, bool reports_members) {
  // As MAX_UNREAD of core.ts.
  if (saved->unread_length > 400 || saved->unread_length > saved->position) return false;
  host_start_stream(sizes, accepts_zlib, reports_members);
  memcpy(memory + *w2c_core_STATE(&core), saved->fields, saved->fields_length);
  memcpy(memory + output - saved->window_length, saved->window, saved->window_length);
  if (!w2c_core_restoreState(&core, (double)(saved->position - saved->unread_length), saved->window_length)) return false;
  memcpy(memory + input_end, saved->unread, saved->unread_length);
  input_end += saved->unread_length;
  input_end_offset = saved->position;
  return true;
}
