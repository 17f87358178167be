/* both.h - two sides of a golden model, run and compared. */
#ifndef GD_TESTS_CROSS_BOTH_H
#define GD_TESTS_CROSS_BOTH_H

#include "tests/cross/faulty.h"

#include "cross/closer.h"

struct both {
    gd_side left, right;
    gd_cross_texts texts;
    gd_trace traces[2];
    gd_model *model;
    gd_sides sides;
};

/* Writes some texts to a file in the directory; returns its path. */
const char *both_input(const char *dir);

/* Runs the left side with exact numerics, and the right one with these and on this backend (NULL: cpu). */
void both_compare(struct both *both, const char *input, const char *model, bool lora, const char *numerics,
                  const gd_backend *backend);
void both_close(struct both *both);

#endif
