/* charmap.h - the ids of the tokens that are one character: a page of 256 for each part of Unicode that has any. */
#ifndef GD_TEXT_CHARMAP_H
#define GD_TEXT_CHARMAP_H

#include "text/unicode.h"
#include "text/vocab.h"

typedef struct gd_charmap {
    uint16_t page_of[GD_UNICODE_END >> 8]; /* one more than the place in pages; 0: no page */
    uint32_t (*pages)[256];                /* GD_NO_TOKEN: no token */
    size_t count, room;
} gd_charmap;

void gd_charmap_free(gd_charmap *map);

/* False without memory. */
bool gd_charmap_set(gd_charmap *map, uint32_t c, uint32_t id);

static inline uint32_t gd_charmap_get(const gd_charmap *map, uint32_t c)
{
    const uint16_t page = map->page_of[c >> 8];

    return page ? map->pages[page - 1][c & 255] : GD_NO_TOKEN;
}

#endif
