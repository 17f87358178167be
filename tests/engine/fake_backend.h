/* fake_backend.h - a backend for tests of the engine: it writes down what it is asked to do, fails when it is told to,
 * and computes whole numbers that can be checked by hand.
 *
 *     rms_norm   out = x * w
 *     attention  out = q + the sum of k + v over the row's path
 *
 * The other operations do what their names say; there is no rope, and no gated product.
 * Everything is F32.  Its memory begins as NaN, so that whatever is read before it is written reaches a score. */
#ifndef GD_TESTS_FAKE_BACKEND_H
#define GD_TESTS_FAKE_BACKEND_H

#include "backends/backend.h"
#include "base/buf.h"

/* What the fake backend does, and what it has seen.  There is one, since a device is opened without any context. */
typedef struct fake_state {
    /* set by the test */
    gd_heights heights;
    size_t memory_free;
    size_t weight_bytes;  /* of each matrix, or 0: those of its view */
    size_t scratch_bytes; /* of each position of the longest text */
    bool begins;          /* operations are under way until finish() */
    const char *fails;    /* the function that fails, "rows_make" say; an operation ("linear") fails in finish() */
    size_t fails_after;   /* so many calls of it succeed */
    gd_status status;     /* what it fails with */

    /* seen */
    gd_buf log;     /* a line for each call on the caller's thread */
    size_t live;    /* devices, buffers, rows and weights that have not been freed */
    size_t calls;   /* of the function that fails */
    size_t pending; /* operations that are under way */
    size_t weights; /* bytes that weights take now, by weight_bytes() */
    size_t weights_most;
    size_t buffers;   /* bytes of buffers */
    gd_limits limits; /* that the device is prepared for */
    bool broken;      /* an operation has failed: finish() will say so */
} fake_state;

extern fake_state fake;
extern const gd_backend fake_backend;

/* The state of a test that begins: tiles of 4 lines, weights never borrowed, no failure. */
void fake_reset(void);

/* The log so far; it begins anew. The text is good until the next call. */
const char *fake_log(void);

#endif
