/* Activations times packed floats, halves and bfloats. */

INLINE size_t packed_bytes(kelvin_packing packing) { return packing == KELVIN_PACKED_F32 ? 4 : 2; }

INLINE vf load_packed(kelvin_packing packing, const uint8_t *at) {
  switch (packing) {
  case KELVIN_PACKED_F16: return load_half(at);
  case KELVIN_PACKED_BF16: return load_bfloat(at);
  default: return load((const float *)at);
  }
}

/* `tokens` tokens times `vectors` vectors of rows from `row` on; `row` is a multiple of LANES. Each sum runs through
 * the columns in order, whatever the tile. */
INLINE void multiply_numbers_tile(kelvin_packing packing, int32_t tokens, int32_t vectors, const kelvin_weight *w,
                                  const float *x, ptrdiff_t x_stride, int32_t row, const float *bias, float *y,
                                  ptrdiff_t y_stride) {
  const size_t bytes = packed_bytes(packing);
  const uint8_t *from[NUMBER_VECTORS];
  vf totals[NUMBER_TOKENS][NUMBER_VECTORS];
  UNROLL for (int32_t v = 0; v < vectors; v++) {
    const int32_t at = row + v * LANES;
    from[v] = w->data + (size_t)(at / KELVIN_PANEL) * w->panel_bytes + (size_t)(at % KELVIN_PANEL) * bytes;
    UNROLL for (int32_t t = 0; t < tokens; t++) totals[t][v] = broadcast(0);
  }
  for (int32_t k = 0; k < w->columns; k++) {
    vf weight[NUMBER_VECTORS];
    UNROLL for (int32_t v = 0; v < vectors; v++) {
      if (tokens == 1) __builtin_prefetch(from[v] + (size_t)k * KELVIN_PANEL * bytes + PREFETCH_BYTES, 0, 2);
      weight[v] = load_packed(packing, from[v] + (size_t)k * KELVIN_PANEL * bytes);
    }
    UNROLL for (int32_t t = 0; t < tokens; t++) {
      const vf one = broadcast(x[t * x_stride + k]);
      UNROLL for (int32_t v = 0; v < vectors; v++) totals[t][v] = fused(one, weight[v], totals[t][v]);
    }
  }
  UNROLL for (int32_t v = 0; v < vectors; v++) {
    const int32_t at = row + v * LANES, rows = w->rows - at < LANES ? w->rows - at : LANES;
    if (rows <= 0) return;
    UNROLL for (int32_t t = 0; t < tokens; t++) {
      const vf total = bias ? totals[t][v] + load_some(bias + at, rows) : totals[t][v];
      store_some(y + t * y_stride + at, total, rows);
    }
  }
}

/* All tokens times some vectors of rows. */
INLINE void multiply_numbers_rows(kelvin_packing packing, int32_t vectors, const kelvin_weight *w,
                                  const kelvin_activations *x, int32_t tokens, int32_t row, const float *bias, float *y,
                                  ptrdiff_t y_stride) {
  int32_t t = 0;
  for (; tokens - t >= NUMBER_TOKENS; t += NUMBER_TOKENS) {
    multiply_numbers_tile(packing, NUMBER_TOKENS, vectors, w, x->values + t * x->stride, x->stride, row, bias,
                          y + t * y_stride, y_stride);
  }
  for (; tokens - t >= 4; t += 4) {
    multiply_numbers_tile(packing, 4, vectors, w, x->values + t * x->stride, x->stride, row, bias, y + t * y_stride,
                          y_stride);
  }
  for (; t < tokens; t++) {
    multiply_numbers_tile(packing, 1, vectors, w, x->values + t * x->stride, x->stride, row, bias, y + t * y_stride,
                          y_stride);
  }
}

INLINE void multiply_numbers(kelvin_packing packing, const kelvin_weight *w, const kelvin_activations *x,
                             int32_t tokens, int32_t first, int32_t last, const float *bias, float *y,
                             ptrdiff_t y_stride) {
  int32_t row = first * KELVIN_PANEL;
  const int32_t end = last * KELVIN_PANEL;
  for (; end - row >= NUMBER_VECTORS * LANES; row += NUMBER_VECTORS * LANES) {
    multiply_numbers_rows(packing, NUMBER_VECTORS, w, x, tokens, row, bias, y, y_stride);
  }
  for (; row < end; row += LANES) multiply_numbers_rows(packing, 1, w, x, tokens, row, bias, y, y_stride);
}

static void multiply_floats(const kelvin_weight *w, const kelvin_activations *x, int32_t tokens, int32_t first,
                            int32_t last, const float *bias, float *y, ptrdiff_t y_stride) {
  multiply_numbers(KELVIN_PACKED_F32, w, x, tokens, first, last, bias, y, y_stride);
}

static void multiply_halves(const kelvin_weight *w, const kelvin_activations *x, int32_t tokens, int32_t first,
                            int32_t last, const float *bias, float *y, ptrdiff_t y_stride) {
  multiply_numbers(KELVIN_PACKED_F16, w, x, tokens, first, last, bias, y, y_stride);
}

static void multiply_bfloats(const kelvin_weight *w, const kelvin_activations *x, int32_t tokens, int32_t first,
                             int32_t last, const float *bias, float *y, ptrdiff_t y_stride) {
  multiply_numbers(KELVIN_PACKED_BF16, w, x, tokens, first, last, bias, y, y_stride);
}

static void multiply(const kelvin_weight *w, const kelvin_activations *x, int32_t tokens, int32_t first, int32_t last,
                     const float *bias, float *y, ptrdiff_t y_stride) {
  switch (w->packing) {
  case KELVIN_PACKED_F32: multiply_floats(w, x, tokens, first, last, bias, y, y_stride); return;
  case KELVIN_PACKED_F16: multiply_halves(w, x, tokens, first, last, bias, y, y_stride); return;
  case KELVIN_PACKED_BF16: multiply_bfloats(w, x, tokens, first, last, bias, y, y_stride); return;
  case KELVIN_PACKED_U4:
  case KELVIN_PACKED_U8: multiply_codes(w, x, tokens, first, last, bias, y, y_stride); return;
  }
}
