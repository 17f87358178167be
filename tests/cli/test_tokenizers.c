/* test_tokenizers.c - tokens without a row in the embedding, and whose tokenizer and chat template count when an
 * adapter brings its own: score and merge agree. Transformers 5.3.0 has counted the tokens of the conversation. */
#include "tests/cli/program.h"

#include <unistd.h>

static const char tea[] = "Human: Is tea hot?\n\nAssistant: Yes.";
static const char conversation[] = "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"},{\"role\":\"assistant\","
                                   "\"content\":\"Hello.\"}]}\n";

enum { CHATML_TOKENS = 18, QWEN_TOKENS = 52 }; /* of the conversation, by chatml.jinja and qwen2.5-instruct.jinja */

static void path_in(char path[1024], const char *dir, const char *name)
{
    (void)snprintf(path, 1024, "%s/%s", dir, name);
}

/* A directory with links to the files of a golden one. */
static void make_dir(char dir[512], const char *name, const char *golden, const char *const *files)
{
    (void)snprintf(dir, 512, "%s", program_path(name));
    assert_int_equal(mkdir(dir, 0700), 0);
    for (size_t i = 0; files[i]; i++) {
        char from[1024], to[1024];

        path_in(from, program_golden(golden), files[i]);
        path_in(to, dir, files[i]);
        program_link(from, to);
    }
}

static void make_model(char dir[512], const char *name)
{
    static const char *const files[] = { "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
                                         NULL };

    make_dir(dir, name, "qwen2", files);
}

static void make_adapter(char dir[512], const char *name)
{
    static const char *const files[] = { "adapter_config.json", "adapter_model.safetensors", NULL };

    make_dir(dir, name, "qwen2-lora", files);
}

static void put_text(const char *dir, const char *name, const char *text)
{
    char path[1024];

    path_in(path, dir, name);
    (void)unlink(path);
    program_write(path, text);
}

static void put_json(const char *dir, const char *name, json_t *value)
{
    char *text = json_dumps(value, 0);

    put_text(dir, name, text);
    free(text);
    json_decref(value);
}

/* A file of the golden model as JSON. */
static json_t *golden_json(const char *name)
{
    char path[1024];
    json_t *value;

    path_in(path, program_golden("qwen2"), name);
    value = json_load_file(path, strstr(name, "config") ? JSON_DECODE_INT_AS_REAL : 0, NULL); /* one has 10^30 */
    assert_non_null(value);
    return value;
}

static void put_template(const char *dir, const char *template)
{
    char name[128], path[1024];

    (void)snprintf(name, sizeof name, "../chat/templates/%s.jinja", template);
    path_in(path, dir, "chat_template.jinja");
    program_link(program_golden(name), path);
}

/* tokenizer_config.json with a template inside. */
static void put_inner_template(const char *dir, const char *template)
{
    json_t *config = golden_json("tokenizer_config.json");
    char name[128], *text;

    (void)snprintf(name, sizeof name, "../chat/templates/%s.jinja", template);
    text = program_read(program_golden(name));
    assert_int_equal(json_object_set_new(config, "chat_template", json_string(text)), 0);
    put_json(dir, "tokenizer_config.json", config);
    free(text);
}

/* The golden tokenizer.json with tokens <t1503> and so on, up to `last`. */
static json_t *larger_tokenizer(int last)
{
    json_t *tokenizer = golden_json("tokenizer.json");

    for (int id = 1503; id <= last; id++)
        assert_int_equal(json_array_append_new(json_object_get(tokenizer, "added_tokens"),
                                               json_pack("{si,so,sb,sb,sb,sb,sb}", "id", id, "content",
                                                         json_sprintf("<t%d>", id), "single_word", 0, "lstrip", 0,
                                                         "rstrip", 0, "normalized", 0, "special", 1)),
                         0);
    return tokenizer;
}

/* ---- tokens without an id or a row ---- */

static void assert_plain(const char *model)
{
    program_run plain = program(NULL, "score", "--model", program_golden("qwen2"), tea, NULL);
    program_run run = program(NULL, "score", "--model", model, tea, NULL);

    assert_quiet(&run);
    assert_string_equal(run.out, plain.out);
    program_forget(&run);
    program_forget(&plain);
}

static void a_pad_token_needs_no_id(void **state)
{
    char dir[512];
    json_t *config = json_load_file(program_golden("qwen2/config.json"), 0, NULL);

    (void)state;
    make_model(dir, "no-id");
    assert_int_equal(json_object_del(config, "pad_token_id"), 0);
    put_json(dir, "config.json", config);
    put_text(dir, "tokenizer_config.json", "{\"pad_token\":\"[PAD]\"}");
    assert_plain(dir);
    put_text(dir, "tokenizer_config.json", "{}");
    put_text(dir, "special_tokens_map.json", "{\"pad_token\":\"[PAD]\",\"eos_token\":\"<|im_end|>\"}");
    assert_plain(dir);
}

static void a_token_without_a_row_is_an_error_of_its_text(void **state)
{
    char dir[512];
    program_run run;

    (void)state;
    make_model(dir, "no-row");
    put_json(dir, "tokenizer.json", larger_tokenizer(1536)); /* the embedding has 1536 rows */
    put_text(dir, "tokenizer_config.json", "{\"pad_token\":\"<t1536>\",\"eos_token\":\"<t1536>\"}");
    assert_plain(dir);
    run = program(NULL, "score", "--model", dir, "a<t1535>", "a<t1536>", NULL);
    assert_int_equal(run.status, 1);
    assert_contains(run.out, "{\"index\":0,\"score\":");
    assert_contains(run.out, "{\"index\":1,\"error\":\"text 1: the token \\\"<t1536>\\\" has the id 1536, but the "
                             "embedding has only 1536 rows\"}");
    program_forget(&run);
    run = program(NULL, "tokenize", "--model", dir, "a<t1536>", NULL); /* an id needs no row to be written */
    assert_string_equal(run.out, "{\"index\":0,\"ids\":[64,1536]}\n");
    program_forget(&run);
    run = program(NULL, "score", "--model", dir, "--add-eos", "always", tea, NULL);
    assert_int_equal(run.status, 3);
    assert_contains(run.errors, "the eos token, which is to be appended, has the id 1536, but the embedding has only "
                                "1536 rows");
    program_forget(&run);
    run = program(NULL, "inspect", "--model", dir, NULL);
    assert_contains(run.out, "the tokenizer has ids up to 1536, but the embedding has only 1536 rows");
    program_forget(&run);
}

/* ---- the adapter's chat template ---- */

static size_t tokens_of(const char *model, const char *adapter, const char *note)
{
    const char *input = program_path("conversation.jsonl");
    const int loud = setenv("GUERDON_QUIET", "0", 1);
    program_run run = adapter ? program(NULL, "score", "--model", model, "--adapter", adapter, "--input", input, NULL)
                              : program(NULL, "score", "--model", model, "--input", input, NULL);
    json_t *line;
    size_t tokens;

    assert_int_equal(loud | setenv("GUERDON_QUIET", "1", 1), 0);
    assert_int_equal(run.status, 0);
    assert_int_equal(!note, !strstr(run.errors, "note: "));
    assert_contains(run.errors, note ? note : "scored 1 item");
    line = program_line(run.out, 0);
    tokens = (size_t)json_integer_value(json_object_get(line, "tokens"));
    json_decref(line);
    program_forget(&run);
    return tokens;
}

/* With the adapter, and merged. */
static void assert_tokens(const char *model, const char *adapter, size_t tokens, const char *note)
{
    char merged[512];
    program_run run;

    (void)snprintf(merged, sizeof merged, "%s", program_path("merged"));
    program_write(program_path("conversation.jsonl"), conversation);
    assert_int_equal(tokens_of(model, adapter, note), tokens);
    run = program(NULL, "merge", "--model", model, "--adapter", adapter, "--output", merged, NULL);
    assert_quiet(&run);
    program_forget(&run);
    assert_int_equal(tokens_of(merged, NULL, NULL), tokens);
    assert_int_equal(test_remove(merged), 0);
}

/* Where the templates stand: in a file, in tokenizer_config.json, or nowhere. */
static void the_adapters_template_counts(void **state)
{
    static const char places[] = "fin";

    (void)state;
    for (int i = 0; i < 9; i++) {
        const char base = places[i / 3], own = places[i % 3];
        char model[512], adapter[512], name[32];

        if (base == 'n' && own == 'n')
            continue;
        (void)snprintf(name, sizeof name, "template-base-%d", i);
        make_model(model, name);
        (void)snprintf(name, sizeof name, "template-lora-%d", i);
        make_adapter(adapter, name);
        if (base == 'f')
            put_template(model, "qwen2.5-instruct");
        if (base == 'i')
            put_inner_template(model, "qwen2.5-instruct");
        put_text(adapter, "tokenizer_config.json", "{\"eos_token\":\"<|im_end|>\"}");
        if (own == 'f')
            put_template(adapter, "chatml");
        if (own == 'i')
            put_inner_template(adapter, "chatml");
        assert_tokens(model, adapter, own == 'n' ? QWEN_TOKENS : CHATML_TOKENS, NULL);
    }
}

/* An adapter with a template alone: the tokens that it writes are those of the model's tokenizer. */
static void its_tokens_may_be_the_models(void **state)
{
    static const char tokens[] = "{\"bos_token\":\"<bos>\",\"eos_token\":\"<|im_end|>\"}";
    char model[512], adapter[512];
    size_t want;

    (void)state;
    program_write(program_path("conversation.jsonl"), conversation);
    make_model(model, "special-own");
    put_text(model, "tokenizer_config.json", tokens);
    put_template(model, "gemma-2");
    want = tokens_of(model, NULL, NULL);
    make_model(model, "special-base");
    put_text(model, "tokenizer_config.json", tokens);
    put_template(model, "chatml");
    make_adapter(adapter, "special-lora");
    put_template(adapter, "gemma-2");
    assert_tokens(model, adapter, want, NULL);
    assert_int_not_equal(want, CHATML_TOKENS);
}

/* ---- the adapter's tokenizer ---- */

static void the_adapters_tokenizer_counts(void **state)
{
    char model[512], adapter[512];
    json_t *padded = golden_json("tokenizer.json");

    (void)state;
    make_model(model, "tokenizer-base");
    put_template(model, "chatml");
    make_adapter(adapter, "tokenizer-lora");
    put_json(adapter, "tokenizer.json", golden_json("tokenizer.json"));
    put_json(model, "tokenizer.json", golden_json("tokenizer.json"));
    assert_tokens(model, adapter, CHATML_TOKENS, NULL);

    assert_int_equal(json_object_set_new(padded, "padding",
                                         json_pack("{ss,ss,sn,si,si,ss}", "strategy", "BatchLongest", "direction",
                                                   "Right", "pad_to_multiple_of", "pad_id", 1500, "pad_type_id", 0,
                                                   "pad_token", "<|endoftext|>")),
                     0);
    put_json(adapter, "tokenizer.json", padded); /* what a training run leaves there is no difference */
    assert_tokens(model, adapter, CHATML_TOKENS, NULL);

    put_json(adapter, "tokenizer.json", larger_tokenizer(1535));
    assert_tokens(model, adapter, CHATML_TOKENS, "tokenizer.json differs from the model's: the adapter's is used\n");
    put_text(adapter, "tokenizer_config.json", "{}");
    put_json(adapter, "tokenizer.json", larger_tokenizer(1536));
    assert_tokens(model, adapter, CHATML_TOKENS,
                  "tokenizer.json differs from the model's, but it has ids up to 1536, and the embedding has only 1536 "
                  "rows: the model's is used\n");
}

/* "Hi" is one token with the adapter's tokenizer, two with the model's. */
static void its_ids_are_the_adapters(void **state)
{
    json_t *tokenizer = golden_json("tokenizer.json");
    char model[512], adapter[512];
    program_run run;

    (void)state;
    make_model(model, "ids-base");
    make_adapter(adapter, "ids-lora");
    assert_int_equal(json_array_append_new(json_object_get(tokenizer, "added_tokens"),
                                           json_pack("{si,ss,sb,sb,sb,sb,sb}", "id", 1503, "content", "Hi",
                                                     "single_word", 0, "lstrip", 0, "rstrip", 0, "normalized", 0,
                                                     "special", 0)),
                     0);
    put_json(adapter, "tokenizer.json", tokenizer);
    run = program(NULL, "tokenize", "--model", model, "--adapter", adapter, "Hi", NULL);
    assert_string_equal(run.out, "{\"index\":0,\"ids\":[1503]}\n");
    program_forget(&run);
    run = program(NULL, "score", "--quiet", "--model", model, "--adapter", adapter, "Hi", NULL);
    assert_quiet(&run);
    assert_contains(run.out, "\"tokens\":1}");
    program_forget(&run);
    run = program(NULL, "inspect", "--model", model, "--adapter", adapter, NULL);
    assert_contains(run.out, "tokenizer.json differs from the model's: the adapter's is used");
    program_forget(&run);
}

/* ---- no tokenizer.json ---- */

static void other_tokenizer_files_are_named(void **state)
{
    static const char *const names[] = { "vocab.json", "tekken.json", "vocab.txt" };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        char dir[512], path[1024], sentence[1024];
        program_run run;

        make_model(dir, names[i]);
        path_in(path, dir, "tokenizer.json");
        assert_int_equal(unlink(path), 0);
        put_text(dir, names[i], "");
        run = program(NULL, "score", "--model", dir, tea, NULL);
        assert_int_equal(run.status, 3);
        (void)snprintf(sentence, sizeof sentence,
                       "there is no tokenizer.json, only %s; Transformers makes one: "
                       "AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR)\n",
                       names[i]);
        assert_contains(run.errors, sentence);
        program_forget(&run);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pad_token_needs_no_id),
        cmocka_unit_test(a_token_without_a_row_is_an_error_of_its_text),
        cmocka_unit_test(the_adapters_template_counts),
        cmocka_unit_test(the_adapters_tokenizer_counts),
        cmocka_unit_test(its_tokens_may_be_the_models),
        cmocka_unit_test(its_ids_are_the_adapters),
        cmocka_unit_test(other_tokenizer_files_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, program_end);
}
