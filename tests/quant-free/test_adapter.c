/* test_adapter.c - LoRA adapters: the golden ones, and files that must be refused. */
#include "tests/check.h"
#include "tests/quant-free/files.h"

#include "base/mem.h"
#include "base/sysmem.h"
#include "quant-free/adapter.h"

#include <unistd.h>

#define P "base_model.model."
#define Q0 "model.layers.0.self_attn.q_proj"
#define Q1 "model.layers.1.self_attn.q_proj"
#define V0 "model.layers.0.self_attn.v_proj"
#define CONFIG(fields) "{\"peft_type\":\"LORA\"," fields "}"
#define R1 "\"r\":1,\"lora_alpha\":2"
#define Q "\"target_modules\":[\"q_proj\"]"
#define FINE CONFIG(R1 "," Q)

static int wrong;

static int teardown(void **state)
{
    const int lost = wrong;

    wrong = 0;
    return dir_teardown(state) || lost ? -1 : 0;
}

struct tensor {
    const char *name;
    unsigned rows, cols; /* cols 0: a vector */
};

/* adapter_model.safetensors with float32 tensors of the bytes 0, 1, 2, ...: all finite if fewer than 252 bytes. */
static void write_tensors(const char *dir, const struct tensor *t, const char *dtype)
{
    char header[8192] = "{";
    size_t at = 1, offset = 0;

    for (size_t i = 0; t[i].name; i++) {
        const size_t bytes = (size_t)t[i].rows * (t[i].cols ? t[i].cols : 1) * 4;
        char shape[32];

        (void)snprintf(shape, sizeof shape, t[i].cols ? "%u,%u" : "%u", t[i].rows, t[i].cols);
        at += (size_t)snprintf(header + at, sizeof header - at,
                               "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[%s],\"data_offsets\":[%zu,%zu]}", i ? "," : "",
                               t[i].name, dtype, shape, offset, offset + bytes);
        offset += bytes;
        assert_true(at < sizeof header - 2);
    }
    strcpy(header + at, "}");
    write_st(dir, "adapter_model.safetensors", header, offset);
}

static const struct tensor fine[] = { { P Q0 ".lora_A.weight", 1, 3 }, { P Q0 ".lora_B.weight", 2, 1 }, { 0 } };

static void expect(const char *dir, const char *id, const char *file, const char *want)
{
    const uint64_t live = gd_mem_live();
    gd_error err = { GD_OK, "" };
    gd_adapter *ad;
    const gd_status rc = gd_adapter_open(&ad, dir, "score.weight", &err);

    gd_adapter_close(ad);
    wrong += !said(id, *file ? in_dir(dir, file) : dir, rc, &err, want);
    assert_int_equal(gd_mem_live(), live);
}

/* The whole file is read, to check that every number is finite; its pages must not stay in memory. */
static void a_large_adapter_leaves_its_pages(void **state)
{
    static const char header[] =
        "{\"" P Q0 ".lora_A.weight\":{\"dtype\":\"F32\",\"shape\":[1,8388608],\"data_offsets\":[0,33554432]},"
        "\"" P Q0 ".lora_B.weight\":{\"dtype\":\"F32\",\"shape\":[8388608,1],\"data_offsets\":[33554432,67108864]}}";
    const char *dir = *state;
    gd_error err = { GD_OK, "" };
    gd_adapter *ad;
    size_t before, after;

    write_text(dir, "adapter_config.json", FINE);
    write_st(dir, "adapter_model.safetensors", header, 0);
    assert_int_equal(truncate(in_dir(dir, "adapter_model.safetensors"), 8 + (sizeof header - 1) + (64 << 20)), 0);
    before = gd_memory_resident();
    assert_int_equal(gd_adapter_open(&ad, dir, "score.weight", &err), GD_OK);
    after = gd_memory_resident();
    gd_adapter_close(ad);
    assert_true(after < before + (16 << 20));
}

static void golden_adapters_open(void **state)
{
    static const char *const models[] = {
        "qwen2", "qwen2-tied", "llama", "mistral", "qwen3", "gemma2", "qwen2-causal"
    };
    static const char *const parts[] = { "mlp.down_proj",    "mlp.gate_proj",    "mlp.up_proj",     "self_attn.k_proj",
                                         "self_attn.o_proj", "self_attn.q_proj", "self_attn.v_proj" };

    (void)state;
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        char dir[512], name[64], base[64], modules[21][64];
        const char *list[21];
        gd_adapter *ad;
        gd_lora lora;

        (void)snprintf(name, sizeof name, "golden/%s-lora", models[i]);
        (void)snprintf(base, sizeof base, "../%s", models[i]);
        assert_ok(gd_adapter_open(&ad, test_data(dir, sizeof dir, name), "score.weight", test_err));
        assert_string_equal(gd_adapter_base(ad), base);
        assert_int_equal(gd_adapter_count(ad), 21);
        assert_int_equal(gd_adapter_note_count(ad), 0);
        assert_non_null(gd_adapter_head(ad));
        assert_int_equal(gd_adapter_head(ad)->shape[1], 96);
        for (size_t m = 0; m < 21; m++) {
            (void)snprintf(modules[m], sizeof modules[m], "model.layers.%zu.%s", m / 7, parts[m % 7]);
            list[m] = modules[m];
            assert_string_equal(gd_adapter_module(ad, m), modules[m]);
            assert_true(gd_adapter_find(ad, modules[m], &lora));
            assert_int_equal(lora.rank, 8);
            assert_true(lora.scale == 2.0f);
        }
        assert_false(gd_adapter_find(ad, "model.layers.3.mlp.up_proj", &lora));
        assert_false(gd_adapter_find(ad, "model.layers.0.mlp.up_pro", &lora));
        assert_ok(gd_adapter_check(ad, list, 21, test_err));
        assert_true(gd_adapter_find(ad, "model.layers.0.mlp.down_proj", &lora));
        assert_ok(gd_lora_check(&lora, 96, 208, "down", "file", test_err));
        gd_adapter_close(ad);
    }
}

static const struct config_case {
    const char *id, *config, *want;
} config_cases[] = {
    { "fine", FINE, "" },
    { "not JSON", "LORA", "not valid JSON at line 1 column 1: a value is expected" },
    { "a list", "[]", "not a JSON object" },
    { "no type", "{" R1 "}", "the field \"peft_type\" is missing, but a string is expected" },
    { "IA3", "{\"peft_type\":\"IA3\"," R1 "}", "the field \"peft_type\" is \"IA3\", but LORA is expected" },
    { "r missing", CONFIG("\"lora_alpha\":2"), "the field \"r\" is missing, but an integer is expected" },
    { "r 0", CONFIG("\"r\":0,\"lora_alpha\":2"), "the field \"r\" is 0, but 1 to 65536 is expected" },
    { "r -1", CONFIG("\"r\":-1,\"lora_alpha\":2"), "the field \"r\" is -1, but 1 to 65536 is expected" },
    { "r 2^31", CONFIG("\"r\":2147483648,\"lora_alpha\":2"),
      "the field \"r\" is 2147483648, but 1 to 65536 is expected" },
    { "r 8.0", CONFIG("\"r\":8.0,\"lora_alpha\":2"), "the field \"r\" is a real number, but an integer is expected" },
    { "alpha missing", CONFIG("\"r\":1"), "the field \"lora_alpha\" is missing, but a number is expected" },
    { "alpha 0", CONFIG("\"r\":1,\"lora_alpha\":0"),
      "the field \"lora_alpha\" is 0, but a positive number is expected" },
    { "alpha string", CONFIG("\"r\":1,\"lora_alpha\":\"2\""),
      "the field \"lora_alpha\" is a string, but a number is expected" },
    { "alpha NaN", CONFIG("\"r\":1,\"lora_alpha\":NaN"), "the field \"lora_alpha\" is NaN, but a number is expected" },
    { "alpha huge", CONFIG("\"r\":1,\"lora_alpha\":1e300," Q),
      "the scale of \"" Q0 "\" is too large: alpha 1e+300, rank 1" },
    { "DoRA", CONFIG(R1 ",\"use_dora\":true"), "the field \"use_dora\" is set: DoRA is not supported" },
    { "lora_bias", CONFIG(R1 ",\"lora_bias\":true"), "the field \"lora_bias\" is set: LoRA biases are not supported" },
    { "bias", CONFIG(R1 ",\"bias\":\"lora_only\""), "the field \"bias\" is \"lora_only\", but \"none\" is expected" },
    { "bias none", CONFIG(R1 "," Q ",\"bias\":\"none\""), "" },
    { "fan_in_fan_out", CONFIG(R1 ",\"fan_in_fan_out\":true"),
      "the field \"fan_in_fan_out\" is set: transposed weights are not supported" },
    { "layer_replication", CONFIG(R1 ",\"layer_replication\":[[0,2]]"),
      "the field \"layer_replication\" is set: replicated layers are not supported" },
    { "target_parameters", CONFIG(R1 ",\"target_parameters\":[\"w\"]"),
      "the field \"target_parameters\" is set: LoRA on parameters is not supported, only on modules" },
    { "trained tokens", CONFIG(R1 ",\"trainable_token_indices\":[3]"),
      "the field \"trainable_token_indices\" is set: trainable tokens are not supported" },
    { "aLoRA", CONFIG(R1 ",\"alora_invocation_tokens\":[3]"),
      "the field \"alora_invocation_tokens\" is set: activated LoRA is not supported" },
    { "QALoRA", CONFIG(R1 ",\"use_qalora\":true"), "the field \"use_qalora\" is set: QALoRA is not supported" },
    { "Megatron", CONFIG(R1 ",\"megatron_config\":{\"a\":1}"),
      "the field \"megatron_config\" is set: Megatron layers are not supported" },
    { "unknown", CONFIG(R1 ",\"warp\":7"), "the field \"warp\" is unknown; only null, false or empty is accepted" },
    { "unknown, empty", CONFIG(R1 "," Q ",\"warp\":null,\"weft\":{},\"woof\":false,\"web\":0"), "" },
    { "training's fields",
      CONFIG(R1 "," Q ",\"lora_dropout\":0.05,\"inference_mode\":true,\"loftq_config\":{},\"revision\":"
                "\"main\","
                "\"peft_version\":\"0.21.2\",\"qalora_group_size\":16,\"megatron_core\":\"megatron.core\","
                "\"init_lora_weights\":\"gaussian\""),
      "" },
    { "PiSSA", CONFIG(R1 ",\"init_lora_weights\":\"pissa_niter_4\""),
      "the field \"init_lora_weights\" is \"pissa_niter_4\": it changes the base's weights when the adapter "
      "is attached; save the "
      "adapter with path_initial_model_for_weight_conversion" },
    { "init 3", CONFIG(R1 ",\"init_lora_weights\":3"),
      "the field \"init_lora_weights\" is neither true, false nor a string" },
    { "use_rslora 1", CONFIG(R1 ",\"use_rslora\":1"),
      "the field \"use_rslora\" is an integer, but true or false is expected" },
    { "targets 3", CONFIG(R1 ",\"target_modules\":3"), "the field \"target_modules\" is neither a list nor a string" },
    { "targets [3]", CONFIG(R1 ",\"target_modules\":[3]"),
      "the field \"target_modules\" has an entry that is not a name" },
    { "bad pattern", CONFIG(R1 ",\"target_modules\":\"(q\""),
      "the pattern \"(q\" in \"target_modules\" is not a regular expression" },
    { "verb", CONFIG(R1 ",\"target_modules\":\"(*ACCEPT)\""),
      "the pattern \"(*ACCEPT)\" in \"target_modules\" has \"(*A\", which is not supported" },
    { "recursion", CONFIG(R1 ",\"target_modules\":\"(?R)\""),
      "the pattern \"(?R)\" in \"target_modules\" has \"(?R\", which is not supported" },
    { "escape", CONFIG(R1 ",\"target_modules\":\"\\\\Qa\""),
      "the pattern \"\\Qa\" in \"target_modules\" has \"\\Qa\", which is not supported" },
    { "slow pattern", CONFIG(R1 ",\"target_modules\":\"(([a-z0-9_.])+)+[A-Z]\""),
      "a pattern in \"target_modules\" needs too many steps on \"" Q0 "\"" },
    { "rank_pattern [1]", CONFIG(R1 ",\"rank_pattern\":[1]"),
      "the field \"rank_pattern\" is a list, but an object is expected" },
    { "rank_pattern 0", CONFIG(R1 ",\"rank_pattern\":{\"q_proj\":0}"),
      "the field \"q_proj\" is 0, but 1 to 65536 is expected" },
    { "rank_pattern bad", CONFIG(R1 ",\"rank_pattern\":{\"q[\":1}"),
      "the pattern \"q[\" in \"rank_pattern\" is not a regular expression" },
    { "alpha_pattern 0", CONFIG(R1 ",\"alpha_pattern\":{\"q_proj\":-1}"),
      "the field \"q_proj\" is -1, but a positive number is expected" },
    { "layers true", CONFIG(R1 "," Q ",\"layers_to_transform\":true"),
      "the field \"layers_to_transform\" is neither an integer nor a list" },
    { "layers [1.5]", CONFIG(R1 "," Q ",\"layers_to_transform\":[1.5]"),
      "the field \"layers_to_transform\" has an entry that is not an integer" },
    { "layers, pattern", CONFIG(R1 ",\"target_modules\":\".*q\",\"layers_to_transform\":[1]"),
      "the field \"layers_to_transform\" is set, but \"target_modules\" is a string" },
    { "pattern, no layers", CONFIG(R1 "," Q ",\"layers_pattern\":\"h\""),
      "the field \"layers_pattern\" is set, but \"layers_to_transform\" is not" },
    { "saves norm", CONFIG(R1 "," Q ",\"modules_to_save\":[\"score\",\"norm\"]"),
      "the field \"modules_to_save\" names \"norm\", but only the head \"score\" can be saved" },
};

static void configurations_are_checked(void **state)
{
    write_tensors(*state, fine, "F32");
    for (size_t i = 0; i < sizeof config_cases / sizeof config_cases[0]; i++) {
        write_text(*state, "adapter_config.json", config_cases[i].config);
        expect(*state, config_cases[i].id, "adapter_config.json", config_cases[i].want);
    }
}

#define AB(module, rank, in, out) \
    { P module ".lora_A.weight", rank, in }, { P module ".lora_B.weight", out, rank }
#define HEAD "base_model.model.score.weight"
#define SAVES CONFIG(R1 "," Q ",\"modules_to_save\":[\"score\"]")

static const struct tensor_case {
    const char *id, *config;
    struct tensor tensors[5];
    const char *want;
} tensor_cases[] = {
    { "head", SAVES, { AB(Q0, 1, 3, 2), { HEAD, 1, 3 } }, "" },
    { "head alone", SAVES, { { HEAD, 1, 3 } }, "" },
    { "head unasked", FINE, { AB(Q0, 1, 3, 2), { HEAD, 1, 3 } }, "" },
    { "raw head", SAVES, { AB(Q0, 1, 3, 2), { P "score.modules_to_save.default.weight", 1, 3 } }, "" },
    { "head twice",
      SAVES,
      { { HEAD, 1, 3 }, { P "score.modules_to_save.default.weight", 1, 3 } },
      "the head is present twice, as \"" P "score.modules_to_save.default.weight\" and as \"" HEAD "\"" },
    { "head missing",
      SAVES,
      { AB(Q0, 1, 3, 2) },
      "the head \"" HEAD "\" is missing, but according to DIR/adapter_config.json it was saved" },
    { "head of two", SAVES, { { HEAD, 2, 3 } }, "" }, /* the model knows its labels */
    { "head of one dimension",
      SAVES,
      { { HEAD, 3, 0 } },
      "tensor \"" HEAD "\": the head must be a matrix, but this has rank 1" },
    { "nothing", FINE, { { 0 } }, "the file contains no tensors" },
    { "B missing",
      FINE,
      { { P Q0 ".lora_A.weight", 1, 3 } },
      "tensor \"" P Q0 ".lora_A.weight\" has no matching lora_B" },
    { "A missing",
      FINE,
      { { P Q0 ".lora_B.weight", 2, 1 } },
      "tensor \"" P Q0 ".lora_B.weight\" has no matching lora_A" },
    { "swapped",
      FINE,
      { { P Q0 ".lora_A.weight", 3, 1 }, { P Q0 ".lora_B.weight", 1, 2 } },
      "module \"" Q0 "\": lora_A is [3, 1] and lora_B [1, 2], but rank 1 is expected" },
    { "rank",
      FINE,
      { AB(Q0, 2, 3, 2) },
      "module \"" Q0 "\": lora_A is [2, 3] and lora_B [2, 2], but rank 1 is expected" },
    { "vector",
      FINE,
      { { P Q0 ".lora_A.weight", 1, 0 }, { P Q0 ".lora_B.weight", 2, 1 } },
      "module \"" Q0 "\": lora_A and lora_B are not matrices" },
    { "extra",
      FINE,
      { AB(Q0, 1, 3, 2), { P "model.norm.weight", 3, 0 } },
      "tensor \"" P "model.norm.weight\" is unknown: it is neither a module's lora_A or lora_B nor the head's "
      "score.weight" },
    { "no prefix",
      FINE,
      { AB(Q0, 1, 3, 2), { Q0 ".lora_A.weight", 1, 3 } },
      "tensor \"" Q0 ".lora_A.weight\" does not begin with \"" P "\"" },
    { "no module",
      FINE,
      { { P ".lora_A.weight", 1, 3 } },
      "tensor \"" P ".lora_A.weight\" is unknown: it is neither a module's lora_A or lora_B nor the head's "
      "score.weight" },
    { "untargeted",
      FINE,
      { AB(Q0, 1, 3, 2), AB(V0, 1, 3, 2) },
      "module \"" V0 "\" has LoRA, but DIR/adapter_config.json does not target it" },
    { "excluded",
      CONFIG(R1 "," Q ",\"exclude_modules\":[\"q_proj\"]"),
      { AB(Q0, 1, 3, 2) },
      "module \"" Q0 "\" has LoRA, but DIR/adapter_config.json does not target it" },
    { "LoRA on the head",
      CONFIG(R1 ",\"target_modules\":\"all-linear\""),
      { AB("score", 1, 3, 1) },
      "LoRA is applied to the head \"score\" itself, but the file lacks the original head, so its scores cannot be "
      "reproduced; train with task_type SEQ_CLS or modules_to_save [\"score\"]" },
    { "LoRA beside the head",
      CONFIG(R1 ",\"target_modules\":\"all-linear\",\"modules_to_save\":[\"score\"]"),
      { AB("score_norm", 1, 3, 1), { HEAD, 1, 3 } },
      "" },
    { "LoRA in the head",
      CONFIG(R1 ",\"target_modules\":\"all-linear\",\"modules_to_save\":[\"score\"]"),
      { AB("score.dense", 1, 3, 1), { HEAD, 1, 3 } },
      "module \"score.dense\" has LoRA, but DIR/adapter_config.json does not target it" },
    { "DoRA",
      FINE,
      { AB(Q0, 1, 3, 2), { P Q0 ".lora_magnitude_vector.weight", 2, 0 } },
      "tensor \"" P Q0 ".lora_magnitude_vector.weight\": DoRA is not supported" },
    { "bias",
      FINE,
      { AB(Q0, 1, 3, 2), { P Q0 ".lora_B.bias", 2, 0 } },
      "tensor \"" P Q0 ".lora_B.bias\": LoRA biases are not supported" },
    { "embedding",
      FINE,
      { { P "model.embed_tokens.lora_embedding_A", 1, 3 } },
      "tensor \"" P "model.embed_tokens.lora_embedding_A\": LoRA on embeddings is not supported" },
    { "adapter's name",
      FINE,
      { { P Q0 ".lora_A.default.weight", 1, 3 } },
      "tensor \"" P Q0 ".lora_A.default.weight\": PEFT does not save it like this, with the adapter's name in "
      "it" },
    { "finite", FINE, { { P Q0 ".lora_A.weight", 1, 60 }, { P Q0 ".lora_B.weight", 3, 1 } }, "" },
    { "A not finite", FINE, { AB(Q0, 1, 64, 2) }, "module \"" Q0 "\": a number is not finite" },
    { "B not finite", FINE, { AB(Q0, 1, 60, 4) }, "module \"" Q0 "\": a number is not finite" },
    { "head not finite", SAVES, { AB(Q0, 1, 3, 2), { HEAD, 1, 60 } }, "tensor \"" HEAD "\": a number is not finite" },
};

static void tensors_are_checked(void **state)
{
    for (size_t i = 0; i < sizeof tensor_cases / sizeof tensor_cases[0]; i++) {
        const char *dir = strstr(tensor_cases[i].want, "DIR");
        char want[1024];

        write_text(*state, "adapter_config.json", tensor_cases[i].config);
        write_tensors(*state, tensor_cases[i].tensors, "F32");
        (void)snprintf(want, sizeof want, "%.*s%s%s", dir ? (int)(dir - tensor_cases[i].want) : 1023,
                       tensor_cases[i].want, dir ? (const char *)*state : "", dir ? dir + 3 : "");
        expect(*state, tensor_cases[i].id, "adapter_model.safetensors", want);
    }
    write_tensors(*state, fine, "I32");
    expect(*state, "integers", "adapter_model.safetensors",
           "tensor \"" P Q0 ".lora_A.weight\" has the dtype I32, but BF16, F16 or F32 is expected");
}

static void files_are_chosen(void **state)
{
    gd_adapter *ad;

    expect(*state, "no config", "adapter_config.json", "No such file or directory");
    write_text(*state, "adapter_config.json", FINE);
    expect(*state, "no tensors", "adapter_model.safetensors", "No such file or directory");
    write_text(*state, "adapter_model.bin", "PK\3\4");
    expect(*state, "pickle", "",
           "found only adapter_model.bin, a pickle, which can run code when it is loaded; if you trust it, "
           "load it with PEFT and call save_pretrained(), which writes safetensors");
    write_tensors(*state, fine, "F32");
    assert_ok(gd_adapter_open(&ad, *state, "score.weight", test_err));
    assert_int_equal(gd_adapter_note_count(ad), 1);
    assert_non_null(strstr(gd_adapter_note(ad, 0), "adapter_model.bin is ignored, since adapter_model.safetensors "
                                                   "exists"));
    assert_null(gd_adapter_base(ad));
    assert_null(gd_adapter_head(ad));
    gd_adapter_close(ad);
    remove_file(*state, "adapter_model.bin");
    write_bytes(*state, "adapter_model.safetensors", NULL, 0);
    expect(*state, "empty", "adapter_model.safetensors", "0 bytes, but a safetensors file has at least 8");
}

/* An adapter may save only the module that the graph names as the head, besides those that PEFT adds to the list. */
static void the_head_has_the_graphs_name(void **state)
{
    static const struct tensor other[] = { { P "v_head.weight", 1, 3 }, { 0 } };
    gd_error err = { 0 };
    gd_adapter *ad;

    write_text(*state, "adapter_config.json",
               CONFIG(R1 "," Q ",\"modules_to_save\":[\"v_head\",\"classifier\",\"score\"]"));
    write_tensors(*state, other, "F32");
    assert_ok(gd_adapter_open(&ad, *state, "v_head.weight", test_err));
    assert_non_null(gd_adapter_head(ad));
    gd_adapter_close(ad);
    assert_int_equal(gd_adapter_open(&ad, *state, "score.weight", &err), GD_EUNSUPPORTED);
    assert_non_null(strstr(err.text, "names \"v_head\", but only the head \"score\" can be saved"));
}

/* LoRA on the head is refused by the head's name: "score" may be another module. */
static void lora_on_the_head_is_found_by_its_name(void **state)
{
    static const struct tensor head[] = { AB("v_head", 1, 3, 1), { 0 } }, score[] = { AB("score", 1, 3, 1), { 0 } };
    gd_error err = { 0 };
    gd_adapter *ad;

    write_text(*state, "adapter_config.json", CONFIG(R1 ",\"target_modules\":\"all-linear\""));
    write_tensors(*state, head, "F32");
    assert_int_equal(gd_adapter_open(&ad, *state, "v_head.weight", &err), GD_EUNSUPPORTED);
    assert_non_null(strstr(err.text, "LoRA is applied to the head \"v_head\" itself"));
    write_tensors(*state, score, "F32");
    assert_ok(gd_adapter_open(&ad, *state, "v_head.weight", test_err));
    gd_adapter_close(ad);
}

static void a_useless_adapter_is_noted(void **state)
{
    static const char header[] = "{\"" P Q0
                                 ".lora_A.weight\":{\"dtype\":\"BF16\",\"shape\":[1,1],\"data_offsets\":[2,4]},"
                                 "\"" P Q0
                                 ".lora_B.weight\":{\"dtype\":\"BF16\",\"shape\":[1,1],\"data_offsets\":[0,2]}}";
    unsigned char file[8 + sizeof header - 1 + 4] = { (unsigned char)(sizeof header - 1), (sizeof header - 1) >> 8 };
    gd_adapter *ad;

    memcpy(file + 8, header, sizeof header - 1); /* B is 0, A is not */
    file[sizeof file - 1] = 0x3F;
    write_bytes(*state, "adapter_model.safetensors", file, sizeof file);
    write_text(*state, "adapter_config.json", FINE);
    assert_ok(gd_adapter_open(&ad, *state, "score.weight", test_err));
    assert_int_equal(gd_adapter_note_count(ad), 1);
    assert_non_null(strstr(gd_adapter_note(ad, 0), "every lora_B is zero: the adapter changes no layer"));
    gd_adapter_close(ad);
}

/* The model's modules against the adapter's: none extra, none missing, and the right shapes. */
static void model_and_adapter_must_fit(void **state)
{
    static const char *const both[] = { V0, Q1, Q0 }, *const first[] = { V0, Q0 },
                             *const none[] = { V0, "model.layers.00.q_proj" };
    static const struct tensor far[] = { AB("model.layers.99999999999.self_attn.q_proj", 1, 3, 2), { 0 } };
    gd_error err[4] = { { GD_OK, "" } };
    gd_adapter *ad;
    gd_lora lora;
    char want[1024];

    write_text(*state, "adapter_config.json", FINE);
    write_tensors(*state, fine, "F32");
    assert_ok(gd_adapter_open(&ad, *state, "score.weight", test_err));
    assert_ok(gd_adapter_check(ad, first, 2, test_err));
    (void)snprintf(want, sizeof want, "module \"" Q1 "\" has no LoRA, but %s/adapter_config.json targets it",
                   (const char *)*state);
    wrong += !said("missing", gd_adapter_path(ad), gd_adapter_check(ad, both, 3, &err[0]), &err[0], want);
    wrong += !said("unknown", gd_adapter_path(ad), gd_adapter_check(ad, none, 2, &err[1]), &err[1],
                   "module \"" Q0 "\" has LoRA, but is not a linear module of the model");
    assert_true(gd_adapter_find(ad, Q0, &lora));
    assert_ok(gd_lora_check(&lora, 2, 3, Q0, "f", test_err));
    wrong += !said("shape", "f", gd_lora_check(&lora, 3, 2, Q0, "f", &err[2]), &err[2],
                   "module \"" Q0 "\": LoRA is for a weight of [2, 3], but the model's is [3, 2]");
    gd_adapter_close(ad);

    write_tensors(*state, far, "F32");
    assert_ok(gd_adapter_open(&ad, *state, "score.weight", test_err));
    wrong += !said("far", gd_adapter_path(ad), gd_adapter_check(ad, first, 2, &err[3]), &err[3],
                   "module \"model.layers.99999999999.self_attn.q_proj\" has LoRA, but is not a "
                   "linear module of the model");
    gd_adapter_close(ad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_adapters_open),
        cmocka_unit_test_setup_teardown(configurations_are_checked, dir_setup, teardown),
        cmocka_unit_test_setup_teardown(tensors_are_checked, dir_setup, teardown),
        cmocka_unit_test_setup_teardown(a_large_adapter_leaves_its_pages, dir_setup, teardown),
        cmocka_unit_test_setup_teardown(files_are_chosen, dir_setup, teardown),
        cmocka_unit_test_setup_teardown(a_useless_adapter_is_noted, dir_setup, teardown),
        cmocka_unit_test_setup_teardown(the_head_has_the_graphs_name, dir_setup, teardown),
        cmocka_unit_test_setup_teardown(lora_on_the_head_is_found_by_its_name, dir_setup, teardown),
        cmocka_unit_test_setup_teardown(model_and_adapter_must_fit, dir_setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
