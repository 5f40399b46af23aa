/* Activations times packed codes (U4, U8), a tile of CODE_TOKENS tokens x LANES rows at a time. */

/* A whole number n below 2^22 added to these bits makes the bits of the float 1.5 * 2^23 + n. So sums start here, and
 * one fused multiplication takes the offset off again, scales, and saves a conversion: (1.5 * 2^23 + n) * scale
 * - 1.5 * 2^23 * scale is rounded once, as n * scale would be, for the second product is exact where scale is a half.
 * Saves 1 of 12 instructions a token and block. */
enum { OFFSET_BITS = 0x4b400000 };
#define OFFSET 0x1.8p23f

/* The activations of a tile as the product reads them, one block of 32 columns after another: the codes of each token,
 * then its scale, then for each set of columns what the format adds: OFFSET_BITS - zero * sum, or scale * sum where
 * there is a minimum. On the stack, and small enough to stay in the first cache beside the panel. */
enum { TILE_BYTES = 24 * 1024 };

INLINE int32_t tile_stride(int32_t tokens, int32_t sets) { return tokens * (KELVIN_BLOCK + 4 + 4 * sets); }

static void fill_tile(const kelvin_weight *w, const kelvin_activations *x, int32_t t0, int32_t tokens, int32_t b0,
                      int32_t b1, uint8_t *tile) {
  const int32_t blocks = blocks_of(w->columns), sets = KELVIN_BLOCK / w->group;
  for (int32_t b = b0; b < b1; b++, tile += tile_stride(tokens, sets)) {
    for (int32_t t = 0; t < tokens; t++) {
      const ptrdiff_t place = (ptrdiff_t)(t0 + t) * blocks + b;
      uint8_t *extra = tile + tokens * (KELVIN_BLOCK + 4);
      memcpy(tile + t * KELVIN_BLOCK, x->codes + place * KELVIN_BLOCK, KELVIN_BLOCK);
      memcpy(tile + tokens * KELVIN_BLOCK + 4 * t, x->scales + place, 4);
      for (int32_t set = 0; set < sets; set++) {
        const int32_t sum = sets == 2 ? x->sums[2 * place + set] : x->sums[2 * place] + x->sums[2 * place + 1];
        const int32_t whole = OFFSET_BITS - zero_of(w) * sum;
        const float scaled = x->scales[place] * (float)sum;
        memcpy(extra + 4 * (set * tokens + t), w->has_minimum ? (const void *)&scaled : (const void *)&whole, 4);
      }
    }
  }
}

/* What the compiler shall know of a product: whether codes are nibbles, whether there are minima, sets of 32 columns,
 * and tokens. */
typedef struct {
  bool nibbles, minimum;
  int32_t sets, tokens;
} codes_shape;

INLINE size_t shape_bytes(codes_shape shape) {
  return (shape.nibbles ? 256 : 512) + (size_t)shape.sets * (shape.minimum ? 2 : 1) * KELVIN_PANEL * 2;
}

/* Sums of whole numbers in several registers where a few tokens would wait for the one before. */
INLINE int32_t ways_of(codes_shape shape) { return shape.tokens == 1 ? 4 : shape.tokens <= 4 ? 2 : 1; }

/* The whole-number products of one set of columns: `at` are its codes, `x` the activations from its first column on.
 * All tokens take a register of codes before the next is read: the products are independent and wait for nothing.
 * Beside a busy neighbour Q4_K makes 140 GMAC/s in this order and 100 token by token; alone they are equal. */
INLINE void multiply_set(codes_shape shape, const kelvin_weight *w, const uint8_t *at, const int8_t *x,
                         sums s[CODE_TOKENS][4]) {
  const int32_t chunks = shape.nibbles ? 4 : 8 / shape.sets, ways = ways_of(shape);
  UNROLL for (int32_t i = 0; i < chunks; i++) {
    codes first, second;
    if (shape.nibbles) read_nibbles(at + 64 * i, &first, &second);
    else read_codes(w, at + 64 * i, &first);
    UNROLL for (int32_t t = 0; t < shape.tokens; t++) {
      sums *sum = &s[t][i % ways];
      *sum = add_dot(shape.nibbles, *sum, first, x + t * KELVIN_BLOCK + 4 * i);
    }
    UNROLL for (int32_t t = 0; t < (shape.nibbles ? shape.tokens : 0); t++) {
      sums *sum = &s[t][(i + ways / 2) % ways];
      *sum = add_dot(shape.nibbles, *sum, second, x + t * KELVIN_BLOCK + 16 + 4 * i);
    }
  }
}

/* Adds set `set` of a block to the totals of the rows LANES*part.. of a panel. */
INLINE void add_set(codes_shape shape, const kelvin_weight *w, const uint8_t *block, int32_t set, int32_t part,
                    const uint8_t *tile, vf *totals) {
  const int32_t tokens = shape.tokens, columns = KELVIN_BLOCK / shape.sets * set;
  const uint8_t *scales = block + (shape.nibbles ? 256 : 512) + 2 * LANES * part;
  const vf scale = load_half(scales + 2 * KELVIN_PANEL * set), offset = scale * broadcast(-OFFSET);
  const vf least = shape.minimum ? load_half(scales + 2 * KELVIN_PANEL * (shape.sets + set)) : broadcast(0);
  const uint8_t *x_scales = tile + tokens * KELVIN_BLOCK, *extra = x_scales + 4 * tokens * (1 + set);
  sums s[CODE_TOKENS][4];
  UNROLL for (int32_t t = 0; t < tokens; t++) {
    s[t][0] = sums_from(shape.minimum ? OFFSET_BITS : int_at(extra + 4 * t));
    UNROLL for (int32_t way = 1; way < ways_of(shape); way++) s[t][way] = sums_from(0);
  }
  multiply_set(shape, w, block + 16 * columns + 4 * LANES * part, (const int8_t *)tile + columns, s);
  UNROLL for (int32_t t = 0; t < tokens; t++) {
    UNROLL for (int32_t way = 1; way < ways_of(shape); way++) s[t][0] = join(s[t][0], s[t][way]);
    const int32_t start = shape.minimum ? OFFSET_BITS : int_at(extra + 4 * t);
    const vf dot = fused((vf)whole_of(shape.nibbles, s[t][0], start), scale, offset);
    totals[t] = fused(dot, broadcast(float_at(x_scales + 4 * t)), totals[t]);
    if (shape.minimum) totals[t] = fused(least, broadcast(float_at(extra + 4 * t)), totals[t]);
  }
}

/* A part of a product: `blocks` blocks from `b0` on, for the tokens of a tile and one panel. */
typedef struct {
  const kelvin_weight *w;
  const uint8_t *tile;
  const float *bias;
  float *y; /* of the tile's first token */
  ptrdiff_t y_stride;
  int32_t panel, b0, blocks;
  ptrdiff_t ahead; /* bytes from what is read to what is asked for, 0: nothing */
  const pages_ahead *pages; /* what is asked for where the weight is the keys of a page, or NULL */
  int32_t streams, apart; /* streams > 0: as many panels, `apart` from each other */
} codes_part;

/* Rows of a vector that begins at `row`. */
INLINE int32_t rows_of(const kelvin_weight *w, int32_t row) { return w->rows - row < LANES ? w->rows - row : LANES; }

/* Partial sums wait in y, where the columns take more than one tile; that loses nothing. The additions to a total are
 * in the order of the blocks, whatever the tile. */
INLINE void multiply_part(codes_shape shape, const codes_part *p) {
  const kelvin_weight *w = p->w;
  const size_t bytes = shape_bytes(shape);
  for (int32_t part = 0; part < KELVIN_PANEL / LANES; part++) {
    const uint8_t *block = w->data + (size_t)p->panel * w->panel_bytes + (size_t)p->b0 * bytes, *tile = p->tile;
    const int32_t row = p->panel * KELVIN_PANEL + part * LANES;
    const int32_t rows = rows_of(w, row);
    if (rows <= 0) return;
    vf totals[CODE_TOKENS];
    UNROLL for (int32_t t = 0; t < shape.tokens; t++) {
      totals[t] = p->b0 == 0 ? broadcast(0) : load_some(p->y + t * p->y_stride + row, rows);
    }
    for (int32_t b = 0; b < p->blocks; b++, block += bytes, tile += tile_stride(shape.tokens, shape.sets)) {
      for (size_t i = 0; i < (p->ahead ? bytes : 0); i += 64) {
        __builtin_prefetch(block + p->ahead + i, 0, 2);
      }
      if (p->pages) ask_ahead(p->pages, (size_t)(block - w->data), bytes);
      UNROLL for (int32_t set = 0; set < shape.sets; set++) add_set(shape, w, block, set, part, tile, totals);
    }
    const bool biased = p->bias && p->b0 + p->blocks == blocks_of(w->columns);
    UNROLL for (int32_t t = 0; t < shape.tokens; t++) {
      if (biased) totals[t] += load_some(p->bias + row, rows);
      store_some(p->y + t * p->y_stride + row, totals[t], rows);
    }
  }
}

/* Panels that are read side by side, `apart` panels from each other. */
enum { MOST_STREAMS = 8, STREAM_AHEAD = 2048 };

/* The same for `streams` panels at a time, for so few tokens that they wait for memory. A processor that brings near what
 * follows does so for every run of addresses by itself and only some lines ahead, so several runs have more under way. Totals
 * lie in the first cache meanwhile. */
INLINE void multiply_streams(codes_shape shape, const codes_part *p) {
  const kelvin_weight *w = p->w;
  const size_t bytes = shape_bytes(shape), apart = (size_t)p->apart * w->panel_bytes;
  for (int32_t part = 0; part < KELVIN_PANEL / LANES; part++) {
    const uint8_t *blocks = w->data + (size_t)p->panel * w->panel_bytes + (size_t)p->b0 * bytes, *tile = p->tile;
    vf totals[MOST_STREAMS][4];
    for (int32_t s = 0; s < p->streams; s++) {
      const int32_t row = (p->panel + s * p->apart) * KELVIN_PANEL + part * LANES;
      for (int32_t t = 0; t < shape.tokens; t++) {
        totals[s][t] = p->b0 == 0 || row >= w->rows ? broadcast(0) : load_some(p->y + t * p->y_stride + row, rows_of(w, row));
      }
    }
    for (int32_t b = 0; b < p->blocks; b++, blocks += bytes, tile += tile_stride(shape.tokens, shape.sets)) {
      const uint8_t *block = blocks;
      for (int32_t s = 0; s < p->streams; s++, block += apart) {
        for (size_t i = 0; i < bytes; i += 64) __builtin_prefetch(block + STREAM_AHEAD + i, 0, 3);
        UNROLL for (int32_t set = 0; set < shape.sets; set++) add_set(shape, w, block, set, part, tile, totals[s]);
      }
    }
    for (int32_t s = 0; s < p->streams; s++) {
      const int32_t row = (p->panel + s * p->apart) * KELVIN_PANEL + part * LANES;
      const bool biased = p->bias && p->b0 + p->blocks == blocks_of(w->columns);
      for (int32_t t = 0; t < (row < w->rows ? shape.tokens : 0); t++) {
        if (biased) totals[s][t] += load_some(p->bias + row, rows_of(w, row));
        store_some(p->y + t * p->y_stride + row, totals[s][t], rows_of(w, row));
      }
    }
  }
}

/* One body for every kind of code, each with its shape as a constant. */
INLINE void multiply_code_shape(codes_shape shape, const codes_part *p) {
  if (shape.tokens <= 4 && p->streams > 0) multiply_streams(shape, p);
  else multiply_part(shape, p);
}

INLINE void multiply_tokens(int32_t tokens, const codes_part *p) {
  if (p->w->packing == KELVIN_PACKED_U4) {
    if (p->w->has_minimum) multiply_code_shape((codes_shape){true, true, 1, tokens}, p);
    else multiply_code_shape((codes_shape){true, false, 1, tokens}, p);
  } else if (p->w->group == KELVIN_BLOCK) {
    if (p->w->has_minimum) multiply_code_shape((codes_shape){false, true, 1, tokens}, p);
    else multiply_code_shape((codes_shape){false, false, 1, tokens}, p);
  } else {
    if (p->w->has_minimum) multiply_code_shape((codes_shape){false, true, 2, tokens}, p);
    else multiply_code_shape((codes_shape){false, false, 2, tokens}, p);
  }
}

static void multiply_many(const codes_part *p) { multiply_tokens(CODE_TOKENS, p); }
static void multiply_eight(const codes_part *p) { multiply_tokens(CODE_TOKENS < 8 ? CODE_TOKENS : 8, p); }
static void multiply_four(const codes_part *p) { multiply_tokens(4, p); }
static void multiply_three(const codes_part *p) { multiply_tokens(3, p); }
static void multiply_two(const codes_part *p) { multiply_tokens(2, p); }
static void multiply_one(const codes_part *p) { multiply_tokens(1, p); }

/* Tokens that share every register of codes: those of a batch are few. */
INLINE int32_t next_tokens(int32_t tokens) {
  if (tokens >= CODE_TOKENS) return CODE_TOKENS;
  return tokens >= 8 ? 8 : tokens >= 4 ? 4 : tokens;
}

/* The part, for all its tokens; as many as `next_tokens` says. */
INLINE void multiply_panel(int32_t tokens, const codes_part *p) {
  if (tokens == CODE_TOKENS) multiply_many(p);
  else if (tokens == 8) multiply_eight(p);
  else if (tokens == 4) multiply_four(p);
  else if (tokens == 3) multiply_three(p);
  else if (tokens == 2) multiply_two(p);
  else multiply_one(p);
}

/* One tile of tokens times the panels [first, last). */
static void multiply_tile(const kelvin_weight *w, const kelvin_activations *x, int32_t t0, int32_t tokens, bool asks,
                          int32_t first, int32_t last, const float *bias, float *y, ptrdiff_t y_stride) {
  uint8_t tile[TILE_BYTES] __attribute__((aligned(64)));
  const int32_t blocks = blocks_of(w->columns), most = TILE_BYTES / tile_stride(tokens, KELVIN_BLOCK / w->group);
  for (int32_t b = 0; b < blocks; b += most) {
    codes_part p = {
        .w = w, .tile = tile, .bias = bias, .y = y + t0 * y_stride, .y_stride = y_stride,
        .panel = first, .b0 = b, .blocks = blocks - b < most ? blocks - b : most,
        .ahead = asks ? PREFETCH_BYTES : 0,
    };
    fill_tile(w, x, t0, tokens, b, b + p.blocks, tile);
    if (asks && tokens <= 4 && reads_in_streams()) {
      p.apart = (last - first + MOST_STREAMS - 1) / MOST_STREAMS;
      for (; p.panel < first + p.apart; p.panel++) {
        p.streams = (last - p.panel + p.apart - 1) / p.apart;
        multiply_panel(tokens, &p);
      }
      continue;
    }
    for (; p.panel < last; p.panel++) multiply_panel(tokens, &p);
  }
}

/* Panels that stay in the second cache while the tokens pass by. */
enum { GROUP_BYTES = 1024 * 1024 };

/* Products of so few tokens wait for the weights, so their first tile asks for them ahead. */
enum { FEW_TOKENS = 16 };

static void multiply_codes(const kelvin_weight *w, const kelvin_activations *x, int32_t tokens, int32_t first,
                           int32_t last, const float *bias, float *y, ptrdiff_t y_stride) {
  const size_t fitting = GROUP_BYTES / (w->panel_bytes + 1);
  const int32_t group = tokens <= 4 ? last - first : fitting < 1 ? 1 : (int32_t)fitting;
  for (int32_t panel = first; panel < last; panel += group) {
    const int32_t end = last - panel < group ? last : panel + group;
    for (int32_t t = 0; t < tokens;) {
      const int32_t count = next_tokens(tokens - t);
      multiply_tile(w, x, t, count, t == 0 && tokens <= FEW_TOKENS, panel, end, bias, y, y_stride);
      t += count;
    }
  }
}
