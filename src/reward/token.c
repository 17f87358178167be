/* token.c - what the ids of a model's tokenizer stand for. */
#include "base/error.h"
#include "reward/model.h"

gd_status gd_model_token(const gd_model *model, size_t adapter, uint32_t id, gd_text *token, int *special,
                         gd_error *err)
{
    const gd_tokenizer *tokenizer;
    bool is_special;

    if (adapter > model->more_count)
        return gd_fail(err, GD_EUSAGE, "adapter is %zu, but the model was opened with %zu more_adapters", adapter,
                       model->more_count);
    tokenizer = gd_model_encoder(model, adapter)->tokenizer;
    if (!gd_tokenizer_look_up(tokenizer, id, token, &is_special))
        return gd_fail(err, GD_EUSAGE, "no token has the id %u: the largest is %zu", id,
                       gd_tokenizer_size(tokenizer) - 1);
    if (special)
        *special = is_special;
    return GD_OK;
}
