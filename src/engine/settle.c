/* settle.c - which names the files of a model give the tensors of its plan. */
#include "engine/settle.h"

#include "base/error.h"
#include "base/mem.h"

#include <string.h>

/* Every name that a step reads: its weights, and the tensor that may stand in for one. */
static size_t list_weights(const gd_plan *plan, const char **out)
{
    size_t count = 0;

    for (size_t s = 0; s < plan->step_count; s++)
        for (unsigned i = 0; i < GD_OP_MAX_WEIGHTS; i++) {
            const gd_plan_weight *w = &plan->steps[s].w[i];

            if (w->name && !w->file)
                out[count++] = w->name;
            if (w->rows && w->rows->other)
                out[count++] = w->rows->other;
        }
    return count;
}

/* Whether anything that is not a head is there, of any type: what exactly is missing is found out later. */
static bool has_any(const gd_weights *weights, const gd_plan *plan)
{
    gd_error aside = { 0 };

    for (size_t s = 0; s < plan->step_count; s++)
        for (unsigned i = 0; plan->steps[s].op != GD_OP_head && i < GD_OP_MAX_WEIGHTS; i++) {
            const char *name = plan->steps[s].w[i].name;

            if (name && (gd_weights_find(weights, name) || gd_weights_check(weights, name, &aside)))
                return true;
        }
    return false;
}

static gd_status refuse_all(const gd_weights *weights, const gd_plan *plan, gd_error *err)
{
    const char *name = plan->steps[0].w[0].name, *other = NULL;
    char room[GD_NAME_BYTES];

    for (size_t i = 0; !other && i < plan->alias_count; i++)
        other = gd_names_put(name, plan->aliases[i].from, plan->aliases[i].to[0], room);
    return gd_fail(
        err, GD_EFORMAT,
        "%s: no tensor of the model %s is there under a name that is known: neither %s nor, for example, %s; "
        "the first of the %zu that are there is %s",
        gd_weights_path(weights), plan->graph_name, name, other ? other : name, gd_weights_count(weights),
        gd_weights_at(weights, 0)->name);
}

gd_status gd_settle_weights(gd_weights *weights, const gd_plan *plan, gd_error *err)
{
    const size_t most = 2 * GD_OP_MAX_WEIGHTS * plan->step_count;
    const char **wanted = gd_alloc(most, sizeof *wanted);
    gd_names_search search = { .aliases = plan->aliases, .alias_count = plan->alias_count, .wanted = wanted };
    gd_status rc = wanted ? GD_OK : gd_fail_memory(err, most * sizeof *wanted);

    if (!rc) {
        search.count = list_weights(plan, wanted);
        rc = gd_weights_settle(weights, &search, err);
    }
    gd_free(wanted);
    if (!rc && gd_weights_count(weights) > 0 && !has_any(weights, plan))
        rc = refuse_all(weights, plan, err);
    return rc;
}

gd_status gd_settle_adapter(gd_adapter *adapter, const gd_plan *plan, gd_error *err)
{
    const char **wanted = gd_alloc(plan->step_count + 1, sizeof *wanted);
    char *embedding = gd_adapter_module_of(plan->steps[0].w[0].name);
    gd_names_search search = { .aliases = plan->aliases, .alias_count = plan->alias_count, .wanted = wanted };
    gd_status rc = wanted && embedding ? GD_OK : gd_fail_memory(err, plan->step_count * sizeof *wanted);

    if (!rc) {
        search.count = gd_plan_modules(plan, wanted);
        wanted[search.count++] = embedding;
        rc = gd_adapter_settle(adapter, &search, err);
    }
    gd_free(wanted);
    gd_free(embedding);
    return rc;
}
