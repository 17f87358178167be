/* test_run_steps.c - which records the steps of gd_train() are made of, how many there are, which checkpoints stay, and
 * in how much memory they run. */
#include "tests/train/runs.h"

#include "base/json.h"
#include "train/trainer.h"

#include <dirent.h>

/* ---- the order ---- */

enum { RECORDS = 5 };

/* Record i has 2 << i tokens, so that the tokens of a step say which records it has. */
static void write_lengths(const test_run *run)
{
    char text[4096];
    size_t used = 0;

    for (size_t i = 0; i < RECORDS; i++) {
        char same[64];

        memset(same, '~', sizeof same);
        same[(2u << i) / 2 - 1] = '\0';
        used += (size_t)snprintf(text + used, sizeof text - used, "{\"chosen\":\"%s!\",\"rejected\":\"%s\\\"\"}\n",
                                 same, same);
    }
    run_write(run, "lengths.jsonl", text);
}

static void open_lengths(test_run *run)
{
    run_open_short(run);
    write_lengths(run);
    run->options.train = run_below(run, "lengths.jsonl");
    run->options.eval_count = run->options.eval_every = 0;
    run->options.batch_size = 2;
    run->options.grad_accum = 1;
    run->options.max_steps = 0;
}

/* The steps of so many epochs, as TRL counts them. */
static void check_epochs(double epochs, size_t accumulate, size_t steps)
{
    static const double tokens[RECORDS] = { 2, 4, 8, 16, 32 };
    const size_t per_step = 2 * accumulate, epoch_steps = (RECORDS + per_step - 1) / per_step;
    test_run run;
    json_t *log;
    double all = 0;

    open_lengths(&run);
    run.options.epochs = (gd_number){ 1, epochs };
    run.options.grad_accum = accumulate;
    run_into(&run, "out");
    log = run_log(&run);
    assert_int_equal(json_array_size(log), steps + 1);
    for (size_t s = 0; s < steps; s++) {
        const json_t *line = json_array_get(log, s + 1);
        const size_t first = s % epoch_steps * per_step;
        uint32_t order[RECORDS];

        gd_trainer_order(order, RECORDS, 42, s / epoch_steps);
        for (size_t i = first; i < first + per_step && i < RECORDS; i++)
            all += tokens[order[i]];
        assert_true(run_number(line, "num_tokens") == all);
        assert_true(run_number(line, "epoch") ==
                    (double)((s + 1) / epoch_steps) + (double)((s + 1) % epoch_steps * accumulate) / 3);
    }
    json_decref(log);
    run_close(&run);
}

static void epochs_have_orders_of_their_own(void **state)
{
    (void)state;
    check_epochs(1, 1, 3);
    check_epochs(3, 1, 9);
    check_epochs(1.5, 1, 5);
    check_epochs(0.1, 1, 1);
    check_epochs(2, 2, 4); /* the last step of an epoch has one micro-batch of one record */
    check_epochs(70, 5, 70);
}

/* ---- checkpoints ---- */

static const char *checkpoints(const test_run *run, const char *output)
{
    static char names[256];
    struct dirent **list;
    const int count = scandir(run_below(run, output), &list, NULL, versionsort);

    names[0] = '\0';
    assert_true(count >= 0);
    for (int i = 0; i < count; i++) {
        if (!strncmp(list[i]->d_name, "checkpoint-", 11))
            (void)strncat(strcat(names, *names ? " " : ""), list[i]->d_name + 11, 32);
        free(list[i]);
    }
    free(list);
    return names;
}

static void check_kept(size_t every, size_t keep, size_t steps, const char *want)
{
    test_run run;

    open_lengths(&run);
    run.options.max_steps = steps;
    run.options.save_every = every;
    run.options.keep = keep;
    run_into(&run, "out");
    assert_string_equal(checkpoints(&run, "out"), want);
    run_close(&run);
}

static void the_newest_checkpoints_stay(void **state)
{
    (void)state;
    check_kept(2, 2, 7, "6 7");
    check_kept(2, 1, 7, "7");
    check_kept(1, 0, 5, "3 4 5");
    check_kept(3, 5, 6, "3 6");
    check_kept(0, 0, 4, "4");
    check_kept(100, 1000000000, 4, "4");
}

/* From an older one than the last, and then from the newest whose log is there. */
static void a_run_continues_from_an_older_checkpoint(void **state)
{
    test_run run;
    gd_error err = { 0 };
    char *json;

    (void)state;
    run_open_short(&run);
    run_into(&run, "good");
    run_into(&run, "out");
    run.options.resume = run_below(&run, "out/checkpoint-2");
    run.stop_after = 3;
    assert_int_equal(run_train(&run, &json, &err), GD_EINTERRUPTED);
    assert_contains(run.all_notes, "/out/checkpoint-2: 2 of 6 steps are done");
    run.stop_after = 0;
    run.options.resume = "auto";
    run_into(&run, "out");
    assert_contains(run.all_notes, "/out/checkpoint-6 is passed over: ");
    assert_contains(run.all_notes, "/out/checkpoint-3: 3 of 6 steps are done");
    run_same(&run, "good", "out");
    run.options.resume = "never";
    run_into(&run, "new");
    run_same(&run, "good", "new");
    run_close(&run);
}

/* ---- evaluations ---- */

/* Asks to stop before a batch of an evaluation, counted from 0. */
struct stopper {
    test_run *run;
    size_t stop_at, asked, scored;
};

static int stop_evaluation(void *context, const gd_train_report *report)
{
    struct stopper *s = context;

    if (!report->to_score)
        return 0;
    assert_true(report->scored < report->to_score);
    assert_true(s->scored == 0 || report->scored == 0 || report->scored > s->scored);
    s->scored = report->scored;
    return s->asked++ == s->stop_at;
}

/* Fails unless the log ends with a step: an evaluation is there whole or not at all. */
static void check_last_line(const test_run *run)
{
    json_t *log = run_log(run);

    assert_non_null(json_object_get(json_array_get(log, json_array_size(log) - 1), "loss"));
    json_decref(log);
}

/* Stops before one batch after the other, each time in the first evaluation that gets so far, and goes on. */
static void an_evaluation_that_is_stopped_is_done_again(void **state)
{
    test_run run;
    char first[2 * TEST_PATH], second[2 * TEST_PATH], *json;
    struct stopper s = { &run, SIZE_MAX, 0, 0 };
    size_t batches, stopped;

    (void)state;
    run_open_short(&run);
    (void)snprintf(first, sizeof first, "a=%s", run.eval);
    (void)snprintf(second, sizeof second, "b=%s", run.train);
    run.evals[0] = first;
    run.evals[1] = second;
    run.options.eval_count = 2;
    run.options.best = "eval_b_loss";
    run.options.report = stop_evaluation;
    run.options.context = &s;
    run_into(&run, "good");
    batches = s.asked;
    assert_true(batches > 12 && s.scored > 0);
    run_output(&run, "out");
    for (s.stop_at = stopped = 0; stopped < batches; s.stop_at++, stopped++) {
        gd_error err = { 0 };

        s.asked = 0;
        if (!run_train(&run, &json, &err))
            break;
        assert_contains(err.text, " of 6 steps, before an evaluation; the same command continues the run");
        assert_int_equal(s.asked, s.stop_at + 1);
        check_last_line(&run);
    }
    gd_string_free(json);
    assert_true(stopped > batches / 3); /* all of one evaluation, and some of the next */
    run_same(&run, "good", "out");
    run_close(&run);
}

/* ---- memory ---- */

static void little_memory_changes_no_bit(void **state)
{
    test_run run;
    json_t *result;
    size_t least;

    (void)state;
    if (SANITIZED)
        skip(); /* the process grows by itself */
    run_open_short(&run);
    run_into(&run, "good");
    run_output(&run, "streamed");
    result = run_rehearse(&run);
    assert_true(json_is_false(json_object_get(result, "streamed")));
    assert_true(run_number(result, "layers_kept") == 3);
    least = (size_t)run_number(result, "least_memory_bytes");
    json_decref(result);
    run.model.memory = least - (8 << 20); /* the process isn't always as large; more, as far as needed */
    result = run_rehearse(&run);
    assert_true(json_is_true(json_object_get(result, "streamed")));
    assert_true(run_number(result, "layers_kept") == 0);
    json_decref(result);
    run_in_little(&run, "streamed");
    run_same(&run, "good", "streamed");
    run_close(&run);
}

static double bytes_of(const test_run *run, const char *dir)
{
    struct dirent **list;
    const int count = scandir(run_below(run, dir), &list, NULL, alphasort);
    double bytes = 0;

    assert_true(count > 0);
    for (int i = 0; i < count; i++) {
        char name[RUN_PATH];
        struct stat sb;

        (void)snprintf(name, sizeof name, "%s/%s", dir, list[i]->d_name);
        assert_int_equal(stat(run_below(run, name), &sb), 0);
        bytes += S_ISREG(sb.st_mode) ? (double)sb.st_size : 0;
        free(list[i]);
    }
    free(list);
    return bytes;
}

/* The figure of a checkpoint is that of its files, but for a few texts. */
static void check_disk(const test_run *run, const json_t *result, const char *checkpoint)
{
    const double bytes = bytes_of(run, checkpoint), said = run_number(result, "checkpoint_bytes");

    if (said < bytes || said > bytes + 24576)
        fail_msg("%s has %.0f bytes, not %.0f", checkpoint, bytes, said);
}

static void a_rehearsal_says_what_the_checkpoints_take(void **state)
{
    json_t *few, *more, *best;
    test_run run;

    (void)state;
    run_open_short(&run);
    run.options.save_every = 1;
    run.options.keep = 2;
    few = run_rehearse(&run);
    run.options.keep = 4;
    more = run_rehearse(&run);
    assert_true(run_number(more, "keep") == 4);
    assert_true(run_number(more, "disk_bytes") - run_number(few, "disk_bytes") ==
                2 * run_number(few, "checkpoint_bytes"));
    run.options.best = "eval_loss";
    best = run_rehearse(&run);
    assert_true(run_number(best, "disk_bytes") > run_number(more, "disk_bytes"));
    json_decref(few);
    json_decref(more);
    json_decref(best);
    run_close(&run);
    run_open_short(&run);
    run.options.lora_r = 0;
    run.options.full = 1;
    few = run_rehearse(&run);
    run_into(&run, "full");
    check_disk(&run, few, "full/checkpoint-6");
    json_decref(few);
    run_close(&run);
}

static void a_rehearsal_says_what_a_run_takes(void **state)
{
    test_run run;
    json_t *result, *log;
    const json_t *described;

    (void)state;
    run_open_short(&run);
    run.options.epochs = (gd_number){ 1, 2 };
    run.options.max_steps = 0;
    result = run_rehearse(&run);
    assert_true(json_is_true(json_object_get(result, "dry_run")));
    assert_true(run_number(result, "steps") == 22); /* 44 pairs, twice, 4 a step */
    assert_true(run_number(result, "layers") == 3);
    assert_true(run_number(result, "step_rows") > 0);
    assert_true(run_number(result, "memory_bytes") >= run_number(result, "least_memory_bytes"));
    assert_true(json_array_size(json_object_get(result, "notes")) >= 5);
    described = json_object_get(result, "run");
    assert_true(run_number(described, "parameters") == 4 * 3 * (2 * (96 + 96) + 2 * (96 + 32) + 3 * (96 + 208)) + 96);
    run_into(&run, "out");
    log = run_log(&run);
    assert_true(json_equal(described, json_object_get(json_array_get(log, 0), "run")));
    check_disk(&run, result, "out/checkpoint-22");
    json_decref(log);
    json_decref(result);
    run_close(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(epochs_have_orders_of_their_own),
        cmocka_unit_test(the_newest_checkpoints_stay),
        cmocka_unit_test(a_run_continues_from_an_older_checkpoint),
        cmocka_unit_test(an_evaluation_that_is_stopped_is_done_again),
        cmocka_unit_test(little_memory_changes_no_bit),
        cmocka_unit_test(a_rehearsal_says_what_a_run_takes),
        cmocka_unit_test(a_rehearsal_says_what_the_checkpoints_take),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
