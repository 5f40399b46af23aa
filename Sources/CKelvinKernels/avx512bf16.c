/* The AVX-512 row where pairs of bfloat16 are multiplied at twice the rate of floats: those of attention of prompts, and of
 * activations with weights in bfloat16. It also rounds the codes of weights that meet many activations. */
#include "limits.h"
#include "variant.h"

#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(                                                                                          \
    __attribute__((target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16"))), apply_to = function)
#define ATTENTION_ROUNDS
#define PAIR_PRODUCTS
#include "lanes_avx512.h"
#include "vectors.inc.h"
#include "lanes_pairs.h"
#include "plain.inc.h"
#include "write_codes.inc.h"
#include "elementwise.inc.h"
#include "multiply_codes.inc.h"
#include "multiply_rounded.inc.h"
#include "multiply_numbers.inc.h"
#include "attend_codes.inc.h"
#include "attend.inc.h"
#include "limits.inc.h"
#pragma clang attribute pop

KELVIN_ROW(avx512bf16, .multiply_rounded = multiply_rounded, .rounded_packings = 1u << KELVIN_PACKED_U4)
KELVIN_LIMITS_ROW(avx512bf16)
#endif
