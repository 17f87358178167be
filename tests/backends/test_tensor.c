/* test_tensor.c - the arithmetic of tensor cores (doc/arithmetic.md, section 3T): the definition against steps computed
 * with fractions and against results of real cards, and every variant against the definition. */
#include "tests/check.h"

#include "backends/cpu/gemm.h"
#include "backends/cpu/isa.h"
#include "base/fpenv.h"

#include <math.h>
#include <zlib.h>

static const gd_tensor_rule rule16 = { GD_TENSOR_RULE }, rule8 = { GD_TENSOR8_RULE };

enum { MOST = 16 };

struct step {
    size_t products;
    gd_bf16 a[MOST], b[MOST];
    uint32_t acc, result;
};

static float float_of(uint32_t bits)
{
    float f;

    memcpy(&f, &bits, sizeof f);
    return f;
}

static uint32_t bits_of(float f)
{
    uint32_t bits;

    memcpy(&bits, &f, sizeof bits);
    return bits;
}

static void read_operands(gd_bf16 *to, const char *hex, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char four[5] = { 0 };

        memcpy(four, hex + 4 * i, 4);
        to[i] = (gd_bf16)strtoul(four, NULL, 16);
    }
}

static void set_step(struct step *s, size_t products, const char *a, const char *b, uint32_t acc, uint32_t result)
{
    assert_true(products == 8 || products == 16);
    assert_int_equal(strlen(a), 4 * products);
    assert_int_equal(strlen(b), 4 * products);
    *s = (struct step){ .products = products, .acc = acc, .result = result };
    read_operands(s->a, a, products);
    read_operands(s->b, b, products);
}

static uint32_t result_of(const struct step *s)
{
    return bits_of(gd_tensor_step(s->products == 16 ? &rule16 : &rule8, s->a, s->b, float_of(s->acc)));
}

/* ---- the definition ---- */

static void the_definition_follows_the_rule(void **state)
{
    char path[512], line[512];
    FILE *f = fopen(test_data(path, sizeof path, "tensor/steps.txt"), "r");
    size_t count = 0;

    (void)state;
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        char kind[32], a[80], b[80];
        unsigned products, acc, result;
        struct step s;

        if (line[0] == '#')
            continue;
        assert_int_equal(sscanf(line, "%31s %u %79s %79s %x %x", kind, &products, a, b, &acc, &result), 6);
        set_step(&s, products, a, b, acc, result);
        if (result_of(&s) != result)
            fail_msg("%s of %u products, line %zu: %08x, but %08x is expected", kind, products, count + 2,
                     result_of(&s), result);
        count++;
    }
    fclose(f);
    assert_int_equal(count, 13 * 2 * 16);
}

static void a_step_adds_every_product(void **state)
{
    gd_bf16 a[MOST], b[MOST];
    const float one = 1.0f;
    float got;

    (void)state;
    for (size_t i = 0; i < MOST; i++) {
        a[i] = gd_bf16_from_f32((float)(i + 1));
        b[i] = gd_bf16_from_f32((float)(1u << i));
    }
    got = gd_tensor_step(&rule16, a, b, one);
    assert_true(got == 983042.0f); /* 1 + sum of (i + 1) 2^i for i < 16 */
}

/* How many missing elements a chain is filled up with must not matter, also where its sum has vanished. */
static void a_step_of_zeros_changes_nothing(void **state)
{
    /* -2^-75 * 2^-75 is below the smallest subnormal number; the others are kept as they are. */
    static const uint32_t sums[] = { 0, 0x00000001u, 0x80000001u, 0x807FFFFFu, 0x00800000u, 0xBF800001u, 0x7F7FFFFFu };
    const gd_bf16 zeros[MOST] = { 0 }, a[MOST] = { 0x9A00 }, b[MOST] = { 0x1A00 };
    const gd_tensor_rule *const rules[] = { &rule16, &rule8 };

    (void)state;
    for (size_t r = 0; r < 2; r++) {
        assert_int_equal(bits_of(gd_tensor_step(rules[r], a, b, 0.0f)), 0);
        for (size_t i = 0; i < sizeof sums / sizeof sums[0]; i++)
            assert_int_equal(bits_of(gd_tensor_step(rules[r], zeros, zeros, float_of(sums[i]))), sums[i]);
    }
}

/* An item with one gets an error: it must not vanish in an integer. */
static void what_is_not_finite_stays_so(void **state)
{
    static const uint32_t odd[] = { 0x7F800000u, 0xFF800000u, 0x7FC00000u, 0xFFFF0000u };

    (void)state;
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
        for (size_t at = 0; at < 17; at++) {
            struct step s = { .products = 16 };

            if (at < 16)
                s.a[at] = (gd_bf16)(odd[i] >> 16);
            else
                s.acc = odd[i];
            assert_true(isnan(float_of(result_of(&s))));
        }
}

/* ---- results of real cards ---- */

/* Returns how many lines were read; those of the card must be equal. */
static size_t check_card(const char *path, size_t products)
{
    gzFile f = gzopen(path, "rb");
    char line[512];
    size_t count = 0;

    if (!f)
        return 0;
    while (gzgets(f, line, sizeof line)) {
        char a[80], b[80];
        unsigned acc, result;
        struct step s;

        if (sscanf(line, "%79s %79s %x %x", a, b, &acc, &result) != 4)
            continue;
        set_step(&s, products, a, b, acc, result);
        if (result_of(&s) != result)
            fail_msg("%s, line %zu: %08x, but the card has %08x", path, count + 1, result_of(&s), result);
        count++;
    }
    gzclose(f);
    return count;
}

static void the_definition_is_that_of_real_cards(void **state)
{
    static const struct card {
        const char *name;
        size_t products;
    } cards[] = { { "H100", 16 }, { "H200", 16 }, { "B200", 16 }, { "A100", 8 }, { "L40S", 8 } };
    const char *srcdir = getenv("srcdir");

    (void)state;
    for (size_t i = 0; i < sizeof cards / sizeof cards[0]; i++) {
        char path[512];
        size_t count;

        (void)snprintf(path, sizeof path, "%s/../shared/data/tensor-core/%s.txt.gz", srcdir ? srcdir : ".",
                       cards[i].name);
        count = check_card(path, cards[i].products);
        if (count)
            print_message("%s: %zu steps, all equal\n", cards[i].name, count);
        else
            print_message("[  SKIPPED ] %s: its results are not here (%s)\n", cards[i].name, path);
    }
}

/* ---- the variants ---- */

enum { ROWS = 5, VECTORS = 4, COLUMNS = 16 * VECTORS, STRIDE = 2 * GD_TENSOR_PAIRS + 2 };

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state >> 16;
}

/* Exponents as those of models; wide; any; small integers, zeros; tiny; huge; with some that are not finite; ordinary
 * with a few of any kind. */
enum { KINDS = 8 };

static gd_bf16 operand(unsigned kind, uint64_t *state)
{
    const unsigned r = (unsigned)next_random(state), sign = r << 15 & 0x8000u, rare = r >> 8 & 0xFF;
    const unsigned any = (unsigned)(next_random(state) % 255), few = any % 10, mantissa = kind == 3 ? 0 : r >> 1 & 0x7F;
    const unsigned fields[KINDS] = { 127 - few,
                                     107 + any % 40,
                                     any,
                                     rare < 50 ? 0 : 127 + any % 3,
                                     1 + any % 60,
                                     190 + any % 60,
                                     rare == 0 ? 255 : 127,
                                     rare < 5 ? any : 127 - few };

    return (gd_bf16)(sign | fields[kind] << 7 | mantissa);
}

struct block_case {
    gd_bf16 x[ROWS * STRIDE], w[GD_TENSOR_PAIRS * COLUMNS * 2];
    float before[ROWS * COLUMNS];
    gd_tensor_block block;
};

static void make_block(struct block_case *c, uint64_t *state)
{
    const unsigned x = (unsigned)(next_random(state) % KINDS), w = (unsigned)(next_random(state) % KINDS);
    const size_t pairs = next_random(state) % 4 ? 1 + next_random(state) % GD_TENSOR_PAIRS : GD_TENSOR_PAIRS;
    const size_t vectors = 1 + next_random(state) % VECTORS;

    for (size_t i = 0; i < ROWS * STRIDE; i++)
        c->x[i] = operand(x, state);
    for (size_t i = 0; i < pairs * vectors * 32; i++)
        c->w[i] = operand(w, state);
    for (size_t i = 0; next_random(state) % 2 && i < pairs * vectors * 32; i += 2) /* products that nearly cancel */
        c->w[i + 1] = c->w[i] ^ 0x8000u;
    for (size_t i = 0; i < ROWS * COLUMNS; i++)
        c->before[i] = (float)next_random(state) * 0x1p-20f;
    c->block = (gd_tensor_block){ .rows = 1 + next_random(state) % ROWS,
                                  .pairs = pairs,
                                  .x = c->x,
                                  .x_stride = STRIDE * sizeof(gd_bf16),
                                  .w = c->w,
                                  .w_stride = vectors * 32 * sizeof(gd_bf16),
                                  .vectors = vectors,
                                  .sum_stride = COLUMNS,
                                  .add = next_random(state) % 2 };
}

/* What chance hardly finds: a step whose sum needs more than 32 bits with the accumulator, which is 1; and zeros beside
 * factors so large that a zero's exponent would be the largest of all. */
static void make_carrying(struct block_case *c)
{
    for (size_t i = 0; i < ROWS * STRIDE; i++)
        c->x[i] = i % STRIDE >= 16 ? 0x3FFF : i % STRIDE ? 0 : 0x3F80;
    for (size_t i = 0; i < GD_TENSOR_PAIRS * COLUMNS * 2; i++)
        c->w[i] = i < 32 * VECTORS * 8 ? 0x3F80 : 0x3FFF;
}

static void make_zeros_beside(struct block_case *c)
{
    for (size_t i = 0; i < ROWS * STRIDE; i++)
        c->x[i] = (gd_bf16)(i % 2 ? 0 : 0x30A5 + i % 7); /* about 2^-30 */
    for (size_t i = 0; i < GD_TENSOR_PAIRS * COLUMNS * 2; i++)
        c->w[i] = (gd_bf16)(i % 2 ? 0x6C80 : 0x35B3 + i % 11); /* 2^90, and about 2^-20 */
}

static void make_number(struct block_case *c, size_t n, uint64_t *state)
{
    make_block(c, state);
    if (n > 1)
        return;
    (n ? make_zeros_beside : make_carrying)(c);
    c->block.pairs = GD_TENSOR_PAIRS;
    c->block.vectors = VECTORS;
    c->block.w_stride = COLUMNS * 2 * sizeof(gd_bf16);
}

static void run_block(const struct block_case *c, gd_tensor_products *products, float *sum)
{
    gd_tensor_block block = c->block;
    const uint64_t env = gd_fpenv_enter();

    memcpy(sum, c->before, sizeof c->before);
    block.sum = sum;
    products(&block);
    gd_fpenv_leave(env);
}

static bool same(float a, float b) { return bits_of(a) == bits_of(b) || (isnan(a) && isnan(b)); }

static void check_variant(const gd_gemm_kernel *kernel)
{
    gd_tensor_products *definition = kernel->arithmetic == GD_TENSOR ? gd_tensor_ref_TENSOR : gd_tensor_ref_TENSOR8;
    static struct block_case c;
    float want[ROWS * COLUMNS], got[ROWS * COLUMNS];
    const size_t blocks = SANITIZED ? 100 : 1500;
    uint64_t state = 88172645463325252u;

    for (size_t n = 0; n < blocks; n++) {
        make_number(&c, n, &state);
        run_block(&c, definition, want);
        run_block(&c, kernel->products, got);
        for (size_t i = 0; i < ROWS * COLUMNS; i++)
            if (!same(want[i], got[i]))
                fail_msg("%s, %u products a step, block %zu, row %zu, column %zu: %08x, but %08x is expected",
                         kernel->name, kernel->arithmetic == GD_TENSOR ? 16u : 8u, n, i / COLUMNS, i % COLUMNS,
                         bits_of(got[i]), bits_of(want[i]));
    }
    print_message("%s, %u products a step: %zu blocks, all equal\n", kernel->name,
                  kernel->arithmetic == GD_TENSOR ? 16u : 8u, blocks);
}

static void variants_agree_with_the_definition(void **state)
{
    (void)state;
    for (size_t i = 0; i < gd_gemm_kernel_count; i++) {
        const gd_gemm_kernel *kernel = &gd_gemm_kernels[i];

        if (!kernel->products || kernel->needs == GD_ISA_GENERIC)
            continue;
        if ((kernel->needs & ~gd_isa_detect()) == 0)
            check_variant(kernel);
        else
            print_message("[  SKIPPED ] %s: this CPU lacks its instruction set\n", kernel->name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_definition_follows_the_rule),      cmocka_unit_test(a_step_adds_every_product),
        cmocka_unit_test(a_step_of_zeros_changes_nothing),      cmocka_unit_test(what_is_not_finite_stays_so),
        cmocka_unit_test(the_definition_is_that_of_real_cards), cmocka_unit_test(variants_agree_with_the_definition),
    };

    return cmocka_run_group_tests_name("tensor", tests, NULL, NULL);
}
