/* test_checkpoint_folders.c - the folders in a run's output: which are removed, put back or replaced, and that nothing
 * else is touched. */
#include "tests/check.h"
#include "tests/quant-free/files.h"
#include "tests/train/learnt.h"

#include "base/mem.h"

#include <signal.h>
#include <sys/wait.h>

static void damage(const char *output, const char *folder)
{
    assert_int_equal(truncate(in_dir(in_dir(output, folder), "guerdon-adapter.json"), 1), 0);
}

/* ---- pruning ---- */

static void the_newest_stay(void **state)
{
    struct learnt l;

    learnt_open(&l);
    assert_ok(gd_checkpoint_prune(in_dir(*state, "none"), UINT64_MAX, 2, test_err));
    for (uint64_t step = 2; step <= 12; step += 2)
        learnt_write(&l, *state, step);
    assert_ok(gd_checkpoint_prune(*state, UINT64_MAX, 10, test_err));
    assert_string_equal(learnt_names(*state), "checkpoint-10,checkpoint-12,checkpoint-2,checkpoint-4,checkpoint-6,"
                                              "checkpoint-8");
    assert_ok(gd_checkpoint_prune(*state, UINT64_MAX, 3, test_err));
    assert_string_equal(learnt_names(*state), "checkpoint-10,checkpoint-12,checkpoint-8");
    assert_int_equal(learnt_newest(&l, *state), 12);
    learnt_close(&l);
}

/* If none of the newest is sound, an older one is what a resumed run needs. */
static void the_last_sound_one_stays(void **state)
{
    struct learnt l;

    learnt_open(&l);
    for (uint64_t step = 1; step <= 5; step++)
        learnt_write(&l, *state, step);
    damage(*state, "checkpoint-5");
    damage(*state, "checkpoint-4");
    damage(*state, "checkpoint-3");
    assert_ok(gd_checkpoint_prune(*state, UINT64_MAX, 2, test_err));
    assert_string_equal(learnt_names(*state), "checkpoint-2,checkpoint-4,checkpoint-5");
    learnt_write(&l, *state, 6);
    assert_ok(gd_checkpoint_prune(*state, UINT64_MAX, 2, test_err));
    assert_string_equal(learnt_names(*state), "checkpoint-5,checkpoint-6");
    assert_ok(gd_checkpoint_prune(*state, UINT64_MAX, 0, test_err));
    assert_string_equal(learnt_names(*state), "checkpoint-6");
    assert_int_equal(learnt_newest(&l, *state), 6);
    learnt_close(&l);
}

/* A run that went back writes earlier ones than those that are there, and needs them. */
static void those_of_later_steps_do_not_count(void **state)
{
    struct learnt l;

    learnt_open(&l);
    for (uint64_t step = 1; step <= 7; step++)
        learnt_write(&l, *state, step);
    assert_ok(gd_checkpoint_prune(*state, 4, SIZE_MAX, test_err));
    assert_ok(gd_checkpoint_prune(*state, 4, 2, test_err));
    assert_string_equal(learnt_names(*state), "checkpoint-3,checkpoint-4,checkpoint-5,checkpoint-6,checkpoint-7");
    damage(*state, "checkpoint-4");
    assert_ok(gd_checkpoint_prune(*state, 4, 1, test_err));
    assert_string_equal(learnt_names(*state), "checkpoint-3,checkpoint-4,checkpoint-5,checkpoint-6,checkpoint-7");
    assert_ok(gd_checkpoint_prune(*state, 6, 1, test_err));
    assert_string_equal(learnt_names(*state), "checkpoint-6,checkpoint-7");
    assert_ok(gd_checkpoint_prune(*state, 5, 0, test_err));
    assert_string_equal(learnt_names(*state), "checkpoint-6,checkpoint-7");
    learnt_close(&l);
}

/* ---- what a killed run has left ---- */

static void move(const char *output, const char *from, const char *to)
{
    assert_int_equal(rename(in_dir(output, from), in_dir(output, to)), 0);
}

static void leftovers_go(void **state)
{
    const char *fresh;
    struct learnt l;

    learnt_open(&l);
    learnt_write(&l, *state, 4);
    fresh = make_dir(*state, "checkpoint-8.new");
    write_text(fresh, "optimizer.safetensors.part", "half");
    write_text(fresh, "tokenizer.json", "{}");
    (void)make_dir(*state, "best.new");
    (void)make_dir(*state, "checkpoint-4.old");
    assert_int_equal(learnt_newest(&l, *state), 4);
    assert_string_equal(learnt_names(*state), "checkpoint-4");
    learnt_close(&l);
}

/* Where folders can't be exchanged, the old one is out of its place for a moment. */
static void the_old_one_is_put_back(void **state)
{
    struct learnt l;

    learnt_open(&l);
    learnt_write(&l, *state, 4);
    move(*state, "checkpoint-4", "checkpoint-4.old");
    (void)make_dir(*state, "checkpoint-4.new");
    learnt_step(&l, 3);
    assert_ok(gd_best_write(*state, &l.checkpoint, test_err));
    assert_string_equal(learnt_names(*state), "best,checkpoint-4");
    move(*state, "best", "best.old");
    (void)make_dir(*state, "best.new");
    assert_int_equal(learnt_newest(&l, *state), 4);
    assert_string_equal(learnt_names(*state), "best,checkpoint-4");
    assert_int_equal(learnt_adapter(&l, in_dir(*state, "best")), 3);
    learnt_close(&l);
}

/* ---- what is not ours ---- */

static void what_no_run_has_made_stays(void **state)
{
    static const char *const folders[] = { "checkpoint-08.new", "checkpoint-.new",  "checkpoint-8.new.new", "best",
                                           "checkpoint-1x.new", "checkpoint-8.tmp", "checkpoint--1.new",    "my.new",
                                           "other.old",         "Best.new",         "bestest.new" };
    enum { FOLDERS = sizeof folders / sizeof folders[0] };
    char elsewhere[LEARNT_PATH], output[LEARNT_PATH], before[1024];
    struct learnt l;

    learnt_open(&l);
    (void)make_dir(*state, "elsewhere");
    learnt_path(elsewhere, *state, "elsewhere");
    (void)make_dir(*state, "output");
    learnt_path(output, *state, "output");
    for (size_t i = 0; i < FOLDERS; i++)
        write_text(make_dir(output, folders[i]), "tokenizer.json", "{}");
    write_text(make_dir(output, "checkpoint-1.new"), "notes.txt", "mine");
    (void)make_dir(make_dir(output, "checkpoint-2.new"), "tokenizer.json");
    write_text(elsewhere, "tokenizer.json", "mine");
    assert_int_equal(symlink(elsewhere, in_dir(output, "checkpoint-3.new")), 0);
    assert_int_equal(symlink(in_dir(elsewhere, "tokenizer.json"),
                             in_dir(make_dir(output, "checkpoint-4.new"), "tokenizer.json")),
                     0);
    write_text(output, "checkpoint-5.new", "a file");
    (void)snprintf(before, sizeof before, "%s", learnt_names(output));
    assert_int_equal(learnt_newest(&l, output), 0);
    assert_ok(gd_checkpoint_prune(output, UINT64_MAX, 0, test_err));
    assert_string_equal(learnt_names(output), before);
    for (size_t i = 0; i < FOLDERS; i++)
        assert_string_equal(learnt_names(in_dir(output, folders[i])), "tokenizer.json");
    assert_string_equal(learnt_names(in_dir(output, "checkpoint-1.new")), "notes.txt");
    assert_string_equal(learnt_names(elsewhere), "tokenizer.json");
    learnt_close(&l);
}

/* A folder of the user's files is neither removed nor replaced, and neither is a link. */
static void folders_with_other_files_stay(void **state)
{
    char output[LEARNT_PATH], elsewhere[LEARNT_PATH];
    gd_error err = { 0 };
    struct learnt l;

    learnt_open(&l);
    (void)make_dir(*state, "output");
    learnt_path(output, *state, "output");
    learnt_path(elsewhere, *state, "elsewhere");
    for (uint64_t step = 1; step <= 3; step++)
        learnt_write(&l, output, step);
    write_text(in_dir(output, "checkpoint-1"), "notes.txt", "mine");
    assert_int_equal(rename(in_dir(output, "checkpoint-2"), elsewhere), 0);
    assert_int_equal(symlink(elsewhere, in_dir(output, "checkpoint-2")), 0);
    assert_ok(gd_checkpoint_prune(output, UINT64_MAX, 1, test_err));
    assert_string_equal(learnt_names(output), "checkpoint-1,checkpoint-2,checkpoint-3");
    learnt_check(&l, in_dir(output, "checkpoint-1"), 1);
    learnt_check(&l, in_dir(output, "checkpoint-2"), 2);
    learnt_step(&l, 1);
    assert_true(said("notes", in_dir(output, "checkpoint-1"), gd_checkpoint_write(output, &l.checkpoint, &err), &err,
                     "training would replace this folder, but it contains \"notes.txt\", which no run has written; "
                     "move that elsewhere"));
    err = (gd_error){ 0 };
    learnt_step(&l, 2);
    assert_true(said("link", in_dir(output, "checkpoint-2"), gd_checkpoint_write(output, &l.checkpoint, &err), &err,
                     "training would write a folder of this name; move what has it elsewhere"));
    assert_int_equal(symlink(make_dir(*state, "empty"), in_dir(output, "best.new")), 0);
    err = (gd_error){ 0 };
    assert_true(said("empty", in_dir(output, "best.new"), gd_best_write(output, &l.checkpoint, &err), &err,
                     "training would write a folder of this name; move what has it elsewhere"));
    assert_int_equal(unlink(in_dir(output, "best.new")), 0);
    assert_string_equal(learnt_names(in_dir(*state, "empty")), "");
    write_text(output, "best", "a file");
    err = (gd_error){ 0 };
    assert_true(said("file", in_dir(output, "best"), gd_best_write(output, &l.checkpoint, &err), &err,
                     "training would write a folder of this name; move what has it elsewhere"));
    assert_string_equal(learnt_names(output), "best,checkpoint-1,checkpoint-2,checkpoint-3");
    learnt_close(&l);
}

static void an_output_that_is_not_there_is_reported(void **state)
{
    char output[LEARNT_PATH];
    gd_error err = { 0 };
    struct learnt l;
    int lock;

    learnt_path(output, *state, "none");
    learnt_open(&l);
    learnt_step(&l, 1);
    assert_true(said("checkpoint", output, gd_checkpoint_write(output, &l.checkpoint, &err), &err,
                     "there is no such directory"));
    err = (gd_error){ 0 };
    assert_true(
        said("result", output, gd_result_write(output, &l.checkpoint, &err), &err, "No such file or directory"));
    err = (gd_error){ 0 };
    assert_true(said("lock", output, gd_checkpoint_lock(&lock, output, &err), &err, "No such file or directory"));
    assert_int_equal(access(output, F_OK), -1);
    learnt_close(&l);
}

/* ---- two processes ---- */

static void one_run_at_a_time(void **state)
{
    gd_error err = { 0 };
    int ready[2], lock, status;
    pid_t child;
    char byte;

    assert_int_equal(pipe(ready), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (gd_checkpoint_lock(&lock, *state, NULL) || write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            (void)pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_true(said("locked", *state, gd_checkpoint_lock(&lock, *state, &err), &err,
                     "another run is writing to this directory; wait for its end, or choose another output"));
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_ok(gd_checkpoint_lock(&lock, *state, test_err));
    (void)close(lock);
    (void)close(ready[0]);
    (void)close(ready[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_newest_stay, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(the_last_sound_one_stays, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(those_of_later_steps_do_not_count, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(leftovers_go, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(the_old_one_is_put_back, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(what_no_run_has_made_stays, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(folders_with_other_files_stay, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(an_output_that_is_not_there_is_reported, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(one_run_at_a_time, dir_setup, dir_teardown),
    };

    return cmocka_run_group_tests_name("checkpoint_folders", tests, NULL, NULL);
}
