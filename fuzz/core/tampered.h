/* What someone has changed: it may be refused, or decode to anything, without touching what is outside. */
#ifndef TAMPERED_H_
#define TAMPERED_H_

#include "case.h"

/** The state of a scan. */
void check_tampered_state(const Case *, Sizes, const uint8_t *bytes, size_t length, bool accepts_zlib);
/** The header of a block, for a start inside it. */
void check_any_header(const Case *, Sizes);

#endif
