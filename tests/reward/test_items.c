/* test_items.c - items in memory get the scores of the same records in a file, bit for bit, and each its own error. */
#include "tests/reward/items_case.h"

#include "base/mem.h"
#include "reward/model.h"
#include "text/tokenizer.h"

#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <unistd.h>

static const gd_message asked[] = { M("system", "You are brief."), M("user", "Is tea hot?") };
static const gd_message hot[] = { M("user", "Is tea hot?") };
static const gd_message hm[] = { M("assistant", "Hm.") };
static const gd_part told_alone[] = { TALK(hm) };
static const gd_part talk = TALK(asked), said = T("Is tea hot?"), start = TALK(hot), nothing = T(""),
                     odd[] = { T("z\xc3\xbc \xe2\x82\xac") };

/* Items without conversations come first. */
static const gd_item items[] = {
    ITEM(GD_ITEM_TEXT, NULL, one),
    ITEM(GD_ITEM_TEXT, &question, one),
    ITEM(GD_ITEM_TEXT, NULL, odd),
    ITEM(GD_ITEM_PAIR, NULL, pair),
    ITEM(GD_ITEM_PAIR, &question, pair),
    ITEM(GD_ITEM_TEXT, NULL, longer),
    ITEM(GD_ITEM_ANSWERS, &question, answers),
    ITEM(GD_ITEM_ANSWERS, &nothing, pair),
    ITEM(GD_ITEM_TEXT, NULL, told),
    ITEM(GD_ITEM_TEXT, &talk, one),
    ITEM(GD_ITEM_PAIR, &talk, talks),
    ITEM(GD_ITEM_PAIR, NULL, talks),
    ITEM(GD_ITEM_ANSWERS, &talk, answers),
    ITEM(GD_ITEM_TEXT, &said, told),
    ITEM(GD_ITEM_TEXT, &start, told),
};
enum { ALL = sizeof items / sizeof items[0], PLAIN = 8 };

/* Items of which turns can be made. */
static const gd_item for_turns[] = {
    ITEM(GD_ITEM_TEXT, &question, one),
    ITEM(GD_ITEM_PAIR, &question, pair),
    ITEM(GD_ITEM_ANSWERS, &question, answers),
    ITEM(GD_ITEM_PAIR, &nothing, pair),
    ITEM(GD_ITEM_TEXT, NULL, told),
    ITEM(GD_ITEM_PAIR, &talk, talks),
    ITEM(GD_ITEM_TEXT, &question, told_alone),
};
enum { FOR_TURNS = sizeof for_turns / sizeof for_turns[0] };

/* ---- the same in a file ---- */

static json_t *string_of(gd_text text) { return json_stringn(text.data, text.len); }

static json_t *json_of(const gd_part *part)
{
    json_t *list = part->messages ? json_array() : string_of(part->text);

    for (size_t i = 0; part->messages && i < part->message_count; i++)
        (void)json_array_append_new(list, json_pack("{s:o,s:o}", "role", string_of(part->messages[i].role), "content",
                                                    string_of(part->messages[i].content)));
    return list;
}

static json_t *record_of(const gd_item *item)
{
    const bool single = item->kind == GD_ITEM_TEXT;
    const char *first = item->kind == GD_ITEM_PAIR ? "chosen" : item->prompt ? "response" : "text";
    json_t *record = json_object();

    if (item->prompt)
        (void)json_object_set_new(record, "prompt", json_of(item->prompt));
    if (item->kind == GD_ITEM_ANSWERS)
        (void)json_object_set_new(record, "responses", json_array());
    for (size_t i = 0; i < item->part_count; i++) {
        json_t *part = json_of(&item->parts[i]);

        if (item->kind == GD_ITEM_ANSWERS)
            (void)json_array_append_new(json_object_get(record, "responses"), part);
        else if (single && !item->prompt && item->parts[i].messages)
            (void)json_object_set_new(record, "messages", part);
        else
            (void)json_object_set_new(record, i ? "rejected" : first, part);
    }
    return record;
}

/* Scores the items with gd_score_file(), and returns its lines as a JSON array. */
static json_t *file_of(gd_model *model, const gd_item *list, size_t count, gd_summary *summary)
{
    char in[TEST_PATH], out[TEST_PATH];
    const gd_file_options how = from_to(test_file(in), test_file(out), GD_FORMAT_JSONL);
    json_t *lines = json_array();
    json_t *line;
    FILE *f;

    f = fopen(in, "w");
    for (size_t i = 0; i < count; i++) {
        json_t *record = record_of(&list[i]);

        assert_int_equal(json_dumpf(record, f, JSON_COMPACT), 0);
        assert_true(fputs("\n", f) >= 0);
        json_decref(record);
    }
    assert_int_equal(fclose(f), 0);
    assert_ok(gd_score_file(model, &how, NULL, summary, test_err));
    f = fopen(out, "r");
    while ((line = json_loadf(f, JSON_DISABLE_EOF_CHECK, NULL)) != NULL)
        (void)json_array_append_new(lines, line);
    (void)fclose(f);
    assert_int_equal(unlink(in) | unlink(out), 0);
    assert_int_equal(json_array_size(lines), count);
    return lines;
}

static const json_t *value_of(const json_t *line, const gd_item *item, size_t which)
{
    if (item->kind == GD_ITEM_TEXT)
        return json_object_get(line, "score");
    return item->kind == GD_ITEM_PAIR ? json_object_get(line, which ? "rejected" : "chosen")
                                      : json_array_get(json_object_get(line, "scores"), which);
}

static void same_result(const gd_item_result *result, const gd_item *item, const json_t *line)
{
    const json_t *tokens = json_object_get(line, "tokens");

    assert_int_equal(result->status, GD_OK);
    assert_null(result->error);
    assert_int_equal(result->count, item->part_count);
    assert_int_equal(result->truncated != 0, json_is_true(json_object_get(line, "truncated")));
    for (size_t i = 0; i < result->count; i++) {
        const float want = (float)json_number_value(value_of(line, item, i)); /* nine digits determine a float */

        assert_memory_equal(&result->scores[i], &want, sizeof want);
        assert_int_equal(result->tokens[i], json_integer_value(item->part_count > 1 || item->kind == GD_ITEM_ANSWERS
                                                                   ? json_array_get(tokens, i)
                                                                   : tokens));
    }
}

static void memory_and_file_agree(gd_model *model, const gd_item *list, size_t count)
{
    gd_item_result results[ALL], single;
    const gd_items all = golden_items(list, count, results);
    gd_summary of_file = { .struct_size = sizeof of_file }, of_memory = of_file;
    json_t *lines = file_of(model, list, count, &of_file);

    assert_ok(gd_score_items(model, &all, NULL, &of_memory, test_err));
    assert_memory_equal(&of_memory, &of_file, sizeof of_file);
    assert_true(of_memory.truncated > 0 && of_memory.texts > count);
    for (size_t i = 0; i < count; i++) {
        const gd_items alone = golden_items(&list[i], 1, &single);

        same_result(&results[i], &list[i], json_array_get(lines, i));
        assert_ok(gd_score_items(model, &alone, NULL, NULL, test_err));
        same_result(&single, &list[i], json_array_get(lines, i));
        gd_items_free_results(&alone);
    }
    gd_items_free_results(&all);
    assert_null(results[0].scores);
    json_decref(lines);
}

static void scores_are_those_of_a_file(void **state)
{
    (void)state;
    for (size_t m = 0; m < (SANITIZED ? 1 : GOLDEN_MODELS); m++) {
        gd_model *model = open_model(golden_models[m], NULL, m % 2 ? 16 : 0);

        memory_and_file_agree(model, items, PLAIN);
        gd_model_close(model);
    }
}

static void conversations_are_those_of_a_file(void **state)
{
    gd_model *model = open_model("qwen2", "chatml", 16);

    (void)state;
    memory_and_file_agree(model, items, ALL);
    gd_model_close(model);
}

static void turns_are_those_of_a_file(void **state)
{
    const gd_message turns[] = { { { "user", 4 }, question.text }, { { "assistant", 9 }, one[0].text } };
    const gd_part spelled[] = { TALK(turns) };
    const gd_item item = ITEM(GD_ITEM_TEXT, NULL, spelled);
    gd_options options = golden_options("qwen2", 0);
    gd_item_result results[2];
    gd_model *model;

    (void)state;
    options.max_length = 32;
    options.chat_format = "chatml";
    options.turns = "on";
    assert_ok(gd_model_open(&model, &options, test_err));
    memory_and_file_agree(model, for_turns, FOR_TURNS);
    for (size_t i = 0; i < 2; i++) {
        const gd_items all = golden_items(i ? &item : for_turns, 1, &results[i]);

        assert_ok(gd_score_items(model, &all, NULL, NULL, test_err));
    }
    assert_memory_equal(results[0].scores, results[1].scores, sizeof(float));
    for (size_t i = 0; i < 2; i++) {
        const gd_items all = golden_items(i ? &item : for_turns, 1, &results[i]);

        gd_items_free_results(&all);
    }
    gd_model_close(model);
}

/* ---- token ids ---- */

static void ids_score_as_their_text(void **state)
{
    gd_model *model = open_model("qwen2", NULL, 0);
    const gd_text text = { "Hello there, is tea hot?", 24 };
    gd_ids ids = { 0 };
    gd_item_result results[3];
    float score;

    (void)state;
    assert_ok(gd_tokenize(model->encoder.tokenizer, text.data, text.len, &ids, test_err));
    assert_true(ids.len > 3);
    {
        const gd_part all[] = { { .ids = ids.data, .id_count = ids.len } };
        const gd_part before = { .ids = ids.data, .id_count = 2 };
        const gd_part after[] = { { .ids = ids.data + 2, .id_count = ids.len - 2 },
                                  { .ids = ids.data, .id_count = 1 } };
        uint32_t many[40] = { 0 };
        const gd_part long_one[] = { { .ids = many, .id_count = 40 } };
        const gd_item list[] = { ITEM(GD_ITEM_TEXT, NULL, all), ITEM(GD_ITEM_PAIR, &before, after),
                                 ITEM(GD_ITEM_TEXT, NULL, long_one) };
        const gd_items items3 = golden_items(list, 3, results);

        assert_ok(gd_score_items(model, &items3, NULL, NULL, test_err));
        assert_ok(gd_score(model, 1, &text, &score, NULL, test_err));
        assert_memory_equal(&results[0].scores[0], &score, sizeof score);
        assert_memory_equal(&results[1].scores[0], &score, sizeof score);
        assert_true(results[1].scores[1] != score);
        assert_int_equal(results[1].tokens[0], ids.len);
        assert_int_equal(results[1].tokens[1], 3);
        assert_true(results[2].truncated && results[2].tokens[0] == 32);
        gd_items_free_results(&items3);
    }
    gd_ids_free(&ids);
    gd_model_close(model);
}

static void a_dropped_item_has_no_scores(void **state)
{
    gd_options options = golden_options("qwen2", 0);
    const gd_item list[] = { ITEM(GD_ITEM_TEXT, NULL, longer), ITEM(GD_ITEM_TEXT, NULL, one) };
    gd_item_result results[2];
    const gd_items all = golden_items(list, 2, results);
    gd_summary summary = { .struct_size = sizeof summary };
    gd_model *model;

    (void)state;
    options.max_length = 8;
    options.truncate = GD_TRUNCATE_DROP;
    assert_ok(gd_model_open(&model, &options, test_err));
    assert_ok(gd_score_items(model, &all, NULL, &summary, test_err));
    assert_true(results[0].dropped && !results[0].count && results[0].status == GD_OK && !results[0].error);
    assert_true(!results[1].dropped && results[1].count == 1);
    assert_int_equal(summary.dropped, 1);
    gd_items_free_results(&all);
    gd_model_close(model);
}

/* ---- the call as a whole ---- */

struct seen {
    uint64_t items, bytes, total;
    int calls, stop_at;
};

static int watch(void *context, uint64_t done, uint64_t bytes, uint64_t total, uint64_t tokens)
{
    struct seen *seen = context;

    (void)tokens;
    seen->items = done;
    seen->bytes = bytes;
    seen->total = total;
    return ++seen->calls == seen->stop_at;
}

static void a_call_can_be_stopped(void **state)
{
    gd_model *model = open_model("qwen2", "chatml", 8);
    gd_item_result results[ALL], stopped[ALL];
    const gd_items all = golden_items(items, ALL, results), some = golden_items(items, ALL, stopped);
    struct seen seen = { 0 };
    const gd_progress progress = { sizeof progress, watch, &seen };
    gd_summary summary = { .struct_size = sizeof summary };
    gd_error err = { 0 };
    size_t i = 0;

    (void)state;
    assert_ok(gd_score_items(model, &all, &progress, NULL, test_err));
    assert_true(seen.calls > 3);
    assert_int_equal(seen.items, ALL);
    assert_int_equal(seen.bytes, seen.total);
    seen = (struct seen){ .stop_at = 3 };
    assert_int_equal(gd_score_items(model, &some, &progress, &summary, &err), GD_EINTERRUPTED);
    assert_true(summary.items > 0 && summary.items < ALL);
    for (; i < summary.items; i++) {
        assert_int_equal(stopped[i].count, results[i].count);
        assert_memory_equal(stopped[i].scores, results[i].scores, results[i].count * sizeof(float));
    }
    for (; i < ALL; i++)
        assert_true(stopped[i].status == GD_EINTERRUPTED && !stopped[i].count && !stopped[i].scores);
    gd_items_free_results(&all);
    gd_items_free_results(&some);
    gd_model_close(model);
}

static void no_items_are_fine_and_no_room_is_not(void **state)
{
    gd_model *model = open_model("qwen2", NULL, 0);
    gd_items all = golden_items(NULL, 0, NULL);
    gd_summary summary = { .struct_size = sizeof summary, .items = 7 };
    gd_item_result result;
    gd_error err = { 0 };

    (void)state;
    assert_ok(gd_score_items(model, &all, NULL, &summary, test_err));
    assert_int_equal(summary.items, 0);
    gd_items_free_results(&all);
    all = golden_items(items, 1, NULL);
    assert_int_equal(gd_score_items(model, &all, NULL, NULL, &err), GD_EUSAGE);
    assert_string_equal(err.text, "gd_items.results is NULL, but room for 1 is expected");
    gd_items_free_results(&all);
    all = golden_items(NULL, 1, &result);
    err = (gd_error){ 0 };
    memset(&result, 0xA5, sizeof result); /* never initialised, and yet freed after the failure */
    assert_int_equal(gd_score_items(model, &all, NULL, NULL, &err), GD_EUSAGE);
    assert_string_equal(err.text, "gd_items.items is NULL, but 1 are expected");
    gd_items_free_results(&all);
    assert_null(result.scores);
    gd_model_close(model);
}

/* A program compiled with a later version has larger items and results. */
static void the_callers_sizes_count(void **state)
{
    gd_model *model = open_model("qwen2", NULL, 0);
    struct {
        gd_item item;
        uint64_t later;
    } list[3] = { { .item = ITEM(GD_ITEM_TEXT, NULL, one) },
                  { .item = ITEM(GD_ITEM_PAIR, NULL, pair) },
                  { .item = ITEM(GD_ITEM_TEXT, NULL, one), .later = 1 } };
    struct {
        gd_item_result result;
        uint64_t later;
    } results[3] = { { .later = 5 }, { .later = 6 }, { .later = 7 } };
    gd_items all = golden_items(&list[0].item, 3, &results[0].result);
    gd_error err = { 0 };

    (void)state;
    all.item_size = sizeof list[0];
    all.result_size = sizeof results[0];
    assert_int_equal(gd_score_items(model, &all, NULL, NULL, NULL), GD_EITEM);
    assert_int_equal(results[0].result.count, 1);
    assert_int_equal(results[1].result.count, 2);
    assert_int_equal(results[2].result.status, GD_EUSAGE);
    assert_non_null(strstr(results[2].result.error, "gd_item: byte "));
    assert_true(!results[0].later && !results[1].later && !results[2].later); /* zero, their default */
    gd_items_free_results(&all);
    all.item_size = 8;
    assert_int_equal(gd_score_items(model, &all, NULL, NULL, &err), GD_EUSAGE);
    assert_non_null(strstr(err.text, "gd_items.item_size is 8, but "));
    all.item_size = sizeof list[0];
    all.result_size = 0;
    err = (gd_error){ 0 };
    assert_int_equal(gd_score_items(model, &all, NULL, NULL, &err), GD_EUSAGE);
    assert_non_null(strstr(err.text, "gd_items.result_size is 0, but "));
    gd_model_close(model);
}

static void every_allocation_may_fail(void **state)
{
    gd_model *model = open_model("qwen2", "chatml", 0);
    gd_item_result results[ALL];
    const gd_items all = golden_items(items, ALL, results);
    gd_status rc = GD_ENOMEM;
    uint64_t live;

    (void)state;
    for (int i = 0; i < 2; i++) { /* then everything that stays loaded is loaded */
        assert_ok(gd_score_items(model, &all, NULL, NULL, test_err));
        gd_items_free_results(&all);
    }
    live = gd_mem_live();
    for (uint64_t n = 1; rc == GD_ENOMEM; n++) {
        gd_mem_fail_from(n);
        rc = gd_score_items(model, &all, NULL, NULL, NULL);
        gd_mem_fail_from(0);
        gd_items_free_results(&all);
        assert_true(gd_mem_live() <= live); /* the engine may have freed some of its own */
    }
    assert_int_equal(rc, GD_OK);
    gd_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_those_of_a_file),
        cmocka_unit_test(conversations_are_those_of_a_file),
        cmocka_unit_test(turns_are_those_of_a_file),
        cmocka_unit_test(ids_score_as_their_text),
        cmocka_unit_test(a_dropped_item_has_no_scores),
        cmocka_unit_test(a_call_can_be_stopped),
        cmocka_unit_test(no_items_are_fine_and_no_room_is_not),
        cmocka_unit_test(the_callers_sizes_count),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
