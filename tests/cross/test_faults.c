/* test_faults.c - a fault in one step of one side is found, and told where it is: step, layer, row. */
#include "tests/check.h"
#include "tests/cross/both.h"
#include "tests/quant-free/files.h"
#include "tests/reward/golden.h"

#include "quant-free/bf16.h"

#include <string.h>

/* ---- faults ---- */

static void *line_of(const gd_tensor *t, size_t row)
{
    return (char *)t->data + row * t->stride * gd_dtype_size(t->dtype);
}

static size_t line_bytes(const gd_tensor *t) { return t->cols * gd_dtype_size(t->dtype); }

/* Row 5, column 7. */
static void one_element(const gd_call *call, void *room)
{
    (void)room;
    if (call->out.dtype == GD_F32)
        ((float *)line_of(&call->out, 5))[7] *= 1.0625f;
    else
        ((gd_bf16 *)line_of(&call->out, 5))[7] ^= 0x0008u;
}

/* Row 5, the last column. */
static void last_element(const gd_call *call, void *room)
{
    (void)room;
    assert_int_equal(call->out.dtype, GD_F32);
    ((float *)line_of(&call->out, 5))[call->out.cols - 1] *= 1.0625f;
}

/* Lines 2 and 4. */
static void swapped_lines(const gd_call *call, void *room)
{
    memcpy(room, line_of(&call->out, 2), line_bytes(&call->out));
    memcpy(line_of(&call->out, 2), line_of(&call->out, 4), line_bytes(&call->out));
    memcpy(line_of(&call->out, 4), room, line_bytes(&call->out));
}

/* Line 6 is rotated as the one before it. */
static void stale_line(const gd_call *call, void *room)
{
    (void)room;
    memcpy(line_of(&call->out, 6), line_of(&call->out, 5), line_bytes(&call->out));
}

static void dropped_step(const gd_call *call, void *room)
{
    (void)room;
    for (size_t r = 0; r < call->out.rows; r++)
        memset(line_of(&call->out, r), 0, line_bytes(&call->out));
}

static void dropped_bias(gd_call *call) { call->w[1] = NULL; }
static void dropped_adapter(gd_call *call) { call->lora = (gd_lora_weights){ 0 }; }
static void wrong_scale(gd_call *call) { call->lora.scale *= 1.01f; }
static void another_weight(gd_call *call) { call->w[0] = faulty_earlier_weight(3); }
static void longer_window(gd_call *call) { call->params.window++; }
static void larger_logits(gd_call *call) { call->params.scale *= 1.25f; }
static void no_softcap(gd_call *call) { call->params.softcap = 0; }
static void another_eps(gd_call *call) { call->params.eps += 0.01f; }
static void another_activation(gd_call *call)
{
    call->params.act = call->params.act == GD_ACT_SILU ? GD_ACT_GELU_TANH : GD_ACT_SILU;
}

/* ---- what must be found ---- */

enum { ANY = -1 };

struct expected {
    faulty fault;
    const char *model;
    bool lora;
    const char *step; /* the beginning of its name */
    int layer;
    int row, column; /* in the batch, whose rows are those of the trace; ANY */
    bool explained;  /* float64 shows it, too: with sides of two contracts it is beyond a bound */
};

/* Linears of a layer: q, k, v, o, gate, up, down. */
static const struct expected cases[] = {
    { { "one element", GD_OP_linear, 7 + 6, NULL, one_element },
      "qwen2",
      false,
      "layer 1: linear model.layers.1.mlp.down_proj",
      1,
      5,
      7,
      false },
    { { "the last element", GD_OP_add, 3, NULL, last_element }, "qwen2", false, "layer 1: add ", 1, 5, 95, false },
    { { "one element of the gate", GD_OP_gated, 1, NULL, one_element },
      "llama",
      false,
      "layer 1: gated ",
      1,
      5,
      7,
      false },
    { { "swapped rows", GD_OP_attention, 1, NULL, swapped_lines },
      "qwen2",
      false,
      "layer 1: attention ",
      1,
      2,
      ANY,
      false },
    { { "a dropped step", GD_OP_add, 2, NULL, dropped_step }, "qwen2", false, "layer 1: add ", 1, 0, ANY, true },
    { { "a dropped bias", GD_OP_linear, 7, dropped_bias, NULL },
      "qwen2",
      false,
      "layer 1: linear model.layers.1.self_attn.q_proj",
      1,
      0,
      ANY,
      true },
    { { "a dropped adapter", GD_OP_linear, 3, dropped_adapter, NULL },
      "llama",
      true,
      "layer 0: linear model.layers.0.self_attn.o_proj",
      0,
      0,
      ANY,
      true },
    { { "an adapter's scale", GD_OP_linear, 6, wrong_scale, NULL },
      "llama",
      true,
      "layer 0: linear model.layers.0.mlp.down_proj",
      0,
      0,
      ANY,
      true },
    { { "the weight of q for o", GD_OP_linear, 7 + 3, another_weight, NULL },
      "mistral",
      false,
      "layer 1: linear model.layers.1.self_attn.o_proj",
      1,
      0,
      ANY,
      true },
    { { "a window off by one", GD_OP_attention, 0, longer_window, NULL },
      "mistral",
      false,
      "layer 0: attention ",
      0,
      ANY,
      ANY,
      true },
    { { "logits too large", GD_OP_attention, 1, larger_logits, NULL },
      "qwen3",
      false,
      "layer 1: attention ",
      1,
      ANY,
      ANY,
      true },
    { { "no soft cap", GD_OP_attention, 1, no_softcap, NULL },
      "gemma2",
      false,
      "layer 1: attention ",
      1,
      ANY,
      ANY,
      false },
    { { "another epsilon", GD_OP_rms_norm, 2, another_eps, NULL },
      "qwen2",
      false,
      "layer 1: rms_norm ",
      1,
      0,
      ANY,
      true },
    { { "another activation", GD_OP_gated, 1, another_activation, NULL },
      "qwen3",
      false,
      "layer 1: gated ",
      1,
      0,
      ANY,
      true },
    { { "a stale rotation", GD_OP_rope, 2, NULL, stale_line }, "llama", false, "layer 1: rope ", 1, 6, ANY, false },
    { { "rows of other texts", GD_OP_last_row, 0, NULL, swapped_lines },
      "llama",
      false,
      "last rows: last_row ",
      -1,
      ANY,
      ANY,
      false },
};

static void compare(struct both *b, void *const *dir, const struct expected *e, const char *numerics)
{
    both_compare(b, both_input(*dir), e->model, e->lora, numerics, faulty_backend(&e->fault));
    assert_in_range(b->traces[0].rows, 130, 252);
}

static void check_place(const struct expected *e, const gd_sides *sides)
{
    const gd_first *first = &sides->first;
    char name[GD_TRACE_NAME];

    if (!first->found)
        fail_msg("%s: not found", e->fault.name);
    gd_trace_step_name(sides->plan, first->step, name);
    if (strncmp(name, e->step, strlen(e->step)) || gd_trace_stage(sides->plan, first->step)->layer != e->layer)
        fail_msg("%s: found in \"%s\", but it is in \"%s\"", e->fault.name, name, e->step);
    if (e->row != ANY && first->line != (uint32_t)e->row)
        fail_msg("%s: found in row %u, but it is in row %d", e->fault.name, first->line, e->row);
    if (e->column != ANY && first->column != (uint32_t)e->column)
        fail_msg("%s: found in column %u, but it is in column %d", e->fault.name, first->column, e->column);
}

static void bits_are_compared(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct both b;

        compare(&b, state, &cases[i], NULL);
        assert_int_equal(b.sides.verdict, GD_VERDICT_DIFFERENT);
        check_place(&cases[i], &b.sides);
        both_close(&b);
    }
}

static void other_arithmetics_are_compared_with_bounds(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct expected e = cases[i];
        struct both b;

        if (!e.explained)
            continue;
        e.row = e.column = ANY; /* the sample's */
        compare(&b, state, &e, "tensor");
        check_place(&e, &b.sides);
        assert_int_equal(b.sides.verdict, GD_VERDICT_BEYOND);
        if (!b.sides.first.side || strcmp(b.sides.first.side, "right"))
            fail_msg("%s: not told on which side", e.fault.name);
        both_close(&b);
    }
}

/* The text by itself shows the values on both sides, and which of them is wrong. */
static void a_closer_look_shows_values(void **state)
{
    struct both b;

    compare(&b, state, &cases[0], NULL);
    assert_ok(gd_look_closer(&b.sides, &b.left, &b.right, test_err));
    assert_string_equal(b.sides.first.alone, "yes");
    assert_int_equal(b.sides.first.column, 7);
    assert_string_equal(b.sides.first.side, "right");
    assert_true(b.sides.first.left != b.sides.first.right);
    both_close(&b);
}

/* Nothing is found where nothing is wrong. */
static void without_a_fault_sides_agree(void **state)
{
    static const char *const numerics[] = { NULL, "tensor", "tensor8" };

    for (size_t m = 0; m < GOLDEN_MODELS; m++)
        for (size_t i = 0; i < 3; i++) {
            struct both b;

            both_compare(&b, both_input(*state), golden_models[m], i == 1, numerics[i], NULL);
            assert_int_equal(b.sides.verdict, i ? GD_VERDICT_WITHIN : GD_VERDICT_EQUAL);
            assert_false(b.sides.first.found);
            both_close(&b);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bits_are_compared, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(other_arithmetics_are_compared_with_bounds, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(a_closer_look_shows_values, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(without_a_fault_sides_agree, dir_setup, dir_teardown),
    };

    return cmocka_run_group_tests_name("cross faults", tests, NULL, NULL);
}
