/* Counts how often a program asks for memory: a library that stands before the C library's own functions.
 *
 *   clang -shared -fPIC -O2 -o allocations.so allocations.c
 *   KELVIN_ALLOCATIONS=count LD_PRELOAD=./allocations.so kelvin bench ...
 *
 * When the program ends, the number is in the file `count`. Linux with glibc only.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *old, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

static atomic_long count;

static void add_one(void) { atomic_fetch_add_explicit(&count, 1, memory_order_relaxed); }

void *malloc(size_t bytes) {
  add_one();
  return __libc_malloc(bytes);
}

void *calloc(size_t number, size_t bytes) {
  add_one();
  return __libc_calloc(number, bytes);
}

void *realloc(void *old, size_t bytes) {
  add_one();
  return __libc_realloc(old, bytes);
}

void *memalign(size_t alignment, size_t bytes) {
  add_one();
  return __libc_memalign(alignment, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes) { return memalign(alignment, bytes); }

int posix_memalign(void **memory, size_t alignment, size_t bytes) {
  *memory = memalign(alignment, bytes);
  return *memory == NULL ? ENOMEM : 0;
}

__attribute__((destructor)) static void report(void) {
  const long found = atomic_load(&count);
  const char *path = getenv("KELVIN_ALLOCATIONS");
  FILE *file = path == NULL ? NULL : fopen(path, "w");
  if (file == NULL) return;
  fprintf(file, "%ld\n", found);
  fclose(file);
}
