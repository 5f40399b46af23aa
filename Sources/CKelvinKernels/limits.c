/* The choice between the loops of kelvin_limits.h, and the one that needs an extension of its own. */
#include "limits.h"

#include "numbers.h"
#include "variant.h"

const kelvin_limits *kelvin_limits_named(const char *name) {
  static const kelvin_limits *const rows[] = {
#if defined(__x86_64__)
      &kelvin_limits_avx512amx, &kelvin_limits_avx512bf16, &kelvin_limits_avx512, &kelvin_limits_avx2,
#elif defined(__aarch64__)
      &kelvin_limits_neon,
#endif
      &kelvin_limits_scalar,
  };
  const kelvin_kernels *kernels = kelvin_kernels_named(name);
  for (size_t i = 0; kernels != NULL && i < sizeof rows / sizeof rows[0]; i++) {
    /* A row that also rounds has the loops of the one without. */
    if (strncmp(kernels->name, rows[i]->name, strlen(rows[i]->name)) == 0) return rows[i];
  }
  return NULL;
}

#if defined(__x86_64__)
#include <immintrin.h>

#include "tiles.h"

__attribute__((target("avx512f,avx512bf16"))) static double products_of_bf16(int32_t rounds) {
  const uint32_t pair_of_ones = 0x3f803f80;
  __m512bh w = (__m512bh)_mm512_set1_epi32((int32_t)pair_of_ones);
  __m512 s[16];
  for (int i = 0; i < 16; i++) s[i] = _mm512_setzero_ps();
  for (int32_t round = 0; round < rounds; round++) {
    __asm__ volatile("" : "+v"(w));
    UNROLL for (int i = 0; i < 16; i++) s[i] = _mm512_dpbf16_ps(s[i], w, w);
  }
  double sum = 0;
  for (int i = 0; i < 16; i++) sum += (double)_mm512_reduce_add_ps(s[i]);
  return sum;
}

__attribute__((target("amx-tile,amx-bf16"))) static double products_of_tiles(int32_t rounds) {
  const uint16_t one = 0x3f80;
  uint16_t ones[TILE_ROWS * 32];
  float sums[4 * TILE_ROWS * 16];
  for (int i = 0; i < TILE_ROWS * 32; i++) ones[i] = one;
  begin_tiles();
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_loadd(4, ones, 64);
  _tile_loadd(6, ones, 64);
  for (int32_t round = 0; round < rounds; round++) {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 6);
    _tile_dpbf16ps(2, 4, 6);
    _tile_dpbf16ps(3, 4, 6);
  }
  _tile_stored(0, sums, 64);
  _tile_stored(1, sums + 256, 64);
  _tile_stored(2, sums + 512, 64);
  _tile_stored(3, sums + 768, 64);
  end_tiles();
  double sum = 0;
  for (int i = 0; i < 4 * TILE_ROWS * 16; i++) sum += (double)sums[i];
  return sum;
}

double kelvin_products_of_bf16(int32_t rounds) {
  if (kelvin_may_use_tiles()) return products_of_tiles(rounds);
  return __builtin_cpu_supports("avx512bf16") ? products_of_bf16(rounds) : 0;
}
#else
double kelvin_products_of_bf16(int32_t rounds) {
  (void)rounds;
  return 0;
}
#endif
