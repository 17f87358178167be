/* test_identity.c - an unfinished output can only be resumed by the same run: a flag that would change its lines must
 * have its old value, or the error names the field.  A flag, or a field of a journal, that is missing from this table
 * fails the test. */
#include "tests/cli/program.h"

#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { SCORE = 1, RANK = 2, FILTER = 4, ALL = SCORE | RANK | FILTER, COMMANDS = 3 };

static const char *const commands[COMMANDS] = { "score", "rank", "filter" };

/* `then` is given when the run begins, `now` when it is resumed; @ is the test's directory. */
static const struct option {
    const char *flag;
    int commands;
    const char *field; /* what the error names; NULL: the flag changes no line */
    const char *then, *now;
    const char *instead_of; /* a flag that can't be given together with this one */
} table[] = {
    { "model", ALL, "model", "--model=@/model", "--model=@/other", NULL },
    { "adapter", ALL, "adapter", NULL, "--adapter=@/lora", NULL },
    { "input", ALL, NULL, "--input=@/in", "--input=@/./in", NULL },
    { "format", ALL, "format", NULL, "--format=jsonl", NULL },
    { "precision", ALL, "precision", "--precision=bf16", "--precision=fp32", NULL },
    { "numerics", ALL, "numerics", "--numerics=exact", "--numerics=fast", NULL },
    { "backend", ALL, "backend", "--backend=cpu", "--backend=auto", NULL },
    { "graph", ALL, "graph", NULL, "--graph=@/graph.yaml", NULL },
    { "head", ALL, "head", NULL, "--head=@/head.yaml", NULL },
    { "chat-format", ALL, "chat_format", NULL, "--chat-format=hh", NULL },
    { "turns", ALL, "turns", NULL, "--turns=off", NULL },
    { "fields", ALL, "fields", "--fields=text=body", "--fields=text=words", NULL },
    { "from-scores", RANK | FILTER, NULL, NULL, NULL, NULL },   /* in place of a model: test_from_scores.c */
    { "skip-unscored", RANK | FILTER, NULL, NULL, NULL, NULL }, /* the same */
    { "keep", SCORE | RANK, "keep", "--keep=id", "--keep=source", NULL },
    { "keep", FILTER, "keep", NULL, NULL, NULL }, /* has no such flag: its lines are copied whole */
    { "normalize", ALL, "normalize", "--normalize=0,2", "--normalize=0,3", NULL },
    { "activation", ALL, "activation", NULL, "--activation=sigmoid", NULL },
    { "max-length", ALL, "max_length", NULL, "--max-length=9", NULL },
    { "truncate", ALL, "truncate", NULL, "--truncate=left", NULL },
    { "add-eos", ALL, "add_eos", NULL, "--add-eos=always", NULL },

    { "group-by", RANK, "group_by", NULL, "--group-by=number", NULL },
    { "top", RANK, "top", "--top=2", "--top=3", NULL },
    { "texts", RANK, "texts", NULL, "--texts", NULL },
    { "pairs", RANK, "pairs", "--pairs=best-random", "--pairs=all", NULL },
    { "pairs-output", RANK, "pairs_output", "--pairs-output=@/pairs", "--pairs-output=@/pairs2", NULL },
    { "min-margin", RANK, "min_margin", NULL, "--min-margin=0.5", NULL },
    { "seed", RANK, "seed", NULL, "--seed=7", NULL },

    { "rejects", FILTER, "rejects", "--rejects=@/no", "--rejects=@/no2", NULL },
    { "min-score", FILTER, "limit", "--min-score=0.5", "--min-score=0.25", NULL },
    { "min-margin", FILTER, "by", NULL, "--min-margin=0.5", "min-score" },
    { "top-fraction", FILTER, "by", NULL, "--top-fraction=0.5", "min-score" },
    { "flip-below", FILTER, "by", NULL, "--flip-below=0.5", "min-score" },
    { "annotate", FILTER, "annotate", NULL, "--annotate", NULL },

    { "isa", ALL, NULL, NULL, "--isa=generic", NULL },
    { "threads", ALL, NULL, NULL, "--threads=2", NULL },
    { "memory", ALL, NULL, NULL, "--memory=1G", NULL },
    { "batch-tokens", ALL, NULL, NULL, "--batch-tokens=64", NULL },
    { "share-prefix", ALL, NULL, NULL, "--share-prefix=off", NULL },
    { "quiet", ALL, NULL, NULL, "--quiet", NULL },
    { "output", ALL, NULL, "--output=@/out", "--output=@/./out", NULL },
    { "resume", ALL, NULL, NULL, NULL, NULL },   /* given by run_command() */
    { "shard", ALL, "shard", NULL, NULL, NULL }, /* counts all items before it begins: shards.sh */
    { "dry-run", ALL, NULL, NULL, NULL, NULL },  /* no output */
    { "help", ALL, NULL, NULL, NULL, NULL },     /* no run */
};
enum { ROWS = sizeof table / sizeof table[0] };

static bool is_flag(const char *a, const char *b) { return a && b && strcmp(a, b) == 0; }

/* Writes the argument with @ replaced by the directory. */
static const char *argument(char *out, size_t room, const char *text)
{
    const char *at = strchr(text, '@');

    if (at)
        (void)snprintf(out, room, "%.*s%s%s", (int)(at - text), text, program_path("."), at + 1);
    else
        (void)snprintf(out, room, "%s", text);
    return out;
}

/* Begins a run, or resumes it with the flag of row `changed` as `now`. */
static program_run run_command(size_t command, const struct option *changed, bool resume)
{
    static char room[PROGRAM_ARGUMENTS][320];
    const char *arguments[PROGRAM_ARGUMENTS + 1] = { commands[command] };
    size_t count = 1;

    for (size_t i = 0; i < ROWS; i++) {
        const struct option *row = &table[i];
        const char *text = row == changed ? row->now : row->then;

        if (!text || !(row->commands & 1 << command) || (changed && is_flag(row->flag, changed->instead_of)))
            continue;
        assert_true(count < PROGRAM_ARGUMENTS);
        arguments[count] = argument(room[count], sizeof room[0], text);
        count++;
    }
    assert_true(count < PROGRAM_ARGUMENTS);
    arguments[count] = resume ? "--resume" : NULL;
    return program_run_with(NULL, arguments);
}

/* The run ended where the input breaks off, not before. */
static void expect_unfinished(const program_run *run, const char *command, const char *flag)
{
    if (run->status != 3 || !strstr(run->errors, "/in: the gzip data ends in the middle"))
        fail_msg("%s (changed: %s): exit status %d, %s", command, flag, run->status, run->errors);
    assert_int_equal(access(program_path("out.resume"), F_OK), 0);
}

static void expect_refusal(const program_run *run, const char *command, const char *flag, const char *field)
{
    char wanted[128];

    (void)snprintf(wanted, sizeof wanted, "/out.resume: the run was started with another %s, ", field);
    if (run->status != 2 || !strstr(run->errors, wanted))
        fail_msg("%s (changed: %s): exit status %d, %s; expected \"%s\"", command, flag, run->status, run->errors,
                 wanted);
}

/* Begins a run that fails at the end of its input and so leaves an output to resume. */
static void begin(size_t command)
{
    program_run run = run_command(command, NULL, false);

    expect_unfinished(&run, commands[command], "nothing");
    program_forget(&run);
}

static void forget(void)
{
    static const char *const files[] = { "out", "out.resume", "out.resume.found", "pairs", "no" };

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        (void)unlink(program_path(files[i]));
}

static void a_run_with_another_option_is_refused(void **state)
{
    (void)state;
    for (size_t c = 0; c < COMMANDS; c++) {
        begin(c);
        for (size_t i = 0; i < ROWS; i++) {
            program_run run;

            if (!table[i].now || !(table[i].commands & 1 << c))
                continue;
            run = run_command(c, &table[i], true);
            if (table[i].field)
                expect_refusal(&run, commands[c], table[i].flag, table[i].field);
            else
                expect_unfinished(&run, commands[c], table[i].flag);
            program_forget(&run);
        }
        forget();
    }
}

/* Of what the run wrote, a file is cut to `size` bytes, or is gone if that is negative. */
static void lose(size_t command, const char *name, int size)
{
    const char *path = program_path(name);
    program_run run;

    if (size < 0)
        assert_int_equal(unlink(path), 0);
    else
        assert_int_equal(truncate(path, size), 0);
    run = run_command(command, NULL, true);
    assert_int_equal(run.status, 3);
    assert_contains(run.errors, size < 0 ? " is not there, but " : " has 1 bytes, but the run wrote ");
    assert_contains(run.errors, name);
    assert_contains(run.errors, "; restore it, or remove ");
    assert_contains(run.errors, "/out.resume to start afresh\n");
    program_forget(&run);
}

/* The way out is to remove the journal, whose name the user may never have seen. */
static void what_is_done_must_still_be_there(void **state)
{
    static const char *const files[] = { "out", "no", "out.resume.found" };
    size_t lost = 0;

    (void)state;
    for (size_t c = 0; c < COMMANDS; c++)
        for (size_t i = 0; i < 6; i++) {
            struct stat sb;

            begin(c);
            if (stat(program_path(files[i / 2]), &sb) == 0 && sb.st_size > 1) {
                lose(c, files[i / 2], i % 2 ? -1 : 1);
                lost++;
            }
            forget();
        }
    assert_int_equal(lost, 8); /* score's and rank's out, and filter's two others */
}

static void another_command_is_refused(void **state)
{
    (void)state;
    for (size_t c = 0; c < COMMANDS; c++) {
        begin(c);
        for (size_t other = 0; other < COMMANDS; other++) {
            program_run run = run_command(other, NULL, true);

            if (other == c)
                expect_unfinished(&run, commands[other], "nothing");
            else
                expect_refusal(&run, commands[other], "command", "command");
            program_forget(&run);
        }
        forget();
    }
}

static void expect_row(size_t command, const char *what, const char *name, size_t len, bool is_field)
{
    for (size_t i = 0; i < ROWS; i++) {
        const char *have = is_field ? table[i].field : table[i].flag;

        if ((table[i].commands & 1 << command) && have && strlen(have) == len && memcmp(have, name, len) == 0)
            return;
    }
    fail_msg("%s has the %s \"%.*s\", but this test's table does not: add it, with the field that it changes or NULL",
             commands[command], what, (int)len, name);
}

static void every_flag_is_known(void **state)
{
    (void)state;
    for (size_t c = 0; c < COMMANDS; c++) {
        program_run run = program(NULL, commands[c], "--help", NULL);
        const char *at = strstr(run.out, "\nFlags (");
        size_t flags = 0;

        assert_int_equal(run.status, 0);
        assert_non_null(at);
        for (; (at = strstr(at, "\n    --")) != NULL; flags++) {
            at += strlen("\n    --");
            expect_row(c, "flag", at, strcspn(at, " \n"), false);
        }
        assert_in_range(flags, 15, ROWS);
        program_forget(&run);
    }
}

static void every_field_is_known(void **state)
{
    (void)state;
    for (size_t c = 0; c < COMMANDS; c++) {
        json_t *journal;
        const char *key;
        json_t *value;
        char *text;

        begin(c);
        text = program_read(program_path("out.resume"));
        journal = program_line(text, 0);
        json_object_foreach(json_object_get(journal, "run"), key, value)
            if (strcmp(key, "command") != 0 && strcmp(key, "files") != 0)
                expect_row(c, "field", key, strlen(key), true);
        json_decref(journal);
        free(text);
        forget();
    }
}

/* The items lack required fields and get error lines; the last one is cut off. */
static void write_input(const char *path)
{
    const gzFile file = gzopen(path, "wb0");

    assert_non_null(file);
    for (int i = 0; i < 2000; i++)
        assert_true(gzprintf(file, "{\"number\":%d}\n", i) > 0);
    assert_int_equal(gzclose(file), Z_OK);
    assert_int_equal(truncate(path, 20000), 0);
}

static int prepare(void **state)
{
    const char *top = getenv("srcdir");
    char graph[512];

    (void)state;
    (void)snprintf(graph, sizeof graph, "%s/src/graph/qwen2.yaml", top ? top : ".");
    program_link(program_golden("qwen2"), program_path("model"));
    program_link(program_golden("qwen2-tied"), program_path("other"));
    program_link(program_golden("qwen2-lora"), program_path("lora"));
    program_link(graph, program_path("graph.yaml"));
    program_write(program_path("head.yaml"),
                  "format: guerdon-head/1\nname: mine\nnodes:\n"
                  "  - {op: linear, in: [pooled], w: [score.weight], out: score, size: 1}\n");
    write_input(program_path("in"));
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_flag_is_known),
        cmocka_unit_test(every_field_is_known),
        cmocka_unit_test(what_is_done_must_still_be_there),
        cmocka_unit_test(another_command_is_refused),
        cmocka_unit_test(a_run_with_another_option_is_refused),
    };

    return cmocka_run_group_tests_name("cli: identity of a run", tests, prepare, program_end);
}
