/* fake_backend.h - a backend for tests of the engine: it logs its calls, fails on request, and computes whole numbers
 * that can be checked by hand.
 *
 *     rms_norm   out = x * w
 *     attention  out = q + the sum of k + v over the row's path
 *     gated      out = gate + 2 * up
 *
 * The other operations do what their names say; rope is missing.
 * Everything is F32.  Memory starts as NaN, so that reading what was never written shows up in a score. */
#ifndef GD_TESTS_FAKE_BACKEND_H
#define GD_TESTS_FAKE_BACKEND_H

#include "backends/backend.h"
#include "base/buf.h"

/* What the fake backend does and what it has seen.  It is global, since open() takes no context. */
typedef struct fake_state {
    /* set by the test */
    gd_heights heights;
    size_t memory_free;
    size_t weight_bytes;  /* claimed for each matrix; 0: the bytes of its view */
    size_t scratch_bytes; /* claimed for each position of the longest text */
    bool begins;          /* operations are under way until finish() */
    const char *fails;    /* the function that fails, such as "rows_make"; an operation ("linear") fails in finish() */
    size_t fails_after;   /* this many calls of it succeed first */
    gd_status status;     /* of the failure */

    /* seen */
    gd_buf log;     /* a line for each call on the caller's thread */
    size_t live;    /* devices, buffers, rows and weights not yet freed */
    size_t calls;   /* of the function that fails */
    size_t pending; /* operations under way */
    size_t weights; /* bytes of live weights, by weight_bytes() */
    size_t weights_most;
    size_t buffers;   /* bytes of live buffers */
    gd_limits limits; /* last given to prepare() */
    bool broken;      /* an operation has failed: finish() reports it */
} fake_state;

extern fake_state fake;
extern const gd_backend fake_backend;

/* The state at the start of a test: tiles of 4 lines, no borrowed weights, no failures. */
void fake_reset(void);

/* Returns the log and clears it. The text is valid until the next call. */
const char *fake_log(void);

#endif
