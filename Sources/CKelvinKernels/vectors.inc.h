/* What every width shares: loads, stores, reductions. Included after the lanes of a variant. */

typedef uint32_t vu __attribute__((vector_size(4 * LANES)));

INLINE vf load(const float *at) {
  vf x;
  memcpy(&x, at, sizeof x);
  return x;
}

INLINE void store(float *at, vf x) { memcpy(at, &x, sizeof x); }

/* The first `count` lanes, the rest zeros; count in 1...LANES. */
INLINE vf load_some(const float *at, int32_t count) {
  if (count == LANES) return load(at);
  float some[LANES] = {0};
  for (int32_t i = 0; i < count; i++) some[i] = at[i];
  return load(some);
}

INLINE void store_some(float *at, vf x, int32_t count) {
  if (count == LANES) {
    store(at, x);
    return;
  }
  float some[LANES];
  store(some, x);
  for (int32_t i = 0; i < count; i++) at[i] = some[i];
}

INLINE vf load_bfloat(const void *at) {
  vh bits;
  memcpy(&bits, at, sizeof bits);
  return (vf)(__builtin_convertvector(bits, vi) << 16);
}

/* LANES signed bytes. */
INLINE vf load_bytes(const void *at) {
  vb codes;
  memcpy(&codes, at, sizeof codes);
  return __builtin_convertvector(codes, vf);
}

/* Like bfloat_of_float. */
INLINE void store_bfloat(void *at, vf x) {
  const vu bits = (vu)x, rounded = bits + 0x7fff + (bits >> 16 & 1);
  const vu nan = (vu)((bits & 0x7fffffff) > 0x7f800000);
  const vh halves = __builtin_convertvector((nan & (bits >> 16 | 0x40)) | (~nan & rounded >> 16), vh);
  memcpy(at, &halves, sizeof halves);
}

/* a * b + c, rounded once. */
INLINE vf fused(vf a, vf b, vf c) { return __builtin_elementwise_fma(a, b, c); }

/* Lanes of a where the mask is set, lanes of b elsewhere. */
INLINE vf choose(vi mask, vf a, vf b) { return (vf)(((vi)a & mask) | ((vi)b & ~mask)); }

INLINE vf larger(vf a, vf b) { return choose(a > b, a, b); }

INLINE float sum_of(vf x) {
  float lanes[LANES];
  store(lanes, x);
  for (int32_t half = LANES / 2; half > 0; half /= 2) {
    for (int32_t i = 0; i < half; i++) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

INLINE float largest_of(vf x) {
  float lanes[LANES];
  store(lanes, x);
  for (int32_t half = LANES / 2; half > 0; half /= 2) {
    for (int32_t i = 0; i < half; i++) lanes[i] = lanes[i] > lanes[i + half] ? lanes[i] : lanes[i + half];
  }
  return lanes[0];
}
