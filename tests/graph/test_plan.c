/* test_plan.c - the plans of the golden models, compared with stored text (tests/data/graph); to update a text
 * that is meant to change, run with GD_WRITE_PLANS=1 and check the difference. */
#include "tests/check.h"

#include "base/file.h"
#include "base/mem.h"
#include "graph/plan.h"

static const char *const models[] = { "qwen2",      "qwen2-tied", "qwen2-causal", "llama",   "mistral",
                                      "qwen3",      "gemma2",     "gemma3",       "smollm3", "gemma",
                                      "ministral3", "olmo2",      "olmo3",        "phi3" };

static gd_plan *plan_of(const char *model, gd_dtype operand)
{
    char name[64], path[512];
    gd_config *config;
    gd_plan *plan = NULL;

    (void)snprintf(name, sizeof name, "golden/%s", model);
    assert_ok(gd_config_open(&config, test_data(path, sizeof path, name), test_err));
    assert_ok(gd_plan_make(&plan, config, NULL, operand, test_err));
    gd_config_close(config);
    return plan;
}

/* The llama model's with a head of tests/data/heads, which has a value of the same name as the residual stream. */
static gd_plan *plan_with_head(const char *file, gd_dtype operand)
{
    gd_graph_builtin head = { .name = file };
    char path[512], name[64], *text;
    gd_config *config;
    gd_plan *plan = NULL;

    (void)snprintf(name, sizeof name, "heads/%s", file);
    assert_ok(gd_file_read(&text, &head.len, test_data(path, sizeof path, name), 1 << 20, test_err));
    head.text = text;
    assert_ok(gd_config_open(&config, test_data(path, sizeof path, "golden/llama"), test_err));
    assert_ok(gd_plan_make_with_head(&plan, config, NULL, &head, operand, test_err));
    gd_config_close(config);
    gd_free(text);
    return plan;
}

static void compare(const char *path, const char *have)
{
    gd_error err = { 0 };
    char *want;
    size_t len;

    if (getenv("GD_WRITE_PLANS")) {
        FILE *f = fopen(path, "w");

        assert_non_null(f);
        fputs(have, f);
        assert_int_equal(fclose(f), 0);
    }
    if (gd_file_read(&want, &len, path, 1 << 20, &err))
        fail_msg("%s", err.text);
    for (size_t i = 0, line = 1; i <= len; i++) {
        if (have[i] != want[i])
            fail_msg("%s: line %zu differs", path, line);
        line += want[i] == '\n';
    }
    gd_free(want);
}

static void golden_plans_are_as_stored(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        gd_plan *plan = plan_of(models[i], GD_BF16);
        gd_buf text = { 0 };
        char name[64], path[512];

        gd_plan_dump(plan, &text);
        assert_non_null(gd_buf_cstr(&text));
        (void)snprintf(name, sizeof name, "graph/%s.plan", models[i]);
        compare(test_data(path, sizeof path, name), text.data);
        gd_buf_free(&text);
        gd_plan_free(plan);
    }
    assert_int_equal(gd_mem_live(), 0);
}

enum { ROOM = 65536 };
static unsigned owner[3][ROOM]; /* by extent and byte of a line: 1 + the buffer last written there */

static void write_buffer(const gd_plan *plan, unsigned index)
{
    const gd_plan_buffer *b = &plan->buffers[index];
    const size_t end = b->offset + b->cols * gd_dtype_size(b->dtype);

    assert_true(end <= plan->line_bytes[b->extent] && end <= ROOM);
    for (size_t i = b->offset; i < end; i++)
        owner[b->extent][i] = index + 1;
}

static void read_buffer(const gd_plan *plan, const gd_plan_step *step, unsigned index)
{
    const gd_plan_buffer *b = &plan->buffers[index];

    for (size_t i = b->offset; i < b->offset + b->cols * gd_dtype_size(b->dtype); i++)
        if (owner[b->extent][i] != index + 1)
            fail_msg("%s: %s reads \"%s\", but byte %zu has been overwritten", plan->graph_name,
                     gd_op_table[step->op].name, b->name, i);
}

/* Runs the plan on names alone: every byte that a step reads was last written by the buffer it reads. Keys,
 * values and the residual stream of the first tile must survive the second, so each layer's stage runs
 * twice. */
static void run_names(const gd_plan *plan)
{
    memset(owner, 0, sizeof owner);
    for (size_t s = 0; s < 2 * plan->stage_count; s++) {
        const gd_plan_stage *stage = &plan->stages[s / 2];

        for (size_t i = 0; i < stage->step_count; i++) {
            const gd_plan_step *step = &plan->steps[stage->first_step + i];

            for (unsigned k = 0; k < step->in_count; k++)
                read_buffer(plan, step, step->in[k]);
            for (unsigned k = 0; k < step->in_count; k++) /* the output must not overlap an input */
                if (step->in[k] != step->out) {
                    write_buffer(plan, step->out);
                    read_buffer(plan, step, step->in[k]);
                }
            write_buffer(plan, step->out);
        }
    }
    for (size_t i = 0; i < plan->buffer_count; i++)
        if (plan->buffers[i].extent == GD_EXTENT_BATCH)
            read_buffer(plan, &plan->steps[0], (unsigned)i);
}

static void no_buffer_is_overwritten_while_it_lives(void **state)
{
    (void)state;
    for (size_t m = 0; m < 2 * (sizeof models / sizeof models[0]); m++) {
        gd_plan *plan = plan_of(models[m / 2], m % 2 ? GD_F32 : GD_BF16);

        run_names(plan);
        gd_plan_free(plan);
    }
}

static void a_heads_values_are_its_own(void **state)
{
    static const char *const heads[] = { "armorm.yaml", "every_activation.yaml" };

    (void)state;
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        gd_plan *plan = plan_with_head(heads[i], GD_BF16);

        run_names(plan);
        assert_int_equal(plan->buffers[plan->carry].extent, GD_EXTENT_BATCH);
        assert_int_equal(plan->labels, 1);
        gd_plan_free(plan);
    }
}

/* The types that a step reads and writes are those for which the operations are defined. */
static void matmul_operands_alone_are_rounded(void **state)
{
    (void)state;
    for (size_t m = 0; m < sizeof models / sizeof models[0]; m++) {
        gd_plan *plan = plan_of(models[m], GD_BF16);

        for (size_t i = 0; i < plan->step_count; i++) {
            const gd_plan_step *step = &plan->steps[i];
            const bool matmul = step->op == GD_OP_linear || step->op == GD_OP_attention;

            for (unsigned k = 0; k < step->in_count; k++)
                assert_int_equal(plan->buffers[step->in[k]].dtype, matmul ? GD_BF16 : GD_F32);
        }
        assert_int_equal(plan->buffers[plan->score].dtype, GD_F32);
        gd_plan_free(plan);
    }
}

/* qwen2: the last layer's first norm is in two steps. */
static void each_weight_is_listed_once(void **state)
{
    gd_plan *plan = plan_of("qwen2", GD_BF16);
    const gd_plan_weight **all = gd_alloc(GD_OP_MAX_WEIGHTS * plan->step_count, sizeof *all);
    size_t count, norms = 0;

    (void)state;
    assert_non_null(all);
    count = gd_plan_weights(plan, all);
    assert_int_equal(count, 1 + 12 * plan->layers + 2);
    for (size_t i = 0; i < count; i++)
        norms += !strcmp(all[i]->name, "model.layers.2.input_layernorm.weight");
    assert_int_equal(norms, 1);
    assert_string_equal(all[0]->name, "model.embed_tokens.weight");
    assert_string_equal(all[count - 1]->name, plan->head);
    gd_free(all);
    gd_plan_free(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_plans_are_as_stored), cmocka_unit_test(no_buffer_is_overwritten_while_it_lives),
        cmocka_unit_test(a_heads_values_are_its_own), cmocka_unit_test(matmul_operands_alone_are_rounded),
        cmocka_unit_test(each_weight_is_listed_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
