/* closer.c - runs the text of the first difference again, by itself, on both sides.
 *
 * Its values and the true ones are known then, and whether the text differs only in company. */
#include "cross/closer.h"

#include "base/error.h"
#include "base/mem.h"

#include <math.h>
#include <string.h>

/* Runs the text alone on one side; *values are what the step computed of the line. */
static gd_status capture(const gd_side *side, gd_cross_texts *one, gd_capture *captured, gd_error *err)
{
    gd_trace trace = { 0 };
    const gd_side_run again = { .side = side, .texts = one, .trace = &trace, .capture = captured };
    const gd_status rc = gd_side_trace(&again, err);

    gd_trace_free(&trace);
    return rc;
}

static bool open_capture(gd_capture *captured, size_t step, uint32_t line, size_t cols)
{
    *captured = (gd_capture){ .wanted = true, .step = step, .line = line };
    captured->values = gd_alloc_zero(cols, sizeof *captured->values);
    captured->truth.value = gd_alloc_zero(cols, sizeof *captured->truth.value);
    captured->truth.bound = gd_alloc_zero(cols, sizeof *captured->truth.bound);
    return captured->values && captured->truth.value && captured->truth.bound;
}

static void close_capture(gd_capture *captured)
{
    gd_free(captured->values);
    gd_free(captured->truth.value);
    gd_free(captured->truth.bound);
}

/* The first column that differs, with its true value; and whether a side is beyond its bound there. */
static void take_values(gd_first *first, const gd_capture *left, const gd_capture *right, size_t cols)
{
    size_t c = 0;

    while (c < cols && !memcmp(&left->values[c], &right->values[c], sizeof(float)))
        c++;
    first->alone = c < cols ? "yes" : "no";
    if (c == cols)
        return;
    first->column = first->last_column = (uint32_t)c;
    first->left = (double)left->values[c];
    first->right = (double)right->values[c];
    first->truth = left->truth.value[c];
    first->bound = left->truth.bound[c];
    if (!(fabs(first->left - first->truth) <= left->truth.bound[c]))
        first->side = "left";
    else if (!(fabs(first->right - right->truth.value[c]) <= right->truth.bound[c]))
        first->side = "right";
}

/* The left side comes from elsewhere: only whether this one is beyond its bound can be told. */
static void take_right(gd_first *first, const gd_capture *right)
{
    for (uint32_t c = first->column; c <= first->last_column && !first->side; c++) {
        const double value = (double)right->values[c];
        const bool beyond = !(fabs(value - right->truth.value[c]) <= right->truth.bound[c]);

        if (!beyond && first->column != first->last_column)
            continue;
        first->column = first->last_column = c;
        first->right = value;
        first->truth = right->truth.value[c];
        first->bound = right->truth.bound[c];
        first->side = beyond ? "right" : NULL;
    }
}

/* By itself, the text has the rows of its tokens, in their order, and the step its one line or all of them. */
static uint32_t line_alone(const gd_sides *sides)
{
    const gd_first *first = &sides->first;

    return gd_trace_pooled(sides->plan, first->step) ? 0 : (uint32_t)gd_sides_token(sides, first->step, first->line);
}

static gd_status run_again(gd_sides *sides, gd_cross_texts *one, const gd_side *left_side, const gd_side *right_side,
                           gd_error *err)
{
    gd_first *first = &sides->first;
    const size_t cols = sides->plan->buffers[sides->plan->steps[first->step].out].cols;
    const uint32_t line = line_alone(sides);
    gd_capture left = { 0 }, right = { 0 };
    gd_status rc = GD_OK;

    if (!open_capture(&left, first->step, line, cols) || !open_capture(&right, first->step, line, cols))
        rc = gd_fail_memory(err, cols * sizeof(double));
    if (!rc && left_side)
        rc = capture(left_side, one, &left, err);
    if (!rc)
        rc = capture(right_side, one, &right, err);
    if (!rc && left_side)
        take_values(first, &left, &right, cols);
    else if (!rc)
        take_right(first, &right);
    close_capture(&left);
    close_capture(&right);
    return rc;
}

gd_status gd_look_closer(gd_sides *sides, const gd_side *left, const gd_side *right, gd_error *err)
{
    const gd_first *first = &sides->first;
    gd_cross_texts one = { 0 };
    gd_status rc;

    if (first->line == UINT32_MAX)
        return GD_OK;
    rc = gd_cross_texts_one(&one, sides->texts, gd_sides_text(sides, first->step, first->line), err);
    if (!rc)
        rc = run_again(sides, &one, left, right, err);
    gd_cross_texts_free(&one);
    return rc;
}
