/* fake_inside.h - what the files of the fake backend share. */
#ifndef GD_TESTS_FAKE_INSIDE_H
#define GD_TESTS_FAKE_INSIDE_H

#include "tests/engine/fake_backend.h"

#include <stdatomic.h>

struct gd_device_rows {
    gd_batch_rows host;
};

struct gd_weight {
    gd_weight_role role;
    const gd_view *view;
    float *values;        /* of a MATRIX or VECTOR; NULL: read from the view */
    atomic_uint *filled;  /* [pieces] how often each was filled */
    size_t pieces, bytes; /* bytes: as weight_bytes() says */
    bool ready;           /* weight_wait() was called */
};

/* True when this call of the function is the one that fails. */
bool fake_fails(const char *function);

gd_op_run fake_embedding, fake_rms_norm, fake_linear, fake_head, fake_attention, fake_gated, fake_add, fake_last_row;
void fake_linears(gd_device *device, const gd_call *calls, size_t count);
void fake_gated_linears(gd_device *device, const gd_call *linears, const gd_call *gated);

#endif
