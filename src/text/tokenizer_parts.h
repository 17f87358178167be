/* tokenizer_parts.h - what a tokenizer consists of once it is open; only tokenizer.c and tokenizer_open.c need it. */
#ifndef GD_TEXT_TOKENIZER_PARTS_H
#define GD_TEXT_TOKENIZER_PARTS_H

#include "text/added.h"
#include "text/bpe.h"
#include "text/components.h"
#include "text/tokenizer.h"

#include <pthread.h>

/* The states of texts in the pipeline (tokenizer.c) that are not in use. */
typedef struct gd_idle_runs {
    pthread_mutex_t lock;
    struct gd_run *first;
} gd_idle_runs;

struct gd_tokenizer {
    uint8_t *classes;
    gd_bpe bpe;
    gd_added added;
    gd_normalizer normalizer;
    gd_pretoken pretoken;
    gd_template template;
    size_t size;
    size_t most_piece; /* bytes; 0: no limit */
    gd_notes notes;
    gd_notes *problems; /* while it is opened by gd_tokenizer_problems(); else NULL: the first one is a failure */
    bool from_model;    /* made of a tokenizer.model */
    gd_idle_runs *idle; /* with gd_bpe's `whole`, the only part that changes once the tokenizer is open */
};

/* NULL is fine. */
void gd_idle_runs_free(gd_idle_runs *idle);

#endif
