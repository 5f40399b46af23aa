/* Quantised entries, a block of 32 channels at a time: where its codes and its scale lie, how they are read and made. */
#ifndef KELVIN_ENTRY_CODES_H
#define KELVIN_ENTRY_CODES_H

#include "entries.h"

/* 32 neighbours: number i is scale * (codes[i] - zero), the zero 128 or 8. */
typedef struct {
  uint8_t codes[KELVIN_BLOCK];
  uint16_t scale;
} entry_block;

/* Where a block lies: code i, or codes i and 16 + i in one byte, at codes[i / 4 * step + i % 4]. */
typedef struct {
  kelvin_entry_format format;
  uint8_t *codes, *scale;
  int32_t step;
  uint8_t flip; /* what turns a stored byte of Q8_0 into its unsigned code: values are stored signed */
} block_place;

static inline int32_t zero_code(kelvin_entry_format format) { return format == KELVIN_ENTRY_Q8_0 ? 128 : 8; }

/* Bytes of the codes of `count` channels. */
static inline size_t codes_bytes(kelvin_entry_format format, int32_t count) {
  return (size_t)count / (format == KELVIN_ENTRY_Q8_0 ? 1 : 2);
}

/* Bytes of `count` numbers of a value, without the scales. */
static inline size_t number_bytes(kelvin_entry_format format, int32_t count) {
  return is_quantised(format) ? codes_bytes(format, count) : (size_t)count * entry_bytes(format);
}

/* The keys of one page as a weight of `rows` rows. */
static inline kelvin_weight keys_of(const kelvin_head *head, const uint8_t *page, int32_t rows) {
  kelvin_weight w = {
      .packing = head->key_format == KELVIN_ENTRY_Q8_0 ? KELVIN_PACKED_U8 : KELVIN_PACKED_U4,
      .rows = rows, .columns = head->key_width,
      .zero = zero_code(head->key_format), .group = KELVIN_BLOCK, .has_minimum = false, .data = page,
  };
  w.panel_bytes = (size_t)(head->key_width / KELVIN_BLOCK) * block_bytes(&w);
  return w;
}

/* Block b of the key of an entry. */
static inline block_place key_block(const kelvin_head *head, int32_t entry, int32_t b) {
  const kelvin_weight w = keys_of(head, page_of(head, entry), KELVIN_PAGE_ENTRIES);
  const int32_t place = entry % KELVIN_PAGE_ENTRIES, row = place % KELVIN_PANEL;
  uint8_t *block = page_of(head, entry) + (size_t)(place / KELVIN_PANEL) * w.panel_bytes + (size_t)b * block_bytes(&w);
  return (block_place){head->key_format, block + 4 * row, block + code_bytes(&w) + 2 * row, 4 * KELVIN_PANEL, 0};
}

/* The scales of the values of a page, [Dv/32][64]. */
static inline uint8_t *value_scales(const kelvin_head *head, int32_t entry) {
  return page_of(head, entry) + head->values_offset +
         KELVIN_PAGE_ENTRIES * codes_bytes(head->value_format, head->value_width);
}

/* Block b of the value of an entry. */
static inline block_place value_block(const kelvin_head *head, int32_t entry, int32_t b) {
  const size_t place = (size_t)(entry % KELVIN_PAGE_ENTRIES);
  const size_t channels = place * (size_t)head->value_width + (size_t)b * KELVIN_BLOCK;
  uint8_t *codes = page_of(head, entry) + head->values_offset + codes_bytes(head->value_format, (int32_t)channels);
  uint8_t *scale = value_scales(head, entry) + 2 * ((size_t)b * KELVIN_PAGE_ENTRIES + place);
  return (block_place){head->value_format, codes, scale, 4, head->value_format == KELVIN_ENTRY_Q8_0 ? 128 : 0};
}

static inline entry_block get_block(block_place from) {
  entry_block block;
  const bool bytes = from.format == KELVIN_ENTRY_Q8_0;
  for (int32_t i = 0; i < KELVIN_BLOCK; i++) {
    const int32_t j = bytes ? i : i % 16;
    const uint8_t stored = from.codes[j / 4 * from.step + j % 4];
    block.codes[i] = bytes ? stored ^ from.flip : stored >> i / 16 * 4 & 15;
  }
  block.scale = read_u16(from.scale);
  return block;
}

static inline void put_block(block_place to, const entry_block *block) {
  const bool bytes = to.format == KELVIN_ENTRY_Q8_0;
  uint8_t stored[KELVIN_BLOCK];
  for (int32_t i = 0; i < KELVIN_BLOCK; i++) stored[i] = block->codes[i] ^ to.flip;
  for (int32_t i = 0; i < (bytes ? 0 : 16); i++) stored[i] = (uint8_t)(block->codes[i] | block->codes[16 + i] << 4);
  for (int32_t i = 0; i < (bytes ? KELVIN_BLOCK : 16); i += 4) memcpy(to.codes + i / 4 * to.step, stored + i, 4);
  memcpy(to.scale, &block->scale, 2);
}

static inline float number_in(kelvin_entry_format format, const entry_block *block, int32_t i) {
  return float_of_half(block->scale) * (float)(block->codes[i] - zero_code(format));
}

/* Room on the stack for queries as products with codes read them. */
enum { QUERY_BLOCKS = KELVIN_MOST_CODES / KELVIN_BLOCK };
typedef struct {
  int8_t codes[KELVIN_MOST_CODES];
  float scales[QUERY_BLOCKS];
  int16_t sums[2 * QUERY_BLOCKS];
} query_room;

#endif
