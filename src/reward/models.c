/* models.c - lists what is known in JSON: trunks, heads, chat formats. All of it is read from the descriptions that are
 * built in, and from the classes that config.c knows. */
#include "base/result.h"
#include "graph/graph.h"
#include "guerdon.h"
#include "quant-free/config.h"
#include "reward/describe.h"
#include "text/chat.h"

#include <string.h>

static json_t *put_classes(gd_result *out, json_t *into, const gd_yaml_node *list)
{
    json_t *classes = gd_put_list(out, into, "classes");

    for (const gd_yaml_node *c = list ? list->child : NULL; c; c = c->next)
        gd_put_text(out, classes, NULL, c->text);
    return classes;
}

/* The classes of checkpoints that have this graph under a name of their own. */
static void put_own_classes(gd_result *out, json_t *classes, const gd_graph *graph)
{
    const char *name, *trunk = NULL;

    for (size_t i = 0; (name = gd_config_own_class(i, &trunk)) != NULL; i++)
        if (gd_graph_matches(graph, trunk) && !gd_graph_matches(graph, name))
            gd_put_text(out, classes, NULL, name);
}

static gd_status put_trunk(gd_result *out, json_t *list, const gd_graph_builtin *builtin, gd_error *err)
{
    gd_graph graph;
    gd_status rc = gd_graph_parse(&graph, builtin->text, builtin->len, builtin->name, err);

    if (!rc) {
        json_t *trunk = gd_put_object(out, list, NULL);

        gd_put_text(out, trunk, "name", graph.name);
        gd_put_text(out, trunk, "about", graph.about);
        put_own_classes(out, put_classes(out, trunk, graph.matches), &graph);
        gd_put_text(out, trunk, "head", graph.nodes[graph.node_count - 1].w[0].name->text);
    }
    gd_graph_free(&graph);
    return rc;
}

static bool is_listed(const json_t *list, const char *text)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!strcmp(json_string_value(json_array_get(list, i)), text))
            return true;
    return false;
}

static void put_tensor(gd_result *out, json_t *list, const char *name)
{
    if (!is_listed(list, name))
        gd_put_text(out, list, NULL, name);
}

static void put_tensors_of(gd_result *out, json_t *list, const gd_graph_weight *w)
{
    const char *name;

    for (size_t i = 0; (name = gd_graph_tensor(w, i)) != NULL; i++)
        put_tensor(out, list, name);
}

/* The tensors of a head.  Returns whether it takes rows of one, which any language model has. */
static bool put_tensors(gd_result *out, json_t *into, const gd_graph *head)
{
    json_t *tensors = gd_put_list(out, into, "tensors");
    bool parts = false;

    for (size_t n = 0; n < head->node_count; n++)
        for (unsigned i = 0; i < head->nodes[n].w_count; i++) {
            put_tensors_of(out, tensors, &head->nodes[n].w[i]);
            parts |= head->nodes[n].w[i].rows != NULL;
        }
    return parts;
}

/* How `--head auto` finds it: choose_head.c. */
static const char *found_by(const gd_graph *head, bool parts)
{
    const bool by_class = gd_yaml_get(head->head, "classes") != NULL;

    if (head->head_file)
        return "its file";
    if (parts || head->head_asked || head->place.what || head->also.what)
        return by_class ? "its class" : "--head";
    return by_class ? "its class, or its tensors" : "its tensors";
}

/* What config.json must say, as in the description. */
static void put_expects(gd_result *out, json_t *into, const gd_yaml_node *expects)
{
    json_t *fields = expects ? gd_put_object(out, into, "expects") : NULL;

    if (!fields)
        gd_put_text(out, into, "expects", NULL);
    for (const gd_yaml_node *k = expects ? expects->child : NULL; k; k = k->next->next)
        gd_put_text(out, fields, k->text, k->next->text);
}

static gd_status put_head(gd_result *out, json_t *list, const gd_graph_builtin *builtin, gd_error *err)
{
    gd_graph head;
    gd_status rc = gd_graph_parse_head(&head, builtin, err);

    if (!rc) {
        json_t *one = gd_put_object(out, list, NULL);
        bool parts;

        gd_put_text(out, one, "name", gd_yaml_get(head.head, "name")->text);
        gd_put_text(out, one, "about", head.about);
        (void)put_classes(out, one, gd_yaml_get(head.head, "classes"));
        parts = put_tensors(out, one, &head);
        gd_put_text(out, one, "file", head.head_file);
        gd_put_places(out, one, &head);
        put_expects(out, one, head.head_expects);
        gd_put_text(out, one, "found_by", found_by(&head, parts));
    }
    gd_graph_free(&head);
    return rc;
}

static gd_status put_chat(gd_result *out, json_t *list, const gd_chat_builtin *builtin, gd_error *err)
{
    gd_chat *chat;
    gd_status rc = gd_chat_open_builtin(&chat, builtin, err);

    if (!rc) {
        json_t *one = gd_put_object(out, list, NULL);

        gd_put_text(out, one, "name", gd_chat_name(chat));
        gd_put_text(out, one, "about", gd_chat_about(chat));
        gd_put_text(out, one, "found_by",
                    gd_chat_is_recognised(chat) ? "the checkpoint's chat template" : "--chat-format");
        gd_chat_close(chat);
    }
    return rc;
}

gd_status gd_models(char **json, gd_error *err)
{
    gd_result out = { .root = json_object() };
    json_t *list = gd_put_list(&out, out.root, "trunks");
    gd_status rc = GD_OK;

    *json = NULL;
    for (const gd_graph_builtin *g = gd_graph_builtins; !rc && g->text; g++)
        rc = put_trunk(&out, list, g, err);
    list = gd_put_list(&out, out.root, "heads");
    for (const gd_graph_builtin *h = gd_graph_heads; !rc && h->text; h++)
        rc = put_head(&out, list, h, err);
    list = gd_put_list(&out, out.root, "chat_formats");
    for (const gd_chat_builtin *c = gd_chat_builtins; !rc && c->text; c++)
        rc = put_chat(&out, list, c, err);
    if (!rc)
        rc = gd_result_text(&out, JSON_COMPACT, json, err);
    json_decref(out.root);
    return rc;
}
