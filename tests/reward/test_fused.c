/* test_fused.c - models whose projections are fused, in rows one after another or interleaved: the golden Llama, with
 * its tensors put together, has the same bits. */
#include "tests/reward/edits.h"
#include "tests/reward/fused.h"

enum { TEXTS = 2 };
static const char *const texts[TEXTS] = { "Is tea hot?", "Tea is hot, and coffee is hotter than tea." };

/* ---- the comparison ---- */

static void make_llama(const char *dir, void (*model)(const char *dir), void (*adapter)(const char *dir))
{
    (void)snprintf(m, sizeof m, "%s", make_dir(dir, "m"));
    (void)snprintf(a, sizeof a, "%s", make_dir(dir, "a"));
    variant_link(m, "llama");
    variant_link(a, "llama-lora");
    if (model)
        model(m);
    if (adapter)
        adapter(a);
}

static void compare(const char *dir, void (*model)(const char *dir), const char *precision)
{
    float want[TEXTS], have[TEXTS];

    make_llama(dir, NULL, NULL);
    variant_score(m, NULL, precision, texts, TEXTS, want);
    remove_both();
    make_llama(dir, model, NULL);
    variant_score(m, NULL, precision, texts, TEXTS, have);
    assert_memory_equal(have, want, sizeof want);
    remove_both();
}

static void rows_of_key_heads_in_turn(void **state)
{
    compare(*state, fused_internlm2, "bf16");
    compare(*state, fused_internlm2, "fp32");
}

static void rows_one_after_another(void **state)
{
    compare(*state, fused_phi3, "bf16");
    compare(*state, fused_phi3, "fp32");
}

static void an_adapter_of_a_fused_module(void **state)
{
    float want[TEXTS], have[TEXTS];

    make_llama(*state, NULL, fused_share);
    variant_score(m, a, "bf16", texts, TEXTS, want);
    remove_both();
    make_llama(*state, fused_phi3, fused_phi3_adapter);
    variant_score(m, a, "bf16", texts, TEXTS, have);
    assert_memory_equal(have, want, sizeof want);
    remove_both();
}

static uint64_t fnv(const variant_tensor *t)
{
    uint64_t h = 0xcbf29ce484222325u;

    for (size_t i = 0; i < t->bytes; i++)
        h = (h ^ t->data[i]) * 0x100000001b3u;
    return h;
}

/* merge/golden.txt has a line "llama-as-phi3 TENSOR HASH" for each tensor as PEFT merged it. */
static void merged_weights_are_those_of_peft(void **state)
{
    char path[512], name[64], tensor[128];
    FILE *f = fopen(test_data(path, sizeof path, "merge/golden.txt"), "r");
    unsigned long long hash;
    variant_tensors t;
    size_t count = 0;

    assert_non_null(f);
    (void)snprintf(merged, sizeof merged, "%s/merged", (const char *)*state);
    make_llama(*state, fused_phi3, fused_phi3_adapter);
    merge_both();
    variant_read(&t, merged, "model.safetensors");
    while (fscanf(f, "%63s %127s %llx", name, tensor, &hash) == 3) {
        if (strcmp(name, "llama-as-phi3") != 0)
            continue;
        if (fnv(&t.list[variant_find(&t, tensor)]) != hash)
            fail_msg("%s is not what PEFT makes", tensor);
        count++;
    }
    assert_int_equal(count, t.count);
    variant_free(&t);
    (void)fclose(f);
    assert_int_equal(test_remove(merged), 0);
    remove_both();
}

/* A head that none of InternLM2's classes has: the merged model is of a class that Transformers would call so. */
static void adapt_score(const char *dir)
{
    variant_tensors t;

    fused_internlm2_adapter(dir);
    edit_adapter(dir, "{\"modules_to_save\":[\"score\"]}");
    variant_read(&t, dir, "adapter_model.safetensors");
    variant_rename(&t, "base_model.model.v_head.weight", "base_model.model.score.weight");
    variant_write(&t, 0, t.count, dir, "adapter_model.safetensors");
    variant_free(&t);
}

/* W' of a fused tensor is that of its parts, put together. */
static void merged_modules(void **state)
{
    static void (*const models[])(const char *) = { fused_phi3, fused_internlm2, fused_internlm2 };
    static void (*const adapters[])(const char *) = { fused_phi3_adapter, fused_internlm2_adapter, adapt_score };
    float want[TEXTS], have[TEXTS];

    (void)snprintf(merged, sizeof merged, "%s/merged", (const char *)*state);
    make_llama(*state, NULL, fused_share);
    merge_both();
    variant_score(merged, NULL, "bf16", texts, TEXTS, want);
    assert_int_equal(test_remove(merged), 0);
    remove_both();
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        make_llama(*state, models[i], adapters[i]);
        merge_both();
        variant_score(merged, NULL, "bf16", texts, TEXTS, have);
        assert_memory_equal(have, want, sizeof want);
        assert_int_equal(test_remove(merged), 0);
        remove_both();
    }
}

static void training_of_all_weights_is_refused(void **state)
{
    gd_train_options how;
    gd_options options;
    char *json = NULL;
    gd_error err = { GD_OK, "" };
    char out[600];

    make_llama(*state, fused_phi3, NULL);
    (void)snprintf(out, sizeof out, "%s/out", (const char *)*state);
    write_text(*state, "pairs.jsonl", "{\"chosen\":\"a b\",\"rejected\":\"c d\"}\n");
    gd_options_init(&options);
    gd_train_options_init(&how);
    how.train = in_dir(*state, "pairs.jsonl");
    how.output = out;
    how.full = 1;
    options.model = m;
    assert_int_equal(gd_train(&options, &how, &json, &err), GD_EUNSUPPORTED);
    assert_contains(err.text, "holds several projections, which an adapter can learn, but every weight (full) can't");
    remove_both();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_key_heads_in_turn),        cmocka_unit_test(rows_one_after_another),
        cmocka_unit_test(an_adapter_of_a_fused_module),     cmocka_unit_test(merged_modules),
        cmocka_unit_test(merged_weights_are_those_of_peft), cmocka_unit_test(training_of_all_weights_is_refused),
    };

    return cmocka_run_group_tests(tests, dir_setup, dir_teardown);
}
