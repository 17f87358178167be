/* rates.c - matrix products of real shapes by the backend's own functions, beside the best that cuBLASLt has. */
#include "bench/gpu/bench_gpu.h"
#include "bench/gpu/cublaslt.h"
#include "bench/gpu/probes.h"
#include "bench/gpu/rate.h"
#include "bench/gpu/result.h"

#include "backends/cuda/weight.h"
#include "base/clock.h"
#include "base/mem.h"
#include "quant-free/bf16.h"

#include <stdio.h>

/* A gated pair is two products at once, of the same input, as they run in a model. */
static const struct shape {
    const char *model, *name;
    size_t in, out, each; /* as often as a layer has it; 0: not a layer's */
    bool gated;
} shapes[] = {
    { "7b", "q, o", 3584, 3584, 2, false },        { "7b", "k, v", 3584, 512, 2, false },
    { "7b", "gate and up", 3584, 18944, 1, true }, { "7b", "down", 18944, 3584, 1, false },
    { "0.5b", "q, o", 896, 896, 2, false },        { "0.5b", "k, v", 896, 128, 2, false },
    { "0.5b", "gate and up", 896, 4864, 1, true }, { "0.5b", "down", 4864, 896, 1, false },
    { "square", "4096", 4096, 4096, 0, false },    { "square", "8192", 8192, 8192, 0, false },
};
static const struct shape small_shapes[] = {
    { "small", "gate and up", 64, 96, 1, true },
    { "small", "down", 96, 64, 1, false },
};
static const size_t usual_rows[] = { 512, 4096, 8192 }, small_rows[] = { 40 };
enum { ROW_COUNTS = 3, MOST_IN = 18944, MOST_OUT = 2 * 18944, MOST_ROWS = 8192 };

/* What is measured now. */
struct bench {
    gd_device *device;
    const char *arithmetic;
    const struct shape *shape, *end;
    const size_t *rows;
    size_t row_counts;
    bool small;
    gd_bf16 *numbers; /* for a matrix of weights */
    void *x, *y;
    gd_weight *w[2];
    gd_cu_address wide; /* both weights of a pair, for cuBLASLt */
    size_t now;         /* rows */
    cublaslt *lt;
    double layer[2][ROW_COUNTS], work[ROW_COUNTS]; /* seconds of a layer, ours and cuBLASLt's */
};

static size_t weights_of(const struct shape *shape) { return shape->gated ? 2 : 1; }

static void fill(gd_bf16 *numbers, size_t count)
{
    uint64_t state = 7;

    for (size_t i = 0; i < count; i++)
        numbers[i] = gd_bf16_from_f32((float)(int32_t)(probes_random(&state) >> 32) * 0x1p-32f);
}

/* The product, as the engine starts it. */
static bool start(void *context)
{
    struct bench *b = context;
    const struct shape *s = b->shape;
    const gd_tensor x = { b->x, GD_BF16, b->now, s->in, s->in }, y = { b->y, GD_BF16, b->now, s->out, s->out };
    const gd_call linears[] = { { .in = { x }, .out = y, .w = { b->w[0] } },
                                { .in = { x }, .out = y, .w = { b->w[1] } } };

    if (s->gated)
        gd_cuda_gated_linears(b->device, linears, &(gd_call){ .out = y, .params = { .act = GD_ACT_SILU } });
    else
        gd_cuda_linear_op(b->device, &linears[0]);
    return true;
}

/* Makes the shape's weights. */
static gd_status load(struct bench *b, gd_error *err)
{
    const struct shape *s = b->shape;
    const gd_view view = { .name = "w",
                           .dtype = GD_BF16,
                           .rank = 2,
                           .shape = { s->out, s->in },
                           .data = b->numbers,
                           .bytes = s->out * s->in * sizeof(gd_bf16) };
    gd_status rc = GD_OK;

    for (size_t i = 0; !rc && i < weights_of(s); i++) {
        rc = gd_backend_load(gd_backend_named("cuda"), b->device, &b->w[i], GD_WEIGHT_MATRIX, &view, err);
        if (!rc)
            rc = gd_cuda_weight_wait(b->device, b->w[i], err);
    }
    if (!rc && b->lt)
        rc = gd_cuda_alloc(b->device, &b->wide, weights_of(s) * view.bytes, err);
    for (size_t i = 0; !rc && b->lt && i < weights_of(s); i++)
        rc = gd_cuda_upload(b->device, (void *)(uintptr_t)(b->wide + i * view.bytes), b->numbers, view.bytes, err);
    return rc;
}

static void unload(struct bench *b)
{
    gd_cuda_weight_free(b->device, b->w[0]);
    gd_cuda_weight_free(b->device, b->w[1]);
    b->w[0] = b->w[1] = NULL;
    gd_cuda_free(b->device, b->wide);
    b->wide = 0;
    gd_cuda_drop_unused(b->device);
}

static double theirs(struct bench *b, const char *name, double work)
{
    const struct shape *s = b->shape;
    const cublaslt_product product = { (gd_cu_address)(uintptr_t)b->x, b->wide, (gd_cu_address)(uintptr_t)b->y, b->now,
                                       s->out * weights_of(s),         s->in };
    int tried;
    const double seconds = b->lt ? cublaslt_seconds(b->lt, &product, b->small, &tried) : 0;

    if (b->lt && seconds > 0)
        result_figure("rates", name, work / seconds * 1e-12, "TFLOP/s", "the best of %d algorithms", tried);
    else if (b->lt)
        result_none("rates", name, "not measured: none of %d algorithms works", tried);
    return seconds;
}

static void measure(struct bench *b, size_t row)
{
    const struct shape *s = b->shape;
    const double work = 2.0 * (double)(b->rows[row] * s->in * s->out * weights_of(s));
    char name[96], peer[96];
    double ours, other;

    b->now = b->rows[row];
    (void)snprintf(name, sizeof name, "%s, %s %s, %zu rows", b->arithmetic, s->model, s->name, b->now);
    (void)snprintf(peer, sizeof peer, "cuBLASLt, %s %s, %zu rows", s->model, s->name, b->now);
    ours = rate_seconds(b->device, start, b, b->small);
    if (!bench_done(b->device, "rates", name))
        return;
    other = theirs(b, peer, work);
    if (other > 0)
        result_figure("rates", name, work / ours * 1e-12, "TFLOP/s", "%.3f of cuBLASLt", other / ours);
    else
        result_figure("rates", name, work / ours * 1e-12, "TFLOP/s", "%s", "");
    b->layer[0][row] += ours * (double)s->each;
    b->layer[1][row] += other * (double)s->each;
    b->work[row] += work * (double)s->each;
}

/* After the last shape of a model: its whole layer. */
static void report_layer(struct bench *b)
{
    for (size_t i = 0; i < b->row_counts; i++) {
        char name[96];

        (void)snprintf(name, sizeof name, "%s, %s whole layer, %zu rows", b->arithmetic, b->shape->model, b->rows[i]);
        if (b->layer[0][i] > 0 && b->layer[1][i] > 0)
            result_figure("rates", name, b->work[i] / b->layer[0][i] * 1e-12, "TFLOP/s", "%.3f of cuBLASLt",
                          b->layer[1][i] / b->layer[0][i]);
        else if (b->layer[0][i] > 0)
            result_figure("rates", name, b->work[i] / b->layer[0][i] * 1e-12, "TFLOP/s", "%s", "");
        b->layer[0][i] = b->layer[1][i] = b->work[i] = 0;
    }
}

static gd_status measure_all(struct bench *b, gd_error *err)
{
    gd_status rc = GD_OK;

    for (; !rc && b->shape < b->end; b->shape++) {
        rc = load(b, err);
        for (size_t i = 0; !rc && i < b->row_counts; i++)
            measure(b, i);
        unload(b);
        if (!rc && (b->shape + 1 == b->end || b->shape[1].model != b->shape->model))
            report_layer(b);
    }
    return rc;
}

static gd_status open_bench(struct bench *b, gd_arithmetic arithmetic, gd_error *err)
{
    const gd_device_options options = { .threads = gd_cpu_count(), .operand = GD_BF16, .arithmetic = arithmetic };
    const size_t in = b->small ? 128 : MOST_IN, out = b->small ? 256 : MOST_OUT, rows = b->small ? 64 : MOST_ROWS;
    const gd_limits limits = { .tile_rows = rows, .max_in = in, .max_out = out };
    gd_status rc = gd_cuda_open(&b->device, &options, err);

    b->numbers = gd_alloc_aligned(rows * in * sizeof(gd_bf16)); /* more than any shape's weights */
    if (!rc && !b->numbers)
        return GD_ENOMEM;
    if (!rc)
        rc = gd_cuda_prepare(b->device, &limits, err);
    if (!rc)
        rc = gd_cuda_buffer_alloc(b->device, &b->x, rows * in * sizeof(gd_bf16), err);
    if (!rc)
        rc = gd_cuda_buffer_alloc(b->device, &b->y, rows * out * sizeof(gd_bf16), err);
    if (rc)
        return rc;
    fill(b->numbers, rows * in);
    return gd_cuda_upload(b->device, b->x, b->numbers, rows * in * sizeof(gd_bf16), err);
}

static void close_bench(struct bench *b)
{
    if (b->device) {
        gd_cuda_buffer_free(b->device, b->x);
        gd_cuda_buffer_free(b->device, b->y);
    }
    gd_cuda_close(b->device);
    gd_free(b->numbers);
}

/* One arithmetic, all shapes; cuBLASLt's are measured with tensor cores' own. */
static bool run(gd_arithmetic arithmetic, bool small)
{
    struct bench b = { .arithmetic = gd_arithmetic_name(arithmetic),
                       .shape = small ? small_shapes : shapes,
                       .rows = small ? small_rows : usual_rows,
                       .row_counts = small ? 1 : ROW_COUNTS,
                       .small = small };
    const char *why = NULL;
    gd_error err = { 0 };
    gd_status rc;

    b.end = b.shape + (small ? sizeof small_shapes / sizeof *shapes : sizeof shapes / sizeof *shapes);
    rc = open_bench(&b, arithmetic, &err);
    if (!rc && arithmetic != GD_EXACT) {
        b.lt = cublaslt_open(b.device, &why);
        if (!b.lt)
            result_none("rates", "cuBLASLt", "%s", why);
    }
    if (!rc)
        rc = measure_all(&b, &err);
    if (rc)
        result_none("rates", b.arithmetic, "%s", err.text);
    cublaslt_close(b.lt);
    close_bench(&b);
    return !rc;
}

bool bench_rates(bool small)
{
    const gd_cu_driver *driver;
    gd_error err = { 0 };
    gd_cu_card card;
    bool tensor;

    if (gd_cuda_available(GD_BF16, &err) || gd_cu_driver_get(&driver, &err) || gd_cu_card_get(&card, driver, &err)) {
        result_none("rates", "products", "%s", err.text);
        return false;
    }
    tensor = run(gd_cu_arithmetic(&card), small);
    return run(GD_EXACT, small) && tensor;
}
