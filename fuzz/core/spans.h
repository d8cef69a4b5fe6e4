/* Spans, as wasm/src/span-decoder.ts decodes them: from any start, to any end. */
#ifndef SPANS_H_
#define SPANS_H_

#include "case.h"

/** From a boundary of the stream that the model has. */
void check_resume(const Case *, Sizes, const uint8_t *bytes, size_t length, bool accepts_zlib);
/** From a symbol inside a block. */
void check_start_in_block(const Case *, Sizes, const uint8_t *bytes, size_t length, bool accepts_zlib);
/** From a window and some bits, which the model has as raw DEFLATE. `bytes` begin with the byte that the bits are of. */
void check_span(const Case *, Sizes, const uint8_t *bytes, size_t length);

#endif
