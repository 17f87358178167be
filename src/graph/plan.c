/* plan.c - applies a graph to one model: the list of steps, with a stage for each layer. */
#include "graph/plan.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "graph/make.h"

#include <string.h>

#define MAX_STEPS 262144u /* 4,096 layers of 64 nodes */

/* prefix with {i} replaced, + name up to `len` bytes; NULL when out of memory. */
static char *full_name(gd_arena *arena, const char *prefix, size_t layer, const char *name, size_t len)
{
    const char *hole = strstr(prefix, "{i}");
    gd_buf b = { 0 };
    char *copy = NULL;

    if (hole) {
        gd_buf_bytes(&b, prefix, (size_t)(hole - prefix));
        gd_buf_printf(&b, "%zu%s", layer, hole + 3);
    }
    gd_buf_bytes(&b, name, len);
    if (!b.failed)
        copy = gd_arena_strndup(arena, b.data, b.len);
    gd_buf_free(&b);
    return copy;
}

/* The names of one step's weights and of its module. */
static gd_status name_step(const gd_maker *m, const gd_graph_node *node, gd_plan_step *step, size_t layer)
{
    const char *prefix = node->part == GD_PART_LAYER ? m->graph->prefix->text : "";
    gd_status rc;

    for (unsigned i = 0; i < node->w_count; i++) {
        const char *name;

        if (!step->w[i].rank) /* a bias that this model lacks, or an affine's plain number */
            continue;
        name = node->w[i].name->text;
        step->w[i].name = full_name(&m->plan->arena, prefix, layer, name, strlen(name));
        if (!step->w[i].name)
            return gd_fail_memory(m->err, strlen(prefix) + strlen(name));
        rc = gd_make_source(m, node, i, &step->w[i]);
        if (rc)
            return rc;
    }
    if (!node->key[GD_KEY_lora])
        return GD_OK;
    step->lora = full_name(&m->plan->arena, prefix, layer, node->w[0].name->text,
                           strlen(node->w[0].name->text) - strlen(".weight"));
    return step->lora ? GD_OK : gd_fail_memory(m->err, strlen(prefix) + strlen(node->w[0].name->text));
}

/* An attention in this layer; ignoring a window that config.json has and the graph lacks would change the result. */
static gd_status set_window(const gd_maker *m, const gd_graph_node *node, gd_plan_step *step, size_t layer)
{
    size_t window;
    gd_status rc = gd_config_window(m->config, layer, &window, m->err);

    if (rc)
        return rc;
    if (window && !node->key[GD_KEY_window])
        return gd_yaml_fail(m->graph->doc, node->at, m->err, GD_EUNSUPPORTED,
                            "%s gives layer %zu a sliding window of %zu, but this attention has no window",
                            gd_config_path(m->config), layer, window);
    step->params.window = window > UINT32_MAX ? 0 : (uint32_t)window; /* longer than any text: none */
    return GD_OK;
}

/* The layer's rotary table; layers with equal ones share it. */
static gd_status set_table(const gd_maker *m, const gd_graph_node *node, gd_plan_step *step, size_t layer)
{
    gd_plan *plan = m->plan;
    size_t i = 0;
    gd_rope rope;
    gd_status rc = gd_config_rope(m->config, layer, &rope, m->err);

    if (!node->key[GD_KEY_grows])
        rope.growth = 0;
    while (!rc && i < plan->rope_count && !gd_rope_equal(&plan->ropes[i], &rope))
        i++;
    if (!rc && i == GD_PLAN_ROPES)
        return gd_fail(m->err, GD_EUNSUPPORTED, "%s: the layers have more than %d different rotary embeddings",
                       gd_config_path(m->config), GD_PLAN_ROPES);
    if (!rc && i == plan->rope_count)
        plan->ropes[plan->rope_count++] = rope;
    step->params.table = (uint32_t)i;
    step->params.rotary = (uint32_t)rope.rotary;
    return rc;
}

/* Makes one stage from the nodes of one part. */
static gd_status unroll(const gd_maker *m, gd_graph_part part, int layer)
{
    gd_plan *plan = m->plan;
    gd_plan_stage *stage = &plan->stages[plan->stage_count++];

    *stage = (gd_plan_stage){ .first_step = plan->step_count, .pooled = part == GD_PART_AFTER, .layer = layer };
    for (size_t i = 0; i < m->graph->node_count; i++) {
        const gd_graph_node *node = &m->graph->nodes[i];
        gd_plan_step *step = &plan->steps[plan->step_count];
        gd_status rc;

        if (node->part != part)
            continue;
        *step = m->pattern[i];
        rc = name_step(m, node, step, (size_t)layer);
        if (!rc && node->op == GD_OP_attention)
            rc = set_window(m, node, step, (size_t)layer);
        if (!rc && node->op == GD_OP_rope)
            rc = set_table(m, node, step, (size_t)layer);
        if (rc)
            return rc;
        plan->step_count++;
        stage->step_count++;
    }
    return GD_OK;
}

static gd_status make_steps(gd_maker *m)
{
    gd_plan *plan = m->plan;
    size_t inside = 0, steps, stages;
    gd_status rc = gd_make_count(m, m->graph->times, "times", &plan->layers);

    if (rc)
        return rc;
    for (size_t i = 0; i < m->graph->node_count; i++)
        inside += m->graph->nodes[i].part == GD_PART_LAYER;
    steps = m->graph->node_count - inside + plan->layers * inside; /* at most 2^28 * 2^10 */
    if (steps > MAX_STEPS)
        return gd_yaml_fail(m->graph->doc, m->graph->times, m->err, GD_EFORMAT,
                            "%zu layers of %zu nodes make %zu steps, but at most %u are accepted", plan->layers, inside,
                            steps, MAX_STEPS);
    stages = plan->layers + 2;
    plan->steps = gd_arena_alloc(&plan->arena, steps, sizeof *plan->steps);
    plan->stages = gd_arena_alloc(&plan->arena, stages, sizeof *plan->stages);
    if (!plan->steps || !plan->stages)
        return gd_fail_memory(m->err, steps * sizeof *plan->steps + stages * sizeof *plan->stages);
    rc = unroll(m, GD_PART_BEFORE, -1);
    for (size_t i = 0; !rc && i < plan->layers; i++)
        rc = unroll(m, GD_PART_LAYER, (int)i);
    return rc ? rc : unroll(m, GD_PART_AFTER, -1);
}

/* Ignoring a growth that config.json has and the graph lacks would change the result. */
static gd_status check_growth(const gd_maker *m)
{
    const gd_plan *plan = m->plan;
    bool grows = false;
    gd_rope rope;
    gd_status rc = gd_config_rope(m->config, 0, &rope, m->err);

    for (size_t i = 0; i < plan->rope_count; i++)
        grows |= plan->ropes[i].growth > 0;
    if (!rc && rope.growth > 0 && !grows)
        return gd_fail(m->err, GD_EUNSUPPORTED,
                       "%s: the field \"llama_4_scaling_beta\" is %g, but no rope of the graph %s has it as grows",
                       gd_config_path(m->config), rope.growth, plan->graph_name);
    return rc;
}

static gd_status name_head(const gd_maker *m)
{
    const gd_yaml_node *head = m->graph->head;

    m->plan->head_steps = head ? 0 : 1;
    for (size_t i = 0; head && i < m->graph->node_count; i++)
        m->plan->head_steps += m->graph->nodes[i].at->file == head->file;
    return head ? gd_make_text(m, &m->plan->head_of, gd_yaml_get(head, "name")->text) : GD_OK;
}

static bool is_number(const gd_yaml_node *node)
{
    return node->plain && *node->text && !node->text[strspn(node->text, "0123456789")];
}

static gd_status make_place(const gd_maker *m, const gd_graph_place *from, gd_plan_place *to)
{
    *to = (gd_plan_place){ .pool = from->pool, .first_token = from->first_token };
    to->is_id = from->pool == GD_POOL_AT && is_number(from->what);
    return from->what ? gd_make_text(m, &to->text, from->what->text) : GD_OK;
}

static gd_status fill_plan(gd_maker *m)
{
    gd_plan *plan = m->plan;
    gd_status rc;

    plan->graph_name = gd_arena_strndup(&plan->arena, m->graph->name, strlen(m->graph->name));
    if (!plan->graph_name)
        return gd_fail_memory(m->err, strlen(m->graph->name) + 1);
    plan->steps_rule = m->graph->steps;
    plan->place_count = m->graph->place_count == 2 ? 2 : 1;
    rc = name_head(m);
    if (!rc)
        rc = make_place(m, &m->graph->place, &plan->place);
    if (!rc)
        rc = make_place(m, &m->graph->also, &plan->also);
    if (!rc)
        rc = gd_make_aliases(m);
    if (!rc)
        rc = gd_make_sizes(m);
    if (!rc)
        rc = gd_make_pattern(m);
    if (!rc)
        rc = gd_make_buffers(m);
    if (!rc)
        rc = make_steps(m);
    if (!rc)
        rc = check_growth(m);
    if (!rc)
        rc = gd_make_narrow(m);
    if (rc)
        return rc;
    plan->rope_count = plan->rope_count ? plan->rope_count : 1; /* the engine has a table even of a model without */
    gd_make_teams(plan);
    for (size_t s = 0; s < plan->step_count; s++) /* infer.c has checked that there is one */
        if (plan->steps[s].op == GD_OP_head)
            plan->head = plan->steps[s].w[0].name;
    return GD_OK;
}

gd_status gd_plan_make(gd_plan **out, const gd_config *config, const char *graph_file, gd_dtype operand, gd_error *err)
{
    return gd_plan_make_with_head(out, config, graph_file, NULL, operand, err);
}

gd_status gd_plan_make_with_head(gd_plan **out, const gd_config *config, const char *graph_file,
                                 const gd_graph_builtin *head, gd_dtype operand, gd_error *err)
{
    gd_graph graph;
    gd_maker m = { .graph = &graph, .config = config, .err = err };
    gd_status rc;

    *out = NULL;
    rc = gd_graph_open(&graph, graph_file, gd_config_trunk(config), gd_config_path(config), err);
    if (!rc)
        rc = head ? gd_graph_set_head(&graph, head, err) : gd_config_one_label(config, err);
    if (rc)
        goto out;
    m.plan = gd_alloc_zero(1, sizeof *m.plan);
    if (!m.plan) {
        rc = gd_fail_memory(err, sizeof *m.plan);
        goto out;
    }
    m.plan->operand = operand;
    rc = fill_plan(&m);
    if (rc)
        goto out;
    *out = m.plan;
    m.plan = NULL;
out:
    gd_plan_free(m.plan);
    gd_arena_free(&m.arena);
    gd_graph_free(&graph);
    return rc;
}

void gd_plan_free(gd_plan *plan)
{
    if (plan)
        gd_arena_free(&plan->arena);
    gd_free(plan);
}

/* Only linears of a fused tensor share a module. */
static bool is_known(const char *const *modules, size_t count, const gd_plan_step *step)
{
    for (size_t i = count; step->w[0].cut && i-- > 0;)
        if (!strcmp(modules[i], step->lora))
            return true;
    return false;
}

size_t gd_plan_modules(const gd_plan *plan, const char **out)
{
    size_t count = 0;

    for (size_t s = 0; s < plan->step_count; s++)
        if (plan->steps[s].lora && !is_known(out, count, &plan->steps[s]))
            out[count++] = plan->steps[s].lora;
    return count;
}

static bool is_among(const gd_plan_weight *const *weights, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(weights[i]->name, name))
            return true;
    return false;
}

size_t gd_plan_weights(const gd_plan *plan, const gd_plan_weight **out)
{
    size_t count = 0;

    for (size_t s = 0; s < plan->step_count; s++)
        for (unsigned i = 0; i < GD_OP_MAX_WEIGHTS; i++) {
            const gd_plan_weight *w = &plan->steps[s].w[i];

            if (w->name && !is_among(out, count, w->name))
                out[count++] = w;
        }
    return count;
}

static const gd_plan_step *last_of(const gd_plan *plan) { return &plan->steps[plan->step_count - 1]; }

bool gd_plan_head_plain(const gd_plan *plan)
{
    bool plain = last_of(plan)->op == GD_OP_head;

    for (size_t s = plan->step_count - plan->head_steps; s < plan->step_count; s++)
        for (unsigned i = 0; i < GD_OP_MAX_WEIGHTS; i++) {
            const gd_plan_weight *w = &plan->steps[s].w[i];

            plain &= !w->rows && !w->value && !w->turned;
        }
    return plain;
}

bool gd_plan_head_alone(const gd_plan *plan)
{
    size_t linears = 0;

    for (size_t s = 0; s < plan->step_count; s++)
        linears += plan->steps[s].op == GD_OP_head;
    return linears == 1 && gd_plan_head_plain(plan);
}

const gd_plan_weight *gd_plan_head_bias(const gd_plan *plan)
{
    const gd_plan_step *last = last_of(plan);

    return last->op == GD_OP_head && last->w[1].name ? &last->w[1] : NULL;
}
