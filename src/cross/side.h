/* side.h - one side of a cross-check: its options, and its run. */
#ifndef GD_CROSS_SIDE_H
#define GD_CROSS_SIDE_H

#include "cross/recorder.h"

enum { GD_SIDE_PARTS = 4 }; /* backend, numerics, isa, precision */

typedef struct gd_side {
    gd_options options;
    const gd_backend *backend; /* NULL: the one that they name */
    char *parts;               /* what some of them point to */
} gd_side;

/* The options of a side: those of the caller, with the parts of "BACKEND[:NUMERICS[:ISA[:PRECISION]]]" in their place,
 * checked. `which` ("left") begins the sentence of a failure. */
gd_status gd_side_read(gd_side *side, const gd_options *base, const char *parts, const char *which, gd_error *err);
void gd_side_free(gd_side *side);

/* Whether it runs on a device with memory of its own. */
bool gd_side_is_apart(const gd_side *side);

/* Whether two sides are run in the same way, on the same model. */
bool gd_side_same(const gd_side *a, const gd_side *b);

/* Runs a side.  Texts without any (count 0) are read first, as the side encodes them; the trace is opened here.
 * capture: NULL, or which values are wanted, whose arrays are the caller's. */
typedef struct gd_side_run {
    const gd_side *side;
    const gd_crosscheck_options *how;
    gd_cross_texts *texts;
    gd_trace *trace;
    gd_capture *capture;
    gd_pause pause; /* after each batch; *done counts their tokens */
    uint64_t *done;
} gd_side_run;

gd_status gd_side_trace(const gd_side_run *run, gd_error *err);

/* The same in steps: opens the model's files, for its plan and the texts; then runs it.  Its engine is open only while
 * it runs. */
gd_status gd_side_open(gd_model **out, const gd_side_run *run, gd_error *err);
gd_status gd_side_compute(gd_model *model, const gd_side_run *run, gd_error *err);

#endif
