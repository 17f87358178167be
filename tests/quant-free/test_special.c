/* test_special.c - pad and eos: every source that may name them, in order, and what must be refused. */
#include "tests/check.h"
#include "tests/quant-free/files.h"

#include "base/mem.h"
#include "quant-free/special.h"

#define SIZES                                                                                          \
    ",\"hidden_size\":96,\"intermediate_size\":208,\"num_hidden_layers\":3,\"num_attention_heads\":6," \
    "\"num_key_value_heads\":2,\"vocab_size\":100"
#define QWEN2(fields) "{\"architectures\":[\"Qwen2ForCausalLM\"],\"model_type\":\"qwen2\"" SIZES fields "}"
#define GEMMA2(fields) "{\"architectures\":[\"Gemma2ForCausalLM\"],\"model_type\":\"gemma2\"" SIZES fields "}"

static int wrong;

static int teardown(void **state)
{
    const int lost = wrong;

    wrong = 0;
    return dir_teardown(state) || lost ? -1 : 0;
}

/* "<5>" has id 5; anything else has none. */
static bool look_up(void *context, const char *token, uint32_t *id)
{
    int end = 0;

    return context && sscanf(token, "<%u>%n", id, &end) == 1 && (size_t)end == strlen(token);
}

/* The files of a model and of an adapter (NULL: missing), and the result: "PAD from, EOS from" or an error
 * message. */
static const struct special_case {
    const char *id, *config, *tokenizer, *map, *adapter, *want;
} cases[] = {
    { "config", QWEN2(",\"pad_token_id\":1,\"eos_token_id\":2"), NULL, NULL, NULL, "1 config.json, 2 config.json" },
    { "nothing", QWEN2(""), NULL, NULL, NULL, "none, none" },
    { "null", QWEN2(",\"pad_token_id\":null,\"eos_token_id\":null"), "{}", "{}", "{}", "none, none" },
    { "tokenizer", QWEN2(""), "{\"pad_token\":\"<3>\",\"eos_token\":{\"content\":\"<4>\",\"lstrip\":false}}", NULL,
      NULL, "3 tokenizer_config.json, 4 tokenizer_config.json" },
    { "pad of config, eos of tokenizer", QWEN2(",\"pad_token_id\":1,\"eos_token_id\":2"),
      "{\"pad_token\":\"<3>\",\"eos_token\":\"<4>\"}", NULL, NULL, "1 config.json, 4 tokenizer_config.json" },
    { "map", QWEN2(""), NULL, "{\"pad_token\":\"<5>\",\"eos_token\":{\"content\":\"<6>\"}}", NULL,
      "5 special_tokens_map.json, 6 special_tokens_map.json" },
    { "map first", QWEN2(""), "{\"pad_token\":\"<3>\",\"eos_token\":\"<4>\"}", "{\"pad_token\":\"<5>\"}", NULL,
      "5 special_tokens_map.json, 4 tokenizer_config.json" },
    { "map not read", QWEN2(""), "{\"pad_token\":\"<3>\",\"added_tokens_decoder\":{\"3\":{\"content\":\"<3>\"}}}",
      "{\"pad_token\":\"<5>\",\"eos_token\":\"<6>\"}", NULL, "3 tokenizer_config.json, none" },
    { "map's null", QWEN2(""), "{\"pad_token\":\"<3>\"}", "{\"pad_token\":null}", NULL,
      "3 tokenizer_config.json, none" },
    { "adapter", QWEN2(",\"eos_token_id\":2"), "{\"pad_token\":\"<3>\"}", "{\"pad_token\":\"<5>\"}",
      "{\"pad_token\":\"<7>\",\"eos_token\":\"<8>\"}", "7 tokenizer_config.json, 8 tokenizer_config.json" },
    { "adapter under config", QWEN2(",\"pad_token_id\":1"), NULL, NULL, "{\"pad_token\":\"<7>\"}",
      "1 config.json, none" },
    { "adapter without", QWEN2(""), "{\"pad_token\":\"<3>\"}", NULL, "{\"model_max_length\":1e30}",
      "3 tokenizer_config.json, none" },
    { "list of eos", QWEN2(",\"eos_token_id\":[2,3]"), NULL, NULL, NULL, "none, 2 config.json" },
    { "empty list", QWEN2(",\"eos_token_id\":[]"), NULL, NULL, NULL, "none, none" },
    { "-1", QWEN2(",\"pad_token_id\":-1"), "{\"pad_token\":\"<3>\"}", NULL, NULL, "none, none" },
    { "Gemma", GEMMA2(""), "{\"pad_token\":\"<3>\"}", NULL, NULL, "0 the architecture's default, none" },
    { "Gemma null", GEMMA2(",\"pad_token_id\":null"), "{\"pad_token\":\"<3>\"}", NULL, NULL,
      "3 tokenizer_config.json, none" },
    { "no config", NULL,
      "{\"pad_token\":\"<3>\",\"eos_token\":\"<4>\",\"model_max_length\":1000000000000000019884624838656}", NULL, NULL,
      "3 tokenizer_config.json, 4 tokenizer_config.json" },
    { "last id", QWEN2(",\"pad_token_id\":99"), NULL, NULL, NULL, "99 config.json, none" },
    { "pad beyond", QWEN2(",\"pad_token_id\":100"), NULL, NULL, NULL,
      "config.json: the field \"pad_token_id\" is 100, but an id below 100 is expected" },
    { "eos beyond", QWEN2(",\"eos_token_id\":[100]"), NULL, NULL, NULL,
      "config.json: the field \"eos_token_id\" is 100, but an id below 100 is expected" },
    { "-2", QWEN2(",\"pad_token_id\":-2"), NULL, NULL, NULL,
      "config.json: the field \"pad_token_id\" is -2, but an id below 100 is expected" },
    { "list of pad", QWEN2(",\"pad_token_id\":[1]"), NULL, NULL, NULL,
      "config.json: the field \"pad_token_id\" is a list, but an integer is expected" },
    { "1.5", QWEN2(",\"eos_token_id\":1.5"), NULL, NULL, NULL,
      "config.json: the field \"eos_token_id\" is a real number, but an integer is expected" },
    { "without an id", QWEN2(",\"eos_token_id\":2"), "{\"pad_token\":\"[PAD]\",\"eos_token\":\"[EOS]\"}", NULL, NULL,
      "none, none" },
    { "adapter's without an id", QWEN2(""), "{\"pad_token\":\"<3>\",\"eos_token\":\"<4>\"}", NULL,
      "{\"pad_token\":\"[PAD]\"}", "none, 4 tokenizer_config.json" },
    { "config before one without an id", QWEN2(",\"pad_token_id\":1"), "{\"pad_token\":\"[PAD]\"}", NULL, NULL,
      "1 config.json, none" },
    { "number", QWEN2(""), "{\"eos_token\":4}", NULL, NULL,
      "tokenizer_config.json: the field \"eos_token\" is neither a string nor an object with \"content\"" },
    { "NUL", QWEN2(""), "{\"eos_token\":\"<4>\\u0000\"}", NULL, NULL,
      "tokenizer_config.json: the field \"eos_token\" is neither a string nor an object with \"content\"" },
    { "not JSON", QWEN2(""), "{", NULL, NULL,
      "tokenizer_config.json: not valid JSON: the text ends where a field's name in quotes is expected" },
    { "a list", QWEN2(""), NULL, "[]", NULL, "special_tokens_map.json: not a JSON object" },
    { "twice", QWEN2(""), "{\"pad_token\":\"<3>\",\"pad_token\":\"<4>\"}", NULL, NULL,
      "tokenizer_config.json: the field \"pad_token\" appears twice" },
};

static void put(const char *dir, const char *name, const char *text)
{
    remove_file(dir, name);
    if (text)
        write_text(dir, name, text);
}

static void describe(char *text, size_t room, const gd_special_ids *s)
{
    char pad[64] = "none", eos[64] = "none";

    if (s->has_pad)
        (void)snprintf(pad, sizeof pad, "%u %s", (unsigned)s->pad, s->pad_from);
    if (s->has_eos)
        (void)snprintf(eos, sizeof eos, "%u %s", (unsigned)s->eos, s->eos_from);
    (void)snprintf(text, room, "%s, %s", pad, eos);
}

static void the_order_is_that_of_transformers(void **state)
{
    const char *adapter = make_dir(*state, "adapter");
    char adapter_dir[512], got[1024], want[1024];

    strcpy(adapter_dir, adapter);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct special_case *c = &cases[i];
        const uint64_t live = gd_mem_live();
        gd_special_sources from = { .dir = *state, .lookup = look_up, .context = want };
        gd_error err = { GD_OK, "" };
        gd_config *config = NULL;
        gd_special_ids ids;

        put(*state, "config.json", c->config);
        put(*state, "tokenizer_config.json", c->tokenizer);
        put(*state, "special_tokens_map.json", c->map);
        put(adapter_dir, "tokenizer_config.json", c->adapter);
        from.adapter_dir = c->adapter ? adapter_dir : NULL;
        if (c->config)
            assert_ok(gd_config_open(&config, *state, test_err));
        from.config = config;
        (void)snprintf(want, sizeof want, "%s%s%s", strstr(c->want, ": ") ? (const char *)*state : "",
                       strstr(c->want, ": ") ? "/" : "", c->want);
        if (gd_special_ids_read(&ids, &from, &err) == GD_OK)
            describe(got, sizeof got, &ids);
        else
            (void)snprintf(got, sizeof got, "%s", err.text);
        gd_config_close(config);
        if (strcmp(got, want) != 0) {
            print_error("%s: %s\n%*sexpected: %s\n", c->id, got, (int)strlen(c->id), "", want);
            wrong++;
        }
        assert_int_equal(gd_mem_live(), live);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_order_is_that_of_transformers, dir_setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
