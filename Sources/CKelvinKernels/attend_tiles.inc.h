/* Attention of many queries in bfloat16, by tiles of 16 queries. */

/* `rows` rows of numbers, each `stride` numbers from the one before, as rows of 64 bfloats; zeros behind the last number. */
INLINE void round_rows(const float *from, ptrdiff_t stride, int32_t rows, int32_t count, uint16_t *to) {
  for (int32_t r = 0; r < rows; r++) round_row(from + r * stride, count, TILE_CHANNELS, to + r * TILE_CHANNELS);
}

/* Adds the products of half of 16 rows, which tile `rows` takes in, with 64 columns of 16 pairs. Tiles are named by constants. */
#define ADD_HALF(rows, from, pairs)                                                                                    \
  _tile_loadd(rows, from, 2 * TILE_CHANNELS);                                                                          \
  _tile_loadd(6, pairs, 4 * KELVIN_PAGE_ENTRIES);                                                                      \
  _tile_dpbf16ps(0, rows, 6);                                                                                          \
  _tile_loadd(7, (pairs) + 16, 4 * KELVIN_PAGE_ENTRIES);                                                               \
  _tile_dpbf16ps(1, rows, 7);                                                                                          \
  _tile_loadd(6, (pairs) + 32, 4 * KELVIN_PAGE_ENTRIES);                                                               \
  _tile_dpbf16ps(2, rows, 6);                                                                                          \
  _tile_loadd(7, (pairs) + 48, 4 * KELVIN_PAGE_ENTRIES);                                                               \
  _tile_dpbf16ps(3, rows, 7)

/* sums [16][64] = rows [16][64] of bfloats times 64 columns of pairs [32][64]; `halves`: 2, or 1 where the second half of every row
 * is zeros and of the pairs nothing was written. */
INLINE void multiply_page(const uint16_t *rows, const int32_t *pairs, int32_t halves, float *sums) {
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  ADD_HALF(4, rows, pairs);
  if (halves == 2) {
    ADD_HALF(5, rows + 32, pairs + TILE_PAIRS * KELVIN_PAGE_ENTRIES);
  }
  _tile_stored(0, sums, 4 * KELVIN_PAGE_ENTRIES);
  _tile_stored(1, sums + 16, 4 * KELVIN_PAGE_ENTRIES);
  _tile_stored(2, sums + 32, 4 * KELVIN_PAGE_ENTRIES);
  _tile_stored(3, sums + 48, 4 * KELVIN_PAGE_ENTRIES);
}
#undef ADD_HALF

/* Rows that meet a page at a time. */
enum { PAGE_ROWS = 4 * TILE_ROWS };

/* What a page's products need beside the page: 32 KB, of the first cache. A tile that is loaded waits for all stores to its lines, so
 * each kind is written as a whole before the next reads it. */
typedef struct {
  _Alignas(64) int32_t pairs[PAIRS_OF_PAGE];
  _Alignas(64) uint16_t rows[PAGE_ROWS * TILE_CHANNELS];
  _Alignas(64) float sums[PAGE_ROWS * KELVIN_PAGE_ENTRIES];
} page_room;

/* Pairs of `count` rows that lie in `format`, zeros up to a whole tile. Returns the tiles. */
INLINE int32_t pair_page(kelvin_entry_format format, const uint8_t *from, int32_t count, size_t stride, int32_t columns,
                         page_room *room) {
  pairings[format](from, count, stride, columns, room->pairs);
  const int32_t pairs = (count + 1) / 2, tiles = (pairs + TILE_PAIRS - 1) / TILE_PAIRS;
  const size_t rest = (size_t)(tiles * TILE_PAIRS - pairs) * KELVIN_PAGE_ENTRIES;
  memset(room->pairs + pairs * KELVIN_PAGE_ENTRIES, 0, 4 * rest);
  return tiles;
}

INLINE int32_t next_page_rows(int32_t rows) { return rows < PAGE_ROWS ? rows : PAGE_ROWS; }

/* room->sums = room->rows times room->pairs. */
INLINE void multiply_rows(int32_t rows, int32_t halves, page_room *room) {
  for (int32_t r = 0; r < rows; r += TILE_ROWS) {
    multiply_page(room->rows + r * TILE_CHANNELS, room->pairs, halves, room->sums + r * KELVIN_PAGE_ENTRIES);
  }
}

/* The keys of p are written in `format`, halves or bfloats. */
static void score_pairs(kelvin_entry_format format, int32_t rows, score_part p) {
  page_room room;
  const size_t stride = KELVIN_PAGE_ENTRIES * entry_bytes(format);
  for (int32_t first = 0; first < rows; first += PAGE_ROWS) {
    const int32_t count = next_page_rows(rows - first);
    round_rows(p.queries + first * p.query_stride, p.query_stride, count, p.channels, room.rows);
    const int32_t halves = pair_page(format, p.keys, p.channels, stride, KELVIN_PAGE_ENTRIES, &room);
    multiply_rows(count, halves, &room);
    for (int32_t r = 0; r < count; r++) {
      float *to = p.scores + (first + r) * p.stride;
      UNROLL for (int32_t i = 0; i < KELVIN_PAGE_ENTRIES; i += LANES) {
        vf sum = load(room.sums + r * KELVIN_PAGE_ENTRIES + i);
        if (!p.starts) sum += load(to + i);
        store(to + i, p.ends ? sum * broadcast(p.scale) : sum);
      }
    }
  }
}

/* The values of p are written in `format`, numbers and no codes, and their channels fill whole vectors. */
static void mix_pairs(kelvin_entry_format format, int32_t rows, mix_part p) {
  page_room room;
  const int32_t channels = (p.channels + LANES - 1) / LANES * LANES;
  for (int32_t first = 0; first < rows; first += PAGE_ROWS) {
    const int32_t count = next_page_rows(rows - first);
    round_rows(p.weights + first * p.stride, p.stride, count, p.entries, room.rows);
    const int32_t halves = pair_page(format, p.values, p.entries, p.value_stride, channels, &room);
    multiply_rows(count, halves, &room);
    for (int32_t r = 0; r < count; r++) {
      float *to = p.out + (first + r) * p.out_stride;
      for (int32_t d = 0; d < p.channels; d += LANES) {
        const int32_t some = p.channels - d < LANES ? p.channels - d : LANES;
        store_some(to + d, load_some(to + d, some) + load(room.sums + r * KELVIN_PAGE_ENTRIES + d), some);
      }
    }
  }
}
