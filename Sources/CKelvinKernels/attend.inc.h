/* Attention over pages. A vector holds one channel of LANES entries of a key, or LANES channels of a value; ATTEND_ROWS
 * queries share every vector. */

INLINE vf load_number(kelvin_entry_format format, const uint8_t *at) {
  switch (format) {
  case KELVIN_ENTRY_F16: return load_half(at);
  case KELVIN_ENTRY_BF16: return load_bfloat(at);
  default: break;
  }
  return load((const float *)at);
}

INLINE void store_number(kelvin_entry_format format, uint8_t *at, vf x) {
  switch (format) {
  case KELVIN_ENTRY_F16: store_half(at, x); return;
  case KELVIN_ENTRY_BF16: store_bfloat(at, x); return;
  default: store((float *)at, x); return;
  }
}

/* Channels that are converted to floats at once where many queries read them, 16 KB. */
enum { TILE_CHANNELS = 64 };

/* Rows that are worth a conversion to floats beforehand. */
enum { MANY_ROWS = 2 * ATTEND_ROWS };

/* How many of the remaining rows to take at once: 7 as 4 + 3 and 8 as 4 + 4, for 1 or 2 rows waste most of a pass. */
INLINE int32_t next_rows(int32_t rows) {
  if (rows >= ATTEND_ROWS && rows != 7 && rows != 8) return ATTEND_ROWS;
  return rows < 4 ? rows : 4;
}

/* ---- Scores ---- */

/* Channels of one page's keys for some of the queries; channel 0 is the first of `keys` and `queries`. */
typedef struct {
  const uint8_t *keys;
  int32_t channels, entries;
  const float *queries;
  ptrdiff_t query_stride;
  float *scores;
  ptrdiff_t stride;
  const pages_ahead *ahead; /* what is asked for where `keys` are those of a whole page, or NULL */
  bool starts, ends; /* the first channels start from zero, the last ones multiply by the scale */
  float scale;
} score_part;

/* Channels of one page's values for some rows of weights. */
typedef struct {
  const uint8_t *values;
  const float *scales; /* [channels / 32][64], where the values are quantised */
  size_t value_stride; /* bytes from entry to entry */
  int32_t channels, entries;
  const float *weights;
  ptrdiff_t stride;
  float *out;
  ptrdiff_t out_stride;
  const pages_ahead *ahead; /* what is asked for, or NULL */
  size_t first;             /* bytes before `values` of all values of the page */
} mix_part;

INLINE void score_rows(kelvin_entry_format format, int32_t rows, const score_part *p) {
  const size_t bytes = entry_bytes(format);
  for (int32_t entry = 0; entry < p->entries; entry += ATTEND_VECTORS * LANES) {
    vf sum[ATTEND_ROWS][ATTEND_VECTORS];
    UNROLL for (int32_t r = 0; r < rows; r++) {
      UNROLL for (int32_t v = 0; v < ATTEND_VECTORS; v++) {
        sum[r][v] = p->starts ? broadcast(0) : load(p->scores + r * p->stride + entry + v * LANES);
      }
    }
    const uint8_t *keys = p->keys + (size_t)entry * bytes;
    for (int32_t d = 0; d < p->channels; d++, keys += KELVIN_PAGE_ENTRIES * bytes) {
      vf key[ATTEND_VECTORS];
      if (rows <= 4 && p->ahead) ask_ahead(p->ahead, (size_t)(keys - p->keys), ATTEND_VECTORS * LANES * bytes);
      UNROLL for (int32_t v = 0; v < ATTEND_VECTORS; v++) {
        key[v] = load_number(format, keys + (size_t)(v * LANES) * bytes);
      }
      UNROLL for (int32_t r = 0; r < rows; r++) {
        const vf query = broadcast(p->queries[r * p->query_stride + d]);
        UNROLL for (int32_t v = 0; v < ATTEND_VECTORS; v++) sum[r][v] = fused(query, key[v], sum[r][v]);
      }
    }
    UNROLL for (int32_t r = 0; r < rows; r++) {
      UNROLL for (int32_t v = 0; v < ATTEND_VECTORS; v++) {
        const vf x = p->ends ? sum[r][v] * broadcast(p->scale) : sum[r][v];
        store(p->scores + r * p->stride + entry + v * LANES, x);
      }
    }
  }
}

INLINE void score_all_rows(kelvin_entry_format format, int32_t rows, score_part p) {
  while (rows > 0) {
    const int32_t count = next_rows(rows);
    switch (count) {
    case ATTEND_ROWS: score_rows(format, ATTEND_ROWS, &p); break;
    case 4: score_rows(format, 4, &p); break;
    case 3: score_rows(format, 3, &p); break;
    case 2: score_rows(format, 2, &p); break;
    default: score_rows(format, 1, &p); break;
    }
    rows -= count;
    p.queries += count * p.query_stride;
    p.scores += count * p.stride;
  }
}

static void score_f32(int32_t rows, const score_part *p) { score_all_rows(KELVIN_ENTRY_F32, rows, *p); }
static void score_f16(int32_t rows, const score_part *p) { score_all_rows(KELVIN_ENTRY_F16, rows, *p); }
static void score_bf16(int32_t rows, const score_part *p) { score_all_rows(KELVIN_ENTRY_BF16, rows, *p); }

/* numbers[count] as floats, count a multiple of LANES. */
static void to_floats(kelvin_entry_format format, const uint8_t *from, int32_t count, float *numbers) {
  for (int32_t i = 0; i < count; i += LANES) {
    store(numbers + i, load_number(format, from + (size_t)i * entry_bytes(format)));
  }
}

#if defined(TILE_PRODUCTS)
#include "pair_rows.inc.h"
#include "attend_tiles.inc.h"
#elif defined(PAIR_PRODUCTS)
#include "attend_pairs.inc.h"
#endif

INLINE bool reads_pairs(kelvin_entry_format format) {
#ifdef ATTENTION_ROUNDS
  return !is_quantised(format);
#else
  return (void)format, false;
#endif
}

/* Around products that round to bfloat16. */
INLINE void begin_rounding(void) {
#ifdef TILE_PRODUCTS
  begin_tiles();
#endif
}

INLINE void end_rounding(void) {
#ifdef TILE_PRODUCTS
  end_tiles();
#endif
}

static void scores(const kelvin_head *head, int32_t first, int32_t last, const float *queries, ptrdiff_t query_stride,
                   int32_t rows, float scale, float *scores, ptrdiff_t stride) {
  if (is_quantised(head->key_format)) {
    score_codes(head, first, last, queries, query_stride, rows, scale, scores, stride);
    return;
  }
  const size_t bytes = entry_bytes(head->key_format);
  const bool converts = rows > MANY_ROWS && head->key_format != KELVIN_ENTRY_F32;
  const int32_t width = head->key_width, step = converts && width > TILE_CHANNELS ? TILE_CHANNELS : width;
  float tile[TILE_CHANNELS * KELVIN_PAGE_ENTRIES] __attribute__((aligned(64)));
  if (converts) begin_rounding();
  for (int32_t entry = first; entry < last; entry += KELVIN_PAGE_ENTRIES) {
    const pages_ahead ahead = keys_ahead(head, first, entry, last);
    for (int32_t d = 0; d < width; d += step) {
      const int32_t channels = width - d < step ? width - d : step;
      score_part p = {
          .keys = page_of(head, entry) + (size_t)d * KELVIN_PAGE_ENTRIES * bytes, .channels = channels,
          .entries = last - entry < KELVIN_PAGE_ENTRIES ? last - entry : KELVIN_PAGE_ENTRIES,
          .queries = queries + d, .query_stride = query_stride,
          .scores = scores + entry - first, .stride = stride,
          .ahead = converts ? NULL : &ahead, .starts = d == 0, .ends = d + channels == width, .scale = scale,
      };
#ifdef ATTENTION_ROUNDS
      if (converts) {
        score_pairs(head->key_format, rows, p);
        continue;
      }
#endif
      if (converts) {
        to_floats(head->key_format, p.keys, channels * KELVIN_PAGE_ENTRIES, tile);
        p.keys = (const uint8_t *)tile;
      }
      if (converts || head->key_format == KELVIN_ENTRY_F32) score_f32(rows, &p);
      else if (head->key_format == KELVIN_ENTRY_F16) score_f16(rows, &p);
      else score_bf16(rows, &p);
    }
  }
  if (converts) end_rounding();
}

/* ---- Mix ---- */

/* The vector of channels from d on of an entry whose value begins at `value`. A half times a code is exact, so it does
 * not matter to the sums when it is made. */
INLINE vf load_value(kelvin_entry_format format, const mix_part *p, const uint8_t *value, int32_t j, int32_t d) {
  if (!is_quantised(format)) return load_number(format, value + (size_t)d * entry_bytes(format));
  const vf scale = broadcast(p->scales[d / KELVIN_BLOCK * KELVIN_PAGE_ENTRIES + j]);
  if (format == KELVIN_ENTRY_Q8_0) return scale * load_bytes(value + d);
  return scale * load_nibbles(value + d / KELVIN_BLOCK * 16 + d % 16, d % KELVIN_BLOCK / 16);
}

/* `vectors` vectors of channels from channel d on; the last may be partial, then the values are padded. */
INLINE void mix_vectors(kelvin_entry_format format, int32_t rows, int32_t vectors, int32_t d, const mix_part *p) {
  const uint8_t *values = p->values;
  vf sum[ATTEND_ROWS][ATTEND_VECTORS];
  const int32_t rest = p->channels - d - (vectors - 1) * LANES, last = rest < LANES ? rest : LANES;
  UNROLL for (int32_t r = 0; r < rows; r++) {
    UNROLL for (int32_t v = 0; v < vectors; v++) {
      sum[r][v] = load_some(p->out + r * p->out_stride + d + v * LANES, v < vectors - 1 ? LANES : last);
    }
  }
  for (int32_t j = 0; j < p->entries; j++, values += p->value_stride) {
    vf value[ATTEND_VECTORS];
    if (rows <= 4 && p->ahead) {
      const size_t from = p->first + (size_t)(values - p->values) + number_bytes(format, d);
      ask_ahead(p->ahead, from, number_bytes(format, vectors * LANES));
    }
    UNROLL for (int32_t v = 0; v < vectors; v++) value[v] = load_value(format, p, values, j, d + v * LANES);
    UNROLL for (int32_t r = 0; r < rows; r++) {
      const vf weight = broadcast(p->weights[r * p->stride + j]);
      UNROLL for (int32_t v = 0; v < vectors; v++) sum[r][v] = fused(weight, value[v], sum[r][v]);
    }
  }
  UNROLL for (int32_t r = 0; r < rows; r++) {
    UNROLL for (int32_t v = 0; v < vectors; v++) {
      store_some(p->out + r * p->out_stride + d + v * LANES, sum[r][v], v < vectors - 1 ? LANES : last);
    }
  }
}

INLINE void mix_rows(kelvin_entry_format format, int32_t rows, const mix_part *p) {
  int32_t d = 0;
  for (; p->channels - d > (ATTEND_VECTORS - 1) * LANES; d += ATTEND_VECTORS * LANES) {
    mix_vectors(format, rows, ATTEND_VECTORS, d, p);
  }
  for (; d < p->channels; d += LANES) mix_vectors(format, rows, 1, d, p);
}

INLINE void mix_all_rows(kelvin_entry_format format, int32_t rows, mix_part p) {
  while (rows > 0) {
    const int32_t count = next_rows(rows);
    switch (count) {
    case ATTEND_ROWS: mix_rows(format, ATTEND_ROWS, &p); break;
    case 4: mix_rows(format, 4, &p); break;
    case 3: mix_rows(format, 3, &p); break;
    case 2: mix_rows(format, 2, &p); break;
    default: mix_rows(format, 1, &p); break;
    }
    rows -= count;
    p.weights += count * p.stride;
    p.out += count * p.out_stride;
  }
}

static void mix_f32(int32_t rows, const mix_part *p) { mix_all_rows(KELVIN_ENTRY_F32, rows, *p); }
static void mix_f16(int32_t rows, const mix_part *p) { mix_all_rows(KELVIN_ENTRY_F16, rows, *p); }
static void mix_bf16(int32_t rows, const mix_part *p) { mix_all_rows(KELVIN_ENTRY_BF16, rows, *p); }
static void mix_q8_0(int32_t rows, const mix_part *p) { mix_all_rows(KELVIN_ENTRY_Q8_0, rows, *p); }
static void mix_q4_0(int32_t rows, const mix_part *p) { mix_all_rows(KELVIN_ENTRY_Q4_0, rows, *p); }

/* The channels of a page's values as rows of TILE_CHANNELS floats, the rest zeros. */
INLINE void fill_values(kelvin_entry_format format, const mix_part *p, float *tile) {
  const uint8_t *value = p->values;
  for (int32_t j = 0; j < p->entries; j++, tile += TILE_CHANNELS, value += p->value_stride) {
    int32_t d = 0;
    for (; p->channels - d >= LANES; d += LANES) store(tile + d, load_value(format, p, value, j, d));
    for (; d < TILE_CHANNELS; d++) {
      tile[d] = d < p->channels ? read_number(format, value + (size_t)d * entry_bytes(format)) : 0;
    }
  }
}

static void fill_f32(const mix_part *p, float *tile) { fill_values(KELVIN_ENTRY_F32, p, tile); }
static void fill_f16(const mix_part *p, float *tile) { fill_values(KELVIN_ENTRY_F16, p, tile); }
static void fill_bf16(const mix_part *p, float *tile) { fill_values(KELVIN_ENTRY_BF16, p, tile); }
static void fill_q8_0(const mix_part *p, float *tile) { fill_values(KELVIN_ENTRY_Q8_0, p, tile); }
static void fill_q4_0(const mix_part *p, float *tile) { fill_values(KELVIN_ENTRY_Q4_0, p, tile); }

/* In the order of kelvin_entry_format. */
static void (*const mixes[])(int32_t, const mix_part *) = {mix_f32, mix_f16, mix_bf16, mix_q8_0, mix_q4_0};
static void (*const fills[])(const mix_part *, float *) = {fill_f32, fill_f16, fill_bf16, fill_q8_0, fill_q4_0};

/* The scales of the blocks of a page's values from channel d on, as floats. */
static void fill_scales(const kelvin_head *head, int32_t entry, int32_t d, int32_t channels, const pages_ahead *ahead,
                        float *scales) {
  const uint8_t *from = value_scales(head, entry) + 2 * (size_t)(d / KELVIN_BLOCK) * KELVIN_PAGE_ENTRIES;
  const size_t first = (size_t)(from - page_of(head, entry)) - head->values_offset;
  for (int32_t i = 0; i < channels / KELVIN_BLOCK * KELVIN_PAGE_ENTRIES; i += LANES) {
    ask_ahead(ahead, first + 2 * (size_t)i, 2 * LANES);
    store(scales + i, load_half(from + 2 * i));
  }
}

/* Values that are prefixes of keys lie transposed: channels [d, d + channels) of a page as rows of TILE_CHANNELS floats. */
static void fill_from_keys(const kelvin_head *head, int32_t entry, int32_t d, int32_t channels, float *tile) {
  memset(tile, 0, sizeof *tile * KELVIN_PAGE_ENTRIES * TILE_CHANNELS);
  for (int32_t j = 0; is_quantised(head->key_format) && j < KELVIN_PAGE_ENTRIES; j++) {
    for (int32_t c = 0; c < channels; c += KELVIN_BLOCK) {
      const entry_block block = get_block(key_block(head, entry + j, (d + c) / KELVIN_BLOCK));
      for (int32_t i = 0; i < KELVIN_BLOCK; i++) tile[j * TILE_CHANNELS + c + i] = number_in(head->key_format, &block, i);
    }
  }
  for (int32_t c = 0; !is_quantised(head->key_format) && c < channels; c++) {
    float channel[KELVIN_PAGE_ENTRIES];
    to_floats(head->key_format, key_at(head, entry, d + c), KELVIN_PAGE_ENTRIES, channel);
    for (int32_t j = 0; j < KELVIN_PAGE_ENTRIES; j++) tile[j * TILE_CHANNELS + c] = channel[j];
  }
}

/* What is asked for while the values of the page of `entry` are read. */
INLINE pages_ahead values_ahead(const kelvin_head *head, int32_t first, int32_t entry, int32_t last) {
  const int32_t pages = (last - first + KELVIN_PAGE_ENTRIES - 1) / KELVIN_PAGE_ENTRIES;
  const size_t values = (size_t)head->value_width * KELVIN_PAGE_ENTRIES;
  return pages_after(
      head, first, last, (shares_key(head) ? 0 : pages) + (entry - first) / KELVIN_PAGE_ENTRIES,
      kelvin_entry_bytes(head->value_format, values), reads_in_streams());
}

static void mix(const kelvin_head *head, int32_t first, int32_t last, const float *weights, ptrdiff_t stride,
                int32_t rows, float *out, ptrdiff_t out_stride) {
  const kelvin_entry_format format = head->value_format;
  const bool many = rows > MANY_ROWS && format != KELVIN_ENTRY_F32;
  float tile[KELVIN_PAGE_ENTRIES * TILE_CHANNELS] __attribute__((aligned(64)));
  float scales[TILE_CHANNELS / KELVIN_BLOCK * KELVIN_PAGE_ENTRIES];
  if (many) begin_rounding();
  for (int32_t entry = first; entry < last; entry += KELVIN_PAGE_ENTRIES) {
    const pages_ahead ahead = values_ahead(head, first, entry, last);
    for (int32_t d = 0; d < head->value_width; d += TILE_CHANNELS) {
      mix_part p = {
          .values = page_of(head, entry) + head->values_offset + number_bytes(format, d), .scales = scales,
          .value_stride = number_bytes(format, head->value_width),
          .channels = head->value_width - d < TILE_CHANNELS ? head->value_width - d : TILE_CHANNELS,
          .entries = last - entry < KELVIN_PAGE_ENTRIES ? last - entry : KELVIN_PAGE_ENTRIES,
          .weights = weights + entry - first, .stride = stride,
          .out = out + d, .out_stride = out_stride,
          .ahead = &ahead, .first = number_bytes(format, d),
      };
      if (is_quantised(format) && !shares_key(head)) fill_scales(head, entry, d, p.channels, p.ahead, scales);
      const bool converts = (many && !reads_pairs(format)) || shares_key(head) || p.channels % LANES != 0;
      if (converts) {
        if (shares_key(head)) fill_from_keys(head, entry, d, p.channels, tile);
        else fills[format](&p, tile);
        p.values = (const uint8_t *)tile;
        p.ahead = NULL;
        p.value_stride = TILE_CHANNELS * 4;
      }
#ifdef ATTENTION_ROUNDS
      if (many) {
        mix_pairs(converts ? KELVIN_ENTRY_F32 : format, rows, p);
        continue;
      }
#endif
      mixes[converts ? KELVIN_ENTRY_F32 : format](rows, &p);
    }
  }
  if (many) end_rounding();
}

/* ---- Writing ---- */

/* numbers[count] into stored form, contiguous. */
static void from_floats(kelvin_entry_format format, const float *numbers, int32_t count, uint8_t *to) {
  int32_t i = 0;
  for (; count - i >= LANES; i += LANES) store_number(format, to + (size_t)i * entry_bytes(format), load(numbers + i));
  for (; i < count; i++) write_number(format, to + (size_t)i * entry_bytes(format), numbers[i]);
}

/* The key of one entry into its places. */
static void write_key(const kelvin_head *head, int32_t entry, const float *key) {
  const size_t bytes = entry_bytes(head->key_format);
  for (int32_t d = 0; d < head->key_width; d += TILE_CHANNELS) {
    const int32_t channels = head->key_width - d < TILE_CHANNELS ? head->key_width - d : TILE_CHANNELS;
    uint8_t row[TILE_CHANNELS * 4];
    from_floats(head->key_format, key + d, channels, row);
    uint8_t *to = key_at(head, entry, d);
    for (int32_t i = 0; i < channels; i++, to += KELVIN_PAGE_ENTRIES * bytes) {
      if (bytes == 2) memcpy(to, row + 2 * i, 2);
      else memcpy(to, row + 4 * i, 4);
    }
  }
}

static void write_entries(const kelvin_head *head, int32_t first, int32_t count, const float *keys,
                          ptrdiff_t key_stride, const float *values, ptrdiff_t value_stride) {
  for (int32_t t = 0; t < count; t++) {
    const float *key = keys + t * key_stride, *value = values + t * value_stride;
    if (is_quantised(head->key_format)) write_key_blocks(head, first + t, key);
    else write_key(head, first + t, key);
    if (shares_key(head)) continue;
    if (is_quantised(head->value_format)) write_value_blocks(head, first + t, value);
    else from_floats(head->value_format, value, head->value_width, value_at(head, first + t, 0));
  }
}
