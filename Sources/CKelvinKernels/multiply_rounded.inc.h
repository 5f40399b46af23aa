/* Many activations times U4 codes that are rounded to bytes first, with one scale for all columns of a row.
 *
 * With a scale and a minimum for every 32 columns, 12 tokens and 16 rows take 36 instructions beside the 96 that multiply
 * codes, in the same units; with one scale a row they take 12, and nibbles need not be taken apart. A byte is off by
 * half a 127th of the row's greatest number, an eighth of what the nibble was off by. Rounding takes 90 instructions for
 * 16 rows of a block, which pays from some dozens of tokens on. On one core a product of Q4_1 with 512 tokens,
 * [576, 1536] or [1536, 576], reaches 79 and 81 % of the rate of codes, 67 and 68 % with all scales. */

enum {
  ROUNDED_BLOCK = KELVIN_BLOCK * KELVIN_PANEL,
  ROUNDED_BLOCKS = 512, /* that stay in the second cache while the tokens pass by: 256 KB */
  ROUNDED_TILE = CODE_TOKENS * (KELVIN_BLOCK + 8),
  ROUNDED_STRETCH = TILE_BYTES / ROUNDED_TILE, /* blocks of a row whose activations stay in the first cache */
};

/* 32 words of 16 bits; two neighbours belong to the same row. */
typedef uint16_t words __attribute__((vector_size(4 * LANES)));

INLINE words twice(vi x) { return (words)((x & 0xffff) | x << 16); }

INLINE vf magnitude(vf x) { return (vf)((vi)x & 0x7fffffff); }

/* The numbers that the codes 0 and 15 of a block's rows mean. */
INLINE void ends_of(bool minimum, const kelvin_weight *w, const uint8_t *block, vf *first, vf *last) {
  const vf scale = load_half(block + 256);
  *first = minimum ? load_half(block + 256 + 2 * KELVIN_PANEL) : scale * broadcast(-(float)w->zero);
  *last = fused(scale, broadcast(15), *first);
}

/* The greatest magnitude in each row of a panel, if all codes occur. */
INLINE vf greatest_of(bool minimum, const kelvin_weight *w, const uint8_t *panel) {
  vf greatest = broadcast(0), first, last;
  for (int32_t b = 0; b < blocks_of(w->columns); b++) {
    ends_of(minimum, w, panel + (size_t)b * block_bytes(w), &first, &last);
    greatest = larger(greatest, larger(magnitude(first), magnitude(last)));
  }
  return greatest;
}

/* Where codes are the low 4 bits of words, high bytes become step * code + base, in 256ths. */
INLINE words rounded_words(words codes, words step, words base) { return (codes & 15) * step + base; }

/* A block as U8 with the zero 128: a number becomes the nearest to 128 + number * inverse, from 1 to 255. Words do not
 * overflow: steps are off by half a 256th at most, 15 of them and the first by 8. */
INLINE void round_block(bool minimum, const kelvin_weight *w, const uint8_t *block, vf inverse, uint8_t *out) {
  vf first, last;
  ends_of(minimum, w, block, &first, &last);
  const vf unit = inverse * broadcast(256);
  const words step = twice(nearest(load_half(block + 256) * unit));
  const words base = twice(nearest(fused(first, unit, broadcast(128.5f * 256))));
  UNROLL for (int32_t i = 0; i < 4; i++) {
    words both;
    memcpy(&both, block + 64 * i, sizeof both);
    UNROLL for (int32_t half = 0; half < 2; half++, both >>= 4) {
      const words even = rounded_words(both, step, base), odd = rounded_words(both >> 8, step, base);
      const words bytes = even >> 8 | (odd & 0xff00);
      memcpy(out + 64 * i + 256 * half, &bytes, sizeof bytes);
    }
  }
}

/* Some panels of a weight, rounded, a stretch of blocks at a time. */
typedef struct {
  const kelvin_weight *w;
  int32_t first, count;  /* panels */
  int32_t b0, blocks;    /* of the stretch */
  float scales[ROUNDED_BLOCKS * KELVIN_PANEL];
  uint8_t blocks_of_panels[ROUNDED_BLOCKS * ROUNDED_BLOCK] __attribute__((aligned(64)));
} rounded_panels;

INLINE void round_panels(bool minimum, rounded_panels *r) {
  const kelvin_weight *w = r->w;
  uint8_t *out = r->blocks_of_panels;
  for (int32_t i = 0; i < r->count; i++) {
    const uint8_t *panel = w->data + (size_t)(r->first + i) * w->panel_bytes;
    float *scales = r->scales + i * KELVIN_PANEL;
    if (r->b0 == 0) store(scales, greatest_of(minimum, w, panel) * broadcast(1.0f / 127));
    const vf scale = load(scales), inverse = choose(scale > broadcast(0), broadcast(1) / scale, broadcast(0));
    for (int32_t b = 0; b < r->blocks; b++, out += ROUNDED_BLOCK) {
      round_block(minimum, w, panel + (size_t)(r->b0 + b) * block_bytes(w), inverse, out);
    }
  }
}

/* The activations of a tile, as `fill_tile` puts them in order, for the blocks of a stretch. Token after token: so
 * memory is read in order, and the tokens of the next tile are asked for. */
static void fill_rounded_tile(const rounded_panels *r, const kelvin_activations *x, int32_t t0, uint8_t *tile) {
  const int32_t blocks = blocks_of(r->w->columns);
  for (int32_t t = 0; t < CODE_TOKENS; t++) {
    const ptrdiff_t place = (ptrdiff_t)(t0 + t) * blocks + r->b0;
    const int8_t *codes = x->codes + place * KELVIN_BLOCK;
    const int16_t *halves = x->sums + 2 * place;
    uint8_t *to = tile + t * KELVIN_BLOCK, *scale = tile + CODE_TOKENS * KELVIN_BLOCK + 4 * t;
    for (int32_t b = 0; b < r->blocks; b++, to += ROUNDED_TILE, scale += ROUNDED_TILE, codes += KELVIN_BLOCK) {
      const int32_t start = OFFSET_BITS - 128 * (halves[2 * b] + halves[2 * b + 1]);
      __builtin_prefetch(codes + (ptrdiff_t)CODE_TOKENS * blocks * KELVIN_BLOCK, 0, 2);
      memcpy(to, codes, KELVIN_BLOCK);
      memcpy(scale, x->scales + place + b, 4);
      memcpy(scale + 4 * CODE_TOKENS, &start, 4);
    }
  }
}

/* The products of a tile and panel i, from token `from` on. Partial sums wait in y, as in `multiply_part`. */
static void multiply_rounded_panel(const rounded_panels *r, int32_t i, const uint8_t *tile, int32_t from,
                                   const float *bias, float *y, ptrdiff_t y_stride) {
  const int32_t row = (r->first + i) * KELVIN_PANEL, left = r->w->rows - row, rows = left < LANES ? left : LANES;
  const uint8_t *block = r->blocks_of_panels + (size_t)(i * r->blocks) * ROUNDED_BLOCK;
  y += row;
  vf totals[CODE_TOKENS];
  UNROLL for (int32_t t = 0; t < CODE_TOKENS; t++) {
    totals[t] = r->b0 == 0 ? broadcast(0) : load_some(y + t * y_stride, rows);
  }
  for (int32_t b = 0; b < r->blocks; b++, block += ROUNDED_BLOCK, tile += ROUNDED_TILE) {
    const uint8_t *scales = tile + CODE_TOKENS * KELVIN_BLOCK, *starts = scales + 4 * CODE_TOKENS;
    sums s[CODE_TOKENS];
    UNROLL for (int32_t t = 0; t < CODE_TOKENS; t++) s[t] = sums_from(int_at(starts + 4 * t));
    UNROLL for (int32_t c = 0; c < KELVIN_BLOCK; c += 4) {
      codes bytes;
      read_codes(r->w, block + KELVIN_PANEL * c, &bytes);
      UNROLL for (int32_t t = 0; t < CODE_TOKENS; t++) {
        s[t] = add_dot(false, s[t], bytes, (const int8_t *)tile + t * KELVIN_BLOCK + c);
      }
    }
    UNROLL for (int32_t t = 0; t < CODE_TOKENS; t++) {
      totals[t] = fused((vf)s[t] - broadcast(OFFSET), broadcast(float_at(scales + 4 * t)), totals[t]);
    }
  }
  const bool ends = r->b0 + r->blocks == blocks_of(r->w->columns);
  const vf scale = ends ? load(r->scales + i * KELVIN_PANEL) : broadcast(1);
  const vf added = ends && bias ? load_some(bias + row, rows) : broadcast(0);
  for (int32_t t = from; t < CODE_TOKENS; t++) store_some(y + t * y_stride, fused(totals[t], scale, added), rows);
}

/* The last tile begins before the last of its tokens that were computed, so that every tile has CODE_TOKENS. */
static void multiply_rounded_panels(const rounded_panels *r, const kelvin_activations *x, int32_t tokens,
                                    const float *bias, float *y, ptrdiff_t y_stride) {
  uint8_t tile[TILE_BYTES] __attribute__((aligned(64)));
  for (int32_t done = 0; done < tokens; done += CODE_TOKENS) {
    const int32_t t = tokens - done < CODE_TOKENS ? tokens - CODE_TOKENS : done;
    fill_rounded_tile(r, x, t, tile);
    for (int32_t i = 0; i < r->count; i++) {
      multiply_rounded_panel(r, i, tile, done - t, bias, y + t * y_stride, y_stride);
    }
  }
}

static void multiply_rounded(const kelvin_weight *w, const kelvin_activations *x, int32_t tokens, int32_t first,
                             int32_t last, const float *bias, float *y, ptrdiff_t y_stride) {
  const int32_t blocks = blocks_of(w->columns), most = blocks < ROUNDED_STRETCH ? blocks : ROUNDED_STRETCH;
  const int32_t group = most > 0 ? ROUNDED_BLOCKS / most : 1;
  rounded_panels r = {.w = w};
  for (r.first = first; r.first < last; r.first += group) {
    r.count = last - r.first < group ? last - r.first : group;
    for (r.b0 = 0; r.b0 < blocks; r.b0 += r.blocks) {
      r.blocks = blocks - r.b0 < most ? blocks - r.b0 : most;
      if (w->has_minimum) round_panels(true, &r);
      else round_panels(false, &r);
      multiply_rounded_panels(&r, x, tokens, bias, y, y_stride);
    }
  }
}
