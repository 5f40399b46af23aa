/* What the file of a variant needs before its lanes. */
#ifndef KELVIN_VARIANT_H
#define KELVIN_VARIANT_H

#include "entry_codes.h"

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

/* The row of the table that a variant's file makes of its functions, and of those that only it has. */
#define KELVIN_ROW(variant, ...)                                                                                       \
  const kelvin_kernels kelvin_##variant = {                                                                            \
      .name = #variant, .quantise = quantise, .multiply = multiply, .rms_norm = rms_norm, .add = add,                  \
      .layer_norm = layer_norm, .gelu = gelu, .gelu_multiply = gelu_multiply,                                          \
      .silu_multiply = silu_multiply, .rotate = rotate, .write_entries = write_entries, .hadamard = hadamard, .scores = scores,              \
      .exponentials = exponentials, .mix = mix, .softcap = softcap, .add_scaled = add_scaled, .multiply_by = multiply_by,                  \
      __VA_ARGS__                                                                                                      \
  };

#endif
