/* Many activations in bfloat16 times weights, by tiles: 32 tokens and 2 panels at a time. Packed bfloats are read where they
 * lie; codes and halves are first written as they do, some panels at a time.
 *
 * To write 16 rows of a block of nibbles takes about 60 cycles, and a token 1 cycle for each such block. */

enum {
  TILED_TOKENS = 2 * TILE_ROWS,
  TILED_BLOCKS = 64, /* of a stretch */
  TILED_BFLOATS = 512 * 1024 / 2 /* that stay in the second cache while the tokens pass by: 512 KB */
};

/* Some panels of a weight, a stretch of blocks at a time. */
typedef struct {
  const kelvin_weight *w;
  int32_t first, count; /* panels */
  int32_t b0, blocks;   /* of the stretch */
  _Alignas(64) float sums[TILED_TOKENS * 2 * KELVIN_PANEL];
  _Alignas(64) uint16_t written[TILED_BFLOATS];
} tiled_panels;

/* The numbers of LANES rows in one column of a block: byte `c` of each word. */
INLINE vf column_of(bool nibbles, vi words, int32_t c) {
  return __builtin_convertvector(words >> (8 * c) & (nibbles ? 15 : 255), vf);
}

/* A block of codes as pairs of bfloats. */
INLINE void write_block(codes_shape shape, const kelvin_weight *w, const uint8_t *block, int32_t *to) {
  const uint8_t *scales = block + (shape.nibbles ? 256 : 512);
  vf scale[2], base[2];
  UNROLL for (int32_t set = 0; set < shape.sets; set++) {
    scale[set] = load_half(scales + 2 * KELVIN_PANEL * set);
    base[set] = shape.minimum ? load_half(scales + 2 * KELVIN_PANEL * (shape.sets + set))
                              : scale[set] * broadcast(-(float)w->zero);
  }
  UNROLL for (int32_t i = 0; i < (shape.nibbles ? 4 : 8); i++) {
    vi words = (vi)load((const float *)(block + 64 * i));
    UNROLL for (int32_t half = 0; half < (shape.nibbles ? 2 : 1); half++, words >>= 4) {
      const int32_t pair = 2 * i + 8 * half, set = pair * shape.sets / 16;
      UNROLL for (int32_t c = 0; c < 4; c += 2) {
        const vf first = fused(column_of(shape.nibbles, words, c), scale[set], base[set]);
        const vf second = fused(column_of(shape.nibbles, words, c + 1), scale[set], base[set]);
        store((float *)to + KELVIN_PANEL * (pair + c / 2), (vf)pair_of(first, second));
      }
    }
  }
}

/* A block of halves as pairs of bfloats. */
INLINE void write_halves(const uint8_t *block, int32_t *to) {
  for (int32_t pair = 0; pair < KELVIN_BLOCK / 2; pair++, block += 4 * KELVIN_PANEL) {
    store((float *)to + KELVIN_PANEL * pair, (vf)pair_of(load_half(block), load_half(block + 2 * KELVIN_PANEL)));
  }
}

INLINE void write_blocks(codes_shape shape, const tiled_panels *p, const uint8_t *panel, int32_t *to) {
  panel += (size_t)p->b0 * shape_bytes(shape);
  for (int32_t b = 0; b < p->blocks; b++, to += KELVIN_PANEL * KELVIN_BLOCK / 2) {
    write_block(shape, p->w, panel + (size_t)b * shape_bytes(shape), to);
  }
}

static void write_panel(const tiled_panels *p, const uint8_t *panel, int32_t *to) {
  const kelvin_weight *w = p->w;
  if (w->packing == KELVIN_PACKED_F16) {
    panel += (size_t)p->b0 * KELVIN_BLOCK * KELVIN_PANEL * 2;
    for (int32_t b = 0; b < p->blocks; b++, to += KELVIN_PANEL * KELVIN_BLOCK / 2) {
      write_halves(panel + (size_t)b * KELVIN_BLOCK * KELVIN_PANEL * 2, to);
    }
  } else if (w->packing == KELVIN_PACKED_U4) {
    if (w->has_minimum) write_blocks((codes_shape){true, true, 1, 0}, p, panel, to);
    else write_blocks((codes_shape){true, false, 1, 0}, p, panel, to);
  } else if (w->group == KELVIN_BLOCK) {
    if (w->has_minimum) write_blocks((codes_shape){false, true, 1, 0}, p, panel, to);
    else write_blocks((codes_shape){false, false, 1, 0}, p, panel, to);
  } else {
    if (w->has_minimum) write_blocks((codes_shape){false, true, 2, 0}, p, panel, to);
    else write_blocks((codes_shape){false, false, 2, 0}, p, panel, to);
  }
}

INLINE bool lies_in_bfloats(const kelvin_weight *w) { return w->packing == KELVIN_PACKED_BF16; }

/* Where the bfloats of panel i lie. */
INLINE const uint16_t *bfloats_of(const tiled_panels *p, int32_t i) {
  const size_t block = KELVIN_PANEL * KELVIN_BLOCK;
  if (!lies_in_bfloats(p->w)) return p->written + (size_t)(i * p->blocks) * block;
  return (const uint16_t *)(p->w->data + (size_t)(p->first + i) * p->w->panel_bytes) + (size_t)p->b0 * block;
}

/* Where sums lie: 32 tokens x 32 rows, `apart` floats from token to token. */
typedef struct {
  float *at;
  ptrdiff_t apart;
} tiled_sums;

/* Some rows of activations in bfloat16, from the first column of a stretch on, and what is asked for while they are multiplied: the
 * lines of sums that will be written, and rows that come next. Both may lie in another processor's cache. */
typedef struct {
  const uint16_t *rows, *next;
  ptrdiff_t stride;
  int32_t count, next_count;
} tiled_rows;

INLINE void ask_for_tiles(const tiled_rows *x, tiled_sums sums, int32_t block, int32_t blocks) {
  for (int32_t t = block * x->count / blocks; t < (block + 1) * x->count / blocks; t++) {
    __builtin_prefetch(sums.at + t * sums.apart, 1, 3);
    __builtin_prefetch(sums.at + t * sums.apart + KELVIN_PANEL, 1, 3);
  }
  for (int32_t r = 0; r < x->next_count; r++) __builtin_prefetch(x->next + r * x->stride + block * KELVIN_BLOCK, 0, 2);
}

/* sums += the tokens times two panels, from zero on if `starts`; `many`: of the tokens not only the first 16. */
INLINE void multiply_tiled(bool many, bool starts, const tiled_panels *p, const uint16_t *left, const uint16_t *right,
                           tiled_sums sums, const tiled_rows *x) {
  enum { ROW = 2 * KELVIN_BLOCK };
  const ptrdiff_t apart = 4 * sums.apart;
  float *upper = sums.at, *lower = upper + TILE_ROWS * sums.apart;
  const uint16_t *tokens = x->rows, *others = tokens + TILE_ROWS * x->stride;
  const ptrdiff_t stride = 2 * x->stride;
  if (starts) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  } else {
    _tile_loadd(0, upper, apart);
    _tile_loadd(1, upper + KELVIN_PANEL, apart);
    if (many) _tile_loadd(2, lower, apart);
    if (many) _tile_loadd(3, lower + KELVIN_PANEL, apart);
  }
  /* What comes next is loaded as soon as its tile has been read: with a busy neighbour on the same core a load takes 11 ns instead
   * of 3, a product 6.4, and products wait for fewer of them so (287 GMAC/s, 251 block by block; alone 783 and 754). */
  _tile_loadd(4, tokens, stride);
  _tile_loadd(6, left, ROW);
  _tile_loadd(7, right, ROW);
  if (many) _tile_loadd(5, others, stride);
  for (int32_t b = 1; b < p->blocks; b++) {
    tokens += KELVIN_BLOCK;
    others += KELVIN_BLOCK;
    left += KELVIN_PANEL * KELVIN_BLOCK;
    right += KELVIN_PANEL * KELVIN_BLOCK;
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_loadd(4, tokens, stride);
    ask_for_tiles(x, sums, b - 1, p->blocks);
    if (many) _tile_dpbf16ps(2, 5, 6);
    _tile_loadd(6, left, ROW);
    if (many) _tile_dpbf16ps(3, 5, 7);
    _tile_loadd(7, right, ROW);
    if (many) _tile_loadd(5, others, stride);
  }
  _tile_dpbf16ps(0, 4, 6);
  _tile_dpbf16ps(1, 4, 7);
  ask_for_tiles(x, sums, p->blocks - 1, p->blocks);
  if (many) _tile_dpbf16ps(2, 5, 6);
  if (many) _tile_dpbf16ps(3, 5, 7);
  _tile_stored(0, upper, apart);
  _tile_stored(1, upper + KELVIN_PANEL, apart);
  if (many) _tile_stored(2, lower, apart);
  if (many) _tile_stored(3, lower + KELVIN_PANEL, apart);
}

static void multiply_tiles_of(bool many, bool starts, const tiled_panels *p, const uint16_t *left, const uint16_t *right,
                              tiled_sums sums, const tiled_rows *x) {
  if (many && starts) multiply_tiled(true, true, p, left, right, sums, x);
  else if (many) multiply_tiled(true, false, p, left, right, sums, x);
  else if (starts) multiply_tiled(false, true, p, left, right, sums, x);
  else multiply_tiled(false, false, p, left, right, sums, x);
}

/* The tokens of a tile times `panels` panels from i on, 1 or 2. Partial sums wait in y, as in `multiply_part`. Whole tiles
 * are written where they belong, others by way of p->sums. */
static void multiply_pair(tiled_panels *p, int32_t i, int32_t panels, const tiled_rows *x, const float *bias, float *y,
                          ptrdiff_t y_stride) {
  const bool starts = p->b0 == 0, biased = bias && p->b0 + p->blocks == blocks_of(p->w->columns);
  const int32_t row = (p->first + i) * KELVIN_PANEL, tokens = x->count;
  const uint16_t *left = bfloats_of(p, i), *right = panels > 1 ? bfloats_of(p, i + 1) : left;
  const bool many = tokens > TILE_ROWS, whole = tokens % TILE_ROWS == 0 && p->w->rows - row >= 2 * KELVIN_PANEL;
  if (whole && panels == 2 && !biased) {
    multiply_tiles_of(many, starts, p, left, right, (tiled_sums){y + row, y_stride}, x);
    return;
  }
  for (int32_t v = 0; v < panels && !starts; v++) {
    const int32_t at = row + v * LANES;
    for (int32_t t = 0; t < tokens; t++) {
      store(p->sums + (2 * t + v) * LANES, load_some(y + t * y_stride + at, rows_of(p->w, at)));
    }
  }
  multiply_tiles_of(many, starts, p, left, right, (tiled_sums){p->sums, 2 * KELVIN_PANEL}, x);
  for (int32_t v = 0; v < panels; v++) {
    const int32_t at = row + v * LANES, rows = rows_of(p->w, at);
    const vf added = biased ? load_some(bias + at, rows) : broadcast(0);
    for (int32_t t = 0; t < tokens; t++) {
      store_some(y + t * y_stride + at, load(p->sums + (2 * t + v) * LANES) + added, rows);
    }
  }
}

/* A stretch of some panels, for all tokens. */
static void multiply_stretch(tiled_panels *p, const kelvin_activations *x, int32_t tokens, const float *bias, float *y,
                             ptrdiff_t y_stride) {
  const int32_t pairs = (p->count + 1) / 2;
  tiled_rows rows = {.stride = (ptrdiff_t)blocks_of(p->w->columns) * KELVIN_BLOCK};
  for (int32_t t = 0; t < tokens; t += TILED_TOKENS) {
    const int32_t left = tokens - t, after = left - TILED_TOKENS;
    rows.rows = x->halves + t * rows.stride + p->b0 * KELVIN_BLOCK;
    rows.count = left < TILED_TOKENS ? left : TILED_TOKENS;
    for (int32_t i = 0; i < pairs; i++) {
      const int32_t following = after < 0 ? 0 : after < TILED_TOKENS ? after : TILED_TOKENS;
      const int32_t first = i * following / pairs;
      rows.next = rows.rows + (TILED_TOKENS + first) * rows.stride;
      rows.next_count = (i + 1) * following / pairs - first;
      multiply_pair(p, 2 * i, p->count - 2 * i < 2 ? 1 : 2, &rows, bias, y + t * y_stride, y_stride);
    }
  }
}

static void halve(const kelvin_activations *x, int32_t columns, int32_t first, int32_t last) {
  const int32_t padded = blocks_of(columns) * KELVIN_BLOCK;
  for (int32_t t = first; t < last; t++) {
    round_row(x->values + t * x->stride, columns, padded, x->halves + (ptrdiff_t)t * padded);
  }
}

static void multiply_rounded(const kelvin_weight *w, const kelvin_activations *x, int32_t tokens, int32_t first,
                             int32_t last, const float *bias, float *y, ptrdiff_t y_stride) {
  const int32_t blocks = blocks_of(w->columns), stretches = (blocks + TILED_BLOCKS - 1) / TILED_BLOCKS;
  const int32_t most = stretches > 0 ? (blocks + stretches - 1) / stretches : 1;
  const int32_t group = lies_in_bfloats(w) ? last - first : TILED_BFLOATS / (most * KELVIN_PANEL * KELVIN_BLOCK);
  tiled_panels p; /* 520 KB, which nobody needs to be zeros */
  p.w = w;
  begin_tiles();
  for (p.first = first; p.first < last; p.first += group) {
    p.count = last - p.first < group ? last - p.first : group;
    for (p.b0 = 0; p.b0 < blocks; p.b0 += p.blocks) {
      p.blocks = blocks - p.b0 < most ? blocks - p.b0 : most;
      for (int32_t i = 0; i < p.count && !lies_in_bfloats(w); i++) {
        uint16_t *to = p.written + (size_t)(i * p.blocks) * KELVIN_PANEL * KELVIN_BLOCK;
        write_panel(&p, w->data + (size_t)(p.first + i) * w->panel_bytes, (int32_t *)to);
      }
      multiply_stretch(&p, x, tokens, bias, y, y_stride);
    }
  }
  end_tiles();
}
