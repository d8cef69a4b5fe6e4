/*
 * Changes that libFuzzer does not make by itself. DEFLATE is a stream of bits: a byte put in or taken out makes noise of all that follows,
 * bits need not. And members end with a CRC-32 of their output: what it should be is written there mostly, for else no change gets past it.
 */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "case.h"
#include "reference.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

static uint32_t state;

static uint32_t choose(uint32_t limit) {
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state % limit;
}

static uint32_t get_bit(const uint8_t *bytes, uint64_t at) { return bytes[at >> 3] >> (at & 7) & 1; }

static void put_bit(uint8_t *bytes, uint64_t at, uint32_t bit) { bytes[at >> 3] = (uint8_t)((bytes[at >> 3] & ~(1u << (at & 7))) | bit << (at & 7)); }

static void copy_bits(uint8_t *to, uint64_t to_bit, const uint8_t *from, uint64_t from_bit, uint64_t count) {
  for (uint64_t i = 0; i < count; i++) put_bit(to, to_bit + i, get_bit(from, from_bit + i));
}

/* Puts in, takes out or changes some bits. */
static size_t change_bits(uint8_t *data, size_t size, size_t max_size) {
  static uint8_t old[MAX_STREAM];
  if (size == 0 || size + 2 > max_size) return size;
  const uint64_t at = choose((uint32_t)size * 8), bits = (uint64_t)size * 8;
  const uint32_t count = 1 + choose(choose(4) == 0 ? 16 : 3);
  memcpy(old, data, size);
  switch (choose(3)) {
    case 0:
      memset(data + size, 0, 2);
      for (uint32_t i = 0; i < count; i++) put_bit(data, at + i, choose(2));
      copy_bits(data, at + count, old, at, bits - at);
      return size + 1 + (count > 8);
    case 1:
      if (at + count >= bits) return size;
      copy_bits(data, at, old, at + count, bits - at - count);
      return size - count / 8;
    default:
      for (uint32_t i = 0; i < count && at + i < bits; i++) put_bit(data, at + i, choose(2));
      return size;
  }
}

/* Behind a gzip or zlib header, as far as it can be told; 0 for none. */
static size_t header_length(uint8_t *stream, size_t length) {
  if (length < 2) return 0;
  if (stream[0] != 0x1f || stream[1] != 0x8b) {
    // CMF and FLG are a multiple of 31.
    if ((stream[0] & 15) != 8) return 0;
    stream[1] = (uint8_t)(stream[1] - ((stream[0] << 8 | stream[1]) % 31));
    if ((stream[0] << 8 | stream[1]) % 31 != 0) stream[1] = (uint8_t)(stream[1] + 31);
    return 2;
  }
  if (length < 10) return 0;
  const uint32_t flags = stream[3];
  size_t at = 10;
  if (flags & 4) at += length < 12 ? 2 : 2 + (size_t)(stream[10] | stream[11] << 8);
  for (uint32_t flag = 8; flag <= 16; flag <<= 1) {
    if (!(flags & flag)) continue;
    while (at < length && stream[at] != 0) at++;
    at++;
  }
  if (flags & 2) {
    if (at + 2 > length) return 0;
    const uint32_t check = (uint32_t)crc32(0, stream, (uInt)at);
    stream[at++] = (uint8_t)check;
    stream[at++] = (uint8_t)(check >> 8);
  }
  return at < length ? at : 0;
}

static Model model;
static Reference first, second;

static void initialize(void) {
  if (model.output != NULL) return;
  model_initialize(&model);
  reference_initialize(&first);
  reference_initialize(&second);
}

/* Writes what headers and trailers ought to say, up to the first member that cannot be read. */
static void fix_checks(uint8_t *stream, size_t length) {
  for (size_t at = 0; at < length;) {
    const size_t header = header_length(stream + at, length - at);
    if (header == 0) return;
    const bool is_gzip = stream[at] == 0x1f;
    at += header;
    model_raw(&model, stream + at, length - at, NULL, 0, 0, 0, false);
    if (model.answer != DONE) return;
    at += model.used;
    const uint32_t trailer = is_gzip ? 8 : 4;
    if (length - at < trailer) return;
    if (is_gzip) {
      const uint32_t check[2] = {(uint32_t)crc32(0, model.output, model.length), model.length};
      memcpy(stream + at, check, sizeof check);
    } else {
      const uint32_t check = __builtin_bswap32((uint32_t)adler32(1, model.output, model.length));
      memcpy(stream + at, &check, sizeof check);
    }
    at += trailer;
  }
}

static size_t fixed(uint8_t *data, size_t size) {
  Case given;
  if (choose(8) != 0 && read_case(&given, data, size) && (given.kind == GZIP || given.kind == MEMBERS)) fix_checks(data, given.length);
  return size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, uint32_t seed) {
  initialize();
  state = seed | 1;
  if (max_size > MAX_STREAM - 16) max_size = MAX_STREAM - 16;
  const uint32_t choice = choose(10);
  if (size <= CONTROLS || choice < 5) return fixed(data, LLVMFuzzerMutate(data, size, max_size));
  uint8_t controls[CONTROLS];
  memcpy(controls, data + size - CONTROLS, CONTROLS);
  if (choice < 6) {
    LLVMFuzzerMutate(controls, CONTROLS, CONTROLS);
  } else {
    size -= CONTROLS;
    for (uint32_t times = 1 + choose(3); times > 0; times--) size = change_bits(data, size, max_size - CONTROLS);
    size += CONTROLS;
  }
  memcpy(data + size - CONTROLS, controls, CONTROLS);
  return fixed(data, size);
}

/* The block of `stream` that `number` says, behind its header. False if there is none. */
static bool find_block(Reference *reference, const Case *given, uint32_t number) {
  uint8_t head[600];
  const size_t length = given->length < sizeof head ? given->length : sizeof head;
  memcpy(head, given->stream, length);
  const size_t header = given->kind == GZIP || given->kind == MEMBERS ? header_length(head, length) : 0;
  reference_start(reference, given->stream, given->length, header * 8, model.output, 0, MAX_OUTPUT);
  // Its matches may lie before what there is: the other stream has bytes there.
  bool is_whole;
  do {
    reference->match_count = 0;
    is_whole = reference_block(reference);
  } while (is_whole && !reference->is_last && number-- > 0);
  return reference->bit <= (uint64_t)given->length * 8 && (is_whole || reference->symbol_count > 0);
}

/* Puts a block of the second stream before one of the first's, or in its place. */
size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1, const uint8_t *data2, size_t size2, uint8_t *out, size_t max_size,
                                 uint32_t seed) {
  Case one, two;
  initialize();
  state = seed | 1;
  if (!read_case(&one, data1, size1) || !read_case(&two, data2, size2)) return 0;
  if (!find_block(&first, &one, choose(6)) || !find_block(&second, &two, choose(6))) return 0;
  // A stored block's bytes stand where bytes do. What is copied of them then is no stored block, mostly.
  const uint64_t length = second.bit - second.header, from = choose(2) == 0 ? first.header : first.bit, rest = (uint64_t)one.length * 8 - from;
  const size_t size = (size_t)((first.header + length + rest + 7) / 8);
  if (size + CONTROLS > max_size) return 0;
  memcpy(out, data1, (size_t)(first.header + 7) / 8);
  copy_bits(out, first.header, data2, second.header, length);
  put_bit(out, first.header, choose(16) == 0);
  for (uint64_t bit = first.header + length + rest; bit < (uint64_t)size * 8; bit++) put_bit(out, bit, 0);
  copy_bits(out, first.header + length, data1, from, rest);
  memcpy(out + size, data1 + size1 - CONTROLS, CONTROLS);
  return fixed(out, size + CONTROLS);
}
