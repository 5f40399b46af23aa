/* The NEON row: 4 lanes, byte products by the dot product. */
#include "limits.h"
#include "variant.h"

#if defined(__aarch64__)
#include <arm_neon.h>

#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)
#include "lanes_neon.h"
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

KELVIN_ROW(neon, )
KELVIN_LIMITS_ROW(neon)
#endif
