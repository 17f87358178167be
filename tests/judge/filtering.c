/* filtering.c - shared by the tests of rank and filter. */
#include "tests/judge/filtering.h"

#include "base/mem.h"

gd_model *model;

char *read_text(const char *path)
{
    FILE *f = fopen(path, "rb");
    char *text = calloc(1, 1 << 20);

    assert_true(f && text);
    assert_true(fread(text, 1, (1 << 20) - 1, f) < (1 << 20) - 1);
    assert_int_equal(fclose(f), 0);
    return text;
}

void expect_text(const char *path, const char *want)
{
    char *text = read_text(path);

    assert_string_equal(text, want);
    free(text);
}

float score_alone(const char *prompt, const char *answer)
{
    char text[512];
    float score;

    (void)snprintf(text, sizeof text, "%s%s", prompt, answer);
    assert_ok(gd_score(model, 1, &(gd_text){ text, strlen(text) }, &score, NULL, test_err));
    return score;
}

void write_texts(const char *dir, float *scores)
{
    char *all = calloc(1, 1 << 16), text[32];

    assert_non_null(all);
    for (int i = 0; i < ITEMS; i++) {
        (void)snprintf(text, sizeof text, "number %d", i * 37 % 101);
        scores[i] = score_alone(text, "");
        (void)snprintf(all + strlen(all), 200, " {\"id\": %d00000000000000000000,\t\"text\":\"%s\"}  \n", i + 1, text);
        if (i == 5)
            strcat(all, "not JSON\n\n");
    }
    write_text(dir, "in.jsonl", all);
    free(all);
}

gd_filter_options filter_options(const char *dir, gd_filter_by by, double limit)
{
    gd_filter_options how;

    gd_filter_options_init(&how);
    how.input = in_dir(dir, "in.jsonl");
    how.output = in_dir(dir, "kept");
    how.rejects = in_dir(dir, "rejects");
    how.by = by;
    how.limit = limit;
    return how;
}

int filtering_open(void **state)
{
    const gd_options options = golden_options("qwen2", 0);
    float score;

    (void)state;
    if (gd_model_open(&model, &options, NULL))
        return -1;
    for (int i = 0; i < 2; i++) /* loads what the model keeps */
        if (gd_score(model, 1, &(gd_text){ "a b c d e f g h", 15 }, &score, NULL, NULL))
            return -1;
    return 0;
}

int filtering_close(void **state)
{
    (void)state;
    gd_model_close(model);
    return gd_mem_live() ? -1 : 0;
}
