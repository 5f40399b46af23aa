/* The loops of kelvin_limits.h over the lanes of a variant. */

/* Steps between two looks at running sums: AVX2's hold 16 bits, enough for 8 products of pairs of nibbles. */
#define LIMIT_STEPS (LANES == 8 ? 8 : 32)

/* Keeps the compiler from knowing that the numbers at `at` are the same in every round. */
#define FORGET(at) __asm__ volatile("" : "+r"(at) : : "memory")

static double products_of_codes(int32_t rounds) {
  enum { VECTORS = 2 };
  _Alignas(64) uint8_t ones[64 * VECTORS * LIMIT_STEPS];
  memset(ones, 1, sizeof ones);
  const uint8_t *at = ones;
  vi totals[CODE_TOKENS][VECTORS] = {0};
  for (int32_t round = 0; round < rounds; round++) {
    sums s[CODE_TOKENS][VECTORS];
    UNROLL for (int t = 0; t < CODE_TOKENS; t++) {
      UNROLL for (int v = 0; v < VECTORS; v++) s[t][v] = sums_from(0);
    }
    for (int step = 0; step < LIMIT_STEPS; step++) {
      FORGET(at);
      codes c[VECTORS], high;
      UNROLL for (int v = 0; v < VECTORS; v++) read_nibbles(at + 64 * (VECTORS * step + v), &c[v], &high);
      UNROLL for (int t = 0; t < CODE_TOKENS; t++) {
        UNROLL for (int v = 0; v < VECTORS; v++) s[t][v] = add_dot(true, s[t][v], c[v], (const int8_t *)at + 4 * t);
      }
    }
    UNROLL for (int t = 0; t < CODE_TOKENS; t++) {
      UNROLL for (int v = 0; v < VECTORS; v++) totals[t][v] += whole_of(true, s[t][v], 0);
    }
  }
  double sum = 0;
  for (int t = 0; t < CODE_TOKENS; t++) {
    for (int i = 0; i < VECTORS * LANES; i++) sum += (double)totals[t][i / LANES][i % LANES];
  }
  return sum;
}

static double products_of_numbers(int32_t rounds) {
  _Alignas(64) float ones[LANES * NUMBER_VECTORS];
  for (int i = 0; i < LANES * NUMBER_VECTORS; i++) ones[i] = 1;
  const float *at = ones;
  vf s[NUMBER_TOKENS][NUMBER_VECTORS] = {0};
  for (int32_t round = 0; round < rounds; round++) {
    FORGET(at);
    vf w[NUMBER_VECTORS];
    UNROLL for (int v = 0; v < NUMBER_VECTORS; v++) memcpy(&w[v], at + LANES * v, sizeof w[v]);
    UNROLL for (int t = 0; t < NUMBER_TOKENS; t++) {
      const vf x = broadcast(at[t]);
      UNROLL for (int v = 0; v < NUMBER_VECTORS; v++) s[t][v] += w[v] * x;
    }
  }
  double sum = 0;
  for (int t = 0; t < NUMBER_TOKENS; t++) {
    for (int i = 0; i < NUMBER_VECTORS * LANES; i++) sum += (double)s[t][i / LANES][i % LANES];
  }
  return sum;
}

INLINE uint32_t read_streams(const uint8_t *at, size_t bytes, int32_t streams) {
  const size_t part = bytes / (size_t)streams;
  vi words[8] = {0};
  for (size_t i = 0; i < part; i += 256) {
    UNROLL for (int32_t s = 0; s < streams; s++) {
      const uint8_t *from = at + (size_t)s * part + i;
      UNROLL for (int line = 0; line < 4; line++) __builtin_prefetch(from + PREFETCH_BYTES + 64 * line);
      UNROLL for (size_t v = 0; v < 256 / sizeof(vi); v++) {
        vi some;
        memcpy(&some, from + v * sizeof some, sizeof some);
        words[v % 8] ^= some;
      }
    }
  }
  int32_t all = 0;
  for (int i = 0; i < 8 * LANES; i++) all ^= words[i / LANES][i % LANES];
  return (uint32_t)all;
}

static uint32_t read_all(const uint8_t *at, size_t bytes, int32_t streams) {
  switch (streams) {
    case 8: return read_streams(at, bytes, 8);
    case 4: return read_streams(at, bytes, 4);
    case 2: return read_streams(at, bytes, 2);
    default: return read_streams(at, bytes, 1);
  }
}
