/* test_relevance.c - the adapter that is shipped, adapters/relevance: its card says what its settings and its files
 * say, and its scores are those of PEFT. The scores are skipped where the model is missing: ./quickstart makes it. */
#include "tests/reward/smollm2.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "quant-free/safetensors.h"

#include <jansson.h>
#include <math.h>

enum { PAIRS = 16 };

static const char *adapter_file(char path[TEST_PATH], const char *name)
{
    const char *srcdir = getenv("srcdir");

    (void)snprintf(path, TEST_PATH, "%s/adapters/relevance/%s", srcdir ? srcdir : ".", name);
    return path;
}

static json_t *load(const char *name)
{
    char path[TEST_PATH];
    json_t *json;

    assert_ok(gd_json_load(&json, adapter_file(path, name), 1 << 20, test_err));
    return json;
}

static json_t *member(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);

    if (!value)
        fail_msg("%s is missing", key);
    return value;
}

/* ---- what is written about it ---- */

/* Fails unless the card has a row "| title | value |"; it writes _ as \_. */
static void has_row(const char *card, const char *title, const char *value)
{
    gd_buf row = { 0 };

    gd_buf_str(&row, "\n| ");
    for (const char *p = title; *p; p++)
        gd_buf_printf(&row, "%s%c", *p == '_' ? "\\" : "", *p);
    gd_buf_str(&row, " | ");
    for (const char *p = value; *p; p++)
        gd_buf_printf(&row, "%s%c", *p == '_' ? "\\" : "", *p);
    gd_buf_str(&row, " |\n");
    assert_non_null(gd_buf_cstr(&row));
    assert_contains(card, row.data);
    gd_buf_free(&row);
}

static void put_value(gd_buf *out, const json_t *value)
{
    size_t i;
    json_t *one;

    if (json_is_number(value))
        gd_buf_printf(out, "%g", json_number_value(value));
    else if (json_is_string(value))
        gd_buf_str(out, json_string_value(value));
    else if (json_is_null(value))
        gd_buf_str(out, "none");
    else
        json_array_foreach(value, i, one)
            gd_buf_printf(out, "%s%s", i ? ", " : "", json_string_value(one));
}

/* 603056 as 603,056. */
static void put_count(gd_buf *out, const json_t *object, const char *key)
{
    const long long count = json_integer_value(member(object, key));

    if (count < 1000)
        gd_buf_printf(out, "%lld", count);
    else
        gd_buf_printf(out, "%lld,%03lld", count / 1000, count % 1000);
}

static char *read_card(void)
{
    char path[TEST_PATH], *card;
    size_t len;

    assert_ok(gd_file_read(&card, &len, adapter_file(path, "README.md"), 1 << 20, test_err));
    return card;
}

static void the_card_says_what_the_settings_say(void **state)
{
    static const char *const counts[][2] = { { "records", "records" },
                                             { "records that it learnt from", "kept" },
                                             { "left out: a text is too long", "too_long" },
                                             { "pairs", "pairs" },
                                             { "tokens", "tokens" },
                                             { "longest text, in tokens", "longest" } };
    json_t *json = load("guerdon-adapter.json"), *training = member(json, "training"), *value;
    char *card = read_card();
    const char *key;
    gd_buf text = { 0 };

    (void)state;
    json_object_foreach(member(training, "settings"), key, value) {
        gd_buf_clear(&text);
        put_value(&text, value);
        assert_non_null(gd_buf_cstr(&text));
        has_row(card, key, text.data);
    }
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        gd_buf_clear(&text);
        put_count(&text, member(training, "data"), counts[i][1]);
        assert_non_null(gd_buf_cstr(&text));
        has_row(card, counts[i][0], text.data);
    }
    gd_buf_free(&text);
    gd_free(card);
    json_decref(json);
}

/* Training and scoring must not part: texts become tokens as they did. */
static void it_is_scored_as_it_was_trained(void **state)
{
    json_t *json = load("guerdon-adapter.json"), *scoring = member(json, "scoring"), *value;
    const char *key;

    (void)state;
    json_object_foreach(scoring, key, value) {
        if (strcmp(key, "normalize") != 0)
            assert_true(json_equal(value, member(member(member(json, "training"), "settings"), key)));
    }
    json_decref(json);
}

static void its_files_are_what_the_settings_say(void **state)
{
    char path[TEST_PATH], flags[64];
    json_t *json = load("guerdon-adapter.json"), *config = load("adapter_config.json");
    const json_t *training = member(json, "training"), *settings = member(training, "settings");
    char *card = read_card();
    gd_buf count = { 0 };
    gd_st *file;
    size_t numbers = 0;

    (void)state;
    assert_true(json_equal(member(config, "r"), member(settings, "lora_r")));
    assert_true(json_number_value(member(config, "lora_alpha")) == json_number_value(member(settings, "lora_alpha")));
    assert_true(json_equal(member(config, "target_modules"), member(settings, "lora_targets")));
    assert_true(json_equal(member(config, "base_model_name_or_path"), member(training, "base")));
    assert_ok(gd_st_open(&file, adapter_file(path, "adapter_model.safetensors"), test_err));
    for (size_t i = 0; i < gd_st_count(file); i++)
        numbers += gd_st_at(file, i)->bytes / sizeof(float);
    gd_st_close(file);
    assert_int_equal(numbers, json_integer_value(member(training, "parameters")));
    put_count(&count, training, "parameters");
    assert_non_null(gd_buf_cstr(&count));
    assert_contains(card, count.data);
    (void)snprintf(flags, sizeof flags, "--lora-r %lld --learning-rate 5e-4 ",
                   json_integer_value(member(settings, "lora_r")));
    assert_contains(card, flags);
    gd_buf_free(&count);
    gd_free(card);
    json_decref(config);
    json_decref(json);
}

/* ---- scores ---- */

/* Scores the stored pairs into a file, and returns its text. */
static char *score(const char *precision)
{
    char adapter[TEST_PATH], pairs[TEST_PATH], out[TEST_PATH], *text;
    gd_options options;
    gd_file_options files;
    gd_model *model;
    size_t len;

    (void)test_file(out);
    gd_options_init(&options);
    options.model = smollm2_dir;
    options.adapter = adapter_file(adapter, ".");
    options.precision = precision;
    gd_file_options_init(&files);
    files.input = test_data(pairs, sizeof pairs, "relevance/pairs.jsonl");
    files.output = out;
    assert_ok(gd_model_open(&model, &options, test_err));
    assert_ok(gd_score_file(model, &files, NULL, NULL, test_err));
    gd_model_close(model);
    assert_ok(gd_file_read(&text, &len, out, 1 << 20, test_err));
    assert_int_equal(unlink(out), 0);
    return text;
}

/* Of each pair, the scores of the chosen and the rejected text. */
static void read_scores(const char *text, double scores[2 * PAIRS], bool peft)
{
    size_t count = 0;

    for (const char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        json_t *value;

        assert_true(count < PAIRS);
        assert_ok(gd_json_parse(&value, line, (size_t)(end - line), "scores", test_err));
        for (size_t side = 0; side < 2; side++)
            scores[2 * count + side] = json_number_value(peft ? json_array_get(member(value, "peft"), side)
                                                              : member(value, side ? "rejected" : "chosen"));
        json_decref(value);
        count++;
    }
    assert_int_equal(count, PAIRS);
}

static size_t right_of(const double scores[2 * PAIRS])
{
    size_t right = 0;

    for (size_t i = 0; i < PAIRS; i++)
        right += scores[2 * i] > scores[2 * i + 1];
    return right;
}

static char *read_data(const char *name)
{
    char path[TEST_PATH], *text;
    size_t len;

    assert_ok(gd_file_read(&text, &len, test_data(path, sizeof path, name), 1 << 20, test_err));
    return text;
}

static void its_scores_are_those_of_peft(void **state)
{
    double want[2 * PAIRS], got[2 * PAIRS];
    char *peft, *ours;

    (void)state;
    if (!smollm2_find())
        skip();
    peft = read_data("relevance/pairs.jsonl");
    ours = score("fp32");
    read_scores(peft, want, true);
    read_scores(ours, got, false);
    for (size_t i = 0; i < 2 * PAIRS; i++)
        if (!(fabs(got[i] - want[i]) <= 1e-4))
            fail_msg("score %zu is %.9g, but PEFT's is %.9g", i, got[i], want[i]);
    assert_int_equal(right_of(got), right_of(want));
    gd_free(peft);
    gd_free(ours);
}

/* In bf16, as ./quickstart scores: these bytes, on every machine. */
static void its_scores_have_the_same_bits(void **state)
{
    double scores[2 * PAIRS];
    char *want, *got;

    (void)state;
    if (!smollm2_find())
        skip();
    want = read_data("relevance/scores.jsonl");
    got = score("bf16");
    assert_string_equal(got, want);
    read_scores(got, scores, false);
    assert_true(right_of(scores) >= PAIRS * 3 / 4); /* 83 % of all */
    gd_free(want);
    gd_free(got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_card_says_what_the_settings_say), cmocka_unit_test(it_is_scored_as_it_was_trained),
        cmocka_unit_test(its_files_are_what_the_settings_say), cmocka_unit_test(its_scores_are_those_of_peft),
        cmocka_unit_test(its_scores_have_the_same_bits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
