/* What ends a run: the input is saved by libFuzzer, and the last line is what run.mjs names the case after. */
#ifndef FOUND_H_
#define FOUND_H_

_Noreturn void found(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define REQUIRE(holds, ...) \
  do { \
    if (__builtin_expect(!(holds), 0)) found(__VA_ARGS__); \
  } while (0)

#endif
