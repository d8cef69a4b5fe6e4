#include "spans.h"

#include "answers.h"
#include "choices.h"

typedef struct {
  uint64_t bit;
  /** Bytes of output before it. */
  uint32_t at;
  uint32_t window_length;
  /** Of the block, for a start inside it. */
  const uint8_t *header;
  size_t header_length;
} Start;

/* Answers NEED_OUTPUT when `want` bytes are there. */
static int decode_span(const char *way, Sizes sizes, const uint8_t *bytes, size_t length, const Start *start, uint64_t want, uint64_t *produced,
                       bool watches) {
  const uint32_t bit_count = (uint32_t)-start->bit & 7;
  size_t used = (start->bit + 7) / 8;
  const uint32_t bits = bit_count == 0 ? 0 : bytes[used - 1] >> (8 - bit_count);
  *produced = 0;
  if (start->header == NULL) {
    host_start_span(sizes, start->window_length, used, bits, bit_count);
  } else {
    const int status = host_start_in_block(sizes, start->header, start->header_length, start->window_length, used, bits, bit_count);
    REQUIRE(status == DONE, "%s: no start inside a block (%d)", way, status);
  }
  host_set_window(model.output + start->at - start->window_length, WINDOW_SIZE - start->window_length, start->window_length);
  if (watches) host_watch_window((uint32_t)want);
  while (*produced < want) {
    // Room may be given bit by bit.
    const uint64_t room = choose(2) == 0 ? sizes.output : 1 + choose(sizes.output);
    const uint32_t limit = (uint32_t)(room < want - *produced ? room : want - *produced);
    const int status = host_run(limit > host_produced() ? limit : host_produced() + 1 > sizes.output ? sizes.output : host_produced() + 1, NEVER);
    if (status == NEED_INPUT) {
      const size_t piece = choose_piece(length), left = length - used;
      used += host_append_input(bytes + used, piece < left ? piece : left);
      if (used == length && choose(2) == 0) host_end_input();
      else if (left == 0) host_end_input();
    } else {
      require_output(way, host_output(), start->at + *produced, host_produced());
      // What is wrong behind the last byte wanted is none of the span's (span-decoder.ts).
      if (status != NEED_OUTPUT && !(status < 0 && *produced + host_produced() >= want)) {
        *produced += host_produced();
        return status;
      }
      *produced += host_produced();
      host_move_output();
      if (start->at + *produced > MAX_OUTPUT) break;
    }
  }
  return NEED_OUTPUT;
}

/* From a start inside the stream to its end. */
static void check_to_end(const char *way, Sizes sizes, const uint8_t *bytes, size_t length, bool accepts_zlib, const Start *start, uint32_t member) {
  uint64_t produced;
  const int status = decode_span(way, sizes, bytes, length, start, NEVER, &produced, false);
  const bool is_zlib = model.members[member].is_zlib;
  const bool is_last = member == model.member_count - 1;
  // What cannot be known from a start: how far back the member goes, what it is checked for, and of which format it is: a trailer is taken for gzip's.
  if (model.answer == BAD_DISTANCE && start->window_length == WINDOW_SIZE) return;
  if (is_last && model.answer <= BAD_CRC) return;
  const bool ends_inside = is_last && (model.answer == NEED_OUTPUT || (model.answer <= BAD_BLOCK_TYPE && model.answer >= BAD_DISTANCE));
  if (is_zlib && !ends_inside) return;
  // Behind the member, zlib's are always accepted.
  if (!accepts_zlib && model.answer == TRAILING_BYTES) return;
  require_answer(way, status, start->at + produced, length);
}

/* From a start up to a byte, with the input cut where that is complete. */
static void check_range(const char *way, Sizes sizes, const uint8_t *bytes, const Start *start, uint32_t end, uint64_t end_bit) {
  uint64_t produced;
  const int status = decode_span(way, sizes, bytes, (end_bit + 7) / 8, start, end - start->at, &produced, false);
  REQUIRE(status == NEED_OUTPUT, "%s: answer %d before what was wanted (%llu of %u bytes)", way, status, (unsigned long long)produced, end - start->at);
}

static void check_window_use(Sizes sizes, const uint8_t *bytes, size_t length, const Start *start, uint32_t wanted) {
  static uint8_t expected[WINDOW_SIZE];
  uint64_t produced;
  Start whole = *start;
  whole.window_length = WINDOW_SIZE;
  const int status = decode_span("window use", sizes, bytes, length, &whole, wanted, &produced, true);
  if (status < 0) return;
  memset(expected, 0, sizeof expected);
  start_reference(bytes, length, start->bit, start->at);
  while (reference.at < start->at + wanted && reference_block(&reference) && !reference.is_last) continue;
  for (uint32_t i = 0; i < reference.match_count; i++) {
    const Match match = reference.matches[i];
    const uint32_t into = match.to - start->at;
    if (match.distance <= into || into >= wanted) continue;
    uint32_t count = match.length < match.distance ? match.length : match.distance;
    if (count > match.distance - into) count = match.distance - into;
    if (count > wanted - into) count = wanted - into;
    memset(expected + WINDOW_SIZE - (match.distance - into), 1, count);
  }
  REQUIRE(memcmp(expected, host_window_use(), WINDOW_SIZE) == 0, "another use of the window");
}

void check_resume(const Case *given, Sizes sizes, const uint8_t *bytes, size_t length, bool accepts_zlib) {
  if (model.boundary_count == 0) return;
  const uint32_t index = given->pick % model.boundary_count;
  const Boundary from = model.boundaries[index];
  const uint64_t in_member = from.uncompressed - model.members[from.member].uncompressed;
  const bool is_exact = choose(2) == 0;
  const Start start = {
      .bit = from.compressed * 8 - from.bits,
      .at = (uint32_t)from.uncompressed,
      .window_length = is_exact && in_member < WINDOW_SIZE ? (uint32_t)in_member : WINDOW_SIZE,
  };
  check_to_end("resume", sizes, bytes, length, accepts_zlib, &start, from.member);
  // A zlib member's trailer is taken for gzip's.
  const uint32_t next = index + 1 + choose(3);
  if (next < model.boundary_count && !(model.members[from.member].is_zlib && model.boundaries[next].member != from.member))
    check_range("resume up to a boundary", sizes, bytes, &start, (uint32_t)model.boundaries[next].uncompressed, model.boundaries[next].compressed * 8);
  check_window_use(sizes, bytes, length, &start, 1 + choose(choose(2) == 0 ? 300 : WINDOW_SIZE));
}

/** Bits of a block's header, from its first on. */
static size_t copy_bits(uint8_t *to, const uint8_t *bytes, size_t length, uint64_t bit, uint64_t count) {
  const size_t copied = (size_t)(count + 7) / 8;
  for (size_t i = 0; i < copied; i++) {
    const size_t at = (size_t)(bit >> 3) + i;
    const uint32_t pair = (at < length ? bytes[at] : 0) | (at + 1 < length ? (uint32_t)bytes[at + 1] << 8 : 0);
    to[i] = (uint8_t)(pair >> (bit & 7));
  }
  return copied;
}

void check_start_in_block(const Case *given, Sizes sizes, const uint8_t *bytes, size_t length, bool accepts_zlib) {
  if (model.boundary_count == 0) return;
  const Boundary from = model.boundaries[given->pick % model.boundary_count];
  uint8_t header[400];
  start_reference(bytes, length, from.compressed * 8 - from.bits, (uint32_t)from.uncompressed);
  const bool is_whole = reference_block(&reference);
  if (reference.symbol_count == 0) return;
  require_reference();
  const uint32_t index = choose(reference.symbol_count);
  const Symbol symbol = reference.symbols[index];
  // A match that zlib refuses is none of ours.
  if (symbol.at >= model.length) return;
  const uint64_t in_member = symbol.at - model.members[from.member].uncompressed;
  Start start = {
      .bit = symbol.bit,
      .at = symbol.at,
      .window_length = choose(2) == 0 && in_member < WINDOW_SIZE ? (uint32_t)in_member : WINDOW_SIZE,
      .header = header,
  };
  if (reference.type == 0) {
    // The header is to say how many bytes are left.
    const uint32_t left = (uint32_t)((reference.body >> 3) + (bytes[(reference.body >> 3) - 4] | (uint32_t)bytes[(reference.body >> 3) - 3] << 8) - (symbol.bit >> 3));
    header[0] = reference.is_last;
    header[1] = (uint8_t)left;
    header[2] = (uint8_t)(left >> 8);
    header[3] = (uint8_t)~left;
    header[4] = (uint8_t)(~left >> 8);
    start.header_length = 5;
  } else {
    start.header_length = copy_bits(header, bytes, length, reference.header, reference.body - reference.header);
  }
  // What follows the header does not matter.
  for (uint32_t more = choose(12); more > 0 && start.header_length < sizeof header; more--) header[start.header_length++] = (uint8_t)given->value;
  check_to_end("start in a block", sizes, bytes, length, accepts_zlib, &start, from.member);
  const uint32_t last = index + choose(reference.symbol_count - index);
  const bool is_end = last + 1 == reference.symbol_count;
  if (is_end && !is_whole) return;
  const Symbol end = is_end ? (Symbol){reference.bit, reference.at} : reference.symbols[last + 1];
  if (end.at > symbol.at && end.at <= model.length)
    check_range("start in a block, up to a symbol", sizes, bytes, &start, end.at - choose(end.at - reference.symbols[last].at), end.bit);
}

void check_span(const Case *given, Sizes sizes, const uint8_t *bytes, size_t length) {
  const Start start = {.bit = 8 - given->bit_count, .at = 0, .window_length = given->window_length};
  uint64_t produced;
  int status = decode_span("span, whole", host_capacity, bytes, length, &start, NEVER, &produced, false);
  require_answer("span, whole", status, produced, length);
  status = decode_span("span", sizes, bytes, length, &start, NEVER, &produced, false);
  require_answer("span", status, produced, length);
  if (model.boundary_count > 0) {
    const Boundary to = model.boundaries[given->pick % model.boundary_count];
    check_range("span up to a boundary", sizes, bytes, &start, (uint32_t)to.uncompressed, to.compressed * 8);
  }
  if (given->extras & WITH_RESUMES) check_window_use(sizes, bytes, length, &start, 1 + choose(choose(2) == 0 ? 300 : WINDOW_SIZE));
}
