#include "entries.h"

size_t kelvin_entry_bytes(kelvin_entry_format format) { return entry_bytes(format); }

void kelvin_move_entry(const kelvin_head *head, int32_t from, int32_t to) {
  if (from == to) return;
  const size_t bytes = entry_bytes(head->key_format);
  for (int32_t d = 0; d < head->key_width; d++) memcpy(key_at(head, to, d), key_at(head, from, d), bytes);
  memcpy(value_at(head, to, 0), value_at(head, from, 0), (size_t)head->value_width * entry_bytes(head->value_format));
}

void kelvin_read_entry(const kelvin_head *head, int32_t entry, float *key, float *value) {
  for (int32_t d = 0; d < head->key_width; d++) key[d] = read_number(head->key_format, key_at(head, entry, d));
  for (int32_t d = 0; d < head->value_width; d++) value[d] = read_number(head->value_format, value_at(head, entry, d));
}
