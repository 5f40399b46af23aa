/* Stored tensors into panels, and rows of panels back into floats. */
#include "codes.h"

kelvin_weight kelvin_weight_for(kelvin_format format, int32_t rows, int32_t columns, bool exact) {
  const kelvin_format_shape shape = kelvin_shape_of(exact ? KELVIN_F32 : format);
  kelvin_weight w = {
      .packing = shape.packing, .rows = rows, .columns = columns,
      .zero = shape.zero, .group = shape.group, .has_minimum = shape.has_minimum,
  };
  const size_t blocks = (size_t)blocks_of(columns);
  switch (w.packing) {
  case KELVIN_PACKED_F32: w.panel_bytes = blocks * KELVIN_BLOCK * KELVIN_PANEL * 4; break;
  case KELVIN_PACKED_F16:
  case KELVIN_PACKED_BF16: w.panel_bytes = blocks * KELVIN_BLOCK * KELVIN_PANEL * 2; break;
  case KELVIN_PACKED_U4:
  case KELVIN_PACKED_U8: w.panel_bytes = (blocks * block_bytes(&w) + 63) / 64 * 64; break;
  }
  return w;
}

kelvin_weight kelvin_weight_columns(const kelvin_weight *weight, int32_t first, int32_t count) {
  kelvin_weight w = *weight;
  const size_t bytes = w.packing == KELVIN_PACKED_U4 || w.packing == KELVIN_PACKED_U8
                           ? block_bytes(&w)
                           : w.panel_bytes / (size_t)blocks_of(w.columns);
  w.columns = count;
  w.data += (size_t)(first / KELVIN_BLOCK) * bytes;
  return w;
}

static void write_u16(uint8_t *at, uint16_t bits) { memcpy(at, &bits, 2); }

/* One row of a panel of codes. */
static void pack_codes(const kelvin_weight *w, kelvin_format format, const uint8_t *stored, int row, uint8_t *out) {
  const int32_t sets = KELVIN_BLOCK / w->group;
  for (int32_t b = 0; b < blocks_of(w->columns); b++, out += block_bytes(w)) {
    kelvin_codes codes;
    kelvin_read_codes(format, stored, b, &codes);
    for (int j = 0; j < 32; j++) {
      if (w->packing == KELVIN_PACKED_U8) {
        out[64 * (j / 4) + 4 * row + j % 4] = codes.codes[j];
      } else if (j < 16) {
        out[64 * (j / 4) + 4 * row + j % 4] = (uint8_t)(codes.codes[j] | codes.codes[16 + j] << 4);
      }
    }
    uint8_t *scales = out + code_bytes(w), *minima = scales + sets * KELVIN_PANEL * 2;
    for (int32_t set = 0; set < sets; set++) {
      write_u16(scales + 2 * (KELVIN_PANEL * set + row), half_of_float(codes.scales[set]));
      if (w->has_minimum) write_u16(minima + 2 * (KELVIN_PANEL * set + row), half_of_float(codes.minima[set]));
    }
  }
}

/* One row of a panel of numbers of `bytes` bytes that are copied as they are. */
static void pack_numbers(int32_t columns, const uint8_t *stored, size_t bytes, int row, uint8_t *out) {
  for (int32_t k = 0; k < columns; k++) {
    memcpy(out + ((size_t)k * KELVIN_PANEL + (size_t)row) * bytes, stored + (size_t)k * bytes, bytes);
  }
}

/* One row of a panel of bfloats, pair after pair. */
static void pack_bfloats(int32_t columns, const uint8_t *stored, int row, uint8_t *out) {
  for (int32_t k = 0; k < columns; k++) memcpy(out + place_of_bfloat(row, k), stored + 2 * (size_t)k, 2);
}

/* One row of a panel of floats, from any format, a block at a time. */
static void pack_floats(int32_t columns, kelvin_format format, const uint8_t *stored, int row, uint8_t *out) {
  const kelvin_format_shape shape = kelvin_shape_of(format);
  const int32_t step = shape.length < KELVIN_BLOCK ? KELVIN_BLOCK : shape.length;
  float numbers[256];
  for (int32_t k = 0; k < columns; k += step) {
    const int32_t count = columns - k < step ? columns - k : step;
    kelvin_dequantise(format, stored + (size_t)(k / shape.length) * (size_t)shape.bytes, (size_t)count, numbers);
    pack_numbers(count, (const uint8_t *)numbers, 4, row, out + (size_t)k * KELVIN_PANEL * 4);
  }
}

void kelvin_pack_panel(const kelvin_weight *w, kelvin_format format, const void *stored, int32_t panel, uint8_t *out) {
  const kelvin_format_shape shape = kelvin_shape_of(format);
  const size_t row_bytes = (size_t)(w->columns / shape.length) * (size_t)shape.bytes;
  memset(out, 0, w->panel_bytes);
  for (int row = 0; row < KELVIN_PANEL && panel * KELVIN_PANEL + row < w->rows; row++) {
    const uint8_t *from = (const uint8_t *)stored + (size_t)(panel * KELVIN_PANEL + row) * row_bytes;
    if (w->packing == KELVIN_PACKED_F32) {
      pack_floats(w->columns, format, from, row, out);
    } else if (w->packing == KELVIN_PACKED_F16) {
      pack_numbers(w->columns, from, 2, row, out);
    } else if (w->packing == KELVIN_PACKED_BF16) {
      pack_bfloats(w->columns, from, row, out);
    } else {
      pack_codes(w, format, from, row, out);
    }
  }
}

/* Column k of row `row` of a panel of codes. */
static float unpack_code(const kelvin_weight *w, const uint8_t *panel, int32_t row, int32_t k) {
  const uint8_t *block = panel + (size_t)(k / 32) * block_bytes(w);
  const int32_t j = k % 32, set = j / w->group, sets = KELVIN_BLOCK / w->group;
  int32_t code;
  if (w->packing == KELVIN_PACKED_U4) {
    code = block[64 * (j % 16 / 4) + 4 * row + j % 4] >> j / 16 * 4 & 15;
  } else {
    code = block[64 * (j / 4) + 4 * row + j % 4];
  }
  const uint8_t *scales = block + code_bytes(w), *minima = scales + sets * KELVIN_PANEL * 2;
  const float scale = float_of_half(read_u16(scales + 2 * (KELVIN_PANEL * set + row)));
  const float minimum = w->has_minimum ? float_of_half(read_u16(minima + 2 * (KELVIN_PANEL * set + row))) : 0;
  return scale * (float)(code - w->zero) + minimum;
}

void kelvin_unpack_row(const kelvin_weight *w, int32_t row, float *out) {
  const uint8_t *panel = w->data + (size_t)(row / KELVIN_PANEL) * w->panel_bytes;
  row %= KELVIN_PANEL;
  for (int32_t k = 0; k < w->columns; k++) {
    const size_t place = (size_t)k * KELVIN_PANEL + (size_t)row;
    switch (w->packing) {
    case KELVIN_PACKED_F32: memcpy(out + k, panel + place * 4, 4); break;
    case KELVIN_PACKED_F16: out[k] = float_of_half(read_u16(panel + place * 2)); break;
    case KELVIN_PACKED_BF16: out[k] = float_of_bfloat(read_u16(panel + place_of_bfloat(row, k))); break;
    case KELVIN_PACKED_U4:
    case KELVIN_PACKED_U8: out[k] = unpack_code(w, panel, row, k); break;
    }
  }
}
