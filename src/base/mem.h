/* mem.h - every allocation of the library goes through here: multiplication is checked, and a test can make
 * the N-th one fail. */
#ifndef GD_BASE_MEM_H
#define GD_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* count * size bytes, not cleared; NULL when that overflows or there is no memory.  0 bytes give a valid pointer. */
void *gd_alloc(size_t count, size_t size);

/* The same, all zero. */
void *gd_alloc_zero(size_t count, size_t size);

/* Grows or shrinks; p may be NULL.  On failure p stays as it was. */
void *gd_realloc(void *p, size_t count, size_t size);

/* Aligned to 64 bytes (a cache line, and the widest vector), not cleared; freed with gd_free. */
void *gd_alloc_aligned(size_t bytes);

/* The same for blocks that may be large: weights, activations. From 4 MiB on a block is the system's own, so that
 * freeing it gives the memory back at once, and asks for huge pages. Freed with gd_large_free. */
void *gd_large_alloc(size_t bytes);
void gd_large_free(void *p);
size_t gd_large_bytes(size_t bytes); /* the memory that such a block takes */

/* A copy of len bytes with a NUL behind. */
char *gd_strndup(const char *s, size_t len);
char *gd_strdup(const char *s);

void gd_free(void *p);

/* Makes room for `need` elements in a growing array, doubling: true when *p now has them. */
bool gd_grow(void **p, size_t *room, size_t need, size_t size);

/* Overflow-checked arithmetic: true when *out holds the exact result. */
static inline bool gd_mul(size_t a, size_t b, size_t *out) { return !__builtin_mul_overflow(a, b, out); }
static inline bool gd_add(size_t a, size_t b, size_t *out) { return !__builtin_add_overflow(a, b, out); }

/* For tests: allocation number n from now (1 is the next) fails, and every later one too; 0 switches it off. */
void gd_mem_fail_from(uint64_t n);

/* For tests: allocations made and not freed. */
uint64_t gd_mem_live(void);

#endif
