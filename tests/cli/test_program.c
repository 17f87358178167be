/* test_program.c - the program's output for models and texts. */
#include "tests/cli/program.h"
#include "tests/fields.h"

#include <math.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

enum { GOLDEN_TEXTS = 40 };

static const char *const three = "{\"text\":\"one\"}\n{\"prompt\":\"tw\",\"response\":\"o\"}\n{\"text\":\"three\"}\n";

static void check_golden(const char *model, const char *adapter, const char *key)
{
    const char *expected = program_golden(model);
    char input[600], *want;
    program_run run;

    (void)snprintf(input, sizeof input, "%s/expected.jsonl", expected);
    want = program_read(input);
    run = program(NULL, "score", "--model", expected, "--input", input, "--precision", "fp32",
                  adapter ? "--adapter" : NULL, adapter ? program_golden(adapter) : NULL, NULL);
    assert_quiet(&run);
    assert_int_equal(program_lines(run.out), GOLDEN_TEXTS);
    for (size_t i = 0; i < GOLDEN_TEXTS; i++) {
        json_t *got = program_line(run.out, i), *reference = program_line(want, i);
        const double score = real(got, "score"), exact = real(reference, key);

        assert_int_equal((int)real(got, "index"), i);
        assert_int_equal((size_t)real(got, "tokens"), json_array_size(json_object_get(reference, "ids")));
        if (!(fabs(score - exact) <= 3e-5 * fmax(1, fabs(exact))))
            fail_msg("%s text %zu: %.9g, expected %.9g", model, i, score, exact);
        json_decref(got);
        json_decref(reference);
    }
    program_forget(&run);
    free(want);
}

static void a_file_gets_the_reference_scores(void **state)
{
    (void)state;
    check_golden("qwen2", NULL, "score_f64");
    check_golden("llama", NULL, "score_f64");
}

static void an_adapter_is_applied(void **state)
{
    (void)state;
    check_golden("qwen2", "qwen2-lora", "score_lora_f64");
}

static void flags_that_only_change_the_speed_change_no_byte(void **state)
{
    static const char *const flags[] = { "--threads=1",      "--threads=3",        "--batch-tokens=64",
                                         "--batch-tokens=1", "--share-prefix=off", "--isa=generic" };
    const char *model = program_golden("qwen2");
    char input[600];
    program_run first;

    (void)state;
    (void)snprintf(input, sizeof input, "%s/expected.jsonl", model);
    first = program(NULL, "score", "--model", model, "--input", input, NULL);
    assert_quiet(&first);
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        program_run run = program(NULL, "score", "--model", model, "--input", input, flags[i], NULL);

        assert_quiet(&run);
        if (strcmp(run.out, first.out) != 0)
            fail_msg("%s changes the output", flags[i]);
        program_forget(&run);
    }
    program_forget(&first);
}

static void texts_are_scored_like_lines(void **state)
{
    const char *model = program_golden("qwen2"), *input = program_path("in");
    program_run file, texts, end;

    (void)state;
    program_write(input,
                  "{\"text\":\"a \\\"b\\\" \\\\n\\n\\t\\u0001\\u00e9\"}\n{\"text\":\"--quiet\"}\n{\"text\":\"x\"}\n");
    file = program(NULL, "score", "--model", model, "--input", input, NULL);
    texts = program(NULL, "score", "a \"b\" \\n\n\t\001\303\251", "--model", model, "--", "--quiet", "x", NULL);
    assert_quiet(&file);
    assert_quiet(&texts);
    assert_string_equal(texts.out, file.out);
    end = program(NULL, "score", "--model", model, "ok", "bad \377", "ok", NULL);
    assert_int_equal(end.status, 1);
    assert_int_equal(program_lines(end.out), 3);
    assert_non_null(strstr(end.out, "{\"index\":1,\"error\":\""));
    program_forget(&file);
    program_forget(&texts);
    program_forget(&end);
}

static void input_comes_from_where_the_flags_say(void **state)
{
    const char *model = program_golden("qwen2"), *input = program_path("in");
    const char *plain = program_path("plain"), *output = program_path("out.jsonl");
    program_run run[5];
    char *written;

    (void)state;
    program_write(input, three);
    program_write(plain, "one\ntwo\n\nthree\n");
    run[0] = program(NULL, "score", "--model", model, "--input", input, NULL);
    run[1] = program(input, "score", "--model", model, NULL);
    run[2] = program(input, "score", "--model", model, "--input=-", NULL);
    run[3] = program(input, "score", "--model", model, "-", NULL);
    run[4] = program(NULL, "score", "--model", model, "--format", "text", "--input", plain, NULL);
    for (size_t i = 0; i < 5; i++) {
        assert_quiet(&run[i]);
        assert_int_equal(program_lines(run[i].out), 3);
        assert_string_equal(run[i].out, run[0].out);
    }
    program_forget(&run[1]);
    run[1] = program(NULL, "score", "--model", model, "--input", input, "--output", output, NULL);
    assert_quiet(&run[1]);
    assert_string_equal(run[1].out, "");
    written = program_read(output);
    assert_string_equal(written, run[0].out);
    free(written);
    for (size_t i = 0; i < 5; i++)
        program_forget(&run[i]);
}

static void a_pair_has_two_scores_and_their_margin(void **state)
{
    const char *model = program_golden("qwen2"), *input = program_path("in");
    program_run run;
    json_t *pair, *chosen, *rejected;

    (void)state;
    program_write(input, "{\"prompt\":\"Is \",\"chosen\":\"tea hot\",\"rejected\":\"it\"}\n{\"text\":\"Is tea hot\"}\n"
                         "{\"text\":\"Is it\"}\n");
    run = program(NULL, "score", "--model", model, "--input", input, NULL);
    assert_quiet(&run);
    pair = program_line(run.out, 0);
    chosen = program_line(run.out, 1);
    rejected = program_line(run.out, 2);
    assert_true(real(pair, "chosen") == real(chosen, "score"));
    assert_true(real(pair, "rejected") == real(rejected, "score"));
    assert_true((float)real(pair, "margin") == (float)real(pair, "chosen") - (float)real(pair, "rejected"));
    assert_true(json_number_value(json_array_get(json_object_get(pair, "tokens"), 0)) == real(chosen, "tokens"));
    assert_true(json_number_value(json_array_get(json_object_get(pair, "tokens"), 1)) == real(rejected, "tokens"));
    json_decref(pair);
    json_decref(chosen);
    json_decref(rejected);
    program_forget(&run);
}

static void a_bad_line_fails_alone(void **state)
{
    const char *model = program_golden("qwen2"), *input = program_path("in");
    program_run run, whole;

    (void)state;
    program_write(input, "{\"text\":\"one\"}\nnot JSON\n{\"text\":\"two\"}\n{\"txt\":\"x\"}\n{\"text\":\"three\"}\n");
    run = program(NULL, "score", "--model", model, "--input", input, NULL);
    assert_int_equal(run.status, 1);
    assert_non_null(strstr(run.errors, "guerdon: 2 of 5 items failed; the first is item 1: line 2: not valid JSON"));
    assert_int_equal(program_lines(run.out), 5);
    program_write(input, three);
    whole = program(NULL, "score", "--model", model, "--input", input, NULL);
    for (size_t i = 0; i < 5; i++) {
        json_t *line = program_line(run.out, i);

        assert_int_equal((int)real(line, "index"), i);
        if (i % 2) {
            assert_true(json_is_string(json_object_get(line, "error")));
        } else {
            json_t *same = program_line(whole.out, i / 2);

            assert_true(real(line, "score") == real(same, "score"));
            json_decref(same);
        }
        json_decref(line);
    }
    program_forget(&run);
    program_forget(&whole);
}

static void long_texts_are_handled_as_the_flags_say(void **state)
{
    const char *model = program_golden("qwen2");
    const char *text = "one two three four five six seven eight nine ten";
    program_run run;

    (void)state;
    run = program(NULL, "score", "--model", model, "--max-length", "4", "a", text, NULL);
    assert_int_equal(run.status, 1);
    assert_non_null(strstr(run.out, "{\"index\":0,\"score\":"));
    assert_non_null(strstr(run.out, "{\"index\":1,\"error\":"));
    program_forget(&run);

    run = program(NULL, "score", "--model", model, "--max-length=4", "--truncate=drop", text, "a", NULL);
    assert_quiet(&run);
    assert_int_equal(program_lines(run.out), 1);
    assert_non_null(strstr(run.out, "{\"index\":1,\"score\":"));
    program_forget(&run);

    for (size_t i = 0; i < 2; i++) {
        run = program(NULL, "score", "--model", model, "--max-length=4", "--truncate", i ? "left" : "right", text,
                      NULL);
        assert_quiet(&run);
        assert_non_null(strstr(run.out, "\"tokens\":4,\"truncated\":true}\n"));
        program_forget(&run);
    }
}

static void tokenize_needs_no_weights(void **state)
{
    static const char *const files[] = { "tokenizer.json", "tokenizer_config.json", "config.json" };
    const char *model = program_golden("llama"), *bare = program_path("bare");
    char source[600], link[600], *expected;
    program_run run;

    (void)state;
    assert_int_equal(mkdir(bare, 0700), 0);
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(source, sizeof source, "%s/%s", model, files[i]);
        (void)snprintf(link, sizeof link, "%s/%s", bare, files[i]);
        program_link(source, link);
    }
    (void)snprintf(source, sizeof source, "%s/expected.jsonl", model);
    run = program(NULL, "tokenize", "--model", bare, "--input", source, NULL);
    assert_quiet(&run);
    expected = program_read(source);
    for (size_t i = 0; i < GOLDEN_TEXTS; i++) {
        json_t *got = program_line(run.out, i), *want = program_line(expected, i);

        assert_true(json_equal(json_object_get(got, "ids"), json_object_get(want, "ids")));
        json_decref(got);
        json_decref(want);
    }
    free(expected);
    program_forget(&run);
}

/* ---- inspect and backends ---- */

static void inspect_describes_a_model(void **state)
{
    const char *model = program_golden("qwen2");
    program_run lines = program(NULL, "inspect", "--model", model, NULL);
    program_run json = program(NULL, "inspect", "--model", model, "--json", NULL);
    json_t *object;

    (void)state;
    assert_quiet(&lines);
    assert_quiet(&json);
    object = parsed(json.out);
    assert_string_equal(json_string_value(json_object_get(object, "architecture")), "Qwen2ForSequenceClassification");
    assert_true(real(object, "parameters") > 0);
    assert_non_null(strstr(lines.out, "\narchitecture    Qwen2ForSequenceClassification\n"));
    assert_non_null(strstr(lines.out, "\nhead            name score.weight, from "));
    assert_non_null(strstr(lines.out, "\nadapter         none\n"));
    assert_non_null(strstr(lines.out, " bytes)"));
    json_decref(object);
    program_forget(&lines);
    program_forget(&json);
}

/* Flags that change no score: inspect shows that they are read. */
static void flags_reach_the_library(void **state)
{
    program_run run = program(NULL, "inspect", "--model", program_golden("qwen2"), "--threads=3", "--isa", "generic",
                              "--batch-tokens=77", "--precision=fp32", "--max-length", "9", "--backend=cpu", "--json",
                              NULL);
    json_t *object;

    (void)state;
    assert_quiet(&run);
    object = program_line(run.out, 0);
    assert_true(real(object, "threads") == 3);
    assert_true(real(object, "max_length") == 9);
    assert_true(real(json_object_get(object, "memory"), "batch_tokens") == 77);
    assert_string_equal(json_string_value(json_object_get(object, "isa")), "generic");
    assert_string_equal(json_string_value(json_object_get(object, "precision")), "fp32");
    json_decref(object);
    program_forget(&run);
}

static void backends_lists_what_this_machine_has(void **state)
{
    program_run lines = program(NULL, "backends", NULL), json = program(NULL, "backends", "--json", NULL);
    json_t *object;

    (void)state;
    assert_quiet(&lines);
    assert_quiet(&json);
    object = parsed(json.out);
    assert_string_equal(json_string_value(json_object_get(object, "version")), GD_VERSION);
    assert_non_null(strstr(lines.out, "\nbackends\n  cpu\n"));
    assert_non_null(strstr(lines.out, "\nlibraries       jansson: "));
    json_decref(object);
    program_forget(&lines);
    program_forget(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_gets_the_reference_scores),
        cmocka_unit_test(an_adapter_is_applied),
        cmocka_unit_test(flags_that_only_change_the_speed_change_no_byte),
        cmocka_unit_test(texts_are_scored_like_lines),
        cmocka_unit_test(input_comes_from_where_the_flags_say),
        cmocka_unit_test(a_pair_has_two_scores_and_their_margin),
        cmocka_unit_test(a_bad_line_fails_alone),
        cmocka_unit_test(long_texts_are_handled_as_the_flags_say),
        cmocka_unit_test(tokenize_needs_no_weights),
        cmocka_unit_test(inspect_describes_a_model),
        cmocka_unit_test(flags_reach_the_library),
        cmocka_unit_test(backends_lists_what_this_machine_has),
    };

    (void)signal(SIGPIPE, SIG_IGN);
    (void)alarm(600); /* a program that hangs fails the test */
    return cmocka_run_group_tests(tests, NULL, program_end);
}
