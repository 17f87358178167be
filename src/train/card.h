/* card.h - the model card of a trained adapter: README.md of its folder, as the Hugging Face Hub expects it. */
#ifndef GD_TRAIN_CARD_H
#define GD_TRAIN_CARD_H

#include "base/json.h"

/* Makes the card from the logs (outcome.h says what they are): metadata in YAML, then Markdown.  The caller frees
 * *markdown; NULL on failure, which is for lack of memory only. */
gd_status gd_train_card(char **markdown, const json_t *run, const json_t *log, const json_t *times, gd_error *err);

#endif
