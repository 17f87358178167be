/* journal.c - a small file beside an unfinished output that records what is done. */
#include "reward/journal.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/samefile.h"
#include "base/write.h"
#include "data/codec.h"
#include "data/reader.h"
#include "reward/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORMAT "guerdon-resume/2"
enum { LIMIT = 1 << 20 };

/* The counts of a summary, by their names. */
static const struct count {
    const char *name;
    size_t offset;
} counts[] = {
    { "summary_items", offsetof(gd_summary, items) }, { "failed", offsetof(gd_summary, failed) },
    { "dropped", offsetof(gd_summary, dropped) },     { "truncated", offsetof(gd_summary, truncated) },
    { "tokens", offsetof(gd_summary, tokens) },       { "rows", offsetof(gd_summary, rows) },
    { "texts", offsetof(gd_summary, texts) },         { "conversations", offsetof(gd_summary, conversations) },
    { "joined", offsetof(gd_summary, joined) },
};
enum { COUNTS = sizeof counts / sizeof counts[0] };

static uint64_t *count_of(gd_summary *summary, size_t i)
{
    return (uint64_t *)(void *)((char *)summary + counts[i].offset);
}

/* ---- writing ---- */

/* A link of this name would have the run write to another file; only the name is ours. */
static void remove_link(const char *path)
{
    struct stat named, file;

    if (lstat(path, &named) < 0)
        return;
    if (S_ISLNK(named.st_mode) ? stat(path, &file) < 0 || S_ISREG(file.st_mode)
                               : S_ISREG(named.st_mode) && named.st_nlink > 1)
        (void)unlink(path);
}

static int open_next(const gd_journal *journal)
{
    remove_link(journal->part);
    return gd_lock_open(journal->part, O_RDWR | O_CREAT);
}

/* Locks and empties the file that is going to replace the journal. */
static int open_part(gd_journal *journal)
{
    if (journal->next < 0)
        journal->next = open_next(journal);
    return journal->next < 0 || (ftruncate(journal->next, 0) < 0 && errno != EINVAL) ? errno
                                                                                     : 0; /* no device has a length */
}

/* A network file system or a quota may report only when a file is closed that it is full; the lock stays. */
static int settle(int fd)
{
    const int copy = dup(fd);

    return copy >= 0 && close(copy) < 0 && errno != EINTR ? errno : 0; /* EINTR: Linux has closed it */
}

/* The new file is the journal now. */
static void pass_on(gd_journal *journal)
{
    if (journal->held >= 0)
        (void)close(journal->held);
    journal->held = journal->next;
    journal->next = -1;
}

/* Replaces the file. Returns 0, or the errno of the first step that failed. */
static int replace(gd_journal *journal, const gd_buf *text)
{
    int reason = open_part(journal);

    if (!reason)
        reason = gd_write_all(journal->next, text->data, text->len);
    if (!reason)
        reason = settle(journal->next);
    if (!reason && rename(journal->part, journal->path) < 0)
        reason = errno;
    if (!reason)
        pass_on(journal);
    return reason;
}

static void forget_part(gd_journal *journal)
{
    if (journal->next < 0)
        return;
    (void)unlink(journal->part);
    (void)close(journal->next);
    journal->next = -1;
}

static gd_status write_text(gd_journal *journal, const gd_buf *text, gd_error *err)
{
    const int reason = replace(journal, text);
    const char *name = journal->next < 0 ? journal->part : journal->path;

    if (!reason)
        return GD_OK;
    forget_part(journal);
    return gd_fail(err, GD_EIO, "%s: %s", name, strerror(reason));
}

gd_status gd_journal_save(gd_journal *journal, const gd_journal_state *state, gd_error *err)
{
    gd_summary copy = state->summary;
    gd_buf text = { 0 };
    gd_status rc;

    if (!journal->path)
        return GD_OK;
    gd_buf_printf(&text, "{\"format\":\"%s\",\"complete\":%s,\"items\":%" PRIu64, FORMAT,
                  state->complete ? "true" : "false", state->items);
    gd_buf_printf(&text, ",\"input\":\"%016" PRIx64 "\",\"offsets\":[", state->digest);
    for (size_t i = 0; i < GD_JOURNAL_OUTPUTS; i++)
        gd_buf_printf(&text, "%s%" PRIu64, i ? "," : "", state->offset[i]);
    gd_buf_str(&text, "]");
    for (size_t i = 0; i < COUNTS; i++)
        gd_buf_printf(&text, ",\"%s\":%" PRIu64, counts[i].name, *count_of(&copy, i));
    gd_buf_printf(&text, ",\"run\":%s}\n", journal->identity);
    rc = text.failed ? gd_fail_memory(err, text.len) : write_text(journal, &text, err);
    gd_buf_free(&text);
    return rc;
}

static gd_status remove_file(const char *path, gd_error *err)
{
    if (unlink(path) == 0 || errno == ENOENT)
        return GD_OK;
    return gd_fail(err, GD_EIO, "%s: the run is complete, but this file cannot be removed: %s", path, strerror(errno));
}

/* The journal goes last: as long as it is there, the next run removes what a kill has left. */
static gd_status remove_files(const gd_journal *journal, bool aside, gd_error *err)
{
    gd_status rc = remove_file(journal->part, err);

    if (!rc && aside)
        rc = remove_file(journal->aside, err);
    return rc ? rc : remove_file(journal->path, err);
}

gd_status gd_journal_finish(gd_journal *journal, gd_error *err)
{
    const gd_journal_state complete = { .complete = true };
    gd_status rc = GD_OK;

    if (!journal->path)
        return GD_OK;
    if (journal->has_aside) /* without it, a journal that is left would ask for a file that is gone */
        rc = gd_journal_save(journal, &complete, err);
    return rc ? rc : remove_files(journal, journal->has_aside, err);
}

gd_status gd_journal_discard(const char *output, gd_error *err)
{
    gd_journal journal;
    bool there = false;
    gd_status rc = gd_journal_name(&journal, output, err);

    if (!rc && journal.path)
        rc = gd_file_there(&there, journal.path, err);
    if (!rc && there)
        rc = remove_files(&journal, true, err);
    gd_journal_free(&journal);
    return rc;
}

void gd_journal_free(gd_journal *journal)
{
    if (journal->path) {
        forget_part(journal);
        if (journal->held >= 0)
            (void)close(journal->held);
    }
    gd_free(journal->path);
    gd_free(journal->part);
    gd_free(journal->aside);
    gd_free(journal->identity);
    *journal = (gd_journal){ 0 };
}

/* ---- reading ---- */

static gd_status read_count(uint64_t *out, const json_t *root, const char *key, const char *path, gd_error *err)
{
    int64_t n = 0;
    const gd_status rc = gd_json_int(&n, root, key, 0, INT64_MAX, path, err);

    *out = (uint64_t)n;
    return rc;
}

static gd_status read_counts(gd_journal *journal, const json_t *root, gd_error *err)
{
    const json_t *offsets = json_object_get(root, "offsets");
    gd_journal_state *done = &journal->done;
    const char *digest = NULL;
    gd_status rc = read_count(&done->items, root, "items", journal->path, err);

    if (!rc)
        rc = gd_json_string(&digest, root, "input", journal->path, err);
    done->digest = digest ? strtoull(digest, NULL, 16) : 0;
    for (size_t i = 0; !rc && i < COUNTS; i++)
        rc = read_count(count_of(&done->summary, i), root, counts[i].name, journal->path, err);
    for (size_t i = 0; !rc && i < GD_JOURNAL_OUTPUTS; i++) {
        const json_int_t n = json_integer_value(json_array_get(offsets, i));

        if (n < 0 || !json_is_integer(json_array_get(offsets, i)))
            rc = gd_fail(err, GD_EFORMAT, "%s: the field \"offsets\" is not a list of three numbers", journal->path);
        done->offset[i] = (uint64_t)n;
    }
    return rc;
}

static gd_status take_up(gd_journal *journal, gd_error *err)
{
    const char *format;
    json_t *root;
    gd_status rc = gd_json_load(&root, journal->path, LIMIT, err);

    if (rc)
        return rc;
    rc = gd_json_string(&format, root, "format", journal->path, err);
    if (!rc && strcmp(format, FORMAT) != 0)
        rc = gd_fail(err, GD_EFORMAT, "%s: its format is \"%s\", but \"%s\" is expected", journal->path, format,
                     FORMAT);
    journal->done.complete = json_is_true(json_object_get(root, "complete"));
    if (!rc && !journal->done.complete)
        rc = gd_identity_check(json_object_get(root, "run"), journal->identity, journal->path, err);
    if (!rc && !journal->done.complete)
        rc = read_counts(journal, root, err);
    json_decref(root);
    return rc;
}

/* ---- opening ---- */

/* A packed output has some bytes even if it holds none. */
static gd_status holds_a_line(bool *holds, const char *output, gd_error *err)
{
    gd_reader *reader = NULL;
    gd_line line = { 0 };
    gd_status rc = gd_reader_open(&reader, output, (gd_pause){ 0 }, err);

    if (!rc)
        rc = gd_reader_next(reader, &line, holds, err);
    gd_reader_close(reader);
    return rc;
}

/* An empty output is that of no items, or of a run that failed before the first. */
static gd_status has_content(bool *has, const char *output, gd_error *err)
{
    struct stat sb;

    *has = stat(output, &sb) == 0 && sb.st_size > 0;
    return *has && gd_codec_by_suffix(output) ? holds_a_line(has, output, err) : GD_OK;
}

bool gd_journal_applies(const char *output)
{
    struct stat sb;

    return gd_output_fd(output) < 0 && (stat(output, &sb) < 0 || S_ISREG(sb.st_mode));
}

static char *with_ending(const char *output, const char *ending)
{
    const size_t len = strlen(output), more = strlen(ending);
    char *path = gd_alloc(len + more + 1, 1);

    if (path) {
        memcpy(path, output, len);
        memcpy(path + len, ending, more + 1);
    }
    return path;
}

static gd_status refuse_resume(const char *output, gd_error *err)
{
    if (gd_is_stdout(output))
        return gd_fail(err, GD_EUSAGE, "standard output cannot be resumed: an output file is expected");
    return gd_fail(err, GD_EUSAGE, "%s is not a regular file, so it cannot be resumed", output);
}

/* The file that a symbolic link leads to, in the room; any other output by its own name. */
static const char *leads_to(const char *output, char real[PATH_MAX])
{
    struct stat sb;

    return lstat(output, &sb) == 0 && S_ISLNK(sb.st_mode) && gd_path_real(real, output) ? real : output;
}

gd_status gd_journal_beside(char **path, const char *output, const char *ending, gd_error *err)
{
    char real[PATH_MAX];

    *path = NULL;
    if (!gd_journal_applies(output))
        return GD_OK;
    *path = with_ending(leads_to(output, real), ending);
    return *path ? GD_OK : gd_fail_memory(err, PATH_MAX);
}

gd_status gd_journal_name(gd_journal *journal, const char *output, gd_error *err)
{
    char real[PATH_MAX];

    *journal = (gd_journal){ .held = -1, .next = -1 };
    if (!gd_journal_applies(output))
        return GD_OK;
    output = leads_to(output, real);
    journal->path = with_ending(output, ".resume");
    journal->part = with_ending(output, ".resume.part");
    journal->aside = with_ending(output, ".resume.found");
    if (journal->path && journal->part && journal->aside)
        return GD_OK;
    return gd_fail_memory(err, 3 * (strlen(output) + sizeof ".resume.found"));
}

/* An output that can't be created is what the message must name, not the journal, which is created first. */
static gd_status check_place(const char *output, gd_error *err)
{
    const char *slash = strrchr(output, '/');
    struct stat sb;
    char *dir;
    bool fine;

    if (stat(output, &sb) == 0)
        return GD_OK;
    if (errno != ENOENT)
        return gd_fail(err, GD_EIO, "%s: %s", output, strerror(errno));
    dir = slash ? gd_strndup(output, (size_t)(slash - output) + 1) : gd_strdup(".");
    if (!dir)
        return gd_fail_memory(err, strlen(output) + 1);
    fine = access(dir, W_OK | X_OK) == 0;
    gd_free(dir);
    return fine ? GD_OK : gd_fail(err, GD_EIO, "%s: %s", output, strerror(errno));
}

/* Locks the journal, or that which is going to be it: of two runs that begin at the same moment, each would take the
 * other's for its own, and remove it in the end.  A place where nothing can be locked is reported when it is used. */
static gd_status take_lock(gd_journal *journal, const char *output, gd_error *err)
{
    struct stat sb;

    for (;;) {
        journal->held = gd_lock_open(journal->path, O_RDWR);
        if (journal->held >= 0)
            return GD_OK;
        if (errno == ENOENT)
            journal->next = open_next(journal);
        if (journal->next < 0)
            break;
        if (stat(journal->path, &sb) < 0)
            return GD_OK;
        forget_part(journal); /* another run has made it meanwhile */
    }
    if (errno != EWOULDBLOCK)
        return GD_OK;
    return gd_fail(err, GD_EIO, "%s: another run is writing to this file; wait for its end, or choose another output",
                   output);
}

/* Ours begins with a number in eight bytes, the last of which is zero; a text has no such byte. */
enum { NUMBER = 8 };

gd_status gd_journal_clear_aside(const gd_journal *journal, gd_error *err)
{
    char begin[NUMBER] = "";
    FILE *file;
    bool text;

    remove_link(journal->aside);
    file = fopen(journal->aside, "re");
    if (!file)
        return GD_OK; /* opening it to write reports why, if there is a reason */
    text = fread(begin, 1, NUMBER, file) > 0 && begin[NUMBER - 1];
    (void)fclose(file);
    if (!text)
        return GD_OK;
    return gd_fail(err, GD_EUSAGE,
                   "%s: the run would overwrite this file, which no other run has left; choose another output, or "
                   "rename it",
                   journal->aside);
}

/* A run that was killed while it removed its files: nothing else was left to do. */
static bool was_complete(gd_journal *journal)
{
    const bool complete = take_up(journal, NULL) == GD_OK && journal->done.complete;

    journal->done = (gd_journal_state){ 0 };
    return complete;
}

gd_status gd_journal_open(gd_journal *journal, const char *output, const char *identity, bool resume, gd_error *err)
{
    bool unfinished;
    gd_status rc = gd_journal_name(journal, output, err);

    if (rc)
        return rc;
    if (!journal->path)
        return resume ? refuse_resume(output, err) : GD_OK;
    journal->identity = gd_strdup(identity);
    if (!journal->identity)
        return gd_fail_memory(err, strlen(identity));
    rc = check_place(output, err);
    if (!rc)
        rc = take_lock(journal, output, err);
    if (!rc)
        rc = gd_file_there(&unfinished, journal->path, err);
    if (rc)
        return rc;
    if (unfinished && was_complete(journal)) {
        rc = remove_files(journal, true, err);
        unfinished = false;
    }
    if (rc || (unfinished && resume))
        return rc ? rc : take_up(journal, err);
    if (unfinished)
        return gd_fail(err, GD_EUSAGE, "%s is unfinished: resume it with --resume, or remove %s to start afresh",
                       output, journal->path);
    if (resume)
        rc = has_content(&journal->done.complete, output, err);
    journal->created = !rc && !journal->done.complete;
    return journal->created ? gd_journal_save(journal, &journal->done, err) : rc;
}
