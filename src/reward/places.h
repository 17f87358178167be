/* places.h - the tokens of a text at which the head reads it. */
#ifndef GD_REWARD_PLACES_H
#define GD_REWARD_PLACES_H

#include "graph/plan.h"
#include "quant-free/special.h"
#include "text/tokenizer.h"

/* A place with the ids that are looked for, if the place needs any. */
typedef struct gd_place {
    gd_pooling pool;
    uint32_t *ids; /* [count] */
    size_t count;
    bool first_token; /* they are read at the first, not the last */
    bool is_id;       /* `text` is that of a number, the id itself */
    char *text;       /* the same as the head's description has it */
} gd_place;

/* All zero is the usual: one place, the rightmost token that isn't pad. */
typedef struct gd_places {
    gd_place place;
    gd_place also; /* and a second one of each text, */
    bool has_also; /* if there is one */
} gd_places;

/* Finds the ids of the plan's places; dir is for messages.  Close it even after failure. */
gd_status gd_places_open(gd_places *places, const gd_plan *plan, const gd_tokenizer *tokenizer, const char *dir,
                         gd_error *err);
void gd_places_close(gd_places *places);

/* Whether a text is read at as many tokens as it has steps. */
bool gd_places_have_steps(const gd_places *places);

/* How many positions become one score: 1, or 2 of a text that is read at two places. */
size_t gd_places_a_score(const gd_places *places);

/* Replaces *out with the positions at which a text of at least one id is read: steps in ascending order; that of
 * `also` last.
 * Fails with GD_EFORMAT, and a sentence about the text, if what is looked for is not in it. */
gd_status gd_places_find(const gd_places *places, const gd_special_ids *special, const gd_ids *ids, gd_ids *out,
                         gd_error *err);

/* The position whose hidden state the head reads, by a rule that looks for nothing.  Usually that of the rightmost id
 * that is not the pad id, as in Transformers (modeling_layers.py, GenericForSequenceClassification): the last one if no
 * pad id is known, 0 if all are pad. */
size_t gd_pooled_position(gd_pooling pool, const gd_special_ids *special, const uint32_t *ids, size_t count);

#endif
