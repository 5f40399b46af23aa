/* The scalar row: the specification that the others are tested against. */
#include "limits.h"
#include "variant.h"

#include "plain.inc.h"
#include "write_codes.inc.h"

#include "elementwise_scalar.inc.h"
#include "multiply_scalar.inc.h"
#include "attend_scalar.inc.h"
#include "limits_scalar.inc.h"

KELVIN_ROW(scalar, )
KELVIN_LIMITS_ROW(scalar)
