/* Loops that do one thing as fast as this machine can: what a measured speed is compared with.
 *
 * Every loop returns what it computed from ones, which is the number of products it made: so a test can tell that a
 * loop did the work that its time is divided by.
 */
#ifndef KELVIN_LIMITS_H
#define KELVIN_LIMITS_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
  const char *name; /* as in kelvin_kernels */

  /* Reads `bytes` bytes, a multiple of 256 * streams, as `streams` (1, 2, 4 or 8) runs side by side.
   * Returns the exclusive or of all 32-bit words. `at` is 64-byte aligned. */
  uint32_t (*read)(const uint8_t *at, size_t bytes, int32_t streams);

  /* Sums of products of int8 codes, from the first cache: the tile that `multiply` uses on U4. At most 2^20 rounds. */
  double (*products_of_codes)(int32_t rounds);

  /* Sums of products of 32-bit floats, from registers. At most 2^20 rounds. */
  double (*products_of_numbers)(int32_t rounds);
} kelvin_limits;

/* The loops of the row named `name`, NULL for the fastest; NULL where kelvin_kernels_named returns it. */
const kelvin_limits *kelvin_limits_named(const char *name);

/* Sums of products of bfloat16, from tiles where there are any, else from registers; 0 where the processor has no such
 * instruction. At most 2^20 rounds. */
double kelvin_products_of_bf16(int32_t rounds);

#endif
