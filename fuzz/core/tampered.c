#include "tampered.h"

#include "choices.h"

static State saved;

static void run_on(Sizes sizes, const uint8_t *bytes, size_t length) {
  size_t used = 0;
  for (uint64_t total = 0; total < MAX_OUTPUT;) {
    const int status = host_run(sizes.output, 0);
    if (status == NEED_OUTPUT) {
      total += host_produced();
      host_move_output();
    } else if (status == NEED_INPUT) {
      if (used == length) host_end_input();
      else used += host_append_input(bytes + used, length - used);
    } else if (status != BLOCK) {
      return;
    }
  }
}

void check_tampered_state(const Case *given, Sizes sizes, const uint8_t *bytes, size_t length, bool accepts_zlib) {
  const size_t used = choose((uint32_t)length + 1);
  uint64_t total = 0;
  int status;
  host_start_stream(sizes, accepts_zlib, false);
  for (size_t at = 0; at < used; at += host_append_input(bytes + at, used - at)) {
    while ((status = host_run(sizes.output, NEVER)) == NEED_OUTPUT && total < MAX_OUTPUT) {
      total += host_produced();
      host_move_output();
    }
    if (status != NEED_INPUT) return;
  }
  while ((status = host_run(sizes.output, NEVER)) == NEED_OUTPUT && total < MAX_OUTPUT) {
    total += host_produced();
    host_move_output();
  }
  if (status != NEED_INPUT) return;
  host_save(&saved, total + host_produced());
  for (uint32_t changes = 1 + choose(3); changes > 0; changes--) {
    uint8_t *field = &saved.fields[choose(choose(2) == 0 ? 64 : saved.fields_length)];
    *field = choose(2) == 0 ? (uint8_t)given->value : *field ^ (uint8_t)(1 << choose(8));
  }
  if (choose(4) == 0) saved.window_length = choose(saved.window_length + 1);
  host_reset();
  if (!host_restore(&saved, sizes, accepts_zlib, false)) return;
  run_on(sizes, bytes + used, length - used);
}

void check_any_header(const Case *given, Sizes sizes) {
  const size_t header_length = choose((uint32_t)given->length + 1);
  const uint32_t bits = given->value & ((1u << given->bit_count) - 1);
  if (host_start_in_block(sizes, given->stream, header_length, given->window_length, 1, bits, given->bit_count) != DONE) return;
  run_on(sizes, given->stream + header_length, given->length - header_length);
}
