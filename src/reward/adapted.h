/* adapted.h - further adapters over a model: each has its own matrices, head, tokenizer and settings. */
#ifndef GD_REWARD_ADAPTED_H
#define GD_REWARD_ADAPTED_H

#include "reward/model.h"

/* Opens options->more_adapters over a model whose other files are open: model->more, and model->over for its engine.
 * Each must have the head of the model's own adapter, with numbers of its own. */
gd_status gd_adapted_open(gd_model *model, const gd_options *options, gd_error *err);
void gd_adapted_close(gd_model *model);

#endif
