/* expects.c - what a graph, or a head, assumes of config.json. */
#include "graph/expects.h"

#include "base/error.h"

#include <string.h>

/* expects: {field: false}. An absent field is false. */
static gd_status check_graph(const gd_graph *graph, const gd_config *config, gd_error *err)
{
    for (const gd_yaml_node *k = graph->expects ? graph->expects->child : NULL; k; k = k->next->next) {
        bool want, have = false;
        gd_status rc = gd_yaml_bool(&want, graph->doc, k->next, "an expected value", err);

        if (!rc && gd_config_has(config, k->text))
            rc = gd_config_bool(config, k->text, &have, err);
        if (rc)
            return rc;
        if (have != want)
            return gd_fail(err, GD_EUNSUPPORTED, "%s: the field \"%s\" is %s, but the graph %s requires %s",
                           gd_config_path(config), k->text, have ? "true" : "false", graph->name,
                           want ? "true" : "false");
    }
    return GD_OK;
}

/* expects: {field: word} of a head. An absent field is as it should be. */
static gd_status check_head(const gd_graph *graph, const gd_config *config, gd_error *err)
{
    for (const gd_yaml_node *k = graph->head_expects ? graph->head_expects->child : NULL; k; k = k->next->next) {
        const char *have = NULL;
        gd_status rc = GD_OK;

        if (!gd_config_has(config, k->text))
            continue;
        rc = gd_config_string(config, k->text, &have, err);
        if (rc)
            return rc;
        if (strcmp(have, k->next->text) != 0)
            return gd_fail(err, GD_EUNSUPPORTED, "%s: the field \"%s\" is \"%s\", but the head %s requires \"%s\"",
                           gd_config_path(config), k->text, have, gd_yaml_get(graph->head, "name")->text,
                           k->next->text);
    }
    return GD_OK;
}

gd_status gd_graph_check_expects(const gd_graph *graph, const gd_config *config, gd_error *err)
{
    gd_status rc = check_graph(graph, config, err);

    return rc ? rc : check_head(graph, config, err);
}
