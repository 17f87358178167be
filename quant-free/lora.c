/* lora.c - one module's LoRA, and the weight that it is for. */
#include "quant-free/adapter.h"

#include "base/error.h"

gd_status gd_lora_check(const gd_lora *lora, size_t out_features, size_t in_features, const char *module,
                        const char *path, gd_error *err)
{
    if (lora->a->shape[1] != in_features || lora->b->shape[0] != out_features)
        return gd_fail(err, GD_EFORMAT,
                       "%s: module \"%s\": LoRA is for a weight of [%zu, %zu], but the model's is [%zu, %zu]", path,
                       module, lora->b->shape[0], lora->a->shape[1], out_features, in_features);
    return GD_OK;
}
