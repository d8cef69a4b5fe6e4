/*
 * Decodes a stream by the core in many ways, and compares each with zlib and with each other: what is accepted and why not, every byte, every
 * boundary and its window, every member; from each kind of start to each kind of end, with input and output cut anywhere.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "case.h"
#include "found.h"
#include "reference.h"

static Model model;
static Reference reference;
static uint8_t *reference_output;
static uint8_t wrapped[MAX_STREAM + 32], window[WINDOW_SIZE];

// ---- choices --------------------------------------------------------------------------------------------------------

static uint32_t state;

static void seed_choices(const Case *given) { state = (given->seed << 8 | given->pick) * 0x9e3779b1u + 1; }

/* From 0 to limit - 1. */
static uint32_t choose(uint32_t limit) {
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state % limit;
}

/* Many short pieces cost time in proportion to the stream's length: no more than a hundred. */
static size_t choose_piece(size_t length) {
  const size_t least = length / 100;
  switch (choose(4)) {
    case 0: return least + 1;
    case 1: return least + 1 + choose(16);
    case 2: return least + 1 + choose(600);
    default: return least + 1 + choose(5000);
  }
}

static Sizes choose_sizes(const Case *given) {
  const uint32_t least = model.length / 60;
  const uint32_t output = given->output_size < 64 ? 1 + given->output_size : (given->output_size - 63) * 16;
  return (Sizes){512 + 8 * given->input_size, least + output};
}

/** Where the reference began. */
static uint32_t reference_from;

static void require_reference(void) {
  if (reference.at > model.length) return;
  REQUIRE(memcmp(reference_output + reference_from, model.output + reference_from, reference.at - reference_from) == 0, "the reference differs from zlib");
}

static void start_reference(const uint8_t *bytes, size_t length, uint64_t bit, uint32_t at) {
  reference_from = at;
  memcpy(reference_output - WINDOW_SIZE + at, model.output - WINDOW_SIZE + at, WINDOW_SIZE);
  reference_start(&reference, bytes, length, bit, reference_output, at, MAX_OUTPUT);
}

// ---- answers --------------------------------------------------------------------------------------------------------

/*
 * Whether the core may answer `status`. It reads a fixed header and a trailer when they are there as a whole; zlib, byte by byte: of one that is cut it
 * may have seen enough to refuse it otherwise.
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

static void require_output(const char *way, const uint8_t *bytes, uint64_t at, uint64_t length) {
  if (at >= model.length) return;
  const uint64_t compared = length < model.length - at ? length : model.length - at;
  if (memcmp(bytes, model.output + at, compared) == 0) return;
  uint64_t i = 0;
  while (bytes[i] == model.output[at + i]) i++;
  found("%s: another byte than zlib's in the output (at %llu)", way, (unsigned long long)(at + i));
}

static void require_answer(const char *way, int status, uint64_t total, size_t length) {
  if (model.answer == NEED_OUTPUT) {
    REQUIRE(total >= model.length, "%s: answer %d where zlib goes on (after %llu bytes of output)", way, status, (unsigned long long)total);
    return;
  }
  REQUIRE(agrees(status, length), "%s: answer %d where zlib has %d (%s)", way, status, model.answer, model.message);
  REQUIRE(total == model.length, "%s: more or less output than zlib's before the answer %d (%llu bytes, %u)", way, status, (unsigned long long)total, model.length);
}

// ---- the whole stream, as gzip-scan.ts scans it ---------------------------------------------------------------------------

typedef struct {
  const char *way;
  Sizes sizes;
  bool in_pieces, reports_members, counts_crossings, is_saved;
  /** Boundaries are wanted this far apart. */
  uint64_t span_size;
} Scan;

static State saved, saved_again;

static bool is_same_state(const State *a, const State *b) {
  return a->position == b->position && a->unread_length == b->unread_length && memcmp(a->fields, b->fields, a->fields_length) == 0 &&
         memcmp(a->unread, b->unread, a->unread_length) == 0 && memcmp(a->window, b->window, a->window_length) == 0;
}

typedef struct { uint64_t at; } Place;
static Place places[512];
static uint32_t first_place, place_count;

/* Matches that begin at or behind a place and before `end`, and whose source begins before the place. */
static void require_crossing(const char *way, uint64_t end) {
  const uint64_t at = places[first_place].at;
  uint32_t matches, bytes, expected_matches = 0, expected_bytes = 0;
  host_take_boundary(&matches, &bytes);
  first_place = (first_place + 1) % 512;
  place_count--;
  if (end > model.length) return;
  uint32_t low = 0, high = reference.match_count;
  while (low < high) {
    const uint32_t middle = (low + high) / 2;
    if (reference.matches[middle].to < at) low = middle + 1;
    else high = middle;
  }
  for (uint32_t i = low; i < reference.match_count && reference.matches[i].to < end; i++) {
    const Match match = reference.matches[i];
    if (match.to >= at + match.distance) continue;
    expected_matches++;
    expected_bytes += match.length;
  }
  REQUIRE(matches == expected_matches && bytes == expected_bytes, "%s: other crossings (%u of %u bytes, not %u of %u, at %llu)", way, matches, bytes,
          expected_matches, expected_bytes, (unsigned long long)at);
}

static void scan(const Scan *how, const uint8_t *bytes, size_t length, bool accepts_zlib) {
  uint64_t moved = 0, total = 0, next_block = 0;
  uint32_t delivered = 0, boundary = 0, member = 0;
  size_t used = 0, piece_end = 0;
  int status = NEED_INPUT;
  first_place = place_count = 0;
  host_start_stream(how->sizes, accepts_zlib, how->reports_members || how->counts_crossings);
  while (true) {
    if (status == NEED_INPUT) {
      if (used == length) {
        host_end_input();
      } else {
        if (used == piece_end && used > 0 && how->is_saved && choose(2) == 0) {
          // It goes on in another instance.
          host_save(&saved, total);
          host_reset();
          REQUIRE(host_restore(&saved, how->sizes, accepts_zlib, how->reports_members), "%s: a saved state is refused", how->way);
          // What the first instance was used for before is not in it.
          host_save(&saved_again, total);
          REQUIRE(is_same_state(&saved, &saved_again), "%s: another state is saved again", how->way);
          moved = total;
          delivered = 0;
        }
        if (used == piece_end) piece_end += how->in_pieces ? choose_piece(length) : length;
        if (piece_end > length) piece_end = length;
        const size_t taken = host_append_input(bytes + used, piece_end - used);
        REQUIRE(taken > 0, "%s: no room for input", how->way);
        used += taken;
      }
    }
    status = host_run(how->sizes.output, next_block > moved ? next_block - moved : 0);
    require_output(how->way, host_output() + delivered, moved + delivered, host_produced() - delivered);
    delivered = host_produced();
    total = moved + delivered;
    if (total > MAX_OUTPUT) break;
    if (status == NEED_INPUT) continue;
    if (status == NEED_OUTPUT) {
      REQUIRE(delivered >= how->sizes.output, "%s: room for output is left", how->way);
      host_move_output();
      moved = total;
      delivered = 0;
    } else if (status == BLOCK) {
      while (boundary < model.boundary_count && model.boundaries[boundary].uncompressed < next_block) boundary++;
      REQUIRE(total >= next_block, "%s: a boundary before one is wanted", how->way);
      if (boundary < model.boundary_count) {
        const Boundary expected = model.boundaries[boundary++];
        REQUIRE(host_compressed() == expected.compressed && total == expected.uncompressed && host_pending_bits() == expected.bits,
                "%s: another boundary (%llu, %llu, %u, not %llu, %llu, %u)", how->way, (unsigned long long)host_compressed(),
                (unsigned long long)total, host_pending_bits(), (unsigned long long)expected.compressed, (unsigned long long)expected.uncompressed,
                expected.bits);
        REQUIRE(memcmp(host_window(), model.output + total - WINDOW_SIZE, WINDOW_SIZE) == 0, "%s: another window", how->way);
      } else {
        REQUIRE(model.answer == NEED_OUTPUT && total >= model.length, "%s: a boundary that zlib does not have", how->way);
      }
      next_block = how->span_size == 0 ? 0 : total + how->span_size;
      if (how->counts_crossings && (place_count == 0 || places[(first_place + place_count - 1) % 512].at != total)) {
        while (place_count == host_max_boundaries || (place_count > 0 && places[first_place].at + WINDOW_SIZE <= total))
          require_crossing(how->way, total);
        host_add_boundary();
        places[(first_place + place_count++) % 512] = (Place){total};
      }
    } else if (status == MEMBER) {
      while (place_count > 0) require_crossing(how->way, total);
      if (member < model.member_count) {
        const Member expected = model.members[member++];
        REQUIRE(host_compressed() == expected.header_end && host_header_length() == expected.header_end - expected.compressed &&
                    total == expected.uncompressed && host_is_zlib() == expected.is_zlib && host_longest_text() == expected.longest_text,
                "%s: another member's header", how->way);
      } else {
        REQUIRE(model.answer == NEED_OUTPUT && total >= model.length, "%s: a member that zlib does not have", how->way);
      }
    } else {
      require_answer(how->way, status, total, length);
      break;
    }
  }
  if (model.answer == NEED_OUTPUT) return;
  while (boundary < model.boundary_count && model.boundaries[boundary].uncompressed < next_block) boundary++;
  REQUIRE(boundary == model.boundary_count, "%s: no boundary where zlib has one", how->way);
  REQUIRE(!how->reports_members || member == model.member_count, "%s: no member where zlib has one", how->way);
  if (status == DONE) {
    REQUIRE(host_compressed() == length, "%s: not all of the input is used", how->way);
    while (place_count > 0) require_crossing(how->way, total);
  }
}

// ---- spans, as span-decoder.ts decodes them ---------------------------------------------------------------------------------

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

/** From a start inside the stream to its end. */
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

/** From a start up to a byte, with the input cut where that is complete. */
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

static void check_resume(const Case *given, Sizes sizes, const uint8_t *bytes, size_t length, bool accepts_zlib) {
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

static void check_start_in_block(const Case *given, Sizes sizes, const uint8_t *bytes, size_t length, bool accepts_zlib) {
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

// ---- saved scans that someone has changed -----------------------------------------------------------------------------------------

/* They may be refused, or decode to anything: without touching what is outside. */
static void check_tampered_state(const Case *given, Sizes sizes, const uint8_t *bytes, size_t length, bool accepts_zlib) {
  size_t used = choose((uint32_t)length + 1);
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
  total = 0;
  while (total < MAX_OUTPUT) {
    status = host_run(sizes.output, 0);
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

// ---- all of it ----------------------------------------------------------------------------------------------------------------

static void walk_members(const uint8_t *bytes, size_t length) {
  start_reference(bytes, length, 0, 0);
  for (uint32_t i = 0; i < model.member_count; i++) {
    reference.bit = model.members[i].header_end * 8;
    while (reference_block(&reference) && !reference.is_last) continue;
    if (reference.at < model.length) require_reference();
  }
}

static void check_stream(const Case *given, const uint8_t *bytes, size_t length, bool accepts_zlib) {
  const Sizes sizes = choose_sizes(given);
  const bool with_crossings = given->extras & WITH_CROSSINGS, is_saved = given->bit_count & WITH_SAVES;
  if (with_crossings) walk_members(bytes, length);
  scan(&(Scan){.way = "whole", .sizes = host_capacity, .reports_members = true, .counts_crossings = with_crossings}, bytes, length, accepts_zlib);
  scan(&(Scan){.way = "in pieces",
               .sizes = sizes,
               .in_pieces = true,
               .is_saved = is_saved,
               .reports_members = choose(2) == 0,
               .counts_crossings = with_crossings && !is_saved,
               .span_size = given->pick * 16},
       bytes, length, accepts_zlib);
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

/* Bytes that need be no header of a block, and others to go on with. */
static void check_any_header(const Case *given, Sizes sizes) {
  const size_t header_length = choose((uint32_t)given->length + 1);
  const uint8_t *rest = given->stream + header_length;
  size_t used = 0, length = given->length - header_length;
  uint64_t total = 0;
  if (host_start_in_block(sizes, given->stream, header_length, given->window_length, 1, given->value & ((1u << given->bit_count) - 1),
                          given->bit_count) != DONE)
    return;
  while (total < MAX_OUTPUT) {
    const int status = host_run(sizes.output, NEVER);
    if (status == NEED_OUTPUT) {
      total += host_produced();
      host_move_output();
    } else if (status == NEED_INPUT) {
      if (used == length) host_end_input();
      else used += host_append_input(rest + used, length - used);
    } else {
      return;
    }
  }
}

static void check_span(const Case *given) {
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
  const Sizes sizes = choose_sizes(given);
  const Start start = {.bit = 8 - given->bit_count, .at = 0, .window_length = given->window_length};
  uint64_t produced;
  int status = decode_span("span, whole", host_capacity, wrapped, length, &start, NEVER, &produced, false);
  require_answer("span, whole", status, produced, length);
  status = decode_span("span", sizes, wrapped, length, &start, NEVER, &produced, false);
  require_answer("span", status, produced, length);
  if (model.boundary_count > 0) {
    const Boundary to = model.boundaries[given->pick % model.boundary_count];
    check_range("span up to a boundary", sizes, wrapped, &start, (uint32_t)to.uncompressed, to.compressed * 8);
  }
  if (given->extras & WITH_RESUMES) check_window_use(sizes, wrapped, length, &start, 1 + choose(choose(2) == 0 ? 300 : WINDOW_SIZE));
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
  model_initialize(&model);
  reference_initialize(&reference);
  reference_output = (uint8_t *)calloc(1, WINDOW_SIZE + MAX_OUTPUT) + WINDOW_SIZE;
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
    check_span(&given);
  } else {
    model_members(&model, given.stream, given.length, given.kind == MEMBERS);
    check_stream(&given, given.stream, given.length, given.kind == MEMBERS);
  }
  // For the names of cases (fuzz-core.mjs).
  if (getenv("SOCIKIT_FUZZ_ANSWERS") != NULL) printf("ANSWER %s %s\n", kinds[given.kind], answer_text());
  return 0;
}
