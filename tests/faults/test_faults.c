/* test_faults.c - the program on a system where something fails: every allocation and every system call of a run, one
 * after another, once or from then on. Whatever fails, a run keeps the promises of doc/reliability.md.
 *
 *     test_faults [CASE [WAY [once|onward [N]]]]     for example: test_faults score "read EIO" once 3
 *
 * runs a part of it. With N, what the run prints is shown, and the addresses of the functions that made the call.
 * With GUERDON_FAULTS=all in the environment, every call of a run fails, with a number about that many calls of each
 * kind. */
#include "tests/faults/cases.h"
#include "tests/faults/judge.h"

#include "tests/check.h"

#include <errno.h>
#include <limits.h>

enum { FEW = 4, REPORTED = 10 };

static const fault_way ways[] = {
    { "memory", FAULT_MEMORY, ENOMEM, false },
    { "mmap", FAULT_MAP, ENOMEM, false },
    { "thread", FAULT_THREAD, EAGAIN, false },
    { "open EMFILE", FAULT_OPEN, EMFILE, false },
    { "open EIO", FAULT_OPEN, EIO, false },
    { "read EIO", FAULT_READ, EIO, false },
    { "read EINTR", FAULT_READ, EINTR, true },
    { "read short", FAULT_READ, FAULT_SHORT, true },
    { "write ENOSPC", FAULT_WRITE, ENOSPC, false },
    { "write EIO", FAULT_WRITE, EIO, false },
    { "write EINTR", FAULT_WRITE, EINTR, true },
    { "write short", FAULT_WRITE, FAULT_SHORT, true },
    { "stat EIO", FAULT_STAT, EIO, false },
    { "fsync EIO", FAULT_SYNC, EIO, false },
    { "fsync ENOSPC", FAULT_SYNC, ENOSPC, false },
    { "close EIO", FAULT_CLOSE, EIO, false },
    { "rename EIO", FAULT_RENAME, EIO, false },
    { "rename ENOSPC", FAULT_RENAME, ENOSPC, false },
    { "unlink EIO", FAULT_UNLINK, EIO, false },
    { "ftruncate EIO", FAULT_TRUNCATE, EIO, false },
    { "ftruncate ENOSPC", FAULT_TRUNCATE, ENOSPC, false },
    { "lseek EIO", FAULT_SEEK, EIO, false },
    { "mkdir ENOSPC", FAULT_DIRECTORY, ENOSPC, false },
};
enum { WAYS = sizeof ways / sizeof ways[0] };

/* A case as it runs undisturbed, and the state that each of its runs begins with. */
struct subject {
    const fault_case *c;
    const char *const *words;
    fault_result good, before;
    bool has_before;
    long calls[FAULT_KINDS];
    size_t runs, refused, broken, reported;
};

static const char *only_way, *only_mode, *only_number;
static long most = FEW; /* calls of a kind that fail; all of them: LONG_MAX */

static const fault_result *before(const struct subject *s) { return s->has_before ? &s->before : NULL; }

static void plan(const fault_way *way, bool onward, long at)
{
    fault_shared->kind = way->kind;
    fault_shared->error = way->error;
    fault_shared->onward = onward;
    fault_shared->at = at;
    fault_shared->trace = only_number != NULL;
}

static void run_from_start(const struct subject *s, fault_result *result)
{
    fault_fill(before(s));
    fault_run(result, s->words, s->has_before && s->c->flags & FAULT_RESUMES ? "--resume" : NULL);
    if (s->c->flags & FAULT_MEASURES)
        fault_drop_digits(result);
}

/* The run that follows a failed one must finish its work, or do all of it. */
static const char *run_next(const struct subject *s)
{
    fault_result next;
    const char *what;

    fault_shared->at = 0;
    fault_run(&next, s->words, s->c->flags & FAULT_RESUMES ? "--resume" : NULL);
    if (s->c->flags & FAULT_MEASURES)
        fault_drop_digits(&next);
    what = fault_judge_next(&next, &s->good);
    fault_forget(&next);
    return what;
}

static void report(struct subject *s, const fault_way *way, bool onward, long at, const char *what)
{
    s->broken++;
    if (s->reported++ < REPORTED) /* of each way */
        print_error("%s \"%s\" %s %ld: %s\n", s->c->name, way->name, onward ? "onward" : "once", at, what);
}

static void run_one(struct subject *s, const fault_way *way, bool onward, long at)
{
    fault_result result;
    const char *what;

    plan(way, onward, at);
    run_from_start(s, &result);
    if (only_number)
        print_message("status %d\n%s", result.status, fault_find(&result, FAULT_MESSAGES)->bytes);
    s->runs += atomic_load(&fault_shared->failed) > 0;
    s->refused += result.status != s->good.status;
    what = fault_judge(&result, &s->good, before(s), way);
    if (!what && result.status != s->good.status && fault_left(&result, before(s)))
        what = run_next(s);
    if (what)
        report(s, way, onward, at, what);
    fault_forget(&result);
}

/* Repeated without end, an interrupt is a hang. */
static void run_way(struct subject *s, const fault_way *way)
{
    const size_t runs = s->runs, refused = s->refused, broken = s->broken;
    const long calls = s->calls[way->kind], step = calls <= most ? 1 : (calls + most - 1) / most;
    const long first = only_number ? atol(only_number) : 1 + (way - ways) % step;

    s->reported = 0;
    for (int onward = 0; onward < (way->error == EINTR ? 1 : 2); onward++) {
        if (only_mode && strcmp(only_mode, onward ? "onward" : "once") != 0)
            continue;
        for (long at = first; at <= (only_number ? first : calls); at += step)
            run_one(s, way, onward, at);
    }
    if (s->runs > runs)
        print_message("%-14s %-18s %6zu failures, %6zu runs failed, %zu broken\n", s->c->name, way->name,
                      s->runs - runs, s->refused - refused, s->broken - broken);
}

/* What a run leaves whose second write to its output failed; or whose second checkpoint did: a page and the eight files
 * and folders of the first were renamed before. */
static void interrupt(struct subject *s)
{
    static const fault_way full = { "write ENOSPC", FAULT_WRITE, ENOSPC, false };
    static const fault_way unnamed = { "rename ENOSPC", FAULT_RENAME, ENOSPC, false };
    const bool trains = s->c->flags & FAULT_TRAINS;

    plan(trains ? &unnamed : &full, true, trains ? 20 : 4);
    run_from_start(s, &s->before);
    assert_non_null(fault_find(&s->before, trains ? "trained/checkpoint-1/manifest.json" : "out.jsonl.resume"));
    assert_null(fault_find(&s->before, "trained/checkpoint-2/manifest.json"));
    s->has_before = true;
}

static void begin(struct subject *s, const fault_case *c)
{
    fault_result again;
    const char *what;

    *s = (struct subject){ .c = c, .words = fault_words(c) };
    if (c->flags & FAULT_INTERRUPTED)
        interrupt(s);
    fault_shared->at = 0;
    run_from_start(s, &s->good);
    for (size_t i = 0; i < FAULT_KINDS; i++)
        s->calls[i] = atomic_load(&fault_shared->calls[i]);
    if (s->good.status != c->status)
        fail_msg("%s: status %d: %s", c->name, s->good.status, fault_find(&s->good, FAULT_MESSAGES)->bytes);
    assert_true(s->calls[FAULT_MEMORY] > 0 && s->calls[FAULT_OPEN] > 0);
    run_from_start(s, &again);
    what = fault_judge_next(&again, &s->good);
    if (what)
        fail_msg("%s, undisturbed: %s", c->name, what);
    fault_forget(&again);
}

static void every_failure_is_survived(void **state)
{
    struct subject s;

    begin(&s, *state);
    for (size_t i = 0; i < WAYS; i++)
        if (!only_way || !strcmp(only_way, ways[i].name))
            run_way(&s, &ways[i]);
    fault_forget(&s.good);
    fault_forget(&s.before);
    assert_true(only_way || s.runs > 0);
    if (s.broken)
        fail_msg("%s: %zu of %zu failures broke a promise", s.c->name, s.broken, s.runs);
}

int main(int argc, char **argv)
{
    struct CMUnitTest tests[32] = { { 0 } };
    const char *why, *text = getenv("GUERDON_FAULTS");

    if (!fault_begin(&why))
        return printf("skip: %s\n", why) < 0 ? 99 : 77;
    if (text)
        most = !strcmp(text, "all") ? LONG_MAX : atol(text) > 0 ? atol(text) : FEW;
    only_way = argc > 2 ? argv[2] : NULL;
    only_mode = argc > 3 ? argv[3] : NULL;
    only_number = argc > 4 ? argv[4] : NULL;
    fault_write_inputs();
    for (size_t i = 0; i < fault_case_count; i++)
        tests[i] = (struct CMUnitTest){ .name = fault_cases[i].name,
                                        .test_func = every_failure_is_survived,
                                        .initial_state = (void *)&fault_cases[i] };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return _cmocka_run_group_tests("faults", tests, fault_case_count, NULL, fault_end);
}
