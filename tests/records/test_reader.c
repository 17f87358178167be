/* test_reader.c - reading lines of plain and packed files. */
#include "tests/records/lines.h"

#include "base/mem.h"
#include "data/record.h"
#include "data/stream.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void expect_lines(const void *file, size_t len, const char *wanted)
{
    char seen[4096];

    assert_ok(read_lines(temp_write("plain", file, len), seen, sizeof seen, test_err));
    assert_string_equal(seen, wanted);
    for (size_t k = 0; k < 2; k++) {
        size_t packed_len;
        unsigned char *packed = temp_packers[k](file, len, &packed_len);

        assert_ok(read_lines(temp_write("packed", packed, packed_len), seen, sizeof seen, test_err));
        assert_string_equal(seen, wanted);
        free(packed);
    }
}

static void lines_are_counted_as_an_editor_does(void **state)
{
    static const struct {
        const char *file, *wanted;
    } cases[] = {
        { "", "" },
        { "\n", "" },
        { "\n\n \t\n\r\n", "" },
        { "a", "1:a;" },
        { "a\n", "1:a;" },
        { "a\nb", "1:a;2:b;" },
        { "a\r\nb\r\n", "1:a;2:b;" },
        { "a\r\n\r\nb\r", "1:a;3:b;" },
        { "\n\na\n\n\nb\n\n", "3:a;6:b;" },
        { " a \n\tb", "1: a ;2:\tb;" },
        { "\xef\xbb\xbf"
          "a\nb\n",
          "1:a;2:b;" },
        { "\xef\xbb\xbf\na\n", "2:a;" },
        { "\xef\xbb\xbf", "" },
        { "a\n\xef\xbb\xbf"
          "b\n",
          "1:a;2:\xef\xbb\xbf"
          "b;" },
        { "a\rb\n", "1:a\rb;" },
        { "\x1f", "1:\x1f;" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_lines(cases[i].file, strlen(cases[i].file), cases[i].wanted);
    expect_lines("a\0b\nc", 5, "1:a;2:c;"); /* %.*s stops at the NUL */
}

/* Lines of all lengths around the size of the buffer, so that its end falls at every place of a line. */
static void lines_may_span_buffers(void **state)
{
    static const size_t lens[] = { 1, 2, 100, 65534, 65535, 65536, 65537, 131071, 131072, 131073, 200000 };
    const size_t count = sizeof lens / sizeof lens[0];

    (void)state;
    for (size_t first = 0; first < count; first++) {
        char *file = malloc(2000000);
        size_t at = 0, n = 0;
        const char *path;

        for (size_t k = 0; k < count; k++) {
            const size_t len = lens[(first + k) % count];

            memset(file + at, 'a' + (int)k, len);
            at += len;
            memcpy(file + at, "\r\n", 2);
            at += 2;
        }
        for (int way = 0; way < 3; way++) {
            unsigned char *packed = way ? temp_packers[way - 1](file, at, &n) : NULL;
            gd_reader *r;
            gd_line line;
            bool more = true;

            path = way ? temp_write("x", packed, n) : temp_write("x", file, at);
            free(packed);
            assert_ok(gd_reader_open(&r, path, (gd_pause){ 0 }, test_err));
            for (size_t k = 0; k < count; k++) {
                assert_ok(gd_reader_next(r, &line, &more, test_err));
                assert_true(more);
                assert_int_equal(line.len, lens[(first + k) % count]);
                for (size_t i = 0; i < line.len; i++)
                    assert_int_equal(line.data[i], 'a' + (int)k);
            }
            assert_ok(gd_reader_next(r, &line, &more, test_err));
            assert_false(more);
            gd_reader_close(r);
        }
        free(file);
    }
}

static void a_line_of_16_mib_is_the_longest(void **state)
{
    char *file = malloc(GD_LINE_MAX + 100);
    gd_records *records;
    gd_record record;
    gd_reader *r;
    gd_line line;
    bool more;

    (void)state;
    for (int extra = 0; extra < 2; extra++) {
        const size_t len = GD_LINE_MAX + (size_t)extra;
        size_t at = 0;

        memcpy(file, "\xef\xbb\xbf", 3); /* neither the mark nor the CR counts */
        memset(file + 3, 'x', len);
        at = 3 + len;
        memcpy(file + at, "\r\n{\"text\":\"next\"}\n", 18);
        at += 18;
        assert_ok(gd_reader_open(&r, temp_write("x", file, at), (gd_pause){ 0 }, test_err));
        assert_ok(gd_reader_next(r, &line, &more, test_err));
        assert_int_equal(line.too_long, extra);
        assert_int_equal(line.data == NULL, extra);
        if (!extra)
            assert_int_equal(line.len, len);
        assert_ok(gd_reader_next(r, &line, &more, test_err));
        assert_int_equal(line.number, 2);
        assert_int_equal(line.len, 15);
        gd_reader_close(r);
    }
    assert_ok(gd_records_open(
        &records,
        &(gd_entries_options){ .inputs = &(const char *){ temp_path("x") }, .count = 1, .format = GD_FORMAT_JSONL },
        test_err));
    assert_ok(gd_records_next(records, &record, &more, test_err));
    assert_string_equal(record.problem, "line 1: more than 16777216 bytes; an item may have at most 16 MiB");
    gd_record_free(&record);
    assert_ok(gd_records_next(records, &record, &more, test_err));
    assert_int_equal(record.index, 1);
    assert_int_equal(record.line, 2);
    assert_memory_equal(record.texts[0].text.data, "next", 4);
    gd_record_free(&record);
    gd_records_close(records);
    free(file);
}

static void bad_lines_do_not_stop_the_file(void **state)
{
    static const char file[] = "{\"text\":\"a\"}\n\n{\"text\":1}\n{\"chosen\":\"c\",\"rejected\":\"r\"}\n{";
    static const struct {
        uint64_t line;
        size_t count;
    } wanted[] = { { 1, 1 }, { 3, 0 }, { 4, 2 }, { 5, 0 } };
    gd_records *records;
    gd_record record;
    bool more;

    (void)state;
    assert_ok(
        gd_records_open(&records,
                        &(gd_entries_options){ .inputs = &(const char *){ temp_write("x", file, sizeof file - 1) },
                                               .count = 1,
                                               .format = GD_FORMAT_JSONL },
                        test_err));
    for (size_t i = 0; i < 4; i++) {
        assert_ok(gd_records_next(records, &record, &more, test_err));
        assert_true(more);
        assert_int_equal(record.index, i);
        assert_int_equal(record.line, wanted[i].line);
        assert_int_equal(record.count, wanted[i].count);
        assert_int_equal(record.problem != NULL, wanted[i].count == 0);
        gd_record_free(&record);
    }
    assert_ok(gd_records_next(records, &record, &more, test_err));
    assert_false(more);
    assert_int_equal(gd_records_bytes_done(records), sizeof file - 1);
    gd_records_close(records);
}

static void refused_files_are_named(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        gd_status status;
        const char *sentence;
    } cases[] = {
        { "\x1f\x8b\x08garbage and more of it", 25, GD_EFORMAT, "the gzip data is damaged: unknown header flags set" },
        { "\x1f\x8b", 2, GD_EFORMAT, "the gzip data ends in the middle: the file was truncated" },
        { "\x1f\x8bgzip?", 7, GD_EFORMAT, "the gzip data is damaged: unknown compression method" },
        { "\x28\xb5\x2f\xfd", 4, GD_EFORMAT, "the zstd data ends in the middle: the file was truncated" },
        { "\x28\xb5\x2f\xfd\x08....", 9, GD_EFORMAT, "the zstd data is damaged: Unsupported frame parameter" },
        { "\x28\xb5\x2f\xfd\x00\x88", 6, GD_EFORMAT, "the zstd data ends in the middle: the file was truncated" },
        { "\x28\xb5\x2f\xfd\x00\x90....", 10, GD_EUNSUPPORTED, /* 2^28 bytes; the line above: 2^27 */
          "the zstd data needs more than 128 MiB to decompress; compress it again without --long" },
        { "\x28\xb5\x2f\xfd\x21\x07\x00....", 11, GD_EUNSUPPORTED,
          "the zstd data was compressed with a dictionary; compress it again without -D" },
        { "BZh91AY&SY", 10, GD_EUNSUPPORTED, "this is a bzip2 file; expected plain text, gzip or zstd" },
        { "\xfd"
          "7zXZ\0",
          6, GD_EUNSUPPORTED, "this is an xz file; expected plain text, gzip or zstd" },
        { "PK\x03\x04....", 8, GD_EUNSUPPORTED, "this is a zip file; expected plain text, gzip or zstd" },
        { "PAR1....", 8, GD_EUNSUPPORTED,
          "this is a Parquet file, which this version does not read; convert it to JSON lines, for example with "
          "pandas: read_parquet(..).to_json(.., orient='records', lines=True)" },
        { "ARROW1\0\0", 8, GD_EUNSUPPORTED,
          "this is an Arrow file, which this version does not read; convert it to JSON lines" },
        { "\xff\xfe{\0", 4, GD_EFORMAT, "the text is UTF-16; expected UTF-8" },
        { "\xfe\xff\0{", 4, GD_EFORMAT, "the text is UTF-16; expected UTF-8" },
    };
    char seen[256], wanted[256];
    gd_error err;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *path = temp_write("x", cases[i].bytes, cases[i].len);

        err = (gd_error){ 0 };
        assert_int_equal(read_lines(path, seen, sizeof seen, &err), cases[i].status);
        (void)snprintf(wanted, sizeof wanted, "%s: %s", path, cases[i].sentence);
        assert_string_equal(err.text, wanted);
    }
    err = (gd_error){ 0 };
    assert_int_equal(read_lines(temp_dir, seen, sizeof seen, &err), GD_EIO);
    assert_non_null(strstr(err.text, ": this is a directory; expected a file"));
    err = (gd_error){ 0 };
    assert_int_equal(read_lines("/nonexistent/x", seen, sizeof seen, &err), GD_EIO);
    assert_string_equal(err.text, "/nonexistent/x: No such file or directory");
}

/* A pipe gives bytes in portions of any size, and their total is unknown. */
static void a_table_without_our_columns_is_one_error(void **state)
{
    static const struct {
        const char *name, *header, *fields, *sentence; /* sentence: its end; NULL: there is no error */
    } rows[] = {
        { "a.csv", "good,bad", NULL, "but good, bad; if yours have other names, map them, as in --fields chosen=good" },
        { "a.csv", "good,bad", "system=bad",
          "but good, bad; if yours have other names, map them, as in --fields chosen=good" },
        { "a.csv", "question,answer", NULL, "but question, answer; perhaps --fields prompt=question,response=answer" },
        { "a.csv", "prompt;chosen;rejected", NULL,
          "but prompt;chosen;rejected; it has semicolons, where commas are expected" },
        { "a.csv", "prompt\tchosen", NULL, "it has tabs, where commas are expected: --format tsv reads them" },
        { "a.tsv", "prompt,chosen", NULL, "it has commas, where tabs are expected: --format csv reads them" },
        { "a.tsv", "good;bad", NULL, "it has semicolons, where tabs are expected" },
        { "a.csv", "good,bad", "chosen=good,rejected=bad", NULL },
        { "a.csv", "id,text", NULL, NULL },
        { "a.csv", "prompt", NULL, NULL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *path = temp_write(rows[i].name, rows[i].header, strlen(rows[i].header));
        const gd_entries_options options = { .inputs = &path, .count = 1, .fields = rows[i].fields };
        gd_records *records = NULL;
        gd_error err = { 0 };

        assert_int_equal(gd_records_open(&records, &options, &err), rows[i].sentence ? GD_EFORMAT : GD_OK);
        gd_records_close(records);
        if (rows[i].sentence)
            assert_string_equal(err.text + strlen(err.text) - strlen(rows[i].sentence), rows[i].sentence);
    }
}

static void pipes_are_read(void **state)
{
    const char *path = temp_path("fifo");
    char seen[256];
    pid_t writer;
    int status;

    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    writer = fork();
    if (writer == 0) {
        const int fd = open(path, O_WRONLY);
        const char *file = "a\r\n\nbcd\ne";
        ssize_t n = 1;

        while (*file && n == 1)
            n = write(fd, file++, 1);
        _exit(n == 1 ? 0 : 1);
    }
    assert_true(writer > 0);
    assert_ok(read_lines(path, seen, sizeof seen, test_err));
    assert_string_equal(seen, "1:a;3:bcd;4:e;");
    assert_int_equal(waitpid(writer, &status, 0), writer);
    assert_int_equal(status, 0);
}

static void standard_input_is_read_and_left_open(void **state)
{
    const int saved = dup(STDIN_FILENO);
    const int fd = open(temp_write("x", "a\nb\n", 4), O_RDONLY);
    char seen[256];
    gd_stream *s;

    (void)state;
    assert_int_equal(dup2(fd, STDIN_FILENO), STDIN_FILENO);
    close(fd);
    assert_ok(read_lines("-", seen, sizeof seen, test_err));
    assert_string_equal(seen, "1:a;2:b;");
    assert_ok(gd_stream_open(&s, "-", (gd_pause){ 0 }, test_err));
    assert_string_equal(gd_stream_name(s), "standard input");
    gd_stream_close(s);
    assert_true(fcntl(STDIN_FILENO, F_GETFD) >= 0);
    if (saved >= 0) {
        assert_int_equal(dup2(saved, STDIN_FILENO), STDIN_FILENO);
        close(saved);
    }
}

static void every_allocation_may_fail(void **state)
{
    char *file = malloc(200000), seen[256];

    (void)state;
    memset(file, ' ', 200000); /* a blank line that spans portions */
    for (size_t k = 0; k < 2; k++) {
        size_t n;
        unsigned char *packed = temp_packers[k](file, 200000, &n);
        gd_status rc = GD_ENOMEM;
        uint64_t fault;

        temp_write("x", packed, n);
        for (fault = 1; rc; fault++) {
            gd_error err = { 0 };

            gd_mem_fail_from(fault);
            rc = read_lines(temp_path("x"), seen, sizeof seen, &err);
            gd_mem_fail_from(0);
            assert_true(rc == GD_OK || rc == GD_ENOMEM);
            assert_int_equal(err.status, rc);
            assert_int_equal(gd_mem_live(), 0);
        }
        assert_true(fault > 5);
        free(packed);
    }
    free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_are_counted_as_an_editor_does, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(lines_may_span_buffers, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(a_line_of_16_mib_is_the_longest, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(bad_lines_do_not_stop_the_file, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(refused_files_are_named, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(a_table_without_our_columns_is_one_error, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(pipes_are_read, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(standard_input_is_read_and_left_open, temp_begin, temp_end),
        cmocka_unit_test_setup_teardown(every_allocation_may_fail, temp_begin, temp_end),
    };

    return cmocka_run_group_tests_name("records: reader", tests, NULL, NULL);
}
