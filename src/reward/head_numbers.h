/* head_numbers.h - numbers of a head that are made of tensors: rows, less others; an expression, element by element. */
#ifndef GD_REWARD_HEAD_NUMBERS_H
#define GD_REWARD_HEAD_NUMBERS_H

#include "graph/plan.h"
#include "text/tokenizer.h"

/* What messages name, and who knows the ids of tokens. */
typedef struct gd_head_rows_source {
    const gd_tokenizer *tokenizer;
    const char *dir, *head;
} gd_head_rows_source;

/* Rows of a matrix, or elements of a vector, each rounded once to fp32. */
gd_status gd_head_read_rows(float *to, const gd_view *tensor, const gd_plan_rows *rows,
                            const gd_head_rows_source *source, gd_error *err);

/* `count` numbers by the expression over the tensors, each of as many numbers or of one; path and head are for
 * messages. */
gd_status gd_head_read_value(float *to, size_t count, const gd_view *const *tensors, const gd_plan_value *value,
                             const char *path, const char *head, gd_error *err);

#endif
