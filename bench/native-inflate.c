/*
 * Native peers of bench/inflate.mjs: MB/s of output of zlib, and of libdeflate where it is there.
 *
 *   cc -O2 [-DHAVE_LIBDEFLATE] native-inflate.c -o native-inflate -lz [-ldeflate]
 *   native-inflate FILE.gz SIZE HEADER ROUNDS
 *
 * FILE.gz is one member, HEADER bytes of header, SIZE bytes of output. Prints "name milliseconds" for each round, by
 * processor time. zlib writes to 256 KiB again and again, as a stream does; libdeflate needs the whole output at once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>
#ifdef HAVE_LIBDEFLATE
#include <libdeflate.h>
#endif

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

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

static const struct { const char *name; size_t (*run)(void); } peers[] = {
  {"native zlib raw", zlib_raw},
  {"native zlib gzip", zlib_gzip},
#ifdef HAVE_LIBDEFLATE
  {"native libdeflate raw", libdeflate_raw},
  {"native libdeflate gzip", libdeflate_gzip},
#endif
};

int main(int count, char **arguments) {
  if (count != 5) return 2;
  FILE *file = fopen(arguments[1], "rb");
  if (!file) return 2;
  fseek(file, 0, SEEK_END);
  input_size = (size_t)ftell(file);
  rewind(file);
  input = malloc(input_size);
  if (!input || fread(input, 1, input_size, file) != input_size) return 2;
  fclose(file);
  output_size = strtoull(arguments[2], 0, 10);
  header_size = strtoull(arguments[3], 0, 10);
  int rounds = atoi(arguments[4]);
#ifdef HAVE_LIBDEFLATE
  decompressor = libdeflate_alloc_decompressor();
  output = malloc(output_size + 1);
#endif
  for (int round = 0; round <= rounds; round++) {
    for (size_t peer = 0; peer < sizeof peers / sizeof *peers; peer++) {
      double start = now();
      if (peers[peer].run() != output_size) return 1;
      if (round > 0) printf("%s\t%.3f\n", peers[peer].name, now() - start);
    }
  }
  return 0;
}
