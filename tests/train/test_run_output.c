/* test_run_output.c - outputs that a run of gd_train() can't use, or in which something is damaged: it says so, or
 * finds its way back to the same bytes, and nothing that was there is lost. */
#include "tests/train/runs.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/wait.h>

/* ---- places ---- */

static void places_that_are_not_ours_are_left_alone(void **state)
{
    test_run run;

    (void)state;
    run_open_short(&run);
    run_write(&run, "file", "text");
    run_output(&run, "file");
    run_refuse(&run, "a file", GD_EIO, "/file: Not a directory");
    run_output(&run, "missing/out");
    run_refuse(&run, "a missing parent", GD_EIO, "/missing in which it would be does not exist: make it first");
    assert_int_equal(mkdir(run_below(&run, "foreign"), 0700), 0);
    run_write(&run, "foreign/notes.txt", "mine");
    run_output(&run, "foreign");
    run_refuse(&run, "other files", GD_EUSAGE, "/foreign: the directory contains \"notes.txt\", but an empty or a new");
    run_write(&run, "foreign/log.jsonl", "{\"loss\":1}\n");
    run_refuse(&run, "another log", GD_EUSAGE, "log.jsonl: this is not the log of a run; choose another output");
    run_write(&run, "foreign/log.jsonl", "text");
    run_refuse(&run, "a text", GD_EUSAGE, "log.jsonl: this is not the log of a run; choose another output");
    run_write(&run, "foreign/log.jsonl", "{\"run\":\n");
    run_refuse(&run, "a broken log", GD_EUSAGE, "log.jsonl: this is not the log of a run; choose another output");
    run.options.output = "";
    run_refuse(&run, "no name", GD_EUSAGE, "no output was given");
    run_close(&run);
}

static void the_model_and_the_data_are_left_alone(void **state)
{
    test_run run;

    (void)state;
    run_open_short(&run);
    run_change_model(&run, "", "", "");
    run.options.output = run.model.model;
    run_refuse(&run, "the model", GD_EUSAGE, "/model: the directory contains \"");
    assert_int_equal(mkdir(run_below(&run, "data"), 0700), 0);
    run_change(&run, run.train, "data/train.jsonl", "", "");
    run.options.train = run_below(&run, "data/train.jsonl");
    run_output(&run, "data");
    run_refuse(&run, "the data", GD_EUSAGE, "/data: the directory contains \"train.jsonl\"");
    run_close(&run);
}

/* Root may write anywhere: then the process becomes nobody. */
static void a_directory_that_cannot_be_written_is_said(void **state)
{
    test_run run;
    int status;
    pid_t child;

    (void)state;
    run_open_short(&run);
    run_output(&run, "read-only/out");
    assert_int_equal(mkdir(run_below(&run, "read-only"), 0555) | chmod(run.root, 0755), 0);
    child = fork();
    assert_true(child >= 0);
    if (!child) {
        gd_error err = { 0 };
        char *json;

        if (geteuid() == 0 && seteuid(65534))
            _exit(2);
        if (run_train(&run, &json, &err) != GD_EIO || !strstr(err.text, "/read-only/out: Permission denied"))
            _exit(1);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    run_close(&run);
}

static void a_full_disk_is_said_before_the_first_step(void **state)
{
    test_run run;
    gd_error err = { 0 };
    char *json;

    (void)state;
    run_open_short(&run);
    run.options.max_steps = run.options.keep = 1000000000;
    run.options.save_every = 1;
    assert_int_equal(run_train(&run, &json, &err), GD_EIO);
    assert_contains(err.text, " MB are left on the disk, but the run's checkpoints and its result need ");
    assert_contains(err.text, "make room, or keep fewer checkpoints (keep)");
    run.options.max_steps = 2; /* which are all that it writes */
    run_into(&run, "out");
    run_close(&run);
}

/* ---- another run's ---- */

struct change {
    void (*make)(test_run *run);
    const char *sentence;
};

static void change_rate(test_run *run) { run->options.learning_rate.value *= 2; }
static void change_steps(test_run *run) { run->options.max_steps++; }
static void change_rank(test_run *run) { run->options.lora_r = 3; }
static void change_seed(test_run *run) { run->options.seed = (gd_number){ 1, 7 }; }
static void change_targets(test_run *run) { run->options.lora_targets = "q_proj"; }
static void change_precision(test_run *run) { run->model.precision = "fp32"; }
static void change_eval(test_run *run) { run->options.eval_every = 3; }
static void change_length(test_run *run) { run->model.max_length = 100; }
static void change_margin(test_run *run) { run->options.margin_field = "margin"; }
static void change_compat(test_run *run) { run->options.compat = "trl"; }
static void change_data(test_run *run) { run->options.train = run->eval; }
static void change_eos(test_run *run) { run->model.add_eos = GD_ADD_EOS_ALWAYS; }

static void change_steps_and_warmup(test_run *run) { run->options.max_steps = 40; } /* a tenth of it is 4 */
static void change_warmup(test_run *run) { run->options.warmup_steps = (gd_number){ 1, 2 }; }

static void change_evals(test_run *run)
{
    static char again[TEST_PATH + 8];
    static const char *two[2];

    (void)snprintf(again, sizeof again, "again=%s", run->eval);
    two[0] = run->eval;
    two[1] = again;
    run->options.evals = two;
    run->options.eval_count = 2;
}

static void change_start(test_run *run)
{
    run->options.lora_r = 0;
    run->options.init_adapter = run->init;
}

static const struct change changes[] = {
    { change_rate, ": settings.learning_rate is 0.001 there, but 0.002 here; use the same settings to continue" },
    { change_steps, ": settings.max_steps is 6 there, but 7 here" },
    { change_rank, ": settings.lora_r is 4 there, but 3 here" },
    { change_seed, ": settings.seed is 42 there, but 7 here" },
    { change_targets,
      ": settings.lora_targets is \"q_proj\", \"k_proj\", \"v_proj\" and 4 more there, but \"q_proj\" here" },
    { change_precision, ": settings.precision is \"bf16\" there, but \"fp32\" here" },
    { change_eval, ": settings.eval_every is 2 there, but 3 here" },
    { change_length, ": settings.max_length is 512 there, but 100 here" },
    { change_margin, ": settings.margin_field is not given there, but \"margin\" here" },
    { change_compat, ": settings.compat is not given there, but \"trl\" here" },
    { change_data, ": train[0] is \"" },
    { change_eos, ": settings.add_eos is \"never\" there, but \"always\" here" },
    { change_start, ": settings.init_adapter is not given there, but \"" },
    { change_steps_and_warmup,
      ": settings.max_steps is 6 there, but 40 here; use the same settings to continue; to train "
      "on with others, choose another output and begin with this one's adapter (init_adapter)" },
    { change_warmup, ": settings.warmup_steps is 0 there, but 2 here" },
    { change_evals, " here; evaluate on the same data to continue, or choose another output" },
};

static void refuse_changes(const test_run *run)
{
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        test_run other = *run;

        changes[i].make(&other);
        if (other.options.train == run->eval)
            other.options.train = other.eval;
        run_refuse(&other, changes[i].sentence, GD_EUSAGE, changes[i].sentence);
    }
}

static void another_run_is_left_alone(void **state)
{
    test_run run;

    (void)state;
    run_open_short(&run);
    run.evals[0] = run.eval;
    run_into(&run, "out");
    refuse_changes(&run);
    run.options.resume = "never";
    run_refuse(&run, "never", GD_EUSAGE, ", but an empty or a new directory is expected");
    run_close(&run);
}

/* One that was killed before its first checkpoint has only a log. */
static void another_run_that_has_just_begun_is_left_alone(void **state)
{
    test_run run;

    (void)state;
    run_open_short(&run);
    run_begin(&run, "out", 1);
    assert_int_equal(test_remove(run_below(&run, "out/checkpoint-1")), 0);
    refuse_changes(&run);
    run_into(&run, "other");
    run_into(&run, "out");
    run_same(&run, "other", "out");
    run_close(&run);
}

static void a_checkpoint_to_continue_from_must_be_this_runs(void **state)
{
    static const struct {
        const char *name, *sentence;
        gd_status status;
    } cases[] = {
        { "none", "/none\", but auto, never or a checkpoint is expected, such as ", GD_EUSAGE },
        { "out", "/out\", but auto, never or a checkpoint is expected, such as ", GD_EUSAGE },
        { "other/checkpoint-3", "/other/checkpoint-3: settings.seed is 7 there, but 42 here", GD_EUSAGE },
        { "copy/checkpoint-6", "/log.jsonl: it has ", GD_EFORMAT },
    };
    test_run run;

    (void)state;
    run_open_short(&run);
    change_seed(&run);
    run_begin(&run, "other", 3);
    run.options.seed = (gd_number){ 0 };
    run_into(&run, "copy");
    run_begin(&run, "out", 3);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        run.options.resume = run_below(&run, cases[i].name);
        run_refuse(&run, cases[i].name, cases[i].status, cases[i].sentence);
    }
    run_close(&run);
}

/* ---- damage ---- */

/* The n-th file of a directory, by its name; NULL after the last. */
static const char *file_of(const test_run *run, const char *dir, size_t n)
{
    static char name[RUN_PATH];
    struct dirent **list;
    const int count = scandir(run_below(run, dir), &list, NULL, alphasort);

    assert_true(count > 2);
    (void)snprintf(name, sizeof name, "%s/%s", dir, (int)n + 2 < count ? list[n + 2]->d_name : "");
    for (int i = 0; i < count; i++)
        free(list[i]);
    free(list);
    return (int)n + 2 < count ? name : NULL;
}

enum damage { CUT, CHANGED, REMOVED, DAMAGES };

static void damage(const test_run *run, const char *name, enum damage how)
{
    const char *path = run_below(run, name);
    struct stat sb;
    int fd;
    char byte;

    if (how == REMOVED) {
        assert_int_equal(unlink(path), 0);
        return;
    }
    fd = open(path, O_RDWR);
    assert_true(fd >= 0 && !fstat(fd, &sb));
    if (how == CUT)
        assert_int_equal(ftruncate(fd, sb.st_size - 1), 0);
    if (how == CHANGED) {
        assert_int_equal(pread(fd, &byte, 1, sb.st_size / 2), 1);
        byte ^= 1;
        assert_int_equal(pwrite(fd, &byte, 1, sb.st_size / 2), 1);
    }
    assert_int_equal(close(fd), 0);
}

static void a_damaged_checkpoint_is_passed_over(void **state)
{
    test_run run;

    (void)state;
    run_open_short(&run);
    run_into(&run, "good");
    run_into(&run, "out");
    for (size_t n = 0; file_of(&run, "out/checkpoint-6", n); n++)
        for (int how = 0; how < DAMAGES; how++) {
            damage(&run, file_of(&run, "out/checkpoint-6", n), (enum damage)how);
            run_into(&run, "out");
            assert_contains(run.all_notes, "/out/checkpoint-6 is passed over: ");
            assert_contains(run.all_notes, "/out/checkpoint-4: 4 of 6 steps are done");
            run_same(&run, "good", "out");
        }
    run_close(&run);
}

/* Of each checkpoint that a run of so many steps keeps. */
static void damage_checkpoints(const test_run *run, int last)
{
    for (int step = 2; step <= last; step += step + 2 > last ? 1 : 2) {
        char name[64];

        (void)snprintf(name, sizeof name, "out/checkpoint-%d/optimizer.safetensors", step);
        damage(run, name, CHANGED);
    }
}

#define ANEW "/out: the run has no checkpoint from which it could be continued; it begins anew"

static void damaged_checkpoints_only_cost_time(void **state)
{
    test_run run;

    (void)state;
    run_open_short(&run);
    run_into(&run, "good");
    assert_null(strstr(run.all_notes, "begins anew"));
    run_begin(&run, "out", 5);
    damage_checkpoints(&run, 5);
    run_into(&run, "out");
    assert_contains(run.all_notes, "/out/checkpoint-5 is passed over: ");
    assert_contains(run.all_notes, ANEW);
    assert_null(strstr(run.all_notes, "continuing"));
    run_same(&run, "good", "out");
    run_close(&run);
}

/* Whoever removes the checkpoints of a finished run, or loses them, keeps the result. */
static void a_result_without_checkpoints_stays(void **state)
{
    static const char sentence[] = "/out: this run is finished and its result is there, but no sound checkpoint ";
    test_run run;

    (void)state;
    run_open_short(&run);
    run_into(&run, "good");
    run_into(&run, "out");
    damage_checkpoints(&run, 6);
    run_refuse(&run, "damaged", GD_EUSAGE, sentence);
    for (int step = 2; step <= 6; step += 2) {
        char name[64];

        (void)snprintf(name, sizeof name, "out/checkpoint-%d", step);
        assert_int_equal(test_remove(run_below(&run, name)), 0);
    }
    run_refuse(&run, "removed", GD_EUSAGE, sentence);
    run.options.seed = (gd_number){ 1, 7 };
    run_refuse(&run, "another", GD_EUSAGE, ": settings.seed is 42 there, but 7 here");
    run_write(&run, "out/log.jsonl", "");
    run_refuse(&run, "without a log", GD_EUSAGE, sentence);
    run.options.seed = (gd_number){ 0 };
    run_change(&run, run_below(&run, "good/log.jsonl"), "out/log.jsonl", "", "");
    run_same(&run, "good", "out");
    assert_int_equal(unlink(run_below(&run, "out/adapter_config.json")), 0); /* no adapter any more */
    run_into(&run, "out");
    assert_contains(run.all_notes, ANEW);
    run_same(&run, "good", "out");
    run_close(&run);
}

/* A log that doesn't have the lines of a checkpoint has those of an older one, perhaps. */
static void a_damaged_log_is_noticed(void **state)
{
    static const char *const logs[] = { "out/log.jsonl", "out/times.jsonl" };
    test_run run;

    (void)state;
    run_open_short(&run);
    run_into(&run, "good");
    for (size_t i = 0; i < 2; i++) {
        run_into(&run, "out");
        damage(&run, logs[i], CUT);
        run_into(&run, "out");
        assert_contains(run.all_notes, "bytes, but at least ");
        assert_contains(run.all_notes, "/out/checkpoint-4: 4 of 6 steps are done");
        run_same(&run, "good", "out");
        damage(&run, logs[i], CHANGED);
        if (i == 0) { /* before the line of the first checkpoint */
            run_refuse(&run, logs[i], GD_EUSAGE, "/out: this run is finished and its result is there, but no sound ");
            assert_int_equal(unlink(run_below(&run, "out/adapter_config.json")), 0);
        }
        run_into(&run, "out");
        assert_contains(run.all_notes, "/out/checkpoint-6 is passed over: ");
        run_same(&run, "good", "out");
        damage(&run, logs[i], REMOVED);
        if (i == 0)
            run_refuse(&run, "no log", GD_EUSAGE, "/out: the directory contains \"");
        assert_int_equal(test_remove(run.output), 0);
    }
    run_close(&run);
}

/* The first line, changed, is another run's. */
static void a_log_of_other_settings_is_left_alone(void **state)
{
    test_run run;

    (void)state;
    run_open_short(&run);
    run_into(&run, "out");
    run_change(&run, run_below(&run, "out/log.jsonl"), "out/log.jsonl", "\"seed\":42", "\"seed\":43");
    run_refuse(&run, "log", GD_EUSAGE, "/log.jsonl: settings.seed is 43 there, but 42 here");
    run_close(&run);
}

/* What was removed from a result comes back; an edited card stays. */
static void a_finished_run_is_completed(void **state)
{
    static const char *const files[] = { "adapter_config.json", "adapter_model.safetensors", "guerdon-adapter.json",
                                         "tokenizer.json" };
    test_run run;
    char name[RUN_PATH], *card;
    size_t len;

    (void)state;
    run_open_short(&run);
    run_into(&run, "good");
    run_into(&run, "out");
    run_write(&run, "out/README.md", "edited");
    damage(&run, "out/checkpoint-6/optimizer.safetensors", CHANGED);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        for (int how = 0; how < DAMAGES; how++) {
            (void)snprintf(name, sizeof name, "out/%s", files[i]);
            damage(&run, name, (enum damage)how);
            run_into(&run, "out");
            run_same(&run, "good", "out");
        }
    card = run_file(&run, "out", "README.md", &len);
    assert_string_equal(card, "edited");
    gd_string_free(card);
    damage(&run, "out/README.md", REMOVED);
    run_into(&run, "out");
    card = run_file(&run, "out", "README.md", &len);
    assert_true(len > 100);
    gd_string_free(card);
    run_close(&run);
}

static void a_whole_model_without_checkpoints_stays(void **state)
{
    test_run run;

    (void)state;
    run_open_short(&run);
    run.options.lora_r = 0;
    run.options.full = 1;
    run.options.max_steps = run.options.keep = 1;
    run.options.eval_count = run.options.eval_every = 0;
    run_into(&run, "out");
    assert_int_equal(test_remove(run_below(&run, "out/checkpoint-1")), 0);
    run_refuse(&run, "full", GD_EUSAGE, "/out: this run is finished and its result is there, but no sound checkpoint ");
    run_close(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_that_are_not_ours_are_left_alone),
        cmocka_unit_test(the_model_and_the_data_are_left_alone),
        cmocka_unit_test(a_directory_that_cannot_be_written_is_said),
        cmocka_unit_test(a_full_disk_is_said_before_the_first_step),
        cmocka_unit_test(another_run_is_left_alone),
        cmocka_unit_test(another_run_that_has_just_begun_is_left_alone),
        cmocka_unit_test(a_checkpoint_to_continue_from_must_be_this_runs),
        cmocka_unit_test(a_damaged_checkpoint_is_passed_over),
        cmocka_unit_test(damaged_checkpoints_only_cost_time),
        cmocka_unit_test(a_result_without_checkpoints_stays),
        cmocka_unit_test(a_whole_model_without_checkpoints_stays),
        cmocka_unit_test(a_damaged_log_is_noticed),
        cmocka_unit_test(a_log_of_other_settings_is_left_alone),
        cmocka_unit_test(a_finished_run_is_completed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
