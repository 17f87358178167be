/* test_linear_kernels.c - linear_tensor.cu and linear_exact.cu as compiled, against doc/arithmetic.md written out in C,
 * bit for bit. */
#include "tests/cuda/linear_kernel_case.h"

static const gd_tensor_rule rule16 = { GD_TENSOR_RULE }, rule8 = { GD_TENSOR8_RULE };

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static uint32_t pick(uint64_t *state, const uint32_t *from, size_t count) { return from[test_random(state) % count]; }

/* A multiple of 8 at most, where a step of 16 has 8 products at least: mma.sync of older cards is two steps of 8. */
static uint32_t whole_steps(const struct linear_case *c, uint32_t n)
{
    return c->kernels == TENSOR && c->rule.products == 8 && n % 16 > 0 && n % 16 <= 8 ? n + 8 : n;
}

/* Sizes around those of steps, chunks, stages and blocks. */
static uint32_t some_in(uint64_t *state)
{
    static const uint32_t sizes[] = { 1,  2,  3,  7,  8,   9,   15,  16,  17,  23,  31,  32,  33,  40,  47, 48,
                                      49, 63, 64, 65, 111, 127, 128, 129, 136, 160, 191, 193, 255, 257, 300 };
    static const uint32_t blocks[] = { 511, 512, 513, 520, 1023, 1025, 1100 };

    return test_random(state) % 6 ? pick(state, sizes, COUNT(sizes)) : pick(state, blocks, COUNT(blocks));
}

/* Of a tile and of a little more, and few. */
static uint32_t some_lines(uint32_t tile, uint64_t *state)
{
    const uint32_t r = (uint32_t)test_random(state);

    return r % 3 == 0 ? 1 + r / 3 % 9 : r % 3 == 1 ? tile - r / 3 % 5 : tile + r / 3 % 20;
}

static struct linear_case random_case(enum kernels kernels, const struct tile *tile, uint64_t seed)
{
    uint64_t state = seed * 77 + kernels;
    const uint32_t r = (uint32_t)test_random(&state);
    struct linear_case c = { .tile = *tile,
                             .kernels = kernels,
                             .rule = r & 1 ? rule16 : rule8,
                             .form = (enum form)(r >> 1) % FORMS,
                             .lines = some_lines(tile->lines, &state),
                             .cols = some_lines(tile->weights, &state),
                             .rank = 1 + (uint32_t)test_random(&state) % (r & 32 ? GD_CUDA_FUSED_RANK : 16),
                             .act = r >> 6 & 1,
                             .gap = r >> 7 & 1 ? 1 + (r >> 8 & 1) : 0,
                             .out_type = r >> 9 & 1 ? GD_CUDA_F32 : GD_CUDA_BF16,
                             .bias = r >> 10 & 1,
                             .adapter = r >> 11 & 1,
                             .fill = (enum gemm_fill)((r >> 12) % 4),
                             .order = (r >> 14) % 5,
                             .seed = seed };

    c.in = whole_steps(&c, some_in(&state));
    c.rank = whole_steps(&c, c.rank);
    return c;
}

static void check_kernels(enum kernels kernels, const char *file, const struct tile *tiles, size_t count)
{
    const size_t cases = getenv("GUERDON_LONG_TESTS") ? 100 : 8; /* of each tile */

    for (size_t family = 0; family < PTX_FAMILIES; family++) {
        ptx_module *module = ptx_open(file, ptx_families[family]);

        for (size_t i = 0; i < count * cases; i++) {
            struct linear_case c = random_case(kernels, &tiles[i % count], i + 1000 * family);

            c.module = module;
            case_check(&c);
        }
        ptx_free(module);
    }
}

static void on_tensor_cores(void **state)
{
    (void)state;
    check_kernels(TENSOR, "linear_tensor", tensor_tiles, COUNT(tensor_tiles));
}

static void in_the_contract_s_order(void **state)
{
    (void)state;
    check_kernels(EXACT, "linear_exact", exact_tiles, COUNT(exact_tiles));
}

static void in_fp32(void **state)
{
    (void)state;
    check_kernels(EXACT_F32, "linear_exact", exact_f32_tiles, COUNT(exact_f32_tiles));
}

/* Several tiles each way, more than a band of 8 down: every tile is computed once. */
static void tiles_cover_the_output(void **state)
{
    static const uint32_t shapes[][2] = { { 1, 1 }, { 8, 3 }, { 9, 1 }, { 17, 2 } };

    (void)state;
    for (size_t family = 0; family < PTX_FAMILIES; family++) {
        ptx_module *module = ptx_open("linear_tensor", ptx_families[family]);

        for (size_t i = 0; i < COUNT(shapes) * FORMS; i++) {
            const uint32_t *shape = shapes[i / FORMS];
            struct linear_case c = { .module = module,
                                     .tile = tensor_tiles[COUNT(tensor_tiles) - 1],
                                     .kernels = TENSOR,
                                     .rule = rule16,
                                     .form = (enum form)(i % FORMS),
                                     .in = 16,
                                     .out_type = GD_CUDA_F32,
                                     .order = (unsigned)i % 4,
                                     .seed = i };

            c.lines = shape[0] * c.tile.lines - 3;
            c.cols = shape[1] * c.tile.weights / (c.form == GATED ? 2 : 1) - 5;
            case_check(&c);
        }
        ptx_free(module);
    }
}

/* Sums of one block that are subnormal, or zero and negative, with nothing added that would change them. */
static void check_tiny(enum kernels kernels, const char *file, const struct tile *tiles, size_t count)
{
    static const uint32_t ins[] = { 1, 9, 11, 13, 16, 22, 31, 64, 79, 112, 128 };

    for (size_t family = 0; family < PTX_FAMILIES; family++) {
        ptx_module *module = ptx_open(file, ptx_families[family]);

        for (size_t i = 0; i < 2 * COUNT(ins); i++) {
            struct linear_case c = { .module = module,
                                     .tile = tiles[i % count],
                                     .kernels = kernels,
                                     .rule = i & 1 ? rule16 : rule8,
                                     .lines = 16,
                                     .cols = 33,
                                     .out_type = i & 2 ? GD_CUDA_F32 : GD_CUDA_BF16,
                                     .fill = FILL_TINY,
                                     .seed = i };

            c.in = whole_steps(&c, ins[i / 2]);
            case_check(&c);
        }
        ptx_free(module);
    }
}

static void tiny_sums_stay_as_they_are(void **state)
{
    (void)state;
    check_tiny(TENSOR, "linear_tensor", tensor_tiles, COUNT(tensor_tiles));
    check_tiny(EXACT, "linear_exact", exact_tiles, COUNT(exact_tiles));
    check_tiny(EXACT_F32, "linear_exact", exact_f32_tiles, COUNT(exact_f32_tiles));
}

/* Over all of fp32, and around the places where exp and tanh begin something else: act(x) * x, both products by one. */
static void check_activation(const ptx_module *module, uint32_t act)
{
    static const float edges[] = { 0x1.5d58a0p+6f, 0x1.62e42ep+6f, 0.625f, 0x1p-126f, 0.0f, INFINITY, 9.0f, 1.0f };
    enum { AROUND = 16, LINES = 4096 };
    struct linear_case c = { .module = module,
                             .tile = exact_f32_tiles[0],
                             .form = GATED,
                             .kernels = EXACT_F32,
                             .lines = LINES,
                             .in = 1,
                             .cols = 1,
                             .act = act,
                             .out_type = GD_CUDA_F32 };
    struct operands o;

    operands_open(&o, &c);
    ((float *)o.w[0].host)[0] = ((float *)o.w[1].host)[0] = 1.0f;
    for (uint32_t i = 0; i < LINES; i++) {
        uint32_t bits = i * 0x000F8F8Fu;

        if (i / AROUND / 2 < COUNT(edges)) {
            bits = case_bits(edges[i / AROUND / 2]) + i % AROUND - AROUND / 2;
            bits ^= (i / AROUND & 1) << 31;
        }
        ((uint32_t *)o.x.host)[i * o.x.stride] = bits;
    }
    case_run(&c, &o);
    case_compare(&c, &o);
    operands_close(&o);
}

static void activations_everywhere(void **state)
{
    (void)state;
    for (size_t family = 0; family < PTX_FAMILIES; family++) {
        ptx_module *module = ptx_open("linear_exact", ptx_families[family]);

        check_activation(module, GD_CUDA_SILU);
        check_activation(module, GD_CUDA_GELU_TANH);
        ptx_free(module);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_tensor_cores),
        cmocka_unit_test(in_the_contract_s_order),
        cmocka_unit_test(in_fp32),
        cmocka_unit_test(tiles_cover_the_output),
        cmocka_unit_test(tiny_sums_stay_as_they_are),
        cmocka_unit_test(activations_everywhere),
    };

    if (ptx_is_missing())
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
