/* test_crosscheck.c - gd_crosscheck() as its callers see it: verdicts, sides in files, batches, options, memory. */
#include "tests/check.h"
#include "tests/cross/both.h"
#include "tests/quant-free/files.h"
#include "tests/reward/golden.h"

#include "backends/cpu/device.h"
#include "base/file.h"
#include "base/mem.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static json_t *checked(const gd_options *options, const gd_crosscheck_options *how)
{
    char *text = NULL;
    json_t *root;

    assert_ok(gd_crosscheck(options, how, NULL, &text, test_err));
    root = json_loads(text, 0, NULL);
    assert_non_null(root);
    gd_string_free(text);
    return root;
}

static gd_crosscheck_options options_for(const char *input, const char *left, const char *right)
{
    gd_crosscheck_options how;

    gd_crosscheck_options_init(&how);
    how.input = input;
    how.left = left;
    how.right = right;
    return how;
}

static void expect(const gd_options *options, const gd_crosscheck_options *how, const char *verdict)
{
    json_t *root = checked(options, how);

    if (strcmp(json_string_value(json_object_get(root, "verdict")), verdict))
        fail_msg("%s and %s: %s, but %s is expected", how->left, how->right,
                 json_string_value(json_object_get(root, "sentence")), verdict);
    json_decref(root);
}

/* The same contract: every instruction set of this machine, any threads, memory and batch. */
static void one_contract_has_the_same_bits(void **state)
{
    gd_options options = golden_options("qwen3", 1);
    gd_crosscheck_options how = options_for(both_input(*state), NULL, NULL);
    const char *isa;

    for (size_t i = 0; (isa = gd_backend_cpu.isa(i)) != NULL; i++) {
        static const char *const numerics[] = { "exact", "tensor", "tensor8" };

        for (size_t n = 0; n < 3; n++) {
            char left[64], right[64];

            (void)snprintf(left, sizeof left, "cpu:%s:generic", numerics[n]);
            (void)snprintf(right, sizeof right, "cpu:%s:%s", numerics[n], isa);
            how.left = left;
            how.right = right;
            expect(&options, &how, "equal");
        }
    }
    how.left = "cpu::generic:fp32";
    how.right = ":::fp32";
    expect(&options, &how, "equal");
    how.left = NULL;
    how.right = "cpu";
    options.threads = 3;
    options.memory = SANITIZED ? 0 : (size_t)64 << 20;
    options.batch_tokens = 70;
    expect(&options, &how, "equal");
    options.no_share_prefix = 1;
    expect(&options, &how, "equal");
}

static void other_contracts_are_within_their_bounds(void **state)
{
    static const char *const sides[][2] = { { "cpu", "cpu:tensor8" },
                                            { "cpu:tensor", "cpu:tensor8" },
                                            { "cpu:::fp32", "cpu" },
                                            { NULL, NULL } };
    const gd_options options = golden_options("gemma2", 1);
    gd_crosscheck_options how = options_for(both_input(*state), NULL, NULL);

    for (size_t i = 0; i < sizeof sides / sizeof sides[0]; i++) {
        how.left = sides[i][0];
        how.right = sides[i][1];
        expect(&options, &how, "within");
    }
}

/* A merged model, whose weights are rounded, and the adapter's own: with and without it, which is no rounding. */
static void adapters_are_compared(void **state)
{
    const gd_options options = golden_options("llama", 1);
    const char *merged = in_dir(*state, "merged");
    gd_crosscheck_options how = options_for(both_input(*state), NULL, "cpu");

    assert_ok(gd_merge(&options, merged, NULL, test_err));
    how.right_model = merged;
    expect(&options, &how, "within");
    how.right_model = NULL;
    how.right_adapter = "";
    expect(&options, &how, "beyond");
}

static void a_side_may_come_from_elsewhere(void **state)
{
    gd_options options = golden_options("mistral", 0);
    gd_crosscheck_options how = options_for(both_input(*state), "cpu::generic", NULL);
    json_t *root;

    options.batch_tokens = 70; /* there; here all texts are one batch */
    how.save = in_dir(*state, "side");
    root = checked(&options, &how);
    assert_string_equal(json_string_value(json_object_get(root, "verdict")), "saved");
    assert_true(json_is_null(json_object_get(root, "right")));
    json_decref(root);
    options.batch_tokens = 0;
    how = options_for(both_input(*state), NULL, "cpu");
    how.against = in_dir(*state, "side");
    expect(&options, &how, "equal");
    how.right = "cpu:tensor";
    expect(&options, &how, "within");
}

/* Copies a checkpoint's tensors, and changes the exponent of a number of one of them. */
static void copy_with_wrong_weight(const char *dir, const char *model, const char *name)
{
    char path[TEST_PATH], *data;
    uint64_t header;
    size_t len;
    json_t *root;

    (void)test_data(path, sizeof path, model);
    assert_ok(gd_file_read(&data, &len, path, 1 << 24, test_err));
    memcpy(&header, data, sizeof header);
    root = json_loadb(data + 8, header, 0, NULL);
    assert_non_null(root);
    data[8 + header +
         (size_t)json_integer_value(json_array_get(json_object_get(json_object_get(root, name), "data_offsets"), 0)) +
         1001] ^= 1;
    write_bytes(dir, "model.safetensors", data, len);
    json_decref(root);
    gd_free(data);
}

/* A weight that is wrong in one model is found where it is used, though both claim to be the same. */
static void a_changed_weight_is_found(void **state)
{
    const gd_options options = golden_options("qwen2", 0);
    const char *other = make_dir(*state, "other");
    gd_crosscheck_options how = options_for(both_input(*state), NULL, "cpu");
    json_t *root, *first;

    copy_data(other, "config.json", "golden/qwen2/config.json");
    copy_data(other, "tokenizer.json", "golden/qwen2/tokenizer.json");
    copy_data(other, "tokenizer_config.json", "golden/qwen2/tokenizer_config.json");
    copy_with_wrong_weight(other, "golden/qwen2/model.safetensors", "model.layers.1.mlp.down_proj.weight");
    how.right_model = other;
    root = checked(&options, &how);
    assert_string_equal(json_string_value(json_object_get(root, "verdict")), "different");
    first = json_object_get(root, "first");
    assert_string_equal(json_string_value(json_object_get(first, "name")),
                        "layer 1: linear model.layers.1.mlp.down_proj");
    assert_int_equal(json_integer_value(json_object_get(first, "layer")), 1);
    assert_true(json_is_true(json_object_get(first, "alone")));
    json_decref(root);
}

static void refuses(const gd_options *options, const gd_crosscheck_options *how, gd_status wanted, const char *sentence)
{
    gd_error err = { 0 };
    char *text = NULL;

    assert_int_equal(gd_crosscheck(options, how, NULL, &text, &err), wanted);
    assert_null(text);
    if (!strstr(err.text, sentence))
        fail_msg("no \"%s\" in: %s", sentence, err.text);
}

static void wrong_options_are_refused(void **state)
{
    gd_options options = golden_options("qwen2", 0);
    const char *input = both_input(*state);
    gd_crosscheck_options how = options_for(NULL, NULL, NULL);

    refuses(&options, &how, GD_EUSAGE, "no input");
    how = options_for(input, "cpu:a:b:c:d", NULL);
    refuses(&options, &how, GD_EUSAGE, "left: more than four parts");
    how = options_for(input, NULL, "cpu:slow");
    refuses(&options, &how, GD_EUSAGE, "right: numerics \"slow\"");
    how = options_for(input, "nothing", NULL);
    refuses(&options, &how, GD_EUSAGE, "nothing");
    how = options_for(input, NULL, "cpu");
    how.save = in_dir(*state, "side");
    refuses(&options, &how, GD_EUSAGE, "save is of one side");
    options.more_adapter_count = 1;
    refuses(&options, &how, GD_EUSAGE, "more_adapter_count is 1, but a side has one adapter at most");
    options.more_adapter_count = 0;
    how.right = NULL;
    how.against = in_dir(*state, "side");
    refuses(&options, &how, GD_EUSAGE, "against can't be given");
    how.save = NULL;
    how.left = "cpu";
    refuses(&options, &how, GD_EUSAGE, "the left side comes from");
    how = options_for(input, NULL, NULL);
    options.precision = "fp32";
    refuses(&options, &how, GD_EUSAGE, "a second side is expected");
    options.precision = NULL;
    options.dry_run = 1;
    refuses(&options, &how, GD_EUSAGE, "dry_run");
    options.dry_run = 0;
    write_text(*state, "empty.jsonl", "{\"text\":\"\"}\n{\"nothing\":1}\n");
    how.input = in_dir(*state, "empty.jsonl");
    refuses(&options, &how, GD_EFORMAT, "there is no text to compare");
    how.struct_size = 3;
    refuses(&options, &how, GD_EUSAGE, "struct_size");
}

static int stop_soon(void *context, uint64_t items, uint64_t done, uint64_t total, uint64_t tokens)
{
    unsigned *left = context;

    (void)items;
    (void)tokens;
    assert_true(done <= total);
    return (*left)-- == 0;
}

static void a_run_can_be_stopped(void **state)
{
    const gd_options options = golden_options("qwen2", 0);
    const gd_crosscheck_options how = options_for(both_input(*state), NULL, NULL);
    gd_progress progress;
    gd_error err = { 0 };
    unsigned left = 1;
    char *text;

    gd_progress_init(&progress);
    progress.report = stop_soon;
    progress.context = &left;
    assert_int_equal(gd_crosscheck(&options, &how, &progress, &text, &err), GD_EINTERRUPTED);
    assert_null(text);
}

/* Every allocation fails once, with all after it. */
static void little_memory_is_told(void **state)
{
    gd_options options = golden_options("blocks", 0);
    const gd_crosscheck_options how = options_for(both_input(*state), NULL, NULL);
    gd_status rc = GD_ENOMEM;
    const uint64_t live = gd_mem_live();

    options.threads = 1;
    for (uint64_t n = 1; rc == GD_ENOMEM; n += 1 + n / 40) {
        char *text = NULL;

        gd_mem_fail_from(n);
        rc = gd_crosscheck(&options, &how, NULL, &text, &(gd_error){ 0 });
        gd_mem_fail_from(0);
        gd_string_free(text);
        assert_true(rc == GD_OK || !text);
        assert_true(gd_mem_live() == live);
    }
    assert_int_equal(rc, GD_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_contract_has_the_same_bits, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(other_contracts_are_within_their_bounds, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(adapters_are_compared, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(a_side_may_come_from_elsewhere, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(a_changed_weight_is_found, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(wrong_options_are_refused, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(a_run_can_be_stopped, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(little_memory_is_told, dir_setup, dir_teardown),
    };

    return cmocka_run_group_tests_name("gd_crosscheck", tests, NULL, NULL);
}
