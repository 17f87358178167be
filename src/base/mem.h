/* mem.h - every allocation of the library goes through here: multiplications are checked, and a test can make
 * the N-th allocation fail. */
#ifndef GD_BASE_MEM_H
#define GD_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* count * size bytes, not cleared; NULL on overflow or without memory.  0 bytes give a valid pointer. */
void *gd_alloc(size_t count, size_t size);

/* The same, all zero. */
void *gd_alloc_zero(size_t count, size_t size);

/* Grows or shrinks; p may be NULL.  On failure p stays valid. */
void *gd_realloc(void *p, size_t count, size_t size);

/* Aligned to 64 bytes (a cache line, and the widest vector), not cleared; freed with gd_free. */
void *gd_alloc_aligned(size_t bytes);

/* The same for blocks that may be large: weights, activations. From 4 MiB on, a block is mapped from the system, so
 * that freeing it returns the memory immediately, and uses huge pages if possible. Freed with gd_large_free. */
void *gd_large_alloc(size_t bytes);
void gd_large_free(void *p);
size_t gd_large_bytes(size_t bytes); /* the memory that such a block takes */

/* A copy of len bytes, NUL-terminated. */
char *gd_strndup(const char *s, size_t len);
char *gd_strdup(const char *s);

void gd_free(void *p);

/* Makes room for `need` elements in a growing array, by doubling it; false without memory. */
bool gd_grow(void **p, size_t *room, size_t need, size_t size);

/* Overflow-checked arithmetic: true when *out holds the exact result. */
static inline bool gd_mul(size_t a, size_t b, size_t *out) { return !__builtin_mul_overflow(a, b, out); }
static inline bool gd_add(size_t a, size_t b, size_t *out) { return !__builtin_add_overflow(a, b, out); }

/* A sum, or SIZE_MAX where that overflows: of bytes, more than any machine has. */
static inline size_t gd_sum(size_t a, size_t b) { return a > SIZE_MAX - b ? SIZE_MAX : a + b; }

/* For tests: allocation number n from now (1 is the next) fails, and so do all later ones; 0 turns this off. */
void gd_mem_fail_from(uint64_t n);

/* For tests: the number of allocations not yet freed. */
uint64_t gd_mem_live(void);

#endif
