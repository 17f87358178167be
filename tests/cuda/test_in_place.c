/* test_in_place.c - a gated pair of linears may overwrite its input: the blocks of a kernel read all of it, when others
 * have written their columns. */
#include "tests/cuda/device_case.h"

#include "backends/cuda/weight.h"
#include "quant-free/bf16.h"

enum { LINES = 3, COLS = 160 };

struct pair {
    const gd_backend *cuda;
    gd_device *device;
    gd_weight *w[2];
    void *memory; /* twice as many lines as there are */
};

static gd_bf16 numbers[COLS][COLS], lines[LINES][COLS];

static void pair_open(struct pair *p)
{
    const gd_device_options options = { .threads = 1, .operand = GD_BF16, .arithmetic = GD_EXACT };
    const gd_limits limits = { .tile_rows = LINES, .max_in = COLS, .max_out = COLS };
    const gd_view view = { .name = "w",
                           .dtype = GD_BF16,
                           .rank = 2,
                           .shape = { COLS, COLS },
                           .data = numbers,
                           .bytes = sizeof numbers };

    p->cuda = gd_backend_named("cuda");
    assert_ok(p->cuda->open(&p->device, &options, test_err));
    assert_ok(p->cuda->prepare(p->device, &limits, test_err));
    assert_ok(p->cuda->buffer_alloc(p->device, &p->memory, 2 * sizeof lines, test_err));
    for (size_t i = 0; i < 2; i++) {
        assert_ok(p->cuda->weight_make(p->device, &p->w[i], GD_WEIGHT_MATRIX, &view, test_err));
        p->cuda->weight_fill(p->w[i], 0);
        assert_ok(p->cuda->weight_wait(p->device, p->w[i], test_err));
    }
}

static void pair_close(struct pair *p)
{
    p->cuda->weight_free(p->device, p->w[0]);
    p->cuda->weight_free(p->device, p->w[1]);
    p->cuda->buffer_free(p->device, p->memory);
    p->cuda->close(p->device);
}

/* The output's first line lies `from` lines behind that of the input. */
static void run_pair(const struct pair *p, size_t from, gd_bf16 out[LINES][COLS])
{
    const gd_tensor x = { p->memory, GD_BF16, LINES, COLS, COLS };
    const gd_tensor y = { (gd_bf16 *)p->memory + from * COLS, GD_BF16, LINES, COLS, COLS };
    const gd_call linears[] = { { .in = { x }, .w = { p->w[0] } }, { .in = { x }, .w = { p->w[1] } } };

    assert_ok(p->cuda->upload(p->device, p->memory, lines, sizeof lines, test_err));
    p->cuda->gated_linears(p->device, linears, &(gd_call){ .out = y, .params = { .act = GD_ACT_SILU } });
    assert_ok(p->cuda->download(p->device, out, y.data, sizeof lines, test_err));
}

static void the_output_may_overwrite_the_input(void **state)
{
    gd_bf16 apart[LINES][COLS], over[LINES][COLS];
    struct pair p;

    (void)state;
    for (size_t i = 0; i < COLS * COLS; i++)
        numbers[i / COLS][i % COLS] = gd_bf16_from_f32((float)(i % 13) / 64.0f - 0.0625f);
    for (size_t i = 0; i < LINES * COLS; i++)
        lines[i / COLS][i % COLS] = gd_bf16_from_f32((float)(i % 7) / 4.0f);
    pair_open(&p);
    run_pair(&p, LINES, apart);
    for (size_t from = 0; from < LINES; from++) {
        run_pair(&p, from, over);
        assert_memory_equal(over, apart, sizeof apart);
    }
    pair_close(&p);
}

static int setup(void **state)
{
    (void)state;
    device_pretend("compute_80", "90");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_output_may_overwrite_the_input),
    };

    if (device_is_missing())
        return 77;
    return cmocka_run_group_tests(tests, setup, NULL);
}
