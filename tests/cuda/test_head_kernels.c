/* test_head_kernels.c - the cuda backend's operations that only heads have, as compiled, against those of the cpu
 * backend: the same bits, and nothing written beside the lines. */
#include "tests/cuda/kernel_run.h"

#include "backends/cuda/kernels/rows.h"

enum { LINES = 5, GAP = 3 };

static gd_device *reference;

/* One operation: its call to the cpu backend, and the lines that both work on. */
struct head_case {
    const struct kernels *k;
    uint64_t *state;
    gd_call call;
    size_t cols; /* of the output */
    float *want;
    const void *x, *y, *scales, *shifts; /* on the device */
    void *out;
    float *got;
};

/* Numbers of many sizes, zeros of both signs and denormals among them. */
static float number(uint64_t *state)
{
    const float x = test_normal(state);

    switch (test_below(state, 16)) {
    case 0: return 0.0f;
    case 1: return -0.0f;
    case 2: return x * 0x1p-130f;
    case 3: return x * 20;
    case 4: return x * 0x1p60f;
    default: return x;
    }
}

static float *numbers(size_t count, uint64_t *state)
{
    float *x = gd_alloc_aligned(count * sizeof *x);

    assert_non_null(x);
    for (size_t i = 0; i < count; i++)
        x[i] = number(state);
    return x;
}

static gd_tensor lines(float *data, size_t cols) { return (gd_tensor){ data, GD_F32, LINES, cols, cols + GAP }; }

static size_t bytes_of(size_t cols) { return LINES * (cols + GAP) * sizeof(float); }

static void *input(struct head_case *c, unsigned which, size_t cols)
{
    float *data = numbers(LINES * (cols + GAP), c->state);

    c->call.in[which] = lines(data, cols);
    return device_reads(c->k, data, bytes_of(cols));
}

static void case_open(struct head_case *c, size_t in, size_t second, size_t out)
{
    c->cols = out;
    c->want = gd_alloc_aligned(bytes_of(out));
    c->got = gd_alloc_aligned(bytes_of(out));
    assert_true(c->want && c->got);
    memset(c->want, CANARY, bytes_of(out));
    memset(c->got, CANARY, bytes_of(out));
    c->x = input(c, 0, in);
    if (second)
        c->y = input(c, 1, second);
    c->call.out = lines(c->want, out);
    c->out = device_writes(c->k, c->got, bytes_of(out));
}

static void case_close(struct head_case *c)
{
    device_forgets(c->k, c->x);
    if (c->y)
        device_forgets(c->k, c->y);
    device_forgets(c->k, c->out);
    gd_free(c->call.in[0].data);
    gd_free(c->call.in[1].data);
    gd_free(c->want);
    gd_free(c->got);
}

static gd_cuda_lines out_of(const struct head_case *c)
{
    return (gd_cuda_lines){ c->out, c->cols + GAP, GD_CUDA_F32, (uint32_t)c->cols };
}

/* Both run it; every byte of the lines is the same, and of what is between them. */
static void compare(struct head_case *c, gd_op op, const char *entry, const void *args, size_t bytes)
{
    gd_backend_cpu.run[op](reference, &c->call);
    kernel_run(c->k, entry, (const unsigned[]){ LINES, 1, 1 }, GD_CUDA_ROW_THREADS, 0, args, bytes);
    for (size_t i = 0; i < LINES * (c->cols + GAP); i++)
        if (memcmp(&c->got[i], &c->want[i], 4) != 0 && !test_same(c->got[i], c->want[i]))
            fail_msg("%s %s: %zu columns: element %zu of the lines is %a, not %a", c->k->family, entry, c->cols, i,
                     (double)c->got[i], (double)c->want[i]);
}

static void check_act(const struct kernels *k, size_t cols, uint64_t *state)
{
    for (uint32_t act = GD_CUDA_SILU; act <= GD_CUDA_SIGMOID; act++) {
        struct head_case c = { .k = k, .state = state, .call.params = { .act = (gd_activation)act, .slope = 0.3f } };
        gd_cuda_act_args args;

        case_open(&c, cols, 0, cols);
        args = (gd_cuda_act_args){ c.x, cols + GAP, LINES, act, 0.3f, out_of(&c) };
        compare(&c, GD_OP_act, "gd_act", &args, sizeof args);
        case_close(&c);
    }
}

static void check_softmax(const struct kernels *k, size_t n, uint32_t groups, uint64_t *state)
{
    struct head_case c = { .k = k, .state = state, .call.params = { .groups = groups, .temperature = 0.7f } };
    gd_cuda_softmax args;

    case_open(&c, n * groups, 0, n * groups);
    args = (gd_cuda_softmax){ c.x, n * groups + GAP, LINES, groups, 0.7f, out_of(&c) };
    compare(&c, GD_OP_softmax, "gd_softmax", &args, sizeof args);
    case_close(&c);
}

static void check_mul(const struct kernels *k, size_t x, size_t y, uint64_t *state)
{
    struct head_case c = { .k = k, .state = state };
    gd_cuda_mul args;

    case_open(&c, x, y, x > y ? x : y);
    args = (gd_cuda_mul){ c.x, c.y, x + GAP, y + GAP, LINES, (uint32_t)x, (uint32_t)y, out_of(&c) };
    compare(&c, GD_OP_mul, "gd_mul", &args, sizeof args);
    case_close(&c);
}

static void check_sum(const struct kernels *k, size_t n, size_t groups, bool mean, uint64_t *state)
{
    struct head_case c = { .k = k, .state = state, .call.params = { .groups = (uint32_t)groups } };
    gd_cuda_sum args;

    case_open(&c, n * groups, 0, groups);
    args = (gd_cuda_sum){ c.x, n * groups + GAP, LINES, (uint32_t)n, mean, out_of(&c) };
    compare(&c, mean ? GD_OP_mean : GD_OP_sum, "gd_sum", &args, sizeof args);
    case_close(&c);
}

static void check_part(const struct kernels *k, size_t in, size_t out, uint32_t from, uint32_t every, uint64_t *state)
{
    struct head_case c = { .k = k, .state = state, .call.params = { .from = from, .every = every } };
    gd_cuda_part args;

    case_open(&c, in, 0, out);
    args = (gd_cuda_part){ c.x, in + GAP, LINES, from, every, out_of(&c) };
    compare(&c, GD_OP_part, "gd_part", &args, sizeof args);
    case_close(&c);
}

/* Numbers of the description, or one a column: each of the four kinds. */
static void check_affine(const struct kernels *k, size_t cols, unsigned weights, uint64_t *state)
{
    float *vectors[2] = { numbers(cols, state), numbers(cols, state) };
    const gd_view views[2] = {
        { .dtype = GD_F32, .rank = 1, .shape = { cols }, .data = vectors[0], .bytes = cols * sizeof(float) },
        { .dtype = GD_F32, .rank = 1, .shape = { cols }, .data = vectors[1], .bytes = cols * sizeof(float) }
    };
    struct head_case c = { .k = k, .state = state, .call.params = { .scale = 0.3f, .shift = -2 } };
    const void *seen[2] = { NULL, NULL };
    gd_weight *made[2] = { NULL, NULL };
    gd_cuda_affine args;

    case_open(&c, cols, 0, cols);
    for (unsigned i = 0; i < 2; i++)
        if (weights >> i & 1u) {
            assert_ok(gd_backend_load(&gd_backend_cpu, reference, &made[i], GD_WEIGHT_VECTOR, &views[i], test_err));
            c.call.w[i] = made[i];
            seen[i] = device_reads(k, vectors[i], cols * sizeof(float));
        }
    args = (gd_cuda_affine){ c.x, seen[0], seen[1], cols + GAP, LINES, 0.3f, -2, out_of(&c) };
    compare(&c, GD_OP_affine, "gd_affine", &args, sizeof args);
    for (unsigned i = 0; i < 2; i++) {
        gd_backend_cpu.weight_free(reference, made[i]);
        if (seen[i])
            device_forgets(k, seen[i]);
        gd_free(vectors[i]);
    }
    case_close(&c);
}

static void each_kernel(struct kernels *k)
{
    uint64_t state = 4;

    for (size_t cols = 1; cols <= 700; cols = cols * 3 + 1) {
        k->order = (unsigned)cols % 4;
        check_act(k, cols, &state);
        check_softmax(k, cols, 1, &state);
        check_softmax(k, 3, (uint32_t)cols, &state);
        check_mul(k, cols, cols, &state);
        check_mul(k, cols, 1, &state);
        check_mul(k, 1, cols, &state);
        check_sum(k, cols, 1, false, &state);
        check_sum(k, 5, cols, true, &state);
        check_part(k, 3 * cols, cols, 1, 2, &state);
        check_part(k, 2 * cols, cols, (uint32_t)cols, 1, &state);
        for (unsigned weights = 0; weights < 4; weights++)
            check_affine(k, cols, weights, &state);
    }
}

static void heads_have_the_bits_of_the_cpu(void **state)
{
    (void)state;
    reference = reference_open(GD_F32, GD_EXACT);
    for_each_family("rows", each_kernel);
    gd_backend_cpu.close(reference);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_have_the_bits_of_the_cpu),
    };

    if (ptx_is_missing())
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
