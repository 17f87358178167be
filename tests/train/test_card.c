/* test_card.c - gd_train_card(): the model card of a training run, whatever is in its logs. */
#include "tests/check.h"
#include "tests/train/training.h"

#include "base/mem.h"
#include "base/yaml.h"
#include "train/card.h"
#include "train/curve.h"

#include <math.h>

static char *card_of(const training *t)
{
    char *card;

    assert_ok(gd_train_card(&card, t->run, t->log, t->times, test_err));
    assert_null(strstr(card, "nan"));
    assert_null(strstr(card, " inf"));
    return card;
}

static char *card_and_free(training *t)
{
    char *card = card_of(t);

    training_free(t);
    return card;
}

/* The metadata: between the first two lines "---". */
static gd_yaml *metadata_of(const char *card)
{
    const char *end = strstr(card + 4, "\n---\n\n");
    gd_yaml *doc;

    assert_int_equal(strncmp(card, "---\n", 4), 0);
    assert_non_null(end);
    assert_ok(gd_yaml_parse(&doc, card + 4, (size_t)(end + 1 - card - 4), "README.md", test_err));
    return doc;
}

static const char *metadata_text(const gd_yaml *doc, const char *key)
{
    const gd_yaml_node *node = gd_yaml_get(gd_yaml_root(doc), key);

    return node ? node->text : NULL;
}

static void the_hub_reads_the_metadata(void **state)
{
    training t = training_begun(128, 128);
    char *card = card_and_free(&t);
    gd_yaml *doc = metadata_of(card);
    const gd_yaml_node *tags = gd_yaml_get(gd_yaml_root(doc), "tags");

    (void)state;
    assert_string_equal(metadata_text(doc, "base_model"), "HuggingFaceTB/SmolLM2-135M");
    assert_string_equal(metadata_text(doc, "library_name"), "peft");
    assert_string_equal(metadata_text(doc, "pipeline_tag"), "text-classification");
    assert_true(tags && tags->kind == GD_YAML_LIST && tags->count == 3);
    assert_string_equal(tags->child->text, "reward-model");
    assert_null(strstr(card, "reward-trainer")); /* by which others, and guerdon inspect, know TRL's */
    gd_yaml_free(doc);
    gd_string_free(card);
}

/* Of a run in which every weight learnt. */
static void a_whole_model_is_no_adapter(void **state)
{
    training t = training_begun(128, 128);
    json_t *settings = json_object_get(t.run, "settings");
    gd_yaml *doc;
    char *card;

    (void)state;
    assert_int_equal(json_object_del(settings, "lora_r") | json_object_del(settings, "lora_alpha") |
                         json_object_del(settings, "lora_targets"),
                     0);
    assert_int_equal(json_object_set_new(settings, "full", json_true()), 0);
    card = card_and_free(&t);
    doc = metadata_of(card);
    assert_string_equal(metadata_text(doc, "library_name"), "transformers");
    assert_int_equal(gd_yaml_get(gd_yaml_root(doc), "tags")->count, 2);
    assert_contains(card, "This folder has a whole model: all ");
    assert_contains(card, "guerdon score --model MODEL --input pairs.jsonl");
    assert_contains(card, "AutoModelForSequenceClassification.from_pretrained(\"MODEL\", dtype=torch.float32)");
    assert_null(strstr(card, "LoRA"));
    assert_null(strstr(card, "peft"));
    assert_null(strstr(card, "dapter ")); /* "guerdon-adapter.json" says how texts become tokens */
    gd_yaml_free(doc);
    gd_string_free(card);
}

/* The Hub refuses a card whose base is not one of its models. */
static void only_a_model_of_the_hub_is_the_base(void **state)
{
    static const struct {
        const char *name;
        bool hub;
    } cases[] = {
        { "gpt2", true },
        { "1e5", true },
        { "org/name-1.5_b", true },
        { "/home/me/model", false },
        { "./model", false },
        { "a/b/c", false },
        { "org/", false },
        { "/name", false },
        { "org/.name", false },
        { "", false },
        { "a b", false },
        { "a\"b", false },
        { "a: b\n- c", false },
        { "a'b", false },
        { "-x", false },
        { "\xc3\xa4/b", false },
        { "org/na\x7fme", false },
        { "a\n---\nb", false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        training t = training_begun(3, 128);
        gd_yaml *doc;
        char *card;

        json_object_set_new(t.run, "base", json_string(cases[i].name));
        card = card_and_free(&t);
        doc = metadata_of(card);
        if (cases[i].hub)
            assert_string_equal(metadata_text(doc, "base_model"), cases[i].name);
        else
            assert_null(metadata_text(doc, "base_model"));
        gd_yaml_free(doc);
        gd_string_free(card);
    }
}

static void assert_has(const char *card, const char *const *wanted)
{
    for (; *wanted; wanted++)
        if (!strstr(card, *wanted))
            fail_msg("the card lacks %s:\n%s", *wanted, card);
}

static void the_card_has_the_figures(void **state)
{
    static const char *const wanted[] = {
        "# A reward model on HuggingFaceTB/SmolLM2-135M\n",
        "(rank 32, alpha 64, on all linear layers)",
        "9,773,056 parameters",
        "Guerdon 0.2.0",
        "guerdon score --model HuggingFaceTB/SmolLM2-135M --adapter ADAPTER --input pairs.jsonl\n",
        "AutoPeftModelForSequenceClassification.from_pretrained(\n    \"ADAPTER\", num_labels=1, dtype=torch.float32)",
        "compare with `guerdon score --precision fp32`",
        "| evaluation | 200 | 65.0 % | 58.5 to 71.5 % | 0.4567 | 0.6123 | 50 % | 53.1 % | 46.9 % |\n",
        "| hard | 50 | 46.0 % |",
        "| hard\\_kind=math | \xe2\x80\x93 | 43.2 % |  | \xe2\x80\x93 |",
        "| files | pairs.jsonl.gz |\n",
        "| left out: a text is too long | 8 |\n",
        "| pairs | 1,990 |\n",
        "| longest text, in tokens | 511 |\n",
        "| learning\\_rate | 1e-5 |\n",
        "| margin\\_field | none |\n",
        "\nmargin    0.014 \xe2\x96\x81", /* the mean of the first of 21 parts, the lowest */
        "\xe2\x96\x88 0.488\n",
        "The steps took 4 min 16 s.",
        "Of the records of the set hard, 1,234 share a text with the training data",
        NULL,
    };
    training t = training_begun(128, 128);
    char *card = card_and_free(&t);

    (void)state;
    assert_has(card, wanted);
    assert_null(strstr(card, "eos_token"));
    assert_null(strstr(card, "stopped early"));
    gd_string_free(card);
}

static void the_card_says_what_was_different(void **state)
{
    static const char *const wanted[] = { "text = \"PROMPT\" + \"ANSWER\" + tokenizer.eos_token\n",
                                          "after step 20 of 128: no better for 3 evaluations\n",
                                          "It was not evaluated on held-out data.",
                                          "# A reward model on llama\n",
                                          "score --model /home/me/llama --adapter",
                                          "on the modules q\\_proj, v\\_proj)",
                                          NULL };
    training t = training_begun(20, 128);
    json_t *settings = json_object_get(t.run, "settings");
    char *card;

    (void)state;
    json_object_del(t.run, "evals");
    json_object_set_new(t.run, "base", json_string("/home/me/llama"));
    json_object_set_new(t.run, "stopped", json_string("no better for 3 evaluations"));
    json_object_set_new(settings, "add_eos", json_string("auto"));
    json_object_set_new(settings, "lora_targets", json_pack("[s,s]", "q_proj", "v_proj"));
    card = card_and_free(&t);
    assert_has(card, wanted);
    gd_string_free(card);
}

/* A name stays what it is in a table, in a shell, and in a block of code. */
static void names_are_quoted(void **state)
{
    static const char *const wanted[] = {
        "--model 'it'\\''s | `a` ``` $(b) \"c\" <d>' --adapter",
        "# A reward model on it's \\| \\`a\\` \\`\\`\\` \\$(b) \"c\" &lt;d\\>\n",
        "| files | a \\| b, c d |\n",
        "| x\\|y | \\*z\\* |\n",
        "| \\[k\\](l) | \xe2\x80\x93 | 50.0 % |",
        NULL,
    };
    training t = training_begun(128, 128);
    json_t *settings = json_object_get(t.run, "settings");
    char *card;

    (void)state;
    json_object_set_new(t.run, "base", json_string("it's | `a`\n``` $(b) \"c\" <d>"));
    json_object_set_new(t.run, "train", json_pack("[s,s]", "a | b", "c\nd"));
    json_object_set_new(settings, "x|y", json_string("*z*"));
    json_array_append_new(t.log, json_pack("{s:f,s:i}", "eval_[k](l)_accuracy", 0.5, "step", 128));
    card = card_and_free(&t);
    assert_has(card, wanted);
    gd_string_free(card);
}

static void any_log_makes_a_card(void **state)
{
    (void)state;
    for (size_t i = 0; training_odd[i]; i++) {
        training t = training_of(training_odd[i]);
        char *card = card_and_free(&t);

        gd_yaml_free(metadata_of(card));
        gd_string_free(card);
    }
}

static void any_allocation_may_fail(void **state)
{
    training t = training_begun(128, 128);
    char *card = NULL;
    uint64_t n;

    (void)state;
    for (n = 1; !card && n < 10000; n++) {
        const uint64_t live = gd_mem_live();
        gd_error err = { 0 };
        gd_status rc;

        gd_mem_fail_from(n);
        rc = gd_train_card(&card, t.run, t.log, t.times, &err);
        gd_mem_fail_from(0);
        assert_true(rc == (card ? GD_OK : GD_ENOMEM) && err.status == rc);
        assert_true(card || gd_mem_live() == live);
    }
    assert_true(n > 10);
    gd_string_free(card);
    training_free(&t);
}

/* ---- curves ---- */

static gd_curve curve_of(size_t count)
{
    json_t *list = json_array();
    gd_curve curve;

    for (size_t i = 0; i < count; i++)
        json_array_append_new(list,
                              json_pack("{s:i,s:f}", "step", (int)i, "y", i == count / 3 ? 50.0 : (double)(i % 7)));
    assert_true(gd_curve_read(&curve, list, "y"));
    json_decref(list);
    return curve;
}

static void a_thin_curve_keeps_its_peaks(void **state)
{
    gd_curve curve = curve_of(1000);
    double highest = 0;

    (void)state;
    gd_curve_thin(&curve, 40);
    assert_true(curve.count <= 40 && curve.count > 20);
    for (size_t i = 0; i < curve.count; i++) {
        highest = fmax(highest, curve.y[i]);
        assert_true(i == 0 || curve.x[i] > curve.x[i - 1]);
        assert_true(curve.y[i] == 50 || curve.y[i] == (double)((size_t)curve.x[i] % 7));
    }
    assert_true(highest == 50);
    gd_curve_free(&curve);
}

static void means_are_those_of_the_points_around(void **state)
{
    gd_curve curve = curve_of(9), smooth, means; /* 0 1 2 50 4 5 6 0 1 */

    (void)state;
    assert_true(gd_curve_smooth(&smooth, &curve, 2));
    assert_int_equal(smooth.count, 9);
    assert_true(smooth.y[0] == 1 && fabs(smooth.y[2] - 57.0 / 5) < 1e-12 && fabs(smooth.y[8] - 7.0 / 3) < 1e-12);
    assert_true(gd_curve_means(&means, &curve, 3));
    assert_int_equal(means.count, 3);
    assert_true(means.y[0] == 1 && fabs(means.y[1] - 59.0 / 3) < 1e-12 && fabs(means.y[2] - 7.0 / 3) < 1e-12);
    assert_true(gd_curve_last(&curve, 2) == 0.5 && fabs(gd_curve_last(&curve, 100) - 69.0 / 9) < 1e-12);
    gd_curve_free(&means);
    gd_curve_free(&smooth);
    gd_curve_free(&curve);
    assert_true(isnan(gd_curve_last(&curve, 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hub_reads_the_metadata),
        cmocka_unit_test(a_whole_model_is_no_adapter),
        cmocka_unit_test(only_a_model_of_the_hub_is_the_base),
        cmocka_unit_test(the_card_has_the_figures),
        cmocka_unit_test(the_card_says_what_was_different),
        cmocka_unit_test(names_are_quoted),
        cmocka_unit_test(any_log_makes_a_card),
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(a_thin_curve_keeps_its_peaks),
        cmocka_unit_test(means_are_those_of_the_points_around),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
