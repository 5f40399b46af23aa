/* What the file of a variant needs before its lanes. */
#ifndef KELVIN_VARIANT_H
#define KELVIN_VARIANT_H

#include "pages_ahead.h"

#include <math.h>

#define INLINE static inline __attribute__((always_inline, unused))
#define UNROLL _Pragma("clang loop unroll(full)")

INLINE float float_at(const void *at) {
  float x;
  memcpy(&x, at, 4);
  return x;
}

INLINE int32_t int_at(const void *at) {
  int32_t x;
  memcpy(&x, at, 4);
  return x;
}

/* How far ahead of a single token's product memory is asked for. One core reading U4 from memory: 58 % of a plain
 * read's 15 GB/s without, 83 to 92 % with; half or twice the distance, or the first cache, 75 to 86 %. */
enum { PREFETCH_BYTES = 4096 };

/* Whether a product of few tokens reads several panels side by side. One core of an Ice Lake server reads U4 at 10.6 GB/s
 * panel by panel, 15 from 4 and 16.6 from 8 at a time, of 16; those of AMD, for which PREFETCH_BYTES was measured, are at
 * their limit with one. */
INLINE bool reads_in_streams(void) {
#if defined(__x86_64__)
  return __builtin_cpu_is("intel");
#else
  return false;
#endif
}

/* Rows of queries that share a page which is converted for them. Their scores should stay in the second cache meanwhile. */
#ifndef SHARED_ROWS
#define SHARED_ROWS 24
#endif

/* The row of the table that a variant's file makes of its functions, and of those that only it has. */
#define KELVIN_ROW(variant, ...)                                                                                       \
  const kelvin_kernels kelvin_##variant = {                                                                            \
      .name = #variant, .shared_rows = SHARED_ROWS, .quantise = quantise, .multiply = multiply, .rms_norm = rms_norm, .add = add,                  \
      .layer_norm = layer_norm, .gelu = gelu, .gelu_multiply = gelu_multiply, .silu_multiply = silu_multiply,          \
      .rotate = rotate, .write_entries = write_entries, .hadamard = hadamard, .scores = scores,                        \
      .exponentials = exponentials, .mix = mix, .softcap = softcap, .add_scaled = add_scaled, .add_rows = add_rows,    \
      .multiply_by = multiply_by, .count_rows = count_rows, __VA_ARGS__                                            \
  };

#endif
