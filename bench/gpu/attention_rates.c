/* attention_rates.c - attention of real shapes: many short texts as in HH, and a few long ones.
 *
 * The work that is counted is that of visible keys alone: two products of head_dim multiply-adds each. */
#include "bench/gpu/bench_gpu.h"
#include "bench/gpu/probes.h"
#include "bench/gpu/rate.h"
#include "bench/gpu/result.h"

#include "backends/cuda/batch.h"
#include "base/mem.h"
#include "quant-free/bf16.h"

#include <stdio.h>

/* Heads of Qwen2.5-7B, and texts of some tokens each. */
static const struct texts {
    const char *name;
    uint32_t length, count;
} texts[] = {
    { "64 texts of 125 tokens", 125, 64 },
    { "16 texts of 512 tokens", 512, 16 },
    { "4 texts of 2,048 tokens", 2048, 4 },
};
static const struct texts small_texts[] = { { "2 texts of 20 tokens", 20, 2 } };
enum { HEADS = 28, KV_HEADS = 4, HEAD_DIM = 128, Q_COLS = HEADS * HEAD_DIM, K_COLS = KV_HEADS * HEAD_DIM };

struct bench {
    gd_device *device;
    bool small;
    size_t rows;
    uint32_t *position, *segment;
    gd_segment *segments;
    gd_device_rows *batch;
    void *q, *k, *v, *out;
};

static bool start(void *context)
{
    const struct bench *b = context;
    const gd_tile tile = { b->batch, false, 0, b->rows };

    gd_cuda_attention_op(
        b->device,
        &(gd_call){ .in = { { b->q, GD_BF16, b->rows, Q_COLS, Q_COLS },
                            { b->k, GD_BF16, b->rows, K_COLS, K_COLS },
                            { b->v, GD_BF16, b->rows, K_COLS, K_COLS } },
                    .out = { b->out, GD_BF16, b->rows, Q_COLS, Q_COLS },
                    .params = { .scale = 0.0883883461f, .heads = HEADS, .kv_heads = KV_HEADS, .head_dim = HEAD_DIM },
                    .tile = &tile });
    return true;
}

static gd_status make_numbers(struct bench *b, void **out, size_t count, gd_error *err)
{
    gd_bf16 *numbers = gd_alloc(count, sizeof *numbers);
    uint64_t state = 9;
    gd_status rc = gd_cuda_buffer_alloc(b->device, out, count * sizeof *numbers, err);

    for (size_t i = 0; numbers && i < count; i++)
        numbers[i] = gd_bf16_from_f32((float)(int32_t)(probes_random(&state) >> 32) * 0x1p-31f);
    if (!rc)
        rc = numbers ? gd_cuda_upload(b->device, *out, numbers, count * sizeof *numbers, err) : GD_ENOMEM;
    gd_free(numbers);
    return rc;
}

static gd_status make_batch(struct bench *b, const struct texts *t, gd_error *err)
{
    gd_batch_rows rows;

    b->rows = (size_t)t->length * t->count;
    b->position = gd_alloc(b->rows, sizeof *b->position);
    b->segment = gd_alloc(b->rows, sizeof *b->segment);
    b->segments = gd_alloc(t->count, sizeof *b->segments);
    if (!b->position || !b->segment || !b->segments)
        return GD_ENOMEM;
    for (uint32_t s = 0; s < t->count; s++)
        b->segments[s] = (gd_segment){ .first_row = s * t->length, .length = t->length, .parent = -1 };
    for (uint32_t i = 0; i < b->rows; i++) {
        b->segment[i] = i / t->length;
        b->position[i] = i % t->length;
    }
    rows = (gd_batch_rows){ .rows = b->rows,
                            .position = b->position,
                            .segment = b->segment,
                            .segments = b->segments,
                            .segment_count = t->count };
    return gd_cuda_rows_make(b->device, &b->batch, &rows, err);
}

static void free_batch(struct bench *b)
{
    gd_cuda_rows_free(b->device, b->batch);
    gd_cuda_buffer_free(b->device, b->q);
    gd_cuda_buffer_free(b->device, b->k);
    gd_cuda_buffer_free(b->device, b->v);
    gd_cuda_buffer_free(b->device, b->out);
    gd_free(b->position);
    gd_free(b->segment);
    gd_free(b->segments);
    *b = (struct bench){ .device = b->device, .small = b->small };
}

static void measure(struct bench *b, const struct texts *t, const char *arithmetic)
{
    const double keys = 0.5 * t->length * (t->length + 1.0) * t->count, work = 4.0 * HEAD_DIM * HEADS * keys;
    gd_error err = { 0 };
    gd_status rc = make_batch(b, t, &err);
    char name[96];

    (void)snprintf(name, sizeof name, "%s, %s", arithmetic, t->name);
    if (!rc)
        rc = make_numbers(b, &b->q, b->rows * Q_COLS, &err);
    if (!rc)
        rc = make_numbers(b, &b->k, b->rows * K_COLS, &err);
    if (!rc)
        rc = make_numbers(b, &b->v, b->rows * K_COLS, &err);
    if (!rc)
        rc = gd_cuda_buffer_alloc(b->device, &b->out, b->rows * Q_COLS * sizeof(gd_bf16), &err);
    if (rc) {
        result_none("attention", name, "%s", err.text);
    } else {
        const double seconds = rate_seconds(b->device, start, b, b->small);

        if (bench_done(b->device, "attention", name))
            result_figure("attention", name, work / seconds * 1e-12, "TFLOP/s", "of visible keys alone; %.3g s",
                          seconds);
    }
    free_batch(b);
}

static bool run(gd_arithmetic arithmetic, bool small)
{
    const gd_device_options options = { .threads = gd_cpu_count(), .operand = GD_BF16, .arithmetic = arithmetic };
    const gd_limits limits = { .tile_rows = 8192,
                               .max_in = 1,
                               .max_out = 1,
                               .max_position = 2048,
                               .head_dim = HEAD_DIM,
                               .heads = HEADS,
                               .kv_heads = KV_HEADS };
    const size_t count = small ? 1 : sizeof texts / sizeof texts[0];
    struct bench b = { .small = small };
    gd_error err = { 0 };
    gd_status rc = gd_cuda_open(&b.device, &options, &err);

    if (!rc)
        rc = gd_cuda_prepare(b.device, &limits, &err);
    if (rc)
        result_none("attention", gd_arithmetic_name(arithmetic), "%s", err.text);
    for (size_t i = 0; !rc && i < count; i++)
        measure(&b, small ? &small_texts[i] : &texts[i], gd_arithmetic_name(arithmetic));
    gd_cuda_close(b.device);
    return !rc;
}

bool bench_attention(bool small)
{
    const gd_cu_driver *driver;
    gd_error err = { 0 };
    gd_cu_card card;
    bool tensor;

    if (gd_cuda_available(GD_BF16, &err) || gd_cu_driver_get(&driver, &err) || gd_cu_card_get(&card, driver, &err)) {
        result_none("attention", "attention", "%s", err.text);
        return false;
    }
    tensor = run(gd_cu_arithmetic(&card), small);
    return run(GD_EXACT, small) && tensor;
}
