/* test_forms.c - rows as common data sets have them: the ids of each, or its error.  make_forms.py in data/forms says
 * where the right ids come from. */
#include "tests/fields.h"
#include "tests/quant-free/files.h"
#include "tests/reward/golden.h"

#include <stdbool.h>

enum { MOST_LINE = 1 << 16 };

/* The lists of ids in an output line: "ids", which holds numbers or lists of them, or "chosen" and "rejected". */
static json_t *lists_of(const json_t *line)
{
    const json_t *ids = json_object_get(line, "ids");

    if (!ids)
        return json_pack("[OO]", field(line, "chosen"), field(line, "rejected"));
    return json_is_array(json_array_get(ids, 0)) ? json_copy((json_t *)ids) : json_pack("[O]", ids);
}

/* Whether the output line is what the row must become; says what it is if not. */
static bool is_right(const json_t *row, const char *output)
{
    json_t *line = parsed(output), *lists = NULL;
    const char *error = json_string_value(json_object_get(line, "error"));
    const char *wanted = json_string_value(json_object_get(row, "error"));
    bool right;

    if (!wanted && !error)
        lists = lists_of(line);
    right = wanted ? error && strstr(error, wanted) : lists && json_equal(lists, field(row, "ids"));
    if (!right)
        print_error("%s: %s\n", json_string_value(field(row, "name")), output);
    json_decref(lists);
    json_decref(line);
    return right;
}

static void tokenize(const char *dir, const json_t *row, char output[MOST_LINE])
{
    const char *suffix = json_string_value(field(row, "suffix"));
    gd_options options = golden_options("qwen2", 0);
    gd_file_options files = { .struct_size = sizeof files };
    char name[16];
    gd_status rc;
    FILE *f;

    (void)snprintf(name, sizeof name, "in%s", suffix);
    write_text(dir, name, json_string_value(field(row, "file")));
    options.max_length = 0;
    options.chat_format = json_string_value(field(row, "chat"));
    options.turns = json_string_value(field(row, "turns"));
    files.input = in_dir(dir, name);
    files.output = in_dir(dir, "out.jsonl");
    files.fields = json_string_value(field(row, "fields"));
    rc = gd_tokenize_file(&options, &files, NULL, NULL, NULL);
    assert_true(rc == GD_OK || rc == GD_EITEM);
    f = fopen(files.output, "r");
    assert_true(f && fgets(output, MOST_LINE, f));
    assert_int_equal(fgetc(f), EOF);
    assert_int_equal(fclose(f), 0);
}

static void each_row_becomes_what_it_means(void **state)
{
    static char line[MOST_LINE], output[MOST_LINE];
    char path[1024];
    size_t rows = 0, wrong = 0;
    FILE *f = fopen(test_data(path, sizeof path, "forms/forms.jsonl"), "r");

    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        json_t *row = parsed(line);

        tokenize(*state, row, output);
        wrong += !is_right(row, output);
        rows++;
        json_decref(row);
    }
    assert_int_equal(fclose(f), 0);
    assert_true(rows > 200);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_row_becomes_what_it_means, dir_setup, dir_teardown),
    };

    return cmocka_run_group_tests_name("reward: forms of rows", tests, NULL, NULL);
}
