/* Quantisation, norms, exponentials. */

static void quantise_block(const float *values, int8_t *codes, float *scale, int16_t *sums) {
  vf x[KELVIN_BLOCK / LANES];
  vi most = {0};
  UNROLL for (int32_t v = 0; v < KELVIN_BLOCK / LANES; v++) {
    x[v] = load(values + v * LANES);
    /* Without their signs floats are ordered like their bits. */
    most = __builtin_elementwise_max(most, (vi)x[v] & 0x7fffffff);
  }
  const float largest = float_of_bits((uint32_t)__builtin_reduce_max(most));
  const float inverse = largest > 0 ? 127 / largest : 0;
  *scale = largest / 127;
  UNROLL for (int32_t half = 0; half < 2; half++) {
    vi sum = {0};
    UNROLL for (int32_t v = half * 16 / LANES; v < (half + 1) * 16 / LANES; v++) {
      const vi code = nearest(x[v] * broadcast(inverse));
      const vb few = __builtin_convertvector(code, vb);
      memcpy(codes + v * LANES, &few, sizeof few);
      sum += code;
    }
    sums[half] = (int16_t)__builtin_reduce_add(sum);
  }
}

static void quantise(const kelvin_activations *x, int32_t columns, int32_t first, int32_t last) {
  const int32_t blocks = blocks_of(columns), whole_blocks = columns / KELVIN_BLOCK;
  for (int32_t t = first; t < last; t++) {
    const float *values = x->values + t * x->stride;
    const ptrdiff_t row = (ptrdiff_t)t * blocks;
    int32_t b = 0;
#ifdef QUANTISE_TWO
    for (; b + 2 <= whole_blocks; b += 2) {
      const ptrdiff_t place = row + b;
      quantise_two(values + b * KELVIN_BLOCK, x->codes + place * KELVIN_BLOCK, x->scales + place, x->sums + 2 * place);
    }
#endif
    for (; b < blocks; b++) {
      float padded[KELVIN_BLOCK];
      const float *from = values + b * KELVIN_BLOCK;
      if (b == whole_blocks) {
        memset(padded, 0, sizeof padded);
        memcpy(padded, from, (size_t)(columns % KELVIN_BLOCK) * 4);
        from = padded;
      }
      quantise_block(from, x->codes + (row + b) * KELVIN_BLOCK, x->scales + row + b, x->sums + 2 * (row + b));
    }
  }
}

/* e^x for x in [-87, 88] to 2 units in the last place: 2^n * e^r with n whole and |r| <= ln 2 / 2, e^r by the first
 * seven terms of its series. ln 2 is taken off in two parts, the first so short that its multiples are exact. */
INLINE vf exponential(vf x) {
  const vf magic = broadcast(0x1.8p23f);
  const vf shifted = fused(x, broadcast(0x1.715476p0f), magic);
  const vf n = shifted - magic;
  vf r = fused(n, broadcast(-0x1.62e4p-1f), x);
  r = fused(n, broadcast(-0x1.7f7d1cp-20f), r);
  vf e = fused(r, broadcast(0x1.6c16c2p-10f), broadcast(0x1.111112p-7f));
  e = fused(e, r, broadcast(0x1.555556p-5f));
  e = fused(e, r, broadcast(0x1.555556p-3f));
  e = fused(e, r, broadcast(0.5f));
  e = fused(e, r, broadcast(1));
  e = fused(e, r, broadcast(1));
  return (vf)((vi)e + ((vi)shifted << 23));
}

enum { EXPONENT_LEAST = -87, EXPONENT_MOST = 88 };

/* e^x for x <= 0, 0 below e^-87. */
INLINE vf exponential_below(vf x) {
  const vf least = broadcast(EXPONENT_LEAST);
  return choose(x >= least, exponential(larger(x, least)), broadcast(0));
}

static float exponentials(float *x, int32_t n, float *max) {
  vf most = broadcast(-INFINITY);
  int32_t j = 0;
  for (; n - j >= LANES; j += LANES) most = larger(most, load(x + j));
  float largest = largest_of(most);
  for (; j < n; j++) largest = x[j] > largest ? x[j] : largest;
  *max = largest;

  /* Where everything is -infinity nothing is subtracted, so that the result is zeros and not NaN. */
  const vf shift = broadcast(largest == -INFINITY ? 0 : largest);
  vf sums = broadcast(0);
  for (j = 0; n - j >= LANES; j += LANES) {
    const vf e = exponential_below(load(x + j) - shift);
    store(x + j, e);
    sums += e;
  }
  if (j < n) {
    store_some(x + j, exponential_below(load_some(x + j, n - j) - shift), n - j);
    sums += load_some(x + j, n - j);
  }
  return sum_of(sums);
}

/* x / (1 + e^-z) */
INLINE vf logistic_times(vf x, vf z) {
  const vf least = broadcast(EXPONENT_LEAST), most = broadcast(EXPONENT_MOST);
  const vf bounded = choose(z < -most, most, larger(-z, least));
  return x / (broadcast(1) + exponential(bounded));
}

static void silu_multiply(const float *gate, const float *up, size_t n, float *y) {
  size_t i = 0;
  for (; n - i >= LANES; i += LANES) {
    const vf g = load(gate + i);
    store(y + i, logistic_times(g, g) * load(up + i));
  }
  if (i < n) {
    const int32_t rest = (int32_t)(n - i);
    const vf g = load_some(gate + i, rest);
    store_some(y + i, logistic_times(g, g) * load_some(up + i, rest), rest);
  }
}

/* (1 + tanh z) / 2 = 1 / (1 + e^-2z) */
INLINE vf gelu_of(vf x) {
  const vf cube = fused(x * x, broadcast(0.044715f), broadcast(1)) * x;
  return logistic_times(x, cube * broadcast(2 * 0.797884561f));
}

static void gelu(const float *x, size_t n, float *y) {
  size_t i = 0;
  for (; n - i >= LANES; i += LANES) store(y + i, gelu_of(load(x + i)));
  if (i < n) store_some(y + i, gelu_of(load_some(x + i, (int32_t)(n - i))), (int32_t)(n - i));
}

static void gelu_multiply(const float *gate, const float *up, size_t n, float *y) {
  size_t i = 0;
  for (; n - i >= LANES; i += LANES) store(y + i, gelu_of(load(gate + i)) * load(up + i));
  if (i < n) {
    const int32_t rest = (int32_t)(n - i);
    store_some(y + i, gelu_of(load_some(gate + i, rest)) * load_some(up + i, rest), rest);
  }
}

static void rms_norm(const float *x, const float *weight, float offset, float epsilon, int32_t n, float *y) {
  vf squares[4] = {broadcast(0), broadcast(0), broadcast(0), broadcast(0)};
  int32_t i = 0;
  for (; n - i >= 4 * LANES; i += 4 * LANES) {
    UNROLL for (int32_t v = 0; v < 4; v++) {
      const vf some = load(x + i + v * LANES);
      squares[v] = fused(some, some, squares[v]);
    }
  }
  float sum = sum_of((squares[0] + squares[1]) + (squares[2] + squares[3]));
  for (; i < n; i++) sum += x[i] * x[i];
  const float factor = 1 / sqrtf(sum / (float)n + epsilon);
  for (i = 0; i < n; i++) y[i] = x[i] * factor * (weight[i] + offset);
}

static void layer_norm(const float *x, const float *weight, const float *bias, float epsilon, int32_t n, float *y) {
  vf sums = broadcast(0), squares = broadcast(0);
  int32_t i = 0;
  for (; n - i >= LANES; i += LANES) sums += load(x + i);
  float sum = sum_of(sums);
  for (; i < n; i++) sum += x[i];
  const float mean = sum / (float)n;
  for (i = 0; n - i >= LANES; i += LANES) {
    const vf off = load(x + i) - broadcast(mean);
    squares = fused(off, off, squares);
  }
  float square = sum_of(squares);
  for (; i < n; i++) square += (x[i] - mean) * (x[i] - mean);
  const float factor = 1 / sqrtf(square / (float)n + epsilon);
  for (i = 0; i < n; i++) y[i] = (x[i] - mean) * factor * weight[i] + bias[i];
}
