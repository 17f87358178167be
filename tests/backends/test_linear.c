/* test_linear.c - weights in their packed forms, and a whole linear: dot, bias, adapter, one rounding at the end. */
#include "tests/backends/linear_case.h"

#include "backends/cpu/linear.h"
#include "backends/cpu/ops.h"
#include "backends/cpu/weight.h"

/* The parts of the cpu backend that these tests need. */
static const gd_backend linear_only = {
    .weight_make = gd_cpu_weight_make,
    .weight_pieces = gd_cpu_weight_pieces,
    .weight_fill = gd_cpu_weight_fill,
    .weight_borrow = gd_cpu_weight_borrow,
    .weight_free = gd_cpu_weight_free,
    .run = { [GD_OP_linear] = gd_cpu_linear },
};

static gd_status test_load(gd_device *device, gd_weight **out, gd_weight_role role, const gd_view *view, gd_error *err)
{
    return gd_backend_load(&linear_only, device, out, role, view, err);
}

/* A device with the parts that a linear needs. */
static void device_open(gd_device *device, gd_isa isa, gd_dtype operand, unsigned threads, const gd_limits *limits)
{
    *device = (gd_device){ .isa = isa,
                           .operand = operand,
                           .gemm = gd_gemm_pick(isa, operand, GD_EXACT),
                           .limits = *limits };
    assert_ok(gd_pool_open(&device->pool, threads, test_err));
    device->linear_scratch = gd_alloc_aligned(gd_linear_scratch_bytes(limits, operand, threads));
    assert_non_null(device->linear_scratch);
}

static void device_close(gd_device *device)
{
    gd_free(device->linear_scratch);
    gd_pool_close(device->pool);
}

/* doc/arithmetic.md, section 7, one output at a time. */
static void linear_expected(const struct linear *l, float *y)
{
    const uint64_t env = gd_fpenv_enter();
    void *low = gd_alloc(l->rank, sizeof(float));

    for (size_t i = 0; i < l->rows; i++) {
        for (size_t r = 0; r < l->rank; r++) {
            const float v = test_dot(l->x, l->a, l->operand, i * l->in, r * l->in, l->in);

            if (l->operand == GD_F32)
                ((float *)low)[r] = v;
            else
                ((gd_bf16 *)low)[r] = gd_bf16_from_f32(v);
        }
        for (size_t n = 0; n < l->out; n++) {
            float v = test_dot(l->x, l->w, l->operand, i * l->in, n * l->in, l->in);

            if (l->bias)
                v = v + l->bias_values[n];
            if (l->rank)
                v = fmaf(l->scale, test_dot(low, l->b, l->operand, 0, n * l->rank, l->rank), v);
            y[i * l->out + n] = l->output == GD_F32 ? v : gd_bf16_to_f32(gd_bf16_from_f32(v));
        }
    }
    gd_free(low);
    gd_fpenv_leave(env);
}

static void check_once(struct linear l, gd_isa isa, unsigned threads, uint64_t seed)
{
    const gd_limits limits = { .tile_rows = l.rows, .max_in = l.in, .max_out = l.out, .max_rank = l.rank };
    gd_device device;
    float *want, *got;

    linear_make(&l, seed);
    want = gd_alloc(l.rows * l.out, sizeof *want);
    got = gd_alloc(l.rows * l.out, sizeof *got);
    linear_expected(&l, want);
    device_open(&device, isa, l.operand, threads, &limits);
    linear_run(&linear_only, &device, &l, got);
    for (size_t i = 0; i < l.rows * l.out; i++)
        if (!test_same(want[i], got[i]))
            fail_msg("linear by gemm:%s rows=%zu in=%zu out=%zu rank=%zu operand=%d output=%d bias=%d borrowed=%d "
                     "threads=%u seed=%llu: row %zu, output %zu: %.9g, expected %.9g",
                     device.gemm->name, l.rows, l.in, l.out, l.rank, (int)l.operand, (int)l.output, (int)l.bias,
                     (int)l.borrowed, threads, (unsigned long long)seed, i / l.out, i % l.out, (double)got[i],
                     (double)want[i]);
    device_close(&device);
    gd_free(want);
    gd_free(got);
    linear_drop(&l);
}

static void check(struct linear l, gd_isa isa, unsigned threads, uint64_t seed)
{
    check_once(l, isa, threads, seed);
    l.borrowed = true;
    check_once(l, isa, threads, seed);
}

static void linear_with_bias_and_adapter(void **state)
{
    static const size_t shapes[][4] = {
        { 1, 64, 32, 0 },    { 1, 65, 33, 8 },    { 5, 700, 70, 3 },
        { 33, 96, 100, 16 }, { 20, 1022, 33, 4 }, /* with a bias: rows 2 or 4 KiB apart */
        { 13, 31, 40, 600 }
    };
    const gd_isa levels[] = { GD_ISA_GENERIC, gd_isa_detect() };
    uint64_t seed = 1;

    (void)state;
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
        for (unsigned which = 0; which < 16; which++, seed++)
            check((struct linear){ .rows = shapes[s][0],
                                   .in = shapes[s][1],
                                   .out = shapes[s][2],
                                   .rank = shapes[s][3],
                                   .operand = which & 1 ? GD_F32 : GD_BF16,
                                   .output = which & 2 ? GD_F32 : GD_BF16,
                                   .bias = which & 4 },
                  levels[which >> 3], 1 + which % 3, seed);
}

/* More rows than fit into one pass. */
static void linear_of_many_rows(void **state)
{
    (void)state;
    check((struct linear){ .rows = 2 * GD_GEMM_ROWS + 1,
                           .in = 40,
                           .out = 37,
                           .rank = 4,
                           .bias = true,
                           .operand = GD_BF16,
                           .output = GD_F32 },
          gd_isa_detect(), 2, 99);
}

/* The results overwrite the rows. */
static void check_over(gd_dtype type, gd_isa isa, unsigned threads)
{
    enum { ROWS = 61, COLS = 96 };
    const size_t bytes = ROWS * COLS * gd_dtype_size(type);
    const gd_limits limits = { .tile_rows = ROWS, .max_in = COLS, .max_out = COLS };
    uint64_t seed = 7;
    void *x = test_values(ROWS * COLS, type, FILL_NORMAL, &seed);
    void *w = test_values(COLS * COLS, type, FILL_NORMAL, &seed);
    void *apart = gd_alloc_aligned(bytes);
    const gd_view view = view_of(w, type, COLS, COLS);
    gd_call call = { .in = { { x, type, ROWS, COLS, COLS } }, .out = { apart, type, ROWS, COLS, COLS } };
    gd_weight *weight;
    gd_device device;

    device_open(&device, isa, type, threads, &limits);
    assert_ok(test_load(&device, &weight, GD_WEIGHT_MATRIX, &view, test_err));
    call.w[0] = weight;
    gd_cpu_linear(&device, &call);
    call.out.data = x;
    gd_cpu_linear(&device, &call);
    assert_memory_equal(x, apart, bytes);
    gd_cpu_weight_free(&device, weight);
    device_close(&device);
    gd_free(x);
    gd_free(w);
    gd_free(apart);
}

static void linear_over_its_own_rows(void **state)
{
    const gd_isa levels[] = { GD_ISA_GENERIC, gd_isa_detect() };

    (void)state;
    for (size_t level = 0; level < 2; level++)
        for (unsigned threads = 1; threads <= 3; threads++) {
            check_over(GD_BF16, levels[level], threads);
            check_over(GD_F32, levels[level], threads);
        }
}

/* One of several linears of the same rows. */
struct sibling {
    void *w, *a, *b, *bias;
    gd_weight *weight[4];
    void *y[2]; /* on its own, and with the others */
    gd_call call;
};

static gd_weight *load_random(gd_device *device, void **values, gd_weight_role role, size_t out, size_t in,
                              uint64_t *seed)
{
    const gd_dtype type = role == GD_WEIGHT_VECTOR ? GD_F32 : GD_BF16;
    gd_view view;
    gd_weight *weight;

    *values = test_values(out * in, type, FILL_NORMAL, seed);
    view = view_of(*values, type, out, in);
    assert_ok(test_load(device, &weight, role, &view, test_err));
    return weight;
}

static void sibling_make(gd_device *device, struct sibling *s, gd_tensor x, size_t out, size_t rank, bool bias,
                         uint64_t *seed)
{
    *s = (struct sibling){ .call = { .in = { x } } };
    s->weight[0] = load_random(device, &s->w, GD_WEIGHT_MATRIX, out, x.cols, seed);
    s->weight[1] = bias ? load_random(device, &s->bias, GD_WEIGHT_VECTOR, 1, out, seed) : NULL;
    s->weight[2] = rank ? load_random(device, &s->a, GD_WEIGHT_MATRIX, rank, x.cols, seed) : NULL;
    s->weight[3] = rank ? load_random(device, &s->b, GD_WEIGHT_MATRIX, out, rank, seed) : NULL;
    s->call.w[0] = s->weight[0];
    s->call.w[1] = s->weight[1];
    s->call.lora = (gd_lora_weights){ s->weight[2], s->weight[3], 0.5f };
    for (int i = 0; i < 2; i++)
        s->y[i] = gd_alloc_zero(x.rows * out, sizeof(gd_bf16));
    s->call.out = (gd_tensor){ s->y[0], GD_BF16, x.rows, out, out };
}

static void sibling_drop(gd_device *device, struct sibling *s)
{
    for (int i = 0; i < 4; i++)
        gd_cpu_weight_free(device, s->weight[i]);
    gd_free(s->w);
    gd_free(s->a);
    gd_free(s->b);
    gd_free(s->bias);
    gd_free(s->y[0]);
    gd_free(s->y[1]);
}

static void check_siblings(size_t rows, size_t in, unsigned threads, gd_isa isa)
{
    static const size_t outs[] = { 70, 33, 128 }, ranks[] = { 8, 0, 3 };
    const gd_limits limits = { .tile_rows = rows, .max_in = in, .max_out = 128, .max_rank = 8 };
    struct sibling s[3];
    gd_call calls[3];
    gd_device device;
    uint64_t seed = rows + in;
    gd_bf16 *values = test_values(rows * in, GD_BF16, FILL_NORMAL, &seed);

    device_open(&device, isa, GD_BF16, threads, &limits);
    for (size_t i = 0; i < 3; i++) {
        sibling_make(&device, &s[i], (gd_tensor){ values, GD_BF16, rows, in, in }, outs[i], ranks[i], i != 1, &seed);
        gd_cpu_linear(&device, &s[i].call);
        calls[i] = s[i].call;
        calls[i].out.data = s[i].y[1];
    }
    gd_cpu_linears(&device, calls, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_memory_equal(s[i].y[0], s[i].y[1], rows * outs[i] * sizeof(gd_bf16));
        sibling_drop(&device, &s[i]);
    }
    device_close(&device);
    gd_free(values);
}

/* q, k and v in one call: each as on its own, for any width and rank. */
static void linears_of_one_input(void **state)
{
    const gd_isa levels[] = { GD_ISA_GENERIC, gd_isa_detect() };

    (void)state;
    for (size_t level = 0; level < 2; level++)
        for (unsigned threads = 1; threads <= 3; threads++) {
            check_siblings(1, 1100, threads, levels[level]);
            check_siblings(5, 64, threads, levels[level]);
            check_siblings(131, 600, threads, levels[level]);
        }
    check_siblings(GD_GEMM_ROWS + 3, 40, 2, gd_isa_detect());
}

/* Gate, up and their product in one call, with the result in memory of its own or over the input, against the three
 * calls. */
static void check_gated(size_t rows, size_t in, size_t out, size_t rank, bool over, unsigned threads, gd_isa isa)
{
    const gd_limits limits = { .tile_rows = rows, .max_in = in, .max_out = out, .max_rank = rank };
    uint64_t seed = rows + in + out;
    gd_bf16 *values = test_values(rows * (in > out ? in : out), GD_BF16, FILL_NORMAL, &seed);
    const gd_tensor x = { values, GD_BF16, rows, in, in };
    gd_bf16 *want = gd_alloc(rows * out, sizeof *want), *apart = gd_alloc(rows * out, sizeof *apart);
    struct sibling s[2];
    gd_call calls[2], gated = { .params = { .act = GD_ACT_SILU }, .out = { want, GD_BF16, rows, out, out } };
    gd_device device;

    device_open(&device, isa, GD_BF16, threads, &limits);
    device.rows = gd_row_pick(isa);
    for (size_t i = 0; i < 2; i++) {
        sibling_make(&device, &s[i], x, out, rank, i, &seed);
        calls[i] = s[i].call;
        calls[i].out = gated.in[i] = (gd_tensor){ gd_alloc(rows * out, sizeof(float)), GD_F32, rows, out, out };
        gd_cpu_linear(&device, &calls[i]);
    }
    gd_cpu_gated(&device, &gated);
    gated.out.data = over ? values : apart;
    gd_cpu_gated_linears(&device, calls, &gated);
    assert_memory_equal(gated.out.data, want, rows * out * sizeof *want);
    for (size_t i = 0; i < 2; i++) {
        gd_free(calls[i].out.data);
        sibling_drop(&device, &s[i]);
    }
    device_close(&device);
    gd_free(values);
    gd_free(want);
    gd_free(apart);
}

static void gated_linears_of_one_input(void **state)
{
    const gd_isa levels[] = { GD_ISA_GENERIC, gd_isa_detect() };

    (void)state;
    for (size_t level = 0; level < 2; level++)
        for (unsigned over = 0; over < 2; over++)
            for (unsigned threads = 1; threads <= 3; threads++) {
                check_gated(1, 600, 70, 0, over, threads, levels[level]);
                check_gated(29, 70, 600, 3, over, threads, levels[level]);
                check_gated(131, 514, 130, 8, over, threads, levels[level]);
                check_gated(14, 65, 33, 0, over, threads, levels[level]);
            }
}

/* One thread: a second one frees memory at an unpredictable moment as it starts. */
static void unit_device(gd_device *device, gd_dtype operand)
{
    device_open(device, gd_isa_detect(), operand, 1, &(gd_limits){ .tile_rows = 1, .max_in = 1, .max_out = 1 });
}

/* Any stored type at any address gives the same packed matrix as the operand type at an aligned address. */
static void matrices_of_every_type(void **state)
{
    enum { OUT = 45, IN = 71 };
    uint64_t seed = 7;

    (void)state;
    for (int operand = GD_BF16; operand <= GD_F32; operand++) {
        gd_bf16 *exact = test_values((size_t)OUT * IN, GD_BF16, FILL_NORMAL, &seed);
        float *wide = test_values((size_t)OUT * IN, GD_F32, FILL_NORMAL, &seed);
        char *shifted = gd_alloc(sizeof(float) * OUT * IN + 1, 1);
        gd_weight *plain, *odd;
        gd_device device;
        gd_view a, b;
        size_t bytes;

        unit_device(&device, (gd_dtype)operand);
        for (size_t i = 0; operand == GD_BF16 && i < (size_t)OUT * IN; i++)
            exact[i] = gd_bf16_from_f32(wide[i]);
        memcpy(shifted + 1, wide, sizeof(float) * OUT * IN);
        a = operand == GD_BF16 ? view_of(exact, GD_BF16, OUT, IN) : view_of(wide, GD_F32, OUT, IN);
        b = view_of(shifted + 1, GD_F32, OUT, IN);
        assert_ok(test_load(&device, &plain, GD_WEIGHT_MATRIX, &a, test_err));
        assert_ok(test_load(&device, &odd, GD_WEIGHT_MATRIX, &b, test_err));
        assert_true(gd_gemm_packed_bytes(OUT, IN, (gd_dtype)operand, &bytes));
        assert_int_equal(bytes, (size_t)64 * 72 * gd_dtype_size((gd_dtype)operand));
        assert_true(gd_cpu_weight_bytes(&device, GD_WEIGHT_MATRIX, &a) >= bytes);
        assert_memory_equal(plain->packed, odd->packed, bytes);
        gd_cpu_weight_free(&device, plain);
        gd_cpu_weight_free(&device, odd);
        device_close(&device);
        gd_free(exact);
        gd_free(wide);
        gd_free(shifted);
    }
}

/* A borrowed matrix of another type, at an odd address, gives the same sums as a packed one; one with wider elements
 * than the operands is not borrowed, because its pages would take more memory than a packed copy. */
static void matrices_that_are_borrowed(void **state)
{
    enum { OUT = 77, IN = 1100, ROWS = 3 };
    const gd_limits limits = { .tile_rows = ROWS, .max_in = IN, .max_out = OUT };
    uint64_t seed = 5;
    float *x = test_values((size_t)ROWS * IN, GD_F32, FILL_NORMAL, &seed), y[2][ROWS * OUT];
    gd_bf16 *bytes = test_values((size_t)OUT * IN + 1, GD_BF16, FILL_NORMAL, &seed);

    (void)state;
    for (int type = GD_BF16; type <= GD_F16; type++) {
        const gd_view view = view_of((char *)bytes + 1, (gd_dtype)type, OUT, IN / (size_t)(type == GD_F32 ? 2 : 1));
        gd_weight *w[2];
        gd_device device;

        device_open(&device, gd_isa_detect(), GD_F32, 2, &limits);
        assert_ok(test_load(&device, &w[0], GD_WEIGHT_MATRIX, &view, test_err));
        assert_ok(gd_cpu_weight_borrow(&device, &w[1], &view, test_err));
        for (int i = 0; i < 2; i++) {
            gd_call call = { .in = { { x, GD_F32, ROWS, w[0]->in, w[0]->in } },
                             .out = { y[i], GD_F32, ROWS, OUT, OUT },
                             .w = { w[i] } };

            gd_cpu_linear(&device, &call);
        }
        for (size_t i = 0; i < ROWS * OUT; i++)
            assert_true(test_same(y[0][i], y[1][i]));
        device.operand = GD_BF16;
        gd_cpu_weight_free(&device, w[0]);
        gd_cpu_weight_free(&device, w[1]);
        assert_ok(gd_cpu_weight_borrow(&device, &w[1], &view, test_err));
        assert_true((w[1] == NULL) == (type == GD_F32));
        gd_cpu_weight_free(&device, w[1]);
        device_close(&device);
    }
    gd_free(x);
    gd_free(bytes);
}

static void vectors_and_tables(void **state)
{
    /* 1, -2, the smallest F16, the largest; at an odd address. */
    static const unsigned char halves[] = { 0, 0x00, 0x3C, 0x00, 0xC0, 0x01, 0x00, 0xFF, 0x7B };
    const gd_view row = { .name = "score.weight",
                          .dtype = GD_F16,
                          .rank = 2,
                          .shape = { 1, 4 },
                          .data = halves + 1,
                          .bytes = 8 };
    const gd_view table = view_of(halves + 1, GD_F16, 2, 2);
    gd_device device;
    gd_weight *w;

    (void)state;
    unit_device(&device, GD_BF16);
    assert_ok(test_load(&device, &w, GD_WEIGHT_VECTOR, &row, test_err));
    assert_int_equal(w->in, 4);
    assert_true(w->vector[0] == 1 && w->vector[1] == -2 && w->vector[2] == 0x1p-24f && w->vector[3] == 65504);
    gd_cpu_weight_free(&device, w);
    assert_ok(test_load(&device, &w, GD_WEIGHT_TABLE, &table, test_err));
    assert_ptr_equal(w->view.data, halves + 1);
    assert_true(gd_cpu_weight_bytes(&device, GD_WEIGHT_TABLE, &table) < 1024);
    gd_cpu_weight_free(&device, w);
    gd_cpu_weight_free(&device, NULL);
    device_close(&device);
}

static void refused(gd_device *device, gd_weight_role role, gd_view view, const char *sentence)
{
    gd_error err = { 0 };
    gd_weight *w = (gd_weight *)&view;

    assert_int_equal(test_load(device, &w, role, &view, &err), GD_EFORMAT);
    assert_null(w);
    assert_string_equal(err.text, sentence);
}

static void weights_that_cannot_be(void **state)
{
    static const float data[6];
    gd_view view = view_of(data, GD_F32, 2, 3);
    gd_device device;

    (void)state;
    unit_device(&device, GD_F32);
    view.bytes = 20;
    refused(&device, GD_WEIGHT_MATRIX, view,
            "layer.weight: the tensor's shape and type do not agree with its 20 bytes");
    view.shape[0] = SIZE_MAX / 2;
    refused(&device, GD_WEIGHT_TABLE, view, "layer.weight: the tensor's shape and type do not agree with its 20 bytes");
    view.rank = 1;
    refused(&device, GD_WEIGHT_MATRIX, view, "layer.weight: a matrix needs 2 dimensions, but the tensor has 1");
    view.shape[0] = 0;
    refused(&device, GD_WEIGHT_VECTOR, view,
            "layer.weight: the tensor's shape and type do not agree with its 20 bytes");
    device_close(&device);
}

static void no_memory_is_an_error(void **state)
{
    static const float data[6];
    const gd_view view = view_of(data, GD_F32, 2, 3);
    gd_device device;
    uint64_t live;

    (void)state;
    unit_device(&device, GD_F32);
    live = gd_mem_live();
    for (int role = GD_WEIGHT_MATRIX; role <= GD_WEIGHT_VECTOR; role++) {
        for (uint64_t n = 1; n <= 2; n++) {
            gd_error err = { 0 };
            gd_weight *w;
            gd_status rc;

            gd_mem_fail_from(n);
            rc = test_load(&device, &w, (gd_weight_role)role, &view, &err);
            gd_mem_fail_from(0);
            assert_int_equal(rc, GD_ENOMEM);
            assert_int_equal(gd_mem_live(), live);
        }
    }
    device_close(&device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_with_bias_and_adapter), cmocka_unit_test(linear_of_many_rows),
        cmocka_unit_test(linear_over_its_own_rows),     cmocka_unit_test(linears_of_one_input),
        cmocka_unit_test(gated_linears_of_one_input),   cmocka_unit_test(matrices_of_every_type),
        cmocka_unit_test(matrices_that_are_borrowed),   cmocka_unit_test(vectors_and_tables),
        cmocka_unit_test(weights_that_cannot_be),       cmocka_unit_test(no_memory_is_an_error),
    };

    return cmocka_run_group_tests_name("linear", tests, NULL, NULL);
}
