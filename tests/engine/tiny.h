/* tiny.h - a model of a few layers and two labels for the fake backend. Its scores can be written down: a token is its
 * place in the alphabet, and the residual stream begins as (token, 1). */
#ifndef GD_TESTS_TINY_H
#define GD_TESTS_TINY_H

#include "tests/check.h"

#include "engine/engine.h"

enum { TINY_LABELS = 2, TINY_LAYERS = 4 /* at most */ };

/* The pooled rows' positions are letters, "a" for the first token; NULL: the last token alone. */
typedef struct tiny_text {
    const char *text, *pooled;
} tiny_text;

typedef struct tiny {
    gd_config *config;
    gd_plan *plan;
    gd_weights *weights;
    bool gated;            /* its layers end with a gated product */
    uint64_t live;         /* allocations before it was opened */
    gd_engine_parts parts; /* for the fake backend; a test may change them before it opens an engine */
} tiny;

/* Writes the model into a directory, and opens all but the engine. */
void tiny_open(tiny *t, const char *dir, size_t layers);

/* The same with a gated product at the end of each layer. */
void tiny_open_gated(tiny *t, const char *dir, size_t layers);

/* Closes it, and checks that nothing is left, on the fake device either. */
void tiny_close(tiny *t);

/* Runs the texts as one batch. */
gd_status tiny_run(gd_engine *engine, const tiny_text *texts, size_t count, bool share, gd_error *err);

/* The same, which must succeed with the scores that the definition gives: whole numbers, exact where texts are so short
 * that these are below 2^24. */
void tiny_check(const tiny *t, gd_engine *engine, const tiny_text *texts, size_t count, bool share);

#endif
