/* linear_case.h - one linear to test: random operands, and a call through a backend's table. */
#ifndef GD_TESTS_LINEAR_CASE_H
#define GD_TESTS_LINEAR_CASE_H

#include "tests/backends/gemm_case.h"

#include "backends/cpu/device.h"

static inline gd_view view_of(const void *data, gd_dtype dtype, size_t out, size_t in)
{
    return (gd_view){ .name = "layer.weight",
                      .dtype = dtype,
                      .rank = 2,
                      .shape = { out, in },
                      .data = data,
                      .bytes = out * in * gd_dtype_size(dtype) };
}

struct linear {
    size_t rows, in, out, rank;
    gd_dtype operand, output;
    bool bias, borrowed; /* borrowed: the matrices are read in place */
    void *x, *w, *a, *b; /* of the operand type */
    float *bias_values;
    float scale;
};

static inline void linear_make(struct linear *l, uint64_t seed)
{
    l->x = test_values(l->rows * l->in, l->operand, FILL_NORMAL, &seed);
    l->w = test_values(l->out * l->in, l->operand, FILL_NORMAL, &seed);
    l->a = test_values(l->rank * l->in, l->operand, FILL_NORMAL, &seed);
    l->b = test_values(l->out * l->rank, l->operand, FILL_NORMAL, &seed);
    l->bias_values = test_values(l->out, GD_F32, FILL_NORMAL, &seed);
    l->scale = 0.37f;
}

static inline void linear_drop(struct linear *l)
{
    gd_free(l->x);
    gd_free(l->w);
    gd_free(l->a);
    gd_free(l->b);
    gd_free(l->bias_values);
}

static inline gd_weight *matrix_of(const gd_backend *backend, gd_device *device, const struct linear *l,
                                   const gd_view *view)
{
    gd_weight *w;

    assert_ok(l->borrowed ? backend->weight_borrow(device, &w, view, test_err)
                          : gd_backend_load(backend, device, &w, GD_WEIGHT_MATRIX, view, test_err));
    assert_non_null(w);
    return w;
}

/* Runs it with the backend's weights and operation, with rows of x and y further apart than they are wide. */
static inline void linear_run(const gd_backend *backend, gd_device *device, const struct linear *l, float *y)
{
    const gd_view views[] = { view_of(l->w, l->operand, l->out, l->in), view_of(l->a, l->operand, l->rank, l->in),
                              view_of(l->b, l->operand, l->out, l->rank) };
    const gd_view bias = { .name = "bias",
                           .dtype = GD_F32,
                           .rank = 1,
                           .shape = { l->out },
                           .data = l->bias_values,
                           .bytes = l->out * sizeof(float) };
    const size_t xs = l->in + (l->bias ? 2 : 3), ys = l->out + 5;
    const size_t size = gd_dtype_size(l->operand), out_size = gd_dtype_size(l->output);
    char *x = gd_alloc_aligned(l->rows * xs * size), *out = gd_alloc_aligned(l->rows * ys * out_size);
    gd_weight *w[4] = { NULL, NULL, NULL, NULL };
    gd_call call = { .in = { { x, l->operand, l->rows, l->in, xs } }, .out = { out, l->output, l->rows, l->out, ys } };

    memset(out, 0x5A, l->rows * ys * out_size);
    for (size_t i = 0; i < l->rows; i++)
        memcpy(x + i * xs * size, (char *)l->x + i * l->in * size, l->in * size);
    for (size_t i = 0; i < (l->rank ? 3u : 1u); i++)
        w[i] = matrix_of(backend, device, l, &views[i]);
    if (l->bias)
        assert_ok(gd_backend_load(backend, device, &w[3], GD_WEIGHT_VECTOR, &bias, test_err));
    call.w[0] = w[0];
    call.w[1] = w[3];
    call.lora = (gd_lora_weights){ w[1], w[2], l->scale };
    backend->run[GD_OP_linear](device, &call);
    for (size_t i = 0; i < l->rows * ys; i++) {
        if (i % ys < l->out)
            y[i / ys * l->out + i % ys] = test_element(out, l->output, i);
        else
            assert_int_equal(out[i * out_size], 0x5A);
    }
    for (size_t i = 0; i < 4; i++)
        backend->weight_free(device, w[i]);
    gd_free(x);
    gd_free(out);
}

#endif
