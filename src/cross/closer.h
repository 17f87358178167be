/* closer.h - a first difference of bits, seen again. */
#ifndef GD_CROSS_CLOSER_H
#define GD_CROSS_CLOSER_H

#include "cross/side.h"
#include "cross/verdict.h"

/* Completes sides->first, if its line is known: column, values, float64, `side` and `alone`.  left: NULL if that side
 * comes from another machine. */
gd_status gd_look_closer(gd_sides *sides, const gd_side *left, const gd_side *right, gd_error *err);

#endif
