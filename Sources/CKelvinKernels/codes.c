#include "codes.h"

kelvin_format_shape kelvin_shape_of(kelvin_format format) {
  switch (format) {
  case KELVIN_F32: return (kelvin_format_shape){1, 4, KELVIN_PACKED_F32, 0, 32, false};
  case KELVIN_F16: return (kelvin_format_shape){1, 2, KELVIN_PACKED_F16, 0, 32, false};
  case KELVIN_BF16: return (kelvin_format_shape){1, 2, KELVIN_PACKED_BF16, 0, 32, false};
  case KELVIN_Q8_0: return (kelvin_format_shape){32, 34, KELVIN_PACKED_U8, 128, 32, false};
  case KELVIN_Q4_0: return (kelvin_format_shape){32, 18, KELVIN_PACKED_U4, 8, 32, false};
  case KELVIN_Q4_1: return (kelvin_format_shape){32, 20, KELVIN_PACKED_U4, 0, 32, true};
  case KELVIN_Q5_0: return (kelvin_format_shape){32, 22, KELVIN_PACKED_U8, 16, 32, false};
  case KELVIN_Q5_1: return (kelvin_format_shape){32, 24, KELVIN_PACKED_U8, 0, 32, true};
  case KELVIN_Q2_K: return (kelvin_format_shape){256, 84, KELVIN_PACKED_U8, 0, 16, true};
  case KELVIN_Q3_K: return (kelvin_format_shape){256, 110, KELVIN_PACKED_U8, 4, 16, false};
  case KELVIN_Q4_K: return (kelvin_format_shape){256, 144, KELVIN_PACKED_U4, 0, 32, true};
  case KELVIN_Q5_K: return (kelvin_format_shape){256, 176, KELVIN_PACKED_U8, 0, 32, true};
  case KELVIN_Q6_K: return (kelvin_format_shape){256, 210, KELVIN_PACKED_U8, 32, 16, false};
  case KELVIN_IQ4_NL: return (kelvin_format_shape){32, 18, KELVIN_PACKED_U8, 128, 32, false};
  }
  return (kelvin_format_shape){1, 4, KELVIN_PACKED_F32, 0, 32, false};
}

static float half_at(const uint8_t *at) { return float_of_half(read_u16(at)); }

static void set_scales(kelvin_codes *out, float scale, float minimum) {
  out->scales[0] = out->scales[1] = scale;
  out->minima[0] = out->minima[1] = minimum;
}

/* Number j is the low nibble of byte j, number 16 + j the high one; bit j of `high` is the fifth bit of number j. */
static void read_nibbles(const uint8_t *nibbles, uint32_t high, uint8_t *codes) {
  for (int j = 0; j < 16; j++) {
    codes[j] = (uint8_t)((nibbles[j] & 15) | (high >> j & 1) << 4);
    codes[16 + j] = (uint8_t)(nibbles[j] >> 4 | (high >> (16 + j) & 1) << 4);
  }
}

static uint32_t read_u32(const uint8_t *at) {
  uint32_t bits;
  memcpy(&bits, at, 4);
  return bits;
}

static void read_q8_0(const uint8_t *block, kelvin_codes *out) {
  set_scales(out, half_at(block), 0);
  for (int j = 0; j < 32; j++) out->codes[j] = block[2 + j] ^ 0x80;
}

static void read_iq4_nl(const uint8_t *block, kelvin_codes *out) {
  /* The 16 levels of the format, with 128 added. */
  static const uint8_t levels[16] = {1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241};
  set_scales(out, half_at(block), 0);
  read_nibbles(block + 2, 0, out->codes);
  for (int j = 0; j < 32; j++) out->codes[j] = levels[out->codes[j]];
}

/* 16 groups of 16; a byte holds a scale and a minimum of 4 bits. */
static void read_q2_k(const uint8_t *block, int32_t part, kelvin_codes *out) {
  const uint8_t *codes = block + 16 + part / 4 * 32;
  const float scale = half_at(block + 80), minimum = half_at(block + 82);
  for (int g = 0; g < 2; g++) {
    out->scales[g] = scale * (float)(block[2 * part + g] & 15);
    out->minima[g] = -minimum * (float)(block[2 * part + g] >> 4);
  }
  for (int j = 0; j < 32; j++) out->codes[j] = codes[j] >> part % 4 * 2 & 3;
}

/* 16 groups of 16; the scales have 6 bits, 4 in the first 8 bytes and 2 in the last 4. */
static void read_q3_k(const uint8_t *block, int32_t part, kelvin_codes *out) {
  const uint8_t *codes = block + 32 + part / 4 * 32, *scales = block + 96;
  for (int g = 0; g < 2; g++) {
    const int i = 2 * part + g;
    const int low = i < 8 ? scales[i] & 15 : scales[i - 8] >> 4;
    const int high = scales[8 + i % 4] >> i / 4 * 2 & 3;
    out->scales[g] = half_at(block + 108) * (float)((low | high << 4) - 32);
    out->minima[g] = 0;
  }
  for (int j = 0; j < 32; j++) {
    out->codes[j] = (uint8_t)((codes[j] >> part % 4 * 2 & 3) | (block[j] >> part & 1) << 2);
  }
}

/* The scale and minimum of part 0..7 of a Q4_K or Q5_K block: 6 bits each, 16 numbers in 12 bytes. */
static void set_k_scales(const uint8_t *block, int32_t part, kelvin_codes *out) {
  const uint8_t *q = block + 4;
  int scale, minimum;
  if (part < 4) {
    scale = q[part] & 63;
    minimum = q[part + 4] & 63;
  } else {
    scale = (q[part + 4] & 15) | q[part - 4] >> 6 << 4;
    minimum = q[part + 4] >> 4 | q[part] >> 6 << 4;
  }
  set_scales(out, half_at(block) * (float)scale, -half_at(block + 2) * (float)minimum);
}

static void read_q4_k(const uint8_t *block, int32_t part, kelvin_codes *out) {
  const uint8_t *codes = block + 16 + part / 2 * 32;
  set_k_scales(block, part, out);
  for (int j = 0; j < 32; j++) out->codes[j] = codes[j] >> part % 2 * 4 & 15;
}

static void read_q5_k(const uint8_t *block, int32_t part, kelvin_codes *out) {
  const uint8_t *high = block + 16, *codes = block + 48 + part / 2 * 32;
  set_k_scales(block, part, out);
  for (int j = 0; j < 32; j++) {
    out->codes[j] = (uint8_t)((codes[j] >> part % 2 * 4 & 15) | (high[j] >> part & 1) << 4);
  }
}

/* 16 groups of 16 with scales of 8 bits. */
static void read_q6_k(const uint8_t *block, int32_t part, kelvin_codes *out) {
  const int half = part / 4, quarter = part % 4;
  const uint8_t *low = block + half * 64 + quarter % 2 * 32, *high = block + 128 + half * 32;
  for (int g = 0; g < 2; g++) {
    out->scales[g] = half_at(block + 208) * (float)(int8_t)block[192 + 2 * part + g];
    out->minima[g] = 0;
  }
  for (int j = 0; j < 32; j++) {
    out->codes[j] = (uint8_t)((low[j] >> quarter / 2 * 4 & 15) | (high[j] >> quarter * 2 & 3) << 4);
  }
}

void kelvin_read_codes(kelvin_format format, const uint8_t *row, int32_t index, kelvin_codes *out) {
  const kelvin_format_shape shape = kelvin_shape_of(format);
  const int32_t parts = shape.length / 32;
  const uint8_t *block = row + (size_t)(index / parts) * (size_t)shape.bytes;
  const int32_t part = index % parts;
  switch (format) {
  case KELVIN_Q4_0:
  case KELVIN_Q4_1:
  case KELVIN_Q5_0:
  case KELVIN_Q5_1: {
    const uint8_t *rest = block + (shape.has_minimum ? 4 : 2);
    const bool five = shape.packing == KELVIN_PACKED_U8;
    set_scales(out, half_at(block), shape.has_minimum ? half_at(block + 2) : 0);
    read_nibbles(five ? rest + 4 : rest, five ? read_u32(rest) : 0, out->codes);
    return;
  }
  case KELVIN_Q8_0: read_q8_0(block, out); return;
  case KELVIN_IQ4_NL: read_iq4_nl(block, out); return;
  case KELVIN_Q2_K: read_q2_k(block, part, out); return;
  case KELVIN_Q3_K: read_q3_k(block, part, out); return;
  case KELVIN_Q4_K: read_q4_k(block, part, out); return;
  case KELVIN_Q5_K: read_q5_k(block, part, out); return;
  case KELVIN_Q6_K: read_q6_k(block, part, out); return;
  case KELVIN_F32:
  case KELVIN_F16:
  case KELVIN_BF16: return;
  }
}
