/* test_run_more.c - what the options of gd_train() do: evaluations, the loss, where a run begins, its order, and how it
 * saves. */
#include "tests/train/runs.h"

#include "base/json.h"
#include "quant-free/adapter.h"
#include "train/trainer.h"

#include <math.h>

static const json_t *line_of(const json_t *log, size_t i)
{
    assert_true(i < json_array_size(log));
    return json_array_get(log, i);
}

/* The lines that have a member. */
static json_t *lines_with(const test_run *run, const char *key)
{
    json_t *all = run_log(run), *some = json_array();
    size_t i;
    json_t *line;

    json_array_foreach(all, i, line) {
        if (json_object_get(line, key))
            assert_int_equal(json_array_append(some, line), 0);
    }
    json_decref(all);
    return some;
}

/* ---- evaluations ---- */

static void write_kinds(const test_run *run, const char *name, size_t count)
{
    static const char *const kinds[] = { "a", "b", "a", "long name" };
    char text[8192];
    size_t used = 0;

    for (size_t i = 0; i < count; i++)
        used += (size_t)snprintf(text + used, sizeof text - used,
                                 "{\"chosen\":\"%zu is it, %zu.\",\"rejected\":\"No %zu!\",\"kind\":\"%s\"}\n", i,
                                 i * i, i * 7, kinds[i % 4]);
    run_write(run, name, text);
}

static void sets_and_groups_have_names_in_the_log(void **state)
{
    char sets[2][RUN_PATH + 16];
    test_run run;
    json_t *lines;
    const json_t *line;

    (void)state;
    run_open_short(&run);
    write_kinds(&run, "hard.jsonl", 12);
    (void)snprintf(sets[0], sizeof sets[0], "hard=%s", run_below(&run, "hard.jsonl"));
    (void)snprintf(sets[1], sizeof sets[1], "real=%s", run.eval);
    run.evals[0] = sets[0];
    run.evals[1] = sets[1];
    run.options.eval_count = 2;
    run.options.by = "kind";
    run.options.best = "eval_hard_kind=a_accuracy";
    run_into(&run, "out");
    lines = lines_with(&run, "eval_hard_accuracy");
    assert_int_equal(json_array_size(lines), 3);
    for (size_t i = 0; i < 3; i++) {
        line = line_of(lines, i);
        assert_true(run_number(line, "step") == 2.0 * (double)(i + 1));
        for (size_t m = 0; m < 2; m++) {
            static const char *const keys[2][4] = {
                { "eval_hard_accuracy", "eval_hard_kind=a_accuracy", "eval_hard_kind=b_accuracy",
                  "eval_hard_kind=long name_accuracy" },
                { "eval_hard_loss", "eval_hard_kind=a_loss", "eval_hard_kind=b_loss", "eval_hard_kind=long name_loss" },
            };
            const double all = (6 * run_number(line, keys[m][1]) + 3 * run_number(line, keys[m][2]) +
                                3 * run_number(line, keys[m][3])) /
                               12;

            assert_true(fabs(all - run_number(line, keys[m][0])) < 1e-12);
        }
        assert_null(json_object_get(line, "eval_real_accuracy"));
    }
    json_decref(lines);
    lines = lines_with(&run, "eval_real_margin");
    assert_int_equal(json_array_size(lines), 3);
    json_decref(lines);
    run_close(&run);
}

/* A rate that spoils what was learnt. */
static void open_worse(test_run *run)
{
    run_open_short(run);
    run->options.learning_rate.value = 0.1;
    run->options.eval_every = 1;
    run->options.max_steps = 11;
    run->options.best = "eval_margin";
    run->options.patience = 2;
}

static void the_best_is_kept_and_patience_ends(void **state)
{
    test_run run;
    char *json;
    json_t *lines, *result;
    const json_t *best, *first;
    double margin, mean;
    size_t step, steps;

    (void)state;
    open_worse(&run);
    assert_ok(run_train(&run, &json, test_err));
    assert_ok(gd_json_parse(&result, json, strlen(json), "result", test_err));
    gd_string_free(json);
    best = json_object_get(result, "best");
    step = (size_t)run_number(best, "step");
    steps = (size_t)run_number(result, "steps");
    assert_int_equal(steps, step + 2);
    assert_string_equal(json_string_value(json_object_get(result, "stopped")),
                        "eval_margin has not improved in 2 evaluations");
    lines = lines_with(&run, "eval_margin");
    assert_int_equal(json_array_size(lines), steps);
    first = line_of(lines, step - 1);
    for (size_t i = 0; i < steps; i++)
        assert_true(run_number(line_of(lines, i), "eval_margin") <= run_number(first, "eval_margin"));
    assert_true(fabs(run_number(best, "value") - run_number(first, "eval_margin")) <= 1e-14);
    run_score(&run, "out/best", &margin, &mean);
    assert_true(margin == run_number(first, "eval_margin"));
    assert_true(mean == run_number(first, "eval_mean_reward"));
    json_decref(lines);
    json_decref(result);
    assert_ok(run_train(&run, &json, test_err)); /* it is over, and says the same of it */
    assert_contains(json, "\"stopped\": \"eval_margin has not improved in 2 evaluations\"");
    gd_string_free(json);
    run_close(&run);
}

/* The smaller loss is the better one. */
static void the_best_loss_is_the_smallest(void **state)
{
    test_run run;
    json_t *lines, *result;
    char *json;
    double least = INFINITY;

    (void)state;
    open_worse(&run);
    run.options.best = "eval_loss";
    run.options.patience = 0;
    assert_ok(run_train(&run, &json, test_err));
    assert_ok(gd_json_parse(&result, json, strlen(json), "result", test_err));
    gd_string_free(json);
    lines = lines_with(&run, "eval_loss");
    assert_int_equal(json_array_size(lines), 11);
    for (size_t i = 0; i < 11; i++)
        least = fmin(least, run_number(line_of(lines, i), "eval_loss"));
    assert_true(fabs(run_number(json_object_get(result, "best"), "value") - least) <= 1e-14);
    assert_true(json_is_null(json_object_get(result, "stopped")));
    json_decref(lines);
    json_decref(result);
    run_close(&run);
}

/* Patience and the best so far are continued, too. */
static void an_interrupted_run_is_as_patient(void **state)
{
    test_run run;

    (void)state;
    open_worse(&run);
    run_into(&run, "good");
    run_output(&run, "out");
    run.stop_after = 1;
    for (gd_status rc = GD_EINTERRUPTED; rc; run.stop_after++) {
        char *json;

        rc = run_train(&run, &json, NULL);
        assert_true(rc == GD_OK || rc == GD_EINTERRUPTED);
        gd_string_free(json);
    }
    run_same(&run, "good", "out");
    run_close(&run);
}

/* ---- the loss ---- */

enum { MARGINS = 6 };

static void write_margins(const test_run *run)
{
    static const char *const margins[MARGINS] = { "0.5", "-1.25", "null", "0", "3", "0.0625" };
    char text[4096];
    size_t used = 0;

    for (size_t i = 0; i < MARGINS; i++)
        used += (size_t)snprintf(text + used, sizeof text - used,
                                 "{\"chosen\":\"It is %zu.\",\"rejected\":\"No, %zu!\",\"more\":%s}\n", i, i * 13,
                                 margins[i]);
    run_write(run, "margins.jsonl", text);
}

static void open_margins(test_run *run)
{
    run_open_short(run);
    write_margins(run);
    run->options.train = run_below(run, "margins.jsonl");
    run->options.eval_count = run->options.eval_every = 0;
    run->options.batch_size = run->options.grad_accum = 1;
    run->options.max_steps = MARGINS;
    run->options.margin_field = "more";
    run->options.center_rewards = (gd_number){ 1, 0.125 };
}

/* One pair a step: its loss follows from its margin and its mean. */
static void margins_and_centring_are_in_the_loss(void **state)
{
    static const double margins[MARGINS] = { 0.5, -1.25, 0, 0, 3, 0.0625 };
    uint32_t order[MARGINS];
    test_run run;
    json_t *lines;

    (void)state;
    open_margins(&run);
    run_into(&run, "out");
    lines = lines_with(&run, "loss");
    assert_int_equal(json_array_size(lines), MARGINS);
    gd_trainer_order(order, MARGINS, 42, 0);
    for (size_t i = 0; i < MARGINS; i++) {
        const json_t *line = line_of(lines, i);
        const double sum = 2 * run_number(line, "mean_reward");
        const double want = log1p(exp(-(run_number(line, "margin") - margins[order[i]]))) + 0.125 * sum * sum;

        if (!(fabs(run_number(line, "loss") - want) <= 1e-12 * want))
            fail_msg("step %zu: loss %.17g, expected %.17g", i + 1, run_number(line, "loss"), want);
    }
    json_decref(lines);
    run_close(&run);
}

/* The first step of a run on these records, all in one micro-batch. */
static json_t *first_step(const char *records, size_t count)
{
    test_run run;
    json_t *lines, *line;

    run_open_short(&run);
    run_write(&run, "data.jsonl", records);
    run.options.train = run_below(&run, "data.jsonl");
    run.options.eval_count = run.options.eval_every = 0;
    run.options.batch_size = count;
    run.options.grad_accum = run.options.max_steps = 1;
    run.options.margin_field = "margin";
    run_into(&run, "out");
    lines = lines_with(&run, "loss");
    line = json_incref(json_array_get(lines, 0));
    json_decref(lines);
    run_close(&run);
    return line;
}

static void same_step(const char *one, const char *pairs, size_t count)
{
    static const char *const keys[] = { "loss", "accuracy", "margin", "min_reward", "max_reward", "grad_norm" };
    json_t *a = first_step(one, 1), *b = first_step(pairs, count);

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const double x = run_number(a, keys[i]), y = run_number(b, keys[i]);

        if (!(fabs(x - y) <= (i < 5 ? 1e-14 : 1e-3) * fabs(y)))
            fail_msg("%s is %.17g, but that of the pairs is %.17g", keys[i], x, y);
    }
    json_decref(a);
    json_decref(b);
}

#define PAIR(chosen, rejected, margin) \
    "{\"prompt\":\"Tea? \",\"chosen\":\"" chosen "\",\"rejected\":\"" rejected "\",\"margin\":" margin "}\n"

static void ranks_and_lists_are_their_pairs(void **state)
{
    (void)state;
    same_step("{\"prompt\":\"Tea? \",\"responses\":[\"No.\",\"Yes, tea.\",\"Now and then\"],\"ranks\":[2,1,2]}\n",
              PAIR("Yes, tea.", "No.", "0") PAIR("Yes, tea.", "Now and then", "0"), 2);
    same_step("{\"prompt\":\"Tea? \",\"responses\":[\"No.\",\"Yes, tea.\",\"Now and then\"],\"ranks\":[9,1,4],"
              "\"margin\":0.5}\n",
              PAIR("Yes, tea.", "No.", "0.5") PAIR("Yes, tea.", "Now and then", "0.5")
                  PAIR("Now and then", "No.", "0.5"),
              3);
    same_step(
        "{\"prompt\":\"Tea? \",\"chosen\":[\"Yes, tea.\",\"Now and then\"],\"rejected\":[\"No.\"],\"margin\":1}\n",
        PAIR("Yes, tea.", "No.", "1") PAIR("Now and then", "No.", "1"), 2);
}

/* ---- where it begins ---- */

static double score_of(const test_run *run, const char *adapter, const char *text)
{
    gd_options options = run->model;
    gd_model *model;
    gd_text one = { text, strlen(text) };
    float score;

    options.adapter = adapter;
    assert_ok(gd_model_open(&model, &options, test_err));
    assert_ok(gd_score(model, 1, &one, &score, NULL, test_err));
    gd_model_close(model);
    return score;
}

/* Steps so small that not even a subnormal value changes: what is written scores as what was read. */
static void same_adapter(test_run *run)
{
    static const char *const texts[] = { "Is tea hot?", "It is.", "No, 7!" };

    run->options.lora_r = 0;
    run->options.learning_rate.value = 1e-300;
    run_into(run, "out");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_true(score_of(run, run->options.init_adapter, texts[i]) == score_of(run, run->output, texts[i]));
}

static void same_golden(const char *model, const char *adapter)
{
    char base[TEST_PATH], init[TEST_PATH];
    test_run run;

    open_margins(&run);
    run.model.model = test_data(base, sizeof base, model);
    run.options.init_adapter = test_data(init, sizeof init, adapter);
    same_adapter(&run);
    run_close(&run);
}

static void add_tensor(char *header, size_t room, size_t *at, const char *name, size_t rows, size_t cols)
{
    const size_t used = strlen(header);

    (void)
        snprintf(header + used, room - used,
                 "%c\"base_model.model.%s.weight\":{\"dtype\":\"F32\",\"shape\":[%zu,%zu],\"data_offsets\":[%zu,%zu]}",
                 used ? ',' : '{', name, rows, cols, *at, *at + 4 * rows * cols);
    *at += 4 * rows * cols;
}

/* Matrices of several ranks and scales. */
static void write_mixed(const test_run *run)
{
    static const struct {
        const char *name;
        size_t rows, cols;
    } tensors[] = {
        { "model.layers.0.self_attn.q_proj.lora_A", 2, 96 },
        { "model.layers.0.self_attn.q_proj.lora_B", 96, 2 },
        { "model.layers.1.self_attn.v_proj.lora_A", 3, 96 },
        { "model.layers.1.self_attn.v_proj.lora_B", 32, 3 },
        { "model.layers.2.self_attn.v_proj.lora_A", 3, 96 },
        { "model.layers.2.self_attn.v_proj.lora_B", 32, 3 },
        { "score", 1, 96 },
    };
    char header[4096] = "";
    size_t at = 0;
    uint64_t len;
    FILE *file;

    assert_int_equal(mkdir(run_below(run, "mixed"), 0700), 0);
    run_write(run, "mixed/adapter_config.json",
              "{\"peft_type\":\"LORA\",\"task_type\":\"SEQ_CLS\",\"r\":3,\"lora_alpha\":7,\"use_rslora\":true,"
              "\"rank_pattern\":{\"q_proj\":2},\"alpha_pattern\":{\"layers.2.self_attn.v_proj\":11},\"target_modules\":"
              "\"model.layers.0.self_attn.q_proj|model.layers.[12].self_attn.v_proj\"}");
    for (size_t i = 0; i < sizeof tensors / sizeof tensors[0]; i++)
        add_tensor(header, sizeof header, &at, tensors[i].name, tensors[i].rows, tensors[i].cols);
    len = strlen(strcat(header, "}"));
    file = fopen(run_below(run, "mixed/adapter_model.safetensors"), "wb");
    assert_non_null(file);
    assert_true(fwrite(&len, 8, 1, file) == 1 && fputs(header, file) >= 0); /* little-endian */
    for (size_t i = 0; i < at / 4; i++) {
        const float value = (float)((int)(i * 37 % 101) - 50) / 300;

        assert_int_equal(fwrite(&value, 4, 1, file), 1);
    }
    assert_int_equal(fclose(file), 0);
}

static void several_ranks_and_scales_stay(void **state)
{
    test_run run;
    gd_adapter *adapter;
    gd_lora q, v1, v2;

    (void)state;
    open_margins(&run);
    write_mixed(&run);
    run.options.init_adapter = run_below(&run, "mixed");
    same_adapter(&run);
    assert_ok(gd_adapter_open(&adapter, run.output, "score.weight", test_err));
    assert_int_equal(gd_adapter_count(adapter), 3);
    assert_true(gd_adapter_find(adapter, "model.layers.0.self_attn.q_proj", &q));
    assert_true(gd_adapter_find(adapter, "model.layers.1.self_attn.v_proj", &v1));
    assert_true(gd_adapter_find(adapter, "model.layers.2.self_attn.v_proj", &v2));
    assert_true(q.rank == 2 && v1.rank == 3 && v2.rank == 3);
    assert_true(q.scale == (float)(7 / sqrt(2)) && v1.scale == (float)(7 / sqrt(3)));
    assert_true(v2.scale == (float)(11 / sqrt(3)));
    gd_adapter_close(adapter);
    run_close(&run);
}

static void what_it_begins_with_is_what_it_ends_with(void **state)
{
    (void)state;
    same_golden("golden/qwen2", "golden/qwen2-lora");
    same_golden("golden/gemma2", "golden/gemma2-lora");
    same_golden("golden/denormals", "golden/denormals-lora"); /* use_rslora */
}

static void targets_may_be_a_pattern(void **state)
{
    gd_adapter *adapter;
    test_run run;
    json_t *lines;
    double margin, mean;

    (void)state;
    run_open_short(&run);
    run.options.lora_targets = ".*layers\\.[02]\\.(self_attn\\.[qv]_proj|mlp\\..*)";
    run_into(&run, "out");
    assert_ok(gd_adapter_open(&adapter, run.output, "score.weight", test_err));
    assert_int_equal(gd_adapter_count(adapter), 2 * (2 + 3));
    assert_int_equal(gd_adapter_note_count(adapter), 0);
    gd_adapter_close(adapter);
    lines = lines_with(&run, "eval_margin");
    run_score(&run, "out", &margin, &mean);
    assert_true(run_number(line_of(lines, 2), "eval_margin") == margin);
    json_decref(lines);
    run_close(&run);
}

static void fp32_is_scored_as_it_was_trained(void **state)
{
    test_run run;
    json_t *lines;
    double margin, mean;

    (void)state;
    run_open_short(&run);
    run.model.precision = "fp32";
    run_into(&run, "out");
    lines = lines_with(&run, "eval_margin");
    run_score(&run, "out", &margin, &mean);
    assert_true(run_number(line_of(lines, 2), "eval_margin") == margin);
    assert_true(run_number(line_of(lines, 2), "eval_mean_reward") == mean);
    json_decref(lines);
    run_close(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_and_groups_have_names_in_the_log),
        cmocka_unit_test(the_best_is_kept_and_patience_ends),
        cmocka_unit_test(the_best_loss_is_the_smallest),
        cmocka_unit_test(an_interrupted_run_is_as_patient),
        cmocka_unit_test(margins_and_centring_are_in_the_loss),
        cmocka_unit_test(ranks_and_lists_are_their_pairs),
        cmocka_unit_test(what_it_begins_with_is_what_it_ends_with),
        cmocka_unit_test(several_ranks_and_scales_stay),
        cmocka_unit_test(targets_may_be_a_pattern),
        cmocka_unit_test(fp32_is_scored_as_it_was_trained),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
