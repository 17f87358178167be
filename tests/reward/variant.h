/* variant.h - golden models and adapters with something changed: other fields in a JSON file, other tensors. */
#ifndef GD_TESTS_REWARD_VARIANT_H
#define GD_TESTS_REWARD_VARIANT_H

#include "tests/check.h"
#include "tests/quant-free/files.h"

#include <jansson.h>

/* A tensor of a file that is being changed. */
typedef struct variant_tensor {
    char name[128];
    char dtype[8];
    size_t shape[2];
    unsigned rank;
    size_t bytes;
    unsigned char *data; /* the tensor's own */
} variant_tensor;

typedef struct variant_tensors {
    variant_tensor list[96];
    size_t count;
} variant_tensors;

/* Fills an empty directory with links to the files of tests/data/golden/NAME, but for its expectations. */
void variant_link(const char *dir, const char *name);

/* Sets members of a JSON file; null removes one. */
void variant_patch(const char *dir, const char *file, const json_t *members);
void variant_patch_text(const char *dir, const char *file, const char *members);

/* The tensors of a file; written back, with the links replaced by files. */
void variant_read(variant_tensors *t, const char *dir, const char *file);
void variant_write(const variant_tensors *t, size_t first, size_t count, const char *dir, const char *file);
void variant_free(variant_tensors *t);

/* Where the tensor is in the list; fails the test if it is absent. */
size_t variant_find(const variant_tensors *t, const char *name);
void variant_rename(variant_tensors *t, const char *from, const char *to);
void variant_drop(variant_tensors *t, const char *name);

/* Adds a tensor of bytes that are all `byte`: a vector if cols is 0. */
variant_tensor *variant_add(variant_tensors *t, const char *name, const char *dtype, size_t rows, size_t cols,
                            unsigned char byte);

/* Score of each text with the model in `dir`; `adapter` may be NULL. */
void variant_score(const char *dir, const char *adapter, const char *precision, const char *const *texts, size_t count,
                   float *scores);

#endif
