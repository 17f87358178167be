/* trace_file.c - writes and reads traces. */
#include "cross/trace_file.h"

#include "base/digest.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/write.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    HEADER_MOST = 64 << 10,
    PIECE = 64 << 10, /* of the file, for its digest */
    DIGITS = 16       /* of that, at the end */
};

/* ---- arrays: one list for both directions ---- */

struct array {
    void *data;
    size_t size, count; /* of an element in bytes, of elements */
};

enum { ARRAYS = 8 };

/* Numbers of a step, one after the other: structs have gaps. */
enum { STEP_NUMBERS = 6, STEP_WHOLE = 4 };

struct arrays {
    uint64_t *whole; /* [steps][STEP_WHOLE] seen, digest, line, column */
    double *real;    /* [steps][STEP_NUMBERS] error, size; ratio, value, truth, bound */
    struct array list[ARRAYS];
};

static gd_status open_arrays(struct arrays *arrays, const gd_trace *trace, gd_error *err)
{
    const size_t steps = trace->steps;

    arrays->whole = gd_alloc_zero(steps * STEP_WHOLE, sizeof *arrays->whole);
    arrays->real = gd_alloc_zero(steps * STEP_NUMBERS, sizeof *arrays->real);
    if (!arrays->whole || !arrays->real)
        return gd_fail_memory(err, steps * STEP_NUMBERS * sizeof *arrays->real);
    arrays->list[0] = (struct array){ arrays->whole, sizeof *arrays->whole, steps * STEP_WHOLE };
    arrays->list[1] = (struct array){ arrays->real, sizeof *arrays->real, steps * STEP_NUMBERS };
    arrays->list[2] = (struct array){ trace->lines, sizeof *trace->lines, trace->lines_at[steps] };
    arrays->list[3] = (struct array){ trace->bins, sizeof *trace->bins, steps * GD_TRACE_BINS };
    arrays->list[4] = (struct array){ trace->values, sizeof *trace->values,
                                      steps * GD_TRACE_SAMPLE * GD_TRACE_COLUMNS };
    arrays->list[5] = (struct array){ trace->inputs, sizeof *trace->inputs, trace->texts * GD_TRACE_COLUMNS };
    arrays->list[6] = (struct array){ trace->scores, sizeof *trace->scores, trace->texts };
    arrays->list[7] = (struct array){ trace->reach, sizeof *trace->reach, trace->texts };
    return GD_OK;
}

static void close_arrays(struct arrays *arrays)
{
    gd_free(arrays->whole);
    gd_free(arrays->real);
}

static void gather_steps(struct arrays *arrays, const gd_trace *trace)
{
    for (size_t s = 0; s < trace->steps; s++) {
        const gd_trace_step *step = &trace->step[s];
        const gd_trace_worst *w = &step->worst;
        const uint64_t whole[STEP_WHOLE] = { step->seen, step->digest, w->line, w->column };
        const double real[STEP_NUMBERS] = { step->error, step->size, w->ratio, w->value, w->truth, w->bound };

        memcpy(arrays->whole + s * STEP_WHOLE, whole, sizeof whole);
        memcpy(arrays->real + s * STEP_NUMBERS, real, sizeof real);
    }
}

static void spread_steps(gd_trace *trace, const struct arrays *arrays)
{
    for (size_t s = 0; s < trace->steps; s++) {
        const uint64_t *whole = arrays->whole + s * STEP_WHOLE;
        const double *real = arrays->real + s * STEP_NUMBERS;

        trace->step[s] = (gd_trace_step){ .seen = whole[0] != 0,
                                          .digest = whole[1],
                                          .error = real[0],
                                          .size = real[1],
                                          .worst = { (uint32_t)whole[2], (uint32_t)whole[3], real[2], real[3], real[4],
                                                     real[5] } };
    }
}

/* ---- the first line ---- */

enum { SIDE_TEXTS = 9 };

static const char *const side_keys[SIDE_TEXTS] = { "name",  "backend", "numerics", "isa",    "precision",
                                                   "model", "adapter", "contract", "weights" };

static void put_header(gd_buf *out, const gd_trace *trace)
{
    const gd_trace_side *side = &trace->side;
    const char *const texts[SIDE_TEXTS] = { side->name,  side->backend, side->numerics, side->isa,    side->precision,
                                            side->model, side->adapter, side->contract, side->weights };

    gd_buf_str(out, "{\"format\":\"guerdon-trace/1\"");
    for (size_t i = 0; i < SIDE_TEXTS; i++) {
        gd_buf_printf(out, ",\"%s\":", side_keys[i]);
        gd_buf_json_string(out, texts[i], strlen(texts[i]));
    }
    gd_buf_printf(out, ",\"steps\":%zu,\"rows\":%zu,\"texts\":%zu", trace->steps, trace->rows, trace->texts);
    gd_buf_printf(out, ",\"texts_digest\":\"%016" PRIx64 "\",\"plan_digest\":\"%016" PRIx64 "\"}\n",
                  trace->texts_digest, trace->plan_digest);
}

/* ---- writing ---- */

/* Goes to the file in pieces, of which the digest is made. */
struct output {
    int fd, reason; /* the errno of a failure, or 0 */
    uint64_t digest;
    size_t used;
    char room[PIECE];
};

static void flush(struct output *out)
{
    out->digest = gd_digest(out->digest, out->room, out->used);
    if (!out->reason)
        out->reason = gd_write_all(out->fd, out->room, out->used);
    out->used = 0;
}

static void put(struct output *out, const void *data, size_t len)
{
    for (size_t some; len; data = (const char *)data + some, len -= some) {
        some = len < PIECE - out->used ? len : PIECE - out->used;
        memcpy(out->room + out->used, data, some);
        out->used += some;
        if (out->used == PIECE)
            flush(out);
    }
}

static void put_trace(struct output *out, const gd_buf *header, const struct arrays *arrays)
{
    char hex[DIGITS + 1];

    put(out, header->data, header->len);
    for (size_t i = 0; i < ARRAYS; i++)
        put(out, arrays->list[i].data, arrays->list[i].size * arrays->list[i].count);
    flush(out);
    (void)snprintf(hex, sizeof hex, "%016" PRIx64, out->digest);
    if (!out->reason)
        out->reason = gd_write_all(out->fd, hex, DIGITS);
}

/* A part of a file helps nobody; a device or a pipe stays. */
static void remove_part(int fd, const char *path)
{
    struct stat sb;

    if (fstat(fd, &sb) == 0 && S_ISREG(sb.st_mode))
        (void)unlink(path);
}

static gd_status write_file(const gd_buf *header, const struct arrays *arrays, const char *path, gd_error *err)
{
    struct output *out = gd_alloc_zero(1, sizeof *out);
    int reason;

    if (!out)
        return gd_fail_memory(err, sizeof *out);
    out->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (out->fd < 0) {
        reason = errno;
    } else {
        put_trace(out, header, arrays);
        reason = out->reason;
        if (reason)
            remove_part(out->fd, path);
        if (close(out->fd) < 0 && !reason)
            reason = errno;
    }
    gd_free(out);
    return reason ? gd_fail(err, reason == ENOMEM ? GD_ENOMEM : GD_EIO, "%s: %s", path, strerror(reason)) : GD_OK;
}

gd_status gd_trace_save(const gd_trace *trace, const char *path, gd_error *err)
{
    struct arrays arrays = { 0 };
    gd_buf header = { 0 };
    gd_status rc = open_arrays(&arrays, trace, err);

    if (!rc) {
        gather_steps(&arrays, trace);
        put_header(&header, trace);
        rc = header.failed ? gd_fail_memory(err, HEADER_MOST) : write_file(&header, &arrays, path, err);
    }
    gd_buf_free(&header);
    close_arrays(&arrays);
    return rc;
}

/* ---- reading ---- */

/* An open regular file. */
struct input {
    int fd;
    const char *path;
    uint64_t bytes, at;
};

static gd_status read_some(struct input *in, void *to, size_t len, gd_error *err)
{
    for (char *p = to; len;) {
        const ssize_t n = pread(in->fd, p, len, (off_t)in->at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return gd_fail(err, GD_EIO, "%s: %s", in->path, strerror(errno));
        if (n == 0)
            return gd_fail(err, GD_EIO, "%s: the file has become shorter while it was read", in->path);
        p += n;
        len -= (size_t)n;
        in->at += (uint64_t)n;
    }
    return GD_OK;
}

static gd_status open_input(struct input *in, const char *path, gd_error *err)
{
    struct stat sb;

    *in = (struct input){ .fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), .path = path };
    if (in->fd < 0 || fstat(in->fd, &sb) < 0)
        return gd_fail(err, GD_EIO, "%s: %s", path, strerror(errno));
    if (!S_ISREG(sb.st_mode))
        return gd_fail(err, GD_EIO, "%s: this is not a regular file", path);
    in->bytes = (uint64_t)sb.st_size;
    return GD_OK;
}

static gd_status fail_whole(const char *path, gd_error *err)
{
    return gd_fail(err, GD_EFORMAT,
                   "%s: the digest at its end is not that of its contents: the file is damaged, cut short, or no side "
                   "that crosscheck --save wrote",
                   path);
}

/* Reads all of it once, for its digest. */
static gd_status check_whole(struct input *in, gd_error *err)
{
    char there[DIGITS], here[DIGITS + 1], *room;
    uint64_t digest = 0;
    gd_status rc = GD_OK;

    if (in->bytes < DIGITS)
        return fail_whole(in->path, err);
    room = gd_alloc(1, PIECE);
    if (!room)
        return gd_fail_memory(err, PIECE);
    in->bytes -= DIGITS;
    while (!rc && in->at < in->bytes) {
        const size_t some = in->bytes - in->at < PIECE ? (size_t)(in->bytes - in->at) : PIECE;

        rc = read_some(in, room, some, err);
        digest = gd_digest(digest, room, some);
    }
    if (!rc && in->bytes % PIECE == 0)
        digest = gd_digest(digest, room, 0); /* as the last, empty piece */
    gd_free(room);
    if (!rc)
        rc = read_some(in, there, DIGITS, err);
    (void)snprintf(here, sizeof here, "%016" PRIx64, digest);
    in->at = 0;
    return rc || !memcmp(here, there, DIGITS) ? rc : fail_whole(in->path, err);
}

static gd_status read_side(gd_trace_side *side, const json_t *root, const char *path, gd_error *err)
{
    char **const to[SIDE_TEXTS] = { &side->name,  &side->backend, &side->numerics, &side->isa,    &side->precision,
                                    &side->model, &side->adapter, &side->contract, &side->weights };
    gd_status rc = GD_OK;

    for (size_t i = 0; !rc && i < SIDE_TEXTS; i++) {
        const char *text;

        rc = gd_json_string(&text, root, side_keys[i], path, err);
        if (!rc && !(*to[i] = gd_strdup(text)))
            rc = gd_fail_memory(err, strlen(text));
    }
    return rc;
}

static gd_status check_size(const json_t *root, const char *key, size_t here, const char *path, gd_error *err)
{
    int64_t there;
    const gd_status rc = gd_json_int(&there, root, key, 0, INT64_MAX, path, err);

    if (rc || (uint64_t)there == here)
        return rc;
    return gd_fail(err, GD_EFORMAT,
                   "%s: the side that was saved has %lld %s, but here there are %zu: the same model, "
                   "input and flags are expected",
                   path, (long long)there, key, here);
}

static gd_status check_digest(const json_t *root, const char *key, uint64_t here, const char *what, const char *path,
                              gd_error *err)
{
    char hex[17];
    const char *there;
    const gd_status rc = gd_json_string(&there, root, key, path, err);

    (void)snprintf(hex, sizeof hex, "%016" PRIx64, here);
    if (rc || !strcmp(there, hex))
        return rc;
    return gd_fail(err, GD_EFORMAT, "%s: the side that was saved is of other %s: %s is %.20s, but here it is %s", path,
                   what, key, there, hex);
}

static gd_status read_header(gd_trace *trace, const char *data, size_t len, const char *path, gd_error *err)
{
    json_t *root = NULL;
    const char *format;
    gd_status rc = gd_json_parse(&root, data, len, path, err);

    if (!rc)
        rc = gd_json_string(&format, root, "format", path, err);
    if (!rc && strcmp(format, "guerdon-trace/1"))
        rc = gd_fail(err, GD_EFORMAT, "%s: format is \"%.40s\", but \"guerdon-trace/1\" is expected", path, format);
    if (!rc)
        rc = check_size(root, "texts", trace->texts, path, err);
    if (!rc)
        rc = check_size(root, "rows", trace->rows, path, err);
    if (!rc)
        rc = check_digest(root, "texts_digest", trace->texts_digest, "texts", path, err);
    if (!rc)
        rc = check_size(root, "steps", trace->steps, path, err);
    if (!rc)
        rc = check_digest(root, "plan_digest", trace->plan_digest, "steps", path, err);
    if (!rc)
        rc = read_side(&trace->side, root, path, err);
    json_decref(root);
    return rc;
}

/* Outputs of the two linears of a gate need not reach memory; all others do. */
static bool may_be_unseen(const gd_plan *plan, size_t s)
{
    return plan->steps[s].gated || (s > 0 && plan->steps[s - 1].gated);
}

static gd_status check_steps(const struct arrays *arrays, const gd_trace *trace, const gd_plan *plan, const char *path,
                             gd_error *err)
{
    for (size_t s = 0; s < trace->steps; s++) {
        const uint64_t *whole = arrays->whole + s * STEP_WHOLE;
        const size_t lines = trace->lines_at[s + 1] - trace->lines_at[s];
        const size_t cols = plan->buffers[plan->steps[s].out].cols;

        if (whole[0] > 1 || (whole[0] == 0 && !may_be_unseen(plan, s)))
            return gd_fail(err, GD_EFORMAT, "%s: step %zu has no output, but one is expected", path, s);
        if (whole[2] >= lines || whole[3] >= cols)
            return gd_fail(err, GD_EFORMAT,
                           "%s: step %zu has its worst value in line %" PRIu64 ", column %" PRIu64
                           ", which don't exist",
                           path, s, whole[2], whole[3]);
        if (!(arrays->real[s * STEP_NUMBERS + 2] >= 0))
            return gd_fail(err, GD_EFORMAT, "%s: step %zu has an error that is not a number", path, s);
    }
    return GD_OK;
}

static gd_status read_arrays(gd_trace *trace, const gd_plan *plan, struct input *in, gd_error *err)
{
    struct arrays arrays = { 0 };
    const uint64_t left = in->bytes - in->at;
    size_t need = 0;
    gd_status rc = open_arrays(&arrays, trace, err);

    for (size_t i = 0; !rc && i < ARRAYS; i++)
        need += arrays.list[i].size * arrays.list[i].count;
    if (!rc && need != left)
        rc = gd_fail(err, GD_EFORMAT, "%s: there are %" PRIu64 " bytes after the first line, but %zu are expected",
                     in->path, left, need);
    for (size_t i = 0; !rc && i < ARRAYS; i++)
        rc = read_some(in, arrays.list[i].data, arrays.list[i].size * arrays.list[i].count, err);
    if (!rc)
        rc = check_steps(&arrays, trace, plan, in->path, err);
    if (!rc)
        spread_steps(trace, &arrays);
    close_arrays(&arrays);
    return rc;
}

/* The first line; what follows it is read next. */
static gd_status read_line(gd_trace *trace, struct input *in, gd_error *err)
{
    const size_t most = in->bytes < HEADER_MOST ? (size_t)in->bytes : HEADER_MOST;
    char *line = gd_alloc(1, most), *end;
    gd_status rc = line ? read_some(in, line, most, err) : gd_fail_memory(err, most);

    end = rc ? NULL : memchr(line, '\n', most);
    if (!rc && !end)
        rc = gd_fail(err, GD_EFORMAT, "%s: a first line of JSON is expected", in->path);
    if (!rc) {
        in->at = (uint64_t)(end - line) + 1;
        rc = read_header(trace, line, (size_t)(end - line), in->path, err);
    }
    gd_free(line);
    return rc;
}

gd_status gd_trace_load(gd_trace *trace, const gd_plan *plan, const gd_cross_texts *texts, const char *path,
                        gd_error *err)
{
    struct input in;
    gd_status rc = open_input(&in, path, err);

    *trace = (gd_trace){ 0 };
    if (!rc)
        rc = check_whole(&in, err);
    if (!rc)
        rc = gd_trace_open(trace, plan, texts, err);
    if (!rc)
        rc = read_line(trace, &in, err);
    if (!rc)
        rc = read_arrays(trace, plan, &in, err);
    trace->saved = true;
    if (in.fd >= 0)
        (void)close(in.fd);
    return rc;
}
