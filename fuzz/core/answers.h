/* What a stream is to zlib and to the reference, and that the core says the same of it. */
#ifndef ANSWERS_H_
#define ANSWERS_H_

#include "found.h"
#include "reference.h"

/** Of the case at hand. */
extern Model model;
extern Reference reference;

void answers_initialize(void);
/** That these bytes are the output at `at`, as far as zlib has any. `way`: how they were decoded, for the report. */
void require_output(const char *way, const uint8_t *bytes, uint64_t at, uint64_t length);
/** That `status` is how a stream of `length` bytes ends, after `total` bytes of output. */
void require_answer(const char *way, int status, uint64_t total, size_t length);
/** Begins the reference at a bit of the stream that the model has, with the model's output before it. */
void start_reference(const uint8_t *bytes, size_t length, uint64_t bit, uint32_t at);
/** That the reference's output is zlib's. */
void require_reference(void);

#endif
