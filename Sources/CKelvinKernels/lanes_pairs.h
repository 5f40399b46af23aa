/* Pairs of bfloat16: one instruction multiplies two neighbours in every lane and adds both products to a float. */

/* A row of `count` numbers as `pairs` pairs of neighbours, rounded to nearest, ties to even; zeros behind the last. */
INLINE void pair_neighbours(const float *row, int32_t count, int32_t pairs, int32_t *to) {
  int32_t i = 0;
  for (; count - i >= LANES; i += LANES) {
    const __m256bh few = _mm512_cvtneps_pbh(load(row + i));
    memcpy(to + i / 2, &few, sizeof few);
  }
  for (; i < 2 * pairs; i += 2) {
    const float first = i < count ? row[i] : 0, second = i + 1 < count ? row[i + 1] : 0;
    to[i / 2] = (int32_t)((uint32_t)bfloat_of_float(first) | (uint32_t)bfloat_of_float(second) << 16);
  }
}

INLINE vf add_pairs(vf sum, vi a, int32_t b) {
  return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)_mm512_set1_epi32(b));
}
