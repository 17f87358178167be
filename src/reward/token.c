/* token.c - what the ids of a model's tokenizer stand for. */
#include "base/error.h"
#include "reward/model.h"

gd_status gd_model_token(const gd_model *model, uint32_t id, gd_text *token, int *special, gd_error *err)
{
    const gd_tokenizer *tokenizer = model->encoder.tokenizer;
    bool is_special;

    if (!gd_tokenizer_look_up(tokenizer, id, token, &is_special))
        return gd_fail(err, GD_EUSAGE, "no token of the model has the id %u: its largest is %zu", id,
                       gd_tokenizer_size(tokenizer) - 1);
    if (special)
        *special = is_special;
    return GD_OK;
}
