/* The formats of stored weights, read number by number: this file is their specification in Kelvin.
 *
 * A block format cuts every row into blocks of 32 or 256 numbers. A number is kept as a small code, a block keeps what
 * its codes share: a scale `d` (a half float), sometimes a minimum `m`, and in the 256-number formats ("K") a second
 * level of small integer scales, one per group of 16 or 32, that `d` multiplies. In short
 *
 *     number = scale * code            (symmetric: the code is signed, or an offset is taken from it)
 *     number = scale * code + minimum  (the formats named _1, and Q2_K, Q4_K, Q5_K, where the minimum is subtracted)
 *
 * Everything is little-endian. Layouts below are written as  field[bytes]  in the order of the file. Products are
 * evaluated in float, scale first, one rounding for each operation, which is what the writers of such files compute:
 * the results are bit-identical to theirs. A fused multiply-add would round once instead of twice, hence the pragma.
 */
#include "numbers.h"

#pragma STDC FP_CONTRACT OFF

static float half(const uint8_t *bytes) { return float_of_half(read_u16(bytes)); }

static uint32_t read_u32(const uint8_t *bytes) { return read_u16(bytes) | (uint32_t)read_u16(bytes + 2) << 16; }

/* ---- Plain numbers -------------------------------------------------------------------------------------------- */

/* F32: value[4]. */
static void f32(const uint8_t *b, float *out) { *out = float_of_bits(read_u32(b)); }

/* F16: half[2]. */
static void f16(const uint8_t *b, float *out) { *out = half(b); }

/* BF16: the upper half of a float[2]. */
static void bf16(const uint8_t *b, float *out) { *out = float_of_bfloat(read_u16(b)); }

/* ---- Blocks of 32 --------------------------------------------------------------------------------------------- */

/* Q8_0: d[2] codes[32]. Codes are int8. number = d * code. */
static void q8_0(const uint8_t *b, float *out) {
  float d = half(b);
  for (int i = 0; i < 32; i++) out[i] = d * (float)(int8_t)b[2 + i];
}

/* Q4_0: d[2] codes[16]. Byte i: number i in the low nibble, number i + 16 in the high one. number = d * (code - 8). */
static void q4_0(const uint8_t *b, float *out) {
  float d = half(b);
  for (int i = 0; i < 16; i++) {
    out[i] = d * (float)((b[2 + i] & 15) - 8);
    out[i + 16] = d * (float)((b[2 + i] >> 4) - 8);
  }
}

/* Q4_1: d[2] m[2] codes[16]. Nibbles as in Q4_0. number = d * code + m. */
static void q4_1(const uint8_t *b, float *out) {
  float d = half(b), m = half(b + 2);
  for (int i = 0; i < 16; i++) {
    out[i] = d * (float)(b[4 + i] & 15) + m;
    out[i + 16] = d * (float)(b[4 + i] >> 4) + m;
  }
}

/* The 5-bit code of number i: its nibble as in Q4_0, its fifth bit is bit i of the 32-bit word `high`. */
static int five_bits(uint32_t high, const uint8_t *low, int i) {
  int nibble = i < 16 ? low[i] & 15 : low[i - 16] >> 4;
  return nibble | (int)(high >> i & 1) << 4;
}

/* Q5_0: d[2] high[4] codes[16]. number = d * (code - 16). */
static void q5_0(const uint8_t *b, float *out) {
  float d = half(b);
  uint32_t high = read_u32(b + 2);
  for (int i = 0; i < 32; i++) out[i] = d * (float)(five_bits(high, b + 6, i) - 16);
}

/* Q5_1: d[2] m[2] high[4] codes[16]. number = d * code + m. */
static void q5_1(const uint8_t *b, float *out) {
  float d = half(b), m = half(b + 2);
  uint32_t high = read_u32(b + 4);
  for (int i = 0; i < 32; i++) out[i] = d * (float)five_bits(high, b + 8, i) + m;
}

/* IQ4_NL: d[2] codes[16]. Nibbles as in Q4_0, but a code is the index of one of 16 unevenly spaced levels, denser
 * around zero where most weights are. number = d * level[code]. */
static void iq4_nl(const uint8_t *b, float *out) {
  static const int8_t level[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
  float d = half(b);
  for (int i = 0; i < 16; i++) {
    out[i] = d * (float)level[b[2 + i] & 15];
    out[i + 16] = d * (float)level[b[2 + i] >> 4];
  }
}

/* ---- Blocks of 256 -------------------------------------------------------------------------------------------- */

/* Q2_K: scales[16] codes[64] d[2] m[2]. 16 groups of 16; a group's byte of `scales` holds its scale in the low nibble
 * and its minimum in the high one. Codes have 2 bits; of each half of the block, 32 bytes hold 4 x 32 numbers: number
 * 32*j + i of the half in bits 2j, 2j+1 of byte i.
 * number = (d * scale) * code - (m * minimum). */
static void q2_k(const uint8_t *b, float *out) {
  const uint8_t *codes = b + 16;
  float d = half(b + 80), m = half(b + 82);
  for (int i = 0; i < 256; i++) {
    int in_half = i % 128;
    int code = codes[i / 128 * 32 + in_half % 32] >> in_half / 32 * 2 & 3;
    float scale = d * (float)(b[i / 16] & 15), minimum = m * (float)(b[i / 16] >> 4);
    out[i] = scale * (float)code - minimum;
  }
}

/* Q3_K: high[32] codes[64] scales[12] d[2]. 16 groups of 16. The low 2 bits of a code lie as in Q2_K, its third bit is
 * bit i / 32 of high[i % 32]. Scales have 6 bits: group g < 8 has its low 4 bits in the low nibble of scales[g], group
 * g >= 8 in the high nibble of scales[g - 8]; the upper 2 bits are bits 2*(g / 4), +1 of scales[8 + g % 4].
 * number = (d * (scale - 32)) * (code - 4). */
static void q3_k(const uint8_t *b, float *out) {
  const uint8_t *codes = b + 32, *scales = b + 96;
  float d = half(b + 108);
  for (int g = 0; g < 16; g++) {
    int low = g < 8 ? scales[g] & 15 : scales[g - 8] >> 4;
    int scale = (low | (scales[8 + g % 4] >> g / 4 * 2 & 3) << 4) - 32;
    float group = d * (float)scale;
    for (int i = 16 * g; i < 16 * g + 16; i++) {
      int in_half = i % 128;
      int code = codes[i / 128 * 32 + in_half % 32] >> in_half / 32 * 2 & 3;
      code |= (b[i % 32] >> i / 32 & 1) << 2;
      out[i] = group * (float)(code - 4);
    }
  }
}

/* Scale and minimum of group g of Q4_K and Q5_K: 8 groups of 32, 6 bits each, in 12 bytes.
 * Bytes 0..3 hold the scales of groups 0..3 in their low 6 bits, bytes 4..7 the minima of groups 0..3. Bytes 8..11 hold
 * the low 4 bits of the scale (low nibble) and minimum (high nibble) of groups 4..7, whose upper 2 bits are the top
 * bits of bytes 0..3 and 4..7. */
static void scale_and_minimum(const uint8_t *packed, int g, int *scale, int *minimum) {
  if (g < 4) {
    *scale = packed[g] & 63;
    *minimum = packed[g + 4] & 63;
  } else {
    *scale = (packed[g + 4] & 15) | packed[g - 4] >> 6 << 4;
    *minimum = packed[g + 4] >> 4 | packed[g] >> 6 << 4;
  }
}

/* The nibble of number i of Q4_K and Q5_K: 32 bytes hold 64 numbers, the first 32 in the low nibbles. */
static int nibble_of(const uint8_t *codes, int i) {
  uint8_t byte = codes[i / 64 * 32 + i % 32];
  return i % 64 < 32 ? byte & 15 : byte >> 4;
}

/* Q4_K: d[2] m[2] scales[12] codes[128]. number = (d * scale) * code - (m * minimum). */
static void q4_k(const uint8_t *b, float *out) {
  float d = half(b), m = half(b + 2);
  for (int g = 0; g < 8; g++) {
    int scale, minimum;
    scale_and_minimum(b + 4, g, &scale, &minimum);
    float step = d * (float)scale, base = m * (float)minimum;
    for (int i = 32 * g; i < 32 * g + 32; i++) out[i] = step * (float)nibble_of(b + 16, i) - base;
  }
}

/* Q5_K: d[2] m[2] scales[12] high[32] codes[128]. As Q4_K; the fifth bit of number i is bit i / 32 of high[i % 32]. */
static void q5_k(const uint8_t *b, float *out) {
  const uint8_t *high = b + 16, *codes = b + 48;
  float d = half(b), m = half(b + 2);
  for (int g = 0; g < 8; g++) {
    int scale, minimum;
    scale_and_minimum(b + 4, g, &scale, &minimum);
    float step = d * (float)scale, base = m * (float)minimum;
    for (int i = 32 * g; i < 32 * g + 32; i++) {
      int code = nibble_of(codes, i) | (high[i % 32] >> g & 1) << 4;
      out[i] = step * (float)code - base;
    }
  }
}

/* Q6_K: low[128] high[64] scales[16] d[2]. 16 groups of 16 with int8 scales. Of each half of the block, 64 bytes of
 * `low` hold 128 low nibbles: numbers 0..63 of the half in the low nibbles, 64..127 in the high ones; 32 bytes of `high`
 * hold the upper 2 bits, laid out like the codes of Q2_K.
 * number = (d * scale) * (code - 32). */
static void q6_k(const uint8_t *b, float *out) {
  const uint8_t *high = b + 128;
  const int8_t *scales = (const int8_t *)(b + 192);
  float d = half(b + 208);
  for (int i = 0; i < 256; i++) {
    int in_half = i % 128;
    uint8_t byte = b[i / 128 * 64 + in_half % 64];
    int code = in_half < 64 ? byte & 15 : byte >> 4;
    code |= (high[i / 128 * 32 + in_half % 32] >> in_half / 32 * 2 & 3) << 4;
    out[i] = d * (float)scales[i / 16] * (float)(code - 32);
  }
}

/* ---- All ------------------------------------------------------------------------------------------------------ */

typedef void (*read_block)(const uint8_t *block, float *out);

/* In the order of kelvin_format: numbers per block, bytes per block, how to read one. */
static const struct {
  size_t length, bytes;
  read_block read;
} formats[] = {
    {1, 4, f32},       {1, 2, f16},       {1, 2, bf16},
    {32, 34, q8_0},    {32, 18, q4_0},    {32, 20, q4_1},    {32, 22, q5_0},    {32, 24, q5_1},
    {256, 84, q2_k},   {256, 110, q3_k},  {256, 144, q4_k},  {256, 176, q5_k},  {256, 210, q6_k},
    {32, 18, iq4_nl},
};

void kelvin_dequantise(kelvin_format format, const void *blocks, size_t count, float *out) {
  const uint8_t *bytes = blocks;
  size_t length = formats[format].length;
  for (size_t block = 0; block < count / length; block++) {
    formats[format].read(bytes + block * formats[format].bytes, out + block * length);
  }
}
