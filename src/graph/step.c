/* step.c - one node of a graph resolved for a model: its parameters, the shapes of its weights, the width of its
 * output. */
#include "graph/step.h"

#include "base/error.h"
#include "quant-free/bf16.h"

#include <float.h>
#include <math.h>
#include <string.h>

gd_status gd_step_check_cols(const gd_maker *m, const gd_graph_node *node, const gd_plan_step *step, unsigned i,
                             size_t want, const char *sense)
{
    const size_t have = gd_step_in_cols(m, step, i);

    if (have == want)
        return GD_OK;
    return gd_yaml_fail(m->graph->doc, node->in[i], m->err, GD_EFORMAT,
                        "%s reads \"%s\" of %zu columns, but %s (%zu) is expected", gd_op_table[node->op].name,
                        node->in[i]->text, have, sense, want);
}

gd_status gd_step_float(const gd_maker *m, const gd_graph_node *node, gd_graph_key key, const char *what, float *out)
{
    double number;
    gd_status rc = gd_make_number(m, node->key[key], what, &number);

    if (rc)
        return rc;
    if (fabs(number) > FLT_MAX || (number != 0 && fabs(number) < FLT_MIN))
        return gd_yaml_fail(m->graph->doc, node->key[key], m->err, GD_EFORMAT, "%s is \"%s\" = %.9g, beyond a float32",
                            what, node->key[key]->text, number);
    *out = (float)number;
    return GD_OK;
}

gd_status gd_step_positive(const gd_maker *m, const gd_graph_node *node, gd_graph_key key, const char *what, float *out)
{
    gd_status rc = gd_step_float(m, node, key, what, out);

    if (!rc && !(*out > 0))
        rc = gd_yaml_fail(m->graph->doc, node->key[key], m->err, GD_EFORMAT,
                          "%s is \"%s\" = %.9g, but a number above 0 is expected", what, node->key[key]->text,
                          (double)*out);
    return rc;
}

/* heads of a row: their number must divide its length. */
static gd_status read_heads(const gd_maker *m, const gd_graph_node *node, gd_plan_step *step)
{
    const size_t cols = gd_step_in_cols(m, step, 0);
    size_t heads;
    gd_status rc = gd_make_count(m, node->key[GD_KEY_heads], "heads", &heads);

    if (rc)
        return rc;
    if (cols % heads)
        return gd_yaml_fail(m->graph->doc, node->key[GD_KEY_heads], m->err, GD_EFORMAT,
                            "%zu heads do not divide the %zu columns of \"%s\"", heads, cols, node->in[0]->text);
    step->params.heads = (uint32_t)heads;
    step->params.head_dim = (uint32_t)(cols / heads);
    return GD_OK;
}

/* Every implementation keeps the factor in the type of the weights: a bf16 model was trained with it rounded. */
gd_status gd_step_embedding(const gd_maker *m, const gd_graph_node *node, gd_plan_step *step, size_t *cols)
{
    gd_status rc = GD_OK;

    *cols = m->plan->hidden;
    step->w[0] = (gd_plan_weight){ .rank = 2, .shape = { m->plan->vocab, m->plan->hidden } };
    step->params.scale = 1;
    if (node->key[GD_KEY_scale])
        rc = gd_step_positive(m, node, GD_KEY_scale, "scale", &step->params.scale);
    if (!rc && m->plan->operand == GD_BF16)
        step->params.scale = gd_bf16_to_f32(gd_bf16_from_f32(step->params.scale));
    return rc;
}

gd_status gd_step_rms_norm(const gd_maker *m, const gd_graph_node *node, gd_plan_step *step, size_t *cols)
{
    gd_status rc = gd_step_positive(m, node, GD_KEY_eps, "eps", &step->params.eps);

    *cols = gd_step_in_cols(m, step, 0);
    step->w[0] = (gd_plan_weight){ .rank = 1, .shape = { *cols } };
    if (!rc && node->key[GD_KEY_unit_offset])
        rc = gd_yaml_bool(&step->params.unit_offset, m->graph->doc, node->key[GD_KEY_unit_offset], "unit_offset",
                          m->err);
    if (!rc && node->key[GD_KEY_heads]) {
        rc = read_heads(m, node, step);
        step->w[0].shape[0] = step->params.head_dim;
    }
    return rc;
}

/* lora: q_proj - the last part of the module's name, as in an adapter's target_modules. */
static gd_status check_lora(const gd_maker *m, const gd_graph_node *node)
{
    const gd_yaml_node *lora = node->key[GD_KEY_lora];
    const char *weight = node->w[0].name->text;
    gd_status rc = gd_yaml_expect(m->graph->doc, lora, GD_YAML_SCALAR, "lora", m->err);
    size_t len, end;

    if (rc)
        return rc;
    len = strlen(lora->text);
    end = strlen(weight);
    if (len && end >= len + 7 && !strcmp(weight + end - 7, ".weight") &&
        !memcmp(weight + end - 7 - len, lora->text, len) && (end == len + 7 || weight[end - 8 - len] == '.'))
        return GD_OK;
    return gd_yaml_fail(m->graph->doc, lora, m->err, GD_EFORMAT,
                        "lora is \"%s\", but the weight's name \"%s\" doesn't end with \"%s.weight\"", lora->text,
                        weight, lora->text);
}

gd_status gd_step_field(const gd_maker *m, const gd_yaml_node *field, const char *what, bool *out)
{
    gd_status rc = gd_yaml_expect(m->graph->doc, field, GD_YAML_SCALAR, what, m->err);

    *out = false;
    if (!rc && gd_config_has(m->config, field->text))
        rc = gd_config_bool(m->config, field->text, out, m->err);
    return rc;
}

/* bias_if: field - the bias exists if the field of config.json is true. */
static gd_status read_bias_if(const gd_maker *m, const gd_graph_node *node, bool *bias)
{
    const gd_yaml_node *field = node->key[GD_KEY_bias_if];

    if (!*bias)
        return gd_yaml_fail(m->graph->doc, field, m->err, GD_EFORMAT, "bias_if requires a bias as second entry of w");
    return gd_step_field(m, field, "bias_if", bias);
}

gd_status gd_step_linear(const gd_maker *m, const gd_graph_node *node, gd_plan_step *step, size_t *cols)
{
    bool bias = node->w_count == 2;
    gd_status rc = gd_make_count(m, node->key[GD_KEY_size], "size", cols);

    if (!rc && node->key[GD_KEY_bias_if])
        rc = read_bias_if(m, node, &bias);
    if (!rc && node->key[GD_KEY_lora])
        rc = check_lora(m, node);
    if (rc)
        return rc;
    step->w[0] = (gd_plan_weight){ .rank = 2, .shape = { *cols, gd_step_in_cols(m, step, 0) } };
    if (bias)
        step->w[1] = (gd_plan_weight){ .rank = 1, .shape = { *cols } };
    return GD_OK;
}

static gd_status check_word(const gd_maker *m, const gd_yaml_node *node, const char *what, const char *only)
{
    gd_status rc = gd_yaml_expect(m->graph->doc, node, GD_YAML_SCALAR, what, m->err);

    if (!rc && strcmp(node->text, only) != 0)
        rc = gd_yaml_fail(m->graph->doc, node, m->err, GD_EUNSUPPORTED, "%s is \"%s\", but %s is expected", what,
                          node->text, only);
    return rc;
}

gd_status gd_step_rope(const gd_maker *m, const gd_graph_node *node, gd_plan_step *step, size_t *cols)
{
    gd_status rc = read_heads(m, node, step);

    *cols = gd_step_in_cols(m, step, 0);
    if (!rc && node->key[GD_KEY_grows])
        rc = check_word(m, node->key[GD_KEY_grows], "grows", "llama_4_scaling_beta");
    if (rc)
        return rc;
    return gd_step_check_cols(m, node, step, 0, step->params.heads * m->plan->head_dim, "heads * head_dim");
}

gd_status gd_step_attention(const gd_maker *m, const gd_graph_node *node, gd_plan_step *step, size_t *cols)
{
    const gd_plan *plan = m->plan;
    gd_op_params *params = &step->params;
    gd_status rc = check_word(m, node->key[GD_KEY_mask], "mask", "causal");

    *cols = plan->heads * plan->head_dim;
    params->heads = (uint32_t)plan->heads;
    params->kv_heads = (uint32_t)plan->kv_heads;
    params->head_dim = (uint32_t)plan->head_dim;
    params->scale = (float)(1 / sqrt((double)plan->head_dim));
    if (!rc)
        rc = gd_step_check_cols(m, node, step, 0, *cols, "heads * head_dim");
    for (unsigned i = 1; !rc && i < 3; i++)
        rc = gd_step_check_cols(m, node, step, i, plan->kv_heads * plan->head_dim, "kv_heads * head_dim");
    if (!rc && node->key[GD_KEY_scale])
        rc = gd_step_positive(m, node, GD_KEY_scale, "scale", &params->scale);
    if (!rc && node->key[GD_KEY_softcap])
        rc = gd_step_float(m, node, GD_KEY_softcap, "softcap", &params->softcap);
    if (!rc && params->softcap < 0)
        rc = gd_yaml_fail(m->graph->doc, node->key[GD_KEY_softcap], m->err, GD_EFORMAT,
                          "softcap is %.9g, but 0 (none) or a positive number is expected", (double)params->softcap);
    if (!rc && node->key[GD_KEY_window])
        rc = check_word(m, node->key[GD_KEY_window], "window", "sliding_window");
    return rc;
}

static bool find_activation(const char *name, gd_activation *act)
{
    static const struct {
        const char *name;
        gd_activation act;
    } known[] = {
        { "silu", GD_ACT_SILU },
        { "swish", GD_ACT_SILU },
        { "gelu_pytorch_tanh", GD_ACT_GELU_TANH },
        { "gelu_new", GD_ACT_GELU_TANH }, /* the same formula; plain "gelu" uses the error function */
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        *act = known[i].act;
        if (!strcmp(name, known[i].name))
            return true;
    }
    return false;
}

/* act: an activation, or the field of config.json that names one. */
gd_status gd_step_gated(const gd_maker *m, const gd_graph_node *node, gd_plan_step *step, size_t *cols)
{
    const gd_yaml_node *act = node->key[GD_KEY_act];
    const char *name = NULL;
    gd_status rc = gd_yaml_expect(m->graph->doc, act, GD_YAML_SCALAR, "act", m->err);

    *cols = gd_step_in_cols(m, step, 0);
    if (!rc)
        rc = gd_step_check_cols(m, node, step, 1, *cols, "the gate's number");
    if (rc || find_activation(act->text, &step->params.act))
        return rc;
    if (!gd_config_has(m->config, act->text))
        return gd_yaml_fail(m->graph->doc, act, m->err, GD_EUNSUPPORTED,
                            "act is \"%s\": neither an activation (silu, gelu_pytorch_tanh) nor a field of config.json",
                            act->text);
    rc = gd_config_string(m->config, act->text, &name, m->err);
    if (!rc && !find_activation(name, &step->params.act))
        rc = gd_fail(m->err, GD_EUNSUPPORTED,
                     "%s: the field \"%s\" is \"%s\", but silu or gelu_pytorch_tanh is expected",
                     gd_config_path(m->config), act->text, name);
    return rc;
}

gd_status gd_step_add(const gd_maker *m, const gd_graph_node *node, gd_plan_step *step, size_t *cols)
{
    *cols = gd_step_in_cols(m, step, 0);
    return gd_step_check_cols(m, node, step, 1, *cols, "the other's number");
}

gd_status gd_step_round(const gd_maker *m, const gd_graph_node *node, gd_plan_step *step, size_t *cols)
{
    (void)node;
    *cols = gd_step_in_cols(m, step, 0);
    return GD_OK;
}

gd_status gd_step_last_row(const gd_maker *m, const gd_graph_node *node, gd_plan_step *step, size_t *cols)
{
    (void)node;
    *cols = gd_step_in_cols(m, step, 0);
    return GD_OK;
}

gd_status gd_step_head(const gd_maker *m, const gd_graph_node *node, gd_plan_step *step, size_t *cols)
{
    bool bias = node->w_count == 2;
    gd_status rc = GD_OK;

    *cols = 1;
    if (node->key[GD_KEY_size])
        rc = gd_make_count(m, node->key[GD_KEY_size], "size", cols);
    if (!rc && node->key[GD_KEY_bias_if])
        rc = read_bias_if(m, node, &bias);
    step->w[0] = (gd_plan_weight){ .rank = 2, .shape = { *cols, gd_step_in_cols(m, step, 0) } };
    if (bias)
        step->w[1] = (gd_plan_weight){ .rank = 1, .shape = { *cols } };
    return rc || m->graph->head ? rc : gd_step_check_cols(m, node, step, 0, m->plan->hidden, "hidden");
}

gd_status gd_make_step(const gd_maker *m, const gd_graph_node *node, gd_plan_step *step, size_t *cols)
{
    static gd_step_maker *const makers[GD_OP_COUNT] = {
#define GD_OP(name, ...) [GD_OP_##name] = gd_step_##name,
#include "graph/ops.def"
#undef GD_OP
    };

    return makers[node->op](m, node, step, cols);
}
