#include "choices.h"

static uint32_t state;

void seed_choices(const Case *given) { state = (given->seed << 8 | given->pick) * 0x9e3779b1u + 1; }

uint32_t choose(uint32_t limit) {
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state % limit;
}

size_t choose_piece(size_t length) {
  const size_t least = length / 100;
  switch (choose(4)) {
    case 0: return least + 1;
    case 1: return least + 1 + choose(16);
    case 2: return least + 1 + choose(600);
    default: return least + 1 + choose(5000);
  }
}

Sizes choose_sizes(const Case *given, uint32_t output_length) {
  const uint32_t least = output_length / 60;
  const uint32_t output = given->output_size < 64 ? 1 + given->output_size : (given->output_size - 63) * 16;
  return (Sizes){512 + 8 * given->input_size, least + output};
}
