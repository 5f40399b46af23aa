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
  ROUNDED_STRETCH = 20, /* blocks of a row that stay in the first cache: those of ROUNDED_PANELS panels and a tile's, 40 KB */
  ROUNDED_PANELS = 3,
  ROUNDED_TOKENS = 4,
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

/* The products of a tile and `panels` panels from i on, from token `from` on. Partial sums wait in y, as in `multiply_part`.
 *
 * Every register of codes meets ROUNDED_TOKENS tokens and every activation ROUNDED_PANELS panels: 7 loads for 12 products. Where
 * each of 12 tokens was loaded for one panel, a processor that loads 1 register a cycle and makes 2 products spent its time on
 * loads: 172 GMAC/s from the first cache, 300 so. */
INLINE void multiply_rounded_part(int32_t panels, const rounded_panels *r, int32_t i, const uint8_t *tile, int32_t from,
                                  const float *bias, float *y, ptrdiff_t y_stride) {
  const int32_t row = (r->first + i) * KELVIN_PANEL, left = r->w->rows - row - (panels - 1) * LANES;
  const int32_t rows = left < LANES ? left : LANES; /* of the last panel */
  const ptrdiff_t stride = (ptrdiff_t)r->blocks * ROUNDED_BLOCK;
  const bool ends = r->b0 + r->blocks == blocks_of(r->w->columns);
  y += row;
  for (int32_t t0 = from / ROUNDED_TOKENS * ROUNDED_TOKENS; t0 < CODE_TOKENS; t0 += ROUNDED_TOKENS) {
    const uint8_t *block = r->blocks_of_panels + i * stride, *x = tile + t0 * KELVIN_BLOCK;
    vf totals[ROUNDED_TOKENS][ROUNDED_PANELS];
    UNROLL for (int32_t t = 0; t < ROUNDED_TOKENS; t++) {
      UNROLL for (int32_t p = 0; p < panels; p++) {
        const float *partial = y + (t0 + t) * y_stride + p * LANES;
        totals[t][p] = r->b0 == 0 ? broadcast(0) : load_some(partial, p < panels - 1 ? LANES : rows);
      }
    }
    for (int32_t b = 0; b < r->blocks; b++, block += ROUNDED_BLOCK, x += ROUNDED_TILE) {
      const uint8_t *scales = x + CODE_TOKENS * KELVIN_BLOCK - t0 * (KELVIN_BLOCK - 4), *starts = scales + 4 * CODE_TOKENS;
      sums s[ROUNDED_TOKENS][ROUNDED_PANELS];
      UNROLL for (int32_t t = 0; t < ROUNDED_TOKENS; t++) {
        UNROLL for (int32_t p = 0; p < panels; p++) s[t][p] = sums_from(int_at(starts + 4 * t));
      }
      UNROLL for (int32_t c = 0; c < KELVIN_BLOCK; c += 4) {
        codes bytes[ROUNDED_PANELS];
        UNROLL for (int32_t p = 0; p < panels; p++) read_codes(r->w, block + p * stride + KELVIN_PANEL * c, &bytes[p]);
        UNROLL for (int32_t t = 0; t < ROUNDED_TOKENS; t++) {
          UNROLL for (int32_t p = 0; p < panels; p++) {
            s[t][p] = add_dot(false, s[t][p], bytes[p], (const int8_t *)x + t * KELVIN_BLOCK + c);
          }
        }
      }
      UNROLL for (int32_t t = 0; t < ROUNDED_TOKENS; t++) {
        UNROLL for (int32_t p = 0; p < panels; p++) {
          totals[t][p] = fused((vf)s[t][p] - broadcast(OFFSET), broadcast(float_at(scales + 4 * t)), totals[t][p]);
        }
      }
    }
    UNROLL for (int32_t p = 0; p < panels; p++) {
      const int32_t count = p < panels - 1 ? LANES : rows;
      const vf scale = ends ? load(r->scales + (i + p) * KELVIN_PANEL) : broadcast(1);
      const vf added = ends && bias ? load_some(bias + row + p * LANES, count) : broadcast(0);
      UNROLL for (int32_t t = 0; t < ROUNDED_TOKENS; t++) {
        if (t0 + t < from) continue;
        store_some(y + (t0 + t) * y_stride + p * LANES, fused(totals[t][p], scale, added), count);
      }
    }
  }
}

static void multiply_rounded_panels_of(int32_t panels, const rounded_panels *r, int32_t i, const uint8_t *tile,
                                       int32_t from, const float *bias, float *y, ptrdiff_t y_stride) {
  if (panels == 3) multiply_rounded_part(3, r, i, tile, from, bias, y, y_stride);
  else if (panels == 2) multiply_rounded_part(2, r, i, tile, from, bias, y, y_stride);
  else multiply_rounded_part(1, r, i, tile, from, bias, y, y_stride);
}

/* The last tile begins before the last of its tokens that were computed, so that every tile has CODE_TOKENS. */
static void multiply_rounded_panels(const rounded_panels *r, const kelvin_activations *x, int32_t tokens,
                                    const float *bias, float *y, ptrdiff_t y_stride) {
  uint8_t tile[TILE_BYTES] __attribute__((aligned(64)));
  for (int32_t done = 0; done < tokens; done += CODE_TOKENS) {
    const int32_t t = tokens - done < CODE_TOKENS ? tokens - CODE_TOKENS : done;
    fill_rounded_tile(r, x, t, tile);
    for (int32_t i = 0; i < r->count; i += ROUNDED_PANELS) {
      const int32_t panels = r->count - i < ROUNDED_PANELS ? r->count - i : ROUNDED_PANELS;
      multiply_rounded_panels_of(panels, r, i, tile, done - t, bias, y + t * y_stride, y_stride);
    }
  }
}

static void multiply_rounded(const kelvin_weight *w, const kelvin_activations *x, int32_t tokens, int32_t first,
                             int32_t last, const float *bias, float *y, ptrdiff_t y_stride) {
  const int32_t blocks = blocks_of(w->columns), stretches = (blocks + ROUNDED_STRETCH - 1) / ROUNDED_STRETCH;
  const int32_t most = stretches > 0 ? (blocks + stretches - 1) / stretches : 1, group = ROUNDED_BLOCKS / most;
  rounded_panels r; /* 300 KB, which nobody needs to be zeros */
  r.w = w;
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
