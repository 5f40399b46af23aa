/* Attention over pages: the specification. */

static void write_entries(const kelvin_head *head, int32_t first, int32_t count, const float *keys,
                          ptrdiff_t key_stride, const float *values, ptrdiff_t value_stride) {
  for (int32_t t = 0; t < count; t++) {
    const int32_t entry = first + t;
    if (is_quantised(head->key_format)) write_key_blocks(head, entry, keys + t * key_stride);
    else for (int32_t d = 0; d < head->key_width; d++) {
      write_number(head->key_format, key_at(head, entry, d), keys[t * key_stride + d]);
    }
    if (shares_key(head)) continue;
    if (is_quantised(head->value_format)) write_value_blocks(head, entry, values + t * value_stride);
    else for (int32_t d = 0; d < head->value_width; d++) {
      write_number(head->value_format, value_at(head, entry, d), values[t * value_stride + d]);
    }
  }
}

static void score_codes(const kelvin_head *head, int32_t first, int32_t last, const float *query, float scale,
                        float *scores) {
  query_room room;
  const kelvin_activations x = {query, head->key_width, room.codes, room.scales, room.sums, NULL};
  quantise(&x, head->key_width, 0, 1);
  for (int32_t b = 0; b < head->key_width / KELVIN_BLOCK; b++) room.scales[b] *= scale;
  for (int32_t entry = first; entry < last; entry++) {
    const int32_t place = entry % KELVIN_PAGE_ENTRIES;
    const kelvin_weight w = keys_of(head, page_of(head, entry), KELVIN_PAGE_ENTRIES);
    const uint8_t *panel = w.data + (size_t)(place / KELVIN_PANEL) * w.panel_bytes;
    scores[entry - first] = dot_codes(&w, panel, place % KELVIN_PANEL, &x, 0);
  }
}

static void scores(const kelvin_head *head, int32_t first, int32_t last, const float *queries, ptrdiff_t query_stride,
                   int32_t rows, float scale, float *scores, ptrdiff_t stride) {
  for (int32_t r = 0; r < rows; r++) {
    if (is_quantised(head->key_format)) {
      score_codes(head, first, last, queries + r * query_stride, scale, scores + r * stride);
      continue;
    }
    for (int32_t entry = first; entry < last; entry++) {
      float sum = 0;
      for (int32_t d = 0; d < head->key_width; d++) {
        sum += queries[r * query_stride + d] * read_number(head->key_format, key_at(head, entry, d));
      }
      scores[r * stride + entry - first] = sum * scale;
    }
  }
}

static void mix(const kelvin_head *head, int32_t first, int32_t last, const float *weights, ptrdiff_t stride,
                int32_t rows, float *out, ptrdiff_t out_stride) {
  for (int32_t r = 0; r < rows; r++) {
    for (int32_t entry = first; entry < last; entry++) {
      const float weight = weights[r * stride + entry - first];
      for (int32_t d = 0; d < head->value_width; d++) {
        const bool shares = shares_key(head);
        float value;
        if (is_quantised(head->value_format)) {
          const block_place place = (shares ? key_block : value_block)(head, entry, d / KELVIN_BLOCK);
          const entry_block block = get_block(place);
          value = number_in(head->value_format, &block, d % KELVIN_BLOCK);
        } else {
          value = read_number(head->value_format, (shares ? key_at : value_at)(head, entry, d));
        }
        out[r * out_stride + d] += weight * value;
      }
    }
  }
}
