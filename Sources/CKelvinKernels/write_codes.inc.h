/* Quantised entries written: one text, compiled for every row like plain.inc.h. */

/* The nearest codes. The scale is max|x| / 127, or what makes the number farthest from zero the code 0 of Q4_0; codes are
 * chosen for the scale as it is stored. Where no half holds the scale, all codes are zero, and the scale tells why. */
static entry_block block_of(kelvin_entry_format format, const float *x) {
  uint32_t largest = 0;
  /* Without their signs floats are ordered like their bits. */
  for (int32_t i = 0; i < KELVIN_BLOCK; i++) {
    const uint32_t magnitude = bits_of_float(x[i]) & 0x7fffffff;
    largest = magnitude > largest ? magnitude : largest;
  }
  float farthest = float_of_bits(largest);
  if (format == KELVIN_ENTRY_Q4_0) {
    int32_t i = 0;
    while ((bits_of_float(x[i]) & 0x7fffffff) != largest) i++;
    farthest = x[i];
  }
  const int32_t zero = zero_code(format);
  entry_block block = {.scale = half_of_float(format == KELVIN_ENTRY_Q8_0 ? farthest / 127 : farthest / -8)};
  const float scale = float_of_half(block.scale), inverse = 1 / scale;
  const float least = (float)(format == KELVIN_ENTRY_Q8_0 ? -127 : -8), most = (float)(zero - 1);
  const bool is_held = fabsf(scale) > 0 && fabsf(scale) < INFINITY;
  for (int32_t i = 0; i < KELVIN_BLOCK; i++) {
    float code = rintf(x[i] * inverse);
    code = code > most ? most : code;
    code = code > least ? code : least;
    block.codes[i] = (uint8_t)(is_held ? (int32_t)code + zero : zero);
  }
  return block;
}

/* Writes the key or value of one entry in blocks. */
static void write_key_blocks(const kelvin_head *head, int32_t entry, const float *key) {
  for (int32_t b = 0; b < head->key_width / KELVIN_BLOCK; b++) {
    const entry_block block = block_of(head->key_format, key + b * KELVIN_BLOCK);
    put_block(key_block(head, entry, b), &block);
  }
}

static void write_value_blocks(const kelvin_head *head, int32_t entry, const float *value) {
  for (int32_t b = 0; b < head->value_width / KELVIN_BLOCK; b++) {
    const entry_block block = block_of(head->value_format, value + b * KELVIN_BLOCK);
    put_block(value_block(head, entry, b), &block);
  }
}
