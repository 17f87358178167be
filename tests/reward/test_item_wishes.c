/* test_item_wishes.c - what an item in memory may ask for: to be a line of a file, to be cut in another way than the
 * model's texts, to have no special tokens, and to become ids and no more. */
#include "tests/reward/service_case.h"
#include "tests/reward/variant.h"

#include "text/tokenizer.h"

#include <jansson.h>

/* ---- records ---- */

static const char *const lines[] = {
    "{\"text\":\"Is tea hot?\",\"id\":7}",
    "{\"prompt\":\"Is tea hot? \",\"response\":\"Yes, it is.\"}",
    "{\"prompt\":\"Is tea hot? \",\"responses\":[\"Yes.\",\"No.\",{\"text\":\"Perhaps.\"}]}",
    "{\"chosen\":\"Yes, it is.\",\"rejected\":\"No.\",\"prompt\":\"Is tea hot? \"}",
    "{\"messages\":[{\"from\":\"human\",\"value\":\"Hi\"},{\"from\":\"gpt\",\"value\":\"Ho\"}],\"system\":\"Be\"}",
    " { \"messages\" : [{\"from\":\"user\",\"value\":\"Hi\"},{\"from\":\"gpt\",\"value\":\"Ho\\u00e9\"}] } ",
    "{\"chosen\":\"Yes.\"}",
    "{\"text\":\"Yes\",\"chosen\":\"a\",\"rejected\":\"b\"}",
    "{\"question\":\"Yes?\",\"chosen\":\"a\",\"rejected\":\"b\"}",
    "{\"text\":\"one\",\"text\":\"two\"}",
    "{\"text\":\"not closed}",
    "[\"a list\"]",
    "",
};
enum { LINES = sizeof lines / sizeof lines[0], WITHOUT_BREAK = LINES - 1 };

static gd_item record_of(const char *json)
{
    return (gd_item){ .kind = GD_ITEM_RECORD, .record = { json, strlen(json) } };
}

/* Scores the lines in a file: the lines of the output. */
static void score_file(gd_model *model, json_t *out[LINES])
{
    char in_path[TEST_PATH], out_path[TEST_PATH];
    const gd_file_options how = from_to(test_file(in_path), test_file(out_path), GD_FORMAT_JSONL);
    FILE *f = fopen(in_path, "w");

    for (size_t i = 0; i < WITHOUT_BREAK; i++)
        assert_true(fprintf(f, "%s\n", lines[i]) > 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(gd_score_file(model, &how, NULL, NULL, NULL), GD_EITEM);
    f = fopen(out_path, "r");
    for (size_t i = 0; i < WITHOUT_BREAK; i++)
        assert_non_null(out[i] = json_loadf(f, JSON_DISABLE_EOF_CHECK, NULL));
    assert_int_equal(fclose(f) | unlink(in_path) | unlink(out_path), 0);
}

static double score_in(const json_t *line, size_t which)
{
    static const char *const names[] = { "score", "chosen", "rejected" };

    if (json_object_get(line, "scores"))
        return json_number_value(json_array_get(json_object_get(line, "scores"), which));
    return json_number_value(json_object_get(line, json_object_get(line, "score") ? names[0] : names[1 + which]));
}

/* A file's sentence names the line, and ends with the flags that would help. */
static void same_error(const char *ours, const char *of_file, size_t line)
{
    char place[32];

    (void)snprintf(place, sizeof place, "line %zu: ", line + 1);
    assert_int_equal(strncmp(of_file, place, strlen(place)), 0);
    if (strncmp(of_file + strlen(place), ours, strlen(ours)) != 0)
        fail_msg("\"%s\" in memory, \"%s\" in a file", ours, of_file);
    assert_null(strstr(ours, "--"));
}

static void a_record_is_a_line_of_a_file(void **state)
{
    gd_model *model = open_model("qwen2", "chatml", 16);
    gd_item list[LINES];
    gd_item_result results[LINES];
    const gd_items all = golden_items(list, LINES, results);
    json_t *of_file[LINES];

    (void)state;
    for (size_t i = 0; i < LINES; i++)
        list[i] = record_of(lines[i]);
    assert_int_equal(gd_score_items(model, &all, NULL, NULL, NULL), GD_EITEM);
    score_file(model, of_file);
    for (size_t i = 0; i < WITHOUT_BREAK; i++) {
        const char *error = json_string_value(json_object_get(of_file[i], "error"));

        assert_int_equal(results[i].status, error ? GD_EFORMAT : GD_OK);
        if (error)
            same_error(results[i].error, error, i);
        for (size_t t = 0; t < results[i].count; t++)
            assert_true((float)score_in(of_file[i], t) == results[i].scores[t]);
        json_decref(of_file[i]);
    }
    assert_int_equal(results[0].kind, GD_ITEM_TEXT);
    assert_int_equal(results[2].kind, GD_ITEM_ANSWERS);
    assert_int_equal(results[3].kind, GD_ITEM_PAIR);
    assert_int_equal(results[2].count, 3);
    assert_int_equal(results[3].count, 2);
    assert_int_equal(results[6].status, GD_EFORMAT);
    assert_int_equal(results[WITHOUT_BREAK].status, GD_EFORMAT);
    gd_items_free_results(&all);
    gd_model_close(model);
}

static const char *error_of(gd_model *model, const gd_item *item, gd_status want)
{
    static char sentence[512];
    gd_item_result result;
    const gd_items single = golden_items(item, 1, &result);

    assert_int_equal(gd_score_items(model, &single, NULL, NULL, NULL), GD_EITEM);
    assert_int_equal(result.status, want);
    (void)snprintf(sentence, sizeof sentence, "%s", result.error);
    gd_items_free_results(&single);
    return sentence;
}

static void a_record_has_no_parts(void **state)
{
    gd_model *model = open_model("qwen2", NULL, 0);
    gd_item item = record_of(lines[0]);
    char *large = malloc(17 << 20);

    (void)state;
    item.prompt = &question;
    assert_string_equal(error_of(model, &item, GD_EUSAGE),
                        "kind is GD_ITEM_RECORD, and part_count 0, with a prompt, but "
                        "no parts and no prompt are expected");
    item = record_of(lines[0]);
    item.parts = one;
    item.part_count = 1;
    assert_contains(error_of(model, &item, GD_EUSAGE), "part_count 1, without a prompt");
    assert_non_null(large);
    memset(large, ' ', 17 << 20);
    item = (gd_item){ .kind = GD_ITEM_RECORD, .record = { large, 17 << 20 } };
    assert_contains(error_of(model, &item, GD_EFORMAT), "16 MiB");
    free(large);
    gd_model_close(model);
}

/* ---- how it is cut ---- */

static gd_item_result score_one(gd_model *model, const gd_item *item)
{
    gd_item_result result;
    const gd_items single = golden_items(item, 1, &result);
    const gd_status rc = gd_score_items(model, &single, NULL, NULL, NULL);

    assert_true(rc == GD_OK || rc == GD_EITEM);
    return result;
}

static void free_one(gd_item_result *result)
{
    const gd_items single = golden_items(NULL, 1, result);

    gd_items_free_results(&single);
}

static gd_model *open_cutting(gd_truncate truncate, size_t max_length)
{
    gd_options options = golden_options("llama", 0);
    gd_model *model;

    options.max_length = max_length;
    options.truncate = truncate;
    options.chat_format = "chatml";
    assert_ok(gd_model_open(&model, &options, test_err));
    return model;
}

static const gd_message talk[] = { M("user", "Is tea hot?"), M("assistant", "It can be."), M("user", "Sure?"),
                                   M("assistant", "Yes.") };
static const gd_part talked[] = { TALK(talk) };
static const uint32_t ids[] = { 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26 };
static const gd_part of_ids[] = { { .ids = ids, .id_count = sizeof ids / sizeof ids[0] } };

/* The same as if the model had been opened so, of texts, ids and conversations. */
static void an_item_is_cut_as_it_wishes(void **state)
{
    static const char *const names[] = { "error", "left", "right", "drop", "oldest-turns" };
    static const gd_part *const parts[] = { longer, of_ids, talked };
    gd_model *model = open_cutting(GD_TRUNCATE_RIGHT, 64);
    size_t cut = 0;

    (void)state;
    for (size_t t = 0; t < 5; t++)
        for (size_t p = 0; p < 3; p++) {
            const size_t length = p == 2 ? 40 : 9;
            gd_model *other = open_cutting((gd_truncate)t, length);
            gd_item item = { .kind = GD_ITEM_TEXT, .parts = parts[p], .part_count = 1 };
            gd_item_result want = score_one(other, &item), result;

            item.truncate = t == GD_TRUNCATE_RIGHT ? NULL : names[t];
            item.max_length = length;
            result = score_one(model, &item);
            same_results(&result, &want);
            cut += want.truncated != 0;
            free_one(&result);
            free_one(&want);
            gd_model_close(other);
        }
    assert_true(cut >= 7);
    gd_model_close(model);
}

static void a_wrong_wish_is_an_error_of_the_item(void **state)
{
    gd_model *model = open_cutting(GD_TRUNCATE_RIGHT, 64);
    gd_item item = ITEM(GD_ITEM_TEXT, NULL, one);

    (void)state;
    item.truncate = "middle";
    assert_string_equal(error_of(model, &item, GD_EUSAGE),
                        "truncate is \"middle\", but error, left, right, drop or oldest-turns is expected");
    item.truncate = NULL;
    item.max_length = 65;
    assert_string_equal(error_of(model, &item, GD_EUSAGE), "max_length is 65, but the model allows at most 64");
    gd_model_close(model);
}

/* ---- ids, and special tokens ---- */

/* A model whose tokenizer puts a token before each text and one after it. */
static gd_model *open_framing(const char *dir, gd_add_eos add_eos)
{
    static const char template[] =
        "{\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":["
        "{\"SpecialToken\":{\"id\":\"X\",\"type_id\":0}},{\"Sequence\":{\"id\":\"A\",\"type_id\":0}},"
        "{\"SpecialToken\":{\"id\":\"Y\",\"type_id\":0}}],\"pair\":[{\"Sequence\":{\"id\":\"A\",\"type_id\":0}},"
        "{\"Sequence\":{\"id\":\"B\",\"type_id\":1}}],\"special_tokens\":{"
        "\"X\":{\"id\":\"X\",\"ids\":[1501],\"tokens\":[\"X\"]},"
        "\"Y\":{\"id\":\"Y\",\"ids\":[1502],\"tokens\":[\"Y\"]}}}}";
    gd_options options = golden_options("llama", 0);
    gd_model *model;

    variant_link(dir, "llama");
    variant_patch_text(dir, "tokenizer.json", template);
    options.model = dir;
    options.add_eos = add_eos;
    assert_ok(gd_model_open(&model, &options, test_err));
    return model;
}

static void an_item_becomes_ids(void **state)
{
    gd_model *model = open_framing(*state, GD_ADD_EOS_NEVER);
    static const gd_part texts[] = { T("Hello there"), T("") };
    gd_item item = { .kind = GD_ITEM_PAIR, .parts = texts, .part_count = 2, .ids_only = 1 };
    gd_summary summary = { .struct_size = sizeof summary };
    gd_item_result result;
    const gd_items single = golden_items(&item, 1, &result);
    gd_ids full = { 0 }, bare = { 0 };

    assert_ok(gd_tokenize(model->encoder.tokenizer, texts[0].text.data, texts[0].text.len, &full, test_err));
    assert_ok(gd_tokenize_bare(model->encoder.tokenizer, texts[0].text.data, texts[0].text.len, &bare, test_err));
    assert_int_equal(full.len, bare.len + 2); /* those around a text */
    assert_ok(gd_score_items(model, &single, NULL, &summary, test_err));
    assert_int_equal(result.count, 2);
    assert_null(result.scores);
    assert_int_equal(result.tokens[0], full.len);
    assert_int_equal(result.tokens[1], 2);
    assert_memory_equal(result.ids[0], full.data, full.len * sizeof *full.data);
    assert_int_equal(summary.tokens, full.len + 2);
    assert_int_equal(summary.rows, 0);
    gd_items_free_results(&single);
    assert_null(result.ids);
    item.plain = 1;
    assert_ok(gd_score_items(model, &single, NULL, NULL, test_err));
    assert_int_equal(result.tokens[0], bare.len);
    assert_int_equal(result.tokens[1], 0); /* which could not be scored */
    assert_memory_equal(result.ids[0], bare.data, bare.len * sizeof *bare.data);
    gd_items_free_results(&single);
    gd_ids_free(&full);
    gd_ids_free(&bare);
    gd_model_close(model);
}

/* Neither the tokenizer's own nor the end-of-sequence token; and where it is cut, none is kept. */
static void a_plain_text_has_no_special_tokens(void **state)
{
    gd_model *model = open_framing(*state, GD_ADD_EOS_ALWAYS);
    gd_ids bare = { 0 };
    gd_item item = ITEM(GD_ITEM_TEXT, NULL, longer), given = item;
    gd_item_result result, want;
    gd_part part = { 0 };

    assert_ok(gd_tokenize_bare(model->encoder.tokenizer, longer[0].text.data, longer[0].text.len, &bare, test_err));
    for (size_t cut = 0; cut < 2; cut++) {
        item.plain = 1;
        item.truncate = "left";
        item.max_length = cut ? 7 : 0;
        part.ids = bare.data + (cut ? bare.len - 7 : 0);
        part.id_count = cut ? 7 : bare.len;
        given.parts = &part;
        result = score_one(model, &item);
        want = score_one(model, &given);
        assert_int_equal(result.truncated, (int)cut);
        result.truncated = 0;
        same_results(&result, &want);
        free_one(&result);
        free_one(&want);
    }
    gd_ids_free(&bare);
    gd_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_a_line_of_a_file),
        cmocka_unit_test(a_record_has_no_parts),
        cmocka_unit_test(an_item_is_cut_as_it_wishes),
        cmocka_unit_test(a_wrong_wish_is_an_error_of_the_item),
        cmocka_unit_test_setup_teardown(an_item_becomes_ids, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(a_plain_text_has_no_special_tokens, dir_setup, dir_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
