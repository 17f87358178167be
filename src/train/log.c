/* log.c - the logs of a run. */
#include "train/log.h"

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/write.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_BYTES ((size_t)1 << 32)

static gd_status failed(const gd_log_file *file, gd_error *err)
{
    return gd_fail(err, errno == ENOMEM ? GD_ENOMEM : GD_EIO, "%s: %s", file->path, strerror(errno));
}

static gd_status cut(gd_log_file *file, uint64_t bytes, gd_error *err)
{
    file->bytes = bytes;
    if (ftruncate(file->fd, (off_t)bytes) < 0 || lseek(file->fd, (off_t)bytes, SEEK_SET) < 0)
        return failed(file, err);
    return GD_OK;
}

gd_status gd_train_log_begin(gd_train_log *log, gd_error *err)
{
    gd_status rc = GD_OK;

    for (int i = 0; !rc && i < GD_LOG_FILES; i++) {
        log->file[i].digest = 0;
        (void)json_array_clear(log->file[i].lines);
        rc = cut(&log->file[i], 0, err);
    }
    return rc;
}

/* ---- reading ---- */

/* Without a descriptor, none. */
static gd_status find_size(const gd_log_file *file, uint64_t *size, gd_error *err)
{
    struct stat sb = { 0 };
    const bool known = file->fd < 0 || fstat(file->fd, &sb) == 0;

    *size = (uint64_t)sb.st_size;
    return known ? GD_OK : failed(file, err);
}

/* Up to so many bytes, and a NUL. */
static gd_status read_text(const gd_log_file *file, uint64_t bytes, char **text, size_t *len, gd_error *err)
{
    *len = 0;
    *text = bytes > MOST_BYTES ? NULL : gd_alloc((size_t)bytes + 1, 1);
    if (!*text)
        return gd_fail_memory(err, bytes);
    while (*len < bytes) {
        const ssize_t n = pread(file->fd, *text + *len, bytes - *len, (off_t)*len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return failed(file, err);
        if (n == 0)
            break;
        *len += (size_t)n;
    }
    (*text)[*len] = '\0';
    return GD_OK;
}

static gd_status read_start(const gd_log_file *file, uint64_t bytes, char **text, gd_error *err)
{
    uint64_t size;
    size_t len = 0;
    gd_status rc = find_size(file, &size, err);

    if (!rc && size >= bytes)
        rc = read_text(file, bytes, text, &len, err);
    if (rc || (len == bytes && (bytes == 0 || (*text)[bytes - 1] == '\n')))
        return rc;
    return gd_fail(err, GD_EFORMAT, "%s: it has %llu bytes, but at least %llu in whole lines are expected", file->path,
                   (unsigned long long)size, (unsigned long long)bytes);
}

static gd_status keep_line(gd_log_file *file, const char *line, size_t len, gd_error *err)
{
    json_t *value;
    const gd_status rc = gd_json_parse(&value, line, len, file->path, err);

    if (rc)
        return rc;
    return json_array_append_new(file->lines, value) ? gd_fail_memory(err, len) : GD_OK;
}

/* Of another line, with its end; in 63 bits, which a number in JSON has. */
static void add_digest(gd_log_file *file, const char *line, size_t len)
{
    file->digest = gd_digest(file->digest, line, len) & INT64_MAX;
}

static gd_status read_lines(gd_log_file *file, const gd_log_mark *mark, gd_error *err)
{
    const uint64_t bytes = mark->bytes;
    char *text = NULL;
    gd_status rc = read_start(file, bytes, &text, err);

    file->bytes = file->digest = 0;
    (void)json_array_clear(file->lines);
    for (char *line = text; !rc && line < text + bytes;) {
        const char *end = memchr(line, '\n', (size_t)(text + bytes - line));

        rc = keep_line(file, line, (size_t)(end - line), err);
        add_digest(file, line, (size_t)(end - line) + 1);
        line += end - line + 1;
    }
    gd_free(text);
    if (!rc && file->digest != mark->digest)
        rc = gd_fail(err, GD_EFORMAT, "%s: its lines are not those that the run has written", file->path);
    file->bytes = bytes;
    return rc;
}

gd_status gd_train_log_read(gd_train_log *log, const gd_log_mark marks[GD_LOG_FILES], gd_error *err)
{
    gd_status rc = GD_OK;

    for (int i = 0; !rc && i < GD_LOG_FILES; i++)
        rc = read_lines(&log->file[i], &marks[i], err);
    return rc;
}

gd_status gd_train_log_continue(gd_train_log *log, gd_error *err)
{
    gd_status rc = GD_OK;

    for (int i = 0; !rc && i < GD_LOG_FILES; i++)
        rc = cut(&log->file[i], log->file[i].bytes, err);
    return rc;
}

/* The first line, without its end; if it was cut short, nothing. */
static gd_status read_run(json_t **run, const gd_log_file *file, const char *text, gd_error *err)
{
    static const char begin[] = "{\"run\":";
    const size_t len = strcspn(text, "\n"), some = len < sizeof begin - 1 ? len : sizeof begin - 1;
    const bool ours = !strncmp(text, begin, some);
    gd_error why = { 0 };
    json_t *line = NULL;
    gd_status rc = GD_OK;

    if (ours && !text[len])
        return GD_OK;
    if (ours)
        rc = gd_json_parse(&line, text, len, file->path, &why);
    if (ours && !rc)
        *run = json_incref(json_object_get(line, "run"));
    json_decref(line);
    if (rc == GD_ENOMEM)
        return gd_fail(err, rc, "%s", why.text);
    return *run ? GD_OK
                : gd_fail(err, GD_EUSAGE, "%s: this is not the log of a run; choose another output", file->path);
}

gd_status gd_train_log_run(json_t **run, const gd_train_log *log, gd_error *err)
{
    const gd_log_file *file = &log->file[GD_LOG_STEPS];
    char *text = NULL;
    uint64_t size;
    size_t len;
    gd_status rc = find_size(file, &size, err);

    *run = NULL;
    if (!rc)
        rc = read_text(file, size, &text, &len, err);
    if (!rc)
        rc = read_run(run, file, text, err);
    gd_free(text);
    return rc;
}

/* ---- opening ---- */

/* The log of something else stays as it is. */
static gd_status check_log(const gd_train_log *log, gd_error *err)
{
    json_t *run;
    const gd_status rc = gd_train_log_run(&run, log, err);

    json_decref(run);
    return rc;
}

/* One that is missing and isn't made, because it is only looked at, is as good as empty; it has no descriptor. */
static gd_status open_file(gd_log_file *file, const char *output, const char *name, int how, gd_error *err)
{
    file->path = gd_path_join(output, name);
    file->lines = json_array();
    if (!file->path || !file->lines)
        return gd_fail_memory(err, strlen(output));
    file->fd = open(file->path, how | O_CLOEXEC | O_NOFOLLOW, 0666);
    return file->fd >= 0 || (errno == ENOENT && how == O_RDONLY) ? GD_OK : failed(file, err);
}

gd_status gd_train_log_look(gd_train_log *log, const char *output, gd_error *err)
{
    gd_status rc;

    *log = (gd_train_log){ .file = { { .fd = -1 }, { .fd = -1 } } };
    rc = open_file(&log->file[GD_LOG_STEPS], output, "log.jsonl", O_RDONLY, err);
    return rc ? rc : open_file(&log->file[GD_LOG_TIMES], output, "times.jsonl", O_RDONLY, err);
}

gd_status gd_train_log_open(gd_train_log *log, const char *output, gd_error *err)
{
    gd_status rc;

    *log = (gd_train_log){ .file = { { .fd = -1 }, { .fd = -1 } } };
    rc = open_file(&log->file[GD_LOG_STEPS], output, "log.jsonl", O_RDWR | O_CREAT, err);
    if (!rc)
        rc = check_log(log, err);
    return rc ? rc : open_file(&log->file[GD_LOG_TIMES], output, "times.jsonl", O_RDWR | O_CREAT, err);
}

/* ---- writing ---- */

void gd_log_number(gd_buf *line, const char *name, double value)
{
    gd_buf_str(line, line->len ? "," : "{");
    gd_buf_json_string(line, name, strlen(name));
    gd_buf_str(line, ":");
    if (isfinite(value))
        gd_buf_json_double(line, value);
    else
        gd_buf_str(line, "null");
}

gd_status gd_train_log_add(gd_train_log *log, int which, const gd_buf *line, gd_error *err)
{
    gd_log_file *file = &log->file[which];
    gd_buf whole = { 0 };
    gd_status rc = GD_OK;

    gd_buf_bytes(&whole, line->data, line->len);
    gd_buf_str(&whole, "\n");
    if (line->failed || whole.failed)
        rc = gd_fail_memory(err, line->len);
    else
        errno = gd_write_all(file->fd, whole.data, whole.len);
    if (!rc && errno) {
        rc = failed(file, err);
        (void)cut(file, file->bytes, NULL); /* no half of a line stays */
    }
    if (!rc)
        rc = keep_line(file, line->data, line->len, err);
    if (!rc) {
        file->bytes += whole.len;
        add_digest(file, whole.data, whole.len);
    }
    gd_buf_free(&whole);
    return rc;
}

gd_status gd_train_log_end(gd_train_log *log, int which, gd_buf *line, gd_status rc, gd_error *err)
{
    gd_buf_str(line, "}");
    if (!rc)
        rc = gd_train_log_add(log, which, line, err);
    gd_buf_free(line);
    return rc;
}

gd_status gd_train_log_sync(const gd_train_log *log, gd_error *err)
{
    for (int i = 0; i < GD_LOG_FILES; i++)
        if (fsync(log->file[i].fd) < 0 && errno != EINVAL)
            return failed(&log->file[i], err);
    return GD_OK;
}

void gd_train_log_close(gd_train_log *log)
{
    for (int i = 0; i < GD_LOG_FILES; i++) {
        if (log->file[i].fd >= 0)
            (void)close(log->file[i].fd);
        json_decref(log->file[i].lines);
        gd_free(log->file[i].path);
    }
    *log = (gd_train_log){ .file = { { .fd = -1 }, { .fd = -1 } } };
}
