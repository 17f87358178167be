/* test_entries_inputs.c - several inputs, patterns, standard input and names of fields. */
#include "tests/records/entries_seen.h"

#include "base/mem.h"
#include "data/entries_fields.h"

#include <fcntl.h>
#include <locale.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { MOST = 8 };

/* Reads the inputs, names in the directory up to a NULL; returns what is seen, without the directory's name. */
static gd_status see(const char *const *names, const char *fields, char **seen, gd_error *err)
{
    char paths[MOST][384];
    const char *inputs[MOST];
    gd_entries_options options = { .inputs = inputs, .fields = fields };
    const size_t dir = strlen(temp_dir) + 1;
    gd_status rc;

    for (; names[options.count]; options.count++) {
        const char *name = names[options.count];

        (void)snprintf(paths[options.count], sizeof paths[0], "%s/%s", temp_dir, name);
        inputs[options.count] = strcmp(name, "-") ? paths[options.count] : name;
    }
    rc = rows_seen(&options, false, seen, err);
    for (char *at; (at = strstr(*seen, temp_dir)) != NULL;)
        memmove(at, at + dir, strlen(at + dir) + 1);
    for (char *at; err && (at = strstr(err->text, temp_dir)) != NULL;)
        memmove(at, at + dir, strlen(at + dir) + 1);
    return rc;
}

static void expect(const char *const *names, const char *fields, const char *wanted)
{
    gd_error err = { 0 };
    char *seen;

    if (see(names, fields, &seen, &err))
        fail_msg("%s", err.text);
    assert_string_equal(seen, wanted);
    free(seen);
}

static void expect_failure(const char *const *names, const char *fields, gd_status status, const char *sentence)
{
    gd_error err = { 0 };
    char *seen;

    assert_int_equal(see(names, fields, &seen, &err), status);
    assert_string_equal(err.text, sentence);
    free(seen);
    assert_int_equal(gd_mem_live(), 0);
}

#define NAMES(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void write_text(const char *name, const char *text) { temp_write(name, text, strlen(text)); }

static void inputs_are_read_in_order(void **state)
{
    (void)state;
    write_text("a.jsonl", "{\"n\":1}\n\n");
    write_text("b.json", "[{\"n\":2},\n{\"n\":3}]");
    write_text("c.jsonl", "");
    write_text("d", "{\"n\":4}");
    expect(NAMES("a.jsonl", "b.json", "c.jsonl", "d", "a.jsonl"), NULL,
           "1 {\"n\":1}\n1 {\"n\":2}\n2 {\"n\":3}\n1 {\"n\":4}\n1 {\"n\":1}\n");
    expect(NAMES("c.jsonl", "c.jsonl"), NULL, "");
    write_text("e.jsonl", "{}\n\n7\n");
    expect(NAMES("e.jsonl", "a.jsonl"), NULL, "1 {}\n3 ! e.jsonl, line 3: a number; expected an object\n1 {\"n\":1}\n");
    write_text("a.csv", "x,y\n1,2\n");
    write_text("b.csv", "\"x\",y\r\n3,4");
    expect(NAMES("a.csv", "b.csv"), NULL, "2 {\"x\":\"1\",\"y\":\"2\"}\n2 {\"x\":\"3\",\"y\":\"4\"}\n");
}

static void rows_name_their_input_when_there_are_several(void **state)
{
    const char *inputs[2];
    gd_entries *entries;
    bool more;

    (void)state;
    write_text("a.jsonl", "{}\n{}\n");
    write_text("b.jsonl", "\n{}\n");
    for (size_t count = 1; count <= 2; count++) {
        char place[GD_ENTRY_PLACE_ROOM], wanted[400];
        size_t found;
        gd_entry entry;

        inputs[0] = temp_path("a.jsonl");
        inputs[1] = temp_path("b.jsonl");
        assert_ok(gd_entries_open(&entries, &(gd_entries_options){ .inputs = inputs, .count = count }, test_err));
        assert_string_equal(gd_entries_inputs(entries, &found)[count - 1], inputs[count - 1]);
        assert_int_equal(found, count);
        assert_int_equal(gd_entries_format(entries), GD_FORMAT_JSONL);
        assert_null(gd_entries_header(entries));
        assert_int_equal(gd_entries_bytes_total(entries), count == 1 ? 6 : 10);
        for (size_t i = 0; i < (count == 1 ? 2 : 3); i++) {
            assert_ok(gd_entries_next(entries, &entry, &more, test_err));
            assert_true(more);
            (void)snprintf(wanted, sizeof wanted, count == 1 ? "%.0sline %d" : "%s, line %d", inputs[i / 2],
                           i == 1 || i == 2 ? 2 : 1);
            assert_string_equal(gd_entry_place(&entry, place), wanted);
            gd_entry_free(&entry);
        }
        assert_int_equal(gd_entries_bytes_done(entries), count == 1 ? 6 : 10);
        gd_entries_close(entries);
    }
}

static void the_end_of_a_long_path_is_shown(void **state)
{
    static char name[301], wanted[GD_ENTRY_PLACE_ROOM];
    const gd_entry entry = { .name = name, .line = 18446744073709551615u };
    char place[GD_ENTRY_PLACE_ROOM];

    (void)state;
    memset(name, 'a', 298);
    memcpy(name + 298, "zz", 3);
    (void)snprintf(wanted, sizeof wanted, "...%s, line 18446744073709551615", name + 300 - (GD_ENTRY_PLACE_ROOM - 40));
    assert_string_equal(gd_entry_place(&entry, place), wanted);
}

static void patterns_are_files_sorted_by_their_bytes(void **state)
{
    (void)state;
    write_text("b.jsonl", "{\"n\":\"b\"}");
    write_text("a.jsonl", "{\"n\":\"a\"}");
    write_text("B.jsonl", "{\"n\":\"B\"}");
    write_text("a10.jsonl", "{\"n\":\"a10\"}");
    write_text("a2.jsonl", "{\"n\":\"a2\"}");
    write_text("c.txt", "c");
    (void)setlocale(LC_ALL, "C.UTF-8"); /* a locale with another order, which must not matter */
    expect(NAMES("*.jsonl"), NULL,
           "1 {\"n\":\"B\"}\n1 {\"n\":\"a\"}\n1 {\"n\":\"a10\"}\n1 {\"n\":\"a2\"}\n1 {\"n\":\"b\"}\n");
    expect(NAMES("b.json?", "a[1-9]*.jsonl", "a.jsonl"), NULL,
           "1 {\"n\":\"b\"}\n1 {\"n\":\"a10\"}\n1 {\"n\":\"a2\"}\n1 {\"n\":\"a\"}\n");
    write_text("a[1-9]*.jsonl", "{\"n\":\"this very file\"}");
    expect(NAMES("a[1-9]*.jsonl"), NULL, "1 {\"n\":\"this very file\"}\n");
    expect_failure(NAMES("a.jsonl", "x*.jsonl"), NULL, GD_EUSAGE, "x*.jsonl: no file matches this pattern");
    expect_failure(NAMES("none/*.jsonl"), NULL, GD_EUSAGE,
                   "none/*.jsonl: no file matches this pattern: there is no such directory");
    expect_failure(NAMES("x.jsonl"), NULL, GD_EIO, "x.jsonl: No such file or directory");
    assert_int_equal(gd_entries_open(&(gd_entries *){ NULL }, &(gd_entries_options){ 0 }, NULL), GD_EUSAGE);
    for (size_t i = 0; i < 3; i++) {
        static const int formats[] = { -1, GD_FORMAT_TEXT + 1, 5000000 };
        const char *inputs[] = { "-", "-" };
        const gd_entries_options options = { .inputs = inputs, .count = 2, .format = (gd_format)formats[i] };
        gd_entries *entries;
        gd_error err = { 0 };

        assert_int_equal(gd_entries_open(&entries, &options, &err), GD_EUSAGE);
        assert_contains(err.text, "which is not a gd_format");
    }
}

/* Before the first row is given. */
static void inputs_that_do_not_go_together_are_refused(void **state)
{
    (void)state;
    write_text("a.csv", "x,y\n1,2\n");
    write_text("b.csv", "y,x\n1,2\n");
    write_text("c.csv", "x,y,z\n1,2,3\n");
    write_text("d.csv", "");
    write_text("a.tsv", "x\ty\n");
    write_text("a.jsonl", "{}");
    write_text("a.txt", "t");
    write_text("p.jsonl", "PAR1");
    expect_failure(NAMES("a.csv", "a.csv", "b.csv"), NULL, GD_EUSAGE,
                   "b.csv: column 1 is \"y\", but \"x\" in a.csv; all inputs must have the same columns");
    expect_failure(NAMES("a.csv", "c.csv"), NULL, GD_EUSAGE,
                   "c.csv: 3 columns, but 2 in a.csv; all inputs must have the same columns");
    expect_failure(NAMES("a.csv", "d.csv"), NULL, GD_EFORMAT,
                   "d.csv: the file is empty; expected a line that names the columns");
    expect_failure(NAMES("a.csv", "a.tsv"), NULL, GD_EUSAGE,
                   "a.tsv: this is TSV, but a.csv is CSV; all inputs must be of one kind");
    expect_failure(NAMES("a.jsonl", "a.csv"), NULL, GD_EUSAGE,
                   "a.csv: this is CSV, but a.jsonl is JSON; all inputs must be of one kind");
    expect_failure(NAMES("a.txt", "a.jsonl"), NULL, GD_EUSAGE,
                   "a.jsonl: this is JSON, but a.txt is text; all inputs must be of one kind");
    expect_failure(NAMES("a.jsonl", "none.jsonl"), NULL, GD_EIO, "none.jsonl: No such file or directory");
    expect_failure(NAMES("a.jsonl", "p.jsonl"), NULL, GD_EUNSUPPORTED,
                   "p.jsonl: this is a Parquet file, which this version does not read; convert it to JSON lines, for "
                   "example with pandas: read_parquet(..).to_json(.., orient='records', lines=True)");
    expect_failure(NAMES("-", "a.jsonl", "-"), NULL, GD_EUSAGE,
                   "standard input is named twice, but can be read only once");
}

static pid_t feed(const char *fifo, const char *text)
{
    const pid_t writer = fork();

    if (writer == 0) {
        const int fd = open(fifo, O_WRONLY);
        ssize_t n = 1;

        while (*text && n == 1)
            n = write(fd, text++, 1);
        _exit(n == 1 ? 0 : 1);
    }
    return writer;
}

/* They can be opened only once, when their turn comes; their headers are compared then. */
static void pipes_and_standard_input_are_read(void **state)
{
    static const char *const texts[] = { "x,y\n3,\"4\n\"\n5", "y,x\n" };
    const int saved = dup(STDIN_FILENO);
    gd_error err = { 0 };
    int status;

    (void)state;
    write_text("a.csv", "x,y\n1,2\n");
    assert_int_equal(mkfifo(temp_path("p.csv"), 0600), 0);
    for (size_t i = 0; i < 2; i++) {
        const pid_t writer = feed(temp_path("p.csv"), texts[i]);
        char *seen;

        assert_true(writer > 0);
        assert_int_equal(see(NAMES("a.csv", "p.csv"), NULL, &seen, &err), i ? GD_EUSAGE : GD_OK);
        assert_string_equal(seen, i ? "2 {\"x\":\"1\",\"y\":\"2\"}\n"
                                    : "2 {\"x\":\"1\",\"y\":\"2\"}\n2 {\"x\":\"3\",\"y\":\"4\\n\"}\n"
                                      "4 ! p.csv, line 4: 1 field, but the header has 2 columns; a field that holds a "
                                      "comma, a quote or a line break must be in quotes\n");
        free(seen);
        assert_int_equal(waitpid(writer, &status, 0), writer);
    }
    assert_string_equal(err.text,
                        "p.csv: column 1 is \"y\", but \"x\" in a.csv; all inputs must have the same columns");
    for (size_t i = 0; i < 2; i++) {
        const int fd = open(temp_write("in", i ? "[{}, 7]" : "{}\n7", i ? 7 : 4), O_RDONLY);

        assert_int_equal(dup2(fd, STDIN_FILENO), STDIN_FILENO);
        close(fd);
        write_text("a.jsonl", "{}");
        expect(NAMES("a.jsonl", "-"), NULL,
               i ? "1 {}\n1 {}\n1 ! standard input, line 1: a number; expected an object\n"
                 : "1 {}\n1 {}\n2 ! standard input, line 2: a number; expected an object\n");
    }
    if (saved >= 0) {
        assert_int_equal(dup2(saved, STDIN_FILENO), STDIN_FILENO);
        close(saved);
    }
}

static void fields_are_renamed(void **state)
{
    (void)state;
    write_text("a.csv", "instruction,text,\"a,b\\\",chosen\n1,2,3,4\n");
    write_text("a.jsonl", "{\"q\":1,\"good\":2,\"chosen\":3}\n{\"q\":4,\"chosen\":5}\n{\"chosen\":6,\"rejected\":7}\n");
    expect(NAMES("a.csv"), "text=instruction", "2 {\"a,b\\\\\":\"3\",\"chosen\":\"4\",\"text\":\"1\"}\n");
    expect(NAMES("a.csv"), "", "2 {\"a,b\\\\\":\"3\",\"chosen\":\"4\",\"instruction\":\"1\",\"text\":\"2\"}\n");
    expect(NAMES("a.csv"), "prompt=a\\,b\\\\,chosen=text,text=chosen,",
           "2 {\"chosen\":\"2\",\"instruction\":\"1\",\"prompt\":\"3\",\"text\":\"4\"}\n");
    expect(NAMES("a.csv"), "text=text",
           "2 {\"a,b\\\\\":\"3\",\"chosen\":\"4\",\"instruction\":\"1\",\"text\":\"2\"}\n");
    expect(NAMES("a.csv"), "prompt=text,response=text",
           "2 {\"a,b\\\\\":\"3\",\"chosen\":\"4\",\"instruction\":\"1\",\"prompt\":\"2\",\"response\":\"2\"}\n");
    /* a mapped field is missing: a field that has our name is not used instead */
    expect(NAMES("a.jsonl"), "prompt=q,chosen=good",
           "1 {\"chosen\":2,\"prompt\":1}\n2 {\"prompt\":4}\n3 {\"rejected\":7}\n");
    expect(NAMES("a.jsonl"), "chosen=rejected,rejected=chosen",
           "1 {\"good\":2,\"q\":1,\"rejected\":3}\n2 {\"q\":4,\"rejected\":5}\n"
           "3 {\"chosen\":7,\"rejected\":6}\n");
    write_text("a.txt", "x");
    expect(NAMES("a.txt"), "prompt=text", "1 {\"prompt\":\"x\"}\n");
}

static void unknown_fields_are_refused(void **state)
{
    const char *path;
    gd_entries *entries;

    (void)state;
    write_text("a.csv", "instruction,text\n1,2\n");
    write_text("a.txt", "x");
    expect_failure(NAMES("a.csv"), "text=Instruction", GD_EUSAGE,
                   "a.csv: there is no column \"Instruction\"; the header has instruction, text");
    expect_failure(NAMES("a.txt"), "text=line", GD_EUSAGE,
                   "a.txt: there is no column \"line\" in plain text, which has only \"text\"");
    expect_failure(NAMES("a.csv"), "Text=text", GD_EUSAGE,
                   "fields: \"Text\" is none of text, prompt, response, responses, chosen, rejected, messages, "
                   "system, tools, documents and chat_template_kwargs");
    expect_failure(NAMES("a.csv"), "=text", GD_EUSAGE,
                   "fields: \"\" is none of text, prompt, response, responses, chosen, rejected, messages, "
                   "system, tools, documents and chat_template_kwargs");
    expect_failure(NAMES("a.csv"), "text", GD_EUSAGE,
                   "fields: \"text\" is not of the form name=column, as in text=instruction");
    expect_failure(NAMES("a.csv"), "text=text,instruction", GD_EUSAGE,
                   "fields: \"instruction\" is not of the form name=column, as in text=instruction");
    expect_failure(NAMES("a.csv"), "text=text,text=instruction", GD_EUSAGE, "fields: \"text\" is given twice");
    expect_failure(NAMES("a.csv"), "text=", GD_EUSAGE, "fields: \"text=\" names no column");
    path = temp_path("a.csv");
    assert_ok(gd_entries_open(&entries,
                              &(gd_entries_options){ .inputs = &path, .count = 1, .fields = "text=instruction" },
                              test_err));
    assert_string_equal(gd_entries_source_name(entries, "text"), "instruction");
    assert_string_equal(gd_entries_source_name(entries, "chosen"), "chosen");
    gd_entries_close(entries);
}

static void braces_name_several_files(void **state)
{
    const char *pattern = temp_path("{b,a}.jsonl"), *const * found;
    gd_entries *entries;
    size_t count;

    (void)state;
    write_text("a.jsonl", "{}\n");
    write_text("b.jsonl", "{}\n");
    assert_ok(gd_entries_open(&entries, &(gd_entries_options){ .inputs = &pattern, .count = 1 }, test_err));
    found = gd_entries_inputs(entries, &count);
    assert_int_equal(count, 2);
    assert_string_equal(strrchr(found[0], '/'), "/b.jsonl");
    assert_string_equal(strrchr(found[1], '/'), "/a.jsonl");
    gd_entries_close(entries);
    pattern = temp_path("{a,missing}.jsonl");
    assert_int_equal(gd_entries_open(&entries, &(gd_entries_options){ .inputs = &pattern, .count = 1 }, NULL), GD_EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(inputs_are_read_in_order, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(rows_name_their_input_when_there_are_several, temp_begin, temp_end),
        cmocka_unit_test(the_end_of_a_long_path_is_shown),
        cmocka_unit_test_setup_teardown(patterns_are_files_sorted_by_their_bytes, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(inputs_that_do_not_go_together_are_refused, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(pipes_and_standard_input_are_read, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(fields_are_renamed, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(unknown_fields_are_refused, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(braces_name_several_files, temp_begin, temp_end),
    };

    return cmocka_run_group_tests_name("records: inputs and fields", tests, NULL, NULL);
}
