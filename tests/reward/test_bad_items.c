/* test_bad_items.c - items that cannot be scored: each has an error, the others their scores. */
#include "tests/reward/items_case.h"

#include "base/mem.h"
#include "reward/model.h"

static const uint32_t unknown[] = { 1, 2, 1536 };
static const gd_message unanswered[] = { M("user", "Is tea hot?") };
static const gd_part broken[] = { T("Yes."), T("\xff") }, empty[] = { T("") },
                     ids_part = { .ids = unknown, .id_count = 2 };
static const gd_part unknown_ids[] = { { .ids = unknown, .id_count = 3 } }, open_end[] = { TALK(unanswered) };
static const gd_part no_messages[] = { { .messages = whole } };

static const struct wrong {
    gd_item item;
    gd_status status;
    const char *why; /* the beginning of the sentence */
} wrongs[] = {
    { ITEM(GD_ITEM_TEXT, NULL, longer), GD_ETOOLONG, "the text has " },
    { ITEM(GD_ITEM_PAIR, NULL, broken), GD_EFORMAT, "rejected: a text is not valid UTF-8 at byte 0" },
    { ITEM(GD_ITEM_TEXT, NULL, empty), GD_EFORMAT, "the text has no tokens" },
    { ITEM(GD_ITEM_ANSWERS, NULL, answers), GD_EFORMAT, "responses[3]: the text has no tokens" },
    { ITEM(GD_ITEM_TEXT, NULL, unknown_ids), GD_EFORMAT, "id 2 is 1536, but the embedding has only 1536 rows" },
    { ITEM(GD_ITEM_TEXT, unknown_ids, one), GD_EFORMAT, "prompt: id 2 is 1536, but " },
    { ITEM(GD_ITEM_TEXT, NULL, told), GD_EUNSUPPORTED, "this is a conversation, and " },
    { ITEM(GD_ITEM_TEXT, NULL, open_end), GD_EFORMAT, "messages: the conversation has no assistant turn" },
    { ITEM(GD_ITEM_PAIR, &question, talks), GD_EFORMAT,
      "the field \"prompt\" is a text and \"chosen\" a conversation" },
    { ITEM(GD_ITEM_TEXT, &ids_part, one), GD_EFORMAT, "the prompt is token ids, and this is a text" },
    { ITEM(GD_ITEM_TEXT, NULL, no_messages), GD_EFORMAT, "the conversation has no messages" },
    { ITEM(GD_ITEM_TEXT, NULL, pair), GD_EUSAGE, "part_count is 2, but 1 is expected" },
    { ITEM(GD_ITEM_PAIR, NULL, one), GD_EUSAGE, "part_count is 1, but 2 is expected" },
    { { .kind = GD_ITEM_ANSWERS }, GD_EUSAGE, "part_count is 0, but 1 or more is expected" },
    { { .part_count = 1 }, GD_EUSAGE, "parts is NULL, but 1 of them" },
    { ITEM((gd_item_kind)7, NULL, one), GD_EUSAGE, "kind is 7, which is not a gd_item_kind" },
    /* parts that are not there must not be looked at, not even for the bytes that progress reports */
    { { .parts = one, .part_count = 1000000 }, GD_EUSAGE, "part_count is 1000000, but 1 is expected" },
    { { .kind = GD_ITEM_PAIR, .parts = pair, .part_count = 3 }, GD_EUSAGE, "part_count is 3, but 2 is expected" },
    { { .kind = (gd_item_kind)99, .parts = one, .part_count = 50 }, GD_EUSAGE, "kind is 99, which is not" },
};
enum { WRONGS = sizeof wrongs / sizeof wrongs[0] };

static int no_stop(void *context, uint64_t items, uint64_t bytes, uint64_t total, uint64_t tokens)
{
    (void)context, (void)items, (void)tokens;
    assert_true(bytes <= total);
    return 0;
}

/* Good items stand between the bad ones, and get their scores. */
static void each_item_has_its_error(void **state)
{
    gd_options options = golden_options("qwen2", 0);
    const gd_item fine = ITEM(GD_ITEM_TEXT, NULL, one);
    gd_item list[2 * WRONGS];
    gd_item_result results[2 * WRONGS];
    const gd_items all = golden_items(list, 2 * WRONGS, results);
    const gd_progress progress = { .struct_size = sizeof progress, .report = no_stop };
    gd_summary summary = { .struct_size = sizeof summary };
    gd_error err = { 0 };
    gd_model *model;
    float score;

    (void)state;
    options.max_length = 12;
    options.truncate = GD_TRUNCATE_ERROR;
    assert_ok(gd_model_open(&model, &options, test_err));
    assert_ok(gd_score(model, 1, &one[0].text, &score, NULL, test_err));
    for (size_t i = 0; i < 2 * WRONGS; i++)
        list[i] = i % 2 ? fine : wrongs[i / 2].item;
    assert_int_equal(gd_score_items(model, &all, &progress, &summary, &err), GD_EITEM);
    assert_string_equal(err.text, "19 of 38 items failed");
    assert_int_equal(summary.failed, WRONGS);
    for (size_t i = 0; i < 2 * WRONGS; i++) {
        if (i % 2) {
            assert_int_equal(results[i].status, GD_OK);
            assert_memory_equal(results[i].scores, &score, sizeof score);
            continue;
        }
        if (results[i].status != wrongs[i / 2].status || !results[i].error || results[i].count ||
            strncmp(results[i].error, wrongs[i / 2].why, strlen(wrongs[i / 2].why)) != 0)
            fail_msg("%zu: %d, %s", i / 2, (int)results[i].status, results[i].error ? results[i].error : "no error");
    }
    gd_items_free_results(&all);
    gd_model_close(model);
}

/* More messages than an address space holds: that many can't be joined. */
static void a_count_that_overflows_is_refused(void **state)
{
    static const gd_part absurd[] = { { .messages = whole, .message_count = SIZE_MAX } }, many[2] = { T("a"), T("b") };
    const gd_item list[] = { ITEM(GD_ITEM_TEXT, NULL, absurd),
                             ITEM(GD_ITEM_TEXT, absurd, one),
                             { .kind = GD_ITEM_ANSWERS, .parts = many, .part_count = SIZE_MAX } };
    const gd_progress progress = { .struct_size = sizeof progress, .report = no_stop };
    gd_model *model = open_model("qwen2", NULL, 0);

    (void)state;
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        gd_item_result result;
        const gd_items all = golden_items(&list[i], 1, &result);

        assert_int_equal(gd_score_items(model, &all, &progress, NULL, NULL), GD_ENOMEM);
        gd_items_free_results(&all);
    }
    gd_model_close(model);
}

/* A text that the memory has no room for is named, and was not truncated: it has no score. */
static void a_text_too_long_for_the_memory_is_named(void **state)
{
    gd_options options = golden_options("qwen2", 0);
    const gd_part texts[] = { one[0], longer[0] };
    const gd_item list[] = { ITEM(GD_ITEM_PAIR, NULL, texts) };
    gd_item_result result;
    const gd_items all = golden_items(list, 1, &result);
    gd_summary summary = { .struct_size = sizeof summary };
    gd_model *model;

    (void)state;
    options.max_length = 12;
    options.truncate = GD_TRUNCATE_RIGHT;
    assert_ok(gd_model_open(&model, &options, test_err));
    model->limited = true;
    model->item_rows = 11;
    assert_int_equal(gd_score_items(model, &all, NULL, &summary, NULL), GD_EITEM);
    assert_int_equal(result.status, GD_ETOOLONG);
    assert_string_equal(result.error, "rejected: the text has 12 tokens, but the memory limit allows at most 11");
    assert_int_equal(result.truncated, 0);
    assert_int_equal(summary.truncated, 0);
    gd_items_free_results(&all);
    gd_model_close(model);
}

/* The items may be gone by the time that their results are freed. */
static void results_are_freed_without_the_items(void **state)
{
    const gd_item item = ITEM(GD_ITEM_TEXT, NULL, one);
    gd_model *model = open_model("qwen2", NULL, 0);
    gd_item_result result;
    gd_items all = golden_items(&item, 1, &result);

    (void)state;
    assert_ok(gd_score_items(model, &all, NULL, NULL, test_err));
    all.items = NULL;
    gd_items_free_results(&all);
    assert_null(result.scores);
    gd_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_item_has_its_error),
        cmocka_unit_test(a_count_that_overflows_is_refused),
        cmocka_unit_test(a_text_too_long_for_the_memory_is_named),
        cmocka_unit_test(results_are_freed_without_the_items),
    };

    return cmocka_run_group_tests_name("bad items", tests, NULL, NULL);
}
