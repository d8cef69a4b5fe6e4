/*
 * Native peers of the benchmarks: zlib, and libdeflate where it is there.
 *
 *   cc -O2 [-DHAVE_LIBDEFLATE] native-inflate.c -o native-inflate -lz [-ldeflate]
 *   native-inflate FILE.gz SIZE HEADER wall|cpu
 *
 * FILE.gz is one member, HEADER bytes of header, SIZE bytes of output. Prints the libraries and their versions in one
 * line. For each line of stdin, "raw/zlib", "gzip/zlib", "raw/libdeflate" or "gzip/libdeflate", it decodes once and
 * prints the milliseconds, or "failed" when it does not get SIZE bytes. zlib writes to 256 KiB again and again, as a
 * stream does; libdeflate needs the whole output at once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>
#ifdef HAVE_LIBDEFLATE
#include <libdeflate.h>
#endif

static unsigned char *input;
static size_t input_size, output_size, header_size;

static size_t zlib_inflate(int window_bits, size_t skip) {
  static unsigned char output[262144];
  z_stream stream;
  memset(&stream, 0, sizeof stream);
  if (inflateInit2(&stream, window_bits) != Z_OK) return 0;
  stream.next_in = input + skip;
  stream.avail_in = (uInt)(input_size - skip);
  int status;
  do {
    stream.next_out = output;
    stream.avail_out = sizeof output;
    status = inflate(&stream, Z_NO_FLUSH);
  } while (status == Z_OK);
  size_t produced = status == Z_STREAM_END ? stream.total_out : 0;
  inflateEnd(&stream);
  return produced;
}

static size_t zlib_raw(void) { return zlib_inflate(-15, header_size); }
static size_t zlib_gzip(void) { return zlib_inflate(31, 0); }

#ifdef HAVE_LIBDEFLATE
static struct libdeflate_decompressor *decompressor;
static unsigned char *output;

static size_t libdeflate_raw(void) {
  size_t used, produced = 0;
  libdeflate_deflate_decompress_ex(decompressor, input + header_size, input_size - header_size, output, output_size, &used, &produced);
  return produced;
}

static size_t libdeflate_gzip(void) {
  size_t used, produced = 0;
  libdeflate_gzip_decompress_ex(decompressor, input, input_size, output, output_size, &used, &produced);
  return produced;
}
#endif

static const struct {
  const char *name;
  size_t (*run)(void);
} peers[] = {
  {"raw/zlib", zlib_raw},
  {"gzip/zlib", zlib_gzip},
#ifdef HAVE_LIBDEFLATE
  {"raw/libdeflate", libdeflate_raw},
  {"gzip/libdeflate", libdeflate_gzip},
#endif
};

static clockid_t chosen_clock;

static double now(void) {
  struct timespec time;
  clock_gettime(chosen_clock, &time);
  return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

static int read_input(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) return 0;
  fseek(file, 0, SEEK_END);
  input_size = (size_t)ftell(file);
  rewind(file);
  input = malloc(input_size);
  int is_read = input && fread(input, 1, input_size, file) == input_size;
  fclose(file);
  return is_read;
}

int main(int count, char **arguments) {
  if (count != 5 || !read_input(arguments[1])) return 2;
  output_size = strtoull(arguments[2], 0, 10);
  header_size = strtoull(arguments[3], 0, 10);
  chosen_clock = strcmp(arguments[4], "cpu") == 0 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC;
#ifdef HAVE_LIBDEFLATE
  decompressor = libdeflate_alloc_decompressor();
  output = malloc(output_size + 1);
  if (!decompressor || !output) return 2;
  printf("zlib %s, libdeflate %s\n", zlibVersion(), LIBDEFLATE_VERSION_STRING);
#else
  printf("zlib %s\n", zlibVersion());
#endif
  fflush(stdout);
  char line[64];
  while (fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\n")] = 0;
    size_t produced = 0;
    double time = 0;
    for (size_t peer = 0; peer < sizeof peers / sizeof *peers; peer++) {
      if (strcmp(peers[peer].name, line) != 0) continue;
      double start = now();
      produced = peers[peer].run();
      time = now() - start;
    }
    if (produced == output_size) printf("%.3f\n", time);
    else printf("failed\n");
    fflush(stdout);
  }
  return 0;
}
