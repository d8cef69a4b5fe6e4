#include "scan.h"

#include "answers.h"
#include "choices.h"

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

static void walk_members(const uint8_t *bytes, size_t length) {
  start_reference(bytes, length, 0, 0);
  for (uint32_t i = 0; i < model.member_count; i++) {
    reference.bit = model.members[i].header_end * 8;
    while (reference_block(&reference) && !reference.is_last) continue;
    if (reference.at < model.length) require_reference();
  }
}

void check_scans(const Case *given, Sizes sizes, const uint8_t *bytes, size_t length, bool accepts_zlib) {
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
}
