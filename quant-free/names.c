/* names.c - the names that a checkpoint or an adapter gives the tensors which a graph reads. */
#include "quant-free/names.h"

#include "base/error.h"

#include <stdio.h>
#include <string.h>

const char *gd_names_put(const char *name, const char *from, const char *to, char room[GD_NAME_BYTES])
{
    const size_t len = strlen(from);
    int n;

    if (strncmp(name, from, len) != 0)
        return NULL;
    n = snprintf(room, GD_NAME_BYTES, "%s%s", to, name + len);
    return n > 0 && n < GD_NAME_BYTES ? room : NULL;
}

/* The first wanted name that is there in this form, put into `room`; NULL if none is. */
static const char *find_form(const gd_names_search *s, const gd_alias *alias, const char *to, char room[GD_NAME_BYTES])
{
    for (size_t i = 0; i < s->count; i++) {
        const char *name = gd_names_put(s->wanted[i], alias->from, to, room);

        if (name && s->has(s->context, name))
            return name;
    }
    return NULL;
}

static gd_status find_alias(gd_names *out, const gd_names_search *s, const gd_alias *alias, gd_error *err)
{
    char first[GD_NAME_BYTES], other[GD_NAME_BYTES];
    const char *used = find_form(s, alias, alias->from, first) ? alias->from : NULL;
    struct gd_name_form *form;

    for (size_t i = 0; i < alias->count; i++) {
        if (!find_form(s, alias, alias->to[i], used ? other : first))
            continue;
        if (used)
            return gd_fail(err, GD_EFORMAT,
                           "%s: there are both \"%s\" and \"%s\", but the model's tensors under one of these names are "
                           "expected",
                           s->path, first, other);
        used = alias->to[i];
    }
    if (!used || used == alias->from || out->count == GD_ALIASES_MAX)
        return GD_OK;
    form = &out->list[out->count++];
    (void)snprintf(form->graph, sizeof form->graph, "%s", alias->from);
    (void)snprintf(form->file, sizeof form->file, "%s", used);
    return GD_OK;
}

gd_status gd_names_find(gd_names *out, const gd_names_search *search, gd_error *err)
{
    gd_status rc = GD_OK;

    out->count = 0;
    for (size_t i = 0; !rc && i < search->alias_count; i++)
        rc = find_alias(out, search, &search->aliases[i], err);
    return rc;
}

const char *gd_names_in_file(const gd_names *names, const char *name, char room[GD_NAME_BYTES])
{
    for (size_t i = 0; i < names->count; i++) {
        const char *put = gd_names_put(name, names->list[i].graph, names->list[i].file, room);

        if (put)
            return put;
    }
    return name;
}

const char *gd_names_in_graph(const gd_names *names, const char *name, char room[GD_NAME_BYTES])
{
    for (size_t i = 0; i < names->count; i++) {
        const char *put = gd_names_put(name, names->list[i].file, names->list[i].graph, room);

        if (put)
            return put;
    }
    return name;
}
