/* trace_file.c - writes and reads traces. */
#include "cross/trace_file.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/replace.h"
#include "base/sha256.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { HEADER_MOST = 64 << 10 };
static const size_t MOST_BYTES = (size_t)1 << 30;

/* ---- arrays: one list for both directions ---- */

struct array {
    void *data;
    size_t size, count; /* of an element in bytes, of elements */
};

enum { ARRAYS = 7 };

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
    arrays->list[5] = (struct array){ trace->scores, sizeof *trace->scores, trace->texts };
    arrays->list[6] = (struct array){ trace->reach, sizeof *trace->reach, trace->texts };
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

enum { SIDE_TEXTS = 8 };

static const char *const side_keys[SIDE_TEXTS] = { "name",      "backend", "numerics", "isa",
                                                   "precision", "model",   "adapter",  "contract" };

static void put_header(gd_buf *out, const gd_trace *trace)
{
    const gd_trace_side *side = &trace->side;
    const char *const texts[SIDE_TEXTS] = { side->name,      side->backend, side->numerics, side->isa,
                                            side->precision, side->model,   side->adapter,  side->contract };

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

gd_status gd_trace_save(const gd_trace *trace, const char *path, gd_error *err)
{
    char hex[GD_SHA256_DIGITS + 1];
    struct arrays arrays = { 0 };
    gd_buf out = { 0 };
    gd_status rc = open_arrays(&arrays, trace, err);

    if (!rc) {
        gather_steps(&arrays, trace);
        put_header(&out, trace);
        for (size_t i = 0; i < ARRAYS; i++)
            gd_buf_bytes(&out, arrays.list[i].data, arrays.list[i].size * arrays.list[i].count);
        rc = out.failed ? gd_fail_memory(err, out.len) : GD_OK;
    }
    if (!rc) {
        gd_sha256(out.data, out.len, hex);
        gd_buf_bytes(&out, hex, GD_SHA256_DIGITS);
        rc = out.failed ? gd_fail_memory(err, GD_SHA256_DIGITS) : gd_file_replace(path, out.data, out.len, err);
    }
    gd_buf_free(&out);
    close_arrays(&arrays);
    return rc;
}

/* ---- reading ---- */

static gd_status check_whole(const char *data, size_t len, const char *path, gd_error *err)
{
    char hex[GD_SHA256_DIGITS + 1];

    if (len >= GD_SHA256_DIGITS)
        gd_sha256(data, len - GD_SHA256_DIGITS, hex);
    if (len < GD_SHA256_DIGITS || memcmp(hex, data + len - GD_SHA256_DIGITS, GD_SHA256_DIGITS))
        return gd_fail(err, GD_EFORMAT,
                       "%s: the digest at its end is not that of its contents: the file is damaged, cut short, or no "
                       "side that crosscheck --save wrote",
                       path);
    return GD_OK;
}

static gd_status read_side(gd_trace_side *side, const json_t *root, const char *path, gd_error *err)
{
    char **const to[SIDE_TEXTS] = { &side->name,      &side->backend, &side->numerics, &side->isa,
                                    &side->precision, &side->model,   &side->adapter,  &side->contract };
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

static gd_status check_steps(const gd_trace *trace, const gd_plan *plan, const char *path, gd_error *err)
{
    for (size_t s = 0; s < trace->steps; s++) {
        const gd_trace_worst *w = &trace->step[s].worst;
        const size_t lines = trace->lines_at[s + 1] - trace->lines_at[s];

        if (w->line >= lines || w->column >= plan->buffers[plan->steps[s].out].cols)
            return gd_fail(err, GD_EFORMAT, "%s: step %zu has its worst value in line %u, column %u, which don't exist",
                           path, s, w->line, w->column);
    }
    return GD_OK;
}

static gd_status read_arrays(gd_trace *trace, const gd_plan *plan, const char *data, size_t len, const char *path,
                             gd_error *err)
{
    struct arrays arrays = { 0 };
    size_t need = 0;
    gd_status rc = open_arrays(&arrays, trace, err);

    for (size_t i = 0; !rc && i < ARRAYS; i++)
        need += arrays.list[i].size * arrays.list[i].count;
    if (!rc && need != len)
        rc = gd_fail(err, GD_EFORMAT, "%s: there are %zu bytes after the first line, but %zu are expected", path, len,
                     need);
    for (size_t i = 0; !rc && i < ARRAYS; i++) {
        const size_t bytes = arrays.list[i].size * arrays.list[i].count;

        memcpy(arrays.list[i].data, data, bytes);
        data += bytes;
    }
    if (!rc) {
        spread_steps(trace, &arrays);
        rc = check_steps(trace, plan, path, err);
    }
    close_arrays(&arrays);
    return rc;
}

static gd_status read_trace(gd_trace *trace, const gd_plan *plan, const char *data, size_t len, const char *path,
                            gd_error *err)
{
    const char *end = memchr(data, '\n', len < HEADER_MOST ? len : HEADER_MOST);
    const size_t header = end ? (size_t)(end - data) : 0;
    gd_status rc = check_whole(data, len, path, err);

    if (!rc && !end)
        return gd_fail(err, GD_EFORMAT, "%s: a first line of JSON is expected", path);
    if (!rc)
        rc = read_header(trace, data, header, path, err);
    if (!rc)
        rc = read_arrays(trace, plan, end + 1, len - header - 1 - GD_SHA256_DIGITS, path, err);
    return rc;
}

gd_status gd_trace_load(gd_trace *trace, const gd_plan *plan, const gd_cross_texts *texts, const char *path,
                        gd_error *err)
{
    char *data = NULL;
    size_t len = 0;
    gd_status rc = gd_file_read(&data, &len, path, MOST_BYTES, err);

    if (!rc)
        rc = gd_trace_open(trace, plan, texts, err);
    if (!rc)
        rc = read_trace(trace, plan, data, len, path, err);
    trace->saved = true;
    gd_free(data);
    return rc;
}
