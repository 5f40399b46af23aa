/* Activations times packed floats, halves and bfloats, NUMBER_TOKENS tokens x NUMBER_VECTORS vectors of rows at a time.
 *
 * `kelvin bench -p 16 -n 0 -r 1 --roofline` with two threads, GFLOP/s, medians of three beside a build that read activations
 * where they are and bfloats as floats: 1024^3 in f32 173 -> 205, in bf16 with pairs 187 -> 420; 1056^3 218 -> 215 and 200 -> 404.
 */

/* What the compiler shall know of a product; `pairs`: one instruction multiplies two columns of a row of bfloats. */
typedef struct {
  kelvin_packing packing;
  bool pairs;
  int32_t tokens, vectors;
} numbers_shape;

/* A run: activations of some tokens as the product reads them, words of a float or of a pair of bfloats, in rows. Read
 * where they are, rows of 1024 floats would want 12 lines of the same 8 places of the first cache; rows of a run lie an odd
 * number of lines apart. */
enum {
  RUN_TOKENS = 2 * NUMBER_TOKENS,
  RUN_WORDS = 24 * 528,
  RUN_STRIDE = (RUN_WORDS / RUN_TOKENS - 16) / 32 * 32 + 16
};

/* From row to row, and 16 more than the words that are used. Few tokens have long rows: they read a weight in order. */
INLINE int32_t run_stride(int32_t tokens) {
  return tokens >= NUMBER_TOKENS ? RUN_STRIDE : (RUN_WORDS / tokens - 16) / 32 * 32 + 16;
}

INLINE int32_t words_of(bool pairs) { return pairs ? KELVIN_BLOCK / 2 : KELVIN_BLOCK; }

/* `columns` columns from `first` on, those behind the last as zeros up to `words` words. */
static void fill_run(bool pairs, const kelvin_activations *x, int32_t t0, int32_t tokens, int32_t first,
                     int32_t columns, int32_t words, int32_t *run) {
  for (int32_t t = t0; t < t0 + tokens; t++, run += run_stride(tokens)) {
    const float *from = x->values + t * x->stride + first;
#ifdef PAIR_PRODUCTS
    if (pairs) {
      pair_neighbours(from, columns, words, run);
      continue;
    }
#endif
    (void)pairs;
    memcpy(run, from, sizeof *from * (size_t)columns);
    memset(run + columns, 0, sizeof *run * (size_t)(words - columns));
  }
}

/* Bytes of one row of a panel for each word of activations. */
INLINE size_t word_bytes(numbers_shape shape) { return shape.packing == KELVIN_PACKED_F32 || shape.pairs ? 4 : 2; }

/* LANES rows of the even (0) or odd (1) one of two words that begin at `at`. */
INLINE vf load_word(numbers_shape shape, const uint8_t *at, int32_t odd) {
  const uint8_t *word = at + (size_t)odd * KELVIN_PANEL * word_bytes(shape);
  if (shape.packing == KELVIN_PACKED_F16) return load_half(word);
  if (shape.packing == KELVIN_PACKED_F32 || shape.pairs) return load((const float *)word);
  const vi pair = (vi)load((const float *)at);
  return (vf)(odd ? pair & (int32_t)0xffff0000 : pair << 16);
}

INLINE vf add_word(numbers_shape shape, vf sum, vf weight, int32_t x) {
#ifdef PAIR_PRODUCTS
  if (shape.pairs) return add_pairs(sum, (vi)weight, x);
#endif
  (void)shape;
  return fused(broadcast(float_at(&x)), weight, sum);
}

/* A part of a product: the words of a tile's tokens, for some vectors of rows from `row` on. */
typedef struct {
  const kelvin_weight *w;
  const int32_t *x; /* of the tile's first token, as `y` */
  const float *bias;
  float *y;
  ptrdiff_t x_stride, y_stride;
  int32_t row, words;
  bool starts, ends; /* whether the words are the first, and the last, of a row */
  size_t place;      /* of the first word in a row of a panel, in bytes */
} numbers_part;

/* Partial sums wait in y, where the columns take more than one run. Each sum goes through the columns in order. */
INLINE void multiply_words(numbers_shape shape, const numbers_part *p) {
  const kelvin_weight *w = p->w;
  const size_t bytes = word_bytes(shape);
  const uint8_t *from[NUMBER_VECTORS];
  vf totals[NUMBER_TOKENS][NUMBER_VECTORS];
  UNROLL for (int32_t v = 0; v < shape.vectors; v++) {
    const int32_t at = p->row + v * LANES, rows = w->rows - at < LANES ? w->rows - at : LANES;
    /* A row of a pair of bfloats takes 4 bytes, also where its two words are read one by one. */
    const size_t row_bytes = shape.packing == KELVIN_PACKED_F16 ? 2 : 4;
    from[v] = w->data + (size_t)(at / KELVIN_PANEL) * w->panel_bytes + (size_t)(at % KELVIN_PANEL) * row_bytes +
              p->place;
    UNROLL for (int32_t t = 0; t < shape.tokens; t++) {
      totals[t][v] = p->starts || rows <= 0 ? broadcast(0) : load_some(p->y + t * p->y_stride + at, rows);
    }
  }
  /* As a constant it is a part of the instructions; 12 pointers would not leave enough registers. */
  const ptrdiff_t stride = shape.tokens == NUMBER_TOKENS ? RUN_STRIDE : p->x_stride;
  for (int32_t i = 0; i < p->words; i += 2) {
    const size_t place = (size_t)i * KELVIN_PANEL * bytes;
    UNROLL for (int32_t v = 0; v < shape.vectors; v++) {
      /* Few tokens wait for the weights. */
      if (shape.tokens <= 4) __builtin_prefetch(from[v] + place + PREFETCH_BYTES, 0, 2);
      if (shape.tokens <= 4 && bytes == 4) __builtin_prefetch(from[v] + place + PREFETCH_BYTES + 64, 0, 2);
    }
    UNROLL for (int32_t odd = 0; odd < 2; odd++) {
      /* Both words of bfloats at once would take registers that 8 lanes do not have. */
      if (odd && LANES == 8) __asm__ volatile("" : : : "memory");
      vf weight[NUMBER_VECTORS];
      UNROLL for (int32_t v = 0; v < shape.vectors; v++) weight[v] = load_word(shape, from[v] + place, odd);
      UNROLL for (int32_t t = 0; t < shape.tokens; t++) {
        const int32_t x = p->x[t * stride + i + odd];
        UNROLL for (int32_t v = 0; v < shape.vectors; v++) totals[t][v] = add_word(shape, totals[t][v], weight[v], x);
      }
    }
  }
  const bool biased = p->bias && p->ends;
  UNROLL for (int32_t v = 0; v < shape.vectors; v++) {
    const int32_t at = p->row + v * LANES, rows = w->rows - at < LANES ? w->rows - at : LANES;
    if (rows <= 0) return;
    UNROLL for (int32_t t = 0; t < shape.tokens; t++) {
      const vf total = biased ? totals[t][v] + load_some(p->bias + at, rows) : totals[t][v];
      store_some(p->y + t * p->y_stride + at, total, rows);
    }
  }
}

/* Whether a product with this packing reads pairs. */
INLINE bool multiplies_pairs(kelvin_packing packing) {
#ifdef PAIR_PRODUCTS
  return packing == KELVIN_PACKED_BF16;
#else
  return (void)packing, false;
#endif
}

/* One body for each packing, with its shape as a constant. */
INLINE void multiply_shape(int32_t tokens, int32_t vectors, const numbers_part *p) {
  switch (p->w->packing) {
  case KELVIN_PACKED_F16: multiply_words((numbers_shape){KELVIN_PACKED_F16, false, tokens, vectors}, p); return;
  case KELVIN_PACKED_BF16: {
    const bool pairs = multiplies_pairs(KELVIN_PACKED_BF16);
    multiply_words((numbers_shape){KELVIN_PACKED_BF16, pairs, tokens, vectors}, p);
    return;
  }
  default: multiply_words((numbers_shape){KELVIN_PACKED_F32, false, tokens, vectors}, p); return;
  }
}

/* NUMBER_VECTORS vectors or one. */
INLINE void multiply_vectors(int32_t tokens, int32_t vectors, const numbers_part *p) {
  if (vectors > 1) multiply_shape(tokens, NUMBER_VECTORS, p);
  else multiply_shape(tokens, 1, p);
}

/* Functions of their own: inlined into one, their loops would share 32 registers. */
#define ALONE __attribute__((noinline)) static void
ALONE multiply_numbers_many(const numbers_part *p, int32_t vectors) { multiply_vectors(NUMBER_TOKENS, vectors, p); }
ALONE multiply_numbers_four(const numbers_part *p, int32_t vectors) { multiply_vectors(4, vectors, p); }
ALONE multiply_numbers_two(const numbers_part *p, int32_t vectors) { multiply_vectors(2, vectors, p); }
ALONE multiply_numbers_one(const numbers_part *p, int32_t vectors) { multiply_vectors(1, vectors, p); }
#undef ALONE

/* All tokens of a run times some vectors of rows, which stay in the second cache meanwhile. */
static void multiply_run(numbers_part p, int32_t tokens, int32_t vectors) {
  while (tokens > 0) {
    const int32_t few = tokens >= 4 ? 4 : tokens >= 2 ? 2 : 1, count = tokens >= NUMBER_TOKENS ? NUMBER_TOKENS : few;
    if (count == NUMBER_TOKENS) multiply_numbers_many(&p, vectors);
    else if (count == 4) multiply_numbers_four(&p, vectors);
    else if (count == 2) multiply_numbers_two(&p, vectors);
    else multiply_numbers_one(&p, vectors);
    tokens -= count;
    p.x += count * p.x_stride;
    p.y += count * p.y_stride;
  }
}

/* The tokens of a run times the panels [first, last). */
static void multiply_panels(const kelvin_weight *w, const kelvin_activations *x, int32_t t0, int32_t tokens,
                            int32_t first, int32_t last, const float *bias, float *y, ptrdiff_t y_stride) {
  int32_t run[RUN_WORDS] __attribute__((aligned(64)));
  const bool pairs = multiplies_pairs(w->packing);
  const int32_t most = (run_stride(tokens) - 16) / words_of(pairs) * KELVIN_BLOCK, end = last * KELVIN_PANEL;
  for (int32_t column = 0; column < w->columns; column += most) {
    const int32_t left = w->columns - column, columns = left < most ? left : most;
    numbers_part p = {
        .w = w, .x = run, .x_stride = run_stride(tokens), .bias = bias, .y = y, .y_stride = y_stride,
        .row = first * KELVIN_PANEL, .words = blocks_of(columns) * words_of(pairs), .starts = column == 0,
        .ends = columns == left, .place = (size_t)column * KELVIN_PANEL * (w->packing == KELVIN_PACKED_F32 ? 4 : 2),
    };
    fill_run(pairs, x, t0, tokens, column, columns, p.words, run);
    const int32_t step = NUMBER_VECTORS * LANES;
    for (; end - p.row >= step; p.row += step) multiply_run(p, tokens, NUMBER_VECTORS);
    for (; p.row < end; p.row += LANES) multiply_run(p, tokens, 1);
  }
}

static void multiply_numbers(const kelvin_weight *w, const kelvin_activations *x, int32_t tokens, int32_t first,
                             int32_t last, const float *bias, float *y, ptrdiff_t y_stride) {
  for (int32_t t = 0; t < tokens; t += RUN_TOKENS) {
    const int32_t count = tokens - t < RUN_TOKENS ? tokens - t : RUN_TOKENS;
    multiply_panels(w, x, t, count, first, last, bias, y + t * y_stride, y_stride);
  }
}

static void multiply(const kelvin_weight *w, const kelvin_activations *x, int32_t tokens, int32_t first, int32_t last,
                     const float *bias, float *y, ptrdiff_t y_stride) {
  switch (w->packing) {
  case KELVIN_PACKED_F32:
  case KELVIN_PACKED_F16:
  case KELVIN_PACKED_BF16: multiply_numbers(w, x, tokens, first, last, bias, y, y_stride); return;
  case KELVIN_PACKED_U4:
  case KELVIN_PACKED_U8: multiply_codes(w, x, tokens, first, last, bias, y, y_stride); return;
  }
}
