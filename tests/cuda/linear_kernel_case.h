/* linear_kernel_case.h - one launch of a linear kernel to test: random operands laid out as args.h says, with nothing
 * readable behind them, and the contract written out in C. */
#ifndef GD_TESTS_CUDA_LINEAR_KERNEL_CASE_H
#define GD_TESTS_CUDA_LINEAR_KERNEL_CASE_H

#include "tests/backends/gemm_case.h"
#include "tests/cuda/ptx_files.h"

#include "backends/cpu/ref/lanes_generic.h"
#include "backends/cpu/math.h"
#include "backends/cuda/kernels/linear.h"

enum form { LINEAR, GATED, ONTO, FORMS };
enum kernels { TENSOR, EXACT, EXACT_F32 };

static const char *const form_names[] = { "linear", "gated", "onto" };
static const char *const kernel_names[] = { "tensor", "exact", "exact_f32" };

/* A tile of linear.h. */
struct tile {
    uint32_t lines, weights, threads, shared;
};

#define TILE_ROW(arithmetic, ...) { __VA_ARGS__ },
static const struct tile tensor_tiles[] = { GD_CUDA_TENSOR_TILES(TILE_ROW) };
static const struct tile exact_tiles[] = { GD_CUDA_EXACT_TILES(TILE_ROW) };
static const struct tile exact_f32_tiles[] = { GD_CUDA_EXACT_F32_TILES(TILE_ROW) };
#undef TILE_ROW

struct linear_case {
    const ptx_module *module;
    struct tile tile;
    enum form form;
    enum kernels kernels;
    gd_tensor_rule rule; /* of TENSOR */
    uint32_t lines, in, cols, rank, act, gap, out_type;
    bool bias, adapter;
    enum gemm_fill fill;
    unsigned order;
    uint64_t seed;
};

/* A range of the device's memory that ends exactly behind what may be touched. */
struct range {
    void *host;
    size_t stride; /* elements from line to line */
    uint64_t address;
};

/* Everything that a launch reads and writes, in the host's memory. */
struct operands {
    ptx_memory *memory;
    struct range x, w[2], low[2], b[2], bias[2], before, out;
};

static inline size_t operand_size(const struct linear_case *c) { return c->kernels == EXACT_F32 ? 4 : 2; }

static inline size_t up_to(size_t n, size_t multiple) { return (n + multiple - 1) / multiple * multiple; }

/* Mostly ordinary values; of RANGE and TINY also zeros of both signs, and whole lines of zeros; of TINY lines whose
 * products are all too small for fp32, so that the last one's sign is that of the zero that they add up to. */
static inline float case_value(const struct linear_case *c, size_t line, uint64_t *state)
{
    const float v = test_value(state, c->fill);
    const uint64_t r = test_random(state);

    if (c->fill == FILL_NORMAL || c->fill == FILL_SPECIAL)
        return v;
    if (c->fill == FILL_TINY && line % 7 == 5)
        return copysignf(0x1p-76f, v);
    return line % 7 == 3 || r % 5 == 0 ? (r & 64 ? -0.0f : 0.0f) : v;
}

/* Lines of `cols` values that begin at multiples of 16 bytes, zero up to the next one; what is beyond must not be read,
 * and is NaN between lines. */
static inline struct range operand_range(const struct linear_case *c, ptx_memory *memory, size_t lines, size_t cols,
                                         uint64_t *state)
{
    const size_t size = operand_size(c), padded = up_to(cols, 16 / size), stride = padded + c->gap * (16 / size);
    const size_t count = (lines - 1) * stride + padded;
    struct range r = { .host = malloc(count * size), .stride = stride };

    assert_non_null(r.host);
    memset(r.host, 0xFF, count * size);
    for (size_t i = 0; i < count; i++) {
        const float v = i % stride < cols ? case_value(c, i / stride, state) : 0.0f;

        if (i % stride >= padded)
            continue;
        if (size == 4)
            ((float *)r.host)[i] = v;
        else
            ((gd_bf16 *)r.host)[i] = gd_bf16_from_f32(v);
    }
    r.address = ptx_memory_add(memory, r.host, count * size, false);
    return r;
}

/* Lines of values of the output's type, or of fp32 that the kernel reads. */
static inline struct range lines_range(const struct linear_case *c, ptx_memory *memory, size_t lines, size_t cols,
                                       uint32_t type, uint64_t *state)
{
    const size_t stride = cols + c->gap, count = (lines - 1) * stride + cols, size = type == GD_CUDA_F32 ? 4 : 2;
    struct range r = { .host = malloc(count * size), .stride = stride };

    assert_non_null(r.host);
    memset(r.host, 0x5A, count * size);
    if (state)
        for (size_t i = 0; i < count; i++)
            ((float *)r.host)[i] = case_value(c, i / stride, state);
    r.address = ptx_memory_add(memory, r.host, count * size, !state);
    return r;
}

static inline void operands_open(struct operands *o, const struct linear_case *c)
{
    uint64_t state = c->seed;

    *o = (struct operands){ .memory = ptx_memory_open() };
    o->x = operand_range(c, o->memory, c->lines, c->in, &state);
    for (size_t i = 0; i < (c->form == GATED ? 2u : 1u); i++) {
        o->w[i] = operand_range(c, o->memory, c->cols, c->in, &state);
        if (c->form != ONTO && c->bias)
            o->bias[i] = lines_range(c, o->memory, 1, c->cols, GD_CUDA_F32, &state);
        if (c->form != ONTO && c->adapter) {
            o->low[i] = operand_range(c, o->memory, c->lines, c->rank, &state);
            o->b[i] = operand_range(c, o->memory, c->cols, c->rank, &state);
        }
    }
    if (c->form == ONTO)
        o->before = lines_range(c, o->memory, c->lines, c->cols, GD_CUDA_F32, &state);
    o->out = lines_range(c, o->memory, c->lines, c->cols, c->out_type, NULL);
}

static inline void operands_close(struct operands *o)
{
    struct range *all[] = { &o->x,    &o->w[0],    &o->w[1],    &o->low[0], &o->low[1], &o->b[0],
                            &o->b[1], &o->bias[0], &o->bias[1], &o->before, &o->out };

    ptx_memory_close(o->memory);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        free(all[i]->host);
}

/* ---- the contract ---- */

static inline float case_dot(const struct linear_case *c, const struct range *x, size_t line, const struct range *w,
                             size_t col, size_t k)
{
    if (c->kernels == TENSOR)
        return test_tensor_dot(&c->rule, (const gd_bf16 *)x->host + line * x->stride,
                               (const gd_bf16 *)w->host + col * w->stride, k);
    return test_dot(x->host, w->host, c->kernels == EXACT ? GD_BF16 : GD_F32, line * x->stride, col * w->stride, k);
}

enum { ONTO_SCALE = 3, ADAPTER_SCALE = 5 }; /* sevenths */

static inline float sevenths(size_t n) { return (float)n / 7.0f; }

/* The output of one linear, not yet rounded. */
static inline float case_linear(const struct linear_case *c, const struct operands *o, size_t which, size_t line,
                                size_t col)
{
    float y = case_dot(c, &o->x, line, &o->w[which], col, c->in);

    if (c->form == ONTO)
        return fmaf(sevenths(ONTO_SCALE), y, ((const float *)o->before.host)[line * o->before.stride + col]);
    if (c->bias)
        y = y + ((const float *)o->bias[which].host)[col];
    if (c->adapter)
        y = fmaf(sevenths(ADAPTER_SCALE + which), case_dot(c, &o->low[which], line, &o->b[which], col, c->rank), y);
    return y;
}

static inline float case_value_expected(const struct linear_case *c, const struct operands *o, size_t line, size_t col)
{
    const float y = case_linear(c, o, 0, line, col);

    if (c->form != GATED)
        return y;
    return (c->act == GD_CUDA_SILU ? v_silu(v_set(y)) : v_gelu_tanh(v_set(y))).l[0] * case_linear(c, o, 1, line, col);
}

/* ---- the kernel ---- */

static inline gd_cuda_linear case_args(const struct linear_case *c, const struct operands *o)
{
    gd_cuda_linear a = {
        .x = (const void *)o->x.address,
        .x_stride = o->x.stride,
        .lines = c->lines,
        .in = c->in,
        .out_cols = c->cols,
        .act = c->act,
        .before = (const float *)o->before.address,
        .before_stride = o->before.stride,
        .scale = sevenths(ONTO_SCALE),
        .out = { .data = (void *)o->out.address, .stride = o->out.stride, .type = c->out_type, .cols = c->cols }
    };

    for (size_t i = 0; i < 2; i++)
        a.of[i] = (gd_cuda_weights){ .w = { (const void *)o->w[i].address, o->w[i].stride },
                                     .bias = (const float *)o->bias[i].address,
                                     .b = { (const void *)o->b[i].address, o->b[i].stride },
                                     .low = (const void *)o->low[i].address,
                                     .low_stride = o->low[i].stride,
                                     .rank = c->rank,
                                     .scale = sevenths(ADAPTER_SCALE + i) };
    return a;
}

static inline void case_describe(const struct linear_case *c, char text[512])
{
    (void)snprintf(
        text, 512,
        "gd_linear_%s_%ux%u (%s) of %u products: lines %u, in %u, cols %u, rank %u, act %u, gap %u, out %u, bias %d, "
        "adapter %d, fill %d, order %u, seed %llu",
        kernel_names[c->kernels], c->tile.lines, c->tile.weights, form_names[c->form], c->rule.products, c->lines,
        c->in, c->cols, c->rank, c->act, c->gap, c->out_type, c->bias, c->adapter, (int)c->fill, c->order,
        (unsigned long long)c->seed);
}

static inline void case_run(const struct linear_case *c, const struct operands *o)
{
    const gd_cuda_linear a = case_args(c, o);
    char entry[64], text[512];
    ptx_error err;

    (void)snprintf(entry, sizeof entry, "gd_linear_%s_%ux%u", kernel_names[c->kernels], c->tile.lines, c->tile.weights);
    if (!ptx_run(c->module, o->memory,
                 &(ptx_launch){ .entry = entry,
                                .grid = { gd_cuda_linear_blocks(&a, c->tile.lines, c->tile.weights), 1, 1 },
                                .block = { c->tile.threads, 1, 1 },
                                .shared_bytes = c->tile.shared,
                                .params = &a,
                                .param_bytes = sizeof a,
                                .mma_products = c->rule.products,
                                .mma_bits = c->rule.bits,
                                .mma_floor = c->rule.floor,
                                .threads = 1,
                                .order = c->order },
                 &err)) {
        case_describe(c, text);
        fail_msg("%s: %s", text, err.text);
    }
}

static inline uint32_t case_bits(float f)
{
    uint32_t bits;

    memcpy(&bits, &f, 4);
    return bits;
}

/* Every element of the output's range: of lines, and between them. */
static inline void case_compare(const struct linear_case *c, const struct operands *o)
{
    const size_t count = (c->lines - 1) * o->out.stride + c->cols;
    const uint64_t env = gd_fpenv_enter();

    for (size_t i = 0; i < count; i++) {
        const size_t line = i / o->out.stride, col = i % o->out.stride;
        const bool is_f32 = c->out_type == GD_CUDA_F32;
        const float got = test_element(o->out.host, is_f32 ? GD_F32 : GD_BF16, i);
        uint32_t canary = is_f32 ? 0x5A5A5A5Au : 0x5A5A0000u;
        float want;
        char text[512];

        memcpy(&want, &canary, 4);
        if (col < c->cols)
            want = case_value_expected(c, o, line, col);
        if (!is_f32)
            want = gd_bf16_to_f32(gd_bf16_from_f32(want));
        if (test_same(got, want))
            continue;
        case_describe(c, text);
        fail_msg("%s: line %zu, column %zu: %08x, but %08x is expected", text, line, col, case_bits(got),
                 case_bits(want));
    }
    gd_fpenv_leave(env);
}

static inline void case_check(const struct linear_case *c)
{
    struct operands o;

    operands_open(&o, c);
    case_run(c, &o);
    case_compare(c, &o);
    operands_close(&o);
}

#endif
