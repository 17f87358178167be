/* test_name.c - a name of an output that promises what it won't get is refused; any other is fine. */
#include "tests/records/temp.h"

#include "data/name.h"

#include <sys/stat.h>
#include <unistd.h>

static const struct row {
    const char *name;
    gd_format lines;
    const char *sentence; /* part of it; NULL: the name is fine */
} rows[] = {
    { "out", GD_FORMAT_JSONL, NULL },
    { "out.gz", GD_FORMAT_JSONL, NULL },
    { "out.jsonl", GD_FORMAT_JSONL, NULL },
    { "out.jsonl.zst", GD_FORMAT_JSONL, NULL },
    { "out.json", GD_FORMAT_JSONL, NULL },
    { "out.JSON", GD_FORMAT_JSONL, NULL },
    { "out.ndjson", GD_FORMAT_JSONL, NULL },
    { "out.txt", GD_FORMAT_JSONL, NULL },
    { "out.scores", GD_FORMAT_JSONL, NULL },
    { "a.csv/out", GD_FORMAT_JSONL, NULL },
    { ".csv", GD_FORMAT_JSONL, NULL },
    { "dir/.csv", GD_FORMAT_JSONL, NULL },
    { "dir/.csv.gz", GD_FORMAT_JSONL, NULL },
    { "dir/.a.csv", GD_FORMAT_JSONL, "the file is CSV" },
    { "out.tar.gz", GD_FORMAT_JSONL, "the file is a tar archive, but what is written to it is JSON" },
    { "out.tar", GD_FORMAT_CSV, "the file is a tar archive" },
    { "out.html", GD_FORMAT_JSONL, "the file is HTML" },
    { "out.yaml", GD_FORMAT_JSONL, "the file is YAML" },
    { "out.yml", GD_FORMAT_JSONL, "the file is YAML" },
    { "out.xml", GD_FORMAT_JSONL, "the file is XML" },
    { "out.db", GD_FORMAT_JSONL, "the file is a database" },
    { "out.sqlite", GD_FORMAT_JSONL, "the file is a database" },
    { "csv", GD_FORMAT_JSONL, NULL },
    { "-", GD_FORMAT_JSONL, NULL },
    { "/dev/stdout", GD_FORMAT_JSONL, NULL },
    { "/dev/null", GD_FORMAT_JSONL, NULL },
    { "/proc/self/fd/1", GD_FORMAT_JSONL, NULL },
    { "out.jsonl", GD_FORMAT_JSON, NULL },
    { "out.csv", GD_FORMAT_CSV, NULL },
    { "out.CSV.gz", GD_FORMAT_CSV, NULL },
    { "out.tsv", GD_FORMAT_TSV, NULL },
    { "out.txt", GD_FORMAT_TSV, NULL },
    { "out.txt", GD_FORMAT_TEXT, NULL },
    { "out.csv", GD_FORMAT_JSONL,
      "out.csv: by its name the file is CSV, but what is written to it is JSON; choose another "
      "name, such as one in .jsonl" },
    { "out.csv.gz", GD_FORMAT_JSONL, "out.csv.gz: by its name the file is CSV, but" },
    { "out.tsv", GD_FORMAT_JSON, "the file is TSV, but what is written to it is JSON" },
    { "out.tsv", GD_FORMAT_CSV,
      "the file is TSV, but what is written to it is CSV; choose another name, such as one in .csv" },
    { "out.jsonl", GD_FORMAT_TSV, "the file is JSON lines, but what is written to it is TSV" },
    { "out.json", GD_FORMAT_TEXT,
      "the file is JSON, but what is written to it is text; choose another name, such as one in "
      ".txt" },
    { "out.parquet", GD_FORMAT_JSONL, "the file is Parquet, but what is written to it is JSON" },
    { "out.Parquet", GD_FORMAT_CSV, "the file is Parquet, but what is written to it is CSV" },
    { "out.arrow", GD_FORMAT_JSONL, "the file is Arrow" },
    { "out.xlsx", GD_FORMAT_CSV, "the file is Excel" },
    { "out.jsonl.bz2", GD_FORMAT_JSONL,
      "out.jsonl.bz2: by its name the file is compressed, but only names that end in .gz or "
      ".zst make it so; choose another one" },
    { "out.xz", GD_FORMAT_CSV, "only names that end in .gz or .zst" },
    { "out.zip", GD_FORMAT_JSONL, "only names that end in .gz or .zst" },
    { "out.jsonl.GZ", GD_FORMAT_JSONL, "only names that end in .gz or .zst" },
    { "out.zstd", GD_FORMAT_JSONL, "only names that end in .gz or .zst" },
    { "out.gz.gz", GD_FORMAT_JSONL, "only names that end in .gz or .zst" },
};

static void a_name_says_what_is_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        gd_error err = { 0 };
        const gd_status rc = gd_output_name(row->name, row->lines, &err);

        if (rc != (row->sentence ? GD_EUSAGE : GD_OK))
            fail_msg("%s, format %d: status %d, %s", row->name, (int)row->lines, (int)rc, err.text);
        if (row->sentence)
            assert_contains(err.text, row->sentence);
    }
}

/* Whoever reads a pipe knows what comes, whatever its name. */
static void only_files_are_judged_by_their_names(void **state)
{
    const char *path = temp_path("pipe.csv");
    gd_error err = { 0 };

    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_ok(gd_output_name(path, GD_FORMAT_JSONL, test_err));
    path = temp_write("there.csv", "a\n", 2);
    assert_int_equal(gd_output_name(path, GD_FORMAT_JSONL, &err), GD_EUSAGE);
}

/* What is written to a link has the compression of its name, and who reads the target goes by its name. */
static void a_link_has_the_compression_of_its_target(void **state)
{
    static const struct row links[] = {
        { "a.jsonl", GD_FORMAT_JSONL, NULL },
        { "b.jsonl.gz", GD_FORMAT_JSONL, "b.jsonl.gz, whose name says something else of the compression" },
        { "c.jsonl.zst", GD_FORMAT_JSONL, "c.jsonl.zst, whose name says something else of the compression" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++)
        for (int there = 0; there < 2; there++) {
            char name[32];
            const char *path;
            gd_error err = { 0 };

            if (there)
                (void)temp_write(links[i].name, "x", 1);
            (void)snprintf(name, sizeof name, "link%zu%d.jsonl", i, there);
            path = temp_path(name);
            assert_int_equal(symlink(links[i].name, path), 0);
            if (gd_output_name(path, links[i].lines, &err) != (links[i].sentence ? GD_EUSAGE : GD_OK))
                fail_msg("%s, %d: %s", links[i].name, there, err.text);
            if (links[i].sentence)
                assert_contains(err.text, links[i].sentence);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_says_what_is_written),
        cmocka_unit_test(only_files_are_judged_by_their_names),
        cmocka_unit_test(a_link_has_the_compression_of_its_target),
    };

    return cmocka_run_group_tests_name("records: names of outputs", tests, temp_begin, temp_end);
}
