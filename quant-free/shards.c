/* shards.c - how a checkpoint is divided into files. */
#include "quant-free/shards.h"

#include "base/error.h"
#include "base/mem.h"
#include "quant-free/convert.h"
#include "quant-free/st_write.h"

#include <stdio.h>
#include <string.h>

enum { SHARDS_MAX = 1024 }; /* the most that weights.c accepts; with the usual limit, 5 TB */

/* The number of tensors, from `first` on, that go into one file. */
static size_t fill(const gd_view *const *views, size_t first, size_t count, uint64_t limit)
{
    uint64_t bytes = 0;
    size_t i = first;

    while (i < count && (i == first || (bytes <= limit && views[i]->bytes <= limit - bytes)))
        bytes += views[i++]->bytes;
    return i - first;
}

static void name_all(gd_shards *shards)
{
    for (size_t i = 0; i < shards->count && shards->count > 1; i++)
        (void)snprintf(shards->list[i].name, sizeof shards->list[i].name, "model-%05zu-of-%05zu.safetensors", i + 1,
                       shards->count);
    if (shards->count == 1)
        (void)snprintf(shards->list[0].name, sizeof shards->list[0].name, "model.safetensors");
}

gd_status gd_shards_plan(gd_shards *shards, const gd_view **views, size_t count, uint64_t limit, gd_error *err)
{
    *shards = (gd_shards){ .list = gd_alloc_zero(SHARDS_MAX, sizeof(gd_shard)) };
    if (!shards->list)
        return gd_fail_memory(err, SHARDS_MAX * sizeof(gd_shard));
    for (size_t first = 0, some; first < count || shards->count == 0; first += some) {
        if (shards->count == SHARDS_MAX)
            return gd_fail(err, GD_EUNSUPPORTED, "with at most %llu bytes per file there would be more than %d files",
                           (unsigned long long)limit, SHARDS_MAX);
        some = fill((const gd_view *const *)views, first, count, limit);
        shards->list[shards->count++] = (gd_shard){ .first = first, .count = some };
        gd_st_sort(views + first, some);
    }
    for (size_t i = 0; i < count; i++)
        shards->bytes += views[i]->bytes; /* at most the sizes of existing files */
    name_all(shards);
    return GD_OK;
}

void gd_shards_free(gd_shards *shards)
{
    gd_free(shards->list);
    *shards = (gd_shards){ 0 };
}

void gd_shards_index(const gd_shards *shards, const gd_view *const *views, gd_buf *json)
{
    uint64_t elements = 0;
    const char *sep = "";

    for (size_t s = 0; s < shards->count; s++)
        for (size_t i = 0; i < shards->list[s].count; i++)
            elements += gd_view_elements(views[shards->list[s].first + i]);
    gd_buf_printf(json,
                  "{\n  \"metadata\": {\n    \"total_parameters\": %llu,\n    \"total_size\": %llu\n  },\n"
                  "  \"weight_map\": {",
                  (unsigned long long)elements, (unsigned long long)shards->bytes);
    for (size_t s = 0; s < shards->count; s++)
        for (size_t i = 0; i < shards->list[s].count; i++) {
            const char *name = views[shards->list[s].first + i]->name;

            gd_buf_printf(json, "%s\n    ", sep);
            gd_buf_json_string(json, name, strlen(name));
            gd_buf_printf(json, ": \"%s\"", shards->list[s].name);
            sep = ",";
        }
    gd_buf_str(json, "\n  }\n}\n");
}
