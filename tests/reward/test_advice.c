/* test_advice.c - notices that matter to scores: another base, and texts that TRL ended with the eos token. */
#include "tests/reward/edits.h"

#include "reward/same_model.h"

static const struct name_case {
    const char *a, *b;
    bool same;
} names[] = {
    { "Qwen/Qwen3-0.6B", "Qwen/Qwen3-0.6B", true },
    { "Qwen/Qwen3-0.6B", "/data/models/Qwen3-0.6B", true },
    { "Qwen/Qwen3-0.6B", "/data/models/qwen3-0.6b/", true },
    { "Qwen/Qwen3-0.6B", "/data/models/Qwen3-0.6B///", true },
    { "Qwen/Qwen3-0.6B", "Qwen/Qwen3-1.7B", false },
    { "Qwen/Qwen2.5-7B", "Qwen/Qwen2.5-7B-Instruct", false },
    { "/scratch/run 3/Qwen3-0.6B", "Qwen3-0.6B", true },
    { "../qwen2", "tests/data/golden/qwen2", true },
    { "../qwen2", "tests/data/golden/qwen2-tied", false },
    { "Qwen/Qwen3-0.6B",
      "/home/u/.cache/huggingface/hub/models--Qwen--Qwen3-0.6B/snapshots/0123456789abcdef0123456789abcdef01234567",
      true },
    { "Qwen/Qwen3-4B",
      "/home/u/.cache/huggingface/hub/models--Qwen--Qwen3-0.6B/snapshots/0123456789abcdef0123456789abcdef01234567",
      false },
    { "/a/models--gpt2/snapshots/1", "gpt2", true },
    { "Qwen/Qwen3-4B", "/data/models/Qwen_Qwen3-4B", true },
    { "Qwen/Qwen3-4B", "/data/models/Qwen--Qwen3-4B", true },
    { "Qwen/Qwen3-4B", "/data/models/My-Qwen3-4B", false },
    { "Qwen/Qwen3-4B", "/data/models/B", false },
    { "C:\\models\\Qwen3-4B", "Qwen/Qwen3-4B", true },
    { "C:\\models\\Qwen3-4B", "Qwen/Qwen3-8B", false },
    { "unsloth/Qwen3-4B-unsloth-bnb-4bit", "Qwen/Qwen3-4B", true },
    { "unsloth/Qwen3-4B-bnb-4bit", "Qwen/Qwen3-4B", true },
    { "unsloth/Qwen3-4B-unsloth-bnb-4bit", "Qwen/Qwen3-8B", false },
    { "TheBloke/Llama-2-7B-GPTQ", "meta-llama/Llama-2-7b-hf", true },
    { "Qwen/Qwen2.5-7B-Instruct-GPTQ-Int4", "Qwen/Qwen2.5-7B-Instruct", true },
    { "Qwen/Qwen2.5-7B-Instruct-AWQ", "Qwen/Qwen2.5-7B-Instruct-GPTQ-Int8", true },
    { "meta-llama/Llama-2-7b-hf", "/data/Llama-2-7b", true },
    { "meta-llama/Llama-2-7b-hf", "meta-llama/Llama-2-7b-chat-hf", false },
    { "meta-llama/Llama-2-7b-hf", "meta-llama/Llama-2-13b-hf", false },
    { "meta-llama/Meta-Llama-3-8B", "/data/Llama-3-8B", true },
    { "meta-llama/Meta-Llama-3-8B", "unsloth/llama-3-8b-bnb-4bit", true },
    { "meta-llama/Meta-Llama-3.1-8B-Instruct", "meta-llama/Llama-3.1-8B-Instruct", true },
    { "meta-llama/Meta-Llama-3-8B", "meta-llama/Llama-3.1-8B", false },
    { "meta-llama/Meta-Llama-3-8B", "meta-llama/Meta-Llama-3-8B-Instruct", false },
    { "meta-llama/Meta-Llama-3-8B", "/data/meta-llama_Meta-Llama-3-8B", true },
    { "/root/.cache/modelscope/hub/models/Qwen/Qwen2___5-7B-Instruct", "Qwen/Qwen2.5-7B-Instruct", true },
    { "/root/.cache/modelscope/hub/models/Qwen/Qwen2___5-7B-Instruct", "Qwen/Qwen2-7B-Instruct", false },
    { "/data/qwen2_5-7b", "Qwen/Qwen2.5-7B", true },
    { "/data/llama3-8b", "meta-llama/Meta-Llama-3-8B", true },
    { "Qwen/Qwen2-1.5B", "Qwen/Qwen2-15B", false },
    { "/kaggle/input/qwen2.5/transformers/7b/1", "Qwen/Qwen2.5-7B", true },
    { "/kaggle/input/qwen2.5/transformers/7b-instruct/1", "Qwen/Qwen2.5-7B-Instruct", true },
    { "/kaggle/input/qwen2.5/transformers/7b-instruct/1", "Qwen/Qwen2.5-7B", false },
    { "/kaggle/input/qwen2.5/transformers/7b/1", "Qwen/Qwen2.5-14B", false },
    { "/kaggle/input/llama-3/transformers/8b-hf/1", "meta-llama/Meta-Llama-3-8B", true },
    { "/kaggle/input/gemma-2/transformers/gemma-2-2b/2", "google/gemma-2-2b", true },
    { "/kaggle/input/gemma-2/transformers/gemma-2-2b/2", "google/gemma-2-9b", false },
    { "/kaggle/input/my-model/pytorch/default/3", "me/my-model", true },
    { "/data/Qwen3-4B/main", "Qwen/Qwen3-4B", true },
    { "/data/Qwen3-4B/main", "Qwen/Qwen3-8B", false },
    { "google/gemma-2-9b", "google/gemma-2-9b-it", false },
    { "Qwen/Qwen3-8B", "Qwen/Qwen3-8B-Base", false },
    { "mistralai/Mistral-7B-v0.1", "mistralai/Mistral-7B-v0.3", false },
    { "not_qwen2.5-7b", "/m/qwen2.5-7b", false },
    { "my_llama", "llama", false },
    { "/m/my_llama", "/m/llama", false },
    { "/m/qwen2.5_7b", "x/7b", false },
    { "/m/qwen2.5_7b", "Qwen/Qwen2.5-7B", true },
    { "/kaggle/input/qwen2.5/transformers/7b/1", "Qwen/Qwen2.5-7B-Instruct", false },
    { "/hub/models--Qwen--Qwen3-4B/snapshots/1", "/data/Qwen_Qwen3-4B", true },
    { "/hub/models--Qwen--Qwen3-4B/snapshots/1", "/data/Other_Qwen3-4B", false },
    { "Qwen/Qwen3-8B-FP8", "Qwen/Qwen3-8B", true },
    { "Qwen/Qwen3-8B-FP8", "Qwen/Qwen3-4B", false },
    { "/models/2024/1", "Qwen/Qwen3-4B", true },
    { "/models/final_model", "Qwen/Qwen3-4B", true },
    { "/models/Final-Model/", "Qwen/Qwen3-4B", true },
    { "/models/final_llama", "Qwen/Qwen3-4B", false },
    { "output/checkpoint-500", "Qwen/Qwen3-4B", true }, /* nothing is known */
    { "output/checkpoint-x", "Qwen/Qwen3-4B", false },
    { "./model", "Qwen/Qwen3-4B", true },
    { "0123456789abcdef0123456789abcdef01234567", "Qwen/Qwen3-4B", true },
    { ".", "Qwen/Qwen3-4B", true },
    { "/", "Qwen/Qwen3-4B", true },
    { "", "Qwen/Qwen3-4B", true },
};

static void models_are_compared_by_name(void **state)
{
    unsigned wrong = 0;

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (gd_same_model(names[i].a, names[i].b) == names[i].same &&
            gd_same_model(names[i].b, names[i].a) == names[i].same)
            continue;
        print_error("%s and %s\n", names[i].a, names[i].b);
        wrong++;
    }
    assert_int_equal(wrong, 0);
}

#define CARD(tags) \
    "---\nlibrary_name: peft\nmodel_name: r\ntags:\n- base_model:adapter:x\n" tags "- trl\n---\n\n# Card\n"

static const struct note_case {
    const char *id;
    const char *base;   /* base_model_name_or_path: JSON */
    const char *config; /* members of the model's config.json, or NULL */
    const char *card;   /* the adapter's README.md, or NULL */
    gd_add_eos add_eos;
    const char *want; /* the only note; NULL: none */
} note_cases[] = {
    { "no base", "null", NULL, NULL, GD_ADD_EOS_NEVER, NULL },
    { "empty base", "\"\"", NULL, NULL, GD_ADD_EOS_NEVER, NULL },
    { "the same base", "\"/elsewhere/Basis/\"", NULL, NULL, GD_ADD_EOS_NEVER, NULL },
    { "a relative base", "\"../weights\"", NULL, NULL, GD_ADD_EOS_NEVER, NULL },
    { "another base", "\"Qwen/Qwen3-4B\"", NULL, NULL, GD_ADD_EOS_NEVER,
      "/a: the adapter was trained on \"Qwen/Qwen3-4B\" (base_model_name_or_path), but the model is \"" },
    { "the base that config.json remembers", "\"Qwen/Qwen3-4B\"", "{\"_name_or_path\":\"Qwen/qwen3-4b\"}", NULL,
      GD_ADD_EOS_NEVER, NULL },
    { "another than it remembers", "\"Qwen/Qwen3-4B\"", "{\"_name_or_path\":\"Qwen/Qwen3-8B\"}", NULL, GD_ADD_EOS_NEVER,
      "the adapter was trained on \"Qwen/Qwen3-4B\"" },
    { "TRL", "null", NULL, CARD("- reward-trainer\n"), GD_ADD_EOS_NEVER,
      "/a/README.md: TRL trained this, ending plain texts (not conversations) with <|im_end|>, which is "
      "appended only with --add-eos auto" },
    { "TRL, appended", "null", NULL, CARD("- reward-trainer\n"), GD_ADD_EOS_AUTO, "here it is appended (--add-eos)" },
    { "TRL, always appended", "null", NULL, CARD("- reward-trainer\n"), GD_ADD_EOS_ALWAYS, "here it is appended" },
    { "TRL on Windows", "null", NULL, "---\r\ntags:\r\n- reward-trainer\r\n---\r\n", GD_ADD_EOS_NEVER,
      "TRL trained this" },
    { "another trainer of TRL", "null", NULL, CARD("- sft\n"), GD_ADD_EOS_NEVER, NULL },
    { "a longer tag", "null", NULL, CARD("- reward-trainer-2\n"), GD_ADD_EOS_NEVER, NULL },
    { "a model's name", "null", NULL, CARD("- my-reward-trainer\n"), GD_ADD_EOS_NEVER, NULL },
    { "only in the text", "null", NULL, "---\ntags:\n- trl\n---\n\n- reward-trainer\n", GD_ADD_EOS_NEVER, NULL },
    { "no tags", "null", NULL, "# A card\n- reward-trainer\n---\n", GD_ADD_EOS_NEVER, NULL },
    { "no end", "null", NULL, "---\ntags:\n- reward-trainer\n", GD_ADD_EOS_NEVER, NULL },
    { "mean and deviation", "null", "{\"mean\":0.5,\"std\":2}", NULL, GD_ADD_EOS_NEVER,
      "/basis/config.json: the rewards of its training had the mean 0.5 and the deviation 2; scores are not normalized "
      "by "
      "them: --normalize 0.5,2 does it" },
    { "no deviation", "null", "{\"mean\":0.5,\"std\":0}", NULL, GD_ADD_EOS_NEVER, NULL },
    { "means of something else", "null", "{\"mean\":[0.5],\"std\":[1]}", NULL, GD_ADD_EOS_NEVER, NULL },
    { "pad is eos", "null", "{\"pad_token_id\":1502}", CARD("- reward-trainer\n"), GD_ADD_EOS_NEVER, NULL },
};

static void notes_are_given_when_they_matter(void **state)
{
    unsigned wrong = 0;

    for (size_t i = 0; i < sizeof note_cases / sizeof note_cases[0]; i++) {
        const struct note_case *one = &note_cases[i];
        char dir[512], base[256];
        gd_options options;
        gd_model *model;
        const char *note;

        make_both(*state, &(change){ one->id, NULL, NULL });
        (void)snprintf(dir, sizeof dir, "%s/basis", (const char *)*state);
        assert_int_equal(rename(m, dir), 0);
        (void)snprintf(base, sizeof base, "{\"base_model_name_or_path\":%s}", one->base);
        edit_adapter(a, base);
        if (one->config)
            edit_config(dir, one->config);
        if (one->card)
            write_text(a, "README.md", one->card);
        gd_options_init(&options);
        options.model = dir;
        options.adapter = a;
        options.add_eos = one->add_eos;
        assert_ok(gd_model_open(&model, &options, test_err));
        note = gd_model_note(model, 0);
        if (!note != !one->want || (note && !strstr(note, one->want)) || (note && gd_model_note(model, 1))) {
            print_error("%s: %s\n", one->id, note ? note : "no note");
            wrong++;
        }
        gd_model_close(model);
        assert_int_equal(test_remove(dir), 0);
        assert_int_equal(test_remove(a), 0);
    }
    assert_int_equal(wrong, 0);
}

/* inspect has the notices among its warnings. */
static void inspect_warns(void **state)
{
    gd_options options;
    char *json;

    make_both(*state, &(change){ "inspect", NULL, NULL });
    edit_adapter(a, "{\"base_model_name_or_path\":\"Qwen/Qwen3-4B\"}");
    write_text(a, "README.md", CARD("- reward-trainer\n"));
    gd_options_init(&options);
    options.model = m;
    options.adapter = a;
    edit_config(m, "{\"_name_or_path\":\"Qwen/Qwen3-8B\"}");
    assert_int_equal(rename(m, in_dir(*state, "n")), 0);
    options.model = in_dir(*state, "n");
    assert_ok(gd_inspect(&options, &json, test_err));
    assert_contains(json, "the adapter was trained on \\\"Qwen/Qwen3-4B\\\"");
    assert_contains(json, "only with --add-eos auto");
    gd_string_free(json);
}

/* A tokenizer.json that Transformers 5 doesn't use as it is: the class puts a space before each text. */
static void inspect_names_the_class(void **state)
{
    gd_options options;
    char *json;

    make_both(*state, &(change){ "class", NULL, NULL });
    gd_options_init(&options);
    options.model = m;
    write_text(m, "tokenizer_config.json", "{\"tokenizer_class\":\"Qwen2Tokenizer\"}");
    assert_ok(gd_inspect(&options, &json, test_err));
    assert_null(strstr(json, "Transformers 5"));
    gd_string_free(json);
    write_text(m, "tokenizer_config.json", "{\"tokenizer_class\":\"Qwen2Tokenizer\",\"add_prefix_space\":true}");
    assert_ok(gd_inspect(&options, &json, test_err));
    assert_contains(json, "Transformers 5 normalizes and splits texts for this model as its class Qwen2Tokenizer does");
    gd_string_free(json);
}

/* A whole model that TRL trained has its card beside the weights. */
static void a_model_may_have_the_card(void **state)
{
    gd_model *model;

    make_both(*state, &(change){ "model", NULL, NULL });
    write_text(m, "README.md", CARD("- reward-trainer\n"));
    assert_ok(open_both(&model, false, test_err));
    assert_contains(gd_model_note(model, 0), "m/README.md: TRL trained this");
    assert_null(gd_model_note(model, 1));
    gd_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_are_compared_by_name),
        cmocka_unit_test_setup_teardown(notes_are_given_when_they_matter, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(inspect_warns, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(inspect_names_the_class, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(a_model_may_have_the_card, dir_setup, dir_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
