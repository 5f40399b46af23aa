/* The choice between the rows of the table. */
#include "numbers.h"

#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

enum { MOST_ROWS = 5 };

/* The rows this machine can run; the first is the one for who names none. */
static int runnable(const kelvin_kernels *rows[MOST_ROWS]) {
  int count = 0;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512vnni")) {
    rows[count++] = &kelvin_avx512;
    /* These round more, so they must be asked for. */
    rows[count++] = &kelvin_avx512rounding;
    if (__builtin_cpu_supports("avx512bf16")) rows[count++] = &kelvin_avx512bf16;
  }
  /* Every processor with AVX2 and FMA also converts halves (F16C). */
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) rows[count++] = &kelvin_avx2;
#elif defined(__aarch64__) && defined(__linux__)
  const unsigned long dot_product = 1ul << 20; /* HWCAP_ASIMDDP */
  if (getauxval(AT_HWCAP) & dot_product) rows[count++] = &kelvin_neon;
#elif defined(__aarch64__) && defined(__APPLE__)
  rows[count++] = &kelvin_neon;
#endif
  rows[count++] = &kelvin_scalar;
  return count;
}

const kelvin_kernels *kelvin_kernels_named(const char *name) {
  const kelvin_kernels *rows[MOST_ROWS];
  const int count = runnable(rows);
  for (int i = 0; i < count; i++) {
    if (name == NULL || strcmp(name, rows[i]->name) == 0) return rows[i];
  }
  return NULL;
}
