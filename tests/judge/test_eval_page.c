/* test_eval_page.c - gd_eval_page(): makes a page of a result, whatever is in it. */
#include "tests/judge/judged.h"
#include "tests/markup.h"

#include "base/mem.h"

static void the_page_shows_it(void **state)
{
    gd_eval_options how = judged_options(judged_input("pairs"));
    json_t *root, *worst;
    char *text, *page;

    (void)state;
    how.weights = "rewardbench";
    root = judged_run(&how, GD_EITEM, NULL);
    worst = json_array_get(json_object_get(json_object_get(root, "details"), "worst"), 0);
    json_object_set_new(worst, "chosen", json_string("<script>alert(1)</script>"));
    json_object_set_new(worst, "beginning", json_string("<script>alert(2)</script>"));
    json_object_set_new(worst, "group", json_string("<script>alert(3)</script>"));
    json_object_set_new(json_object_get(root, "by"), "<i>&amp;\"",
                        json_deep_copy(json_object_get(json_object_get(root, "by"), "hep-go")));
    text = json_dumps(root, 0);
    assert_ok(gd_eval_page(text, &page, test_err));
    assert_markup(page);
    assert_int_equal(markup_count(page, "<script"), 0);
    assert_int_equal(markup_count(page, "&lt;script&gt;alert("), 3);
    assert_int_equal(markup_count(page, "http"), 0); /* the page refers to no other file */
    assert_null(strstr(page, "<i>"));
    assert_int_equal(markup_count(page, "<svg"), 5); /* subsets, sections, margins, reliability, length */
    assert_int_equal(markup_count(page, "<details"), 20);
    assert_int_equal(markup_count(page, "<h2>"), 7);
    assert_non_null(strstr(page, "one text; expected a &quot;chosen&quot;"));
    assert_null(strstr(page, "Turns"));
    assert_null(strstr(page, "texts that were cut"));
    assert_null(strstr(page, "nan"));
    gd_string_free(page);
    free(text);
    json_decref(root);
}

/* Another text was scored than the file's. */
static void the_page_says_what_was_scored(void **state)
{
    static const char json[] =
        "{\"format\":\"guerdon-eval/1\",\"details\":{\"turns\":\"the <template>\",\"truncated\":12,"
        "\"dropped\":34}}";
    char *page;

    (void)state;
    assert_ok(gd_eval_page(json, &page, test_err));
    assert_markup(page);
    assert_non_null(strstr(page, "of each prompt and answer, in the chat format the &lt;template&gt;"));
    assert_non_null(strstr(page, "Lines with texts that were cut"));
    assert_non_null(strstr(page, "Lines left out, since a text is too long"));
    assert_non_null(strstr(page, ">12<"));
    assert_non_null(strstr(page, ">34<"));
    gd_string_free(page);
}

static void the_page_survives_other_json(void **state)
{
    static const char *const odd[] = {
        "{\"format\":\"guerdon-eval/1\"}",
        "{\"format\":\"guerdon-eval/1\",\"pairs\":\"x\",\"by\":[1],\"sections\":3,\"details\":[]}",
        "{\"format\":\"guerdon-eval/1\",\"accuracy\":1e308,\"accuracy_low\":-1e308,\"by\":{\"a\":3,"
        "\"b\":{\"accuracy\":-1},"
        "\"\":{\"accuracy\":9,\"accuracy_low\":5,\"accuracy_high\":1}},\"sections\":{\"x\":\"y\",\"z\":1e300},"
        "\"overall\":-7,\"details\":{\"margins\":{\"from\":-1e308,\"step\":1e308,\"counts\":[1,-2,\"x\",1e308]},"
        "\"reliability\":[1,{\"from\":\"a\"},{\"confidence\":0.7,\"right\":2}],"
        "\"length\":{\"bins\":[null,{},{\"from\":-1e300,"
        "\"to\":1e300,\"accuracy\":0.5}]},\"worst\":[3,{},{\"margin\":1e300,\"chosen\":7,\"group\":\"<\"}],"
        "\"failures\":[{},1],\"calibration\":7,\"rewardbench\":2}}",
        "{\"format\":\"guerdon-eval/1\",\"details\":{\"margins\":{\"from\":0,\"step\":-1,\"counts\":[1]}}}",
        NULL,
    };
    static const char *const bad[] = { "",
                                       "[]",
                                       "{}",
                                       "{\"format\":\"guerdon-eval/2\"}",
                                       "{\"format\":1}",
                                       "nonsense",
                                       "{\"format\":\"guerdon-eval/1\",\"a\":1,\"a\":2}",
                                       NULL };

    (void)state;
    assert_pages(gd_eval_page, odd, bad);
}

static void any_allocation_may_fail(void **state)
{
    gd_eval_options how = judged_options(judged_input("rows"));
    char *text, *page = NULL;
    json_t *root;
    uint64_t n;

    (void)state;
    how.by = "subset";
    root = judged_run(&how, GD_OK, NULL);
    text = json_dumps(root, 0);
    for (n = 1; !page && n < 10000; n++) {
        const uint64_t live = gd_mem_live();
        gd_error err = { 0 };
        gd_status rc;

        gd_mem_fail_from(n);
        rc = gd_eval_page(text, &page, &err);
        gd_mem_fail_from(0);
        assert_true(rc == (page ? GD_OK : GD_ENOMEM) && err.status == rc);
        assert_true(page || gd_mem_live() == live);
    }
    assert_true(n > 10);
    gd_string_free(page);
    free(text);
    json_decref(root);
}

/* A result with far more of everything than a page shows. */
static void the_page_is_limited(void **state)
{
    json_t *root = json_pack("{s:s,s:{},s:{},s:{s:[],s:[],s:[],s:{s:f,s:f,s:[]},s:{s:[]}}}", "format", "guerdon-eval/1",
                             "by", "sections", "details", "worst", "failures", "reliability", "margins", "from", 0.0,
                             "step", 1.0, "counts", "length", "bins");
    json_t *details = json_object_get(root, "details");
    char *text, *page;

    (void)state;
    assert_non_null(root);
    for (int i = 0; i < 3000; i++) {
        char name[24];

        (void)snprintf(name, sizeof name, "group %d", i);
        json_object_set_new(json_object_get(root, "by"), name, json_pack("{s:f}", "accuracy", 0.5));
        json_object_set_new(json_object_get(root, "sections"), name, json_real(0.5));
        json_array_append_new(json_object_get(details, "worst"), json_pack("{s:s}", "chosen", "text"));
        json_array_append_new(json_object_get(details, "failures"), json_pack("{s:s}", "error", "why"));
        json_array_append_new(json_object_get(details, "reliability"), json_pack("{s:f}", "confidence", 0.6));
        json_array_append_new(json_object_get(json_object_get(details, "margins"), "counts"), json_real(1));
        json_array_append_new(json_object_get(json_object_get(details, "length"), "bins"),
                              json_pack("{s:f,s:f,s:f}", "from", 1.0, "to", 2.0, "accuracy", 0.5));
    }
    text = json_dumps(root, 0);
    assert_ok(gd_eval_page(text, &page, test_err));
    assert_markup(page);
    assert_true(strlen(page) < 300000);
    assert_non_null(strstr(page, "3000 groups"));
    gd_string_free(page);
    free(text);
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_shows_it),
        cmocka_unit_test(the_page_says_what_was_scored),
        cmocka_unit_test(the_page_survives_other_json),
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(the_page_is_limited),
    };

    return cmocka_run_group_tests(tests, judged_open, judged_close);
}
