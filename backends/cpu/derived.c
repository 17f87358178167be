/* derived.c - what the backends based on a library's matmul share. */
#include "backends/cpu/derived.h"

#include "backends/cpu/device.h"
#include "backends/cpu/ops.h"
#include "base/error.h"
#include "base/mem.h"
#include "quant-free/convert.h"

#include <string.h>

enum { ROWS = GD_DERIVED_ROWS, COLS = GD_DERIVED_COLS };

static size_t ceil_div(size_t a, size_t b) { return (a + b - 1) / b; }
static size_t least(size_t a, size_t b) { return a < b ? a : b; }
/* ---- weights ---- */

static size_t matrix_bytes(const gd_device *device, const gd_view *view)
{
    size_t bytes;

    if (!gd_mul(view->shape[0], view->shape[1], &bytes) || !gd_mul(bytes, gd_dtype_size(device->operand), &bytes))
        return SIZE_MAX;
    return bytes;
}

size_t gd_derived_weight_bytes(const gd_device *device, gd_weight_role role, const gd_view *view)
{
    size_t bytes;

    if (role != GD_WEIGHT_MATRIX || view->rank != 2)
        return gd_cpu_weight_bytes(device, role, view);
    bytes = gd_large_bytes(matrix_bytes(device, view));
    return bytes > SIZE_MAX - sizeof(gd_weight) ? SIZE_MAX : bytes + sizeof(gd_weight);
}

size_t gd_derived_weight_pieces(const gd_weight *weight)
{
    return weight->role == GD_WEIGHT_MATRIX ? ceil_div(weight->out, ROWS) : 0;
}

void gd_derived_weight_fill(gd_weight *w, size_t piece)
{
    const size_t first = piece * ROWS, rows = least(ROWS, w->out - first);

    if (w->operand == GD_F32)
        gd_view_rows_to_f32(&w->view, first, rows, (float *)w->packed + first * w->in);
    else
        gd_view_rows_to_bf16(&w->view, first, rows, (gd_bf16 *)w->packed + first * w->in);
}

gd_status gd_derived_weight_make(gd_device *device, gd_weight **out, gd_weight_role role, const gd_view *view,
                                 gd_error *err)
{
    gd_weight *w;
    gd_status rc;
    size_t bytes;

    if (role != GD_WEIGHT_MATRIX)
        return gd_cpu_weight_make(device, out, role, view, err);
    *out = NULL;
    rc = gd_weight_check(role, view, err);
    if (rc)
        return rc;
    w = gd_alloc_zero(1, sizeof *w);
    if (!w)
        return gd_fail_memory(err, sizeof *w);
    bytes = matrix_bytes(device, view);
    *w = (gd_weight){ .role = role,
                      .out = view->shape[0],
                      .in = view->shape[1],
                      .operand = device->operand,
                      .view = *view,
                      .packed = gd_large_alloc(bytes) };
    if (!w->packed) {
        gd_free(w);
        return gd_fail_memory(err, bytes);
    }
    *out = w;
    return GD_OK;
}

/* ---- scratch space ---- */

/* Of device->linear_scratch: rows padded to whole tiles, [tiles * 64][in]; the adapter's inner values,
 * [tiles * 64][rank]; and for each worker three tiles of sums, [64][256]. */
struct parts {
    size_t low, sums, bytes;
};

static const size_t sum_floats = (size_t)ROWS * COLS;

static struct parts divide(size_t rows, size_t in, size_t rank, gd_dtype operand, unsigned threads)
{
    const size_t padded = ceil_div(rows, ROWS) * ROWS * gd_dtype_size(operand);
    struct parts p = { .low = gd_cpu_line_up(padded * in) };

    p.sums = p.low + gd_cpu_line_up(padded * rank);
    p.bytes = p.sums + threads * 3 * sum_floats * sizeof(float);
    return p;
}

static size_t linear_bytes(const gd_device *device, const gd_limits *limits)
{
    return divide(least(limits->tile_rows, GD_GEMM_ROWS), limits->max_in, limits->max_rank, device->operand,
                  gd_pool_threads(device->pool))
        .bytes;
}

size_t gd_derived_scratch_bytes(const gd_device *device, const gd_limits *limits)
{
    return linear_bytes(device, limits) + gd_attention_scratch_bytes(limits, gd_pool_threads(device->pool));
}

gd_status gd_derived_prepare(gd_device *device, const gd_limits *limits, gd_error *err)
{
    return gd_cpu_reserve(device, limits, linear_bytes(device, limits), err);
}

/* ---- the linear ---- */

struct run {
    gd_device *device;
    const gd_call *call;
    gd_derived_product *product;
    size_t first, rows; /* of the call's rows, in this pass */
    struct parts parts;
};

/* Copies a tile of rows and pads it with zeros. */
static void pad_task(void *context, size_t index, unsigned worker)
{
    const struct run *run = context;
    const gd_tensor *in = &run->call->in[0];
    const size_t size = gd_dtype_size(in->dtype), line = in->cols * size, row = index * ROWS;
    char *to = (char *)run->device->linear_scratch + row * line;

    (void)worker;
    for (size_t i = 0; i < ROWS; i++, to += line) {
        if (row + i < run->rows)
            memcpy(to, (const char *)in->data + (run->first + row + i) * in->stride * size, line);
        else
            memset(to, 0, line);
    }
}

static float *worker_sums(const struct run *run, unsigned worker)
{
    return (float *)(void *)((char *)run->device->linear_scratch + run->parts.sums) + worker * 3 * sum_floats;
}

static void round_row(gd_dtype type, void *to, size_t at, const float *from, size_t count)
{
    if (type == GD_F32) {
        memcpy((float *)to + at, from, count * sizeof *from);
        return;
    }
    for (size_t c = 0; c < count; c++)
        ((gd_bf16 *)to)[at + c] = gd_bf16_from_f32(from[c]);
}

static size_t tile_of(const gd_device *device) { return ((const gd_derived *)device->vendor)->tile; }

/* The task's share: a chunk of w's outputs and 64 rows, whose tiles all use the chunk while it is in cache. */
struct place {
    size_t col, cols, row;
};

static struct place place_of(const gd_weight *w, size_t index)
{
    const size_t chunks = ceil_div(w->out, COLS), col = index % chunks * COLS;

    return (struct place){ col, gd_derived_cols(w, col), index / chunks * ROWS };
}

/* The adapter's inner values, including padding rows, which are zero. */
static void low_task(void *context, size_t index, unsigned worker)
{
    const struct run *run = context;
    const gd_weight *a = run->call->lora.a;
    const struct place at = place_of(a, index);
    const size_t tile = tile_of(run->device), line = a->in * gd_dtype_size(a->operand);
    char *scratch = run->device->linear_scratch;
    float *sums = worker_sums(run, worker);

    for (size_t row = at.row; row < at.row + ROWS; row += tile) {
        run->product(run->device, worker, a, at.col, scratch + row * line, sums, sums + 2 * sum_floats);
        for (size_t i = 0; i < tile; i++)
            round_row(a->operand, scratch + run->parts.low, (row + i) * a->out + at.col, sums + i * COLS, at.cols);
    }
}

static void finish_row(const gd_call *call, const struct place *at, size_t row, float *y, const float *lora)
{
    const float *bias = call->w[1] ? call->w[1]->vector + at->col : NULL;

    if (bias)
        for (size_t c = 0; c < at->cols; c++)
            y[c] += bias[c];
    if (lora)
        for (size_t c = 0; c < at->cols; c++)
            y[c] += call->lora.scale * lora[c];
    round_row(call->out.dtype, call->out.data, row * call->out.stride + at->col, y, at->cols);
}

static void main_task(void *context, size_t index, unsigned worker)
{
    const struct run *run = context;
    const gd_weight *w = run->call->w[0], *b = run->call->lora.b;
    const struct place at = place_of(w, index);
    const size_t tile = tile_of(run->device), size = gd_dtype_size(w->operand);
    const size_t end = least(at.row + ROWS, run->rows);
    char *scratch = run->device->linear_scratch;
    float *sums = worker_sums(run, worker), *lora = sums + sum_floats, *spare = lora + sum_floats;

    for (size_t row = at.row; row < end; row += tile) {
        run->product(run->device, worker, w, at.col, scratch + row * w->in * size, sums, spare);
        if (b)
            run->product(run->device, worker, b, at.col, scratch + run->parts.low + row * b->in * size, lora, spare);
        for (size_t i = 0; i < tile && row + i < end; i++)
            finish_row(run->call, &at, run->first + row + i, sums + i * COLS, b ? lora + i * COLS : NULL);
    }
}

void gd_derived_linear(gd_device *device, const gd_call *call, gd_derived_product *product)
{
    const gd_weight *w = call->w[0], *a = call->lora.a;
    const size_t rows = call->in[0].rows;

    for (size_t first = 0; first < rows; first += GD_GEMM_ROWS) {
        const size_t here = least(GD_GEMM_ROWS, rows - first), tiles = ceil_div(here, ROWS);
        struct run run = {
            device, call, product,
            first,  here, divide(here, w->in, a ? a->out : 0, device->operand, gd_pool_threads(device->pool))
        };

        gd_pool_run(device->pool, tiles, pad_task, &run);
        if (a)
            gd_pool_run(device->pool, tiles * ceil_div(a->out, COLS), low_task, &run);
        gd_pool_run(device->pool, tiles * ceil_div(w->out, COLS), main_task, &run);
    }
}

/* ---- the tile ---- */

/* Shapes that exercise a kernel's unrolled sums, its edges, and a library's special cases for small matrices. */
static const size_t probe_in[] = { 11, 64, 500, 896, 3000 }, probe_out[] = { GD_DERIVED_COLS, 44, 1 };

struct probe {
    const gd_device *device;
    const gd_weight *w;
    gd_derived_product *product;
    const void *x;
    float *sums;
};

static void probe_task(void *context, size_t index, unsigned worker)
{
    const struct probe *p = context;

    (void)index;
    p->product(p->device, worker, p->w, 0, p->x, p->sums, p->sums + sum_floats);
}

/* Varied values between -1 and 1, of the operand type. */
static void probe_fill(void *to, gd_dtype type, size_t count, uint32_t state)
{
    for (size_t i = 0; i < count; i++) {
        const float v = (float)(state >> 8) * 0x1p-23f - 1;

        state = state * 1664525u + 1013904223u;
        round_row(type, to, i, &v, 1);
    }
}

/* Whether equal rows get equal sums at this shape. `room` holds the weight, the rows and the sums. */
static gd_status probe_shape(gd_device *device, const gd_backend *backend, gd_derived_product *product, size_t in,
                             size_t out, char *room, bool *alike)
{
    const size_t size = gd_dtype_size(device->operand), tile = tile_of(device);
    char *x = room + gd_cpu_line_up(COLS * in * size), *sums = x + gd_cpu_line_up(ROWS * in * size);
    const gd_view view = { .name = "probe",
                           .dtype = device->operand,
                           .rank = 2,
                           .shape = { out, in },
                           .data = room,
                           .bytes = out * in * size };
    struct probe probe = { device, NULL, product, x, (float *)(void *)sums };
    gd_weight *w;
    gd_status rc;

    probe_fill(room, device->operand, out * in, 1);
    probe_fill(x, device->operand, in, 2);
    for (size_t i = 1; i < tile; i++)
        memcpy(x + i * in * size, x, in * size);
    rc = gd_backend_load(backend, device, &w, GD_WEIGHT_MATRIX, &view, NULL);
    if (rc)
        return rc;
    probe.w = w;
    gd_pool_run(device->pool, 1, probe_task, &probe);
    for (size_t i = 1; i < tile; i++)
        *alike = *alike && !memcmp(probe.sums + i * COLS, probe.sums, out * sizeof(float));
    backend->weight_free(device, w);
    return GD_OK;
}

gd_status gd_derived_find_tile(gd_device *device, const gd_backend *backend, gd_derived_product *product, gd_error *err)
{
    gd_derived *state = device->vendor;
    const size_t deepest = probe_in[sizeof probe_in / sizeof probe_in[0] - 1];
    const size_t values = (COLS + ROWS) * deepest * gd_dtype_size(device->operand) + 128;
    const size_t bytes = values + 2 * sum_floats * sizeof(float);
    char *room = gd_alloc_aligned(bytes);
    gd_status rc = room ? GD_OK : gd_fail_memory(err, bytes);
    bool alike = false;

    for (state->tile = 2 * ROWS; !rc && !alike && state->tile > 1;) {
        state->tile /= 2;
        alike = true;
        for (size_t i = 0; !rc && alike && i < sizeof probe_in / sizeof probe_in[0]; i++)
            for (size_t o = 0; !rc && alike && o < sizeof probe_out / sizeof probe_out[0]; o++)
                rc = probe_shape(device, backend, product, probe_in[i], probe_out[o], room, &alike);
    }
    if (rc)
        (void)gd_fail(err, rc, "backend %s: its library cannot multiply a small matrix", backend->name);
    gd_free(room);
    return rc;
}

/* ---- the rest ---- */

const char *gd_derived_describe(const gd_device *device) { return ((const gd_derived *)device->vendor)->about; }

void gd_derived_close(gd_device *device)
{
    if (device)
        gd_free(device->vendor);
    gd_backend_cpu.close(device);
}
