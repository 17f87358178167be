/* test_memory.c - --memory: a model three times as large as the budget stays within it, with the same scores. */
#include "tests/cli/program.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A qwen2 model with 175 MiB of random weights and the golden model's tokenizer. */
enum { LAYERS = 24, HIDDEN = 512, FFN = 2048, HEADS = 8, KV = 128, VOCAB = 1536 };
enum { WEIGHTS_MIB = 175, BUDGET_MIB = 58, TEXTS = 70 };

struct tensor {
    const char *name; /* %d: the layer */
    size_t rows, cols;
};

static const struct tensor outside[] = { { "model.embed_tokens.weight", VOCAB, HIDDEN },
                                         { "model.norm.weight", HIDDEN, 1 },
                                         { "score.weight", 1, HIDDEN } };
static const struct tensor inside[] = { { "input_layernorm.weight", HIDDEN, 1 },
                                        { "mlp.down_proj.weight", HIDDEN, FFN },
                                        { "mlp.gate_proj.weight", FFN, HIDDEN },
                                        { "mlp.up_proj.weight", FFN, HIDDEN },
                                        { "post_attention_layernorm.weight", HIDDEN, 1 },
                                        { "self_attn.k_proj.bias", KV, 1 },
                                        { "self_attn.k_proj.weight", KV, HIDDEN },
                                        { "self_attn.o_proj.weight", HIDDEN, HIDDEN },
                                        { "self_attn.q_proj.bias", HIDDEN, 1 },
                                        { "self_attn.q_proj.weight", HIDDEN, HIDDEN },
                                        { "self_attn.v_proj.bias", KV, 1 },
                                        { "self_attn.v_proj.weight", KV, HIDDEN } };

static const char config[] = "{\"architectures\": [\"Qwen2ForSequenceClassification\"], \"model_type\": \"qwen2\","
                             " \"hidden_size\": 512, \"intermediate_size\": 2048, \"num_hidden_layers\": 24,"
                             " \"num_attention_heads\": 8, \"num_key_value_heads\": 2, \"vocab_size\": 1536,"
                             " \"max_position_embeddings\": 1024, \"rms_norm_eps\": 1e-6, \"hidden_act\": \"silu\","
                             " \"rope_theta\": 1e6, \"pad_token_id\": 1500, \"eos_token_id\": 1502,"
                             " \"tie_word_embeddings\": false, \"torch_dtype\": \"bfloat16\"}\n";

static char model[256], texts[256];

static void header_entry(FILE *file, const char *name, const struct tensor *t, size_t *at)
{
    const size_t end = *at + t->rows * t->cols * 2;

    fprintf(file, "%s\"%s\":{\"dtype\":\"BF16\",\"shape\":[%zu", *at ? "," : "", name, t->rows);
    if (t->cols > 1 || !strcmp(name, "score.weight"))
        fprintf(file, ",%zu", t->cols);
    fprintf(file, "],\"data_offsets\":[%zu,%zu]}", *at, end);
    *at = end;
}

static size_t write_header(FILE *file)
{
    size_t at = 0;
    char name[128];

    (void)fputc('{', file);
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++)
        header_entry(file, outside[i].name, &outside[i], &at);
    for (int layer = 0; layer < LAYERS; layer++)
        for (size_t i = 0; i < sizeof inside / sizeof *inside; i++) {
            (void)snprintf(name, sizeof name, "model.layers.%d.%s", layer, inside[i].name);
            header_entry(file, name, &inside[i], &at);
        }
    (void)fputc('}', file);
    return at;
}

/* bf16 values of either sign with magnitudes between 1/128 and 1/16. */
static void write_values(FILE *file, size_t bytes)
{
    uint32_t seed = 1;
    uint16_t block[4096];

    for (size_t left = bytes / 2; left;) {
        const size_t count = left < 4096 ? left : 4096;

        for (size_t i = 0; i < count; i++) {
            seed = seed * 1664525u + 1013904223u;
            block[i] = (uint16_t)((seed >> 16 & 0x8000u) | (0x3C00u + (seed >> 8 & 0x17Fu)));
        }
        assert_int_equal(fwrite(block, 2, count, file), count);
        left -= count;
    }
}

static void write_weights(const char *path)
{
    FILE *file = fopen(path, "wb");
    uint64_t length;
    size_t bytes;

    assert_non_null(file);
    assert_int_equal(fseek(file, 8, SEEK_SET), 0);
    bytes = write_header(file);
    length = (uint64_t)ftell(file) - 8;
    write_values(file, bytes);
    assert_int_equal(fseek(file, 0, SEEK_SET), 0);
    assert_int_equal(fwrite(&length, sizeof length, 1, file), 1);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(bytes >> 20, WEIGHTS_MIB);
}

static int make_model(void **state)
{
    char path[600];
    char *tokenizer;
    FILE *file;

    (void)state;
    (void)snprintf(path, sizeof path, "%s/tokenizer.json", program_golden("qwen2"));
    tokenizer = program_read(path);
    (void)snprintf(model, sizeof model, "%s", program_path("big"));
    (void)snprintf(texts, sizeof texts, "%s", program_path("texts.jsonl"));
    assert_int_equal(mkdir(model, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/tokenizer.json", model);
    program_write(path, tokenizer);
    free(tokenizer);
    (void)snprintf(path, sizeof path, "%s/config.json", model);
    program_write(path, config);
    (void)snprintf(path, sizeof path, "%s/model.safetensors", model);
    write_weights(path);
    file = fopen(texts, "w");
    assert_non_null(file);
    for (int i = 0; i < TEXTS; i++)
        fprintf(file, "{\"text\": \"%d: How do I make bread rise? This is answer %d: wait %d hours, then bake.\"}\n", i,
                i % 9, i);
    assert_int_equal(fclose(file), 0);
    return 0;
}

/* Runs the program, which ends with `status`; returns the peak resident memory in MiB. */
static double peak_within(const char *const *arguments, int status)
{
    const pid_t child = program_start(-1, -1, -1, arguments);
    struct rusage usage;
    int ended;

    while (wait4(child, &ended, 0, &usage) < 0)
        assert_int_equal(errno, EINTR);
    assert_true(WIFEXITED(ended));
    assert_int_equal(WEXITSTATUS(ended), status);
    return (double)usage.ru_maxrss / 1024;
}

/* Scores the texts within `memory` into `output`; returns the peak resident memory in MiB. */
static double peak_of(const char *memory, const char *batch, const char *output)
{
    const char *arguments[16] = { "score", "--model",        model, "--input",  texts, "--output",
                                  output,  "--batch-tokens", batch, "--memory", memory };

    return peak_within(arguments, 0);
}

/* Rows per batch: enough that the first batch packs weights while the last has so few that it borrows
     * them; or so few that all batches borrow. */
static const char *const batches[] = { "1600", "200" };

static void a_model_three_times_the_budget_stays_within_it(void **state)
{
    char resident[256], streamed[256];
    char *want, *have;
    double all, within;

    (void)state;
    (void)snprintf(resident, sizeof resident, "%s", program_path("resident.jsonl"));
    (void)snprintf(streamed, sizeof streamed, "%s", program_path("streamed.jsonl"));
    all = peak_of("1G", batches[0], resident);
    assert_true(all >= WEIGHTS_MIB && all <= WEIGHTS_MIB * 1.05 + 60); /* the file's pages don't stay resident */
    want = program_read(resident);
    assert_int_equal(program_lines(want), TEXTS);
    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) {
        within = peak_of("58M", batches[i], streamed);
        print_message("batches of %s rows, peak: %.1f MiB resident, %.1f MiB of %d streamed, of %d MiB of weights\n",
                      batches[i], all, within, BUDGET_MIB, WEIGHTS_MIB);
        assert_true(within <= BUDGET_MIB);
        have = program_read(streamed);
        assert_string_equal(have, want);
        free(have);
    }
    free(want);
}

/* The number after `before`, in a run's output. */
static unsigned long number_in(const char *output, const char *before)
{
    const char *at = strstr(output, before);

    assert_non_null(at);
    return strtoul(at + strlen(before), NULL, 10);
}

static void score_with(unsigned long mib)
{
    char memory[32];
    program_run run;

    (void)snprintf(memory, sizeof memory, "%luM", mib);
    run = program(NULL, "score", "--model", model, "--memory", memory, "one two three", NULL);
    assert_int_equal(run.status, 0);
    program_forget(&run);
}

static void too_little_memory_is_refused_with_the_minimum(void **state)
{
    program_run run = program(NULL, "score", "--model", model, "--memory", "20M", "one two three", NULL);
    const unsigned long least = number_in(run.errors, "needs at least ");

    (void)state;
    assert_int_equal(run.status, 4);
    program_forget(&run);
    score_with(least);
}

static void inspect_knows_the_minimum(void **state)
{
    program_run run = program(NULL, "inspect", "--model", model, "--json", NULL);
    const unsigned long least = number_in(run.out, "\"least_bytes\":");

    (void)state;
    program_forget(&run);
    assert_int_equal(least % (1 << 20), 0);
    score_with(least >> 20);
}

/* A text with more rows than a batch is scored alone, as long as the memory suffices. */
static void an_item_too_long_for_the_memory_fails_alone(void **state)
{
    const char *longer = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen";
    program_run run = program(NULL, "score", "--model", model, "--memory", "20M", "--batch-tokens", "8", "x", NULL);
    char longest[1901], memory[32];
    json_t *line;

    (void)state;
    (void)snprintf(memory, sizeof memory, "%luM", number_in(run.errors, "needs at least ") + 1);
    program_forget(&run);
    for (size_t i = 0; i < sizeof longest; i++)
        longest[i] = i % 2 ? (char)('0' + i / 2 % 7) : '~';
    longest[sizeof longest - 1] = '\0';
    run = program(NULL, "score", "--model", model, "--memory", memory, "--batch-tokens", "8", longest, longer,
                  "--truncate", "right", NULL);
    assert_int_equal(run.status, 1);
    line = program_line(run.out, 0);
    assert_non_null(strstr(json_string_value(json_object_get(line, "error")), "the memory limit allows at most"));
    json_decref(line);
    line = program_line(run.out, 1);
    assert_true(json_is_real(json_object_get(line, "score")));
    assert_true(json_integer_value(json_object_get(line, "tokens")) > 8);
    json_decref(line);
    program_forget(&run);
}

/* ---- long items: the limit, and what guerdon.h allows for them ---- */

static off_t size_of(const char *path)
{
    struct stat sb;

    assert_int_equal(stat(path, &sb), 0);
    return sb.st_size;
}

static FILE *begin_item(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    return file;
}

static void repeat(FILE *file, const char *text, size_t bytes)
{
    for (size_t n = 0; n < bytes; n += strlen(text))
        assert_true(fputs(text, file) >= 0);
}

static void end_item(FILE *file, const char *text)
{
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

enum { LONG = 15000000, PROMPT = 7000000, RESPONSES = 40 };

/* Scores the item within the budget; `error`: what its line says, or NULL if it is scored. */
static void check_long(const char *path, const char *error)
{
    const char *output = program_path("long.out");
    const char *arguments[24] = {
        "score",       "--model", model, "--input", path, "--output", output, "--truncate=right", "--batch-tokens=1024",
        "--memory=58M"
    };
    const double size = (double)size_of(path) / (1 << 20);
    const double allowed = BUDGET_MIB + (size > 1 ? 8 * size : 0);
    double peak;
    char *line;

    peak = peak_within(arguments, error ? 1 : 0);
    print_message("%s: %.1f MiB of %.1f\n", strrchr(path, '/') + 1, peak, allowed);
    assert_true(peak <= allowed);
    line = program_read(output);
    assert_contains(line, error ? error : "\"score");
    free(line);
}

static void a_long_item_takes_no_more_than_is_promised(void **state)
{
    const char *path = program_path("one-word.jsonl");
    FILE *file = begin_item(path, "{\"text\":\"");

    (void)state;
    repeat(file, "x", LONG);
    end_item(file, "\"}\n");
    check_long(path, "the text has 15000000 bytes without a break");

    path = program_path("digits.jsonl"); /* a token for nearly every byte, the most that there can be */
    file = begin_item(path, "{\"text\":\"");
    repeat(file, "7 3 ", LONG);
    end_item(file, "\"}\n");
    check_long(path, NULL);

    path = program_path("marks.jsonl"); /* letters and accents, which become one character each */
    file = begin_item(path, "{\"text\":\"");
    repeat(file, "e\xcc\x81 ", LONG);
    end_item(file, "\"}\n");
    check_long(path, NULL);

    path = program_path("cell.csv");
    file = begin_item(path, "text\n\"");
    repeat(file, "word and another, ", LONG);
    end_item(file, "\"\n");
    check_long(path, NULL);

    path = program_path("prompt.jsonl"); /* which all the answers share */
    file = begin_item(path, "{\"prompt\":\"");
    repeat(file, "word and another, ", PROMPT);
    (void)fputs("\",\"responses\":[\"yes\"", file);
    for (int i = 1; i < RESPONSES; i++)
        fprintf(file, ",\"no %d\"", i);
    end_item(file, "]}\n");
    check_long(path, NULL);
}

/* Values take more memory than their bytes; those of fields that nobody reads take none. */
static void many_small_values_take_no_more_than_is_promised(void **state)
{
    enum { MOST = 16 << 20 };
    const char *path = program_path("unread.jsonl");
    FILE *file = begin_item(path, "{\"text\":\"a\",\"x\":[{}");

    (void)state;
    repeat(file, ",{}", MOST - 100);
    end_item(file, "]}\n");
    check_long(path, NULL);

    path = program_path("unread-lists.jsonl");
    file = begin_item(path, "{\"text\":\"a\",\"x\":[[]");
    repeat(file, ",[]", 1800000);
    end_item(file, "]}\n");
    check_long(path, NULL);

    path = program_path("answers.jsonl");
    file = begin_item(path, "{\"prompt\":\"p\",\"responses\":[\"a\"");
    repeat(file, ",\"a\"", MOST - 100);
    end_item(file, "]}\n");
    check_long(path, "so many values that they would take more than");

    path = program_path("fewer-answers.jsonl");
    file = begin_item(path, "{\"prompt\":\"p\",\"responses\":[\"a\"");
    repeat(file, ",\"a\"", 900000); /* a line within the limit */
    end_item(file, "]}\n");
    check_long(path, "so many values that they would take more than");

    path = program_path("16385-answers.jsonl");
    file = begin_item(path, "{\"prompt\":\"p\",\"responses\":[\"a\"");
    repeat(file, ",\"a\"", 4 * 16384);
    end_item(file, "]}\n");
    check_long(path, "the item has 16385 texts, but the memory limit allows at most 16384");
}

static void inspect_says_what_it_will_do(void **state)
{
    program_run run = program(NULL, "inspect", "--model", model, "--memory", "58M", "--json", NULL);
    json_t *object = program_line(run.out, 0), *memory = json_object_get(object, "memory");

    (void)state;
    assert_string_equal(json_string_value(json_object_get(memory, "weights")), "streamed");
    assert_true(json_integer_value(json_object_get(memory, "total_bytes")) <= (json_int_t)BUDGET_MIB << 20);
    json_decref(object);
    program_forget(&run);
    run = program(NULL, "inspect", "--model", model, "--memory", "1G", "--json", NULL);
    object = program_line(run.out, 0);
    memory = json_object_get(object, "memory");
    assert_string_equal(json_string_value(json_object_get(memory, "weights")), "resident");
    json_decref(object);
    program_forget(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_three_times_the_budget_stays_within_it),
        cmocka_unit_test(too_little_memory_is_refused_with_the_minimum),
        cmocka_unit_test(inspect_knows_the_minimum),
        cmocka_unit_test(an_item_too_long_for_the_memory_fails_alone),
        cmocka_unit_test(a_long_item_takes_no_more_than_is_promised),
        cmocka_unit_test(many_small_values_take_no_more_than_is_promised),
        cmocka_unit_test(inspect_says_what_it_will_do),
    };

    if (SANITIZED) {
        printf("skipped: the sanitizers need several times the memory that is measured here\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, make_model, program_end);
}
