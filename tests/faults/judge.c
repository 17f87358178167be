/* judge.c - the promises that a run keeps whatever fails; compare doc/reliability.md. */
#include "tests/faults/judge.h"

#include "tests/faults/unpack.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OK = 0, ITEMS = 1, UNUSABLE = 3, RESOURCE = 4 }; /* the program's exit statuses */

static char text[4096];

__attribute__((format(printf, 1, 2))) static const char *wrong(const char *format, ...)
{
    va_list list;

    va_start(list, format);
    (void)vsnprintf(text, sizeof text, format, list);
    va_end(list);
    return text;
}

static bool ends_in(const char *name, const char *ending)
{
    const size_t len = strlen(name), more = strlen(ending);

    return len >= more && !strcmp(name + len - more, ending);
}

/* What says how long a training run took, and the manifests that have its length. */
static bool varies(const char *name)
{
    static const char *const files[] = { "times.jsonl", "report.html", "README.md", "manifest.json" };
    bool found = false;

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        found |= ends_in(name, files[i]);
    return found && !strncmp(name, FAULT_TRAINED, strlen(FAULT_TRAINED));
}

static bool is_as(const fault_file *have, const fault_file *want)
{
    return have && want && varies(want->name) ? have->len > 0 : fault_same(have, want);
}

/* Messages are compared on their own. */
static const char *compare_all(const fault_result *run, const fault_result *good)
{
    for (size_t i = 0; i < good->count; i++) {
        const fault_file *want = &good->files[i], *have = fault_find(run, want->name);

        if (strcmp(want->name, FAULT_MESSAGES) != 0 && !is_as(have, want))
            return wrong("status %d, but %s %s", run->status, want->name, have ? "is another" : "is missing");
    }
    for (size_t i = 0; i < run->count; i++)
        if (!fault_find(good, run->files[i].name))
            return wrong("status %d, but %s is left", run->status, run->files[i].name);
    return NULL;
}

static bool names_cause(const char *message, const fault_way *way)
{
    if (way->error == ENOMEM || way->kind == FAULT_THREAD)
        return strstr(message, "memory") || strstr(message, "thread");
    return strstr(message, strerror(way->error)) != NULL;
}

static const char *check_messages(const fault_result *run, const fault_way *way)
{
    const char *message = fault_find(run, FAULT_MESSAGES)->bytes;

    if (!ends_in(message, "\n") || !strstr(message, "guerdon: "))
        return wrong("status %d, but no sentence: \"%s\"", run->status, message);
    if (!names_cause(message, way))
        return wrong("status %d, but the message does not name the cause: %s", run->status, message);
    return NULL;
}

/* A compressed output has the lines of the undisturbed one, but not the bytes: its last member ends elsewhere. */
static const char *check_packed(const fault_file *have, const fault_file *want)
{
    size_t len, most;
    char *lines = fault_unpack(have->name, have->bytes, have->len, &len);
    char *all = fault_unpack(want->name, want->bytes, want->len, &most);
    const bool good = len <= most && !memcmp(lines, all, len);

    free(lines);
    free(all);
    return good ? NULL : wrong("%s has something else than an undisturbed run packs", have->name);
}

/* Whole lines of the undisturbed run. */
static const char *check_beginning(const fault_file *have, const fault_file *want)
{
    if (fault_is_packed(have->name))
        return check_packed(have, want);
    if (!varies(want->name) && (have->len > want->len || memcmp(have->bytes, want->bytes, have->len) != 0))
        return wrong("%s has something else than an undisturbed run writes", have->name);
    if (have->len && have->bytes[have->len - 1] != '\n' && have->len != want->len)
        return wrong("%s ends within a line", have->name);
    return NULL;
}

static bool is_lines(const char *name) { return strstr(name, ".jsonl") || !strcmp(name, FAULT_OUT); }

/* Journals, and folders of a training run that the next one removes. */
static bool may_stay(const char *name)
{
    const bool trained = !strncmp(name, FAULT_TRAINED, strlen(FAULT_TRAINED));

    return ends_in(name, ".resume") || ends_in(name, ".resume.found") || (trained && strstr(name, ".new/"));
}

/* What a run that failed leaves: the beginnings of its outputs, its journal, and what was there before. */
static const char *check_left(const fault_result *run, const fault_result *good, const fault_result *before,
                              const fault_way *way)
{
    const bool may_empty = way->kind == FAULT_STAT ||
                           way->kind == FAULT_UNLINK; /* an empty file can't be removed then */

    for (size_t i = 0; i < run->count; i++) {
        const fault_file *have = &run->files[i], *want = fault_find(good, have->name);
        const char *what = NULL;

        if (!strcmp(have->name, FAULT_MESSAGES) || (before && fault_same(have, fault_find(before, have->name))))
            continue;
        if (want && is_lines(have->name))
            what = check_beginning(have, want);
        else if (want && !is_as(have, want) && (have->len > 0 || !may_empty))
            what = wrong("%s is neither absent nor complete: %zu of %zu bytes", have->name, have->len, want->len);
        else if (!want && !may_stay(have->name))
            what = wrong("status %d, and %s is left", run->status, have->name);
        if (what)
            return what;
    }
    return NULL;
}

const char *fault_judge(const fault_result *run, const fault_result *good, const fault_result *before,
                        const fault_way *way)
{
    const char *what;

    if (run->status >= 1000)
        return wrong("ended by signal %d%s", run->status - 1000, run->status == 1014 ? ": it hangs" : "");
    if (run->status == good->status)
        return compare_all(run, good);
    if (way->harmless)
        return wrong("status %d for something that need not be a failure: %s", run->status,
                     fault_find(run, FAULT_MESSAGES)->bytes);
    if (run->status != (way->error == ENOMEM ? RESOURCE : UNUSABLE) && run->status != RESOURCE)
        return wrong("status %d: %s", run->status, fault_find(run, FAULT_MESSAGES)->bytes);
    what = check_messages(run, way);
    return what ? what : check_left(run, good, before, way);
}

const char *fault_judge_next(const fault_result *run, const fault_result *good)
{
    static char after[sizeof text + 64];
    /* a run that was complete but for the removal of its files: its failed items were reported before */
    const bool complete = run->status == 0 && strstr(fault_find(run, FAULT_MESSAGES)->bytes, "complete; nothing to do");
    const char *what;

    if (run->status != good->status && !complete)
        what = wrong("status %d: %s", run->status, fault_find(run, FAULT_MESSAGES)->bytes);
    else
        what = compare_all(run, good);
    (void)snprintf(after, sizeof after, "the next run: %s", what ? what : "");
    return what ? after : NULL;
}

bool fault_left(const fault_result *run, const fault_result *before)
{
    for (size_t i = 0; i < run->count; i++)
        if (run->files[i].name[0] != '(' && !(before && fault_find(before, run->files[i].name)))
            return true;
    return before != NULL;
}
