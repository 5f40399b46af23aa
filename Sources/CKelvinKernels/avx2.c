/* The AVX2 row: 8 lanes. */
#include "limits.h"
#include "variant.h"

#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#include "lanes_avx2.h"
#include "vectors.inc.h"
#include "plain.inc.h"
#include "write_codes.inc.h"
#include "elementwise.inc.h"
#include "multiply_codes.inc.h"
#include "multiply_numbers.inc.h"
#include "attend_codes.inc.h"
#include "attend.inc.h"
#include "limits.inc.h"
#pragma clang attribute pop

KELVIN_ROW(avx2, )
KELVIN_LIMITS_ROW(avx2)
#endif
