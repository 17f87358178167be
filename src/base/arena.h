/* arena.h - many small pieces of memory with one lifetime. */
#ifndef GD_BASE_ARENA_H
#define GD_BASE_ARENA_H

#include <stddef.h>

typedef struct gd_arena_block gd_arena_block;

/* All zero is an empty arena. */
typedef struct gd_arena {
    gd_arena_block *blocks; /* the one being filled is first */
} gd_arena;

/* count * size bytes, all zero, aligned for any type; NULL on overflow or without memory. */
void *gd_arena_alloc(gd_arena *arena, size_t count, size_t size);

/* A copy of len bytes, NUL-terminated. */
char *gd_arena_strndup(gd_arena *arena, const char *s, size_t len);

/* Frees every piece. */
void gd_arena_free(gd_arena *arena);

#endif
