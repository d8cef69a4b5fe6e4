#include "zlib-model.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "found.h"

static z_stream stream;

void model_initialize(Model *model) {
  model->output = (uint8_t *)calloc(1, WINDOW_SIZE + MAX_OUTPUT) + WINDOW_SIZE;
  model->boundaries = malloc(MAX_STREAM * sizeof(Boundary));
  model->members = malloc(MAX_STREAM * sizeof(Member));
  if (stream.state == NULL) REQUIRE(inflateInit2(&stream, 47) == Z_OK, "zlib does not start");
}

/* zlib's messages, https://github.com/madler/zlib/blob/v1.2.13/inflate.c, and what the core answers then. */
static const struct { const char *message; int status, later; } failures[] = {
    {"invalid block type", -10, -10},
    {"invalid stored block lengths", -11, -11},
    {"too many length or distance symbols", -12, -12},
    {"invalid code lengths set", -13, -13},
    {"invalid bit length repeat", -13, -13},
    {"invalid code -- missing end-of-block", -14, -14},
    {"invalid literal/lengths set", -15, -15},
    {"invalid distances set", -15, -15},
    {"invalid literal/length code", -16, -16},
    {"invalid distance code", -16, -16},
    {"invalid distance too far back", -17, -17},
    {"incorrect header check", -20, -2},
    {"unknown header flags set", -22, -22},
    {"header crc mismatch", -23, -23},
    {"invalid window size", -24, -2},
    {"incorrect data check", BAD_CRC, BAD_CRC},
    {"incorrect length check", BAD_SIZE, BAD_SIZE},
};

/* Not strcmp(): libFuzzer takes what that compares for words of the format. */
static bool is_same(const char *a, const char *b) {
  while (*a != 0 && *a == *b) a++, b++;
  return *a == *b;
}

static int failure(const char *message, bool is_gzip, bool is_later) {
  // Of two formats, the core tells them apart.
  if (is_same(message, "unknown compression method")) return is_gzip ? -21 : is_later ? TRAILING_BYTES : -24;
  if (is_same(message, "incorrect data check") && !is_gzip) return BAD_ADLER;
  for (size_t i = 0; i < sizeof failures / sizeof *failures; i++)
    if (is_same(message, failures[i].message)) return is_later ? failures[i].later : failures[i].status;
  found("zlib says \"%s\"", message);
}

/** Of a gzip header that is whole. https://www.rfc-editor.org/rfc/rfc1952#section-2.3 */
static uint64_t longest_text(const uint8_t *header) {
  const uint32_t flags = header[3];
  size_t at = 10;
  if (flags & 4) at += 2 + (size_t)(header[10] | header[11] << 8);
  uint64_t longest = 0;
  for (uint32_t flag = 8; flag <= 16; flag <<= 1) {
    if (!(flags & flag)) continue;
    const size_t length = strlen((const char *)header + at);
    at += length + 1;
    if (length > longest) longest = length;
  }
  return longest;
}

/** One member, or raw DEFLATE, as the stream is set up. False where all ends with it. */
static bool inflate_one(Model *model, const uint8_t *bytes, size_t length, bool is_raw, bool is_later) {
  const uint64_t began = model->used;
  const bool is_gzip = length - began >= 2 && bytes[began] == 0x1f && bytes[began + 1] == 0x8b;
  bool has_begun = is_raw;
  model->member_start = began;
  stream.next_in = (uint8_t *)bytes + began;
  stream.avail_in = (uInt)(length - began);
  stream.next_out = model->output + model->length;
  stream.avail_out = MAX_OUTPUT - model->length;
  while (true) {
    const int result = inflate(&stream, Z_BLOCK);
    model->used = length - stream.avail_in;
    model->length = MAX_OUTPUT - stream.avail_out;
    if (result == Z_STREAM_END) return true;
    if (result == Z_NEED_DICT) {
      model->answer = ZLIB_DICTIONARY;
      return false;
    }
    if (result == Z_DATA_ERROR) {
      model->message = stream.msg;
      model->answer = failure(stream.msg, is_gzip, is_later);
      return false;
    }
    REQUIRE(result == Z_OK || result == Z_BUF_ERROR, "zlib answers %d", result);
    if (result == Z_OK && stream.data_type & 128) {
      if (stream.data_type & 64) continue;
      if (!has_begun) {
        has_begun = true;
        Member *member = &model->members[model->member_count++];
        *member = (Member){!is_gzip, began, model->used, model->length, is_gzip ? longest_text(bytes + began) : 0};
      }
      model->boundaries[model->boundary_count++] =
          (Boundary){model->used, model->length, (uint32_t)stream.data_type & 7, model->member_count - 1};
    } else if (result == Z_BUF_ERROR || stream.avail_in == 0 || stream.avail_out == 0) {
      if (stream.avail_out == 0) {
        model->answer = NEED_OUTPUT;
        return false;
      }
      if (stream.avail_in == 0) {
        model->answer = TRUNCATED;
        return false;
      }
      found("zlib makes no progress");
    }
  }
}

static void start(Model *model) {
  model->answer = DONE;
  model->message = "";
  model->used = model->member_start = 0;
  model->length = 0;
  model->boundary_count = model->member_count = 0;
}

static void members(Model *model, const uint8_t *bytes, size_t length, bool accepts_zlib, bool is_later) {
  while (model->used < length || !is_later) {
    inflateReset2(&stream, accepts_zlib ? 47 : 31);
    if (!inflate_one(model, bytes, length, false, is_later)) return;
    is_later = true;
  }
}

void model_members(Model *model, const uint8_t *bytes, size_t length, bool accepts_zlib) {
  start(model);
  memset(model->output - WINDOW_SIZE, 0, WINDOW_SIZE);
  members(model, bytes, length, accepts_zlib, false);
}

void model_raw(Model *model, const uint8_t *bytes, size_t length, const uint8_t *window, uint32_t window_length, uint32_t bits, uint32_t bit_count,
               bool in_member) {
  start(model);
  memset(model->output - WINDOW_SIZE, 0, WINDOW_SIZE - window_length);
  if (window_length > 0) memcpy(model->output - window_length, window, window_length);
  inflateReset2(&stream, -15);
  REQUIRE(inflatePrime(&stream, (int)bit_count, (int)bits) == Z_OK, "inflatePrime");
  if (window_length > 0) REQUIRE(inflateSetDictionary(&stream, window, window_length) == Z_OK, "inflateSetDictionary");
  if (!inflate_one(model, bytes, length, true, true) || !in_member) return;
  if (length - model->used < 8) {
    model->answer = TRUNCATED;
    return;
  }
  model->used += 8;
  members(model, bytes, length, true, true);
}
