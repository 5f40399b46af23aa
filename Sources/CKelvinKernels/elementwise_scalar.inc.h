/* Norms, exponentials: the specification. */

static void rms_norm(const float *x, const float *weight, float offset, float epsilon, int32_t n, float *y) {
  double sum = 0;
  for (int32_t i = 0; i < n; i++) sum += (double)x[i] * x[i];
  const float factor = 1 / sqrtf((float)(sum / n) + epsilon);
  for (int32_t i = 0; i < n; i++) y[i] = x[i] * factor * (weight[i] + offset);
}

static void layer_norm(const float *x, const float *weight, const float *bias, float epsilon, int32_t n, float *y) {
  double sum = 0, squares = 0;
  for (int32_t i = 0; i < n; i++) sum += x[i];
  const double mean = sum / n;
  for (int32_t i = 0; i < n; i++) squares += (x[i] - mean) * (x[i] - mean);
  const float factor = 1 / sqrtf((float)(squares / n) + epsilon);
  for (int32_t i = 0; i < n; i++) y[i] = (x[i] - (float)mean) * factor * weight[i] + bias[i];
}

static void silu_multiply(const float *gate, const float *up, size_t n, float *y) {
  for (size_t i = 0; i < n; i++) y[i] = gate[i] / (1 + expf(-gate[i])) * up[i];
}

static float gelu_of(float x) { return x * (0.5f + 0.5f * tanhf(0.797884561f * (x + 0.044715f * x * x * x))); }

static void gelu(const float *x, size_t n, float *y) {
  for (size_t i = 0; i < n; i++) y[i] = gelu_of(x[i]);
}

static void gelu_multiply(const float *gate, const float *up, size_t n, float *y) {
  for (size_t i = 0; i < n; i++) y[i] = gelu_of(gate[i]) * up[i];
}

static float exponentials(float *x, int32_t n, float *max) {
  float largest = -INFINITY, sum = 0;
  for (int32_t j = 0; j < n; j++) largest = fmaxf(largest, x[j]);
  *max = largest;
  /* Where everything is -infinity nothing is subtracted, so that the result is zeros and not NaN. */
  const float shift = largest == -INFINITY ? 0 : largest;
  for (int32_t j = 0; j < n; j++) {
    x[j] = expf(x[j] - shift);
    sum += x[j];
  }
  return sum;
}
