/* same_model.h - whether two paths or names mean the same model. */
#ifndef GD_REWARD_SAME_MODEL_H
#define GD_REWARD_SAME_MODEL_H

#include <stdbool.h>

/* Whether they may: their last parts are the same name, in any spelling or form (Meta-Llama-3-8B, llama3-8b-hf), or one
 * says nothing ("checkpoint-500") or too little (".../7b/1"). In the Hugging Face cache, the repository is the name. */
bool gd_same_model(const char *a, const char *b);

#endif
