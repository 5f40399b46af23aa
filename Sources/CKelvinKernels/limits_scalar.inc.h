/* The loops of kelvin_limits.h, plainly. */

static uint32_t read_all(const uint8_t *at, size_t bytes, int32_t streams) {
  const size_t part = bytes / (size_t)streams;
  uint32_t all = 0;
  for (size_t i = 0; i < part; i += 4) {
    for (int32_t s = 0; s < streams; s++) all ^= (uint32_t)int_at(at + (size_t)s * part + i);
  }
  return all;
}

/* What the compiler cannot know to be one. */
#define HIDDEN_ONE(type) (*(const volatile type *)&(type){1})

static double products_of_codes(int32_t rounds) {
  int32_t sums[16] = {0};
  for (int32_t round = 0; round < rounds; round++) {
    const int8_t code = HIDDEN_ONE(int8_t), x = HIDDEN_ONE(int8_t);
    for (int i = 0; i < 16; i++) sums[i] += code * x;
  }
  double sum = 0;
  for (int i = 0; i < 16; i++) sum += sums[i];
  return sum;
}

static double products_of_numbers(int32_t rounds) {
  float sums[16] = {0};
  for (int32_t round = 0; round < rounds; round++) {
    const float w = HIDDEN_ONE(float), x = HIDDEN_ONE(float);
    for (int i = 0; i < 16; i++) sums[i] += w * x;
  }
  double sum = 0;
  for (int i = 0; i < 16; i++) sum += (double)sums[i];
  return sum;
}
