/* Norms, activations, rotations: the specification. */
#include "numbers.h"

#include <math.h>

void kelvin_scalar_rms_norm(const float *x, const float *weight, float offset, float epsilon, int32_t n, float *y) {
  double sum = 0;
  for (int32_t i = 0; i < n; i++) sum += (double)x[i] * x[i];
  const float factor = 1 / sqrtf((float)(sum / n) + epsilon);
  for (int32_t i = 0; i < n; i++) y[i] = x[i] * factor * (weight[i] + offset);
}

void kelvin_scalar_add(float *y, const float *x, size_t n) {
  for (size_t i = 0; i < n; i++) y[i] += x[i];
}

void kelvin_scalar_silu_multiply(const float *gate, const float *up, size_t n, float *y) {
  for (size_t i = 0; i < n; i++) y[i] = gate[i] / (1 + expf(-gate[i])) * up[i];
}

void kelvin_scalar_rotate(float *x, const float *cosines, const float *sines, int32_t pairs, bool adjacent) {
  for (int32_t i = 0; i < pairs; i++) {
    float *a = adjacent ? x + 2 * i : x + i, *b = adjacent ? x + 2 * i + 1 : x + pairs + i;
    const float turned = *a * cosines[i] - *b * sines[i];
    *b = *a * sines[i] + *b * cosines[i];
    *a = turned;
  }
}

void kelvin_scalar_add_scaled(float *y, const float *x, float factor, size_t n) {
  for (size_t i = 0; i < n; i++) y[i] += factor * x[i];
}

void kelvin_scalar_multiply_by(float *x, float factor, size_t n) {
  for (size_t i = 0; i < n; i++) x[i] *= factor;
}
