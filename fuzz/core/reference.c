#include "reference.h"

#include <stdlib.h>
#include <string.h>

typedef struct { uint16_t counts[16], symbols[288]; } Code;

void reference_initialize(Reference *reference) {
  reference->symbols = malloc(MAX_OUTPUT * sizeof(Symbol));
  reference->matches = malloc(MAX_OUTPUT * sizeof(Match));
}

void reference_start(Reference *reference, const uint8_t *bytes, size_t length, uint64_t bit, uint8_t *output, uint32_t at, uint32_t limit) {
  reference->bytes = bytes;
  reference->length = length;
  reference->bit = bit;
  reference->output = output;
  reference->at = at;
  reference->limit = limit;
  reference->symbol_count = reference->match_count = 0;
}

/* Reading behind the end gives zeros; whoever reads looks at `is_past` before it believes them. */
static uint32_t take(Reference *reference, uint32_t count) {
  uint32_t value = 0;
  for (uint32_t i = 0; i < count; i++, reference->bit++)
    if (reference->bit >> 3 < reference->length) value |= (uint32_t)(reference->bytes[reference->bit >> 3] >> (reference->bit & 7) & 1) << i;
  return value;
}

static bool is_past(const Reference *reference) { return reference->bit > (uint64_t)reference->length << 3; }

static void make_code(Code *code, const uint8_t *lengths, uint32_t count) {
  uint16_t offsets[16] = {0};
  memset(code, 0, sizeof *code);
  for (uint32_t i = 0; i < count; i++) code->counts[lengths[i]]++;
  code->counts[0] = 0;
  for (uint32_t i = 1; i < 15; i++) offsets[i + 1] = offsets[i] + code->counts[i];
  for (uint32_t i = 0; i < count; i++)
    if (lengths[i] != 0) code->symbols[offsets[lengths[i]]++] = (uint16_t)i;
}

/* -1 for bits that are no code. */
static int decode(Reference *reference, const Code *code) {
  int word = 0, first = 0, index = 0;
  for (uint32_t length = 1; length < 16; length++) {
    word |= (int)take(reference, 1);
    const int count = code->counts[length];
    if (word - count < first) return code->symbols[index + word - first];
    index += count;
    first = (first + count) << 1;
    word <<= 1;
  }
  return -1;
}

static bool read_codes(Reference *reference, Code *litlen, Code *distance) {
  static const uint8_t order[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
  uint8_t lengths[320 + 138] = {0};
  Code precode;
  const uint32_t litlens = 257 + take(reference, 5), distances = 1 + take(reference, 5), precodes = 4 + take(reference, 4);
  for (uint32_t i = 0; i < precodes; i++) lengths[order[i]] = (uint8_t)take(reference, 3);
  make_code(&precode, lengths, 19);
  memset(lengths, 0, sizeof lengths);
  for (uint32_t filled = 0; filled < litlens + distances;) {
    const int symbol = decode(reference, &precode);
    if (symbol < 0 || is_past(reference) || (symbol == 16 && filled == 0)) return false;
    if (symbol < 16) {
      lengths[filled++] = (uint8_t)symbol;
    } else {
      const uint8_t repeated = symbol == 16 ? lengths[filled - 1] : 0;
      for (uint32_t left = symbol == 16 ? 3 + take(reference, 2) : symbol == 17 ? 3 + take(reference, 3) : 11 + take(reference, 7); left > 0; left--)
        lengths[filled++] = repeated;
    }
  }
  make_code(litlen, lengths, litlens);
  make_code(distance, lengths + litlens, distances);
  return litlens <= 286 && distances <= 30;
}

static void fixed_codes(Code *litlen, Code *distance) {
  uint8_t lengths[288];
  for (int i = 0; i < 288; i++) lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
  make_code(litlen, lengths, 288);
  memset(lengths, 5, 32);
  make_code(distance, lengths, 32);
}

static bool read_stored(Reference *reference) {
  reference->bit = (reference->bit + 7) & ~(uint64_t)7;
  const uint32_t length = take(reference, 16), complement = take(reference, 16);
  reference->body = reference->bit;
  if (is_past(reference) || length != (complement ^ 0xffff)) return false;
  for (uint32_t i = 0; i < length; i++) {
    const Symbol symbol = {reference->bit, reference->at};
    const uint8_t byte = (uint8_t)take(reference, 8);
    if (is_past(reference) || reference->at == reference->limit) return false;
    reference->symbols[reference->symbol_count++] = symbol;
    reference->output[reference->at++] = byte;
  }
  return true;
}

bool reference_block(Reference *reference) {
  Code litlen, distance;
  reference->header = reference->bit;
  reference->symbol_count = 0;
  reference->is_last = take(reference, 1);
  reference->type = take(reference, 2);
  if (is_past(reference) || reference->type == 3) return false;
  if (reference->type == 0) return read_stored(reference);
  if (reference->type == 1) fixed_codes(&litlen, &distance);
  else if (!read_codes(reference, &litlen, &distance)) return false;
  reference->body = reference->bit;
  while (true) {
    const Symbol start = {reference->bit, reference->at};
    const int symbol = decode(reference, &litlen);
    if (symbol < 0 || symbol > 285 || is_past(reference)) return false;
    if (symbol == 256) return true;
    if (symbol < 256) {
      if (reference->at == reference->limit) return false;
      reference->output[reference->at++] = (uint8_t)symbol;
    } else {
      const uint32_t length_bits = symbol < 265 || symbol == 285 ? 0 : (uint32_t)(symbol - 261) >> 2;
      const uint32_t length_base = symbol < 265   ? (uint32_t)symbol - 254
                                   : symbol < 285 ? ((4 + ((uint32_t)(symbol - 265) & 3)) << length_bits) + 3
                                                  : 258;
      const uint32_t length = length_base + take(reference, length_bits);
      const int code = decode(reference, &distance);
      if (code < 0 || code > 29) return false;
      const uint32_t distance_bits = code < 4 ? 0 : (uint32_t)(code >> 1) - 1;
      const uint32_t distance_base = code < 4 ? (uint32_t)code + 1 : ((2 + ((uint32_t)code & 1)) << distance_bits) + 1;
      const uint32_t back = distance_base + take(reference, distance_bits);
      if (is_past(reference) || length > reference->limit - reference->at || back > reference->at + WINDOW_SIZE) return false;
      reference->matches[reference->match_count++] = (Match){reference->at, back, length};
      for (uint32_t i = 0; i < length; i++, reference->at++) reference->output[reference->at] = reference->output[(int64_t)reference->at - back];
    }
    reference->symbols[reference->symbol_count++] = start;
  }
}
