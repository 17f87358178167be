/* test_golden.c - scores and layer outputs of the tiny models, compared with Transformers 5.3 in float64. */
#include "tests/reward/golden.h"

#include "base/mem.h"
#include "quant-free/convert.h"
#include "quant-free/safetensors.h"
#include "reward/model.h"

#include <math.h>

/* fp32: every text is within the bound that the project has set. */
static void check_fp32(const golden *g, const gd_options *options, const double *want, const char *what)
{
    float *scores = golden_scores(options, g);
    double worst = 0;

    for (size_t i = 0; i < g->count; i++) {
        const double size = fmax(1, fabs(want[i])), off = fabs((double)scores[i] - want[i]) / size;

        worst = fmax(worst, off);
        if (!(off <= 3e-5))
            fail_msg("%s fp32 text %zu: %.9g, float64 says %.9g", what, i, (double)scores[i], want[i]);
    }
    print_message("%s fp32: worst error %.2g of 3e-5\n", what, worst);
    free(scores);
}

static void fp32_scores_are_float64s(void **state)
{
    (void)state;
    for (size_t m = 0; m < GOLDEN_MODELS; m++) {
        gd_options options = golden_options(golden_models[m], 0);
        golden g;

        golden_load(&g, golden_models[m]);
        options.precision = "fp32";
        check_fp32(&g, &options, g.f64, golden_models[m]);
        options = golden_options(golden_models[m], 1);
        options.precision = "fp32";
        check_fp32(&g, &options, g.lora_f64, options.adapter);
        golden_free(&g);
    }
}

/* The mean error of scores against `want`, divided by the mean error of Transformers in bf16 on the base model. */
static double error_ratio(const golden *g, const float *scores, const double *want)
{
    double ours = 0, theirs = 0;

    for (size_t i = 0; i < g->count; i++) {
        ours += fabs((double)scores[i] - want[i]);
        theirs += fabs(g->bf16[i] - g->f64[i]);
    }
    return ours / theirs;
}

static void check_bf16(const char *model, int lora, const char *numerics, double most)
{
    gd_options options = golden_options(model, lora);
    float *scores;
    double ratio;
    golden g;

    golden_load(&g, model);
    options.numerics = numerics;
    scores = golden_scores(&options, &g);
    ratio = error_ratio(&g, scores, lora ? g.lora_f64 : g.f64);
    print_message("%s%s bf16, %s: mean error %.2f of that of Transformers on the base model\n", model,
                  lora ? "-lora" : "", numerics, ratio);
    assert_true(ratio > 0 && ratio <= most);
    free(scores);
    golden_free(&g);
}

static void bf16_errs_less_than_transformers(void **state)
{
    (void)state;
    for (size_t m = 0; m < GOLDEN_MODELS; m++)
        check_bf16(golden_models[m], 0, "exact", 0.75);
}

/* With an adapter, in bf16, against float64: no bf16 reference was stored, so the base model's error is the measure. */
static void bf16_adapters_stay_close(void **state)
{
    (void)state;
    for (size_t m = 0; m < GOLDEN_MODELS; m++)
        check_bf16(golden_models[m], 1, "exact", 2);
}

static void tensor_cores_err_less_than_transformers(void **state)
{
    (void)state;
    for (size_t m = 0; m < GOLDEN_MODELS; m++) {
        check_bf16(golden_models[m], 0, "tensor", 0.75);
        check_bf16(golden_models[m], 0, "tensor8", 0.75);
        check_bf16(golden_models[m], 1, "tensor", 2);
    }
}

/* A causal-LM checkpoint (sharded, with an lm_head that is ignored) plus an adapter with a head is the same reward
 * model as the sequence classifier that the head was trained on. */
static void causal_base_with_adapter_is_the_same_model(void **state)
{
    gd_options options = golden_options("qwen2-causal", 1);
    golden g;

    (void)state;
    golden_load(&g, "qwen2");
    options.precision = "fp32";
    check_fp32(&g, &options, g.lora_f64, "qwen2-causal");
    golden_free(&g);
}

static void a_model_without_a_head_is_refused(void **state)
{
    const gd_options options = golden_options("qwen2-causal", 0);
    gd_error err = { 0 };
    gd_model *model;

    (void)state;
    assert_int_equal(gd_model_open(&model, &options, &err), GD_EFORMAT);
    assert_null(model);
    assert_non_null(strstr(err.text, "score.weight is missing: this checkpoint has no reward head"));
}

struct layers {
    gd_st *file;
    size_t last_stage;
    double worst;
};

static void compare_layer(void *context, size_t stage, const gd_tensor *hidden)
{
    struct layers *layers = context;
    const float *have = hidden->data;
    const gd_view *view;
    char name[32];
    float *want;
    size_t skip;

    (void)snprintf(name, sizeof name, "hidden.%zu", stage);
    view = gd_st_find(layers->file, name);
    if (stage == layers->last_stage - 1)
        return; /* Transformers gives the last layer's output after the final norm: see the next stage */
    if (stage == layers->last_stage) {
        (void)snprintf(name, sizeof name, "hidden.%zu", stage - 1);
        view = gd_st_find(layers->file, name);
    }
    assert_non_null(view);
    want = malloc(view->shape[0] * view->shape[1] * sizeof *want);
    gd_view_to_f32(view, want);
    assert_int_equal(view->shape[1], hidden->cols);
    skip = view->shape[0] - hidden->rows; /* the last stage has only the pooled row */
    for (size_t i = 0; i < hidden->rows * hidden->cols; i++) {
        const double w = (double)want[skip * hidden->cols + i], off = fabs((double)have[i] - w) / fmax(1, fabs(w));

        layers->worst = fmax(layers->worst, off);
        if (!(off <= 3e-5))
            fail_msg("stage %zu element %zu: %.9g, float64 says %.9g", stage, i, (double)have[i], w);
    }
    free(want);
}

static void layer_outputs_are_float64s(void **state)
{
    (void)state;
    for (size_t m = 0; m < GOLDEN_MODELS; m++) {
        gd_options options = golden_options(golden_models[m], 0);
        struct layers layers = { 0 };
        char path[512], name[80];
        gd_model *model;
        float score;
        golden g;

        golden_load(&g, golden_models[m]);
        (void)snprintf(name, sizeof name, "golden/%s/expected_hidden_text0.safetensors", golden_models[m]);
        assert_ok(gd_st_open(&layers.file, test_data(path, sizeof path, name), test_err));
        options.precision = "fp32";
        assert_ok(gd_model_open(&model, &options, test_err));
        layers.last_stage = model->plan->stage_count - 1;
        assert_int_equal(layers.last_stage, gd_st_count(layers.file));
        gd_engine_observe(model->engine, compare_layer, &layers);
        assert_ok(gd_score(model, 1, g.texts, &score, NULL, test_err));
        assert_true(layers.worst > 0);
        print_message("%s layers: worst error %.2g of 3e-5\n", golden_models[m], layers.worst);
        gd_model_close(model);
        gd_st_close(layers.file);
        golden_free(&g);
    }
}

/* A vendor's backend is tested if this build and this CPU have it; otherwise the test says why not. */
static void skip_without(const char *backend, gd_dtype operand)
{
    const gd_backend *found;
    gd_error err = { 0 };

    if (gd_backend_find(&found, backend, operand, &err)) {
        print_message("skipped: %s\n", err.text);
        skip();
    }
}

static void openblas_meets_the_same_bound(void **state)
{
    (void)state;
    skip_without("openblas", GD_F32);
    for (size_t m = 0; m < GOLDEN_MODELS; m++) {
        gd_options options = golden_options(golden_models[m], 0);
        golden g;

        golden_load(&g, golden_models[m]);
        options.backend = "openblas";
        options.precision = "fp32";
        check_fp32(&g, &options, g.f64, golden_models[m]);
        golden_free(&g);
    }
}

static void onednn_meets_the_same_bound(void **state)
{
    (void)state;
    skip_without("onednn", GD_BF16);
    for (size_t m = 0; m < GOLDEN_MODELS; m++) {
        gd_options options = golden_options(golden_models[m], 0);
        float *scores, *again;
        double ratio;
        golden g;

        golden_load(&g, golden_models[m]);
        options.backend = "onednn";
        scores = golden_scores(&options, &g);
        again = golden_scores(&options, &g);
        assert_memory_equal(scores, again, g.count * sizeof *scores); /* deterministic from run to run */
        ratio = error_ratio(&g, scores, g.f64);
        print_message("%s onednn: mean error %.2f of Transformers' own\n", golden_models[m], ratio);
        assert_true(ratio <= 0.75);
        free(again);
        free(scores);
        golden_free(&g);
    }
}

static void nothing_leaks(void **state)
{
    (void)state;
    assert_int_equal(gd_mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fp32_scores_are_float64s),
        cmocka_unit_test(layer_outputs_are_float64s),
        cmocka_unit_test(bf16_errs_less_than_transformers),
        cmocka_unit_test(bf16_adapters_stay_close),
        cmocka_unit_test(tensor_cores_err_less_than_transformers),
        cmocka_unit_test(causal_base_with_adapter_is_the_same_model),
        cmocka_unit_test(a_model_without_a_head_is_refused),
        cmocka_unit_test(openblas_meets_the_same_bound),
        cmocka_unit_test(onednn_meets_the_same_bound),
        cmocka_unit_test(nothing_leaks),
    };

    return cmocka_run_group_tests_name("golden", tests, NULL, NULL);
}
