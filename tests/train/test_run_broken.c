/* test_run_broken.c - what can go wrong while a run of gd_train() is under way, or between its parts: two runs in one
 * directory, a lost log, a full disk, data and models that change, and numbers that are not finite. */
#include "tests/train/runs.h"

#include "train/log.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

/* ---- two runs ---- */

static int run_another(void *context, const gd_train_report *report)
{
    test_run other = *(test_run *)context;
    gd_error err = { 0 };
    char *json;

    if (report->step != 3 || report->note)
        return 0;
    other.options.report = NULL;
    assert_int_equal(run_train(&other, &json, &err), GD_EIO);
    assert_contains(err.text, "/out: another run is writing to this directory; wait for its end, or choose another");
    return 0;
}

static void one_run_at_a_time_has_a_directory(void **state)
{
    test_run run;

    (void)state;
    run_open_short(&run);
    run_into(&run, "good");
    run.options.report = run_another;
    run_into(&run, "out");
    run_same(&run, "good", "out");
    run_close(&run);
}

/* ---- a lost log ---- */

/* What is left of an earlier run must not push out the checkpoints of the one that begins anew. */
static void a_run_that_lost_its_log_keeps_what_it_does_again(void **state)
{
    test_run run;

    (void)state;
    run_open_short(&run);
    run_into(&run, "good");
    run.options.save_every = run.options.keep = 1;
    run_begin(&run, "out", 5);
    assert_int_equal(truncate(run_below(&run, "out/log.jsonl"), 0), 0);
    for (size_t step = 1; step < 5; step++) {
        run_begin(&run, "out", step);
        assert_true(!strstr(run.all_notes, "continuing from ") == (step == 1));
        assert_true(test_has_dir(run_below(&run, "out/checkpoint-5")));
    }
    run_into(&run, "out");
    assert_contains(run.all_notes, "/out/checkpoint-5 is passed over: ");
    assert_contains(run.all_notes, "/out/checkpoint-4: 4 of 6 steps are done");
    run_same(&run, "good", "out");
    run_close(&run);
}

/* A number in a manifest that is no length of this log is not a lack of memory. */
static void lines_that_a_log_cannot_have_are_damage(void **state)
{
    static const uint64_t lengths[] = { (uint64_t)1 << 32, INT64_MAX };
    gd_train_log log;
    test_run run;

    (void)state;
    run_open_short(&run);
    run_begin(&run, "out", 1);
    assert_ok(gd_train_log_look(&log, run.output, test_err));
    for (size_t i = 0; i < 2; i++) {
        gd_error err = { 0 };

        assert_int_equal(gd_train_log_read(&log, (gd_log_mark[]){ { lengths[i], 0 }, { 0, 0 } }, &err), GD_EFORMAT);
        assert_contains(err.text, "/log.jsonl: it has ");
        assert_contains(err.text, " bytes, but at least ");
    }
    gd_train_log_close(&log);
    run_close(&run);
}

/* ---- a lost best ---- */

static void check_best(test_run *run, bool wanted)
{
    gd_error err = { 0 };
    char *text;
    json_t *json;

    assert_int_equal(run_train(run, &text, &err), GD_OK);
    json = json_loads(text, 0, NULL);
    assert_true(json_is_boolean(json_object_get(json_object_get(json, "best"), "kept")));
    assert_true(json_is_true(json_object_get(json_object_get(json, "best"), "kept")) == wanted);
    json_decref(json);
    gd_string_free(text);
}

/* Whether a run says that its best adapter is there depends on whether it is. */
static void a_best_that_is_gone_is_noticed(void **state)
{
    test_run run;

    (void)state;
    run_open_short(&run);
    run.options.best = "eval_accuracy";
    run.options.learning_rate = (gd_number){ 1, 1e-12 }; /* the first evaluation stays the best */
    run_output(&run, "good");
    check_best(&run, true);
    run_begin(&run, "out", 4);
    assert_int_equal(test_remove(run_below(&run, "out/best")), 0);
    check_best(&run, false);
    assert_contains(run.all_notes,
                    "/out/best: the best so far, of step 2, is not there any more; only a run that goes ");
    run_same(&run, "good", "out");
    run_close(&run);
}

/* ---- a full disk ---- */

/* Files can't be longer from the third step on. */
struct limit {
    rlim_t bytes;
    uint64_t step;
};

static struct limit limit;

static void set_limit(rlim_t bytes)
{
    struct rlimit now;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &now), 0);
    now.rlim_cur = bytes < now.rlim_max ? bytes : now.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &now), 0);
}

static int fill_disk(void *context, const gd_train_report *report)
{
    (void)context;
    if (!report->note && report->step == limit.step)
        set_limit(limit.bytes);
    return 0;
}

/* The optimizer's file is the largest, the tokenizer's the next, the first line of the log the shortest. */
static void a_disk_that_fills_loses_nothing(void **state)
{
    static const struct limit limits[] = { { 150000, 1 }, { 150000, 3 }, { 80000, 3 }, { 2000, 3 }, { 80000, 5 } };
    test_run run;

    (void)state;
    run_open_short(&run);
    run_into(&run, "good");
    (void)signal(SIGXFSZ, SIG_IGN);
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        gd_error err = { 0 };
        char *json;

        limit = limits[i];
        run.options.report = fill_disk;
        run_output(&run, "out");
        assert_int_equal(run_train(&run, &json, &err), GD_EIO);
        set_limit(RLIM_INFINITY);
        assert_contains(err.text, ": File too large");
        assert_false(test_has_dir(run_below(&run, limit.step > 1 ? "out/checkpoint-6" : "out/checkpoint-2")));
        assert_int_equal(test_has_dir(run_below(&run, "out/checkpoint-2")), limit.step > 1);
        run.options.report = NULL;
        run_into(&run, "out");
        run_same(&run, "good", "out");
        assert_int_equal(test_remove(run.output), 0);
    }
    (void)signal(SIGXFSZ, SIG_DFL);
    run_close(&run);
}

/* ---- changes ---- */

static void data_that_changed_is_refused(void **state)
{
    test_run run;

    (void)state;
    run_open_short(&run);
    run_change(&run, run.train, "train.jsonl", "", "");
    run_change(&run, run.eval, "eval.jsonl", "", "");
    run.options.train = run_below(&run, "train.jsonl");
    run.evals[0] = run_below(&run, "eval.jsonl");
    run_begin(&run, "out", 3);
    run_change(&run, run_below(&run, "train.jsonl"), "train.jsonl", "What's your favorite", "What's your fovarite");
    run_refuse(&run, "other words", GD_EUSAGE, "/out/checkpoint-3: ");
    run_change(&run, run.train, "train.jsonl", "}\n", ", \"id\": 1}\n");
    run_refuse(&run, "other fields", GD_EUSAGE, "/out/checkpoint-3: records.train is \"");
    run_change(&run, run.train, "train.jsonl", "", "");
    run_change(&run, run.eval, "eval.jsonl", "}\n", ", \"id\": 1}\n");
    run_refuse(&run, "data to evaluate on", GD_EUSAGE, "/out/checkpoint-3: records.eval 1 is \"");
    run_change(&run, run.eval, "eval.jsonl", "", "");
    run_into(&run, "out");
    assert_contains(run.all_notes, "3 of 6 steps are done");
    run_close(&run);
}

static void a_model_that_changed_is_refused(void **state)
{
    static const struct {
        const char *file, *old, *new;
    } changes[] = {
        { "config.json", "\"rope_theta\": 1000000.0", "\"rope_theta\": 1000001.0" },
        { "tokenizer_config.json", "{", "{\"x\": 1, " },
        { "model.safetensors", "\"format\":\"pt\"", "\"format\":\"tp\"" },
    };
    test_run run;

    (void)state;
    run_open_short(&run);
    run_change_model(&run, "", "", "");
    run_begin(&run, "out", 3);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        char name[64];

        (void)snprintf(name, sizeof name, "model/%s", changes[i].file);
        run_change(&run, run_below(&run, name), name, changes[i].old, changes[i].new);
        run_refuse(&run, changes[i].file, GD_EUSAGE, "/out/checkpoint-3: files of the model.");
        run_change(&run, run_below(&run, name), name, changes[i].new, changes[i].old);
    }
    run_close(&run);
}

/* ---- numbers that are not finite ---- */

/* In the embedding of one token. */
static void spoil(test_run *run, unsigned short bits)
{
    enum { TOKEN = 93, HIDDEN = 96 }; /* "~" */
    unsigned char size[8];
    off_t at = 0;
    int fd;

    run_change_model(run, "", "", "");
    fd = open(run_below(run, "model/model.safetensors"), O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, size, 8), 8);
    for (int i = 7; i >= 0; i--)
        at = 256 * at + size[i];
    for (int i = 0; i < HIDDEN; i++)
        assert_int_equal(pwrite(fd, &bits, 2, 8 + at + 2 * (TOKEN * HIDDEN + i)), 2);
    assert_int_equal(close(fd), 0);
}

static void write_pairs(const test_run *run, const char *name, size_t count, size_t spoilt)
{
    char text[4096];
    size_t used = 0;

    for (size_t i = 0; i < count; i++)
        used += (size_t)snprintf(text + used, sizeof text - used,
                                 "{\"chosen\":\"It is %zu.\",\"rejected\":\"It is%s not %zu.\"}\n", i,
                                 i == spoilt ? " ~" : "", i);
    run_write(run, name, text);
}

static void a_loss_that_is_not_finite_names_its_record(void **state)
{
    static const unsigned short bits[] = { 0x7fc0, 0x7f80 }; /* NaN, infinity */
    static const size_t spoilt[] = { 0, 5, 11 };

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        test_run run;
        char sentence[256], *json;
        gd_error err = { 0 };

        run_open_short(&run);
        spoil(&run, bits[i % 2]);
        write_pairs(&run, "train.jsonl", 12, spoilt[i / 2]);
        run.options.train = run_below(&run, "train.jsonl");
        assert_int_equal(run_train(&run, &json, &err), GD_EFORMAT);
        (void)snprintf(sentence, sizeof sentence,
                       ": the loss is not a finite number, because of record %zu (counted from 0) of %s; this step "
                       "changed nothing",
                       spoilt[i / 2], run.options.train);
        assert_contains(err.text, sentence);
        write_pairs(&run, "train.jsonl", 12, SIZE_MAX);
        run_into(&run, "mended");
        run_close(&run);
    }
}

static void a_score_that_is_not_finite_names_its_record(void **state)
{
    test_run run;
    char *json;
    gd_error err = { 0 };

    (void)state;
    run_open_short(&run);
    spoil(&run, 0x7fc0);
    write_pairs(&run, "eval.jsonl", 12, 7);
    run.evals[0] = run_below(&run, "eval.jsonl");
    assert_int_equal(run_train(&run, &json, &err), GD_EFORMAT);
    assert_contains(err.text, "the score of a text is not a finite number, in record 7 (counted from 0) of ");
    run_close(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_run_at_a_time_has_a_directory),
        cmocka_unit_test(a_run_that_lost_its_log_keeps_what_it_does_again),
        cmocka_unit_test(lines_that_a_log_cannot_have_are_damage),
        cmocka_unit_test(a_best_that_is_gone_is_noticed),
        cmocka_unit_test(a_disk_that_fills_loses_nothing),
        cmocka_unit_test(data_that_changed_is_refused),
        cmocka_unit_test(a_model_that_changed_is_refused),
        cmocka_unit_test(a_loss_that_is_not_finite_names_its_record),
        cmocka_unit_test(a_score_that_is_not_finite_names_its_record),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
