/* Scores of quantised keys: the keys of a page are a packed weight, queries are its activations. */

/* What is asked for while the keys of the page of `entry` are read. */
INLINE pages_ahead keys_ahead(const kelvin_head *head, int32_t first, int32_t entry, int32_t last) {
  return pages_after(
      head, first, last, (entry - first) / KELVIN_PAGE_ENTRIES, key_unit_bytes(head), reads_in_streams());
}

/* The blocks of the part times the keys of one page. */
static void score_page(int32_t rows, codes_part *p) {
  const int32_t panels = (p->w->rows + KELVIN_PANEL - 1) / KELVIN_PANEL;
  for (p->panel = 0; p->panel < panels; p->panel++) multiply_panel(rows, p);
}

/* Entries [first, last) for the quantised queries of `x`, as many as share a tile at a time. */
static void score_entries(const kelvin_head *head, int32_t first, int32_t last, const kelvin_activations *x,
                          int32_t rows, float *scores, ptrdiff_t stride) {
  uint8_t tile[TILE_BYTES] __attribute__((aligned(64)));
  kelvin_weight w = keys_of(head, NULL, KELVIN_PAGE_ENTRIES);
  const int32_t blocks = blocks_of(w.columns);
  for (int32_t r = 0; r < rows;) {
    const int32_t count = next_tokens(rows - r), most = TILE_BYTES / tile_stride(count, 1);
    for (int32_t b = 0; b < blocks; b += most) {
      const int32_t end = blocks - b < most ? blocks : b + most;
      fill_tile(&w, x, r, count, b, end, tile);
      for (int32_t entry = first; entry < last; entry += KELVIN_PAGE_ENTRIES) {
        w = keys_of(head, page_of(head, entry), last - entry < KELVIN_PAGE_ENTRIES ? last - entry : KELVIN_PAGE_ENTRIES);
        const pages_ahead ahead = keys_ahead(head, first, entry, last);
        codes_part p = {
            .w = &w, .tile = tile, .y = scores + r * stride + entry - first, .y_stride = stride,
            .b0 = b, .blocks = end - b, .pages = count <= 4 ? &ahead : NULL,
        };
        score_page(count, &p);
      }
    }
    r += count;
  }
}

/* Keys that stay in the second cache while the queries pass by: 64-wide ones of Q8_0 take 139 KB. */
enum { SCORED_ENTRIES = 32 * KELVIN_PAGE_ENTRIES };

static void score_codes(const kelvin_head *head, int32_t first, int32_t last, const float *queries,
                        ptrdiff_t query_stride, int32_t rows, float scale, float *scores, ptrdiff_t stride) {
  query_room room;
  const int32_t blocks = head->key_width / KELVIN_BLOCK, most = KELVIN_MOST_CODES / head->key_width;
  for (int32_t r = 0; r < rows; r += most) {
    const int32_t count = rows - r < most ? rows - r : most;
    const kelvin_activations x = {queries + r * query_stride, query_stride, room.codes, room.scales, room.sums, NULL};
    quantise(&x, head->key_width, 0, count);
    for (int32_t i = 0; i < count * blocks; i++) room.scales[i] *= scale;
    for (int32_t entry = first; entry < last; entry += SCORED_ENTRIES) {
      const int32_t end = last - entry < SCORED_ENTRIES ? last : entry + SCORED_ENTRIES;
      score_entries(head, entry, end, &x, count, scores + r * stride + entry - first, stride);
    }
  }
}
