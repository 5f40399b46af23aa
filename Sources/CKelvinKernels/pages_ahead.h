/* What is asked for while few queries read pages: they wait for memory then, and pages lie anywhere. */
#ifndef KELVIN_PAGES_AHEAD_H
#define KELVIN_PAGES_AHEAD_H

#include "entry_codes.h"

/* Keys or values of a page are a unit. Units are read one after the other: the keys of all pages, their values, and what
 * `following` says. Asked for is the next unit; or, where a processor brings near by itself what follows in several runs of
 * addresses, the next ASKED_UNITS in turn. On one core of an Ice Lake server 3 queries read halves at 70 % of a plain read
 * with the first, at 93 % with the second, into the first cache. */
enum { ASKED_UNITS = KELVIN_FOLLOWING };
typedef struct {
  const uint8_t *units[ASKED_UNITS]; /* the first NULL: nothing is known */
  size_t first;                      /* lines that units before this one asked for */
  bool in_turn;
} pages_ahead;

static inline size_t key_unit_bytes(const kelvin_head *head) {
  return kelvin_entry_bytes(head->key_format, (size_t)head->key_width * KELVIN_PAGE_ENTRIES);
}

/* Where unit `unit` of the entries [first, last) lies, or NULL. */
static inline const uint8_t *unit_of(const kelvin_head *head, int32_t first, int32_t last, int32_t unit) {
  const int32_t pages = (last - first + KELVIN_PAGE_ENTRIES - 1) / KELVIN_PAGE_ENTRIES;
  if (unit < pages) return page_of(head, first + unit * KELVIN_PAGE_ENTRIES);
  unit -= pages;
  if (!shares_key(head)) {
    if (unit < pages) return page_of(head, first + unit * KELVIN_PAGE_ENTRIES) + head->values_offset;
    unit -= pages;
  }
  return unit < KELVIN_FOLLOWING ? head->following[unit] : NULL;
}

/* What is asked for while unit `unit`, of `bytes` bytes, is read. */
static inline pages_ahead pages_after(const kelvin_head *head, int32_t first, int32_t last, int32_t unit, size_t bytes,
                                      bool in_turn) {
  pages_ahead ahead = {.in_turn = in_turn};
  if (!in_turn) {
    ahead.units[0] = unit_of(head, first, last, unit + 1);
    return ahead;
  }
  ahead.first = (size_t)(unit % ASKED_UNITS) * (bytes / 64);
  for (int32_t i = 0; i < ASKED_UNITS; i++) {
    const uint8_t *at = unit_of(head, first, last, unit / ASKED_UNITS * ASKED_UNITS + ASKED_UNITS + i);
    ahead.units[i] = at != NULL || i == 0 ? at : ahead.units[i - 1];
  }
  return ahead;
}

/* Asks for as much as lies `bytes` from `from` on in the unit that is read. */
static inline __attribute__((always_inline)) void ask_ahead(const pages_ahead *ahead, size_t from, size_t bytes) {
  if (ahead->units[0] == NULL) return;
  for (size_t i = 0; i < bytes; i += 64) {
    if (ahead->in_turn) {
      const size_t line = ahead->first + (from + i) / 64;
      __builtin_prefetch(ahead->units[line % ASKED_UNITS] + line / ASKED_UNITS * 64, 0, 3);
    } else {
      __builtin_prefetch(ahead->units[0] + from + i, 0, 2);
    }
  }
}

#endif
