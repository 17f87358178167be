/* dump.c - a plan as text. */
#include "graph/plan.h"

static void dump_act(const gd_op_params *p, gd_buf *out)
{
    static const char *const names[] = {
        [GD_ACT_SILU] = "silu", [GD_ACT_GELU_TANH] = "gelu_tanh",   [GD_ACT_RELU] = "relu", [GD_ACT_GELU] = "gelu",
        [GD_ACT_SELU] = "selu", [GD_ACT_LEAKY_RELU] = "leaky_relu", [GD_ACT_TANH] = "tanh", [GD_ACT_SIGMOID] = "sigmoid"
    };

    gd_buf_printf(out, " %s", names[p->act]);
    if (p->act == GD_ACT_LEAKY_RELU)
        gd_buf_printf(out, " slope %.9g", (double)p->slope);
}

static void dump_params(const gd_plan_step *step, gd_buf *out)
{
    const gd_op_params *p = &step->params;

    switch (step->op) {
    case GD_OP_embedding: gd_buf_printf(out, " scale %.9g", (double)p->scale); break;
    case GD_OP_rms_norm:
        gd_buf_printf(out, " eps %.9g%s", (double)p->eps, p->unit_offset ? " unit_offset" : "");
        if (p->heads)
            gd_buf_printf(out, " heads %u x %u", p->heads, p->head_dim);
        break;
    case GD_OP_rope:
        gd_buf_printf(out, " heads %u x %u", p->heads, p->head_dim);
        if (p->rotary)
            gd_buf_printf(out, " rotary %u", p->rotary);
        if (p->table)
            gd_buf_printf(out, " table %u", p->table);
        break;
    case GD_OP_attention:
        gd_buf_printf(out, " heads %u/%u x %u scale %.9g softcap %.9g window %u", p->heads, p->kv_heads, p->head_dim,
                      (double)p->scale, (double)p->softcap, p->window);
        break;
    case GD_OP_act: dump_act(p, out); break;
    case GD_OP_softmax: gd_buf_printf(out, " groups %u temperature %.9g", p->groups, (double)p->temperature); break;
    case GD_OP_sum:
    case GD_OP_mean: gd_buf_printf(out, " groups %u", p->groups); break;
    case GD_OP_take:
    case GD_OP_part: gd_buf_printf(out, " from %u every %u", p->from, p->every); break;
    case GD_OP_affine: gd_buf_printf(out, " scale %.9g shift %.9g", (double)p->scale, (double)p->shift); break;
    case GD_OP_gated: gd_buf_str(out, p->act == GD_ACT_SILU ? " silu" : " gelu_tanh"); break;
    default: break;
    }
}

static void dump_step(const gd_plan *plan, const gd_plan_step *step, gd_buf *out)
{
    gd_buf_printf(out, "  %s", gd_op_table[step->op].name);
    for (unsigned i = 0; i < step->in_count; i++)
        gd_buf_printf(out, " %s", plan->buffers[step->in[i]].name);
    gd_buf_printf(out, " -> %s", plan->buffers[step->out].name);
    dump_params(step, out);
    for (unsigned i = 0; i < GD_OP_MAX_WEIGHTS; i++) {
        const gd_plan_weight *w = &step->w[i];

        if (!w->name)
            continue;
        gd_buf_printf(out, " | %s [%zu", w->name, w->shape[0]);
        gd_buf_printf(out, w->rank == 2 ? ", %zu]" : "]", w->shape[1]);
    }
    if (step->lora)
        gd_buf_printf(out, " | lora %s", step->lora);
    if (step->gated || step->linears > 1)
        gd_buf_printf(out, " | with the next %u", step->gated ? 2 : step->linears - 1);
    else if (step->summed)
        gd_buf_str(out, " | with the sum");
    gd_buf_str(out, "\n");
}

static void dump_rope(const gd_rope *rope, size_t table, gd_buf *out)
{
    static const char *const types[] = { "default", "llama3", "linear", "yarn", "longrope", "none" };

    gd_buf_printf(out, "rope ");
    if (table)
        gd_buf_printf(out, "%zu ", table);
    gd_buf_printf(out, "%s theta %.9g", types[rope->type], rope->theta);
    if (rope->type != GD_ROPE_DEFAULT && rope->type != GD_ROPE_NONE)
        gd_buf_printf(out, " factor %.9g low %.9g high %.9g original %.9g", rope->factor, rope->low_freq_factor,
                      rope->high_freq_factor, rope->original_max_position);
    if (rope->growth > 0)
        gd_buf_printf(out, " growth %.9g", rope->growth);
    gd_buf_str(out, "\n");
}

void gd_plan_dump(const gd_plan *plan, gd_buf *out)
{
    static const char *const extents[] = { "batch", "tile", "pooled" };

    gd_buf_printf(out, "graph %s, operands %s\n", plan->graph_name, plan->operand == GD_BF16 ? "bf16" : "f32");
    gd_buf_printf(out, "hidden %zu layers %zu vocab %zu heads %zu kv_heads %zu head_dim %zu ffn %zu max_position %zu\n",
                  plan->hidden, plan->layers, plan->vocab, plan->heads, plan->kv_heads, plan->head_dim, plan->ffn,
                  plan->max_position);
    for (size_t i = 0; i < plan->rope_count; i++)
        dump_rope(&plan->ropes[i], i, out);
    gd_buf_printf(out, "bytes a line: batch %zu tile %zu pooled %zu\n", plan->line_bytes[GD_EXTENT_BATCH],
                  plan->line_bytes[GD_EXTENT_TILE], plan->line_bytes[GD_EXTENT_POOLED]);
    for (size_t i = 0; i < plan->buffer_count; i++) {
        const gd_plan_buffer *b = &plan->buffers[i];

        gd_buf_printf(out, "  %s %s %s[%zu] at %zu%s\n", extents[b->extent], b->name,
                      b->dtype == GD_BF16 ? "bf16" : "f32", b->cols, b->offset, i == plan->score ? ", the scores" : "");
    }
    for (size_t s = 0; s < plan->stage_count; s++) {
        const gd_plan_stage *stage = &plan->stages[s];

        gd_buf_printf(out, "stage %zu, layer %d, over %s\n", s, stage->layer, stage->pooled ? "pooled rows" : "rows");
        for (size_t i = 0; i < stage->step_count; i++)
            dump_step(plan, &plan->steps[stage->first_step + i], out);
    }
}
