/* Where the numbers of an entry lie, and how one is read and written. */
#ifndef KELVIN_ENTRIES_H
#define KELVIN_ENTRIES_H

#include "numbers.h"

static inline bool is_quantised(kelvin_entry_format format) {
  return format == KELVIN_ENTRY_Q8_0 || format == KELVIN_ENTRY_Q4_0;
}

/* Bytes of one number of a format that is not quantised. */
static inline size_t entry_bytes(kelvin_entry_format format) { return format == KELVIN_ENTRY_F32 ? 4 : 2; }

static inline uint8_t *page_of(const kelvin_head *head, int32_t entry) {
  return head->pages[entry / KELVIN_PAGE_ENTRIES];
}

/* Whether a value is the first numbers of its key, as in latent attention. */
static inline bool shares_key(const kelvin_head *head) { return head->values_offset == 0; }

/* Channel d of the key of an entry. */
static inline uint8_t *key_at(const kelvin_head *head, int32_t entry, int32_t d) {
  const size_t place = (size_t)d * KELVIN_PAGE_ENTRIES + (size_t)(entry % KELVIN_PAGE_ENTRIES);
  return page_of(head, entry) + place * entry_bytes(head->key_format);
}

/* Channel d of the value of an entry. */
static inline uint8_t *value_at(const kelvin_head *head, int32_t entry, int32_t d) {
  const size_t place = (size_t)(entry % KELVIN_PAGE_ENTRIES) * (size_t)head->value_width + (size_t)d;
  return page_of(head, entry) + head->values_offset + place * entry_bytes(head->value_format);
}

static inline float read_number(kelvin_entry_format format, const uint8_t *at) {
  float x;
  switch (format) {
  case KELVIN_ENTRY_F16: return float_of_half(read_u16(at));
  case KELVIN_ENTRY_BF16: return float_of_bfloat(read_u16(at));
  default: break;
  }
  memcpy(&x, at, 4);
  return x;
}

static inline void write_number(kelvin_entry_format format, uint8_t *at, float x) {
  if (format == KELVIN_ENTRY_F32) {
    memcpy(at, &x, 4);
    return;
  }
  const uint16_t bits = format == KELVIN_ENTRY_F16 ? half_of_float(x) : bfloat_of_float(x);
  memcpy(at, &bits, 2);
}

#endif
