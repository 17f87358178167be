/* test_rows.c - the kernels along rows: the bits of doc/arithmetic.md, sections 4 and 7, and their error. */
#include "tests/backends/rows_case.h"

/* Lengths that end inside a vector, and one of a real model. */
static const size_t lengths[] = { 1,  2,  3,  7,  8,  9,  15,  16,  17,  24,  31,  32, 33,
                                  47, 48, 63, 64, 65, 80, 100, 127, 128, 129, 130, 896 };
enum { LENGTHS = sizeof lengths / sizeof lengths[0], LONGEST = 896, CANARY = 0x5A };

static const gd_row_kernels *variant; /* the one being checked */
static const double u = 0x1p-24;

/* A kernel's output: room for a row, with canaries after its end. */
struct output {
    gd_dtype type;
    size_t n;
    _Alignas(64) unsigned char bytes[(LONGEST + 16) * 4];
};

static struct output *output_open(gd_dtype type, size_t n)
{
    static struct output out;

    out.type = type;
    out.n = n;
    memset(out.bytes, CANARY, sizeof out.bytes);
    return &out;
}

/* Element i against the contract's bits (before rounding to the output's type) and against double precision, from
 * which it may differ by `slack` before that rounding. */
static void check_element(const struct output *out, const char *what, size_t i, float contract, double exact,
                          double slack)
{
    const bool bf16 = out->type == GD_BF16;
    const float got = test_value(out->bytes, out->type, i);

    if (bf16) {
        contract = gd_bf16_to_f32(gd_bf16_from_f32(contract));
        slack += 0x1p-8 * fabs(exact);
    }
    if (!test_same(got, contract))
        fail_msg("%s %s n=%zu %s: element %zu is %a, not %a", variant->name, what, out->n, bf16 ? "BF16" : "F32", i,
                 (double)got, (double)contract);
    if (!(fabs((double)got - exact) <= slack))
        fail_msg("%s %s n=%zu %s: element %zu is %.9g, exactly %.9g: more than %.3g off", variant->name, what, out->n,
                 bf16 ? "BF16" : "F32", i, (double)got, exact, slack);
}

static void check_end(const struct output *out, const char *what)
{
    for (size_t i = out->n * gd_dtype_size(out->type); i < sizeof out->bytes; i++)
        if (out->bytes[i] != CANARY)
            fail_msg("%s %s n=%zu: a byte after the end was written", variant->name, what, out->n);
}

/* Section 4, one product at a time. */
static float lanes_dot(size_t n, const float *x, const float *w)
{
    float lane[16] = { 0 };

    for (size_t i = 0; i < (n + 15) / 16 * 16; i++)
        lane[i % 16] = i < n ? fmaf(x[i], w[i], lane[i % 16]) : fmaf(0, 0, lane[i % 16]);
    for (size_t half = 8; half; half /= 2)
        for (size_t i = 0; i < half; i++)
            lane[i] += lane[i + half];
    return lane[0];
}

static float generic_exp(float x)
{
    float y;

    gd_rows_generic.exp(1, &x, &y);
    return y;
}

static float generic_tanh(float x)
{
    float y;

    gd_rows_generic.tanh(1, &x, &y);
    return y;
}

static void check_rms_norm(size_t n, gd_dtype type, bool unit_offset, uint64_t *state)
{
    const float eps = 1e-5f;
    float *x = test_values(n, GD_F32, state), *w = test_values(n, GD_F32, state);
    const float r = 1.0f / sqrtf(lanes_dot(n, x, x) / (float)n + eps);
    struct output *out = output_open(type, n);
    double squares = 0;

    variant->rms_norm(n, x, w, eps, unit_offset, out->bytes, type);
    for (size_t i = 0; i < n; i++)
        squares += (double)x[i] * (double)x[i];
    for (size_t i = 0; i < n; i++) {
        const float factor = unit_offset ? 1.0f + w[i] : w[i];
        const double exact = x[i] / sqrt(squares / (double)n + (double)eps) * (unit_offset ? 1.0 + (double)w[i] : w[i]);
        const double size = unit_offset ? fabs(exact / (1.0 + (double)w[i])) * (1 + fabs((double)w[i])) : fabs(exact);

        check_element(out, "rms_norm", i, x[i] * r * factor, exact, ((double)n / 16 + 16) * u * size);
    }
    check_end(out, "rms_norm");
    gd_free(x);
    gd_free(w);
}

static void check_rope(size_t heads, size_t head_dim, size_t rotary, gd_dtype type, uint64_t *state)
{
    const size_t n = heads * head_dim, half = rotary / 2;
    float *x = test_values(n, GD_F32, state), *angle = test_values(half, GD_F32, state);
    float *c = test_values(half, GD_F32, state), *s = test_values(half, GD_F32, state);
    struct output *out = output_open(type, n);

    for (size_t i = 0; i < half; i++) {
        c[i] = cosf(angle[i]);
        s[i] = sinf(angle[i]);
    }
    variant->rope(heads, head_dim, rotary, x, c, s, out->bytes, type);
    for (size_t i = 0; i < heads * half; i++) {
        const size_t at = i / half * head_dim + i % half, j = i % half;
        const float a = x[at], b = x[at + half];
        const double da = a, db = b, dc = c[j], ds = s[j], slack = 2 * u * (fabs(da) + fabs(db));

        check_element(out, "rope", at, fmaf(a, c[j], -(b * s[j])), da * dc - db * ds, slack);
        check_element(out, "rope", at + half, fmaf(b, c[j], a * s[j]), db * dc + da * ds, slack);
    }
    for (size_t i = 0; i < n; i++)
        if (i % head_dim >= rotary)
            check_element(out, "what doesn't rotate", i, x[i], (double)x[i], 0);
    check_end(out, "rope");
    gd_free(x);
    gd_free(angle);
    gd_free(c);
    gd_free(s);
}

static float contract_act(gd_activation act, float g)
{
    if (act == GD_ACT_SILU)
        return g / (1.0f + generic_exp(-g));
    return 0.5f * g * (1.0f + generic_tanh(0x1.988454p-1f * fmaf(0x1.6e4e26p-5f, g * g * g, g)));
}

static double exact_act(gd_activation act, double g)
{
    if (act == GD_ACT_SILU)
        return g / (1.0 + exp(-g));
    return 0.5 * g * (1.0 + tanh(0.79788456080286535588 * (g + 0.044715 * g * g * g)));
}

static void check_gated(size_t n, gd_dtype type, gd_activation act, uint64_t *state)
{
    float *gate = test_values(n, GD_F32, state), *up = test_values(n, GD_F32, state);
    struct output *out = output_open(type, n);

    for (size_t i = 0; i < n; i++)
        gate[i] *= 4;
    variant->gated(
        &(gd_gated_job){ .rows = 1, .cols = n, .act = act, .gate = gate, .up = up, .out = out->bytes, .type = type });
    for (size_t i = 0; i < n; i++)
        /* Where 1 + tanh nearly vanishes, the error is small only relative to the gate. */
        check_element(out, "gated", i, contract_act(act, gate[i]) * up[i], exact_act(act, gate[i]) * (double)up[i],
                      12 * u * fabs((double)gate[i] * (double)up[i]));
    check_end(out, "gated");
    gd_free(gate);
    gd_free(up);
}

static void check_add(size_t n, gd_dtype type, uint64_t *state)
{
    float *x = test_values(n, GD_F32, state), *y = test_values(n, GD_F32, state);
    struct output *out = output_open(type, n);

    variant->add(n, x, y, out->bytes, type);
    for (size_t i = 0; i < n; i++)
        check_element(out, "add", i, x[i] + y[i], (double)x[i] + (double)y[i], u * fabs((double)x[i] + (double)y[i]));
    check_end(out, "add");
    gd_free(x);
    gd_free(y);
}

static void check_copy(size_t n, gd_dtype type, uint64_t *state)
{
    float *x = test_values(n, GD_F32, state);
    struct output *out = output_open(type, n);

    variant->copy(n, x, GD_F32, out->bytes, type);
    for (size_t i = 0; i < n; i++)
        check_element(out, "copy", i, x[i], (double)x[i], 0);
    check_end(out, "copy");
    gd_free(x);
}

static void check_dot(size_t n, uint64_t *state)
{
    float *x = test_values(n, GD_F32, state), *w = test_values(n, GD_F32, state);
    struct output *out = output_open(GD_F32, 1);
    double exact = 0, size = 0;

    *(float *)out->bytes = variant->dot(n, x, w);
    for (size_t i = 0; i < n; i++) {
        exact += (double)x[i] * (double)w[i];
        size += fabs((double)x[i] * (double)w[i]);
    }
    out->n = n;
    check_element(out, "dot", 0, lanes_dot(n, x, w), exact, ((double)n / 16 + 6) * u * size);
    gd_free(x);
    gd_free(w);
}

static void each_length(const gd_row_kernels *kernels)
{
    uint64_t state = 1;
    uint64_t env = gd_fpenv_enter();

    variant = kernels;
    for (size_t i = 0; i < LENGTHS; i++) {
        for (int t = 0; t < 2; t++) {
            const gd_dtype type = t ? GD_BF16 : GD_F32;

            check_rms_norm(lengths[i], type, false, &state);
            check_rms_norm(lengths[i], type, true, &state);
            check_gated(lengths[i], type, GD_ACT_SILU, &state);
            check_gated(lengths[i], type, GD_ACT_GELU_TANH, &state);
            check_add(lengths[i], type, &state);
            check_copy(lengths[i], type, &state);
        }
        check_dot(lengths[i], &state);
    }
    gd_fpenv_leave(env);
}

static void lengths_follow_the_contract(void **state)
{
    (void)state;
    test_each_variant(each_length);
}

static void each_head(const gd_row_kernels *kernels)
{
    static const size_t dims[] = { 2, 4, 16, 24, 30, 32, 34, 64, 80, 128, 256 };
    uint64_t state = 2;
    uint64_t env = gd_fpenv_enter();

    variant = kernels;
    for (size_t i = 0; i < sizeof dims / sizeof dims[0]; i++)
        for (size_t heads = 1; heads <= 3; heads++) {
            for (size_t rotary = 2; rotary < dims[i]; rotary += rotary < 6 ? 2 : 26)
                check_rope(heads, dims[i], rotary, rotary % 4 ? GD_F32 : GD_BF16, &state);
            check_rope(heads, dims[i], dims[i], GD_F32, &state);
            check_rope(heads, dims[i], dims[i], GD_BF16, &state);
        }
    gd_fpenv_leave(env);
}

static void heads_are_rotated(void **state)
{
    (void)state;
    test_each_variant(each_head);
}

/* A table's values are exact in fp32, at any address. */
static void check_table(size_t n, gd_dtype from, gd_dtype type, uint64_t *state)
{
    const size_t size = gd_dtype_size(from);
    unsigned char *row = gd_alloc(n * size + 1, 1);
    struct output *out = output_open(type, n);

    assert_non_null(row);
    for (size_t b = 0; b <= n * size; b++)
        row[b] = (unsigned char)(b % size == 0 ? test_below(state, 0x7B) : test_below(state, 256));
    variant->embedding(n, row + 1, from, 1.5f, out->bytes, type);
    for (size_t j = 0; j < n; j++) {
        uint32_t bits = 0;
        float value;

        memcpy(&bits, row + 1 + j * size, size);
        memcpy(&value, &bits, 4);
        if (from != GD_F32)
            value = from == GD_BF16 ? gd_bf16_to_f32((gd_bf16)bits) : gd_f16_to_f32((uint16_t)bits);
        check_element(out, "embedding", j, value * 1.5f, (double)value * 1.5, 2 * u * fabs((double)value) + 0x1p-126);
    }
    check_end(out, "embedding");
    gd_free(row);
}

static void each_table(const gd_row_kernels *kernels)
{
    static const gd_dtype types[] = { GD_BF16, GD_F16, GD_F32 };
    uint64_t state = 3;
    uint64_t env = gd_fpenv_enter();

    variant = kernels;
    for (size_t i = 0; i < LENGTHS; i++)
        for (size_t t = 0; t < 3; t++) {
            check_table(lengths[i], types[t], GD_F32, &state);
            check_table(lengths[i], types[t], GD_BF16, &state);
        }
    gd_fpenv_leave(env);
}

static void tables_of_any_type_and_address(void **state)
{
    (void)state;
    test_each_variant(each_table);
}

/* Rounding to bf16: halfway cases, overflow, infinities, NaN and denormals, against the definition in bf16.h. */
static void each_rounding(const gd_row_kernels *kernels)
{
    static const uint32_t highs[] = { 0x0000, 0x0001, 0x007F, 0x0080, 0x3F80, 0x3F81, 0x7F7F, 0x7F80, 0x7FBF, 0x7FC0 };
    static const uint32_t lows[] = { 0x0000, 0x0001, 0x7FFF, 0x8000, 0x8001, 0xFFFF };
    float x[16];
    gd_bf16 y[16];

    for (size_t h = 0; h < sizeof highs / sizeof highs[0]; h++)
        for (size_t l = 0; l < sizeof lows / sizeof lows[0]; l++) {
            for (uint32_t i = 0; i < 16; i++) {
                const uint32_t bits = (i & 1) << 31 | highs[h] << 16 | (lows[l] + (i >> 1)) % 0x10000;

                memcpy(&x[i], &bits, 4);
            }
            kernels->copy(16, x, GD_F32, y, GD_BF16);
            for (size_t i = 0; i < 16; i++)
                if (y[i] != gd_bf16_from_f32(x[i]))
                    fail_msg("%s: %a becomes bf16 %04x, not %04x", kernels->name, (double)x[i], y[i],
                             gd_bf16_from_f32(x[i]));
        }
}

static void rounding_is_that_of_bf16(void **state)
{
    (void)state;
    test_each_variant(each_rounding);
}

static void best_variant_is_picked(void **state)
{
    (void)state;
    assert_ptr_equal(gd_row_pick(GD_ISA_GENERIC), &gd_rows_generic);
#if HAVE_NEON
    assert_ptr_equal(gd_row_pick(GD_ISA_NEON), &gd_rows_neon);
#else
    assert_ptr_equal(gd_row_pick(GD_ISA_NEON), &gd_rows_generic);
#endif
#if HAVE_AVX2
    assert_ptr_equal(gd_row_pick(GD_ISA_AVX2), &gd_rows_avx2);
#endif
#if HAVE_AVX512BF16
    assert_ptr_equal(gd_row_pick(GD_ISA_AVX2 | GD_ISA_AVX512 | GD_ISA_AVX512BF16), &gd_rows_avx512bf16);
#elif HAVE_AVX512
    assert_ptr_equal(gd_row_pick(GD_ISA_AVX2 | GD_ISA_AVX512 | GD_ISA_AVX512BF16), &gd_rows_avx512);
#endif
#if HAVE_AVX512
    assert_ptr_equal(gd_row_pick(GD_ISA_AVX2 | GD_ISA_AVX512), &gd_rows_avx512);
    assert_ptr_not_equal(gd_row_pick(GD_ISA_AVX512), &gd_rows_avx512); /* it also needs AVX2 */
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_follow_the_contract),    cmocka_unit_test(heads_are_rotated),
        cmocka_unit_test(tables_of_any_type_and_address), cmocka_unit_test(rounding_is_that_of_bf16),
        cmocka_unit_test(best_variant_is_picked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
