/* test_outputs.c - no output overwrites what is read, or another output: whatever names and links lead to it. */
#include "tests/quant-free/files.h"
#include "tests/reward/golden.h"

#include <sys/stat.h>

static const char *dir;

static char *at(const char *name) /* freed by the test */
{
    char *path = NULL;

    assert_true(asprintf(&path, "%s/%s", dir, name) > 0);
    return path;
}

static void copy_files(const char *to, const char *from, const char *const *names)
{
    (void)make_dir(dir, to);
    for (; *names; names++) {
        char ours[100], theirs[100];

        (void)snprintf(ours, sizeof ours, "%s/%s", to, *names);
        (void)snprintf(theirs, sizeof theirs, "golden/%s/%s", from, *names);
        copy_data(dir, ours, theirs);
    }
}

/* A model and an adapter, an input, and links to all of them. */
static gd_options prepare(void **state)
{
    static const char *const model[] = { "config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors",
                                         NULL };
    static const char *const adapter[] = { "adapter_config.json", "adapter_model.safetensors", NULL };
    static char model_path[512], adapter_path[512], norm[512];
    gd_options options = golden_options("qwen2", 1);

    dir = *state;
    copy_files("m", "qwen2", model);
    copy_files("a", "qwen2-lora", adapter);
    write_text(dir, "in.jsonl", "{\"chosen\":\"tea\",\"rejected\":\"coffee\"}\n");
    write_text(dir, "norm.json", "{\"format\":\"guerdon-calibration/1\",\"mean\":0,\"std\":1,\"count\":2}");
    write_text(dir, "m/README.md", "A model.");
    assert_int_equal(symlink("m", in_dir(dir, "linked")), 0);
    assert_int_equal(symlink("in.jsonl", in_dir(dir, "soft.jsonl")), 0);
    assert_int_equal(link(in_dir(dir, "in.jsonl"), in_dir(dir, "hard.jsonl")), 0);
    assert_int_equal(link(in_dir(dir, "m/model.safetensors"), in_dir(dir, "weights.jsonl")), 0);
    assert_int_equal(symlink("a/adapter_model.safetensors", in_dir(dir, "lora.jsonl")), 0);
    (void)make_dir(dir, "templates");
    write_text(dir, "templates/default.jinja", "{{ messages[0].content }}");
    assert_int_equal(symlink("../templates", in_dir(dir, "m/additional_chat_templates")), 0);
    (void)snprintf(model_path, sizeof model_path, "%s/m", dir);
    (void)snprintf(adapter_path, sizeof adapter_path, "%s/a", dir);
    (void)snprintf(norm, sizeof norm, "%s/norm.json", dir);
    options.model = model_path;
    options.adapter = adapter_path;
    options.normalize = norm;
    return options;
}

/* What must not be written. */
static const char *const refused[] = {
    "in.jsonl",
    "./in.jsonl",
    "soft.jsonl",
    "hard.jsonl",
    "m/model.safetensors",
    "linked/model.safetensors",
    "weights.jsonl",
    "m/config.json",
    "m/tokenizer.json",
    "m/tokenizer_config.json",
    "m/README.md",
    "m/chat_template.jinja",
    "templates/default.jinja",
    "m/new.json",
    "m/out",
    "linked/new.bin",
    "a/adapter_model.safetensors",
    "lora.jsonl",
    "a/adapter_config.json",
    "a/merges.txt",
    "norm.json",
    "m/x.json.gz",
    "a/../m/./config.json",
};
enum { REFUSED = sizeof refused / sizeof refused[0] };

/* A directory's files and their sizes and times, to see that nothing was touched. */
static unsigned long long state_of(const char *name)
{
    char command[1200];
    unsigned long long sum = 0;
    FILE *f;

    (void)snprintf(command, sizeof command, "cd '%s' && find . -printf '%%p %%s %%T@\\n' | sort | cksum", name);
    f = popen(command, "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%llu", &sum), 1);
    assert_int_equal(pclose(f), 0);
    return sum;
}

typedef gd_status run_to(gd_model *model, const char *output, gd_error *err);

static gd_status score(gd_model *model, const char *output, gd_error *err)
{
    const gd_file_options how = from_to(in_dir(dir, "in.jsonl"), output, GD_FORMAT_AUTO);

    return gd_score_file(model, &how, NULL, NULL, err);
}

static gd_status reject(gd_model *model, const char *output, gd_error *err)
{
    gd_filter_options how;
    char *json = NULL;
    gd_status rc;

    gd_filter_options_init(&how);
    how.input = in_dir(dir, "in.jsonl");
    how.output = in_dir(dir, "kept.jsonl");
    how.rejects = output;
    how.by = GD_FILTER_FLIP_BELOW;
    rc = gd_filter_file(model, &how, NULL, NULL, &json, err);
    gd_string_free(json);
    return rc;
}

static gd_status rank(gd_model *model, const char *output, gd_error *err)
{
    gd_rank_options how;

    gd_rank_options_init(&how);
    how.input = in_dir(dir, "in.jsonl");
    how.output = in_dir(dir, "ranked.jsonl");
    how.pairs = GD_PAIRS_ALL;
    how.pairs_output = output;
    return gd_rank_file(model, &how, NULL, NULL, err);
}

static gd_status eval(gd_model *model, const char *output, gd_error *err)
{
    gd_eval_options how;
    char *json = NULL;
    gd_status rc;

    gd_eval_options_init(&how);
    how.input = in_dir(dir, "in.jsonl");
    how.scores = output;
    rc = gd_eval(model, &how, NULL, NULL, &json, err);
    gd_string_free(json);
    return rc;
}

static void what_is_read_is_not_overwritten(void **state)
{
    static run_to *const runs[] = { score, reject, rank, eval };
    const gd_options options = prepare(state);
    const unsigned long long before = state_of(dir);
    gd_model *model;

    assert_ok(gd_model_open(&model, &options, test_err));
    for (size_t r = 0; r < 4; r++)
        for (size_t i = 0; i < REFUSED; i++) {
            char *path = at(refused[i]);
            gd_error err = { 0 };

            if (runs[r](model, path, &err) != GD_EUSAGE || !strstr(err.text, path) || state_of(dir) != before)
                fail_msg("run %zu to %s: %s", r, path, err.text);
            free(path);
        }
    gd_model_close(model);
}

static void tokens_do_not_overwrite_either(void **state)
{
    const gd_options options = prepare(state);
    const unsigned long long before = state_of(dir);

    for (size_t i = 0; i < REFUSED; i++) {
        char *path = at(refused[i]);
        const gd_file_options how = from_to(in_dir(dir, "in.jsonl"), path, GD_FORMAT_AUTO);
        gd_error err = { 0 };

        if (gd_tokenize_file(&options, &how, NULL, NULL, &err) != GD_EUSAGE || state_of(dir) != before)
            fail_msg("tokens to %s: %s", path, err.text);
        free(path);
    }
}

/* Results may lie beside the model, and be written again. */
static void results_beside_a_model(void **state)
{
    static const char *const names[] = { "m/scores.jsonl", "m/scores.jsonl.gz", "linked/s.jsonl.zst",
                                         "a/guerdon-scores", "out" };
    static const char *const tables[] = { "a/rows.csv", "m/rows.tsv" }; /* which filter writes, of others */
    const gd_options options = prepare(state);
    gd_model *model;

    assert_ok(gd_model_open(&model, &options, test_err));
    for (size_t i = 0; i < 2 * (sizeof names / sizeof names[0]); i++)
        assert_ok(score(model, in_dir(dir, names[i / 2]), test_err));
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        assert_ok(gd_check_outputs(&options, NULL, 0, (const char *const[]){ in_dir(dir, tables[i]) }, 1, test_err));
    gd_model_close(model);
}

/* Standard output is one stream, whatever it is and however it is named. */
static void two_outputs_on_standard_output(void **state)
{
    static const char *const names[] = { "-", "/dev/stdout", "/proc/self/fd/1" };
    const gd_options options = prepare(state);
    char *input = at("in.jsonl");
    gd_rank_options how;
    gd_model *model;

    assert_ok(gd_model_open(&model, &options, test_err));
    gd_rank_options_init(&how);
    how.input = input;
    how.pairs = GD_PAIRS_ALL;
    for (size_t i = 0; i < 9; i++) {
        gd_error err = { 0 };

        how.output = names[i / 3];
        how.pairs_output = names[i % 3];
        assert_int_equal(gd_rank_file(model, &how, NULL, NULL, &err), GD_EUSAGE);
        assert_contains(err.text, "mixed on standard output");
    }
    gd_model_close(model);
    free(input);
}

/* gd_check_outputs(): as above; patterns of inputs, and outputs among themselves. */
static void files_that_the_program_writes(void **state)
{
    const gd_options options = prepare(state);
    char *input = at("in.json?"), *page = at("page.html"), *same = at("./linked/../page.html"), *other = at("m/x.html");
    const char *const inputs[] = { NULL, input };
    const char *outputs[] = { NULL, page, other, "-", "-" };
    gd_error err = { 0 };

    assert_ok(gd_check_outputs(&options, inputs, 2, outputs, 5, test_err));
    for (size_t i = 0; i < REFUSED; i++) {
        char *path = at(refused[i]);

        outputs[0] = path;
        if (gd_check_outputs(&options, inputs, 2, outputs, 5, NULL) != GD_EUSAGE)
            fail_msg("a page to %s", path);
        free(path);
    }
    outputs[0] = same;
    assert_int_equal(gd_check_outputs(&options, inputs, 2, outputs, 5, &err), GD_EUSAGE);
    assert_contains(err.text, "page.html: this is the same file as ");
    outputs[0] = input; /* no model, and no input */
    assert_ok(gd_check_outputs(NULL, NULL, 0, outputs, 5, test_err));
    free(input);
    free(page);
    free(same);
    free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_read_is_not_overwritten, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(tokens_do_not_overwrite_either, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(results_beside_a_model, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(two_outputs_on_standard_output, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(files_that_the_program_writes, dir_setup, dir_teardown),
    };

    return cmocka_run_group_tests_name("reward: outputs", tests, NULL, NULL);
}
