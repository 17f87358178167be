/* step_head.c - the nodes that only heads have, resolved for a model. */
#include "graph/step.h"

#include "base/error.h"

#include <string.h>

static bool find_activation(const char *name, gd_activation *act)
{
    static const struct {
        const char *name;
        gd_activation act;
    } known[] = {
        { "relu", GD_ACT_RELU },
        { "silu", GD_ACT_SILU },
        { "swish", GD_ACT_SILU },
        { "gelu", GD_ACT_GELU },
        { "gelu_pytorch_tanh", GD_ACT_GELU_TANH },
        { "gelu_new", GD_ACT_GELU_TANH },
        { "selu", GD_ACT_SELU },
        { "leaky_relu", GD_ACT_LEAKY_RELU },
        { "tanh", GD_ACT_TANH },
        { "sigmoid", GD_ACT_SIGMOID },
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        *act = known[i].act;
        if (!strcmp(name, known[i].name))
            return true;
    }
    return false;
}

/* PyTorch's own slope, where the description has none. */
static gd_status read_slope(const gd_maker *m, const gd_graph_node *node, gd_op_params *params)
{
    const gd_yaml_node *slope = node->key[GD_KEY_slope];

    if (params->act == GD_ACT_LEAKY_RELU)
        params->slope = 0.01f;
    if (slope && params->act != GD_ACT_LEAKY_RELU)
        return gd_yaml_fail(m->graph->doc, slope, m->err, GD_EFORMAT, "slope belongs to leaky_relu, but act is \"%s\"",
                            node->key[GD_KEY_act]->text);
    return slope ? gd_step_float(m, node, GD_KEY_slope, "slope", &params->slope) : GD_OK;
}

gd_status gd_step_act(const gd_maker *m, const gd_graph_node *node, gd_plan_step *step, size_t *cols)
{
    const gd_yaml_node *act = node->key[GD_KEY_act];
    gd_status rc = gd_yaml_expect(m->graph->doc, act, GD_YAML_SCALAR, "act", m->err);

    *cols = gd_step_in_cols(m, step, 0);
    if (!rc && !find_activation(act->text, &step->params.act))
        rc = gd_yaml_fail(
            m->graph->doc, act, m->err, GD_EUNSUPPORTED,
            "act is \"%s\", but relu, silu, gelu, gelu_pytorch_tanh, selu, leaky_relu, tanh or sigmoid is "
            "expected",
            act->text);
    return rc ? rc : read_slope(m, node, &step->params);
}

/* Groups of columns of equal size; one, unless the description says how many. */
static gd_status read_groups(const gd_maker *m, const gd_graph_node *node, const gd_plan_step *step, size_t *groups)
{
    const gd_yaml_node *key = node->key[GD_KEY_groups];
    const size_t cols = gd_step_in_cols(m, step, 0);
    gd_status rc = GD_OK;

    *groups = 1;
    if (key)
        rc = gd_make_count(m, key, "groups", groups);
    if (!rc && cols % *groups)
        rc = gd_yaml_fail(m->graph->doc, key, m->err, GD_EFORMAT, "%zu groups do not divide the %zu columns of \"%s\"",
                          *groups, cols, node->in[0]->text);
    return rc;
}

gd_status gd_step_softmax(const gd_maker *m, const gd_graph_node *node, gd_plan_step *step, size_t *cols)
{
    size_t groups;
    gd_status rc = read_groups(m, node, step, &groups);

    *cols = gd_step_in_cols(m, step, 0);
    step->params.groups = (uint32_t)groups;
    step->params.temperature = 1;
    if (!rc && node->key[GD_KEY_temperature])
        rc = gd_step_positive(m, node, GD_KEY_temperature, "temperature", &step->params.temperature);
    return rc;
}

gd_status gd_step_mul(const gd_maker *m, const gd_graph_node *node, gd_plan_step *step, size_t *cols)
{
    const size_t first = gd_step_in_cols(m, step, 0), second = gd_step_in_cols(m, step, 1);

    *cols = first > second ? first : second;
    return first == 1 || second == 1 ? GD_OK : gd_step_check_cols(m, node, step, 1, first, "the other's number, or 1");
}

gd_status gd_step_sum(const gd_maker *m, const gd_graph_node *node, gd_plan_step *step, size_t *cols)
{
    gd_status rc = read_groups(m, node, step, cols);

    step->params.groups = (uint32_t)*cols;
    return rc;
}

gd_status gd_step_mean(const gd_maker *m, const gd_graph_node *node, gd_plan_step *step, size_t *cols)
{
    return gd_step_sum(m, node, step, cols);
}

gd_status gd_step_part(const gd_maker *m, const gd_graph_node *node, gd_plan_step *step, size_t *cols)
{
    const size_t have = gd_step_in_cols(m, step, 0);
    size_t from = 0, every = 1;
    gd_status rc = gd_make_count(m, node->key[GD_KEY_size], "size", cols);

    if (!rc && node->key[GD_KEY_from])
        rc = gd_make_offset(m, node->key[GD_KEY_from], "from", &from);
    if (!rc && node->key[GD_KEY_every])
        rc = gd_make_count(m, node->key[GD_KEY_every], "every", &every);
    if (!rc && from + (*cols - 1) * every >= have)
        rc = gd_yaml_fail(m->graph->doc, node->at, m->err, GD_EFORMAT,
                          "part takes %zu columns from column %zu on, every %zu, but \"%s\" has %zu columns", *cols,
                          from, every, node->in[0]->text, have);
    step->params.from = (uint32_t)from;
    step->params.every = (uint32_t)every;
    return rc;
}

/* Where its field is false, nothing changes. */
gd_status gd_step_affine(const gd_maker *m, const gd_graph_node *node, gd_plan_step *step, size_t *cols)
{
    static const gd_graph_key keys[] = { GD_KEY_scale, GD_KEY_shift };
    static const char *const names[] = { "scale", "shift" };
    float *numbers[] = { &step->params.scale, &step->params.shift };
    bool wanted = true;
    gd_status rc = GD_OK;

    *cols = gd_step_in_cols(m, step, 0);
    step->params.scale = 1;
    if (node->key[GD_KEY_if])
        rc = gd_step_field(m, node->key[GD_KEY_if], "if", &wanted);
    for (unsigned i = 0; !rc && wanted && i < 2; i++) {
        if (node->w[i].value)
            step->w[i] = (gd_plan_weight){ .rank = 1, .shape = { *cols } };
        else if (node->key[keys[i]])
            rc = gd_step_float(m, node, keys[i], names[i], numbers[i]);
    }
    return rc;
}

/* Not a node of a file: read_also.c makes it. */
gd_status gd_step_take(const gd_maker *m, const gd_graph_node *node, gd_plan_step *step, size_t *cols)
{
    *cols = gd_step_in_cols(m, step, 0);
    step->params.from = node->take;
    step->params.every = m->plan->place_count;
    return GD_OK;
}
