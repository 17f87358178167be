/* trace.c - memory for what one side of a cross-check computed, and names for its steps. */
#include "cross/trace.h"

#include "base/digest.h"
#include "base/error.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

const gd_plan_stage *gd_trace_stage(const gd_plan *plan, size_t step)
{
    const gd_plan_stage *stage = plan->stages;

    while (step >= stage->first_step + stage->step_count)
        stage++;
    return stage;
}

bool gd_trace_pooled(const gd_plan *plan, size_t step) { return gd_trace_stage(plan, step)->pooled; }

/* What tells the step from others of its layer: its weight, or the buffer that it fills. */
void gd_trace_step_name(const gd_plan *plan, size_t step, char name[GD_TRACE_NAME])
{
    const gd_plan_step *s = &plan->steps[step];
    const gd_plan_stage *stage = gd_trace_stage(plan, step);
    const char *what = s->lora ? s->lora : s->w[0].name ? s->w[0].name : plan->buffers[s->out].name;
    const char *op = gd_op_table[s->op].name;

    if (stage->pooled)
        (void)snprintf(name, GD_TRACE_NAME, "last rows: %s %s", op, what);
    else if (stage->layer < 0)
        (void)snprintf(name, GD_TRACE_NAME, "%s %s", op, what);
    else
        (void)snprintf(name, GD_TRACE_NAME, "layer %d: %s %s", stage->layer, op, what);
}

/* Evenly spaced, the last one included: it is the one with the longest path, or of the last text. */
static void choose_sample(gd_trace_sample *sample, size_t lines)
{
    sample->count = lines < GD_TRACE_SAMPLE ? lines : GD_TRACE_SAMPLE;
    for (size_t i = 0; i < sample->count; i++)
        sample->line[i] = (uint32_t)((i + 1) * lines / sample->count - 1);
}

/* Half of them spread over all rows, half of them rows from which scores are read. */
static void choose_rows(gd_trace_sample *sample, const gd_cross_texts *texts)
{
    size_t kept = 0;

    choose_sample(sample, texts->trie.rows);
    for (size_t i = 0; i < sample->count; i += 2)
        sample->line[i] = texts->trie.pooled[texts->order[i * texts->count / sample->count]];
    for (size_t i = 1; i < sample->count; i++) /* few: sorted by insertion */
        for (size_t j = i; j > 0 && sample->line[j - 1] > sample->line[j]; j--) {
            const uint32_t line = sample->line[j];

            sample->line[j] = sample->line[j - 1];
            sample->line[j - 1] = line;
        }
    for (size_t i = 0; i < sample->count; i++)
        if (kept == 0 || sample->line[i] != sample->line[kept - 1])
            sample->line[kept++] = sample->line[i];
    sample->count = kept;
}

static size_t lines_of(const gd_plan *plan, const gd_cross_texts *texts, size_t step)
{
    return gd_trace_pooled(plan, step) ? texts->count : texts->trie.rows;
}

size_t gd_trace_bytes(const gd_plan *plan, const gd_cross_texts *texts)
{
    const size_t step = sizeof(gd_trace_step) + sizeof(size_t) + GD_TRACE_BINS * sizeof(uint32_t) +
                        GD_TRACE_SAMPLE * GD_TRACE_COLUMNS * sizeof(float);
    size_t lines = 0;

    for (size_t s = 0; s < plan->step_count; s++)
        lines += lines_of(plan, texts, s);
    return plan->step_count * step + lines * sizeof(uint16_t) + texts->count * (GD_TRACE_COLUMNS + 2) * sizeof(float);
}

/* Of all that must be the same for steps to be comparable. */
static uint64_t plan_digest(const gd_plan *plan)
{
    uint64_t digest = 0;

    for (size_t s = 0; s < plan->step_count; s++) {
        char name[GD_TRACE_NAME] = { 0 };
        const size_t cols = plan->buffers[plan->steps[s].out].cols;

        gd_trace_step_name(plan, s, name);
        digest = gd_digest(digest, name, strlen(name));
        digest = gd_digest(digest, &cols, sizeof cols);
    }
    return digest;
}

/* Written to now, so that the engine, which is opened next, sees that the memory is taken. */
static void *zeros(size_t count, size_t size)
{
    void *p = gd_alloc(count, size);

    if (p)
        memset(p, 0, count * size);
    return p;
}

gd_status gd_trace_open(gd_trace *trace, const gd_plan *plan, const gd_cross_texts *texts, gd_error *err)
{
    const size_t steps = plan->step_count;
    size_t lines = 0;

    *trace = (gd_trace){ .steps = steps,
                         .rows = texts->trie.rows,
                         .texts = texts->count,
                         .texts_digest = texts->digest,
                         .plan_digest = plan_digest(plan) };
    trace->lines_at = gd_alloc(steps + 1, sizeof *trace->lines_at);
    if (!trace->lines_at)
        return gd_fail_memory(err, steps * sizeof *trace->lines_at);
    for (size_t s = 0; s <= steps; s++) {
        trace->lines_at[s] = lines;
        lines += s < steps ? lines_of(plan, texts, s) : 0;
    }
    trace->step = zeros(steps, sizeof *trace->step);
    trace->lines = zeros(lines, sizeof *trace->lines);
    trace->bins = zeros(steps * GD_TRACE_BINS, sizeof *trace->bins);
    trace->values = zeros(steps * GD_TRACE_SAMPLE * GD_TRACE_COLUMNS, sizeof *trace->values);
    trace->inputs = zeros(texts->count * GD_TRACE_COLUMNS, sizeof *trace->inputs);
    trace->scores = zeros(texts->count, sizeof *trace->scores);
    trace->reach = zeros(texts->count, sizeof *trace->reach);
    if (!trace->step || !trace->lines || !trace->bins || !trace->values || !trace->inputs || !trace->scores ||
        !trace->reach)
        return gd_fail_memory(err, gd_trace_bytes(plan, texts));
    choose_rows(&trace->sample[0], texts);
    choose_sample(&trace->sample[1], texts->count);
    return GD_OK;
}

size_t gd_trace_sampled(const gd_trace_sample *sample, uint32_t line)
{
    size_t i = 0;

    while (i < sample->count && sample->line[i] != line)
        i++;
    return i < sample->count ? i : GD_TRACE_SAMPLE;
}

void gd_trace_free(gd_trace *trace)
{
    gd_trace_side *side = &trace->side;
    char *const texts[] = { side->name,  side->backend, side->numerics, side->isa,    side->precision,
                            side->model, side->adapter, side->contract, side->weights };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        gd_free(texts[i]);
    gd_free(trace->step);
    gd_free(trace->lines);
    gd_free(trace->lines_at);
    gd_free(trace->bins);
    gd_free(trace->values);
    gd_free(trace->inputs);
    gd_free(trace->scores);
    gd_free(trace->reach);
    *trace = (gd_trace){ 0 };
}
