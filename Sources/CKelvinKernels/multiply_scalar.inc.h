/* Activations times packed weights: the specification. */

static void quantise(const kelvin_activations *x, int32_t columns, int32_t first, int32_t last) {
  const int32_t blocks = blocks_of(columns);
  for (int32_t t = first; t < last; t++) {
    for (int32_t b = 0; b < blocks; b++) {
      const float *values = x->values + t * x->stride + b * KELVIN_BLOCK;
      const int32_t count = columns - b * KELVIN_BLOCK < KELVIN_BLOCK ? columns - b * KELVIN_BLOCK : KELVIN_BLOCK;
      const ptrdiff_t block = (ptrdiff_t)t * blocks + b;
      float largest = 0;
      for (int32_t k = 0; k < count; k++) largest = fmaxf(largest, fabsf(values[k]));
      const float inverse = largest > 0 ? 127 / largest : 0;
      int8_t *codes = x->codes + block * KELVIN_BLOCK;
      int sums[2] = {0, 0};
      for (int32_t k = 0; k < KELVIN_BLOCK; k++) {
        codes[k] = (int8_t)(k < count ? rintf(values[k] * inverse) : 0);
        sums[k / 16] += codes[k];
      }
      x->scales[block] = largest / 127;
      x->sums[2 * block] = (int16_t)sums[0];
      x->sums[2 * block + 1] = (int16_t)sums[1];
    }
  }
}

/* One row of a panel of floats, halves or bfloats times one row of activations. */
static float dot_numbers(const kelvin_weight *w, const uint8_t *panel, int32_t row, const float *x) {
  float sum = 0;
  for (int32_t k = 0; k < w->columns; k++) {
    const size_t place = (size_t)k * KELVIN_PANEL + (size_t)row;
    float weight;
    switch (w->packing) {
    case KELVIN_PACKED_F16: weight = float_of_half(read_u16(panel + place * 2)); break;
    case KELVIN_PACKED_BF16: weight = float_of_bfloat(read_u16(panel + place_of_bfloat(row, k))); break;
    default: memcpy(&weight, panel + place * 4, 4); break;
    }
    sum += weight * x[k];
  }
  return sum;
}

/* One row of a panel of codes times row t of activations: whole numbers within a group, floats between groups. */
static float dot_codes(const kelvin_weight *w, const uint8_t *panel, int32_t row, const kelvin_activations *x,
                       int32_t t) {
  const int32_t blocks = blocks_of(w->columns), sets = KELVIN_BLOCK / w->group;
  float total = 0;
  for (int32_t b = 0; b < blocks; b++) {
    const uint8_t *block = panel + (size_t)b * block_bytes(w);
    const uint8_t *scales = block + code_bytes(w) + 2 * row, *minima = scales + sets * KELVIN_PANEL * 2;
    const ptrdiff_t place = (ptrdiff_t)t * blocks + b;
    const int8_t *codes = x->codes + place * KELVIN_BLOCK;
    for (int32_t set = 0; set < sets; set++) {
      int32_t dot = 0, sum = 0;
      for (int32_t j = set * w->group; j < (set + 1) * w->group; j++) {
        const int32_t code = w->packing == KELVIN_PACKED_U4
                                 ? block[64 * (j % 16 / 4) + 4 * row + j % 4] >> j / 16 * 4 & 15
                                 : block[64 * (j / 4) + 4 * row + j % 4];
        dot += (code - w->zero) * codes[j];
        sum += codes[j];
      }
      float part = float_of_half(read_u16(scales + set * KELVIN_PANEL * 2)) * (float)dot;
      if (w->has_minimum) part += float_of_half(read_u16(minima + set * KELVIN_PANEL * 2)) * (float)sum;
      total += part * x->scales[place];
    }
  }
  return total;
}

static void multiply(const kelvin_weight *w, const kelvin_activations *x, int32_t tokens, int32_t first, int32_t last,
                     const float *bias, float *y, ptrdiff_t y_stride) {
  const bool coded = w->packing == KELVIN_PACKED_U4 || w->packing == KELVIN_PACKED_U8;
  for (int32_t row = first * KELVIN_PANEL; row < last * KELVIN_PANEL && row < w->rows; row++) {
    const uint8_t *panel = w->data + (size_t)(row / KELVIN_PANEL) * w->panel_bytes;
    for (int32_t t = 0; t < tokens; t++) {
      const float dot = coded ? dot_codes(w, panel, row % KELVIN_PANEL, x, t)
                              : dot_numbers(w, panel, row % KELVIN_PANEL, x->values + t * x->stride);
      y[t * y_stride + row] = bias ? dot + bias[row] : dot;
    }
  }
}
