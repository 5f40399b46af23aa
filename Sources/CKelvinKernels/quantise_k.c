/* Q4_K and Q6_K: 256 numbers whose groups have scales of their own, which are small integers times one half float.
 *
 * Both are written in three steps.
 *   1. Each group by itself: several widths of a code are tried. Each gives codes, and codes have a best scale (and
 *      minimum) in the sense of least squares; the try with the least error stays.
 *   2. The group with the largest scale decides the half that all groups share; the others round to its multiples.
 *   3. Rounding moved the scales, so the neighbouring multiples are tried too, now with the error that a reader will see.
 * The group that decided is left alone in step 3: then the numbers of a written block give the same half again.
 */
#include "quantise.h"

#pragma STDC FP_CONTRACT OFF

enum { LANES = 8 };

/* A try has to be better by this share of the sum of squares, so that the noise of sums never chooses. */
static const float noise = 1e-6f;

static float total(const float lanes[LANES]) {
  return ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
}

static float sum_of_squares(const float *x, int count) {
  float lanes[LANES] = {0};
  for (int i = 0; i < count; i += LANES) {
    for (int lane = 0; lane < LANES; lane++) lanes[lane] += x[i + lane] * x[i + lane];
  }
  return total(lanes);
}

/* ---- Q6_K ----------------------------------------------------------------------------------------------------- */

/* The scale of 16 numbers for codes from -32 to 31. */
static float scale_of_16(const float *x) {
  float greatest = 0;
  for (int i = 0; i < 16; i++) greatest = fabsf(x[i]) > fabsf(greatest) ? x[i] : greatest;
  if (greatest == 0) return 0;
  const float threshold = noise * sum_of_squares(x, 16);
  float best_gain = 0, best_scale = greatest / -32;
  /* The greatest number gets the code -32, -31.5, … -26: the rest may fit better. */
  for (float code = 32; code >= 26; code -= 0.5f) {
    const float inverse = -code / greatest;
    float products[LANES] = {0}, squares[LANES] = {0};
    for (int i = 0; i < 16; i += LANES) {
      for (int lane = 0; lane < LANES; lane++) {
        const float q = (float)nearest(x[i + lane] * inverse, -32, 31);
        products[lane] += x[i + lane] * q;
        squares[lane] += q * q;
      }
    }
    const float xq = total(products), qq = total(squares);
    /* sum (x - s q)^2 is least at s = xq / qq, and then xq^2 / qq less than sum x^2 */
    const float gain = qq > 0 ? xq * xq / qq : 0;
    if (gain > best_gain + threshold) {
      best_gain = gain;
      best_scale = xq / qq;
    }
  }
  return best_scale;
}

static float error_of_16(const float *x, float scale) {
  const float inverse = scale != 0 ? 1 / scale : 0;
  float lanes[LANES] = {0};
  for (int i = 0; i < 16; i += LANES) {
    for (int lane = 0; lane < LANES; lane++) {
      const float difference = x[i + lane] - scale * (float)nearest(x[i + lane] * inverse, -32, 31);
      lanes[lane] += difference * difference;
    }
  }
  return total(lanes);
}

/* The multiple of d among round(scale / d) and its neighbours that loses least. */
static int multiple_of_16(const float *x, float scale, float d) {
  const int middle = nearest(scale / d, -128, 127);
  const float threshold = noise * sum_of_squares(x, 16);
  float best_error = error_of_16(x, d * (float)middle);
  int best = middle;
  for (int other = middle - 1; other <= middle + 1; other += 2) {
    if (other < -128 || other > 127) continue;
    const float error = error_of_16(x, d * (float)other);
    if (error < best_error - threshold) {
      best_error = error;
      best = other;
    }
  }
  return best;
}

/* low[128] high[64] scales[16] d[2] */
void quantise_q6_k(const float *x, uint8_t *b) {
  float scales[16];
  int first = 0;
  for (int g = 0; g < 16; g++) {
    scales[g] = scale_of_16(x + 16 * g);
    if (fabsf(scales[g]) > fabsf(scales[first])) first = g;
  }
  memset(b, 0, 210);
  const uint16_t half = half_of_float(scales[first] / -128);
  const float d = float_of_half(half);
  memcpy(b + 208, &half, 2);
  for (int g = 0; g < 16; g++) {
    const float *group = x + 16 * g;
    const int multiple = d == 0 ? 0 : g == first ? nearest(scales[g] / d, -128, 127) : multiple_of_16(group, scales[g], d);
    b[192 + g] = (uint8_t)(int8_t)multiple;
    const float scale = d * (float)multiple, inverse = scale != 0 ? 1 / scale : 0;
    for (int i = 16 * g; i < 16 * g + 16; i++) {
      const int code = nearest(x[i] * inverse, -32, 31) + 32, in_half = i % 128;
      b[i / 128 * 64 + in_half % 64] |= (uint8_t)((code & 15) << (in_half < 64 ? 0 : 4));
      b[128 + i / 128 * 32 + in_half % 32] |= (uint8_t)(code >> 4 << in_half / 32 * 2);
    }
  }
}

/* ---- Q4_K ----------------------------------------------------------------------------------------------------- */

/* number = scale * code - minimum, minimum >= 0 */
typedef struct {
  float scale, minimum;
} line;

/* The line that fits 32 numbers best if they get codes in steps of 1 / inverse above `least`; its error. */
static float fit_32(const float *x, float squares, float least, float inverse, line *fit) {
  float q_lanes[LANES] = {0}, qq_lanes[LANES] = {0}, x_lanes[LANES] = {0}, xq_lanes[LANES] = {0};
  for (int i = 0; i < 32; i += LANES) {
    for (int lane = 0; lane < LANES; lane++) {
      const float number = x[i + lane], q = (float)cut((number - least) * inverse + 0.5f, 0, 15);
      q_lanes[lane] += q;
      qq_lanes[lane] += q * q;
      x_lanes[lane] += number;
      xq_lanes[lane] += number * q;
    }
  }
  const float q = total(q_lanes), qq = total(qq_lanes), sum = total(x_lanes), xq = total(xq_lanes);
  const float determinant = 32 * qq - q * q;
  float scale = determinant > 0 ? (32 * xq - q * sum) / determinant : 0;
  float offset = determinant > 0 ? (qq * sum - q * xq) / determinant : sum / 32;
  if (offset > 0) {
    offset = 0;
    scale = qq > 0 ? xq / qq : 0;
  }
  *fit = (line){scale > 0 ? scale : 0, -offset};
  return squares - fit->scale * xq - offset * sum;
}

static line line_of_32(const float *x) {
  float least = 0, greatest = x[0];
  for (int i = 0; i < 32; i++) {
    least = x[i] < least ? x[i] : least;
    greatest = x[i] > greatest ? x[i] : greatest;
  }
  const float range = greatest - least, squares = sum_of_squares(x, 32);
  /* Equal numbers, none above zero: the minimum says it all. */
  if (!(range > 0)) return (line){0, -least};
  line best, fit;
  float best_error = fit_32(x, squares, least, 15 / range, &best);
  for (float width = 12.5f; width <= 17; width += 0.25f) {
    const float error = fit_32(x, squares, least, width / range, &fit);
    if (error < best_error - noise * squares) {
      best_error = error;
      best = fit;
    }
  }
  return best;
}

static float error_of_32(const float *x, line fit) {
  const float inverse = fit.scale != 0 ? 1 / fit.scale : 0;
  float lanes[LANES] = {0};
  for (int i = 0; i < 32; i += LANES) {
    for (int lane = 0; lane < LANES; lane++) {
      const float code = (float)cut((x[i + lane] + fit.minimum) * inverse + 0.5f, 0, 15);
      const float difference = x[i + lane] - (fit.scale * code - fit.minimum);
      lanes[lane] += difference * difference;
    }
  }
  return total(lanes);
}

/* Multiples of the two halves of a block that a group uses. */
typedef struct {
  int scale, minimum;
} multiples;

static multiples multiples_of_32(const float *x, line fit, line step, multiples reach) {
  const int scale = step.scale > 0 ? nearest(fit.scale / step.scale, 0, 63) : 0;
  const int minimum = step.minimum > 0 ? nearest(fit.minimum / step.minimum, 0, 63) : 0;
  const float threshold = noise * sum_of_squares(x, 32);
  multiples best = {scale, minimum};
  float best_error = error_of_32(x, (line){step.scale * (float)scale, step.minimum * (float)minimum});
  for (int s = scale - reach.scale; s <= scale + reach.scale; s++) {
    for (int m = minimum - reach.minimum; m <= minimum + reach.minimum; m++) {
      if (s < 0 || s > 63 || m < 0 || m > 63) continue;
      const float error = error_of_32(x, (line){step.scale * (float)s, step.minimum * (float)m});
      if (error < best_error - threshold) {
        best_error = error;
        best = (multiples){s, m};
      }
    }
  }
  return best;
}

/* Puts the 6 + 6 bits of a group where `scale_and_minimum` of dequantise.c finds them. */
static void pack_multiples(uint8_t *packed, int g, multiples of) {
  if (g < 4) {
    packed[g] |= (uint8_t)of.scale;
    packed[g + 4] |= (uint8_t)of.minimum;
  } else {
    packed[g + 4] |= (uint8_t)((of.scale & 15) | (of.minimum & 15) << 4);
    packed[g - 4] |= (uint8_t)(of.scale >> 4 << 6);
    packed[g] |= (uint8_t)(of.minimum >> 4 << 6);
  }
}

/* d[2] m[2] scales[12] codes[128] */
void quantise_q4_k(const float *x, uint8_t *b) {
  line fits[8];
  int steepest = 0, lowest = 0;
  for (int g = 0; g < 8; g++) {
    fits[g] = line_of_32(x + 32 * g);
    if (fits[g].scale > fits[steepest].scale) steepest = g;
    if (fits[g].minimum > fits[lowest].minimum) lowest = g;
  }
  memset(b, 0, 144);
  const uint16_t halves[2] = {half_of_float(fits[steepest].scale / 63), half_of_float(fits[lowest].minimum / 63)};
  memcpy(b, halves, 4);
  const line step = {float_of_half(halves[0]), float_of_half(halves[1])};
  for (int g = 0; g < 8; g++) {
    const multiples reach = {g != steepest, g != lowest};
    const multiples of = multiples_of_32(x + 32 * g, fits[g], step, reach);
    pack_multiples(b + 4, g, of);
    const float scale = step.scale * (float)of.scale, minimum = step.minimum * (float)of.minimum;
    const float inverse = scale != 0 ? 1 / scale : 0;
    for (int i = 32 * g; i < 32 * g + 32; i++) {
      const int code = cut((x[i] + minimum) * inverse + 0.5f, 0, 15);
      b[16 + i / 64 * 32 + i % 32] |= (uint8_t)(code << (i % 64 < 32 ? 0 : 4));
    }
  }
}
