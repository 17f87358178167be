/* test_merge_heads.c - merging models with heads of other names and forms: each stays what it is, or becomes the
 * adapter's, and the merged model has the bits of one whose head is called score.weight. */
#include "tests/reward/edits.h"

#include "guerdon.h"

#include <unistd.h>

enum { HIDDEN = 96 };
static const char text[] = "Tea is hot, and coffee is hotter.";

static float score_of(const char *dir, const char *head)
{
    gd_options options;
    gd_model *model;
    float score;

    gd_options_init(&options);
    options.model = dir;
    options.head = head;
    assert_ok(gd_model_open(&model, &options, test_err));
    assert_ok(gd_score(model, 1, &(gd_text){ text, strlen(text) }, &score, NULL, test_err));
    gd_model_close(model);
    return score;
}

static gd_status merge_with(const char *head, gd_error *err)
{
    gd_options options;

    gd_options_init(&options);
    options.model = m;
    options.adapter = a;
    options.head = head;
    return gd_merge(&options, merged, NULL, err);
}

/* ---- models and adapters ---- */

static void drop_head(const char *dir) { drop_score(dir, "null"); }

/* The adapter's head under another name, with the bias 0.5 if `bias`. */
static void name_head(const char *dir, const char *module, bool bias)
{
    variant_tensors t;
    char name[128], saved[128];

    (void)snprintf(saved, sizeof saved, "{\"task_type\":null,\"modules_to_save\":[\"%s\"]}", module);
    edit_adapter(dir, saved);
    variant_read(&t, dir, "adapter_model.safetensors");
    (void)snprintf(name, sizeof name, "base_model.model.%s.weight", module);
    variant_rename(&t, "base_model.model.score.weight", name);
    (void)snprintf(name, sizeof name, "base_model.model.%s.bias", module);
    if (bias)
        fill(variant_add(&t, name, "BF16", 1, 0, 0), 0x00, 0x3F);
    variant_write(&t, 0, t.count, dir, "adapter_model.safetensors");
    variant_free(&t);
}

static void adapt_v_head(const char *dir) { name_head(dir, "v_head", false); }
static void adapt_summary(const char *dir) { name_head(dir, "v_head.summary", true); }
static void adapt_without_bias(const char *dir) { name_head(dir, "v_head.summary", false); }
static void adapt_score_with_bias(const char *dir) { name_head(dir, "score", true); }
static void adapt_mlp(const char *dir) { name_head(dir, "score.2", true); }

static void write_v_head(const char *dir) { rename_head(dir, "v_head.weight"); }

/* The head with the bias `high` (the upper byte of a bf16), in the model or in a file of its own. */
static void write_bias(const char *dir, unsigned char high, const char *file)
{
    variant_tensors t, own = { .count = 0 }, *to = file ? &own : &t;
    const variant_tensor *head;

    variant_read(&t, dir, "model.safetensors");
    head = &t.list[variant_find(&t, "score.weight")];
    memcpy(variant_add(to, "v_head.summary.weight", "BF16", 1, HIDDEN, 0)->data, head->data, head->bytes);
    fill(variant_add(to, "v_head.summary.bias", "BF16", 1, 0, 0), 0x00, high);
    variant_drop(&t, "score.weight");
    variant_write(&t, 0, t.count, dir, "model.safetensors");
    if (file)
        variant_write(&own, 0, own.count, dir, file);
    variant_free(&own);
    variant_free(&t);
}

static void write_summary(const char *dir) { write_bias(dir, 0x3F, NULL); }
static void write_other_summary(const char *dir) { write_bias(dir, 0x41, NULL); }
static void write_file(const char *dir) { write_bias(dir, 0x3F, "value_head.safetensors"); }
static void write_other_file(const char *dir) { write_bias(dir, 0x41, "value_head.safetensors"); }

static void write_output_layer(const char *dir)
{
    variant_tensors t;
    const variant_tensor *head;

    edit_config(dir, "{\"architectures\":[\"Qwen2ForCausalLM\"]}");
    variant_read(&t, dir, "model.safetensors");
    head = &t.list[variant_find(&t, "score.weight")];
    memcpy(variant_add(&t, "lm_head.weight", "BF16", 1536, HIDDEN, 0)->data, head->data, head->bytes);
    variant_drop(&t, "score.weight");
    variant_write(&t, 0, t.count, dir, "model.safetensors");
    variant_free(&t);
}

static void write_mlp(const char *dir)
{
    variant_tensors t;

    variant_read(&t, dir, "model.safetensors");
    variant_rename(&t, "score.weight", "score.2.weight");
    fill(variant_add(&t, "score.2.bias", "BF16", 1, 0, 0), 0x00, 0x3F);
    fill(variant_add(&t, "score.0.weight", "BF16", HIDDEN, HIDDEN, 0), 0x00, 0x3C);
    fill(variant_add(&t, "score.0.bias", "BF16", HIDDEN, 0, 0), 0x00, 0x3D);
    variant_write(&t, 0, t.count, dir, "model.safetensors");
    variant_free(&t);
}

/* ---- what is written ---- */

static const struct {
    change how;
    const char *head; /* --head */
    bool adapters;    /* the head is the adapter's */
    float bias;
} cases[] = {
    { { "v_head of the base", write_v_head, drop_head }, NULL, false, 0 },
    { { "v_head of the adapter", write_v_head, adapt_v_head }, NULL, true, 0 },
    { { "summary of the base", write_summary, drop_head }, NULL, false, 0.5f },
    { { "summary of the adapter", write_other_summary, adapt_summary }, NULL, true, 0.5f },
    { { "a file of the base", write_file, drop_head }, NULL, false, 0.5f },
    { { "a file that the adapter replaces", write_other_file, adapt_summary }, NULL, true, 0.5f },
    { { "a row of the output layer", write_output_layer, drop_head }, "first_logit", false, 0 },
};

static void scores_are_those_of_score_weight(void **state)
{
    float want[2];

    for (size_t i = 0; i < 2; i++) {
        make_both(*state, &(change){ "plain", NULL, i ? NULL : drop_head });
        assert_ok(merge_with(NULL, test_err));
        want[i] = score_of(merged, NULL);
        assert_int_equal(test_remove(merged), 0);
        remove_both();
    }
    assert_true(want[0] != want[1]);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const float right = want[cases[i].adapters] + cases[i].bias;
        float score;

        make_both(*state, &cases[i].how);
        assert_ok(merge_with(cases[i].head, test_err));
        score = score_of(merged, cases[i].head);
        if (memcmp(&score, &right, sizeof score) != 0)
            fail_msg("%s: the score is %.9g, but %.9g is expected", cases[i].how.id, (double)score, (double)right);
        assert_int_equal(test_remove(merged), 0);
        remove_both();
    }
}

/* The class that knows the head stays, and with it the output layer. */
static void the_class_stays(void **state)
{
    json_t *config;
    variant_tensors t;

    make_both(*state, &(change){ "class", write_output_layer, drop_head });
    assert_ok(merge_with("first_logit", test_err));
    config = json_load_file(in_dir(merged, "config.json"), 0, NULL);
    assert_non_null(config);
    assert_string_equal(json_string_value(json_array_get(json_object_get(config, "architectures"), 0)),
                        "Qwen2ForCausalLM");
    json_decref(config);
    variant_read(&t, merged, "model.safetensors");
    (void)variant_find(&t, "lm_head.weight");
    variant_free(&t);
    assert_int_equal(test_remove(merged), 0);
    remove_both();
}

static void several_linears_stay(void **state)
{
    static const char *const names[] = { "score.0.weight", "score.0.bias", "score.2.weight", "score.2.bias" };
    variant_tensors before, after;

    make_both(*state, &(change){ "mlp", write_mlp, drop_head });
    assert_ok(merge_with(NULL, test_err));
    variant_read(&before, m, "model.safetensors");
    variant_read(&after, merged, "model.safetensors");
    assert_int_equal(before.count, after.count);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const variant_tensor *old = &before.list[variant_find(&before, names[i])];

        assert_memory_equal(old->data, after.list[variant_find(&after, names[i])].data, old->bytes);
    }
    variant_free(&before);
    variant_free(&after);
    (void)score_of(merged, NULL);
    assert_int_equal(test_remove(merged), 0);
    remove_both();
}

/* Where the model keeps a head by which it would be read, the adapter's must be asked for by its name. */
static void a_second_head_is_named(void **state)
{
    static const struct {
        change how;
        const char *want;
    } second[] = {
        { { "score.weight stays", NULL, adapt_summary }, "v_head_summary" },
        { { "mlp stays", write_mlp, adapt_v_head }, "v_head" },
    };

    for (size_t i = 0; i < sizeof second / sizeof second[0]; i++) {
        gd_error err = { GD_OK, "" };

        make_both(*state, &second[i].how);
        assert_int_equal(merge_with(NULL, &err), GD_EUNSUPPORTED);
        assert_contains(err.text,
                        "but the merged model would be read by one that the model has by itself: --head v_head");
        assert_int_equal(merge_with("auto", &err), GD_EUNSUPPORTED);
        assert_int_equal(access(merged, F_OK), -1);
        assert_ok(merge_with(second[i].want, test_err));
        assert_true(score_of(merged, second[i].want) != score_of(merged, NULL));
        assert_int_equal(test_remove(merged), 0);
        remove_both();
    }
}

static void adapters_that_do_not_fit_are_refused(void **state)
{
    static const struct {
        change how;
        const char *head;
        gd_status status;
        const char *sentence;
    } bad[] = {
        { { "mlp", write_mlp, adapt_mlp },
          "mlp",
          GD_EUNSUPPORTED,
          "the adapter changes score.2.weight, but the head mlp is more than one tensor" },
        { { "no bias", write_summary, adapt_without_bias },
          "v_head_summary",
          GD_EFORMAT,
          "the adapter replaces v_head.summary.weight, but has no bias for it: v_head.summary.bias is expected" },
        { { "a bias", NULL, adapt_score_with_bias },
          NULL,
          GD_EUNSUPPORTED,
          "the tensor base_model.model.score.bias is the bias of a head, but the model's head has none" },
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        gd_error err = { GD_OK, "" };
        gd_options options;
        gd_model *model;

        make_both(*state, &bad[i].how);
        assert_int_equal(merge_with(bad[i].head, &err), bad[i].status);
        assert_contains(err.text, bad[i].sentence);
        assert_int_equal(access(merged, F_OK), -1);
        gd_options_init(&options);
        options.model = m;
        options.adapter = a;
        options.head = bad[i].head;
        assert_int_equal(gd_model_open(&model, &options, &err), bad[i].status);
        assert_contains(err.text, bad[i].sentence);
        remove_both();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_those_of_score_weight),
        cmocka_unit_test(the_class_stays),
        cmocka_unit_test(several_linears_stay),
        cmocka_unit_test(adapters_that_do_not_fit_are_refused),
        cmocka_unit_test(a_second_head_is_named),
    };

    return cmocka_run_group_tests(tests, dir_setup, dir_teardown);
}
