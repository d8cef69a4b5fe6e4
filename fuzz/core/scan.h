/* Whole streams, as wasm/src/gzip-scan.ts scans them. */
#ifndef SCAN_H_
#define SCAN_H_

#include "case.h"

/** Scans the stream that the model has whole, and in pieces with saved states. */
void check_scans(const Case *, Sizes, const uint8_t *bytes, size_t length, bool accepts_zlib);

#endif
