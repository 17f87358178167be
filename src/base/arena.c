/* arena.c - many small pieces of memory with one lifetime. */
#include "base/arena.h"

#include "base/mem.h"

#include <stdalign.h>
#include <string.h>

#define BLOCK_BYTES 16384u

struct gd_arena_block {
    gd_arena_block *next;
    size_t used, room;
    alignas(max_align_t) unsigned char data[];
};

static gd_arena_block *new_block(gd_arena *arena, size_t room)
{
    size_t bytes;
    gd_arena_block *block = gd_add(room, sizeof *block, &bytes) ? gd_alloc_zero(bytes, 1) : NULL;

    if (!block)
        return NULL;
    block->room = room;
    block->next = arena->blocks;
    arena->blocks = block;
    return block;
}

void *gd_arena_alloc(gd_arena *arena, size_t count, size_t size)
{
    gd_arena_block *block = arena->blocks;
    size_t bytes;
    void *p;

    if (!gd_mul(count, size, &bytes) || !gd_add(bytes, alignof(max_align_t) - 1, &bytes))
        return NULL;
    bytes &= ~(size_t)(alignof(max_align_t) - 1);
    if (!block || block->room - block->used < bytes)
        block = new_block(arena, bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES);
    if (!block)
        return NULL;
    p = block->data + block->used;
    block->used += bytes;
    return p;
}

char *gd_arena_strndup(gd_arena *arena, const char *s, size_t len)
{
    char *copy = len < SIZE_MAX ? gd_arena_alloc(arena, len + 1, 1) : NULL;

    if (copy && len > 0) /* of an empty text, s may be NULL */
        memcpy(copy, s, len);
    return copy;
}

void gd_arena_free(gd_arena *arena)
{
    while (arena->blocks) {
        gd_arena_block *next = arena->blocks->next;

        gd_free(arena->blocks);
        arena->blocks = next;
    }
}
