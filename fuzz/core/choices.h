/* Choices that a case's last bytes make: the same each time. */
#ifndef CHOICES_H_
#define CHOICES_H_

#include "case.h"

void seed_choices(const Case *);
/** From 0 to limit - 1. */
uint32_t choose(uint32_t limit);
/** Many short pieces cost time in proportion to the stream's length: no more than a hundred. */
size_t choose_piece(size_t length);
/** Room for output is in proportion to its length, too. */
Sizes choose_sizes(const Case *, uint32_t output_length);

#endif
