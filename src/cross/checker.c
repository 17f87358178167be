/* checker.c - compares some lines of every step with float64: what its inputs should have given.
 *
 * Inputs are kept before the call, since its output may overwrite them.  Attention's keys and values stay, and are read
 * after it. */
#include "base/error.h"
#include "base/mem.h"
#include "cross/recorder.h"

#include <math.h>
#include <string.h>

enum { LINES = GD_TRACE_SAMPLE + 1 }; /* of a call, at most: those that are checked, and the captured one */

/* One line of a call. */
struct line {
    size_t at;   /* in the tile */
    uint32_t id; /* of all lines */
    bool counts; /* in the trace; else it is only captured */
    void *in[GD_OP_MAX_LINEARS][GD_OP_MAX_IN];
    size_t room[GD_OP_MAX_LINEARS][GD_OP_MAX_IN];
    void *out[GD_OP_MAX_LINEARS]; /* what the call computed */
    size_t out_room[GD_OP_MAX_LINEARS];
    gd_truth truth[GD_OP_MAX_LINEARS];
    bool failed; /* no memory */
};

struct gd_checker {
    gd_recorder *recorder;
    gd_truth_rule rule;
    const gd_watched *seen;
    struct line line[LINES];
    size_t count;
    char *path; /* keys, then values of a row's path */
    size_t path_room;
    const void **keys, **values;
    size_t keys_room, values_room;
};

gd_status gd_checker_open(gd_checker **out, gd_recorder *recorder, gd_error *err)
{
    gd_checker *checker = *out = gd_alloc_zero(1, sizeof *checker);

    if (!checker)
        return gd_fail_memory(err, sizeof *checker);
    checker->recorder = recorder;
    checker->rule.operand = recorder->model->plan->operand;
    checker->rule.arithmetic = recorder->model->arithmetic;
    for (size_t l = 0; l < LINES; l++)
        for (size_t i = 0; i < GD_OP_MAX_LINEARS; i++) {
            gd_truth *truth = &checker->line[l].truth[i];

            truth->value = gd_alloc(recorder->widest, sizeof *truth->value);
            truth->bound = gd_alloc(recorder->widest, sizeof *truth->bound);
            if (!truth->value || !truth->bound)
                return gd_fail_memory(err, recorder->widest * sizeof *truth->value);
        }
    return GD_OK;
}

void gd_checker_close(gd_checker *checker)
{
    if (!checker)
        return;
    for (size_t l = 0; l < LINES; l++)
        for (size_t i = 0; i < GD_OP_MAX_LINEARS; i++) {
            for (size_t k = 0; k < GD_OP_MAX_IN; k++)
                gd_free(checker->line[l].in[i][k]);
            gd_free(checker->line[l].out[i]);
            gd_free(checker->line[l].truth[i].value);
            gd_free(checker->line[l].truth[i].bound);
        }
    gd_free(checker->path);
    gd_free(checker->keys);
    gd_free(checker->values);
    gd_free(checker);
}

/* ---- which lines ---- */

/* Every other line of the sample, and the last. */
static bool is_checked(const gd_trace_sample *sample, uint32_t id)
{
    const size_t i = gd_trace_sampled(sample, id);

    return i < GD_TRACE_SAMPLE && (sample->count - 1 - i) % 2 == 0;
}

static void find_lines(gd_checker *checker, const gd_watched *seen)
{
    const gd_recorder *recorder = checker->recorder;
    const gd_tile *tile = seen->calls->tile;
    const gd_trace_sample *sample = &recorder->trace->sample[tile->pooled];
    const gd_capture *capture = &recorder->capture;
    const bool here = capture->wanted && capture->step >= seen->step && capture->step < seen->step + seen->count;

    checker->count = 0;
    for (size_t at = 0; at < tile->count && checker->count < LINES; at++) {
        const uint32_t id = gd_recorder_line(recorder, seen, at);
        const bool counts = id != UINT32_MAX && is_checked(sample, id);
        struct line *line = &checker->line[checker->count];

        if (!counts && !(here && id == capture->line))
            continue;
        line->at = at;
        line->id = id;
        line->counts = counts;
        line->failed = false;
        checker->count++;
    }
}

/* ---- inputs ---- */

/* The row of a line: its own, or the one that a text is read at. */
static uint32_t row_of(const gd_watched *seen, size_t at)
{
    const gd_tile *tile = seen->calls->tile;

    return tile->pooled ? seen->trie->pooled[tile->first + at] : (uint32_t)(tile->first + at);
}

static gd_status read_line(gd_checker *checker, const gd_tensor *from, size_t at, void **to, size_t *room,
                           gd_error *err)
{
    const size_t bytes = from->stride * gd_dtype_size(from->dtype);

    if (!gd_grow(to, room, bytes, 1))
        return gd_fail_memory(err, bytes);
    return gd_recorder_read(checker->recorder, from, at, 1, *to, err);
}

static gd_status keep_inputs(gd_checker *checker, const gd_watched *seen, struct line *line, size_t i, gd_error *err)
{
    const gd_plan_step *step = &checker->recorder->model->plan->steps[seen->step + i];
    gd_status rc = GD_OK;

    for (unsigned k = 0; !rc && k < step->in_count; k++) {
        const bool whole = gd_op_table[step->op].whole & GD_IN(k);

        if (whole && step->op == GD_OP_attention)
            continue;
        rc = read_line(checker, &seen->calls[i].in[k], whole ? row_of(seen, line->at) : line->at, &line->in[i][k],
                       &line->room[i][k], err);
    }
    return rc;
}

/* The calls whose inputs are in memory. */
static size_t first_calls(const gd_watched *seen) { return seen->gated ? seen->count - 1 : seen->count; }

gd_status gd_checker_before(gd_checker *checker, const gd_watched *seen, gd_error *err)
{
    gd_status rc = GD_OK;

    find_lines(checker, seen);
    for (size_t l = 0; !rc && l < checker->count; l++)
        for (size_t i = 0; !rc && i < first_calls(seen); i++)
            rc = keep_inputs(checker, seen, &checker->line[l], i, err);
    return rc;
}

/* ---- keys and values of a path ---- */

static gd_status read_path(gd_checker *checker, const gd_watched *seen, uint32_t row, gd_error *err)
{
    const gd_tensor *k = &seen->calls->in[1], *v = &seen->calls->in[2];
    const size_t count = (size_t)seen->trie->position[row] + 1;
    const size_t key_bytes = k->stride * gd_dtype_size(k->dtype), value_bytes = v->stride * gd_dtype_size(v->dtype);
    gd_status rc = GD_OK;

    if (!gd_grow((void **)&checker->path, &checker->path_room, count * (key_bytes + value_bytes), 1) ||
        !gd_grow((void **)&checker->keys, &checker->keys_room, count, sizeof *checker->keys) ||
        !gd_grow((void **)&checker->values, &checker->values_room, count, sizeof *checker->values))
        return gd_fail_memory(err, count * (key_bytes + value_bytes));
    for (size_t p = count; !rc && p-- > 0; row = gd_trie_parent(seen->trie, row)) {
        char *key = checker->path + p * (key_bytes + value_bytes), *value = key + key_bytes;

        checker->keys[p] = key;
        checker->values[p] = value;
        rc = gd_recorder_read(checker->recorder, k, row, 1, key, err);
        if (!rc)
            rc = gd_recorder_read(checker->recorder, v, row, 1, value, err);
    }
    return rc;
}

/* ---- float64 ---- */

static gd_truth_line line_of(const gd_checker *checker, const struct line *line, size_t i)
{
    const gd_watched *seen = checker->seen;
    const gd_model *model = checker->recorder->model;
    const gd_plan_step *step = &model->plan->steps[seen->step + i];
    const uint32_t row = row_of(seen, line->at);
    const size_t position = seen->trie->position[row], half = model->plan->head_dim / 2;
    const float *sines, *cosines = gd_engine_rope(model->engine, step->params.table, &sines);
    gd_truth_line one = { .token = seen->trie->token[row],
                          .position = (uint32_t)position,
                          .keys = checker->keys,
                          .values = checker->values,
                          .rope_cos = cosines + position * half,
                          .rope_sin = sines + position * half,
                          .out_dtype = GD_F32, /* the result's rounding is allowed for when it is compared */
                          .out_cols = seen->calls[i].out.cols };

    for (unsigned k = 0; k < step->in_count; k++) {
        one.in[k] = line->in[i][k];
        one.in_dtype[k] = seen->calls[i].in[k].dtype;
        one.in_cols[k] = seen->calls[i].in[k].cols;
    }
    return one;
}

static void compute_line(void *context, size_t index, unsigned worker)
{
    gd_checker *checker = context;
    const gd_watched *seen = checker->seen;
    struct line *line = &checker->line[index];
    gd_truth *truth = line->truth;

    (void)worker;
    for (size_t i = 0; i < first_calls(seen) && !line->failed; i++) {
        const gd_plan_step *step = &checker->recorder->model->plan->steps[seen->step + i];
        const gd_bound *bound = &seen->bound[i];
        const gd_truth_weights weights = { { bound->w[0].view, bound->w[1].view }, bound->lora };
        const gd_truth_line one = line_of(checker, line, i);

        line->failed = !gd_truth_step(&checker->rule, step->op, &step->params, &weights, &one, truth[i]);
    }
    if (seen->gated && !line->failed) {
        const gd_call *last = &seen->calls[seen->count - 1];

        gd_truth_gated(&last->params, last->out.cols, truth[0], truth[1], GD_F32, truth[2]);
    }
}

/* Reading a path needs much memory, so attention goes line by line; other lines are independent. */
static gd_status compute_lines(gd_checker *checker, const gd_watched *seen, gd_error *err)
{
    const gd_model *model = checker->recorder->model;
    gd_status rc = GD_OK;

    checker->seen = seen;
    checker->rule.any_order = model->backend->any_order;
    if (model->plan->steps[seen->step].op != GD_OP_attention)
        gd_engine_spread(model->engine, checker->count, compute_line, checker);
    else
        for (size_t l = 0; !rc && l < checker->count; l++) {
            rc = read_path(checker, seen, row_of(seen, checker->line[l].at), err);
            if (!rc)
                compute_line(checker, l, 0);
        }
    for (size_t l = 0; !rc && l < checker->count; l++)
        rc = checker->line[l].failed ? gd_fail_memory(err, checker->recorder->widest * sizeof(double)) : GD_OK;
    return rc;
}

/* ---- comparing ---- */

/* How far from a value of the type the numbers that are rounded to it may be.  A bound is for fp32, whose rounding it
 * includes. */
static double rounding_of(double value, gd_dtype dtype)
{
    return dtype == GD_F32 || value == 0 || !isfinite(value) ? 0 : ldexp(1, ilogb(value) - 8);
}

/* How much of its bound a value takes, beside the rounding of the result.  Above 1: it is beyond it; infinite where
 * there should be no error. */
static double ratio_of(double value, double truth, double bound, double rounding)
{
    const double error = fabs(value - truth) - rounding;

    if (!(isfinite(value) && isfinite(truth)))
        return isnan(value) == isnan(truth) && (isnan(value) || value == truth) ? 0 : (double)INFINITY;
    return error > 0 ? error / bound : 0;
}

static void compare_line(gd_trace_step *into, const struct line *line, size_t i, const gd_tensor *out)
{
    const gd_truth *truth = &line->truth[i];

    for (size_t c = 0; c < out->cols; c++) {
        const double value = (double)gd_recorded(line->out[i], out->dtype, c), true_value = truth->value[c];
        const double rounding = rounding_of(value, out->dtype);
        const double ratio = ratio_of(value, true_value, truth->bound[c], rounding);

        if (isfinite(value) && isfinite(true_value)) {
            into->error += (value - true_value) * (value - true_value);
            into->size += true_value * true_value;
        }
        if (ratio > into->worst.ratio)
            into->worst = (gd_trace_worst){
                line->id, (uint32_t)c, ratio, value, true_value, truth->bound[c] + rounding
            };
    }
}

static void capture_line(gd_capture *capture, const struct line *line, size_t i, const gd_tensor *out)
{
    for (size_t c = 0; c < out->cols; c++) {
        const double value = (double)gd_recorded(line->out[i], out->dtype, c);

        capture->truth.value[c] = line->truth[i].value[c];
        capture->truth.bound[c] = line->truth[i].bound[c] + rounding_of(value, out->dtype);
    }
}

/* Releases what of the weights was read for it: while weights are streamed, none of them stays in memory. */
static void release_weights(const gd_watched *seen)
{
    for (size_t i = 0; i < seen->count; i++)
        for (size_t w = 0; w < GD_OP_MAX_WEIGHTS; w++) {
            const gd_view *view = seen->bound[i].w[w].view;

            if (view && view->mapped && seen->bound[i].w[w].role == GD_WEIGHT_MATRIX)
                gd_view_release(view, 0, view->bytes);
        }
}

gd_status gd_checker_after(gd_checker *checker, const gd_watched *seen, gd_error *err)
{
    gd_recorder *recorder = checker->recorder;
    gd_status rc = GD_OK;

    if (checker->count == 0)
        return GD_OK;
    for (size_t l = 0; !rc && l < checker->count; l++)
        for (size_t i = seen->gated ? seen->count - 1 : 0; !rc && i < seen->count; i++)
            rc = read_line(checker, &seen->calls[i].out, checker->line[l].at, &checker->line[l].out[i],
                           &checker->line[l].out_room[i], err);
    if (!rc)
        rc = compute_lines(checker, seen, err);
    for (size_t l = 0; !rc && l < checker->count; l++)
        for (size_t i = seen->gated ? seen->count - 1 : 0; i < seen->count; i++) {
            const struct line *line = &checker->line[l];

            if (line->counts)
                compare_line(&recorder->trace->step[seen->step + i], line, i, &seen->calls[i].out);
            if (gd_captures(&recorder->capture, seen->step + i, line->id))
                capture_line(&recorder->capture, line, i, &seen->calls[i].out);
        }
    release_weights(seen);
    return rc;
}
