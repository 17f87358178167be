/* test_shards.c - a part of an input that is stopped after every batch and resumed is the part of one that is not; its
 * marker is there when it is whole, and never before. */
#include "reward/shard.h"
#include "tests/quant-free/files.h"
#include "tests/reward/golden.h"

#include <unistd.h>

enum { ITEMS = 90, PARTS = 3 };

static const char *dir;
static gd_model *model;

static int begin(void **state)
{
    gd_options options = golden_options("qwen2", 1);
    FILE *f;

    assert_int_equal(dir_setup(state), 0);
    dir = *state;
    options.batch_tokens = 16;
    assert_ok(gd_model_open(&model, &options, test_err));
    f = fopen(in_dir(dir, "in.jsonl"), "w");
    assert_non_null(f);
    for (int i = 0; i < ITEMS; i++)
        assert_true(fprintf(f, i % 20 == 7 ? "{\"text\":%d}\n" : "{\"text\":\"Is tea number %d hot?\"}\n", i) > 0);
    assert_int_equal(fclose(f), 0);
    return 0;
}

static int end(void **state)
{
    gd_model_close(model);
    return dir_teardown(state);
}

static gd_file_options part(const char *output, size_t which, size_t of)
{
    static char input[600], path[600];
    gd_file_options how = from_to(input, path, GD_FORMAT_AUTO);

    (void)snprintf(input, sizeof input, "%s", in_dir(dir, "in.jsonl"));
    (void)snprintf(path, sizeof path, "%s", in_dir(dir, output));
    how.shard = which;
    how.shards = of;
    how.resume = 1;
    return how;
}

static int stop_after(void *context, uint64_t items, uint64_t bytes, uint64_t total, uint64_t tokens)
{
    (void)items, (void)bytes, (void)total, (void)tokens;
    return --*(int *)context == 0;
}

static void expect_joined(void)
{
    char command[3000];

    (void)snprintf(command, sizeof command, "cd '%s' && cat part0 part1 part2 | cmp - whole", dir);
    assert_int_equal(system(command), 0); /* NOLINT: a test's own files */
}

static void stopped_and_resumed(void **state)
{
    gd_file_options how = part("whole", 0, 0);
    gd_error err = { 0 };

    (void)state;
    how.resume = 0;
    assert_int_equal(gd_score_file(model, &how, NULL, NULL, &err), GD_EITEM);
    for (size_t i = 0; i < PARTS; i++) {
        char name[20], done[40];
        int stops = 0, left = 1;
        const gd_progress stopping = { .struct_size = sizeof stopping, .report = stop_after, .context = &left };
        gd_summary summary = { .struct_size = sizeof summary };
        gd_status rc;

        (void)snprintf(name, sizeof name, "part%zu", i);
        (void)snprintf(done, sizeof done, "%s.done", name);
        how = part(name, i + 1, PARTS);
        while ((rc = gd_score_file(model, &how, &stopping, &summary, &err)) == GD_EINTERRUPTED) {
            assert_int_equal(access(in_dir(dir, done), F_OK), -1);
            left = 2;
            stops++;
        }
        assert_int_equal(rc, GD_EITEM);
        assert_true(stops > 2);
        assert_int_equal(summary.items, ITEMS / PARTS);
        assert_int_equal(access(in_dir(dir, done), F_OK), 0);
    }
    expect_joined();
}

/* Each part begins where the one before ends, and none has two items more than another. */
static void parts_of_all_sizes(void **state)
{
    static const uint64_t items[] = { 0, 1, 2, 99, 100, 101, 1u << 31, UINT64_MAX };
    static const size_t of[] = { 1, 2, 3, 100, GD_SHARDS_MAX };

    (void)state;
    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++)
        for (size_t k = 0; k < sizeof of / sizeof of[0]; k++) {
            gd_shard shard = { .of = of[k] };
            uint64_t at = 0;

            for (shard.which = 1; shard.which <= of[k]; shard.which++) {
                gd_shard_cut(&shard, items[i], 0);
                assert_true(shard.first == at && shard.end >= at && shard.end - at - items[i] / of[k] <= 1);
                at = shard.end;
            }
            assert_true(at == items[i]);
        }
}

/* Between the two passes over the input. */
static void an_input_that_changes(void **state)
{
    gd_shard shard = { .which = 2, .of = 2 };
    gd_error err = { 0 };

    (void)state;
    gd_shard_cut(&shard, 10, 77);
    assert_ok(gd_shard_same_input(&shard, 9, 5, true, test_err));
    assert_ok(gd_shard_same_input(&shard, 10, 77, true, test_err));
    assert_ok(gd_shard_same_input(&shard, 10, 0, false, test_err));
    assert_int_equal(gd_shard_same_input(&shard, 10, 76, true, &err), GD_EIO);
    assert_int_equal(gd_shard_same_input(&shard, 9, 0, false, &err), GD_EIO);
    assert_contains(err.text, "the input was changed after its 10 items were counted");
}

static void which_there_is(void **state)
{
    static const size_t bad[][2] = { { 0, 3 }, { 4, 3 }, { 1, 0 }, { 1, 1000001 } };
    gd_error err = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const gd_file_options how = part("bad", bad[i][0], bad[i][1]);

        assert_int_equal(gd_score_file(model, &how, NULL, NULL, &err), GD_EUSAGE);
        assert_contains(err.text, "shard");
        assert_int_equal(access(how.output, F_OK), -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stopped_and_resumed),
        cmocka_unit_test(which_there_is),
        cmocka_unit_test(parts_of_all_sizes),
        cmocka_unit_test(an_input_that_changes),
    };

    return cmocka_run_group_tests_name("shards", tests, begin, end);
}
