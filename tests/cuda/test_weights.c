/* test_weights.c - weights as the card has them: lines of whole pieces of 16 bytes; for tensor cores without subnormal
 * numbers, which the interpreter counts as zero whether they are sent or not. */
#include "tests/cuda/device_case.h"

#include "backends/cuda/weight.h"
#include "quant-free/bf16.h"

enum { OUT = 3, IN = 5, STRIDE = 8 };

static const gd_bf16 numbers[OUT][IN] = { { 0x3F80, 0x0001, 0x8001, 0x007F, 0x807F },
                                          { 0x0080, 0x8080, 0x0000, 0x8000, 0xC000 },
                                          { 0x7F7F, 0x0040, 0xFF7F, 0x8040, 0x3F81 } };

static gd_bf16 expected(size_t line, size_t col, gd_arithmetic arithmetic)
{
    const gd_bf16 number = col < IN ? numbers[line][col] : 0;

    return arithmetic == GD_EXACT || number & 0x7F80 ? number : number & 0x8000;
}

static void check_weight(gd_arithmetic arithmetic)
{
    const gd_device_options options = { .threads = 1, .operand = GD_BF16, .arithmetic = arithmetic };
    const gd_view view = { .name = "w",
                           .dtype = GD_BF16,
                           .rank = 2,
                           .shape = { OUT, IN },
                           .data = numbers,
                           .bytes = sizeof numbers };
    const gd_backend *cuda = gd_backend_named("cuda");
    gd_bf16 sent[OUT][STRIDE];
    gd_device *device;
    gd_weight *weight;

    assert_ok(cuda->open(&device, &options, test_err));
    assert_ok(cuda->weight_make(device, &weight, GD_WEIGHT_MATRIX, &view, test_err));
    assert_int_equal(cuda->weight_pieces(weight), 1);
    cuda->weight_fill(weight, 0);
    assert_ok(cuda->weight_wait(device, weight, test_err));
    assert_int_equal(weight->stride, STRIDE);
    assert_ok(cuda->download(device, sent, gd_cuda_matrix_of(weight).data, sizeof sent, test_err));
    for (size_t line = 0; line < OUT; line++)
        for (size_t col = 0; col < STRIDE; col++)
            assert_int_equal(sent[line][col], expected(line, col, arithmetic));
    cuda->weight_free(device, weight);
    cuda->close(device);
}

static void lines_are_whole_pieces(void **state)
{
    (void)state;
    check_weight(GD_EXACT);
}

static void tensor_cores_get_no_subnormal_numbers(void **state)
{
    (void)state;
    check_weight(GD_TENSOR);
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
        cmocka_unit_test(lines_are_whole_pieces),
        cmocka_unit_test(tensor_cores_get_no_subnormal_numbers),
    };

    if (device_is_missing())
        return 77;
    return cmocka_run_group_tests(tests, setup, NULL);
}
