/* rehearsal.h - what a dry run finds out: how long the texts are, and what computing them would take. */
#ifndef GD_REWARD_REHEARSAL_H
#define GD_REWARD_REHEARSAL_H

#include "reward/model.h"

struct gd_rehearsal {
    uint32_t *lengths; /* [texts] in tokens */
    size_t texts, room;
    uint64_t tokens;  /* of all texts */
    uint64_t rows;    /* that would be computed */
    uint64_t batches; /* in which they would be */
};

/* NULL if out of memory. */
gd_rehearsal *gd_rehearsal_new(void);
void gd_rehearsal_free(gd_rehearsal *rehearsal); /* NULL is fine */

/* Another run begins. */
void gd_rehearsal_clear(gd_rehearsal *rehearsal);

gd_status gd_rehearsal_text(gd_rehearsal *rehearsal, size_t tokens, gd_error *err);

/* *seconds becomes what an operation of the model's matrix products takes, going by one product that is measured; 0 if
 * the checkpoint has none of them under its own name. */
gd_status gd_rehearsal_speed(const gd_model *model, const gd_engine *engine, double *seconds, gd_error *err);

/* *seconds becomes about what the model's matrix products would take for the rows and texts counted, going by one
 * product that is measured. */
gd_status gd_rehearsal_seconds(const gd_model *model, double *seconds, gd_error *err);

#endif
