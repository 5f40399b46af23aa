/* Registers of 4 floats: NEON with the dot product. */

#define LANES 4
/* Of the 32 registers a tile of sums takes 8 or 24; the rest hold what is multiplied. */
#define CODE_TOKENS 8
#define NUMBER_TOKENS 6
#define NUMBER_VECTORS 4
#define ATTEND_ROWS 6
#define ATTEND_VECTORS 4

typedef float vf __attribute__((vector_size(16)));
typedef int32_t vi __attribute__((vector_size(16)));
typedef uint16_t vh __attribute__((vector_size(8)));
typedef int8_t vb __attribute__((vector_size(4)));

INLINE vf broadcast(float x) { return (vf)vdupq_n_f32(x); }

INLINE vf load_half(const void *at) {
  uint16x4_t bits;
  memcpy(&bits, at, sizeof bits);
  return (vf)vcvt_f32_f16(vreinterpret_f16_u16(bits));
}

INLINE void store_half(void *at, vf x) {
  const uint16x4_t bits = vreinterpret_u16_f16(vcvt_f16_f32((float32x4_t)x));
  memcpy(at, &bits, sizeof bits);
}

INLINE vi nearest(vf x) { return (vi)vcvtnq_s32_f32((float32x4_t)x); }

/* The low (0) or high (1) nibbles of LANES bytes, less the 8 that means zero. */
INLINE vf load_nibbles(const void *at, int32_t high) {
  vb both;
  memcpy(&both, at, sizeof both);
  return __builtin_convertvector((__builtin_convertvector(both, vi) >> 4 * high & 15) - 8, vf);
}

/* 4 codes of each of LANES rows, and running sums of such codes times activations. The dot product wants signed codes:
 * only those with zero = 128 exceed 127, and they become signed by taking the zero off. */
typedef int8x16_t codes;
typedef int32x4_t sums;

INLINE int32_t zero_of(const kelvin_weight *w) { return w->zero == 128 ? 0 : w->zero; }

INLINE void read_codes(const kelvin_weight *w, const uint8_t *at, codes *c) {
  *c = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(at), vdupq_n_u8(w->zero == 128 ? 128 : 0)));
}

INLINE void read_nibbles(const uint8_t *at, codes *low, codes *high) {
  const uint8x16_t both = vld1q_u8(at);
  *low = vreinterpretq_s8_u8(vandq_u8(both, vdupq_n_u8(15)));
  *high = vreinterpretq_s8_u8(vshrq_n_u8(both, 4));
}

INLINE sums sums_from(int32_t start) { return vdupq_n_s32(start); }

INLINE sums add_dot(bool nibbles, sums s, codes c, const int8_t *x) {
  (void)nibbles;
  return vdotq_s32(s, c, vreinterpretq_s8_s32(vdupq_n_s32(int_at(x))));
}

INLINE sums join(sums a, sums b) { return vaddq_s32(a, b); }

INLINE vi whole_of(bool nibbles, sums s, int32_t start) {
  (void)nibbles, (void)start;
  return (vi)s;
}
