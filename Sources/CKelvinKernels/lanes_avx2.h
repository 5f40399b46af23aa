/* Registers of 8 floats: AVX2 with FMA and F16C. */

#define LANES 8
/* Of the 16 registers a tile of sums takes 4 or 12; the rest hold what is multiplied. */
#define CODE_TOKENS 4
#define NUMBER_TOKENS 6
#define NUMBER_VECTORS 2
#define ATTEND_ROWS 6
#define ATTEND_VECTORS 2

typedef float vf __attribute__((vector_size(32)));
typedef int32_t vi __attribute__((vector_size(32)));
typedef uint16_t vh __attribute__((vector_size(16)));
typedef int8_t vb __attribute__((vector_size(8)));

INLINE vf broadcast(float x) { return _mm256_set1_ps(x); }
INLINE vf load_half(const void *at) { return _mm256_cvtph_ps(_mm_loadu_si128(at)); }
INLINE void store_half(void *at, vf x) { _mm_storeu_si128(at, _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT)); }
INLINE vi nearest(vf x) { return (vi)_mm256_cvtps_epi32(x); }

/* The low (0) or high (1) nibbles of LANES bytes, less the 8 that means zero. */
INLINE vf load_nibbles(const void *at, int32_t high) {
  vb both;
  memcpy(&both, at, sizeof both);
  return __builtin_convertvector((__builtin_convertvector(both, vi) >> 4 * high & 15) - 8, vf);
}

/* 4 codes of each of LANES rows by their nibbles, and running sums of such nibbles times activations. The byte product
 * saturates at 16 bits, but 8 products of pairs of nibbles stay below: 8 * 2 * 15 * 127 = 30480. */
typedef struct {
  __m256i low, high;
} codes;
typedef codes sums;

INLINE int32_t zero_of(const kelvin_weight *w) { return w->zero; }

INLINE void read_nibbles(const uint8_t *at, codes *low, codes *high) {
  const __m256i both = _mm256_loadu_si256((const __m256i *)at), mask = _mm256_set1_epi8(15);
  low->low = _mm256_and_si256(both, mask);
  high->low = _mm256_and_si256(_mm256_srli_epi16(both, 4), mask);
}

INLINE void read_codes(const kelvin_weight *w, const uint8_t *at, codes *c) {
  (void)w;
  codes high;
  read_nibbles(at, c, &high);
  c->high = high.low;
}

INLINE sums sums_from(int32_t start) {
  (void)start;
  return (sums){_mm256_setzero_si256(), _mm256_setzero_si256()};
}

INLINE sums add_dot(bool nibbles, sums s, codes c, const int8_t *x) {
  const __m256i four = _mm256_set1_epi32(int_at(x));
  s.low = _mm256_add_epi16(s.low, _mm256_maddubs_epi16(c.low, four));
  if (!nibbles) s.high = _mm256_add_epi16(s.high, _mm256_maddubs_epi16(c.high, four));
  return s;
}

INLINE sums join(sums a, sums b) {
  return (sums){_mm256_add_epi16(a.low, b.low), _mm256_add_epi16(a.high, b.high)};
}

INLINE vi whole_of(bool nibbles, sums s, int32_t start) {
  vi total = (vi)_mm256_set1_epi32(start) + (vi)_mm256_madd_epi16(s.low, _mm256_set1_epi16(1));
  if (!nibbles) total += (vi)_mm256_madd_epi16(s.high, _mm256_set1_epi16(16));
  return total;
}
