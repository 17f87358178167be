/* adapter_names.c - the names of an adapter's modules, and those of the model that it is for. */
#include "quant-free/adapter_inside.h"

#include "base/error.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

bool gd_adapter_is_of_images(const char *name)
{
    static const char *const parts[] = { "vision_tower.", "multi_modal_projector." };
    const char *inner = strncmp(name, "model.", 6) == 0 ? name + 6 : name;

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (strncmp(inner, parts[i], strlen(parts[i])) == 0)
            return true;
    return false;
}

static bool has(const void *context, const char *name)
{
    const gd_adapter *ad = context;
    const char *embedding = ad->embedding ? ad->embedding->name + strlen(GD_ADAPTER_PREFIX) : "";
    const size_t len = strlen(name);

    return gd_adapter_module_find(ad, name, len) ||
           (gd_adapter_saved_len(embedding) && gd_adapter_saved_len(embedding) == len &&
            strncmp(embedding, name, len) == 0);
}

gd_status gd_adapter_settle(gd_adapter *ad, const gd_names_search *search, gd_error *err)
{
    gd_names_search own = *search;
    char room[GD_NAME_BYTES];
    gd_status rc;

    own.has = has;
    own.context = ad;
    own.path = ad->path;
    rc = gd_names_find(&ad->names, &own, err);
    for (size_t i = 0; !rc && i < ad->count; i++) {
        char *name = gd_strdup(gd_names_in_graph(&ad->names, ad->modules[i].name, room));

        if (!name)
            return gd_fail_memory(err, sizeof room);
        gd_free(ad->modules[i].name);
        ad->modules[i].name = name;
    }
    gd_adapter_sort(ad);
    return rc;
}

bool gd_adapter_embeds(const gd_adapter *ad, const char *weight)
{
    const char *name = ad->embedding ? ad->embedding->name + strlen(GD_ADAPTER_PREFIX) : "";
    const size_t len = gd_adapter_saved_len(name);
    char room[GD_NAME_BYTES];
    const char *own = gd_names_in_file(&ad->names, weight, room);

    return len && gd_adapter_saved_len(own) == len && strncmp(name, own, len) == 0;
}

static int by_string(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

gd_status gd_adapter_check(const gd_adapter *ad, const char *const *modules, size_t count, gd_error *err)
{
    const char **sorted = gd_alloc(count, sizeof *sorted);
    gd_status rc = GD_OK;

    if (!sorted)
        return gd_fail_memory(err, count * sizeof *sorted);
    if (count)
        memcpy(sorted, modules, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_string);
    for (size_t i = 0; i < ad->count && !rc; i++) {
        const char *name = ad->modules[i].name;

        if (!bsearch(&name, sorted, count, sizeof *sorted, by_string))
            rc = gd_fail(err, GD_EFORMAT, "%s: module \"%s\" has LoRA, but is not a linear module of the model",
                         ad->path, name);
    }
    for (size_t i = 0; i < count && !rc; i++) {
        bool targeted = false;
        char room[GD_NAME_BYTES];

        rc = gd_adapter_config_targets(&ad->config, gd_names_in_file(&ad->names, sorted[i], room), &targeted, err);
        if (!rc && targeted && !gd_adapter_module_find(ad, sorted[i], strlen(sorted[i])))
            rc = gd_fail(err, GD_EFORMAT, "%s: module \"%s\" has no LoRA, but %s targets it", ad->path, sorted[i],
                         ad->config.path);
    }
    gd_free(sorted);
    return rc;
}
