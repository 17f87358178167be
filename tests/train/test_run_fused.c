/* test_run_fused.c - whole runs with fused projections: the adapter has PEFT's modules, and is scored as it was
 * trained. */
#include "base/mem.h"
#include "tests/quant-free/files.h"
#include "tests/reward/fused.h"
#include "tests/reward/variant.h"
#include "tests/train/runs.h"

#include "quant-free/safetensors.h"

#include <sys/stat.h>

static const struct fused {
    void (*write)(const char *dir);
    const char *targets, *module; /* target_modules, and a fused one of them */
    size_t rows;
} models[] = {
    { fused_phi3, "[\"qkv_proj\",\"o_proj\",\"gate_up_proj\",\"down_proj\"]", "model.layers.1.self_attn.qkv_proj",
      160 },
    { fused_internlm2, "[\"wqkv\",\"wo\",\"w1\",\"w3\",\"w2\"]", "model.layers.1.attention.wqkv", 160 },
};

static void open_fused(test_run *run, const struct fused *how)
{
    static char model[2 * TEST_PATH];

    run_open_short(run);
    (void)snprintf(model, sizeof model, "%s/model", run->root);
    assert_int_equal(mkdir(model, 0777), 0);
    variant_link(model, "llama");
    how->write(model);
    run->model.model = model;
}

static void check_modules(const test_run *run, const struct fused *how)
{
    json_t *config = json_load_file(run_below(run, "out/adapter_config.json"), 0, NULL), *want;
    const gd_view *a, *b;
    char name[160];
    gd_st *st;

    want = json_loads(how->targets, 0, NULL);
    assert_true(config && want && json_equal(json_object_get(config, "target_modules"), want));
    json_decref(config);
    json_decref(want);
    assert_ok(gd_st_open(&st, run_below(run, "out/adapter_model.safetensors"), test_err));
    (void)snprintf(name, sizeof name, "base_model.model.%s.lora_A.weight", how->module);
    assert_ok(gd_st_need(&a, st, name, test_err));
    (void)snprintf(name, sizeof name, "base_model.model.%s.lora_B.weight", how->module);
    assert_ok(gd_st_need(&b, st, name, test_err));
    assert_true(a->shape[0] == 4 && a->shape[1] == 96 && b->shape[0] == how->rows && b->shape[1] == 4);
    gd_st_close(st);
}

static void what_is_trained_is_what_is_scored(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        test_run run;
        json_t *log;
        const json_t *last;
        double margin, mean;

        open_fused(&run, &models[i]);
        run_into(&run, "out");
        check_modules(&run, &models[i]);
        log = run_log(&run);
        last = json_array_get(log, json_array_size(log) - 1);
        run_score(&run, "out", &margin, &mean);
        assert_true(run_number(last, "eval_margin") == margin);
        assert_true(run_number(last, "eval_mean_reward") == mean);
        json_decref(log);
        run_close(&run);
    }
}

/* Tiles of other heights, layers that are kept or not, and an interruption. */
static void nothing_else_changes_a_bit(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        gd_error err = { 0 };
        test_run run;
        char *json;

        open_fused(&run, &models[i]);
        run_into(&run, "out");
        run_output(&run, "other");
        run.model.threads = 3;
        run.model.isa = "avx2";
        run.options.checkpoint_layers = "on";
        run.stop_after = 3;
        if (run_train(&run, &json, &err) == GD_EUSAGE) { /* the machine has no AVX2 */
            run.model.isa = NULL;
            assert_int_equal(run_train(&run, &json, &err), GD_EINTERRUPTED);
        }
        run.stop_after = 0;
        run.options.checkpoint_layers = "off";
        assert_ok(run_train(&run, &json, test_err));
        gd_string_free(json);
        run_same(&run, "out", "other");
        run_close(&run);
    }
}

/* In a first step, whose rate is 0. */
static void training_goes_on_with_all_of_it(void **state)
{
    char init[RUN_PATH];
    test_run run;

    (void)state;
    open_fused(&run, &models[0]);
    run_into(&run, "out");
    (void)snprintf(init, sizeof init, "%s", run_below(&run, "out"));
    run.options.init_adapter = init;
    run.options.lora_r = 0;
    run.options.max_steps = 1;
    run.options.warmup_steps = (gd_number){ 1, 1 };
    run_output(&run, "more");
    run_into(&run, "more");
    run_same_file(&run, "out", "more", "adapter_model.safetensors");
    run_same_file(&run, "out", "more", "adapter_config.json");
    run_close(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_trained_is_what_is_scored),
        cmocka_unit_test(nothing_else_changes_a_bit),
        cmocka_unit_test(training_goes_on_with_all_of_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
