/* The way back from numbers to stored formats; dequantise.c says what the bytes mean.
 *
 * The formats of 32 numbers are written as their definition has it: the number of greatest magnitude, or the two ends of
 * the range, decide scale and minimum, and every code is the nearest. The scale is then rounded to a half, so that the
 * greatest number itself is off by up to 2^-11 of its size. quantise_k.c has the formats of 256.
 *
 * Whatever the numbers, infinities and NaNs included, the bytes are defined and nothing is read or written outside. What
 * they then mean is another matter: callers keep numbers beyond 65504, a half's largest, in formats of 32 bits.
 */
#include "quantise.h"

#pragma STDC FP_CONTRACT OFF

static void write_u16(uint8_t *at, uint16_t bits) { memcpy(at, &bits, 2); }

static void write_half(uint8_t *at, float x) { write_u16(at, half_of_float(x)); }

static float reciprocal(float x) { return x != 0 ? 1 / x : 0; }

static void f32(const float *x, uint8_t *b) { memcpy(b, x, 4); }

static void f16(const float *x, uint8_t *b) { write_half(b, *x); }

static void bf16(const float *x, uint8_t *b) { write_u16(b, bfloat_of_float(*x)); }

/* scale = greatest magnitude / 127 */
static void q8_0(const float *x, uint8_t *b) {
  float greatest = 0;
  for (int i = 0; i < 32; i++) greatest = fabsf(x[i]) > greatest ? fabsf(x[i]) : greatest;
  const float scale = greatest / 127, inverse = reciprocal(scale);
  write_half(b, scale);
  for (int i = 0; i < 32; i++) b[2 + i] = (uint8_t)(int8_t)nearest(x[i] * inverse, -127, 127);
}

/* The codes of two halves of a block share bytes; both formats round by adding one half and cutting. */
static void nibbles(const float *x, float base, float inverse, float offset, uint8_t *codes) {
  for (int i = 0; i < 16; i++) {
    const int low = cut((x[i] - base) * inverse + offset, 0, 15);
    const int high = cut((x[i + 16] - base) * inverse + offset, 0, 15);
    codes[i] = (uint8_t)(low | high << 4);
  }
}

/* scale = the number of greatest magnitude / -8, so that it gets the code 0, of which there is no positive twin */
static void q4_0(const float *x, uint8_t *b) {
  float greatest = 0;
  for (int i = 0; i < 32; i++) greatest = fabsf(x[i]) > fabsf(greatest) ? x[i] : greatest;
  const float scale = greatest / -8;
  write_half(b, scale);
  nibbles(x, 0, reciprocal(scale), 8.5f, b + 2);
}

/* minimum = the least number, scale = range / 15 */
static void q4_1(const float *x, uint8_t *b) {
  float least = x[0], greatest = x[0];
  for (int i = 1; i < 32; i++) {
    least = x[i] < least ? x[i] : least;
    greatest = x[i] > greatest ? x[i] : greatest;
  }
  const float scale = (greatest - least) / 15;
  write_half(b, scale);
  write_half(b + 2, least);
  nibbles(x, least, reciprocal(scale), 0.5f, b + 4);
}

void kelvin_quantise(kelvin_format format, const float *numbers, size_t count, void *blocks) {
  static const struct {
    kelvin_format format;
    size_t length, bytes;
    void (*write)(const float *numbers, uint8_t *block);
  } formats[] = {
      {KELVIN_F32, 1, 4, f32},           {KELVIN_F16, 1, 2, f16},    {KELVIN_BF16, 1, 2, bf16},
      {KELVIN_Q8_0, 32, 34, q8_0},       {KELVIN_Q4_0, 32, 18, q4_0}, {KELVIN_Q4_1, 32, 20, q4_1},
      {KELVIN_Q4_K, 256, 144, quantise_q4_k}, {KELVIN_Q6_K, 256, 210, quantise_q6_k},
  };
  uint8_t *bytes = blocks;
  for (size_t row = 0; row < sizeof formats / sizeof formats[0]; row++) {
    if (formats[row].format != format) continue;
    for (size_t block = 0; block < count / formats[row].length; block++) {
      formats[row].write(numbers + block * formats[row].length, bytes + block * formats[row].bytes);
    }
  }
}
