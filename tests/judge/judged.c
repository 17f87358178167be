/* judged.c - shared by the tests of gd_eval(). */
#include "tests/judge/judged.h"

static char model_path[512], input_path[512];
gd_model *judged_model;

int judged_open(void **state)
{
    gd_options options;

    (void)state;
    gd_options_init(&options);
    options.model = test_data(model_path, sizeof model_path, "golden/qwen2");
    options.max_length = 100;
    options.truncate = GD_TRUNCATE_LEFT;
    options.threads = 2;
    return gd_model_open(&judged_model, &options, NULL) ? -1 : 0;
}

int judged_close(void **state)
{
    (void)state;
    gd_model_close(judged_model);
    return 0;
}

gd_eval_options judged_options(const char *input)
{
    gd_eval_options how;

    gd_eval_options_init(&how);
    how.input = input;
    return how;
}

/* Runs it, and expects this status. */
json_t *judged_run(const gd_eval_options *how, gd_status want, gd_summary *summary)
{
    gd_error err = { 0 };
    char *text;
    json_t *root;
    const gd_status rc = gd_eval(judged_model, how, NULL, summary, &text, &err);

    if (rc != want)
        fail_msg("status %d instead of %d: %s", (int)rc, (int)want, err.text);
    root = parsed(text);
    assert_string_equal(json_string_value(field(root, "format")), "guerdon-eval/1");
    gd_string_free(text);
    return root;
}

const char *judged_input(const char *name)
{
    char file[64];

    (void)snprintf(file, sizeof file, "judge/%s.jsonl", name);
    return test_data(input_path, sizeof input_path, file);
}

const char *judged_file(char path[TEST_PATH], const char *text)
{
    FILE *file = fopen(test_file(path), "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    return path;
}

/* ---- jansson's memory ---- */

static json_malloc_t usual_malloc;
static json_free_t usual_free;
static long json_live;
static uint64_t json_left; /* counts down to the allocation that fails; 0: none does */

static void *json_alloc(size_t bytes)
{
    void *p;

    if (json_left == 1)
        return NULL;
    json_left -= json_left > 0;
    p = malloc(bytes);
    json_live += p != NULL;
    return p;
}

static void json_release(void *p)
{
    json_live -= p != NULL;
    free(p);
}

void judged_json_begin(void)
{
    json_get_alloc_funcs(&usual_malloc, &usual_free);
    json_set_alloc_funcs(json_alloc, json_release);
}

void judged_json_fail_from(uint64_t n) { json_left = n; }
long judged_json_live(void) { return json_live; }

void judged_json_end(void)
{
    json_left = 0;
    json_set_alloc_funcs(usual_malloc, usual_free);
}
