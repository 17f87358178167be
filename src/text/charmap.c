/* charmap.c - the ids of the tokens that are one character. */
#include "text/charmap.h"

#include "base/mem.h"

#include <string.h>

void gd_charmap_free(gd_charmap *map)
{
    gd_free(map->pages);
    *map = (gd_charmap){ 0 };
}

bool gd_charmap_set(gd_charmap *map, uint32_t c, uint32_t id)
{
    if (!map->page_of[c >> 8]) {
        if (!gd_grow((void **)&map->pages, &map->room, map->count + 1, sizeof *map->pages))
            return false;
        memset(map->pages[map->count], 0xFF, sizeof *map->pages);
        map->page_of[c >> 8] = (uint16_t)++map->count;
    }
    map->pages[map->page_of[c >> 8] - 1][c & 255] = id;
    return true;
}
