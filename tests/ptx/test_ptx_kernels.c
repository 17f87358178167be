/* test_ptx_kernels.c - kernels that nvcc compiled (tests/data/ptx) against the definitions of doc/arithmetic.md; mma
 * and ldmatrix with operands of all kinds; and faults planted into compiled kernels. */
#include "tests/ptx/case.h"

#include "backends/cpu/tensor.h"

#include <math.h>

static const gd_tensor_rule rules[] = { { GD_TENSOR_RULE }, { GD_TENSOR8_RULE } };
static const char *const variants[] = { "generic", "avx2", "avx512" };
static const char *const files[] = { "ptx/matmul_80.ptx", "ptx/matmul_120.ptx" };

enum { LINES = 64, COLS = 96, DEPTH = 560 };

/* What matmul.cu reads, and what it should write. */
struct matmul {
    gd_bf16 x[LINES][DEPTH], w[COLS][DEPTH];
    float out[LINES][COLS], expected[LINES][COLS];
};

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005ull + 1442695040888963407ull;
    return *state >> 33;
}

/* Between -1 and 1, of many sizes. */
static gd_bf16 ordinary(uint64_t *state)
{
    const float size = ldexpf((float)(next_random(state) % 256 + 1) / 256.0f, -(int)(next_random(state) % 12));

    return gd_bf16_from_f32(next_random(state) % 2 ? size : -size);
}

static char *read_text(const char *name)
{
    char path[512], *text = calloc(1, 1 << 18);
    FILE *f = fopen(test_data(path, sizeof path, name), "r");

    assert_non_null(f);
    assert_non_null(text);
    assert_in_range(fread(text, 1, (1 << 18) - 1, f), 1, (1 << 18) - 2);
    fclose(f);
    return text;
}

static struct matmul *make_matmul(void)
{
    struct matmul *m = calloc(1, sizeof *m);
    uint64_t random = 3;

    assert_non_null(m);
    for (size_t i = 0; i < LINES * DEPTH; i++)
        (&m->x[0][0])[i] = ordinary(&random);
    for (size_t i = 0; i < COLS * DEPTH; i++)
        (&m->w[0][0])[i] = ordinary(&random);
    return m;
}

static bool run_matmul(struct matmul *m, const char *text, ptx_launch launch, ptx_error *err)
{
    ptx_memory *memory = ptx_memory_open();
    const struct {
        uint64_t x, w, out;
        uint32_t lines, cols, depth;
    } params = { ptx_memory_add(memory, m->x, sizeof m->x, false),
                 ptx_memory_add(memory, m->w, sizeof m->w, false),
                 ptx_memory_add(memory, m->out, sizeof m->out, true),
                 LINES,
                 COLS,
                 DEPTH };
    ptx_module *module;
    bool ok = ptx_load(&module, text, err);

    launch.grid[0] = COLS / 32;
    launch.grid[1] = LINES / 32;
    launch.params = &params;
    launch.param_bytes = sizeof params;
    if (ok) {
        ok = ptx_run(module, memory, &launch, err);
        ptx_free(module);
    }
    ptx_memory_close(memory);
    return ok;
}

static float tensor_product(const gd_tensor_rule *rule, const gd_bf16 *x, const gd_bf16 *w)
{
    float total = 0;

    for (size_t first = 0; first < DEPTH; first += 128) {
        float acc = 0;

        for (size_t k = first; k < first + 128 && k < DEPTH; k += rule->products)
            acc = gd_tensor_step(rule, x + k, w + k, acc);
        total = first ? total + acc : acc;
    }
    return total;
}

static float exact_product(const gd_bf16 *x, const gd_bf16 *w)
{
    float total = 0;

    for (size_t first = 0; first < DEPTH; first += 512) {
        float acc = 0;

        for (size_t k = first; k < first + 512 && k < DEPTH; k++)
            acc = fmaf(gd_bf16_to_f32(x[k ^ 1]), gd_bf16_to_f32(w[k ^ 1]), acc);
        total = first ? total + acc : acc;
    }
    return total;
}

/* rule: NULL for fp32. */
static void expect_products(struct matmul *m, const gd_tensor_rule *rule)
{
    for (size_t r = 0; r < LINES; r++)
        for (size_t c = 0; c < COLS; c++)
            m->expected[r][c] = rule ? tensor_product(rule, m->x[r], m->w[c]) : exact_product(m->x[r], m->w[c]);
}

static void check_matmul(struct matmul *m, const char *text, const gd_tensor_rule *rule, unsigned turn)
{
    const ptx_launch launch = { .entry = rule ? "matmul_tensor" : "matmul_exact",
                                .block = { rule ? 128 : 256 },
                                .mma_products = rule ? rule->products : 0,
                                .mma_bits = rule ? rule->bits : 0,
                                .mma_floor = rule ? rule->floor : 0,
                                .threads = 1 + turn % 2,
                                .order = turn % 3 };
    ptx_error err;

    if (!ptx_choose(variants[turn % 3]))
        return;
    memset(m->out, 0xFF, sizeof m->out);
    if (!run_matmul(m, text, launch, &err))
        fail_msg("%s", err.text);
    assert_memory_equal(m->out, m->expected, sizeof m->out);
}

static void compiled_kernels_have_the_bits_of_the_contract(void **state)
{
    struct matmul *m = make_matmul();

    (void)state;
    for (size_t kind = 0; kind < 3; kind++) {
        const gd_tensor_rule *rule = kind < 2 ? &rules[kind] : NULL;

        expect_products(m, rule);
        for (size_t i = 0; i < 2; i++) {
            char *text = read_text(files[i]);

            for (unsigned turn = 0; turn < 6; turn++)
                check_matmul(m, text, rule, turn);
            free(text);
        }
    }
    assert_true(ptx_choose(NULL));
    free(m);
}

/* ---- faults in compiled kernels ---- */

/* Replaces `old` where it stands for the `number`th time by `new`, which is no longer. */
static void replace(char *text, const char *old, const char *new, unsigned number)
{
    char *at = strstr(text, old);

    for (; number > 0 && at; number--)
        at = strstr(at + 1, old);
    assert_non_null(at);
    memset(at, ' ', strlen(old));
    memcpy(at, new, strlen(new));
}

static char *entry_of(char *text, const char *name)
{
    char head[64], *at;

    (void)snprintf(head, sizeof head, ".entry %s(", name);
    at = strstr(text, head);
    assert_non_null(at);
    return at;
}

static void planted_faults_are_found(void **state)
{
    static const struct {
        const char *entry, *old, *new;
        unsigned number;
        const char *sentence;
    } plants[] = {
        { "matmul_tensor", "cp.async.wait_group 1", "cp.async.wait_group 2", 0, "which a cp.async has yet to fill" },
        { "matmul_tensor", "bar.sync \t0;", "", 0, "read of shared memory at " },
        { "matmul_tensor", "add.rn.ftz.f32", "add.rn.f32", 0, "fp32 arithmetic must be .rn.ftz" },
        { "matmul_exact", "fma.rn.ftz.f32", "fma.rn.f32", 0, "fp32 arithmetic must be .rn.ftz" },
        { "matmul_exact", "bar.sync \t0;", "", 0, "read of shared memory at " },
        { "matmul_exact", "bar.sync \t0;", "", 1, "since the last barrier" },
    };
    struct matmul *m = make_matmul();

    (void)state;
    for (size_t i = 0; i < sizeof plants / sizeof *plants; i++)
        for (size_t k = 0; k < 2; k++) {
            char *text = read_text(files[k]), *entry = entry_of(text, plants[i].entry);
            const ptx_launch launch = { .entry = plants[i].entry,
                                        .block = { strstr(plants[i].entry, "exact") ? 256 : 128 },
                                        .mma_products = 16,
                                        .mma_bits = 25,
                                        .mma_floor = -133 };
            ptx_error err = { "" };

            replace(entry, plants[i].old, plants[i].new, plants[i].number);
            if (run_matmul(m, text, launch, &err))
                fail_msg("%s without %s has no fault", plants[i].entry, plants[i].old);
            if (!strstr(err.text, plants[i].sentence))
                fail_msg("%s without %s: %s, but \"%s\" is expected", plants[i].entry, plants[i].old, err.text,
                         plants[i].sentence);
            free(text);
        }
    free(m);
}

/* ---- mma and ldmatrix by themselves ---- */

/* A lane's fragments: a, b and c, as the ISA distributes them. */
struct fragments {
    uint32_t a[4], b[2], unused[2], c[4];
};

struct tile {
    gd_bf16 a[16][16], b[8][16];
    float c[16][8];
};

static const char one_mma[] =
    "mad.wide.u32 %rd0, %r0, 48, %rd0;\n mad.wide.u32 %rd1, %r0, 16, %rd1;\n"
    "ld.global.v4.u32 {%r1, %r2, %r3, %r4}, [%rd0];\n ld.global.v2.u32 {%r5, %r6}, [%rd0+16];\n"
    "ld.global.v4.f32 {%f1, %f2, %f3, %f4}, [%rd0+32];\n"
    "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%f1, %f2, %f3, %f4},\n"
    " {%r1, %r2, %r3, %r4}, {%r5, %r6}, {%f1, %f2, %f3, %f4};\n"
    "st.global.v4.f32 [%rd1], {%f1, %f2, %f3, %f4};";

/* Exponents within `spread` of `middle`, sometimes zero, rarely anything. */
static uint32_t float_near(uint64_t *state, unsigned middle, unsigned spread)
{
    const uint64_t kind = next_random(state) % 64;
    const uint32_t r = (uint32_t)(next_random(state) << 16 ^ next_random(state));

    if (kind < 6)
        return r & 0x80000000u;
    return (r & 0x807FFFFFu) | (uint32_t)(middle - spread + next_random(state) % (2 * spread + 1)) << 23;
}

static void make_tile(struct tile *t, uint64_t *state)
{
    static const unsigned middles[] = { 127, 127, 127, 100, 64, 70, 190, 20, 253 };
    const unsigned middle = middles[next_random(state) % 9], spread = next_random(state) % 3 ? 3 : 18;

    for (size_t i = 0; i < 16 * 16; i++)
        (&t->a[0][0])[i] = (gd_bf16)(float_near(state, middle, middle > 250 ? 2 : spread) >> 16);
    for (size_t i = 0; i < 8 * 16; i++)
        (&t->b[0][0])[i] = (gd_bf16)(float_near(state, 127, spread) >> 16);
    for (size_t i = 0; i < 16 * 8; i++) {
        const uint32_t bits = float_near(state, middle, middle > 250 ? 2 : spread);

        memcpy(&t->c[0][0] + i, &bits, 4);
    }
}

static uint32_t pair(const gd_bf16 *x) { return x[0] | (uint32_t)x[1] << 16; }

static void distribute(const struct tile *t, struct fragments f[32])
{
    for (unsigned l = 0; l < 32; l++) {
        const unsigned g = l / 4, k = l % 4 * 2;

        for (unsigned i = 0; i < 4; i++) {
            f[l].a[i] = pair(&t->a[g + 8 * (i % 2)][k + 8 * (i / 2)]);
            memcpy(&f[l].c[i], &t->c[g + 8 * (i / 2)][k + i % 2], 4);
        }
        for (unsigned i = 0; i < 2; i++)
            f[l].b[i] = pair(&t->b[g][k + 8 * i]);
    }
}

static void check_tile(const struct tile *t, const gd_tensor_rule *rule, float d[32][4])
{
    for (unsigned l = 0; l < 32; l++)
        for (unsigned i = 0; i < 4; i++) {
            const unsigned r = l / 4 + 8 * (i / 2), c = l % 4 * 2 + i % 2;
            float acc = t->c[r][c];

            for (unsigned k = 0; k < 16; k += rule->products)
                acc = gd_tensor_step(rule, t->a[r] + k, t->b[c] + k, acc);
            if (memcmp(&acc, &d[l][i], 4) != 0 && !(isnan(acc) && isnan(d[l][i])))
                fail_msg("row %u, column %u: %a, but %a is expected", r, c, (double)d[l][i], (double)acc);
        }
}

static void mma_is_the_step_of_the_contract(void **state)
{
    static struct tile t;
    static struct fragments f[32];
    static float d[32][4];
    const struct case_ranges ranges = { f, d, sizeof f, sizeof d };
    char text[4096];
    uint64_t random = 11;
    ptx_error err;

    (void)state;
    (void)case_text(text, sizeof text, "", one_mma);
    for (unsigned turn = 0; turn < 3000; turn++) {
        const gd_tensor_rule *rule = &rules[turn % 2];
        const ptx_launch launch = { .block = { 32 },
                                    .mma_products = rule->products,
                                    .mma_bits = rule->bits,
                                    .mma_floor = rule->floor };

        if (!ptx_choose(variants[turn / 2 % 3]))
            continue;
        make_tile(&t, &random);
        distribute(&t, f);
        if (!case_run(text, &ranges, launch, &err))
            fail_msg("%s", err.text);
        check_tile(&t, rule, d);
    }
    assert_true(ptx_choose(NULL));
}

static void ldmatrix_distributes_rows(void **state)
{
    static _Alignas(16) uint16_t from[256];
    static uint32_t to[32][4];
    const struct case_ranges ranges = { from, to, sizeof from, sizeof to };
    char text[4096];
    ptx_error err;

    (void)state;
    for (size_t i = 0; i < 256; i++)
        from[i] = (uint16_t)(i * 257);
    for (unsigned transposed = 0; transposed < 2; transposed++) {
        char body[1024];

        (void)snprintf(
            body, sizeof body,
            "mad.wide.u32 %%rd0, %%r0, 16, %%rd0;\n mad.wide.u32 %%rd1, %%r0, 16, %%rd1;\n"
            "ld.global.v4.u32 {%%r1, %%r2, %%r3, %%r4}, [%%rd0];\n shl.b32 %%r5, %%r0, 4;\n mov.u32 %%r6, s;\n"
            "add.u32 %%r5, %%r5, %%r6;\n st.shared.v4.u32 [%%r5], {%%r1, %%r2, %%r3, %%r4};\n bar.warp.sync -1;\n"
            "ldmatrix.sync.aligned.m8n8.x4%s.shared.b16 {%%r1, %%r2, %%r3, %%r4}, [%%r5];\n"
            "st.global.v4.u32 [%%rd1], {%%r1, %%r2, %%r3, %%r4};",
            transposed ? ".trans" : "");
        (void)case_text(text, sizeof text, ".shared .align 16 .b8 s[512];", body);
        if (!case_run(text, &ranges, (ptx_launch){ .block = { 32 } }, &err))
            fail_msg("%s", err.text);
        for (size_t l = 0; l < 32; l++)
            for (size_t i = 0; i < 4; i++) {
                const uint16_t *m = from + 64 * i;
                const size_t r = l / 4, c = l % 4 * 2;

                assert_int_equal(to[l][i], transposed ? m[c * 8 + r] | (uint32_t)m[c * 8 + 8 + r] << 16
                                                      : m[r * 8 + c] | (uint32_t)m[r * 8 + c + 1] << 16);
            }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compiled_kernels_have_the_bits_of_the_contract),
        cmocka_unit_test(planted_faults_are_found),
        cmocka_unit_test(mma_is_the_step_of_the_contract),
        cmocka_unit_test(ldmatrix_distributes_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
