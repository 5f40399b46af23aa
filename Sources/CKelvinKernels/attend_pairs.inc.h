/* Attention of many queries in bfloat16: one instruction multiplies a pair of channels, or of entries, in every lane.
 *
 * With the demo model and two threads, --kernels avx512 -> avx512bf16: `kelvin bench -p 4096 -n 0` 768 -> 960 tokens/s, and `kelvin
 * score -f Examples/alice.txt --prefill 2048` 2.8334 -> 2.8326 nats; with --exact it is 2.8317. */

/* first and second, rounded to bfloat16 and side by side in every lane. */
INLINE vi pair_of(vf first, vf second) {
  const __m512i low = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(first));
  const __m512i high = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(second));
  return (vi)_mm512_or_si512(low, _mm512_slli_epi32(high, 16));
}

#include "pair_rows.inc.h"

/* out[r][0..64) += the products of `pairs` rows of 64 pairs, which lie one after another, with the pairs of row r. */
INLINE void add_products(int32_t rows, const int32_t *columns, const int32_t (*row)[KELVIN_PAGE_ENTRIES / 2], int32_t pairs,
                         vf sum[ATTEND_ROWS][ATTEND_VECTORS]) {
  for (int32_t p = 0; p < pairs; p++, columns += ATTEND_VECTORS * LANES) {
    vi column[ATTEND_VECTORS];
    UNROLL for (int32_t v = 0; v < ATTEND_VECTORS; v++) column[v] = (vi)load((const float *)columns + v * LANES);
    UNROLL for (int32_t r = 0; r < rows; r++) {
      UNROLL for (int32_t v = 0; v < ATTEND_VECTORS; v++) sum[r][v] = add_pairs(sum[r][v], column[v], row[r][p]);
    }
  }
}

INLINE void score_paired(int32_t rows, const score_part *p, const int32_t *keys) {
  int32_t queries[ATTEND_ROWS][KELVIN_PAGE_ENTRIES / 2];
  vf sum[ATTEND_ROWS][ATTEND_VECTORS];
  for (int32_t r = 0; r < rows; r++) {
    pair_neighbours(p->queries + r * p->query_stride, p->channels, (p->channels + 1) / 2, queries[r]);
  }
  UNROLL for (int32_t r = 0; r < rows; r++) {
    UNROLL for (int32_t v = 0; v < ATTEND_VECTORS; v++) {
      sum[r][v] = p->starts ? broadcast(0) : load(p->scores + r * p->stride + v * LANES);
    }
  }
  add_products(rows, keys, queries, (p->channels + 1) / 2, sum);
  UNROLL for (int32_t r = 0; r < rows; r++) {
    UNROLL for (int32_t v = 0; v < ATTEND_VECTORS; v++) {
      store(p->scores + r * p->stride + v * LANES, p->ends ? sum[r][v] * broadcast(p->scale) : sum[r][v]);
    }
  }
}

/* The keys of p are written in `format`, halves or bfloats. */
static void score_pairs(kelvin_entry_format format, int32_t rows, score_part p) {
  int32_t keys[PAIRS_OF_PAGE] __attribute__((aligned(64)));
  pairings[format](p.keys, p.channels, KELVIN_PAGE_ENTRIES * entry_bytes(format), KELVIN_PAGE_ENTRIES, keys);
  while (rows > 0) {
    const int32_t count = next_rows(rows);
    switch (count) {
    case ATTEND_ROWS: score_paired(ATTEND_ROWS, &p, keys); break;
    case 4: score_paired(4, &p, keys); break;
    case 3: score_paired(3, &p, keys); break;
    case 2: score_paired(2, &p, keys); break;
    default: score_paired(1, &p, keys); break;
    }
    rows -= count;
    p.queries += count * p.query_stride;
    p.scores += count * p.stride;
  }
}

INLINE void mix_paired(int32_t rows, const mix_part *p, const int32_t *values) {
  int32_t weights[ATTEND_ROWS][KELVIN_PAGE_ENTRIES / 2];
  vf sum[ATTEND_ROWS][ATTEND_VECTORS];
  for (int32_t r = 0; r < rows; r++) {
    pair_neighbours(p->weights + r * p->stride, p->entries, (p->entries + 1) / 2, weights[r]);
  }
  UNROLL for (int32_t r = 0; r < rows; r++) {
    UNROLL for (int32_t v = 0; v < ATTEND_VECTORS; v++) {
      const int32_t rest = p->channels - v * LANES;
      sum[r][v] = rest > 0 ? load_some(p->out + r * p->out_stride + v * LANES, rest < LANES ? rest : LANES) : broadcast(0);
    }
  }
  add_products(rows, values, weights, (p->entries + 1) / 2, sum);
  UNROLL for (int32_t r = 0; r < rows; r++) {
    UNROLL for (int32_t v = 0; v < ATTEND_VECTORS; v++) {
      const int32_t rest = p->channels - v * LANES;
      if (rest > 0) store_some(p->out + r * p->out_stride + v * LANES, sum[r][v], rest < LANES ? rest : LANES);
    }
  }
}

/* The values of p are written in `format`, numbers and no codes, and their channels fill whole vectors. */
static void mix_pairs(kelvin_entry_format format, int32_t rows, mix_part p) {
  int32_t values[PAIRS_OF_PAGE] __attribute__((aligned(64)));
  const int32_t channels = (p.channels + LANES - 1) / LANES * LANES;
  pairings[format](p.values, p.entries, p.value_stride, channels, values);
  while (rows > 0) {
    const int32_t count = next_rows(rows);
    switch (count) {
    case ATTEND_ROWS: mix_paired(ATTEND_ROWS, &p, values); break;
    case 4: mix_paired(4, &p, values); break;
    case 3: mix_paired(3, &p, values); break;
    case 2: mix_paired(2, &p, values); break;
    default: mix_paired(1, &p, values); break;
    }
    rows -= count;
    p.weights += count * p.stride;
    p.out += count * p.out_stride;
  }
}
