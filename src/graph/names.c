/* names.c - the other forms that a graph's names may have in a checkpoint or an adapter. */
#include "graph/make.h"
#include "graph/read.h"

#include "base/error.h"

#include <string.h>

/* Of any graph. Transformers saves a language model that reads images as well under language_model.model, and has it in
 * memory, where PEFT takes an adapter's names from, under model.language_model; older versions differ. The inner model
 * alone has no prefix. */
static const gd_alias common[] = {
    { "model.",
      { "model.language_model.", "language_model.model.", "model.text_model.", "language_model.", "text_model.", "" },
      6 },
    { "lm_head.", { "language_model.lm_head.", "model.lm_head." }, 2 },
};
enum { COMMON = sizeof common / sizeof common[0] };

/* ---- reading ---- */

static gd_status check_form(const gd_graph_reader *r, const gd_yaml_node *node)
{
    gd_status rc = gd_yaml_expect(r->graph->doc, node, GD_YAML_SCALAR, "an entry of names", r->err);

    if (!rc && (strlen(node->text) >= GD_ALIAS_BYTES || strpbrk(node->text, " \n{}\"\\")))
        rc = gd_yaml_fail(r->graph->doc, node, r->err, GD_EFORMAT,
                          "\"%.80s\" is not the beginning of a tensor's name (at most %d characters, no spaces or "
                          "braces)",
                          node->text, GD_ALIAS_BYTES - 1);
    return rc;
}

gd_status gd_read_names(const gd_graph_reader *r, const gd_yaml_node *map)
{
    const gd_yaml *doc = r->graph->doc;
    gd_status rc = gd_yaml_expect(doc, map, GD_YAML_MAP, "names", r->err);

    if (!rc && map->count > GD_ALIASES_MAX - COMMON)
        return gd_yaml_fail(doc, map, r->err, GD_EFORMAT, "names has %zu entries, but at most %d are accepted",
                            map->count, GD_ALIASES_MAX - COMMON);
    for (const gd_yaml_node *k = rc ? NULL : map->child; !rc && k; k = k->next->next) {
        rc = check_form(r, k);
        if (!rc && !*k->text)
            rc = gd_yaml_fail(doc, k, r->err, GD_EFORMAT, "names has an empty key, which begins every name");
        if (!rc)
            rc = gd_yaml_expect(doc, k->next, GD_YAML_LIST, "an entry of names", r->err);
        if (!rc && (k->next->count == 0 || k->next->count > GD_ALIAS_FORMS))
            rc = gd_yaml_fail(doc, k->next, r->err, GD_EFORMAT, "\"%s\" has %zu other forms, but 1 to %d are expected",
                              k->text, k->next->count, GD_ALIAS_FORMS);
        for (const gd_yaml_node *form = rc ? NULL : k->next->child; !rc && form; form = form->next)
            rc = check_form(r, form);
    }
    return rc;
}

/* ---- the plan's ---- */

static gd_status copy(const gd_maker *m, const char **out, const char *text)
{
    *out = gd_arena_strndup(&m->plan->arena, text, strlen(text));
    return *out ? GD_OK : gd_fail_memory(m->err, strlen(text) + 1);
}

/* A graph that gives a beginning forms of its own has no others for it. */
static bool is_given(const gd_plan *plan, const char *from)
{
    for (size_t i = 0; i < plan->alias_count; i++)
        if (strcmp(plan->aliases[i].from, from) == 0)
            return true;
    return false;
}

gd_status gd_make_aliases(gd_maker *m)
{
    gd_plan *plan = m->plan;
    gd_status rc = GD_OK;

    plan->inner = gd_config_nested(m->config) ? "model.language_model." : "model.";
    for (const gd_yaml_node *k = m->graph->names ? m->graph->names->child : NULL; !rc && k; k = k->next->next) {
        gd_alias *alias = &plan->aliases[plan->alias_count++];

        rc = copy(m, &alias->from, k->text);
        for (const gd_yaml_node *form = k->next->child; !rc && form; form = form->next)
            rc = copy(m, &alias->to[alias->count++], form->text);
    }
    for (size_t i = 0; !rc && i < COMMON; i++)
        if (!is_given(plan, common[i].from))
            plan->aliases[plan->alias_count++] = common[i];
    return rc;
}
