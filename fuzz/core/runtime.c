/* wasm-rt.h, and the end of a run. */
#include <sanitizer/asan_interface.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "found.h"
#include "wasm-rt.h"

void found(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fflush(stdout);
  fputs("FOUND: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  abort();
}

void wasm_rt_trap(wasm_rt_trap_t trap) {
  static const char *const names[] = {
      "nothing",    "an access outside of the memory", "an integer overflow", "a division by zero",
      "a conversion", "an assertion",                  "an indirect call",    "the end of the stack",
  };
  found("the core trapped: %s", names[trap]);
}

bool wasm_rt_is_initialized(void) { return true; }

/* An address and a constant offset, both of 32 bits, and a vector. */
#define REACH ((UINT64_C(1) << 33) + 16)

void wasm_rt_allocate_memory(wasm_rt_memory_t *memory, uint64_t pages, uint64_t max_pages, bool is64, uint32_t page_size) {
  memory->pages = pages;
  memory->max_pages = max_pages;
  memory->size = pages * page_size;
  memory->is64 = is64;
  memory->data = mmap(NULL, REACH, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory->data == MAP_FAILED || mprotect(memory->data, memory->size, PROT_READ | PROT_WRITE) != 0) abort();
}

void wasm_rt_free_memory(wasm_rt_memory_t *memory) { munmap(memory->data, REACH); }

/* The barriers keep the loops from being taken for a memmove(). */
__attribute__((no_sanitize("address"))) static void move(uint8_t *to, const uint8_t *from, size_t length) {
  typedef uint8_t Vector __attribute__((vector_size(16), aligned(1)));
  if (to > from && to < from + length) {
    // Rare, and short.
    for (size_t i = length; i-- > 0;) {
      to[i] = from[i];
      __asm__ volatile("" ::: "memory");
    }
    return;
  }
  size_t i = 0;
  for (; i + 16 <= length; i += 16) {
    *(Vector *)(to + i) = *(const Vector *)(from + i);
    __asm__ volatile("" ::: "memory");
  }
  for (; i < length; i++) to[i] = from[i];
}

void *wasm_rt_memmove(void *to, const void *from, size_t length) {
  REQUIRE(__asan_region_is_poisoned((void *)from, length) == NULL, "the core moves bytes from outside of a region");
  REQUIRE(__asan_region_is_poisoned(to, length) == NULL, "the core moves bytes to outside of a region");
  move(to, from, length);
  return to;
}
