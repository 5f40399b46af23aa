/* The block formats of GGUF taken apart: 32 numbers at a time, as unsigned codes, scales and minima. */
#ifndef KELVIN_CODES_H
#define KELVIN_CODES_H

#include "numbers.h"

/* 32 numbers: number i is scales[i / 16] * (codes[i] - zero) + minima[i / 16]. */
typedef struct {
  uint8_t codes[32];
  float scales[2], minima[2];
} kelvin_codes;

/* What a format looks like from outside. */
typedef struct {
  int32_t length, bytes; /* numbers and bytes of a stored block */
  kelvin_packing packing;
  int32_t zero, group;
  bool has_minimum;
} kelvin_format_shape;

kelvin_format_shape kelvin_shape_of(kelvin_format format);

/* The 32 numbers from column 32*index on of a row of stored blocks (not for F32, F16, BF16). */
void kelvin_read_codes(kelvin_format format, const uint8_t *row, int32_t index, kelvin_codes *out);

#endif
