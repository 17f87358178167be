/* test_train_page.c - gd_train_page(): makes a page of a training run, whatever is in its logs. */
#include "tests/markup.h"
#include "tests/train/training.h"

#include "base/mem.h"
#include "train/outcome.h"
#include "train/train_page.h"

#include <math.h>

enum { PAGE_MOST = 300000 };

static char *page_of(const training *t)
{
    char *page;

    assert_ok(gd_train_page(&page, t->run, t->log, t->times, test_err));
    assert_markup(page);
    assert_int_equal(markup_count(page, "<script"), 0);
    assert_int_equal(markup_count(page, "http:"), 0); /* the page refers to no other file */
    assert_int_equal(markup_count(page, "https:"), 0);
    assert_null(strstr(page, "nan"));
    assert_null(strstr(page, "inf\""));
    return page;
}

/* Makes the page of a run and frees the run. */
static char *page_and_free(training *t)
{
    char *page = page_of(t);

    training_free(t);
    return page;
}

static void assert_has(const char *page, const char *const *wanted)
{
    for (; *wanted; wanted++)
        if (!strstr(page, *wanted))
            fail_msg("the page lacks %s", *wanted);
}

static void a_run_that_is_done(void **state)
{
    static const char *const wanted[] = {
        "<title>Training HuggingFaceTB/SmolLM2-135M: done</title>", "on pairs.jsonl.gz, by guerdon 0.2.0",
        /* the last evaluations; 0.65 of 200 pairs: the interval of gd_bootstrap_share() */
        "<td>evaluation</td><td>128</td><td>200</td><td>0.6500</td><td>0.5850</td><td>0.7150</td><td>0.4567</td>"
        "<td>0.6123</td><td>0.5310</td><td>0.4690</td>",
        "<td>hard</td><td>128</td><td>50</td><td>0.4600</td>", "<td>-0.0789</td>",
        "<td>hard_kind=math</td><td>128</td><td></td><td>0.4321</td><td></td><td></td>",
        /* tiles: 0.65, 128 steps of 2 seconds with 16 pairs */
        "<b>65.0\xc2\xa0%</b><span>95\xc2\xa0%: 58.5\xe2\x80\x93"
        "71.5</span>",
        "<b>4 min 16 s</b>", "<b>8.00</b>", "<b>128</b><span>of 128, epoch 1.00</span>",
        /* data and settings */
        "<th>Left out: a text is too long</th><td>8</td>", "50 pairs; 1234 records share a text with the training data",
        "<th>lora_alpha</th><td>64</td>", "<th>base</th><td>HuggingFaceTB/SmolLM2-135M</td>",
        "<th>learning_rate</th><td>1e-5</td>", "<th>margin_field</th><td>none</td>",
        "<th>lora_targets</th><td>all-linear</td>", "<th>parameters that learn</th><td>9773056</td>",
        "<td>55.2\xc2\xa0%</td>",
        /* charts: the baseline, the learning rate without prefixes of units, a quarter of the rows is shared */
        "always the shorter", "Learning rate, in units of 1e-6", "clipped from here", ": 0.2500</title>", NULL
    };
    training t = training_begun(128, 128);
    char *page = page_and_free(&t);

    (void)state;
    assert_has(page, wanted);
    assert_null(strstr(page, "http-equiv"));
    assert_null(strstr(page, "Left out: no text is better"));
    assert_int_equal(markup_count(page, "<svg"), 8);
    assert_int_equal(markup_count(page, "</title></circle>") > 100, 1);
    gd_string_free(page);
}

static void a_run_goes_on(void **state)
{
    training t = training_begun(64, 128);
    char *page = page_and_free(&t);

    (void)state;
    assert_non_null(strstr(page, "<meta http-equiv=\"refresh\" content=\"10\">"));
    assert_non_null(strstr(page, ": step 64 of 128</title>"));
    assert_non_null(strstr(page, "<progress max=\"1\" value=\"0.5000\">"));
    assert_non_null(strstr(page, "<b>2 min 8 s</b><span>2 min 8 s so far</span>"));
    gd_string_free(page);

    t = training_begun(1, 128);
    page = page_and_free(&t);
    assert_non_null(strstr(page, "Running: step 1 of 128 is done."));
    assert_int_equal(markup_count(page, "<svg"), 8);
    assert_int_equal(markup_count(page, "</title></circle>"), 10); /* three scores, one of each of the others */
    gd_string_free(page);

    t = training_begun(0, 128);
    page = page_and_free(&t);
    assert_non_null(strstr(page, "The first step is being computed."));
    assert_int_equal(markup_count(page, "<svg"), 0);
    assert_non_null(strstr(page, "http-equiv"));
    gd_string_free(page);
}

static void a_run_ends(void **state)
{
    training t = training_begun(128, 128);
    char *page;

    (void)state;
    json_array_remove(t.log, json_array_size(t.log) - 1); /* the last evaluation of one of two sets */
    page = page_and_free(&t);
    assert_non_null(strstr(page, "the last evaluation is running"));
    assert_non_null(strstr(page, "http-equiv"));
    gd_string_free(page);

    t = training_begun(70, 128);
    json_array_append_new(t.log, json_pack("{s:s,s:i}", "stopped", "eval_loss is <no> better", "step", 70));
    page = page_and_free(&t);
    assert_non_null(strstr(page, "Stopped early, after step 70 of 128: eval_loss is &lt;no&gt; better"));
    assert_null(strstr(page, "http-equiv"));
    gd_string_free(page);

    t = training_begun(70, 128);
    json_object_set_new(t.run, "stopped", json_true());
    page = page_and_free(&t);
    assert_non_null(strstr(page, "Stopped early, after step 70 of 128.</p>"));
    gd_string_free(page);
}

/* Resampling pairs that are all right tells nothing. */
static void all_pairs_right_have_no_interval(void **state)
{
    training t = training_begun(128, 128);
    char *page;

    (void)state;
    json_array_append_new(t.log, json_pack("{s:f,s:i}", "eval_accuracy", 1.0, "step", 128));
    page = page_and_free(&t);
    assert_non_null(strstr(page, "<td>200</td><td>1.0000</td><td></td><td></td>"));
    gd_string_free(page);
}

/* An interval as wide as that of fewer pairs would say less than is known. */
static void very_many_pairs_have_a_narrow_interval(void **state)
{
    training t = training_begun(128, 128);
    json_t *set = json_array_get(json_object_get(t.run, "evals"), 1);
    char *page;

    (void)state;
    json_object_set_new(set, "pairs", json_integer(5000000)); /* sqrt(0.46 * 0.54 / 5e6) * 1.96 = 0.00044 */
    page = page_and_free(&t);
    assert_non_null(
        strstr(page, "<td>hard</td><td>128</td><td>5000000</td><td>0.4600</td><td>0.4596</td><td>0.4604</td>"));
    gd_string_free(page);
}

static void a_duration_has_two_units(void **state)
{
    static const struct {
        double seconds;
        const char *text;
    } cases[] = { { 0, "0 s" },       { 59.4, "59 s" },  { 59.6, "1 min" },      { 75, "1 min 15 s" },
                  { 3600, "1 h" },    { 3659, "1 h" },   { 7260, "2 h 1 min" },  { 90061, "1 d 1 h" },
                  { NAN, "unknown" }, { -1, "unknown" }, { INFINITY, "unknown" } };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gd_buf b = { 0 };

        gd_outcome_duration(&b, cases[i].seconds);
        assert_string_equal(gd_buf_cstr(&b), cases[i].text);
        gd_buf_free(&b);
    }
}

static void names_are_escaped(void **state)
{
    training t = training_begun(128, 128);
    json_t *settings = json_object_get(t.run, "settings");
    char *page;

    (void)state;
    json_object_set_new(t.run, "base", json_string("<script>1"));
    json_object_set_new(t.run, "train", json_pack("[s,s]", "<script>2", "b"));
    json_object_set_new(settings, "<script>3", json_string("<script>4"));
    json_array_append_new(t.log, json_pack("{s:f,s:i}", "eval_<script>5_accuracy", 0.5, "step", 128));
    json_array_append_new(t.log,
                          json_pack("{s:f,s:i}",
                                    "eval_\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
                                    "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4_loss",
                                    0.5, "step", 128));
    page = page_and_free(&t);
    assert_true(markup_count(page, "&lt;script&gt;") >= 8);
    assert_non_null(strstr(page, ">\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
                                 "\xc3\xa4\xe2\x80\xa6<")); /* cut between two letters */
    gd_string_free(page);
}

static void any_log_makes_a_page(void **state)
{
    (void)state;
    for (size_t i = 0; training_odd[i]; i++) {
        training t = training_of(training_odd[i]);

        gd_string_free(page_and_free(&t));
    }
}

static void the_page_stays_small(void **state)
{
    training t = training_begun(10000, 10000);
    char *page;

    (void)state;
    for (int step = 1; step <= 10000; step += 10) /* more sets than a chart has lines, evaluated often */
        for (int set = 0; set < 10; set++) {
            char loss[32], accuracy[32], margin[32];

            (void)snprintf(loss, sizeof loss, "eval_set%d_loss", set);
            (void)snprintf(accuracy, sizeof accuracy, "eval_set%d_accuracy", set);
            (void)snprintf(margin, sizeof margin, "eval_set%d_margin", set);
            json_array_append_new(t.log, json_pack("{s:f,s:f,s:f,s:i}", loss, 0.1 * set, accuracy, 0.1 * set, margin,
                                                   0.1 * set, "step", step));
        }
    page = page_and_free(&t);
    assert_true(strlen(page) < PAGE_MOST);
    assert_non_null(strstr(page, "step 10000: "));
    gd_string_free(page);
}

static void any_allocation_may_fail(void **state)
{
    training t = training_begun(128, 128);
    char *page = NULL;
    uint64_t n;

    (void)state;
    for (n = 1; !page && n < 10000; n++) {
        const uint64_t live = gd_mem_live();
        gd_error err = { 0 };
        gd_status rc;

        gd_mem_fail_from(n);
        rc = gd_train_page(&page, t.run, t.log, t.times, &err);
        gd_mem_fail_from(0);
        assert_true(rc == (page ? GD_OK : GD_ENOMEM) && err.status == rc);
        assert_true(page || gd_mem_live() == live);
    }
    assert_true(n > 30);
    gd_string_free(page);
    training_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_that_is_done),
        cmocka_unit_test(a_run_goes_on),
        cmocka_unit_test(a_run_ends),
        cmocka_unit_test(all_pairs_right_have_no_interval),
        cmocka_unit_test(very_many_pairs_have_a_narrow_interval),
        cmocka_unit_test(a_duration_has_two_units),
        cmocka_unit_test(names_are_escaped),
        cmocka_unit_test(any_log_makes_a_page),
        cmocka_unit_test(the_page_stays_small),
        cmocka_unit_test(any_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
