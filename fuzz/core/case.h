/*
 * How the fuzzer's bytes are read: a stream, and the last eight bytes say what it is and how it is decoded. (At the end, so that whatever is
 * put in or cut out before leaves them alone.) case.mjs reads them the same way.
 */
#ifndef CASE_H_
#define CASE_H_

#include <string.h>

#include "zlib-model.h"

#define CONTROLS 8u

/** RAW: DEFLATE, put into a gzip member. SPAN: DEFLATE behind a window and some bits. */
enum { RAW = 0, GZIP = 1, MEMBERS = 2, SPAN = 3 };
/** What is done besides decoding all of it, whole and in pieces. */
enum { WITH_CROSSINGS = 1, WITH_RESUMES = 2, WITH_STARTS_IN_BLOCKS = 4 };
/** In place of the bits before a span: whether scans are saved on the way, and whether what is saved is tampered with. */
enum { WITH_SAVES = 1, WITH_TAMPERED_SAVES = 2 };

typedef struct {
  const uint8_t *stream;
  size_t length;
  uint32_t kind, bit_count, extras, window_length, value, input_size, output_size, pick, seed;
} Case;

static inline bool read_case(Case *parts, const uint8_t *data, size_t size) {
  if (size < CONTROLS || size > MAX_STREAM) return false;
  const uint8_t *control = data + size - CONTROLS;
  const uint32_t window = control[1] | (uint32_t)control[2] << 8;
  *parts = (Case){
      .stream = data,
      .length = size - CONTROLS,
      .kind = control[0] & 3,
      .bit_count = control[0] >> 2 & 7,
      .extras = control[0] >> 5,
      .window_length = window > WINDOW_SIZE ? WINDOW_SIZE : window,
      .value = control[3],
      .input_size = control[4],
      .output_size = control[5],
      .pick = control[6],
      .seed = control[7],
  };
  return true;
}

#endif
