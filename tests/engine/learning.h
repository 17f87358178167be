/* learning.h - a batch of a golden model and its gradients: shared by the tests of training. */
#ifndef GD_TESTS_ENGINE_LEARNING_H
#define GD_TESTS_ENGINE_LEARNING_H

#include "tests/check.h"

#include "backends/backend.h"
#include "data/trie.h"
#include "engine/learn.h"
#include "quant-free/adapter.h"

enum { PAIRS = 4, TEXTS = 2 * PAIRS, LONGEST = 512 };

/* The model, an adapter, and a batch: chosen 0, rejected 0, chosen 1 ... */
struct learning {
    gd_config *config;
    gd_plan *plan;
    gd_weights *weights;
    gd_adapter *adapter;
    gd_lora *lora;
    gd_learning learning;
    gd_view *masters; /* [learning.weight_count] once every weight learns, with values of their own */
    gd_engine_parts parts;
    gd_span texts[TEXTS];
    size_t pooled_first[TEXTS + 1];
    uint32_t pooled[TEXTS];
    gd_trie trie;
    double center;
    size_t longest; /* tokens of a text: the rest is cut off */
};

/* Directories of a model and an adapter, a file of texts, and the tensor that the adapter's head replaces. */
struct learning_paths {
    const char *model, *adapter, *batch, *head;
};
void learning_open_at(struct learning *c, const struct learning_paths *paths, gd_dtype operand, bool share,
                      size_t longest);

/* The texts are in `batch`, ids of pairs or of single texts; all paths are below tests/data/golden. */
void learning_open(struct learning *c, const char *model, const char *adapter, const char *batch, gd_dtype operand,
                   bool share, size_t longest);

/* A golden model with its adapter, and the first texts of its reference scores. */
enum { LEARNING_MODELS = 12 };
extern const char *const learning_models[LEARNING_MODELS];
void learning_open_model(struct learning *c, const char *model, gd_dtype operand, size_t longest);

/* Then the model has the head of this description, whose weights are the caller's to provide. */
void learning_head(struct learning *c, const char *yaml);

/* Then every weight of the model learns, besides the adapter and its head; or instead of them. */
void learning_weights(struct learning *c);
void learning_all(struct learning *c);

void learning_close(struct learning *c);

/* All gradients one after the other: by step A', then B'; those of weights that learn; the head's. */
struct gradients {
    size_t count;
    float *values;
};

/* The mean over pairs of -log sigmoid(chosen - rejected) + center * (chosen + rejected)^2; context: the case. */
gd_learner_loss learning_loss;

/* Those of the learner's last run; the caller frees the values. */
void learning_fetch(struct gradients *out, struct learning *c, gd_learner *learner);

/* Those of a run with so many layers kept; the caller frees the values. */
void learning_gradients(struct gradients *out, struct learning *c, size_t keep);

#endif
