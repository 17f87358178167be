/* verdict.c - compares two traces. */
#include "cross/verdict.h"

#include "base/error.h"
#include "base/mem.h"

#include <math.h>
#include <string.h>

size_t gd_sides_text(const gd_sides *sides, size_t step, uint32_t line)
{
    return gd_trace_pooled(sides->plan, step) ? line : sides->texts->owner[line];
}

size_t gd_sides_token(const gd_sides *sides, size_t step, uint32_t line)
{
    const gd_trie *trie = &sides->texts->trie;

    return trie->position[gd_trace_pooled(sides->plan, step) ? trie->pooled[line] : line];
}

/* ---- bits ---- */

/* An output that never reached memory on one of the sides is not compared. */
static size_t find_step(const gd_trace *left, const gd_trace *right)
{
    size_t s = 0;

    while (s < left->steps &&
           !(left->step[s].seen && right->step[s].seen && left->step[s].digest != right->step[s].digest))
        s++;
    return s;
}

/* The first line that differs, and how many do. A line's digest is short: one line in 65,536 may look equal. */
static void find_lines(gd_first *first, const gd_trace *left, const gd_trace *right)
{
    const size_t from = left->lines_at[first->step], end = left->lines_at[first->step + 1];

    first->line = UINT32_MAX;
    for (size_t i = from; i < end; i++) {
        if (left->lines[i] == right->lines[i])
            continue;
        if (first->lines++ == 0)
            first->line = (uint32_t)(i - from);
    }
}

static void find_columns(gd_first *first, const gd_trace *left, const gd_trace *right, size_t cols)
{
    const uint32_t *a = left->bins + first->step * GD_TRACE_BINS, *b = right->bins + first->step * GD_TRACE_BINS;
    size_t c = 0, last;

    while (c + 1 < cols && a[gd_trace_bin(c, cols)] == b[gd_trace_bin(c, cols)])
        c++;
    last = c;
    while (last + 1 < cols && gd_trace_bin(last + 1, cols) == gd_trace_bin(c, cols))
        last++;
    first->column = (uint32_t)c;
    first->last_column = (uint32_t)last;
}

/* The values of the first difference, if they are in the sample. */
static void find_values(gd_first *first, const gd_sides *sides, size_t cols)
{
    const bool pooled = gd_trace_pooled(sides->plan, first->step);
    const size_t at = gd_trace_sampled(&sides->left->sample[pooled], first->line);
    const size_t begin = (first->step * GD_TRACE_SAMPLE + at) * GD_TRACE_COLUMNS;

    for (size_t c = 0; at < GD_TRACE_SAMPLE && c < gd_trace_columns(cols); c++) {
        const float a = sides->left->values[begin + c], b = sides->right->values[begin + c];

        if (!memcmp(&a, &b, sizeof a))
            continue;
        first->column = first->last_column = (uint32_t)gd_trace_column(c, cols);
        first->left = (double)a;
        first->right = (double)b;
        return;
    }
}

static void compare_bits(gd_sides *sides)
{
    gd_first *first = &sides->first;
    const size_t step = find_step(sides->left, sides->right);
    size_t cols;

    if (step == sides->left->steps)
        return;
    cols = sides->plan->buffers[sides->plan->steps[step].out].cols;
    first->found = true;
    first->step = step;
    find_lines(first, sides->left, sides->right);
    find_columns(first, sides->left, sides->right, cols);
    if (first->line != UINT32_MAX)
        find_values(first, sides, cols);
}

/* ---- bounds ---- */

/* A step of a side that is further from float64 than its arithmetic explains. */
static void find_beyond(gd_sides *sides)
{
    const gd_trace *both[] = { sides->left, sides->right };
    static const char *const names[] = { "left", "right" };

    for (size_t s = 0; s < sides->left->steps && !sides->first.found; s++)
        for (size_t i = 0; i < 2 && !sides->first.found; i++) {
            const gd_trace_worst *worst = &both[i]->step[s].worst;
            gd_first *first = &sides->first;

            if (worst->ratio <= 1)
                continue;
            first->found = true;
            first->step = s;
            first->line = worst->line;
            first->column = first->last_column = worst->column;
            *(i == 0 ? &first->left : &first->right) = worst->value;
            first->truth = worst->truth;
            first->bound = worst->bound;
            first->side = names[i];
        }
}

/* ---- drift ---- */

/* The root mean square of right - left, divided by that of left; infinite if only one of them is no number. */
static double drift_between(const float *left, const float *right, size_t count)
{
    double difference = 0, size = 0;

    for (size_t i = 0; i < count; i++) {
        const double a = (double)left[i], b = (double)right[i];

        if (isnan(a) != isnan(b) || (isinf(a) && a != b))
            return (double)INFINITY;
        if (!isfinite(a))
            continue;
        difference += (b - a) * (b - a);
        size += a * a;
    }
    return difference == 0 ? 0 : sqrt(difference / size);
}

static double drift_of(const gd_sides *sides, size_t step)
{
    const size_t count = GD_TRACE_SAMPLE * GD_TRACE_COLUMNS;

    return drift_between(sides->left->values + step * count, sides->right->values + step * count, count);
}

/* The input of the head: of its first matrix, if it has several. */
static unsigned head_input(const gd_plan *plan)
{
    size_t step = 0;

    while (plan->steps[step].op != GD_OP_head)
        step++;
    return plan->steps[step].in[0];
}

/* The step after which the stage's result is there: the residual stream, or the head's input. */
static size_t result_step(const gd_plan *plan, const gd_plan_stage *stage)
{
    const unsigned wanted = stage->pooled ? head_input(plan) : plan->carry;
    size_t step = SIZE_MAX;

    for (size_t s = stage->first_step; s < stage->first_step + stage->step_count; s++)
        if (plan->steps[s].out == wanted)
            step = s;
    return step;
}

/* Rounding to the operands' type, as a fraction of a value; with operands of fp32, the error of a dot product. */
static double unit_of(const gd_trace *trace) { return strcmp(trace->side.precision, "bf16") ? 0x1p-20 : 0x1p-9; }

/* doc/arithmetic.md, "How far two sides may drift apart". */
enum { DRIFT_FACTOR = 4, SCORE_FACTOR = 8 };

static double coarser_unit(const gd_sides *sides)
{
    const double a = unit_of(sides->left), b = unit_of(sides->right);

    return a > b ? a : b;
}

/* Whether a step reads the buffer as an operand of products, to which it is rounded. */
static bool is_operand(const gd_plan *plan, unsigned buffer)
{
    for (size_t s = 0; s < plan->step_count; s++)
        for (unsigned i = 0; i < plan->steps[s].in_count; i++)
            if (plan->steps[s].in[i] == buffer && (gd_op_table[plan->steps[s].op].operands & GD_IN(i)))
                return true;
    return false;
}

/* The weights are rounded once, too. */
static double limit_of(const gd_sides *sides, size_t step)
{
    const gd_plan *plan = sides->plan;
    size_t rounded = 1;

    for (size_t s = 0; s <= step; s++)
        rounded += is_operand(plan, plan->steps[s].out);
    return DRIFT_FACTOR * coarser_unit(sides) * sqrt((double)rounded);
}

static void compare_stages(gd_sides *sides)
{
    gd_first *first = &sides->first;

    for (size_t i = 0; i < sides->plan->stage_count; i++) {
        const size_t step = result_step(sides->plan, &sides->plan->stages[i]);

        sides->drift[i] = step == SIZE_MAX ? (double)NAN : drift_of(sides, step);
        sides->limit[i] = step == SIZE_MAX ? (double)NAN : limit_of(sides, step);
        if (step == SIZE_MAX || first->found || sides->same_contract || sides->drift[i] <= sides->limit[i])
            continue;
        first->found = true;
        first->step = step;
        first->line = UINT32_MAX;
        first->drift = sides->drift[i];
        first->bound = sides->limit[i];
    }
}

/* ---- scores ---- */

static bool is_beyond(const gd_sides *sides, size_t text)
{
    const double a = (double)sides->left->scores[text], b = (double)sides->right->scores[text];

    return !(fabs(a - b) <= sides->score_limit[text]) && !(isnan(a) && isnan(b));
}

static void add_beyond(gd_sides *sides, size_t text)
{
    gd_first *first = &sides->first;

    sides->beyond++;
    if (first->found)
        return;
    first->found = first->scores = true;
    first->step = sides->plan->step_count - 1;
    first->line = (uint32_t)text;
    first->left = (double)sides->left->scores[text];
    first->right = (double)sides->right->scores[text];
    first->bound = sides->score_limit[text];
}

static void compare_scores(gd_sides *sides)
{
    const double unit = coarser_unit(sides);

    for (size_t t = 0; t < sides->texts->count; t++) {
        const double reach = fmax((double)sides->left->reach[t], (double)sides->right->reach[t]);
        const double drift = drift_between(sides->left->inputs + t * GD_TRACE_COLUMNS,
                                           sides->right->inputs + t * GD_TRACE_COLUMNS, GD_TRACE_COLUMNS);

        sides->score_limit[t] = SCORE_FACTOR * (drift > unit ? drift : unit) * reach;
        sides->identical += !memcmp(&sides->left->scores[t], &sides->right->scores[t], sizeof(float));
        if (is_beyond(sides, t))
            add_beyond(sides, t);
    }
}

static int sign(float margin) { return (margin > 0) - (margin < 0); }

static void compare_pairs(gd_sides *sides)
{
    const float *left = sides->left->scores, *right = sides->right->scores;

    for (size_t t = 0; t + 1 < sides->texts->count; t++) {
        const gd_cross_text *about = &sides->texts->about[t];
        const float a = left[t] - left[t + 1], b = right[t] - right[t + 1];

        if (!about->of_pair || about->which != 0)
            continue;
        sides->pairs++;
        if (sign(a) == sign(b))
            continue;
        sides->flips++;
        if (!(fabs((double)a - (double)b) <= sides->score_limit[t] + sides->score_limit[t + 1]))
            sides->flips_beyond++;
    }
}

/* ---- the verdict ---- */

static gd_status check_traces(const gd_trace *left, const gd_trace *right, gd_error *err)
{
    if (left->plan_digest != right->plan_digest || left->steps != right->steps || left->rows != right->rows ||
        left->texts != right->texts || left->texts_digest != right->texts_digest)
        return gd_fail(err, GD_EFORMAT,
                       "the two sides have other steps or other texts: %zu steps, %zu rows and %zu texts on the left, "
                       "%zu, %zu and %zu on the right",
                       left->steps, left->rows, left->texts, right->steps, right->rows, right->texts);
    return GD_OK;
}

static gd_verdict judge(const gd_sides *sides, bool equal)
{
    if (sides->same_contract && !equal)
        return GD_VERDICT_DIFFERENT;
    if (equal)
        return GD_VERDICT_EQUAL;
    return sides->first.found || sides->beyond || sides->flips_beyond ? GD_VERDICT_BEYOND : GD_VERDICT_WITHIN;
}

static const gd_first nothing = { .left = NAN, .right = NAN, .truth = NAN, .bound = NAN, .drift = NAN };

gd_status gd_sides_compare(gd_sides *sides, const gd_plan *plan, const gd_cross_texts *texts, const gd_trace *left,
                           const gd_trace *right, gd_error *err)
{
    const bool equal = left->plan_digest == right->plan_digest && find_step(left, right) == left->steps;

    *sides = (gd_sides){ .plan = plan, .texts = texts, .left = left, .right = right };
    sides->first = nothing;
    if (check_traces(left, right, err))
        return GD_EFORMAT;
    sides->drift = gd_alloc(plan->stage_count, sizeof *sides->drift);
    sides->limit = gd_alloc(plan->stage_count, sizeof *sides->limit);
    sides->score_limit = gd_alloc(texts->count, sizeof *sides->score_limit);
    if (!sides->drift || !sides->limit || !sides->score_limit) {
        gd_sides_free(sides);
        return gd_fail_memory(err, texts->count * sizeof *sides->score_limit);
    }
    sides->same_contract = !strcmp(left->side.contract, right->side.contract);
    sides->same_weights = !strcmp(left->side.weights, right->side.weights);
    if (sides->same_contract)
        compare_bits(sides);
    if (!sides->first.found)
        find_beyond(sides);
    compare_stages(sides);
    compare_scores(sides);
    compare_pairs(sides);
    sides->verdict = judge(sides, equal && sides->identical == texts->count);
    return GD_OK;
}

void gd_sides_free(gd_sides *sides)
{
    gd_free(sides->drift);
    gd_free(sides->limit);
    gd_free(sides->score_limit);
    *sides = (gd_sides){ 0 };
}
