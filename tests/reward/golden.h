/* golden.h - the tiny models of tests/data/golden, with reference scores of their texts. */
#ifndef GD_TESTS_REWARD_GOLDEN_H
#define GD_TESTS_REWARD_GOLDEN_H

#include "tests/check.h"

#define GOLDEN_MODELS 13
extern const char *const golden_models[GOLDEN_MODELS]; /* scored by Transformers */

/* Models with sums of several blocks, and with numbers near 2^-126. make_edges.py computed their scores in float64;
 * there are none in bf16. */
#define GOLDEN_EDGES 2
extern const char *const golden_edges[GOLDEN_EDGES];

typedef struct golden {
    size_t count;
    gd_text *texts;
    double *f64, *lora_f64, *bf16; /* [count] reference scores; bf16 is NaN where there are none */
    size_t *tokens;
    void *json; /* owns the texts */
} golden;

void golden_load(golden *g, const char *model);
void golden_free(golden *g);

/* Options for a golden model, as the reference ran: 512 tokens, truncated on the right. lora: with the adapter
 * MODEL-lora. The paths are in static buffers, valid until the next call. */
gd_options golden_options(const char *model, int lora);

/* These items, and room for their results. */
gd_items golden_items(const gd_item *list, size_t count, gd_item_result *results);

/* Opens, scores all texts, closes; the caller frees the scores. */
float *golden_scores(const gd_options *options, const golden *g);

#endif
