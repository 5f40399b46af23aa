/* Rounding to codes, and the writers of single blocks. Private to this target. */
#ifndef KELVIN_QUANTISE_H
#define KELVIN_QUANTISE_H

#include "numbers.h"

#include <math.h>

/* x without its fraction, in low..high; low where x is not a number. */
static inline int cut(float x, int low, int high) {
  const float above = x > (float)low ? x : (float)low;
  return (int)(above < (float)high ? above : (float)high);
}

/* The integer nearest to x, halves away from zero, in low..high; low where x is not a number. */
static inline int nearest(float x, int low, int high) {
  const float above = x > (float)low ? x : (float)low;
  const float inside = above < (float)high ? above : (float)high;
  /* Adding 1/2 first would round 0.49999997 up: the sum is 1. */
  const float size = fabsf(inside);
  const int whole = (int)size;
  const int rounded = whole + (size - (float)whole >= 0.5f);
  return inside < 0 ? -rounded : rounded;
}

void quantise_q4_k(const float *numbers, uint8_t *block);
void quantise_q6_k(const float *numbers, uint8_t *block);

#endif
