/* Registers of 16 floats: AVX-512 with VNNI. */

#define LANES 16
/* Of the 32 registers a tile of sums takes 24; the rest hold what is multiplied. */
#define CODE_TOKENS 12
#define NUMBER_TOKENS 12
#define NUMBER_VECTORS 2
#define ATTEND_ROWS 6
#define ATTEND_VECTORS 4

typedef float vf __attribute__((vector_size(64)));
typedef int32_t vi __attribute__((vector_size(64)));
typedef uint16_t vh __attribute__((vector_size(32)));
typedef int8_t vb __attribute__((vector_size(16)));

INLINE vf broadcast(float x) { return _mm512_set1_ps(x); }
INLINE vf load_half(const void *at) { return _mm512_cvtph_ps(_mm256_loadu_si256(at)); }
INLINE void store_half(void *at, vf x) { _mm256_storeu_si256(at, _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT)); }
INLINE vi nearest(vf x) { return (vi)_mm512_cvtps_epi32(x); }

/* The low (0) or high (1) nibbles of LANES bytes, less the 8 that means zero. A table takes one instruction for what is
 * a mask, a subtraction and a conversion otherwise: it looks at the last 4 bits only. */
INLINE vf load_nibbles(const void *at, int32_t high) {
  const vf numbers = {-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7};
  const __m512i both = _mm512_cvtepu8_epi32(_mm_loadu_si128(at));
  return _mm512_permutexvar_ps(high ? _mm512_srli_epi32(both, 4) : both, numbers);
}

/* 4 codes of each of LANES rows, and running sums of such codes times activations. */
typedef __m512i codes;
typedef __m512i sums;

INLINE int32_t zero_of(const kelvin_weight *w) { return w->zero; }

INLINE void read_codes(const kelvin_weight *w, const uint8_t *at, codes *c) {
  (void)w;
  *c = _mm512_loadu_si512(at);
}

INLINE void read_nibbles(const uint8_t *at, codes *low, codes *high) {
  const __m512i both = _mm512_loadu_si512(at), mask = _mm512_set1_epi8(15);
  *low = _mm512_and_si512(both, mask);
  *high = _mm512_and_si512(_mm512_srli_epi16(both, 4), mask);
}

INLINE sums sums_from(int32_t start) { return _mm512_set1_epi32(start); }

INLINE sums add_dot(bool nibbles, sums s, codes c, const int8_t *x) {
  (void)nibbles;
  return _mm512_dpbusd_epi32(s, c, _mm512_set1_epi32(int_at(x)));
}

INLINE sums join(sums a, sums b) { return _mm512_add_epi32(a, b); }

INLINE vi whole_of(bool nibbles, sums s, int32_t start) {
  (void)nibbles, (void)start;
  return (vi)s;
}
