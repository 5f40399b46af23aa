/* The rows that the variants' files make of their loops. */
#ifndef LIMITS_H
#define LIMITS_H

#include "kelvin_limits.h"

extern const kelvin_limits kelvin_limits_scalar, kelvin_limits_avx2, kelvin_limits_avx512,
    kelvin_limits_avx512bf16, kelvin_limits_avx512amx, kelvin_limits_neon;

#define KELVIN_LIMITS_ROW(variant)                                                                                     \
  const kelvin_limits kelvin_limits_##variant = {                                                                      \
      .name = #variant, .read = read_all, .products_of_codes = products_of_codes,                                      \
      .products_of_numbers = products_of_numbers,                                                                      \
  };

#endif
