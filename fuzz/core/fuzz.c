/*
 * Decodes a stream by the core in many ways, and compares each with zlib and with each other: what is accepted and why not, every byte, every
 * boundary and its window, every member; from each kind of start to each kind of end, with input and output cut anywhere.
 */
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "answers.h"
#include "choices.h"
#include "scan.h"
#include "spans.h"
#include "tampered.h"

static uint8_t wrapped[MAX_STREAM + 32], window[WINDOW_SIZE];

static void check_stream(const Case *given, const uint8_t *bytes, size_t length, bool accepts_zlib) {
  const Sizes sizes = choose_sizes(given, model.length);
  check_scans(given, sizes, bytes, length, accepts_zlib);
  if (given->extras & WITH_RESUMES) check_resume(given, sizes, bytes, length, accepts_zlib);
  if (given->extras & WITH_STARTS_IN_BLOCKS) check_start_in_block(given, sizes, bytes, length, accepts_zlib);
  if (given->bit_count & WITH_TAMPERED_SAVES) check_tampered_state(given, sizes, bytes, length, accepts_zlib);
}

/* Put into a gzip member, with the trailer that it ought to have. */
static void check_raw(const Case *given) {
  static const uint8_t header[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff};
  model_raw(&model, given->stream, given->length, NULL, 0, 0, 0, false);
  const int answer = model.answer;
  size_t length = sizeof header;
  memcpy(wrapped, header, sizeof header);
  if (answer == DONE) {
    const uint32_t trailer[2] = {(uint32_t)crc32(0, model.output, model.length), model.length};
    memcpy(wrapped + length, given->stream, model.used);
    length += model.used;
    memcpy(wrapped + length, trailer, sizeof trailer);
    length += sizeof trailer;
  } else {
    memcpy(wrapped + length, given->stream, given->length);
    length += given->length;
  }
  model_members(&model, wrapped, length, false);
  REQUIRE(model.answer == answer, "zlib does not agree with itself");
  check_stream(given, wrapped, length, false);
}

static void check_span_case(const Case *given) {
  uint32_t byte = given->value;
  for (uint32_t i = 0; i < given->window_length; i++, byte = byte * 5 + 1) window[i] = (uint8_t)(byte >> 3);
  // The bits are those of a byte before the stream, so that this one begins inside a byte as any other start does.
  wrapped[0] = (uint8_t)given->value;
  memcpy(wrapped + 1, given->stream, given->length);
  const size_t length = given->length + 1;
  const uint32_t bits = given->bit_count == 0 ? 0 : given->value >> (8 - given->bit_count);
  model_raw(&model, given->stream, given->length, window, given->window_length, bits, given->bit_count, true);
  model.used++;
  model.member_start++;
  for (uint32_t i = 0; i < model.boundary_count; i++) model.boundaries[i].compressed++;
  const Sizes sizes = choose_sizes(given, model.length);
  check_span(given, sizes, wrapped, length);
  if (given->extras & WITH_STARTS_IN_BLOCKS) check_any_header(given, sizes);
}

static const char *answer_text(void) {
  switch (model.answer) {
    case DONE: return model.member_count > 1 ? "accepted, members" : "accepted";
    case NEED_OUTPUT: return "long";
    case TRUNCATED: return "cut";
    case ZLIB_DICTIONARY: return "dictionary";
    default: return model.message;
  }
}

/* Freed memory is not what is looked for: the core has none. */
const char *__asan_default_options(void) { return "quarantine_size_mb=1:detect_leaks=0"; }

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  (void)argc, (void)argv;
  answers_initialize();
  host_initialize();
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Case given;
  if (!read_case(&given, data, size)) return -1;
  host_reset();
  seed_choices(&given);
  static const char *const kinds[] = {"raw", "gzip", "members", "span"};
  if (given.kind == RAW) {
    check_raw(&given);
  } else if (given.kind == SPAN) {
    check_span_case(&given);
  } else {
    model_members(&model, given.stream, given.length, given.kind == MEMBERS);
    check_stream(&given, given.stream, given.length, given.kind == MEMBERS);
  }
  // For the names of cases (fuzz-core.mjs).
  if (getenv("SOCIKIT_FUZZ_ANSWERS") != NULL) printf("ANSWER %s %s\n", kinds[given.kind], answer_text());
  return 0;
}
