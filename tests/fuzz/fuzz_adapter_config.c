/* fuzz_adapter_config.c - adapter_config.json, beside the tensors of one module. */
#include "tests/fuzz/fuzz.h"

#include "quant-free/adapter.h"
#include "tests/quant-free/files.h"

#include <math.h>

#define MODULE "model.layers.0.self_attn.q_proj"
#define TENSOR(part, offsets)                  \
    "\"base_model.model." MODULE ".lora_" part \
    ".weight\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":" offsets "}"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const modules[] = { MODULE, "model.layers.0.self_attn.v_proj" };
    static bool written;
    gd_adapter *adapter;
    gd_error err = { 0 };
    gd_lora lora;

    if (!written)
        write_st(fuzz_dir(), "adapter_model.safetensors", "{" TENSOR("A", "[0,16]") "," TENSOR("B", "[16,32]") "}", 32);
    written = true;
    (void)fuzz_file("adapter_config.json", data, size);
    if (fuzz_accepted(gd_adapter_open(&adapter, fuzz_dir(), "score.weight", &err), &err)) {
        assert_true(gd_adapter_find(adapter, MODULE, &lora) && lora.rank == 2 && isfinite(lora.scale));
        (void)fuzz_accepted(gd_adapter_check(adapter, modules, 2, &err), &err);
        gd_adapter_close(adapter);
    }
    return fuzz_end();
}
