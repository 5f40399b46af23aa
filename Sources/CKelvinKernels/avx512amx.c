/* The AVX-512 row where tiles of bfloat16 are multiplied: attention of prompts, and weights that meet many activations. */
/* To convert a page takes as long as to multiply some 40 rows with it. */
#define SHARED_ROWS 48

#include "limits.h"
#include "variant.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include "tiles.h"

#pragma clang attribute push(                                                                                          \
    __attribute__((target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16,"                     \
                          "amx-tile,amx-bf16,prfchw"))), apply_to = function)
#define ATTENTION_ROUNDS
#define TILE_PRODUCTS
#include "lanes_avx512.h"
#include "vectors.inc.h"
#include "lanes_tiles.h"
#include "plain.inc.h"
#include "write_codes.inc.h"
#include "elementwise.inc.h"
#include "multiply_codes.inc.h"
#include "multiply_tiles.inc.h"
#include "multiply_numbers.inc.h"
#include "attend_codes.inc.h"
#include "attend.inc.h"
#include "limits.inc.h"
#pragma clang attribute pop

KELVIN_ROW(avx512amx, .multiply_rounded = multiply_rounded, .halve = halve,
           .rounded_packings = 1u << KELVIN_PACKED_U4 | 1u << KELVIN_PACKED_U8 | 1u << KELVIN_PACKED_F16 |
                               1u << KELVIN_PACKED_BF16)
KELVIN_LIMITS_ROW(avx512amx)
#endif
