/* read_place.c - the syntax of the place where a head reads a text: a word, or a token or pattern to look for. */
#include "graph/read.h"

#include <string.h>

static const char *const words[] = { [GD_POOL_RIGHTMOST_NON_PAD] = "rightmost_non_pad",
                                     [GD_POOL_BEFORE_FIRST_PAD] = "before_first_pad",
                                     [GD_POOL_LAST] = "last",
                                     [GD_POOL_FIRST] = "first",
                                     [GD_POOL_LAST_PATTERN] = "last_pattern",
                                     [GD_POOL_FIRST_PATTERN] = "first_pattern",
                                     [GD_POOL_EACH_PATTERN] = "each_pattern",
                                     [GD_POOL_AT] = "at" };

const char *gd_pooling_word(gd_pooling pool) { return words[pool]; }

static gd_status fail_word(const gd_graph_reader *r, const gd_yaml_node *node, const char *what)
{
    return gd_yaml_fail(
        r->graph->doc, node, r->err, GD_EUNSUPPORTED,
        "%s is \"%s\", but rightmost_non_pad, before_first_pad, last or first is expected, or a mapping "
        "with at, each_pattern, last_pattern or first_pattern",
        what, node->text);
}

static gd_status read_word(const gd_graph_reader *r, const gd_yaml_node *word, const char *what, gd_graph_place *out)
{
    for (unsigned i = 0; i < GD_POOL_LAST_PATTERN; i++) {
        out->pool = (gd_pooling)i;
        if (!strcmp(word->text, words[i]))
            return GD_OK;
    }
    return fail_word(r, word, what);
}

/* token: first */
static gd_status read_token(const gd_graph_reader *r, const gd_yaml_node *word, gd_graph_place *out)
{
    const gd_status rc = gd_yaml_expect(r->graph->doc, word, GD_YAML_SCALAR, "token", r->err);

    if (rc)
        return rc;
    out->first_token = !strcmp(word->text, "first");
    if (!out->first_token && strcmp(word->text, "last") != 0)
        return gd_yaml_fail(r->graph->doc, word, r->err, GD_EFORMAT,
                            "token is \"%s\", but first or last is expected: which of the pattern's", word->text);
    return GD_OK;
}

/* What is looked for, by the one key that says how. */
static gd_status read_what(const gd_graph_reader *r, const gd_yaml_node *const found[4], gd_graph_place *out)
{
    gd_status rc = GD_OK;

    for (unsigned i = 0; !rc && i < 4; i++) {
        if (!found[i])
            continue;
        out->pool = (gd_pooling)(GD_POOL_LAST_PATTERN + i);
        out->what = found[i];
        rc = gd_yaml_expect(r->graph->doc, found[i], GD_YAML_SCALAR, words[out->pool], r->err);
        if (!rc && !*found[i]->text)
            rc = gd_yaml_fail(r->graph->doc, found[i], r->err, GD_EFORMAT, "%s is empty, but a text is expected",
                              words[out->pool]);
    }
    return rc;
}

/* {at: TOKEN}, or {last_pattern: TEXT, token: first}. */
static gd_status read_search(const gd_graph_reader *r, const gd_yaml_node *map, const char *what, gd_graph_place *out)
{
    enum { AT = 3, TOKEN };
    const char *const keys[] = { words[GD_POOL_LAST_PATTERN], words[GD_POOL_FIRST_PATTERN], words[GD_POOL_EACH_PATTERN],
                                 words[GD_POOL_AT], "token" };
    const gd_yaml_node *found[TOKEN + 1] = { NULL };
    gd_status rc = gd_read_map(r, map, what, keys, 0, TOKEN + 1, found);
    const size_t ways = map->count - (found[TOKEN] != NULL);

    if (!rc && (ways != 1 || (found[AT] && found[TOKEN])))
        rc = gd_yaml_fail(r->graph->doc, map, r->err, GD_EFORMAT, "%s has %zu keys, but one is expected%s", what,
                          map->count, found[TOKEN] ? ", with token for a pattern" : "");
    if (!rc && found[TOKEN])
        rc = read_token(r, found[TOKEN], out);
    return rc ? rc : read_what(r, found, out);
}

gd_status gd_read_place(const gd_graph_reader *r, const gd_yaml_node *node, const char *what, gd_graph_place *out)
{
    *out = (gd_graph_place){ .pool = GD_POOL_RIGHTMOST_NON_PAD };
    if (node->kind == GD_YAML_MAP)
        return read_search(r, node, what, out);
    if (node->kind == GD_YAML_SCALAR)
        return read_word(r, node, what, out);
    return gd_yaml_expect(r->graph->doc, node, GD_YAML_SCALAR, what, r->err);
}
