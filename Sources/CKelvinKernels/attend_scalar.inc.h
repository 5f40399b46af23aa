/* Attention over pages: the specification. */

static void write_entries(const kelvin_head *head, int32_t first, int32_t count, const float *keys,
                          ptrdiff_t key_stride, const float *values, ptrdiff_t value_stride) {
  for (int32_t t = 0; t < count; t++) {
    const int32_t entry = first + t;
    for (int32_t d = 0; d < head->key_width; d++) {
      write_number(head->key_format, key_at(head, entry, d), keys[t * key_stride + d]);
    }
    for (int32_t d = 0; d < head->value_width; d++) {
      write_number(head->value_format, value_at(head, entry, d), values[t * value_stride + d]);
    }
  }
}

static void scores(const kelvin_head *head, int32_t first, int32_t last, const float *queries, ptrdiff_t query_stride,
                   int32_t rows, float scale, float *scores, ptrdiff_t stride) {
  for (int32_t r = 0; r < rows; r++) {
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
        out[r * out_stride + d] += weight * read_number(head->value_format, value_at(head, entry, d));
      }
    }
  }
}
