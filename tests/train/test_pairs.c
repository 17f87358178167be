/* test_pairs.c - the data of a training run: which records are kept, what they prefer, what is said of the others. */
#include "tests/check.h"

#include "base/mem.h"
#include "train/pairs.h"

struct data {
    gd_encoder encoder;
    gd_pairs pairs;
    char path[TEST_PATH];
};

static void data_open(struct data *d, const char *lines, const gd_pairs_options *how)
{
    char model[TEST_PATH];
    const char *input = d->path, *also[] = { "ranks", "margin" };
    const gd_entries_options options = { .inputs = &input, .count = 1, .also = also, .also_count = 2 };
    gd_options read;
    gd_records *records;
    FILE *f;

    memset(d, 0, sizeof *d);
    gd_options_init(&read);
    read.model = test_data(model, sizeof model, "golden/qwen2");
    read.max_length = 12;
    read.truncate = GD_TRUNCATE_DROP;
    assert_ok(gd_encoder_open(&d->encoder, &read, model, NULL, NULL, test_err));
    f = fopen(test_file(d->path), "w");
    assert_non_null(f);
    assert_int_not_equal(fputs(lines, f), EOF);
    assert_int_equal(fclose(f), 0);
    assert_ok(gd_records_open(&records, &options, test_err));
    assert_ok(gd_pairs_read(&d->pairs, records, &d->encoder, how, test_err));
    gd_records_close(records);
}

static void data_close(struct data *d)
{
    gd_pairs_free(&d->pairs);
    gd_encoder_close(&d->encoder);
    assert_int_equal(unlink(d->path), 0);
}

/* One record: its preferences as "better>worse" with margins, or why there are none. */
static void check(const char *line, const char *want, const gd_pairs_options *how)
{
    char got[1024] = "";
    size_t len = 0;
    struct data d;

    data_open(&d, line, how);
    for (size_t i = 0; d.pairs.set.count && i < d.pairs.set.items->preference_count; i++) {
        const gd_preference *p = &d.pairs.set.items->preferences[i];

        len += (size_t)snprintf(got + len, sizeof got - len, "%s%u>%u", len ? " " : "", p->better, p->worse);
        if (p->margin != 0)
            len += (size_t)snprintf(got + len, sizeof got - len, " by %g", (double)p->margin);
    }
    if (d.pairs.counts.too_long)
        (void)snprintf(got, sizeof got, "too long");
    if (d.pairs.counts.equal)
        (void)snprintf(got, sizeof got, "equal");
    if (d.pairs.counts.indifferent)
        (void)snprintf(got, sizeof got, "indifferent");
    if (d.pairs.counts.failed)
        (void)snprintf(got, sizeof got, "%s", d.pairs.problem);
    if (strcmp(got, want) != 0)
        fail_msg("%s\ngives: %s\nnot:   %s", line, got, want);
    data_close(&d);
}

static void records_say_what_they_prefer(void **state)
{
    static const struct {
        const char *line, *want;
    } cases[] = {
        { "{\"chosen\":\"yes\",\"rejected\":\"no\"}", "0>1" },
        { "{\"prompt\":\"p\",\"chosen\":\"yes\",\"rejected\":\"no\",\"margin\":1.5}", "0>1 by 1.5" },
        { "{\"chosen\":\"yes\",\"rejected\":\"no\",\"margin\":null}", "0>1" },
        { "{\"prompt\":\"p\",\"chosen\":[\"a\",\"b\"],\"rejected\":[\"c\"],\"margin\":2}", "0>2 by 2 1>2 by 2" },
        { "{\"prompt\":\"p\",\"responses\":[\"a\",\"b\",\"c\"],\"ranks\":[2,1,3]}", "0>2 1>0 1>2" },
        { "{\"prompt\":\"p\",\"responses\":[\"a\",\"b\",\"c\"],\"ranks\":[1,2,2]}", "0>1 0>2" },
        { "{\"prompt\":\"p\",\"responses\":[\"a\",\"b\"],\"ranks\":[4,4]}", "indifferent" },
        { "{\"prompt\":\"p\",\"responses\":[\"a\"],\"ranks\":[1]}", "indifferent" },
        { "{\"prompt\":\"p\",\"responses\":[\"a\",\"a\",\"b\"],\"ranks\":[1,2,3]}", "0>2 1>2" },
        { "{\"chosen\":\"same\",\"rejected\":\"same\"}", "equal" },
        { "{\"chosen\":\"one two three four five six seven eight nine ten eleven\",\"rejected\":\"no\"}", "too long" },
        { "{\"chosen\":\"yes\",\"rejected\":\"\"}", "line 1: a text has no tokens" },
        { "{\"text\":\"yes\"}", "line 1: one text; expected a \"chosen\" and a \"rejected\" one, or \"responses\" with "
                                "\"ranks\"" },
        { "{\"prompt\":\"p\",\"responses\":[\"a\",\"b\"]}",
          "line 1: \"responses\" without \"ranks\", which say which answers are better" },
        { "{\"prompt\":\"p\",\"responses\":[\"a\",\"b\"],\"ranks\":[1]}",
          "line 1: \"ranks\" has 1 entries for 2 answers" },
        { "{\"prompt\":\"p\",\"responses\":[\"a\",\"b\"],\"ranks\":\"1,2\"}",
          "line 1: the field \"ranks\" is a string, but a list with a rank for each answer is expected" },
        { "{\"prompt\":\"p\",\"responses\":[\"a\",\"b\"],\"ranks\":[1,0]}",
          "line 1: ranks[1] is below 1; a whole number is expected, 1 for the best" },
        { "{\"prompt\":\"p\",\"responses\":[\"a\",\"b\"],\"ranks\":[1,2.5]}",
          "line 1: ranks[1] is a real number; a whole number is expected, 1 for the best" },
        { "{\"chosen\":\"yes\",\"rejected\":\"no\",\"margin\":\"2\"}",
          "line 1: the field \"margin\" is a string, but a number is expected" },
        { "{\"chosen\":\"yes\",\"rejected\":\"no\",\"margin\":1e300}",
          "line 1: the field \"margin\" is too large, but a number is expected" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check(cases[i].line, cases[i].want, &(gd_pairs_options){ .margin = "margin" });
    check("{\"chosen\":\"yes\",\"rejected\":\"no\",\"margin\":1.5}", "0>1", &(gd_pairs_options){ 0 });
    check("{\"chosen\":\"same\",\"rejected\":\"same\"}", "0>1", &(gd_pairs_options){ .keep_equal = true });
}

static void all_records_are_counted(void **state)
{
    struct data d;

    (void)state;
    data_open(&d,
              "{\"chosen\":\"yes\",\"rejected\":\"no\"}\n{\"chosen\":\"x\"}\nnot JSON\n"
              "{\"chosen\":\"same\",\"rejected\":\"same\"}\n"
              "{\"prompt\":\"p \",\"responses\":[\"a\",\"b\",\"c\"],\"ranks\":[2,1,3]}\n"
              "{\"chosen\":\"one two three four five six seven eight nine ten eleven\",\"rejected\":\"no\"}\n",
              &(gd_pairs_options){ 0 });
    assert_int_equal(d.pairs.counts.records, 6);
    assert_int_equal(d.pairs.counts.kept, 2);
    assert_int_equal(d.pairs.counts.failed, 2);
    assert_int_equal(d.pairs.counts.equal, 1);
    assert_int_equal(d.pairs.counts.too_long, 1);
    assert_non_null(strstr(d.pairs.problem, "line 2: "));
    assert_int_equal(d.pairs.set.first_text[0], 0);
    assert_int_equal(d.pairs.set.first_text[1], 2);
    assert_int_equal(d.pairs.set.first_text[2], 5);
    data_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_say_what_they_prefer),
        cmocka_unit_test(all_records_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
