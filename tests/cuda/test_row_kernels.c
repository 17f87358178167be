/* test_row_kernels.c - the cuda backend's operations that work line by line, as compiled, against the kernels of the
 * cpu backend's definition: the same bits, and nothing written or read beside the lines. */
#include "tests/cuda/kernel_run.h"

#include "backends/cuda/kernels/rows.h"

enum { LINES = 5, POSITIONS = 9, MOST = 5000 };

static const gd_row_kernels *const definition = &gd_rows_generic;

/* One kind of lines: where they lie, and where the device sees them. */
struct lines {
    void *host, *device;
    size_t cols, stride, bytes;
    gd_dtype type;
};

static struct lines lines_open(const struct kernels *k, size_t cols, size_t gap, gd_dtype type, bool writable)
{
    const size_t size = gd_dtype_size(type), stride = cols + gap;
    struct lines l = { gd_alloc_aligned(LINES * stride * size), NULL, cols, stride, LINES * stride * size, type };

    assert_non_null(l.host);
    memset(l.host, CANARY, l.bytes);
    l.bytes -= writable ? 0 : gap * size;
    l.device = writable ? device_writes(k, l.host, l.bytes) : device_reads(k, l.host, l.bytes);
    return l;
}

static void lines_close(const struct kernels *k, struct lines *l)
{
    device_forgets(k, l->device);
    gd_free(l->host);
}

static void *line_at(const struct lines *l, size_t line)
{
    return (unsigned char *)l->host + line * l->stride * gd_dtype_size(l->type);
}

/* Numbers of many sizes, zeros of both signs and denormals among them. */
static float number(uint64_t *state)
{
    const float x = test_normal(state);

    switch (test_below(state, 16)) {
    case 0: return 0.0f;
    case 1: return -0.0f;
    case 2: return x * 0x1p-130f;
    case 3: return x * 0x1p-100f;
    case 4: return x * 0x1p60f;
    default: return x;
    }
}

static void fill(void *to, gd_dtype type, size_t n, uint64_t *state)
{
    for (size_t i = 0; i < n; i++) {
        const float x = number(state);
        const gd_bf16 rounded = gd_bf16_from_f32(x);
        const uint16_t half = (uint16_t)test_random(state);

        if (type == GD_F32)
            memcpy((float *)to + i, &x, sizeof x);
        else if (type == GD_BF16)
            ((gd_bf16 *)to)[i] = rounded;
        else
            ((uint16_t *)to)[i] = (half & 0x7C00) == 0x7C00 ? half & 0x83FF : half; /* finite */
    }
}

static struct lines input_open(const struct kernels *k, size_t cols, size_t gap, gd_dtype type, uint64_t *state)
{
    struct lines l = lines_open(k, cols, gap, type, false);

    memset(l.host, 0xFF, LINES * l.stride * gd_dtype_size(type)); /* NaN between the lines */
    for (size_t r = 0; r < LINES; r++)
        fill(line_at(&l, r), type, cols, state);
    return l;
}

static gd_cuda_lines args_of(const struct lines *l)
{
    return (gd_cuda_lines){ l->device, l->stride, (uint32_t)l->type, (uint32_t)l->cols };
}

static void run(const struct kernels *k, const char *entry, const void *args, size_t bytes)
{
    kernel_run(k, entry, (const unsigned[]){ LINES, 1, 1 }, GD_CUDA_ROW_THREADS, 0, args, bytes);
}

/* Line `line` of the output has these bits, zeros up to column `zeros`, and then what was there before. */
static void check_line(const struct kernels *k, const char *what, const struct lines *out, size_t line,
                       const void *want, size_t zeros)
{
    const size_t size = gd_dtype_size(out->type);
    const unsigned char *got = line_at(out, line);

    for (size_t i = 0; i < out->cols; i++)
        if (memcmp(got + i * size, (const char *)want + i * size, size) != 0 &&
            !test_same(test_value(got, out->type, i), test_value(want, out->type, i)))
            fail_msg("%s %s: %zu columns, gap %zu: line %zu column %zu is %a, not %a", k->family, what, out->cols,
                     out->stride - out->cols, line, i, (double)test_value(got, out->type, i),
                     (double)test_value(want, out->type, i));
    for (size_t i = out->cols * size; i < out->stride * size; i++)
        if (got[i] != (i < zeros * size ? 0 : CANARY))
            fail_msg("%s %s: line %zu: byte %zu after its end", k->family, what, line, i - out->cols * size);
}

struct shape {
    size_t cols, gap;
    gd_dtype type; /* of the output */
};

static void check_embedding(const struct kernels *k, struct shape s, uint64_t *state)
{
    static const gd_dtype types[] = { GD_BF16, GD_F32, GD_F16 };

    for (size_t t = 0; t < 3; t++) {
        struct lines rows = input_open(k, s.cols, 0, types[t], state), out = lines_open(k, s.cols, s.gap, s.type, true);
        const gd_cuda_embedding args = { rows.device, (uint32_t)types[t], LINES, 0.75f, args_of(&out) };
        float want[MOST];

        run(k, "gd_embedding", &args, sizeof args);
        for (size_t r = 0; r < LINES; r++) {
            definition->embedding(s.cols, line_at(&rows, r), types[t], 0.75f, want, s.type);
            check_line(k, "embedding", &out, r, want, 0);
        }
        lines_close(k, &rows);
        lines_close(k, &out);
    }
}

static void check_pair(const struct kernels *k, struct shape s, uint64_t *state)
{
    struct lines x = input_open(k, s.cols, s.gap, GD_F32, state), y = input_open(k, s.cols, s.gap * 2, GD_F32, state);
    struct lines out = lines_open(k, s.cols, s.gap, s.type, true);
    gd_cuda_pair args = { x.device, y.device, x.stride, y.stride, LINES, 0, args_of(&out) };
    float want[MOST];

    run(k, "gd_add", &args, sizeof args);
    for (size_t r = 0; r < LINES; r++) {
        definition->add(s.cols, line_at(&x, r), line_at(&y, r), want, s.type);
        check_line(k, "add", &out, r, want, 0);
    }
    for (args.act = GD_CUDA_SILU; args.act <= GD_CUDA_GELU_TANH; args.act++) {
        run(k, "gd_gated", &args, sizeof args);
        for (size_t r = 0; r < LINES; r++) {
            definition->gated(&(gd_gated_job){ .rows = 1,
                                               .cols = s.cols,
                                               .act = args.act == GD_CUDA_SILU ? GD_ACT_SILU : GD_ACT_GELU_TANH,
                                               .gate = line_at(&x, r),
                                               .up = line_at(&y, r),
                                               .out = want,
                                               .type = s.type });
            check_line(k, "gated", &out, r, want, 0);
        }
    }
    lines_close(k, &x);
    lines_close(k, &y);
    lines_close(k, &out);
}

/* x = x + y. */
static void check_add_in_place(const struct kernels *k, struct shape s, uint64_t *state)
{
    struct lines y = input_open(k, s.cols, s.gap, GD_F32, state), x = lines_open(k, s.cols, s.gap, GD_F32, true);
    const gd_cuda_pair args = { x.device, y.device, x.stride, y.stride, LINES, 0, args_of(&x) };
    float *want = gd_alloc(LINES * MOST, sizeof *want);

    assert_non_null(want);
    for (size_t r = 0; r < LINES; r++) {
        fill(line_at(&x, r), GD_F32, s.cols, state);
        definition->add(s.cols, line_at(&x, r), line_at(&y, r), want + r * MOST, GD_F32);
    }
    run(k, "gd_add", &args, sizeof args);
    for (size_t r = 0; r < LINES; r++)
        check_line(k, "add in place", &x, r, want + r * MOST, 0);
    gd_free(want);
    lines_close(k, &x);
    lines_close(k, &y);
}

static void check_copy(const struct kernels *k, struct shape s, uint64_t *state)
{
    static const gd_dtype types[] = { GD_BF16, GD_F32, GD_F16 };
    const size_t piece = s.type == GD_F32 ? 4 : 8, whole = (s.cols + piece - 1) / piece * piece;
    uint32_t index[LINES];
    const void *places = device_reads(k, index, sizeof index);

    for (size_t r = 0; r < LINES; r++)
        index[r] = (uint32_t)test_below(state, LINES);
    for (size_t t = 0; t < 6; t++) {
        struct lines x = input_open(k, s.cols, s.gap, types[t / 2], state);
        struct lines out = lines_open(k, s.cols, s.gap, s.type, true);
        const gd_cuda_copy args = { x.device, t % 2 ? places : NULL, x.stride, (uint32_t)types[t / 2],
                                    LINES,    args_of(&out) };
        float want[MOST];

        run(k, "gd_copy", &args, sizeof args);
        for (size_t r = 0; r < LINES; r++) {
            definition->copy(s.cols, line_at(&x, t % 2 ? index[r] : r), types[t / 2], want, s.type);
            check_line(k, "copy", &out, r, want, whole < out.stride ? whole : out.stride);
        }
        lines_close(k, &x);
        lines_close(k, &out);
    }
    device_forgets(k, places);
}

static void check_rope(const struct kernels *k, struct shape s, uint64_t *state)
{
    static const size_t heads[][3] = { { 1, 2, 2 },    { 3, 24, 24 }, { 2, 64, 64 },
                                       { 14, 10, 10 }, { 3, 24, 18 }, { 2, 64, 16 } };
    uint32_t position[LINES];
    const void *positions = device_reads(k, position, sizeof position);

    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        const size_t head_dim = heads[i][1], half = head_dim / 2, cols = heads[i][0] * head_dim;
        struct lines x = input_open(k, cols, s.gap, GD_F32, state), out = lines_open(k, cols, s.gap, s.type, true);
        float *table[2] = { gd_alloc(POSITIONS * half, sizeof(float)), gd_alloc(POSITIONS * half, sizeof(float)) };
        const gd_cuda_rope args = { .x = x.device,
                                    .cos_table = device_reads(k, table[0], POSITIONS * half * sizeof(float)),
                                    .sin_table = device_reads(k, table[1], POSITIONS * half * sizeof(float)),
                                    .position = positions,
                                    .x_stride = x.stride,
                                    .lines = LINES,
                                    .heads = (uint32_t)heads[i][0],
                                    .head_dim = (uint32_t)head_dim,
                                    .rotary = (uint32_t)heads[i][2],
                                    .out = args_of(&out) };
        float want[MOST];

        fill(table[0], GD_F32, POSITIONS * half, state);
        fill(table[1], GD_F32, POSITIONS * half, state);
        for (size_t r = 0; r < LINES; r++)
            position[r] = (uint32_t)test_below(state, POSITIONS);
        run(k, "gd_rope", &args, sizeof args);
        for (size_t r = 0; r < LINES; r++) {
            definition->rope(heads[i][0], head_dim, heads[i][2], line_at(&x, r), table[0] + position[r] * half,
                             table[1] + position[r] * half, want, s.type);
            check_line(k, "rope", &out, r, want, 0);
        }
        device_forgets(k, args.cos_table);
        device_forgets(k, args.sin_table);
        gd_free(table[0]);
        gd_free(table[1]);
        lines_close(k, &x);
        lines_close(k, &out);
    }
    device_forgets(k, positions);
}

static void check_head(const struct kernels *k, struct shape s, uint64_t *state)
{
    for (size_t labels = 1; labels < 80; labels = labels * 4 + 1) {
        struct lines x = input_open(k, s.cols, s.gap, GD_F32, state), out = lines_open(k, labels, 3, GD_F32, true);
        const bool biased = labels > 1;
        float *w = gd_alloc(labels * s.cols, sizeof *w), bias[MOST], want[MOST];
        const gd_cuda_head args = { .x = x.device,
                                    .w = device_reads(k, w, labels * s.cols * sizeof *w),
                                    .bias = biased ? device_reads(k, bias, labels * sizeof *bias) : NULL,
                                    .x_stride = x.stride,
                                    .lines = LINES,
                                    .n = (uint32_t)s.cols,
                                    .labels = (uint32_t)labels,
                                    .out = args_of(&out) };

        fill(w, GD_F32, labels * s.cols, state);
        fill(bias, GD_F32, labels, state);
        run(k, "gd_head", &args, sizeof args);
        for (size_t r = 0; r < LINES; r++) {
            for (size_t label = 0; label < labels; label++)
                want[label] = definition->dot(s.cols, line_at(&x, r), w + label * s.cols) + (biased ? bias[label] : 0);
            check_line(k, "head", &out, r, want, 0);
        }
        device_forgets(k, args.w);
        if (biased)
            device_forgets(k, args.bias);
        gd_free(w);
        lines_close(k, &x);
        lines_close(k, &out);
    }
}

static void each_row_kernel(struct kernels *k)
{
    static const size_t gaps[] = { 0, 4, 1, 9 };
    uint64_t state = 1, env = gd_fpenv_enter();
    size_t i = 0;

    for (size_t cols = 1; cols <= 1100; cols = cols * 3 / 2 + 1, i++)
        for (size_t t = 0; t < 2; t++) {
            const struct shape s = { cols, gaps[i % 4], t ? GD_F32 : GD_BF16 };

            k->order = (unsigned)i % 4;
            check_embedding(k, s, &state);
            check_pair(k, s, &state);
            check_add_in_place(k, s, &state);
            check_copy(k, s, &state);
            check_rope(k, s, &state);
            check_head(k, s, &state);
        }
    gd_fpenv_leave(env);
}

/* Steps of ordinary products and of products that differ widely, some with zeros. */
static void each_steps(const struct kernels *k, uint32_t count, uint64_t *state)
{
    gd_bf16 *a = gd_alloc(count * 16, sizeof *a), *b = gd_alloc(count * 16, sizeof *b);
    float *c = gd_alloc(count, sizeof *c), *d = gd_alloc(count, sizeof *d);
    gd_cuda_steps args = { .count = count };

    assert_true(a && b && c && d);
    fill(a, GD_BF16, count * 16, state);
    fill(b, GD_BF16, count * 16, state);
    fill(c, GD_F32, count, state);
    args.a = device_reads(k, a, count * 16 * sizeof *a);
    args.b = device_reads(k, b, count * 16 * sizeof *b);
    args.c = device_reads(k, c, count * sizeof *c);
    args.d = device_writes(k, d, count * sizeof *d);
    kernel_run(k, "gd_steps", (const unsigned[]){ (count + GD_CUDA_BLOCK_STEPS - 1) / GD_CUDA_BLOCK_STEPS, 1, 1 },
               GD_CUDA_ROW_THREADS, 0, &args, sizeof args);
    for (size_t i = 0; i < count; i++) {
        float want = c[i];

        for (size_t at = 0; at < 16; at += k->rule.products)
            want = gd_tensor_step(&k->rule, a + i * 16 + at, b + i * 16 + at, want);
        if (!test_same(d[i], want))
            fail_msg("%s: step %zu of %u is %a, not %a", k->family, i, count, (double)d[i], (double)want);
    }
    device_forgets(k, args.a);
    device_forgets(k, args.b);
    device_forgets(k, args.c);
    device_forgets(k, args.d);
    gd_free(a);
    gd_free(b);
    gd_free(c);
    gd_free(d);
}

static void each_step_kernel(struct kernels *k)
{
    static const gd_tensor_rule rules[] = { { GD_TENSOR_RULE }, { GD_TENSOR8_RULE } };
    uint64_t state = 2;

    for (size_t i = 0; i < 2; i++) {
        k->rule = rules[i];
        each_steps(k, 1, &state);
        each_steps(k, 13, &state);
        each_steps(k, 1000, &state);
    }
}

/* Whole lines (heads = 1), or by head; into other memory, or in x's own. */
static void check_norm(const struct kernels *k, struct shape s, uint32_t heads, bool in_place, uint64_t *state)
{
    const size_t n = s.cols / heads, size = gd_dtype_size(s.type);
    struct lines w = input_open(k, n, 0, GD_F32, state), given = input_open(k, s.cols, s.gap, GD_F32, state);
    struct lines out = lines_open(k, s.cols, s.gap, s.type, true);
    const struct lines *x = in_place ? &out : &given;
    const gd_cuda_rms_norm args = { .x = x->device,
                                    .w = w.device,
                                    .x_stride = x->stride,
                                    .lines = LINES,
                                    .heads = heads,
                                    .unit_offset = in_place,
                                    .eps = 1e-6f,
                                    .out = args_of(&out) };
    unsigned char want[MOST * 4];

    if (in_place)
        for (size_t r = 0; r < LINES; r++)
            memcpy(line_at(&out, r), line_at(&given, r), s.cols * size);
    run(k, "gd_rms_norm", &args, sizeof args);
    for (size_t r = 0; r < LINES; r++) {
        for (size_t h = 0; h < heads; h++)
            definition->rms_norm(n, (float *)line_at(&given, r) + h * n, w.host, 1e-6f, in_place, want + h * n * size,
                                 s.type);
        check_line(k, "rms_norm", &out, r, want, 0);
    }
    lines_close(k, &w);
    lines_close(k, &given);
    lines_close(k, &out);
}

static void each_norm_kernel(struct kernels *k)
{
    static const size_t sizes[] = { 1, 15, 16, 17, 100, 255, 896, 2047, 2048, 2049, 4801 };
    static const uint32_t heads[] = { 1, 2, 3, 14, 16, 17, 33 };
    uint64_t state = 3, env = gd_fpenv_enter();

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (size_t t = 0; t < 3; t++) {
            k->order = (unsigned)(i + t) % 4;
            check_norm(k, (struct shape){ sizes[i], i % 3, t ? GD_F32 : GD_BF16 }, 1, t == 2, &state);
        }
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        for (size_t t = 0; t < 3; t++) {
            const size_t n = 1 + test_below(&state, 140);

            k->order = (unsigned)(i + t) % 4;
            check_norm(k, (struct shape){ heads[i] * n, i % 3, t ? GD_F32 : GD_BF16 }, heads[i], t == 2, &state);
        }
    gd_fpenv_leave(env);
}

static void rows_have_the_bits_of_the_definition(void **state)
{
    (void)state;
    for_each_family("rows", each_row_kernel);
}

static void norms_have_the_bits_of_the_definition(void **state)
{
    (void)state;
    for_each_family("rows", each_norm_kernel);
}

static void steps_follow_the_rule(void **state)
{
    (void)state;
    for_each_family("rows", each_step_kernel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_have_the_bits_of_the_definition),
        cmocka_unit_test(norms_have_the_bits_of_the_definition),
        cmocka_unit_test(steps_follow_the_rule),
    };

    if (ptx_is_missing())
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
