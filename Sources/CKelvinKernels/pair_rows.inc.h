/* Keys and values of a page as pairs of bfloat16, which one instruction multiplies. A file before says what `pair_of` is. */

enum { PAIRS_OF_PAGE = TILE_CHANNELS / 2 * KELVIN_PAGE_ENTRIES };

/* `rows` rows of `count` numbers, each `stride` bytes from the one before, as pairs of a row and the next: zeros follow the last
 * row, and `count` is a multiple of LANES. */
INLINE void pair_rows(kelvin_entry_format format, const uint8_t *from, int32_t rows, size_t stride, int32_t count,
                      int32_t *pairs) {
  const size_t bytes = entry_bytes(format);
  for (int32_t row = 0; row < rows; row += 2, from += 2 * stride, pairs += KELVIN_PAGE_ENTRIES) {
    for (int32_t i = 0; i < count; i += LANES) {
      const vf first = load_number(format, from + (size_t)i * bytes);
      const vf second = row + 1 < rows ? load_number(format, from + stride + (size_t)i * bytes) : broadcast(0);
      store((float *)pairs + i, (vf)pair_of(first, second));
    }
  }
}

static void pair_f32(const uint8_t *from, int32_t rows, size_t stride, int32_t count, int32_t *pairs) {
  pair_rows(KELVIN_ENTRY_F32, from, rows, stride, count, pairs);
}
static void pair_f16(const uint8_t *from, int32_t rows, size_t stride, int32_t count, int32_t *pairs) {
  pair_rows(KELVIN_ENTRY_F16, from, rows, stride, count, pairs);
}
static void pair_bf16(const uint8_t *from, int32_t rows, size_t stride, int32_t count, int32_t *pairs) {
  pair_rows(KELVIN_ENTRY_BF16, from, rows, stride, count, pairs);
}

/* In the order of kelvin_entry_format. */
static void (*const pairings[])(const uint8_t *, int32_t, size_t, int32_t, int32_t *) = {pair_f32, pair_f16, pair_bf16};
