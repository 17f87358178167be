/* test_checkpoint_crash.c - checkpoints of a run that is killed, whose disk is full, or that has no memory: the last
 * one that was reported as written is there, whole, and the run can continue from it.
 * The run's calls that change files fail, or it is killed before or after one of them. */
#include "tests/check.h"
#include "tests/quant-free/files.h"
#include "tests/train/calls.h"
#include "tests/train/learnt.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

enum { STRIDE = SANITIZED ? 19 : 5 }; /* each way takes other calls than the next */

/* Whether the file system can exchange two folders. */
static bool exchanges;

static int try_exchange(void **state)
{
    char path[TEST_PATH];

    (void)state;
#ifdef RENAME_EXCHANGE
    (void)make_dir(test_dir(path), "a");
    (void)make_dir(path, "b");
    exchanges = renameat2(AT_FDCWD, in_dir(path, "a"), AT_FDCWD, in_dir(path, "b"), RENAME_EXCHANGE) == 0;
    return test_remove(path);
#else
    (void)path;
    return 0;
#endif
}

/* ---- a run ---- */

/* What was reported as written. */
struct written {
    volatile uint64_t checkpoint, best, result;
};

static gd_status write_all(struct learnt *l, const char *output, struct written *done, gd_error *err)
{
    gd_status rc = GD_OK;

    for (uint64_t step = 4; !rc && step <= 8; step += 4) {
        learnt_step(l, step);
        rc = gd_checkpoint_write(output, &l->checkpoint, err);
        done->checkpoint = rc ? done->checkpoint : step;
    }
    if (!rc)
        rc = gd_best_write(output, &l->checkpoint, err);
    done->best = rc ? done->best : 8;
    if (!rc)
        rc = gd_checkpoint_prune(output, 8, 1, err);
    if (!rc)
        rc = gd_result_write(output, &l->checkpoint, err);
    done->result = rc ? done->result : 8;
    return rc;
}

static void make_output(struct learnt *l, const char *output)
{
    if (test_has_dir(output))
        assert_int_equal(test_remove(output), 0);
    assert_int_equal(mkdir(output, 0700), 0);
    learnt_write(l, output, 4);
    assert_ok(gd_best_write(output, &l->checkpoint, test_err));
    write_text(output, "log.jsonl", "{}");
}

/* Whatever has happened, nothing that was written is lost, and the run can go on to the same end. */
static void check_output(struct learnt *l, const char *output, const struct written *done)
{
    struct written all = { 0 };

    calls.armed = false;
    if (!calls.no_exchange)
        assert_true(test_has_dir(in_dir(output, "best"))); /* before anything is put back */
    assert_true(learnt_newest(l, output) >= done->checkpoint);
    assert_true(learnt_adapter(l, in_dir(output, "best")) >= done->best);
    if (done->result || access(in_dir(output, "adapter_config.json"), F_OK) == 0)
        assert_int_equal(learnt_adapter(l, output), 8);
    assert_ok(write_all(l, output, &all, test_err));
    assert_int_equal(learnt_newest(l, output), 8);
    assert_string_equal(learnt_names(output), "adapter_config.json,adapter_model.safetensors,best,checkpoint-8,"
                                              "guerdon-adapter.json,log.jsonl");
}

/* ---- kills ---- */

static struct written *share(void)
{
    void *p = mmap(NULL, sizeof(struct written), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    assert_true(p != MAP_FAILED);
    return p;
}

/* Whether the process was killed; else it must have done everything. */
static bool wait_for(pid_t child)
{
    int status;

    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        return true;
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    return false;
}

static bool killed_at(struct learnt *l, const char *output, size_t at)
{
    struct written *done = share();
    pid_t child;
    bool killed;

    make_output(l, output);
    *done = (struct written){ 4, 4, 0 };
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        calls_arm(at, CALLS_KILL);
        _exit(write_all(l, output, done, NULL) ? 1 : 0);
    }
    killed = wait_for(child);
    check_output(l, output, done);
    assert_int_equal(munmap(done, sizeof *done), 0);
    return killed;
}

/* Before and after every call that changes a file. */
static void a_kill_at_any_call_loses_nothing(void **state)
{
    char output[LEARNT_PATH];
    struct learnt l;

    learnt_path(output, *state, "output");
    learnt_open(&l);
    l.checkpoint.base = NULL;
    for (unsigned way = 0; way < 4; way++) {
        size_t at = 1 + way;

        calls.no_exchange = !exchanges || way & 1;
        calls.after = way & 2;
        while (killed_at(&l, output, at))
            at += STRIDE;
        assert_true(at > 100);
    }
    calls.after = false;
    learnt_close(&l);
}

/* Writes until it is killed. */
static void write_on(struct learnt *l, const char *output, struct written *done, uint64_t step)
{
    for (;; step++) {
        learnt_step(l, step);
        if (gd_checkpoint_write(output, &l->checkpoint, NULL))
            _exit(1);
        done->checkpoint = step;
        if (gd_best_write(output, &l->checkpoint, NULL))
            _exit(2);
        done->best = step;
        if (gd_checkpoint_prune(output, step, 2, NULL))
            _exit(3);
    }
}

static int64_t now(void)
{
    struct timespec time;

    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &time), 0);
    return time.tv_sec * 1000000000 + time.tv_nsec;
}

/* The time that two steps take, in nanoseconds, if it is less than a second. */
static long two_steps(struct learnt *l, const char *output)
{
    const int64_t begin = now();
    int64_t time;

    for (uint64_t step = 1; step <= 2; step++) {
        learnt_write(l, output, step);
        assert_ok(gd_best_write(output, &l->checkpoint, test_err));
        assert_ok(gd_checkpoint_prune(output, step, 1, test_err));
    }
    time = now() - begin;
    return (long)(time < 999999999 ? time : 999999999);
}

/* One run, killed hundreds of times at any moment, that continues each time from what it finds. */
static void kills_at_any_moment_lose_nothing(void **state)
{
    enum { KILLS = SANITIZED ? 40 : 240 };
    struct written *done = share();
    gd_random random;
    struct learnt l;
    long longest;

    learnt_open(&l);
    l.checkpoint.base = NULL;
    gd_random_seed(&random, 1);
    longest = two_steps(&l, *state);
    for (size_t i = 0; i < KILLS || done->checkpoint <= 2; i++) {
        const uint64_t from = learnt_newest(&l, *state);
        pid_t child;

        if (i >= KILLS && longest < 100000000) /* on a machine this busy, a run needs more time to get on */
            longest *= 2;

        assert_true(from >= done->checkpoint);
        calls.no_exchange = !exchanges || i % 2;
        child = fork();
        assert_true(child >= 0);
        if (child == 0)
            write_on(&l, *state, done, from);
        (void)nanosleep(&(struct timespec){ .tv_nsec = (long)(gd_random_next(&random) % (unsigned long)longest) },
                        NULL);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_true(wait_for(child));
        if (!calls.no_exchange)
            assert_true(learnt_adapter(&l, in_dir(*state, "best")) >= done->best);
    }
    assert_true(learnt_newest(&l, *state) >= done->checkpoint);
    assert_true(learnt_adapter(&l, in_dir(*state, "best")) >= done->best);
    assert_int_equal(munmap(done, sizeof *done), 0);
    learnt_close(&l);
}

/* ---- failures ---- */

static int next_descriptor(void)
{
    const int fd = dup(0), number = fd;

    (void)close(fd);
    return number;
}

static bool fails_at(struct learnt *l, const char *output, size_t at, int error)
{
    struct written done = { 4, 4, 0 };
    gd_error err = { 0 };
    gd_status rc;
    bool reached;

    make_output(l, output);
    calls_arm(at, error);
    rc = write_all(l, output, &done, &err);
    reached = calls.count >= at;
    assert_true(reached || !rc);
    if (rc) {
        assert_int_equal(rc, error == ENOMEM ? GD_ENOMEM : GD_EIO);
        assert_contains(err.text, output);
        assert_contains(err.text, strerror(error));
    }
    check_output(l, output, &done);
    return reached;
}

static void a_call_that_fails_is_reported_and_loses_nothing(void **state)
{
    static const int errors[] = { EIO, ENOSPC };
    char output[LEARNT_PATH];
    struct learnt l;
    uint64_t live;
    int fd;

    learnt_path(output, *state, "output");
    learnt_open(&l);
    l.checkpoint.base = NULL;
    live = gd_mem_live();
    fd = next_descriptor();
    for (unsigned way = 0; way < 8; way++) {
        size_t at = 1 + way;

        calls.no_exchange = !exchanges || way & 1;
        calls.onward = way & 2;
        while (fails_at(&l, output, at, errors[way / 4]))
            at += STRIDE;
        assert_true(at > 100);
    }
    calls.onward = false;
    assert_int_equal(gd_mem_live(), live);
    assert_int_equal(next_descriptor(), fd);
    learnt_close(&l);
}

/* Files are on the disk before the folder has its name, and the name is before the old folder is removed. */
static void the_disk_has_it_before_it_counts(void **state)
{
    char output[LEARNT_PATH];
    const char *exchange;
    struct learnt l;
    size_t synced = 0;

    learnt_path(output, *state, "output");
    if (!exchanges) {
        print_message("SKIPPED: the file system cannot exchange two folders\n");
        skip();
    }
    learnt_open(&l);
    l.checkpoint.base = NULL;
    make_output(&l, output);
    calls.no_exchange = false;
    calls_arm(0, 0);
    assert_ok(gd_checkpoint_write(output, &l.checkpoint, test_err));
    calls.armed = false;
    calls.log[calls.count] = '\0';
    exchange = strchr(calls.log, 'x');
    if (!exchange)
        fail_msg("nothing was exchanged: %s", calls.log);
    for (const char *c = calls.log; c < exchange; c++)
        synced += *c == 's';
    assert_int_equal(synced, 5 + 1); /* files, and their names */
    assert_int_equal(exchange[1], 's');
    learnt_close(&l);
}

/* ---- memory ---- */

static size_t json_left; /* this allocation of jansson's fails, but not those after it; 0: none */

static void *json_alloc(size_t bytes) { return json_left && !--json_left ? NULL : gd_alloc(bytes, 1); }

static gd_status find_and_read(struct learnt *l, const char *output, gd_error *err)
{
    gd_notes notes = { 0 };
    gd_train_mark mark = { 0 };
    char *path;
    gd_status rc = gd_checkpoint_find(&path, output, UINT64_MAX, &notes, err);

    assert_true(rc || path);
    if (!rc)
        rc = learnt_read(path, l, &mark, err);
    assert_true(rc || mark.step == 8);
    gd_notes_free(&notes);
    gd_free(path);
    return rc;
}

/* A checkpoint for which there was no memory must not count as damaged, or its work would be lost. */
static void a_lack_of_memory_is_reported(void **state)
{
    struct learnt l;
    gd_status rc = GD_ENOMEM;

    learnt_open(&l);
    learnt_write(&l, *state, 4);
    learnt_write(&l, *state, 8);
    for (uint64_t n = 1, live = gd_mem_live(); rc; n++) {
        gd_error err = { 0 };

        gd_mem_fail_from(n);
        rc = find_and_read(&l, *state, &err);
        gd_mem_fail_from(0);
        assert_int_equal(rc, err.status);
        assert_true(rc == GD_OK || rc == GD_ENOMEM);
        assert_int_equal(gd_mem_live(), live);
        assert_true(n < 5000);
    }
    for (size_t n = 1; json_left == 0; n++) {
        gd_error err = { 0 };

        json_left = n;
        rc = find_and_read(&l, *state, &err);
        assert_int_equal(rc, json_left ? GD_OK : GD_ENOMEM);
    }
    json_left = 0;
    learnt_close(&l);
}

static void so_it_is_when_writing(void **state)
{
    char output[LEARNT_PATH];
    gd_status rc = GD_ENOMEM;
    struct learnt l;

    learnt_path(output, *state, "output");
    learnt_open(&l);
    l.checkpoint.base = NULL;
    make_output(&l, output);
    for (uint64_t n = 1, live = gd_mem_live(); rc; n++) {
        struct written done = { 4, 4, 0 };
        gd_error err = { 0 };

        gd_mem_fail_from(n);
        rc = write_all(&l, output, &done, &err);
        gd_mem_fail_from(0);
        assert_int_equal(rc, err.status);
        assert_true(rc == GD_OK || rc == GD_ENOMEM);
        assert_int_equal(gd_mem_live(), live);
        assert_true(n < 5000);
        assert_true(learnt_newest(&l, output) >= done.checkpoint);
        assert_true(learnt_adapter(&l, in_dir(output, "best")) >= done.best);
    }
    assert_int_equal(learnt_newest(&l, output), 8);
    assert_int_equal(learnt_adapter(&l, output), 8);
    learnt_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_kill_at_any_call_loses_nothing, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(kills_at_any_moment_lose_nothing, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(a_call_that_fails_is_reported_and_loses_nothing, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(the_disk_has_it_before_it_counts, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(a_lack_of_memory_is_reported, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(so_it_is_when_writing, dir_setup, dir_teardown),
    };

    json_set_alloc_funcs(json_alloc, gd_free);
    return cmocka_run_group_tests_name("checkpoint_crash", tests, try_exchange, NULL);
}
