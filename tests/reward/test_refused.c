/* test_refused.c - checkpoints and adapters that cannot be scored: the sentence names what is there. */
#include "tests/reward/edits.h"

static void head_of_llama_factory(const char *dir)
{
    rename_head(dir, "lm_head.weight");
    write_text(dir, "value_head.safetensors", "");
}

static void head_nowhere(const char *dir) { rename_head(dir, "lm_head.weight"); }

static void quantise(const char *dir, const char *name, const char *dtype)
{
    variant_tensors t;

    add_quantisation(dir);
    variant_read(&t, dir, "model.safetensors");
    variant_drop(&t, "model.layers.1.mlp.up_proj.weight");
    variant_add(&t, name, dtype, 8, 96, 0);
    variant_write(&t, 0, t.count, dir, "model.safetensors");
    variant_free(&t);
}

static void quantise_gptq(const char *dir) { quantise(dir, "model.layers.1.mlp.up_proj.qweight", "I32"); }
static void quantise_four_bits(const char *dir) { quantise(dir, "model.layers.1.mlp.up_proj.weight", "U8"); }

static void need_what_is_listed_elsewhere(const char *dir) { split(dir, "score.weight", NULL); }
static void save_large_embedding(const char *dir)
{
    add_to_adapter(dir, "base_model.model.model.embed_tokens.weight", "BF16", 1540, 96);
}

static void save_narrow_embedding(const char *dir)
{
    add_to_adapter(dir, "base_model.model.model.embed_tokens.weight", "BF16", 1536, 48);
}

static void other_architecture(const char *dir)
{
    edit_config(dir, "{\"architectures\":[\"OlmoForCausalLM\"],\"model_type\":\"olmo\"}");
}

static void encoder(const char *dir)
{
    edit_config(dir, "{\"architectures\":[\"BertForSequenceClassification\"],\"model_type\":\"bert\"}");
}

static void replace_by_gguf(const char *dir)
{
    remove_file(dir, "model.safetensors");
    write_text(dir, "model-Q4_K_M.gguf", "GGUF");
}

static const struct refused_case {
    const char *id;
    void (*model)(const char *dir), (*adapter)(const char *dir);
    const char *want;
} refused_cases[] = {
    { "value_head.safetensors", head_of_llama_factory, NULL, "value_head.safetensors: " },
    { "no head", head_nowhere, NULL, "a random head would give random scores" },
    { "LoRA on a head that is nowhere", head_nowhere, put_lora_on_head,
      "LoRA is on the head \"score\", but the base has no score.weight: the head that it was trained over is in "
      "neither" },
    { "GPTQ", quantise_gptq, NULL,
      "the weights are quantised: there is no tensor \"model.layers.1.mlp.up_proj.weight\", but "
      "\"model.layers.1.mlp.up_proj.qweight\" of the dtype I32; BF16, F16 or F32 weights are expected" },
    { "four bits", quantise_four_bits, NULL,
      "tensor \"model.layers.1.mlp.up_proj.weight\" has the dtype U8, but BF16, F16 or F32 is expected" },
    { "a needed tensor in another shard", need_what_is_listed_elsewhere, NULL,
      "tensor \"score.weight\" is in this file, but " },
    { "more rows", NULL, save_large_embedding,
      "a/adapter_model.safetensors: the embedding has 1540 rows, but the base's has 1536: resize the base as for "
      "training, "
      "with model.resize_token_embeddings(1540), and save it" },
    { "fewer columns", NULL, save_narrow_embedding,
      "a/adapter_model.safetensors: the tensor base_model.model.model.embed_tokens.weight has the shape [1536, 48], "
      "but "
      "config.json requires [1536, 96]" },
    { "another architecture", other_architecture, NULL,
      "the architecture OlmoForCausalLM is not supported, but gemma, gemma2, gemma3, internlm2, llama, ministral3, "
      "mistral, olmo2, phi3, qwen2, qwen3, smollm3 are" },
    { "an encoder", encoder, NULL,
      "an encoder; only decoders, whose tokens see those before them, are supported (gemma, gemma2, gemma3, "
      "internlm2, llama, ministral3, mistral, olmo2, phi3, qwen2, qwen3, smollm3)" },
    { "GGUF", replace_by_gguf, NULL,
      "m: GGUF is not supported; the checkpoint that it was made from, a directory with config.json and safetensors "
      "files, is expected" },
};

static void refusals_say_what_is_there(void **state)
{
    unsigned wrong = 0;

    for (size_t i = 0; i < sizeof refused_cases / sizeof refused_cases[0]; i++) {
        const struct refused_case *one = &refused_cases[i];
        gd_error err = { GD_OK, "" };
        gd_model *model;

        make_both(*state, &(change){ one->id, one->model, one->adapter });
        if (open_both(&model, one->adapter, &err) == GD_OK || !strstr(err.text, one->want)) {
            print_error("%s: %s\n", one->id, err.text);
            wrong++;
        }
        gd_model_close(model);
        remove_both();
    }
    assert_int_equal(wrong, 0);
}

static void heads_of_other_names_are_named(void **state)
{
    static const char *const names[] = { "v_head.summary.weight",
                                         "reward_head.weight",
                                         "rm_head.weight",
                                         "classifier.weight",
                                         "score.0.weight",
                                         "score_head.weight",
                                         "model.regression_layer.weight" };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        gd_error err = { GD_OK, "" };
        gd_model *model;
        char want[128];

        make_both(*state, &(change){ names[i], NULL, NULL });
        rename_head(m, names[i]);
        assert_int_equal(open_both(&model, false, &err), GD_EUNSUPPORTED);
        (void)snprintf(want, sizeof want, "there is %s, of which no head is known: --head FILE can describe it",
                       names[i]);
        assert_contains(err.text, want);
        remove_both();
    }
}

static void a_gguf_file_is_no_model(void **state)
{
    gd_error err = { GD_OK, "" };
    gd_model *model;

    write_text(*state, "Model.GGUF", "GGUF");
    (void)snprintf(m, sizeof m, "%s/Model.GGUF", (const char *)*state);
    assert_int_equal(open_both(&model, false, &err), GD_EUNSUPPORTED);
    assert_contains(err.text, "Model.GGUF: GGUF is not supported");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(refusals_say_what_is_there, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(heads_of_other_names_are_named, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(a_gguf_file_is_no_model, dir_setup, dir_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
