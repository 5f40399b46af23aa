/* Numbers of 16 bits, bit by bit, and where things lie in a packed panel. Private to this target. */
#ifndef KELVIN_NUMBERS_H
#define KELVIN_NUMBERS_H

#include "kelvin_kernels.h"

#include <string.h>

static inline float float_of_bits(uint32_t bits) {
  float x;
  memcpy(&x, &bits, 4);
  return x;
}

static inline uint32_t bits_of_float(float x) {
  uint32_t bits;
  memcpy(&bits, &x, 4);
  return bits;
}

static inline uint16_t read_u16(const void *at) {
  uint16_t bits;
  memcpy(&bits, at, 2);
  return bits;
}

/* IEEE half to float, exact. */
static inline float float_of_half(uint16_t half) {
  const uint32_t sign = (uint32_t)(half & 0x8000) << 16;
  const uint32_t magnitude = half & 0x7fff;
  if (magnitude >= 0x7c00) return float_of_bits(sign | 0x7f800000 | (magnitude & 0x3ff) << 13);
  /* The exponent is 112 short; a multiplication moves it and also normalises the subnormals. */
  return float_of_bits(sign | bits_of_float(float_of_bits(magnitude << 13) * 0x1p112f));
}

/* Float to IEEE half, to nearest, ties to even; too large becomes infinite. */
static inline uint16_t half_of_float(float x) {
  const uint32_t bits = bits_of_float(x);
  const uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
  const uint32_t magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return (uint16_t)(sign | 0x7e00 | (magnitude >> 13 & 0x3ff));
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  /* Below the smallest normal half, adding 1/2 leaves the half's bits at the end of the float, rounded by hardware. */
  if (magnitude < 0x38800000) return (uint16_t)(sign | bits_of_float(float_of_bits(magnitude) + 0.5f) - 0x3f000000);
  return (uint16_t)(sign | (magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1)) >> 13);
}

static inline float float_of_bfloat(uint16_t bfloat) { return float_of_bits((uint32_t)bfloat << 16); }

/* Float to bfloat16, to nearest, ties to even. */
static inline uint16_t bfloat_of_float(float x) {
  const uint32_t bits = bits_of_float(x);
  if ((bits & 0x7fffffff) > 0x7f800000) return (uint16_t)(bits >> 16 | 0x40);
  return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/* ---- Packed weights ---- */

static inline int32_t blocks_of(int32_t columns) { return columns / KELVIN_BLOCK + (columns % KELVIN_BLOCK != 0); }

/* Where a packed bfloat lies in its panel, in bytes: a row has the two columns of a pair side by side. */
static inline size_t place_of_bfloat(int32_t row, int32_t column) {
  return 4 * ((size_t)(column / 2) * KELVIN_PANEL + (size_t)row) + 2 * (size_t)(column % 2);
}

/* Bytes of the codes of one block of 32 columns of a panel, for U4 and U8. */
static inline size_t code_bytes(const kelvin_weight *w) { return w->packing == KELVIN_PACKED_U4 ? 256 : 512; }

/* Bytes of one such block, codes, scales and minima. */
static inline size_t block_bytes(const kelvin_weight *w) {
  const size_t sets = (size_t)(KELVIN_BLOCK / w->group);
  return code_bytes(w) + sets * (w->has_minimum ? 2 : 1) * KELVIN_PANEL * 2;
}

/* ---- The rows of the table ---- */

extern const kelvin_kernels kelvin_scalar;
#if defined(__x86_64__)
extern const kelvin_kernels kelvin_avx2, kelvin_avx512, kelvin_avx512rounding, kelvin_avx512bf16, kelvin_avx512amx;

/* Whether this process may use tiles of bfloat16. */
bool kelvin_may_use_tiles(void);
#elif defined(__aarch64__)
extern const kelvin_kernels kelvin_neon;
#endif

#endif
