/* Scores of quantised keys: the keys of a page are a packed weight, queries are its activations. */

/* Bytes from the page of an entry to the page of the entry 64 later, if that is before `last`. */
INLINE ptrdiff_t to_next_page(const kelvin_head *head, int32_t entry, int32_t last) {
  if (last - entry <= KELVIN_PAGE_ENTRIES) return 0;
  return (ptrdiff_t)((intptr_t)page_of(head, entry + KELVIN_PAGE_ENTRIES) - (intptr_t)page_of(head, entry));
}

/* Bytes from the keys of an entry's page to what is read after them: the keys of the next page, or the first values where
 * `last` is in this page. With that and the scales of values asked for (`fill_scales`), `kelvin bench -p 0 -n 96 -d 1600` is 2.5 %
 * faster, and 5 % with -ctk q8_0 -ctv q8_0 (medians of 6 and 8 pairs). */
INLINE ptrdiff_t to_next_keys(const kelvin_head *head, int32_t first, int32_t entry, int32_t last) {
  if (last - entry > KELVIN_PAGE_ENTRIES || shares_key(head)) return to_next_page(head, entry, last);
  return (ptrdiff_t)((intptr_t)(page_of(head, first) + head->values_offset) - (intptr_t)page_of(head, entry));
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
        codes_part p = {
            .w = &w, .tile = tile, .y = scores + r * stride + entry - first, .y_stride = stride,
            .b0 = b, .blocks = end - b, .ahead = count <= 4 ? to_next_keys(head, first, entry, last) : 0,
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
    const kelvin_activations x = {queries + r * query_stride, query_stride, room.codes, room.scales, room.sums};
    quantise(&x, head->key_width, 0, count);
    for (int32_t i = 0; i < count * blocks; i++) room.scales[i] *= scale;
    for (int32_t entry = first; entry < last; entry += SCORED_ENTRIES) {
      const int32_t end = last - entry < SCORED_ENTRIES ? last : entry + SCORED_ENTRIES;
      score_entries(head, entry, end, &x, count, scores + r * stride + entry - first, stride);
    }
  }
}
