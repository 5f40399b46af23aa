/* Loops that the compiler turns into vectors by itself: one text, compiled for every row, the scalar one too. */

static void add(const float *a, const float *b, size_t n, float *y) {
  for (size_t i = 0; i < n; i++) y[i] = a[i] + b[i];
}

static void add_scaled(float *y, const float *x, float factor, size_t n) {
  for (size_t i = 0; i < n; i++) y[i] += factor * x[i];
}

/* sums[j] += the rows' products of the `count` places from `i` on. */
INLINE void sum_rows(float *sums, const float *x, ptrdiff_t stride, const float *factors, int32_t rows, size_t i,
                     int32_t count) {
  for (int32_t r = 0; r < rows; r++) {
    for (int32_t j = 0; j < count; j++) sums[j] += factors[r] * x[r * stride + (ptrdiff_t)i + j];
  }
}

/* Places whose sums stay in registers. */
enum { ROWS_PART = 64 };

static void add_rows(float *y, const float *x, ptrdiff_t stride, const float *factors, int32_t rows, size_t n) {
  size_t i = 0;
  for (; n - i >= ROWS_PART; i += ROWS_PART) {
    float sums[ROWS_PART];
    memcpy(sums, y + i, sizeof sums);
    sum_rows(sums, x, stride, factors, rows, i, ROWS_PART);
    memcpy(y + i, sums, sizeof sums);
  }
  for (; i < n; i++) sum_rows(y + i, x, stride, factors, rows, i, 1);
}

INLINE void count_sums(const float *sums, float even, int32_t bit, uint64_t *words, float *counts, int32_t count) {
  const uint64_t mask = (uint64_t)1 << bit;
  for (int32_t j = 0; j < count; j++) {
    const uint64_t word = words[j], now = sums[j] >= even ? mask : 0;
    words[j] = (word & ~mask) | now;
    counts[j] += (float)((int32_t)(now >> bit) - (int32_t)(word >> bit & 1));
  }
}

static void count_rows(const float *x, ptrdiff_t stride, const float *factors, int32_t rows, float even, int32_t bit,
                       uint64_t *words, float *counts, size_t n) {
  for (size_t i = 0; i < n; i += ROWS_PART) {
    float sums[ROWS_PART] = {0};
    if (n - i >= ROWS_PART) {
      sum_rows(sums, x, stride, factors, rows, i, ROWS_PART);
      count_sums(sums, even, bit, words + i, counts + i, ROWS_PART);
    } else {
      sum_rows(sums, x, stride, factors, rows, i, (int32_t)(n - i));
      count_sums(sums, even, bit, words + i, counts + i, (int32_t)(n - i));
    }
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
