/* read_labels.c - the syntax of what a head gives besides its last node: the score's name, and columns with names. */
#include "graph/read.h"

#include <string.h>

static gd_status read_names(const gd_graph_reader *r, const gd_yaml_node *names)
{
    r->graph->label_names = names;
    if (names->kind == GD_YAML_SCALAR && strcmp(names->text, "id2label") != 0)
        return gd_yaml_fail(r->graph->doc, names, r->err, GD_EFORMAT,
                            "names is \"%s\", but a list of names, or id2label, the field of config.json, is expected",
                            names->text);
    return names->kind == GD_YAML_SCALAR ? GD_OK : gd_yaml_expect(r->graph->doc, names, GD_YAML_LIST, "names", r->err);
}

gd_status gd_read_labels(const gd_graph_reader *r, const gd_yaml_node *map)
{
    static const char *const keys[] = { "in", "names" };
    const gd_yaml_node *found[2] = { NULL };
    gd_status rc = gd_read_map(r, map, "labels", keys, 2, 2, found);

    if (!rc && gd_pooling_has_steps(r->graph->place.pool))
        rc = gd_yaml_fail(r->graph->doc, map, r->err, GD_EUNSUPPORTED,
                          "labels are those of a text, but pool makes a text of steps");
    if (!rc)
        rc = gd_read_name(r, found[0], "in");
    if (!rc)
        rc = read_names(r, found[1]);
    r->graph->labels = found[0];
    return rc;
}
