/* bind.c - the weights of a plan. */
#include "engine/bind.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"

#include <string.h>

/* The weight that learns under this name, or NULL. */
static const gd_view *find_learned(const gd_learning *learning, const char *name)
{
    for (size_t i = 0; learning && i < learning->weight_count; i++)
        if (!strcmp(learning->weights[i].name, name))
            return &learning->weights[i];
    return NULL;
}

/* The adapter's tensor if it replaces the base's; else the base's, or NULL. A tensor of a type that no weight has (I8,
 * say), and one that is in dispute, are reported differently from an absent one. */
static gd_status find(const gd_view **out, const gd_engine_parts *parts, const gd_plan_step *step,
                      const gd_plan_weight *w, gd_error *err)
{
    *out = NULL;
    for (size_t i = 0; i < parts->over.made_count; i++)
        if (parts->over.made[i].weight == w)
            *out = parts->over.made[i].view;
    if (step->op == GD_OP_head && parts->over.head && !strcmp(w->name, parts->plan->head))
        *out = parts->over.head;
    if (parts->over.head_bias && w == gd_plan_head_bias(parts->plan))
        *out = parts->over.head_bias;
    if (step->op == GD_OP_embedding && parts->over.adapter && gd_adapter_embeds(parts->over.adapter, w->name))
        *out = gd_adapter_embedding(parts->over.adapter);
    if (*out)
        return GD_OK;
    *out = gd_weights_find(parts->weights, w->name);
    return gd_weights_check(parts->weights, w->name, err);
}

/* The vocabulary was resized before training; PEFT, too, needs a base that was resized in the same way. */
static gd_status check_rows(const gd_view *embedding, const gd_plan_weight *w, const gd_engine_parts *parts,
                            gd_error *err)
{
    if (embedding->shape[0] == w->shape[0])
        return GD_OK;
    return gd_fail(err, GD_EFORMAT,
                   "%s: the embedding has %zu rows, but the base's has %zu: resize the base as for training, with "
                   "model.resize_token_embeddings(%zu), and save it",
                   gd_adapter_path(parts->over.adapter), embedding->shape[0], w->shape[0], embedding->shape[0]);
}

static size_t rows_of(const gd_plan_weight *w) { return w->cut ? w->cut->rows : w->shape[0]; }

static bool has_shape(const gd_view *view, const gd_plan_weight *w)
{
    return view->rank == w->rank && view->shape[0] == rows_of(w) && (w->rank == 1 || view->shape[1] == w->shape[1]);
}

gd_status gd_bind_check_shape(const gd_view *view, const gd_plan_weight *w, const char *path, gd_error *err)
{
    gd_buf have = { 0 }, want = { 0 };

    if (has_shape(view, w))
        return GD_OK;
    for (unsigned i = 0; i < view->rank; i++)
        gd_buf_printf(&have, "%s%zu", i ? ", " : "", view->shape[i]);
    for (unsigned i = 0; i < w->rank; i++)
        gd_buf_printf(&want, "%s%zu", i ? ", " : "", i ? w->shape[i] : rows_of(w));
    gd_fail(err, GD_EFORMAT, "%s: the tensor %s has the shape [%s], but config.json requires [%s]", path, view->name,
            gd_buf_cstr(&have), gd_buf_cstr(&want));
    gd_buf_free(&have);
    gd_buf_free(&want);
    return GD_EFORMAT;
}

static gd_status check_shape(const gd_view *view, const gd_plan_weight *w, const gd_engine_parts *parts, gd_error *err)
{
    const gd_view *embedding = parts->over.adapter ? gd_adapter_embedding(parts->over.adapter) : NULL;
    const bool adapters = parts->over.adapter &&
                          (view == parts->over.head || view == parts->over.head_bias || view == embedding);

    if (!has_shape(view, w) && adapters && view == embedding && check_rows(view, w, parts, err))
        return GD_EFORMAT;
    return gd_bind_check_shape(view, w,
                               adapters ? gd_adapter_path(parts->over.adapter) : gd_weights_path(parts->weights), err);
}

/* Collects the names of absent tensors, so that one message can list them (the first few). */
struct absent {
    gd_buf names;
    size_t count;
};

static void note_absent(struct absent *absent, const char *name)
{
    if (absent->count++ < 4)
        gd_buf_printf(&absent->names, "%s%s", absent->count > 1 ? ", " : "", name);
}

static gd_status report_absent(struct absent *absent, const gd_engine_parts *parts, gd_error *err)
{
    const char *names = gd_buf_cstr(&absent->names);
    const char *path = gd_weights_path(parts->weights);
    bool headless;

    if (!names)
        return gd_fail_memory(err, 0);
    headless = absent->count == 1 && !strcmp(names, parts->plan->head) && !parts->plan->head_of;
    if (headless && gd_weights_other_head(parts->weights))
        return gd_fail(
            err, GD_EUNSUPPORTED,
            "%s: %s is missing: this checkpoint has no reward head, and no adapter supplies one; there is %s, "
            "of which no head is known: --head FILE can describe it (doc/graphs.md)",
            path, names, gd_weights_other_head(parts->weights));
    if (headless)
        return gd_fail(
            err, GD_EFORMAT,
            "%s: %s is missing: this checkpoint has no reward head, and no adapter supplies one; "
            "a random head would give random scores; --head can name another head, such as rows of a language "
            "model's output layer (doc/graphs.md)",
            path, names);
    return gd_fail(err, GD_EFORMAT, "%s: %zu tensor%s of the model %s missing: %s%s", path, absent->count,
                   absent->count > 1 ? "s" : "", absent->count > 1 ? "are" : "is", names,
                   absent->count > 4 ? ", ..." : "");
}

static bool find_lora(gd_lora *out, size_t index, const gd_engine_parts *parts)
{
    const gd_plan_step *step = &parts->plan->steps[index];

    if (parts->learning)
        *out = parts->learning->lora[index];
    else if (parts->over.adapter && step->lora)
        return gd_adapter_find(parts->over.adapter, step->lora, out);
    return out->rank > 0;
}

static gd_view cut_rows(const gd_view *view, const gd_plan_cut *cut)
{
    return gd_view_cut(view, cut->first, cut->block, cut->apart, cut->blocks);
}

static gd_status bind_adapter(gd_bound *bound, size_t index, const gd_engine_parts *parts, gd_error *err)
{
    const gd_plan_step *step = &parts->plan->steps[index];
    const gd_plan_cut *cut = step->w[0].cut;

    if (parts->learning && step->op == GD_OP_linear)
        bound->w[GD_BOUND_TURNED].view = bound->w[0].view;
    if (!find_lora(&bound->lora, index, parts))
        return GD_OK;
    if (!parts->learning) {
        const size_t rows = cut ? cut->rows : step->w[0].shape[0];
        const gd_status rc = gd_lora_check(&bound->lora, rows, step->w[0].shape[1], step->lora,
                                           gd_adapter_path(parts->over.adapter), err);

        if (rc)
            return rc;
    }
    if (cut) {
        bound->b = cut_rows(bound->lora.b, cut);
        bound->lora.b = &bound->b;
    }
    bound->w[GD_BOUND_LORA_A].view = bound->lora.a;
    bound->w[GD_BOUND_LORA_B].view = bound->lora.b;
    if (parts->learning) {
        bound->w[GD_BOUND_TURNED_A].view = bound->lora.a;
        bound->w[GD_BOUND_TURNED_B].view = bound->lora.b;
    }
    return GD_OK;
}

static gd_weight_role role_of(gd_op op, unsigned index)
{
    if (index < GD_OP_MAX_WEIGHTS)
        return gd_op_table[op].roles[index];
    return index < GD_BOUND_TURNED_A ? GD_WEIGHT_MATRIX : GD_WEIGHT_TURNED;
}

static gd_status bind_step(gd_bound *bound, size_t index, const gd_engine_parts *parts, struct absent *absent,
                           gd_error *err)
{
    const gd_plan_step *step = &parts->plan->steps[index];

    for (unsigned i = 0; i < GD_BOUND_WEIGHTS; i++)
        bound->w[i].role = role_of(step->op, i);
    for (unsigned i = 0; i < GD_OP_MAX_WEIGHTS; i++) {
        const gd_plan_weight *w = &step->w[i];
        gd_status rc;

        if (!w->name)
            continue;
        bound->w[i].view = find_learned(parts->learning, w->name);
        bound->w[i].learns = bound->w[i].view != NULL;
        rc = bound->w[i].learns ? GD_OK : find(&bound->w[i].view, parts, step, w, err);
        if (!rc && !bound->w[i].view)
            note_absent(absent, w->name);
        else if (!rc)
            rc = check_shape(bound->w[i].view, w, parts, err);
        if (rc)
            return rc;
        if (w->cut && bound->w[i].view) {
            bound->matrix = cut_rows(bound->w[i].view, w->cut);
            bound->w[i].view = &bound->matrix;
        }
    }
    return bind_adapter(bound, index, parts, err);
}

/* Every module of the adapter must exist in the model, and every module that it declares must be present; but the head
 * is the caller's to check. */
static gd_status check_adapter(const gd_engine_parts *parts, gd_error *err)
{
    const gd_plan *plan = parts->plan;
    const char **modules = gd_alloc(plan->step_count + 1, sizeof *modules);
    char *head = gd_adapter_module_of(plan->head);
    size_t count = 0;
    gd_lora lora;
    gd_status rc = modules && head ? GD_OK : gd_fail_memory(err, (plan->step_count + 1) * sizeof *modules);

    if (!rc)
        count = gd_plan_modules(plan, modules);
    if (!rc && gd_adapter_find(parts->over.adapter, head, &lora))
        modules[count++] = head;
    if (!rc)
        rc = gd_adapter_check(parts->over.adapter, modules, count, err);
    gd_free(modules);
    gd_free(head);
    return rc;
}

gd_status gd_bind_check(const gd_plan *plan, const gd_weights *weights, gd_error *err)
{
    gd_status rc = GD_OK;

    for (size_t s = 0; s < plan->step_count; s++)
        for (unsigned i = 0; !rc && i < GD_OP_MAX_WEIGHTS; i++)
            if (plan->steps[s].w[i].name)
                rc = gd_weights_check(weights, plan->steps[s].w[i].name, err);
    return rc;
}

/* Every weight that learns must be one of the plan's. */
static gd_status check_learned(const gd_plan *plan, const gd_bound *bound, const gd_learning *learning, gd_error *err)
{
    for (size_t i = 0; i < learning->weight_count; i++) {
        bool used = false;

        for (size_t s = 0; s < plan->step_count; s++)
            for (unsigned w = 0; w < GD_OP_MAX_WEIGHTS; w++)
                used |= bound[s].w[w].view == &learning->weights[i];
        if (!used)
            return gd_fail(err, GD_EFORMAT, "the graph %s has no weight %s that could learn", plan->graph_name,
                           learning->weights[i].name);
    }
    return GD_OK;
}

/* A group's step of all: each step has one for each group. */
static gd_bound *bound_of(gd_bound *all, const gd_engine_parts *parts, size_t step, size_t group)
{
    return &all[step * (1 + parts->more_count) + group];
}

static gd_status bind_group(gd_bound *all, size_t group, const gd_engine_parts *parts, gd_error *err)
{
    gd_engine_parts own = *parts;
    struct absent absent = { 0 };
    gd_status rc = GD_OK;

    if (group)
        own.over = parts->more[group - 1];
    for (size_t s = 0; !rc && s < parts->plan->step_count; s++)
        rc = bind_step(bound_of(all, parts, s, group), s, &own, &absent, err);
    if (!rc && absent.count)
        rc = report_absent(&absent, &own, err);
    if (!rc && own.over.adapter && !own.learning)
        rc = check_adapter(&own, err);
    gd_buf_free(&absent.names);
    return rc;
}

/* What a group has from the checkpoint as group 0 has it, is not loaded twice.  Rows that are cut out of a tensor are
 * never an adapter's. */
static void keep_own(gd_bound *all, size_t group, const gd_engine_parts *parts)
{
    for (size_t s = 0; s < parts->plan->step_count; s++) {
        const gd_bound *first = bound_of(all, parts, s, 0);
        gd_bound *own = bound_of(all, parts, s, group);

        for (unsigned i = 0; i < GD_OP_MAX_WEIGHTS; i++)
            if (parts->plan->steps[s].w[i].cut || own->w[i].view == first->w[i].view)
                own->w[i].view = NULL;
    }
}

gd_status gd_bind(gd_bound **out, const gd_engine_parts *parts, gd_error *err)
{
    const size_t count = parts->plan->step_count * (1 + parts->more_count);
    gd_bound *bound = gd_alloc_zero(count, sizeof *bound);
    gd_status rc = GD_OK;

    *out = NULL;
    if (!bound)
        return gd_fail_memory(err, count * sizeof *bound);
    for (size_t group = 0; !rc && group <= parts->more_count; group++)
        rc = bind_group(bound, group, parts, err);
    for (size_t group = 1; !rc && group <= parts->more_count; group++)
        keep_own(bound, group, parts);
    if (!rc && parts->learning)
        rc = check_learned(parts->plan, bound, parts->learning, err);
    if (rc) {
        gd_free(bound);
        return rc;
    }
    *out = bound;
    return GD_OK;
}
