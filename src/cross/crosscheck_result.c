/* crosscheck_result.c - the JSON of gd_crosscheck(): figures, and a sentence that says what they mean. */
#include "base/error.h"
#include "base/mem.h"
#include "base/result.h"
#include "cross/verdict.h"

#include <math.h>
#include <string.h>

enum { WORST = 20 };

/* ---- the sentence ---- */

/* Where the first difference is: "layer 2: linear ..., item 3 (chosen), token 17 of 40, column 5". */
static void put_place(gd_buf *out, const gd_sides *sides)
{
    const gd_first *first = &sides->first;
    char name[GD_TRACE_NAME];
    const gd_cross_text *about;
    size_t text;

    gd_trace_step_name(sides->plan, first->step, name);
    if (first->scores)
        gd_buf_str(out, "the score of ");
    else
        gd_buf_printf(out, "%s", name);
    if (first->line == UINT32_MAX)
        return;
    text = first->scores ? first->line : gd_sides_text(sides, first->step, first->line);
    about = &sides->texts->about[text];
    gd_buf_printf(out, "%sitem %llu", first->scores ? "" : ", ", (unsigned long long)about->item);
    if (about->of_pair)
        gd_buf_printf(out, " (%s)", about->which ? "rejected" : "chosen");
    else if (about->which)
        gd_buf_printf(out, " (text %zu)", about->which);
    if (about->step)
        gd_buf_printf(out, ", step %zu", about->step);
    if (first->scores)
        return;
    gd_buf_printf(out, ", token %zu of %zu", gd_sides_token(sides, first->step, first->line),
                  sides->texts->ids[text].len);
    if (first->column == first->last_column)
        gd_buf_printf(out, ", column %u", first->column);
    else
        gd_buf_printf(out, ", columns %u to %u", first->column, first->last_column);
}

static void put_beyond(gd_buf *out, const gd_sides *sides)
{
    const gd_first *first = &sides->first;

    if (first->found && first->side)
        gd_buf_printf(out, "The %s side is further from float64 than its arithmetic explains, first in ", first->side);
    else if (first->found)
        gd_buf_str(out, "The sides are further apart than rounding usually explains, first in ");
    else
        gd_buf_printf(out, "%zu pairs change their order beyond what rounding explains", sides->flips_beyond);
    if (first->found)
        put_place(out, sides);
    if (first->found && first->line == UINT32_MAX)
        gd_buf_printf(out, ": a drift of %.3g, with a limit of %.3g", first->drift, first->bound);
    if (first->found && first->side && first->bound > 0)
        gd_buf_printf(out, ": %.9g instead of %.9g, with a bound of %.3g",
                      first->side[0] == 'l' ? first->left : first->right, first->truth, first->bound);
    gd_buf_str(out, ".");
}

static void put_different(gd_buf *out, const gd_sides *sides)
{
    const gd_first *first = &sides->first;

    gd_buf_str(out, "The sides should have the same bits, but differ, first in ");
    put_place(out, sides);
    if (isfinite(first->left) && isfinite(first->right))
        gd_buf_printf(out, ": %.9g on the left, %.9g on the right", first->left, first->right);
    else if (isfinite(first->right))
        gd_buf_printf(out, ": %.9g on the right", first->right);
    if (isfinite(first->truth))
        gd_buf_printf(out, ", %.9g in float64", first->truth);
    if (first->alone)
        gd_buf_printf(out, "; run by itself, that text %s",
                      strcmp(first->alone, "yes") ? "has the same bits on both sides" : "differs, too");
    gd_buf_str(out, ".");
}

static void put_equal(gd_buf *out, const gd_sides *sides)
{
    gd_buf_str(out, "Equal: every step gave the same bits on both sides");
    if (sides->first.found) {
        gd_buf_str(out,
                   "; but both are further from float64 than their arithmetic explains unless a number has overflowed, "
                   "first in ");
        put_place(out, sides);
    }
    gd_buf_str(out, ".");
}

static void put_within(gd_buf *out, const gd_sides *sides)
{
    double most = 0;

    for (size_t t = 0; t < sides->texts->count; t++)
        most = fmax(most, fabs((double)sides->left->scores[t] - (double)sides->right->scores[t]));
    gd_buf_printf(out,
                  "The sides differ by no more than rounding explains: the steps are within their bounds, on the rows "
                  "that were checked, and scores differ by %.3g at most",
                  most);
    if (sides->pairs)
        gd_buf_printf(out, "; %zu of %zu pairs change their order", sides->flips, sides->pairs);
    gd_buf_str(out, ".");
}

static void put_sentence(gd_result *out, const gd_sides *sides)
{
    gd_buf text = { 0 };
    const char *sentence;

    switch (sides->verdict) {
    case GD_VERDICT_EQUAL: put_equal(&text, sides); break;
    case GD_VERDICT_WITHIN: put_within(&text, sides); break;
    case GD_VERDICT_DIFFERENT: put_different(&text, sides); break;
    case GD_VERDICT_BEYOND: put_beyond(&text, sides); break;
    }
    if (!sides->same_weights)
        gd_buf_str(&text, " Their weights are not the same.");
    sentence = gd_buf_cstr(&text);
    out->failed |= !sentence;
    gd_put_text(out, out->root, "sentence", sentence);
    gd_buf_free(&text);
}

/* ---- figures ---- */

static void put_side(gd_result *out, const char *key, const gd_trace *trace)
{
    json_t *side = gd_put_object(out, out->root, key);

    gd_put_text(out, side, "name", trace->side.name);
    gd_put_text(out, side, "backend", trace->side.backend);
    gd_put_text(out, side, "numerics", trace->side.numerics);
    gd_put_text(out, side, "isa", trace->side.isa);
    gd_put_text(out, side, "precision", trace->side.precision);
    gd_put_text(out, side, "model", trace->side.model);
    gd_put_text(out, side, "weights", trace->side.weights);
    gd_put_text(out, side, "adapter", trace->side.adapter[0] ? trace->side.adapter : NULL);
    gd_put(out, side, "saved", json_boolean(trace->saved));
}

static void put_about(gd_result *out, json_t *into, const gd_sides *sides, size_t text)
{
    const gd_cross_text *about = &sides->texts->about[text];

    gd_put_size(out, into, "item", about->item);
    gd_put_size(out, into, "text", about->which);
    if (about->step)
        gd_put_size(out, into, "step", about->step);
}

static void put_first(gd_result *out, const gd_sides *sides)
{
    const gd_first *first = &sides->first;
    char name[GD_TRACE_NAME];
    json_t *into;

    if (!first->found) {
        gd_put_text(out, out->root, "first", NULL);
        return;
    }
    into = gd_put_object(out, out->root, "first");
    gd_trace_step_name(sides->plan, first->step, name);
    gd_put_size(out, into, "step", first->step);
    gd_put_text(out, into, "name", first->scores ? "score" : name);
    gd_put(out, into, "layer", json_integer(gd_trace_stage(sides->plan, first->step)->layer));
    if (first->line != UINT32_MAX) {
        const size_t text = gd_sides_text(sides, first->step, first->line);

        put_about(out, into, sides, text);
        gd_put_size(out, into, "token", gd_sides_token(sides, first->step, first->line));
        gd_put_size(out, into, "tokens", sides->texts->ids[text].len);
    }
    if (first->line != UINT32_MAX && !first->scores) {
        gd_put_size(out, into, "column", first->column);
        gd_put_size(out, into, "last_column", first->last_column);
    }
    if (first->line == UINT32_MAX)
        gd_put_real(out, into, "drift", first->drift);
    gd_put_real(out, into, "left", first->left);
    gd_put_real(out, into, "right", first->right);
    gd_put_real(out, into, "float64", first->truth);
    gd_put_real(out, into, "bound", first->bound);
    gd_put_text(out, into, "side", first->side);
    gd_put_size(out, into, "rows", first->lines);
    gd_put(out, into, "alone", first->alone ? json_boolean(!strcmp(first->alone, "yes")) : json_null());
}

static void put_layers(gd_result *out, const gd_sides *sides)
{
    json_t *list = gd_put_list(out, out->root, "layers");

    for (size_t i = 0; i < sides->plan->stage_count; i++) {
        const gd_plan_stage *stage = &sides->plan->stages[i];
        char name[GD_TRACE_NAME];
        json_t *one;

        if (isnan(sides->drift[i]) && isnan(sides->limit[i]))
            continue;
        (void)snprintf(name, sizeof name,
                       stage->pooled      ? "last rows"
                       : stage->layer < 0 ? "embedding"
                                          : "layer %d",
                       stage->layer);
        one = gd_put_object(out, list, NULL);
        gd_put_text(out, one, "name", name);
        gd_put_real(out, one, "drift", sides->drift[i]);
        gd_put_real(out, one, "limit", sides->limit[i]);
    }
}

static void put_errors(gd_result *out, json_t *into, const char *key, const gd_sides *sides, const gd_trace *trace,
                       gd_op op)
{
    json_t *one = gd_put_object(out, into, key);
    double worst = 0, error = 0, size = 0;

    for (size_t s = 0; s < trace->steps; s++)
        if (sides->plan->steps[s].op == op) {
            worst = fmax(worst, trace->step[s].worst.ratio);
            error += trace->step[s].error;
            size += trace->step[s].size;
        }
    gd_put_real(out, one, "worst", worst);
    gd_put_real(out, one, "error", error == 0 ? 0 : sqrt(error / size));
}

/* Operations whose outputs reach memory. */
static void put_operations(gd_result *out, const gd_sides *sides)
{
    json_t *list = gd_put_list(out, out->root, "operations");

    for (size_t op = 0; op < GD_OP_COUNT; op++) {
        bool there = false;
        json_t *one;

        for (size_t s = 0; s < sides->left->steps; s++)
            there |= sides->plan->steps[s].op == (gd_op)op && sides->left->step[s].seen;
        if (!there)
            continue;
        one = gd_put_object(out, list, NULL);
        gd_put_text(out, one, "op", gd_op_table[op].name);
        put_errors(out, one, "left", sides, sides->left, (gd_op)op);
        put_errors(out, one, "right", sides, sides->right, (gd_op)op);
    }
}

static double difference(const gd_sides *sides, size_t t)
{
    return fabs((double)sides->right->scores[t] - (double)sides->left->scores[t]);
}

static void put_scores(gd_result *out, const gd_sides *sides)
{
    json_t *scores = gd_put_object(out, out->root, "scores"), *pairs = gd_put_object(out, out->root, "pairs");
    double total = 0, most = 0;

    for (size_t t = 0; t < sides->texts->count; t++) {
        total += difference(sides, t);
        most = fmax(most, difference(sides, t));
    }
    gd_put_size(out, scores, "count", sides->texts->count);
    gd_put_size(out, scores, "identical", sides->identical);
    gd_put_real(out, scores, "mean_difference", total / (double)sides->texts->count);
    gd_put_real(out, scores, "largest_difference", most);
    gd_put_size(out, scores, "beyond", sides->beyond);
    gd_put_size(out, pairs, "pairs", sides->pairs);
    gd_put_size(out, pairs, "flips", sides->flips);
    gd_put_size(out, pairs, "beyond", sides->flips_beyond);
}

/* The texts whose scores differ most, the worst first. */
static gd_status put_worst(gd_result *out, const gd_sides *sides, gd_error *err)
{
    const size_t count = sides->texts->count;
    json_t *list = gd_put_list(out, out->root, "worst");
    bool *taken = gd_alloc_zero(count, sizeof *taken);

    if (!taken)
        return gd_fail_memory(err, count);
    for (size_t n = 0; n < WORST; n++) {
        size_t at = count;
        json_t *one;

        for (size_t t = 0; t < count; t++)
            if (!taken[t] && difference(sides, t) > 0 && (at == count || difference(sides, t) > difference(sides, at)))
                at = t;
        if (at == count)
            break;
        taken[at] = true;
        one = gd_put_object(out, list, NULL);
        put_about(out, one, sides, at);
        gd_put_real(out, one, "left", (double)sides->left->scores[at]);
        gd_put_real(out, one, "right", (double)sides->right->scores[at]);
        gd_put_real(out, one, "difference", difference(sides, at));
        gd_put_real(out, one, "limit", sides->score_limit[at]);
        gd_put_text(out, one, "excerpt", sides->texts->about[at].excerpt);
    }
    gd_free(taken);
    return GD_OK;
}

static void put_details(gd_result *out, const gd_sides *sides, const char *input)
{
    json_t *details = gd_put_object(out, out->root, "details"), *list;

    gd_put_text(out, details, "guerdon", GD_VERSION);
    gd_put_text(out, details, "input", input);
    list = gd_put_list(out, details, "failures");
    for (size_t i = 0; i < sides->texts->problems; i++)
        gd_put_text(out, gd_put_object(out, list, NULL), "error", sides->texts->problem[i]);
}

static void put_amounts(gd_result *out, const gd_sides *sides)
{
    gd_put_size(out, out->root, "items", sides->texts->items);
    gd_put_size(out, out->root, "failed", sides->texts->left_out);
    gd_put_size(out, out->root, "texts", sides->texts->count);
    gd_put_size(out, out->root, "rows", sides->texts->trie.rows);
    gd_put_size(out, out->root, "steps", sides->plan->step_count);
}

gd_status gd_sides_result(const gd_sides *sides, const char *input, char **json, gd_error *err)
{
    static const char *const verdicts[] = { "equal", "within", "different", "beyond" };
    gd_result out = { .root = json_object() };
    gd_status rc = GD_OK;

    gd_put_text(&out, out.root, "format", "guerdon-crosscheck/1");
    gd_put_text(&out, out.root, "verdict", sides->right ? verdicts[sides->verdict] : "saved");
    if (sides->right)
        put_sentence(&out, sides);
    else
        gd_put_text(&out, out.root, "sentence", "Saved: the other side can be compared with this one now.");
    put_side(&out, "left", sides->left);
    if (sides->right) {
        put_side(&out, "right", sides->right);
        gd_put(&out, out.root, "same_contract", json_boolean(sides->same_contract));
        gd_put(&out, out.root, "same_weights", json_boolean(sides->same_weights));
    } else {
        gd_put_text(&out, out.root, "right", NULL);
    }
    put_amounts(&out, sides);
    if (sides->right) {
        gd_put_size(&out, out.root, "checked", (sides->left->sample[0].count + 1) / 2);
        put_first(&out, sides);
        put_layers(&out, sides);
        put_operations(&out, sides);
        put_scores(&out, sides);
        rc = put_worst(&out, sides, err);
        put_details(&out, sides, input);
    }
    if (!rc)
        rc = gd_result_text(&out, JSON_COMPACT, json, err);
    json_decref(out.root);
    return rc;
}
