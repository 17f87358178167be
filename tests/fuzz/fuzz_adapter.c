/* fuzz_adapter.c - the tensors of an adapter. */
#include "tests/fuzz/fuzz.h"

#include "quant-free/adapter.h"
#include "tests/quant-free/files.h"

#include <math.h>

static const char config[] = "{\"peft_type\":\"LORA\",\"task_type\":\"SEQ_CLS\",\"r\":2,\"lora_alpha\":4,"
                             "\"target_modules\":[\"q_proj\",\"v_proj\"],\"rank_pattern\":{\"v_proj\":1}}";

static void use(const gd_adapter *adapter)
{
    for (size_t i = 0; i < gd_adapter_count(adapter); i++) {
        gd_error err = { 0 };
        gd_lora lora;

        assert_true(gd_adapter_find(adapter, gd_adapter_module(adapter, i), &lora));
        assert_true(lora.rank > 0 && isfinite(lora.scale));
        (void)fuzz_accepted(gd_lora_check(&lora, 2, 2, gd_adapter_module(adapter, i), "adapter", &err), &err);
    }
    assert_true(!gd_adapter_head(adapter) || gd_adapter_head(adapter)->rank == 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool written;
    gd_adapter *adapter;
    gd_error err = { 0 };

    if (!written)
        write_text(fuzz_dir(), "adapter_config.json", config);
    written = true;
    (void)fuzz_tensors("adapter_model.safetensors", data, size);
    if (fuzz_accepted(gd_adapter_open(&adapter, fuzz_dir(), "score.weight", &err), &err)) {
        use(adapter);
        gd_adapter_close(adapter);
    }
    return fuzz_end();
}
