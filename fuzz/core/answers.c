#include "answers.h"

#include <stdlib.h>
#include <string.h>

Model model;
Reference reference;
static uint8_t *reference_output;
/* Where the reference began. */
static uint32_t reference_from;

void answers_initialize(void) {
  model_initialize(&model);
  reference_initialize(&reference);
  reference_output = (uint8_t *)calloc(1, WINDOW_SIZE + MAX_OUTPUT) + WINDOW_SIZE;
}

void require_reference(void) {
  if (reference.at > model.length) return;
  const int difference = memcmp(reference_output + reference_from, model.output + reference_from, reference.at - reference_from);
  REQUIRE(difference == 0, "the reference differs from zlib");
}

void start_reference(const uint8_t *bytes, size_t length, uint64_t bit, uint32_t at) {
  reference_from = at;
  memcpy(reference_output - WINDOW_SIZE + at, model.output - WINDOW_SIZE + at, WINDOW_SIZE);
  reference_start(&reference, bytes, length, bit, reference_output, at, MAX_OUTPUT);
}

/*
 * Whether the core may answer `status`. It reads a fixed header and a trailer when they are there as a whole; zlib, byte by byte: of one
 * that is cut it may have seen enough to refuse it otherwise.
 */
static bool agrees(int status, size_t length) {
  if (status == model.answer) return true;
  const uint64_t left = length - model.member_start;
  if (status == TRUNCATED && model.answer <= BAD_MAGIC && model.answer > BAD_CRC) return left < 10;
  if (status == TRUNCATED && model.answer == BAD_CRC) return length - model.used < 4;
  if (status == TRAILING_BYTES && model.answer == TRUNCATED) return left == 1;
  if (status == ZLIB_DICTIONARY && model.answer == TRUNCATED) return left < 6;
  return false;
}

void require_output(const char *way, const uint8_t *bytes, uint64_t at, uint64_t length) {
  if (at >= model.length) return;
  const uint64_t compared = length < model.length - at ? length : model.length - at;
  if (memcmp(bytes, model.output + at, compared) == 0) return;
  uint64_t i = 0;
  while (bytes[i] == model.output[at + i]) i++;
  found("%s: another byte than zlib's in the output (at %llu)", way, (unsigned long long)(at + i));
}

void require_answer(const char *way, int status, uint64_t total, size_t length) {
  if (model.answer == NEED_OUTPUT) {
    REQUIRE(total >= model.length, "%s: answer %d where zlib goes on (after %llu bytes of output)", way, status, (unsigned long long)total);
    return;
  }
  REQUIRE(agrees(status, length), "%s: answer %d where zlib has %d (%s)", way, status, model.answer, model.message);
  REQUIRE(total == model.length, "%s: more or less output than zlib's before the answer %d (%llu bytes, %u)", way, status,
          (unsigned long long)total, model.length);
}
