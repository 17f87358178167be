/* test_run_heads.c - training with heads of other names and forms: what learns, and that it is scored as it was
 * trained. */
#include "base/mem.h"
#include "tests/reward/edits.h"
#include "tests/train/runs.h"

#include "quant-free/safetensors.h"

enum { HIDDEN = 96 };

/* A head over golden/qwen2. */
struct head {
    const char *option;          /* --head, or NULL */
    void (*write)(const char *); /* into the model's directory */
    const char *learns[2];       /* the tensors of the adapter that are the head's */
    const char *saved, *task;    /* in adapter_config.json */
};

static void write_value_head(const char *dir) { rename_head(dir, "value_head.weight"); }

static void add_bias(variant_tensors *t, const char *name) { fill(variant_add(t, name, "BF16", 1, 0, 0), 0x00, 0x3F); }

static void write_summary(const char *dir)
{
    variant_tensors t;

    variant_read(&t, dir, "model.safetensors");
    variant_rename(&t, "score.weight", "v_head.summary.weight");
    add_bias(&t, "v_head.summary.bias");
    variant_write(&t, 0, t.count, dir, "model.safetensors");
    variant_free(&t);
}

/* The same in a file of its own. */
static void write_summary_file(const char *dir)
{
    variant_tensors t, own = { .count = 0 };
    size_t at;

    variant_read(&t, dir, "model.safetensors");
    at = variant_find(&t, "score.weight");
    memcpy(variant_add(&own, "v_head.summary.weight", "BF16", 1, HIDDEN, 0)->data, t.list[at].data, t.list[at].bytes);
    add_bias(&own, "v_head.summary.bias");
    variant_drop(&t, "score.weight");
    variant_write(&t, 0, t.count, dir, "model.safetensors");
    variant_write(&own, 0, own.count, dir, "value_head.safetensors");
    variant_free(&t);
    variant_free(&own);
}

/* Its first linear is twice the identity. */
static void write_mlp(const char *dir)
{
    variant_tensors t;
    unsigned char *first;

    variant_read(&t, dir, "model.safetensors");
    variant_rename(&t, "score.weight", "score.2.weight");
    add_bias(&t, "score.2.bias");
    first = variant_add(&t, "score.0.weight", "BF16", HIDDEN, HIDDEN, 0)->data;
    for (size_t i = 0; i < HIDDEN; i++)
        first[2 * i * (HIDDEN + 1) + 1] = 0x40;
    fill(variant_add(&t, "score.0.bias", "BF16", HIDDEN, 0, 0), 0x00, 0x3F);
    variant_write(&t, 0, t.count, dir, "model.safetensors");
    variant_free(&t);
}

static void write_output_layer(const char *dir)
{
    variant_tensors t;
    size_t at;

    variant_read(&t, dir, "model.safetensors");
    at = variant_find(&t, "score.weight");
    memcpy(variant_add(&t, "lm_head.weight", "BF16", 1536, HIDDEN, 0)->data, t.list[at].data, t.list[at].bytes);
    variant_drop(&t, "score.weight");
    variant_write(&t, 0, t.count, dir, "model.safetensors");
    variant_free(&t);
}

static const struct head heads[] = {
    { NULL, write_value_head, { "value_head.weight" }, "[\"value_head\"]", "null" },
    { NULL, write_summary, { "v_head.summary.weight", "v_head.summary.bias" }, "[\"v_head.summary\"]", "null" },
    { NULL, write_summary_file, { "v_head.summary.weight", "v_head.summary.bias" }, "[\"v_head.summary\"]", "null" },
    { NULL, write_mlp, { NULL }, "null", "null" },
    { "first_logit", write_output_layer, { NULL }, "null", "null" },
};

static void open_head(test_run *run, const struct head *head)
{
    static char model[2 * TEST_PATH];

    run_open_short(run);
    (void)snprintf(model, sizeof model, "%s/model", run->root);
    assert_int_equal(mkdir(model, 0777), 0);
    variant_link(model, "qwen2");
    head->write(model);
    run->model.model = model;
    run->model.head = head->option;
}

/* ---- what is written ---- */

static bool is_of_head(const struct head *head, const char *tensor)
{
    for (size_t i = 0; i < 2; i++)
        if (head->learns[i] && !strcmp(tensor + strlen("base_model.model."), head->learns[i]))
            return true;
    return false;
}

static void check_adapter(const test_run *run, const struct head *head)
{
    json_t *config = json_load_file(run_below(run, "out/adapter_config.json"), 0, NULL), *saved, *task;
    size_t found = 0;
    gd_st *st;

    assert_non_null(config);
    saved = json_loads(head->saved, JSON_DECODE_ANY, NULL);
    task = json_loads(head->task, JSON_DECODE_ANY, NULL);
    assert_true(json_equal(json_object_get(config, "modules_to_save"), saved));
    assert_true(json_equal(json_object_get(config, "task_type"), task));
    json_decref(saved);
    json_decref(task);
    json_decref(config);
    assert_ok(gd_st_open(&st, run_below(run, "out/adapter_model.safetensors"), test_err));
    for (size_t i = 0; i < gd_st_count(st); i++) {
        const char *name = gd_st_at(st, i)->name;

        assert_true(strstr(name, ".lora_") || is_of_head(head, name));
        found += !strstr(name, ".lora_");
    }
    assert_int_equal(found, (head->learns[0] != NULL) + (head->learns[1] != NULL));
    gd_st_close(st);
}

static void check_scores(const test_run *run, const char *result)
{
    json_t *log = run_log(run);
    const json_t *last = json_array_get(log, json_array_size(log) - 1);
    double margin, mean;

    run_score(run, result, &margin, &mean);
    assert_true(run_number(last, "eval_margin") == margin);
    assert_true(run_number(last, "eval_mean_reward") == mean);
    json_decref(log);
}

static void what_is_trained_is_what_is_scored(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        test_run run;

        open_head(&run, &heads[i]);
        run_into(&run, "out");
        check_adapter(&run, &heads[i]);
        check_scores(&run, "out");
        run_close(&run);
    }
}

/* A bias learns, too. */
static void a_bias_learns(void **state)
{
    test_run run;
    const gd_view *bias;
    float value;
    gd_st *st;

    (void)state;
    open_head(&run, &heads[1]);
    run.options.center_rewards = (gd_number){ 1, 0.01 };
    run_into(&run, "out");
    assert_ok(gd_st_open(&st, run_below(&run, "out/adapter_model.safetensors"), test_err));
    assert_ok(gd_st_need(&bias, st, "base_model.model.v_head.summary.bias", test_err));
    memcpy(&value, bias->data, sizeof value);
    assert_true(value != 0.5f && value > 0.45f && value < 0.55f);
    gd_st_close(st);
    run_close(&run);
}

static void an_interrupted_run_has_the_same_bits(void **state)
{
    (void)state;
    for (size_t i = 1; i < 4; i += 2) {
        gd_error err = { 0 };
        test_run run;
        char *json;

        open_head(&run, &heads[i]);
        run_into(&run, "out");
        run_output(&run, "stopped");
        run.stop_after = 3;
        assert_int_equal(run_train(&run, &json, &err), GD_EINTERRUPTED);
        run.stop_after = 0;
        assert_ok(run_train(&run, &json, test_err));
        gd_string_free(json);
        run_same(&run, "out", "stopped");
        run_close(&run);
    }
}

/* In a first step, whose rate is 0, an adapter to begin with comes out as it went in. */
static void training_goes_on_with_the_head(void **state)
{
    test_run run;
    char init[RUN_PATH];

    (void)state;
    open_head(&run, &heads[1]);
    run_into(&run, "out");
    (void)snprintf(init, sizeof init, "%s", run_below(&run, "out"));
    run.options.init_adapter = init;
    run.options.lora_r = 0;
    run.options.max_steps = 1;
    run.options.warmup_steps = (gd_number){ 1, 1 };
    run_output(&run, "more");
    run_into(&run, "more");
    run_same_file(&run, "out", "more", "adapter_model.safetensors");
    run_close(&run);
}

/* A base without the head that is asked for: it is drawn, and found in the adapter. */
static void a_head_may_be_new(void **state)
{
    static const struct head fresh = { "value_head",
                                       write_summary,
                                       { "value_head.weight" },
                                       "[\"value_head\"]",
                                       "null" };
    test_run run;

    (void)state;
    open_head(&run, &fresh);
    run_into(&run, "out");
    check_adapter(&run, &fresh);
    run.model.head = NULL;
    check_scores(&run, "out");
    run_close(&run);
}

static void every_weight_of_a_head_learns(void **state)
{
    (void)state;
    for (size_t i = 1; i < 4; i++) {
        test_run run;
        json_t *config;

        open_head(&run, &heads[i]);
        run.options.full = 1;
        run.options.lora_r = 0;
        run.options.max_steps = 2;
        run_into(&run, "out");
        check_scores(&run, "out");
        config = json_load_file(run_below(&run, "out/config.json"), 0, NULL);
        assert_string_equal(json_string_value(json_array_get(json_object_get(config, "architectures"), 0)),
                            "Qwen2ForSequenceClassification");
        json_decref(config);
        run_close(&run);
    }
}

/* ---- what is refused ---- */

static void shorten_bias(const char *dir)
{
    variant_tensors t;

    write_summary(dir);
    variant_read(&t, dir, "model.safetensors");
    variant_drop(&t, "v_head.summary.bias");
    (void)variant_add(&t, "v_head.summary.bias", "BF16", 2, 0, 0);
    variant_write(&t, 0, t.count, dir, "model.safetensors");
    variant_free(&t);
}

static void drop_bias(const char *dir)
{
    variant_tensors t;

    write_summary(dir);
    variant_read(&t, dir, "model.safetensors");
    variant_drop(&t, "v_head.summary.bias");
    variant_write(&t, 0, t.count, dir, "model.safetensors");
    variant_free(&t);
}

static void heads_that_do_not_fit_are_refused(void **state)
{
    static const struct {
        struct head head;
        bool full;
        gd_status status;
        const char *sentence;
    } cases[] = {
        { { "v_head_summary", shorten_bias, { NULL }, NULL, NULL },
          false,
          GD_EUNSUPPORTED,
          "the head's bias v_head.summary.bias has the shape [2], but [1] is expected" },
        { { "v_head_summary", drop_bias, { NULL }, NULL, NULL },
          false,
          GD_EFORMAT,
          "the head's bias v_head.summary.bias is missing" },
        { { "first_logit", write_output_layer, { NULL }, NULL, NULL },
          true,
          GD_EUNSUPPORTED,
          "the head first_logit is made of rows of lm_head.weight or of other numbers, so it can't learn as every "
          "weight does" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        test_run run;

        open_head(&run, &cases[i].head);
        if (cases[i].full) {
            run.options.full = 1;
            run.options.lora_r = 0;
        }
        run_refuse(&run, cases[i].sentence, cases[i].status, cases[i].sentence);
        run_close(&run);
    }
}

/* In bf16, the gate's operands would have to be rounded. */
static void operations_without_gradients_are_refused(void **state)
{
    static const struct {
        const char *node, *sentence;
    } cases[] = {
        { "{op: gated, in: [a, b], act: silu, out: c}",
          "the head odd reads the inputs of a gated in a way whose gradient is not supported" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char file[RUN_PATH], yaml[1024];
        test_run run;

        (void)snprintf(yaml, sizeof yaml,
                       "format: guerdon-head/1\nname: odd\nnodes:\n"
                       "  - {op: linear, in: [pooled], w: [score.0.weight], out: a, size: hidden}\n"
                       "  - {op: linear, in: [pooled], w: [score.0.weight], out: b, size: hidden}\n"
                       "  - %s\n"
                       "  - {op: linear, in: [c], w: [score.2.weight], out: score, size: 1}\n",
                       cases[i].node);
        open_head(&run, &heads[3]);
        run_write(&run, "odd.yaml", yaml);
        (void)snprintf(file, sizeof file, "%s", run_below(&run, "odd.yaml"));
        run.model.head = file;
        run_refuse(&run, "odd", GD_EUNSUPPORTED, cases[i].sentence);
        run_close(&run);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_trained_is_what_is_scored),
        cmocka_unit_test(a_bias_learns),
        cmocka_unit_test(an_interrupted_run_has_the_same_bits),
        cmocka_unit_test(training_goes_on_with_the_head),
        cmocka_unit_test(a_head_may_be_new),
        cmocka_unit_test(every_weight_of_a_head_learns),
        cmocka_unit_test(heads_that_do_not_fit_are_refused),
        cmocka_unit_test(operations_without_gradients_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
