/* Numbers as tiles read them: rows of bfloat16, and pairs of rows. */

/* first and second, rounded to bfloat16 and side by side in every lane. */
INLINE vi pair_of(vf first, vf second) {
  const __m512i order = _mm512_set_epi16(
      31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return (vi)_mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh(second, first));
}

/* A row of `count` numbers as bfloats, and zeros behind the last up to `bfloats`, a multiple of 32. */
INLINE void round_row(const float *row, int32_t count, int32_t bfloats, uint16_t *to) {
  int32_t i = 0;
  for (; count - i >= 2 * LANES; i += 2 * LANES) {
    const __m512bh both = _mm512_cvtne2ps_pbh(load(row + i + LANES), load(row + i));
    memcpy(to + i, &both, sizeof both);
  }
  for (; i < bfloats; i += 2 * LANES) {
    const int32_t low = count - i, high = low - LANES;
    const vf first = low > 0 ? load_some(row + i, low < LANES ? low : LANES) : broadcast(0);
    const vf second = high > 0 ? load_some(row + i + LANES, high) : broadcast(0);
    const __m512bh both = _mm512_cvtne2ps_pbh(second, first);
    memcpy(to + i, &both, sizeof both);
  }
}
