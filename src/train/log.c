/* log.c - the logs of a run. */
#include "train/log.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/replace.h"

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

gd_status gd_train_log_open(gd_train_log *log, const char *output, gd_error *err)
{
    static const char *const names[GD_LOG_FILES] = { "log.jsonl", "times.jsonl" };

    *log = (gd_train_log){ .file = { { .fd = -1 }, { .fd = -1 } } };
    for (int i = 0; i < GD_LOG_FILES; i++) {
        gd_log_file *file = &log->file[i];

        file->path = gd_path_join(output, names[i]);
        file->lines = json_array();
        if (!file->path || !file->lines)
            return gd_fail_memory(err, strlen(output));
        file->fd = open(file->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (file->fd < 0)
            return failed(file, err);
    }
    return GD_OK;
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

    for (int i = 0; !rc && i < GD_LOG_FILES; i++)
        rc = cut(&log->file[i], 0, err);
    return rc;
}

/* ---- reading ---- */

static gd_status read_start(const gd_log_file *file, size_t bytes, char **text, gd_error *err)
{
    size_t done = 0;

    *text = gd_alloc(bytes + 1, 1);
    if (!*text)
        return gd_fail_memory(err, bytes);
    while (done < bytes) {
        const ssize_t n = pread(file->fd, *text + done, bytes - done, (off_t)done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return failed(file, err);
        if (n == 0)
            break;
        done += (size_t)n;
    }
    (*text)[done] = '\0';
    if (done == bytes && (bytes == 0 || (*text)[bytes - 1] == '\n'))
        return GD_OK;
    return gd_fail(err, GD_EFORMAT, "%s: it has %zu bytes, but at least %zu in whole lines are expected", file->path,
                   done, bytes);
}

static gd_status keep_line(gd_log_file *file, const char *line, size_t len, gd_error *err)
{
    json_t *value;
    const gd_status rc = gd_json_parse(&value, line, len, file->path, err);

    if (rc)
        return rc;
    return json_array_append_new(file->lines, value) ? gd_fail_memory(err, len) : GD_OK;
}

static gd_status read_lines(gd_log_file *file, uint64_t bytes, gd_error *err)
{
    char *text = NULL;
    gd_status rc = bytes > MOST_BYTES ? gd_fail_memory(err, MOST_BYTES) : read_start(file, (size_t)bytes, &text, err);

    for (char *line = text; !rc && line < text + bytes;) {
        const char *end = memchr(line, '\n', (size_t)(text + bytes - line));

        rc = keep_line(file, line, (size_t)(end - line), err);
        line += end - line + 1;
    }
    gd_free(text);
    return rc;
}

gd_status gd_train_log_continue(gd_train_log *log, const uint64_t bytes[GD_LOG_FILES], gd_error *err)
{
    gd_status rc = GD_OK;

    for (int i = 0; !rc && i < GD_LOG_FILES; i++) {
        rc = read_lines(&log->file[i], bytes[i], err);
        if (!rc)
            rc = cut(&log->file[i], bytes[i], err);
    }
    return rc;
}

gd_status gd_train_log_run(json_t **run, const gd_train_log *log, gd_error *err)
{
    const gd_log_file *file = &log->file[GD_LOG_STEPS];
    struct stat sb;
    char *text = NULL, *end;
    json_t *line = NULL;
    gd_status rc;

    *run = NULL;
    if (fstat(file->fd, &sb) < 0)
        return failed(file, err);
    rc = (uint64_t)sb.st_size > MOST_BYTES ? gd_fail_memory(err, MOST_BYTES)
                                           : read_start(file, (size_t)sb.st_size, &text, NULL);
    end = text ? strchr(text, '\n') : NULL;
    if (end && rc != GD_ENOMEM) {
        if (!gd_json_parse(&line, text, (size_t)(end - text), file->path, NULL))
            *run = json_incref(json_object_get(line, "run"));
        json_decref(line);
    }
    gd_free(text);
    return rc == GD_ENOMEM ? gd_fail_memory(err, (size_t)sb.st_size) : rc == GD_EIO ? failed(file, err) : GD_OK;
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
    if (!rc)
        file->bytes += whole.len;
    gd_buf_free(&whole);
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
