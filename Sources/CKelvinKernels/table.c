/* The choice between the rows of the table. */
#include "numbers.h"

#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

enum { MOST_ROWS = 6 };

#if defined(__x86_64__)
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

/* Linux keeps the 8 KB of tiles for threads of processes that have asked. */
bool kelvin_may_use_tiles(void) {
#if defined(__linux__)
  enum { REQUEST_PERMISSION = 0x1023, TILES = 18 };
  if (!__builtin_cpu_supports("amx-tile") || !__builtin_cpu_supports("amx-bf16")) return false;
  return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILES) == 0;
#else
  return false;
#endif
}
#endif

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
    if (__builtin_cpu_supports("avx512bf16") && kelvin_may_use_tiles()) rows[count++] = &kelvin_avx512amx;
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

const kelvin_kernels *kelvin_rounding_kernels(void) {
#if defined(__x86_64__)
  /* Intel's processors take two cycles for a register of pairs of bfloat16, which is no more than for floats, and rounding comes on
   * top: with the demo model `kelvin bench -p 512 -n 0 -d 0,4096` makes 1624 and 273 tokens/s with avx512bf16, 1784 and 420 with
   * avx512rounding, 3009 and 689 with avx512amx. */
  const char *const names[] = {"avx512amx", __builtin_cpu_is("intel") ? "avx512rounding" : "avx512bf16", "avx512rounding"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    const kelvin_kernels *row = kelvin_kernels_named(names[i]);
    if (row != NULL) return row;
  }
#endif
  return NULL;
}
