/* Loops that the compiler turns into vectors by itself: one text, compiled for every row, the scalar one too. */

static void add(const float *a, const float *b, size_t n, float *y) {
  for (size_t i = 0; i < n; i++) y[i] = a[i] + b[i];
}

static void add_scaled(float *y, const float *x, float factor, size_t n) {
  for (size_t i = 0; i < n; i++) y[i] += factor * x[i];
}

static void add_rows(float *y, const float *x, ptrdiff_t stride, const float *factors, int32_t rows, size_t n) {
  enum { PART = 64 };
  size_t i = 0;
  for (; n - i >= PART; i += PART) {
    float sums[PART];
    memcpy(sums, y + i, sizeof sums);
    for (int32_t r = 0; r < rows; r++) {
      for (int32_t j = 0; j < PART; j++) sums[j] += factors[r] * x[r * stride + (ptrdiff_t)i + j];
    }
    memcpy(y + i, sums, sizeof sums);
  }
  for (; i < n; i++) {
    for (int32_t r = 0; r < rows; r++) y[i] += factors[r] * x[r * stride + (ptrdiff_t)i];
  }
}

static void count_shares(const float *shares, float even, uint64_t *words, int32_t bit, float *counts, size_t n) {
  const uint64_t mask = (uint64_t)1 << bit;
  for (size_t i = 0; i < n; i++) {
    const uint64_t word = words[i], now = shares[i] >= even ? mask : 0;
    words[i] = (word & ~mask) | now;
    counts[i] += (float)((int32_t)(now >> bit) - (int32_t)(word >> bit & 1));
  }
}

static void multiply_by(float *x, float factor, size_t n) {
  for (size_t i = 0; i < n; i++) x[i] *= factor;
}

/* Few models cap, and their layers are large: the plain function is a small part of a pass. */
static void softcap(float *x, float limit, int32_t n) {
  for (int32_t i = 0; i < n; i++) x[i] = limit * tanhf(x[i] / limit);
}

static void rotate(float *x, const float *cosines, const float *sines, int32_t pairs, bool adjacent) {
  if (adjacent) {
    for (int32_t i = 0; i < pairs; i++) {
      const float a = x[2 * i], b = x[2 * i + 1];
      x[2 * i] = a * cosines[i] - b * sines[i];
      x[2 * i + 1] = a * sines[i] + b * cosines[i];
    }
    return;
  }
  float *second = x + pairs;
  for (int32_t i = 0; i < pairs; i++) {
    const float a = x[i], b = second[i];
    x[i] = a * cosines[i] - b * sines[i];
    second[i] = a * sines[i] + b * cosines[i];
  }
}

/* One of log2(count) steps, all alike: a step turns the bits of an index by one place, so that after the last every
 * number lies where it belongs, and the compiler sees whole vectors in each. */
INLINE void hadamard_step(const float *from, float *to, int32_t count, float factor) {
  for (int32_t i = 0; i < count / 2; i++) {
    const float a = from[i], b = from[i + count / 2];
    to[2 * i] = (a + b) * factor;
    to[2 * i + 1] = (a - b) * factor;
  }
}

static void hadamard(float *x, int32_t n) {
  float other[64];
  if (n % 64 == 0) {
    for (int32_t i = 0; i < n; i += 64) {
      for (int32_t step = 0; step < 2; step++) {
        hadamard_step(x + i, other, 64, 1);
        hadamard_step(other, x + i, 64, 1);
      }
      hadamard_step(x + i, other, 64, 1);
      hadamard_step(other, x + i, 64, 0x1p-3f);
    }
    return;
  }
  for (int32_t i = 0; i < n; i += 32) {
    for (int32_t step = 0; step < 2; step++) {
      hadamard_step(x + i, other, 32, 1);
      hadamard_step(other, x + i, 32, 1);
    }
    hadamard_step(x + i, other, 32, 0x1.6a09e6p-3f);
    memcpy(x + i, other, sizeof *other * 32);
  }
}
