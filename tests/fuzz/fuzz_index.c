/* fuzz_index.c - the index of a checkpoint with two shards. */
#include "tests/fuzz/fuzz.h"

#include "quant-free/weights.h"
#include "tests/quant-free/files.h"

static void write_shards(void)
{
    static const char *const headers[] = { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
                                           "\"b\":{\"dtype\":\"BF16\",\"shape\":[4],\"data_offsets\":[8,16]}}",
                                           "{\"c\":{\"dtype\":\"F16\",\"shape\":[2,2],\"data_offsets\":[0,8]},"
                                           "\"n\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[8,16]}}" };

    write_st(fuzz_dir(), "1.safetensors", headers[0], 16);
    write_st(fuzz_dir(), "2.safetensors", headers[1], 16);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool written;
    gd_weights *weights;
    gd_error err = { 0 };

    if (!written)
        write_shards();
    written = true;
    (void)fuzz_file("model.safetensors.index.json", data, size);
    if (fuzz_accepted(gd_weights_open(&weights, fuzz_dir(), &err), &err)) {
        for (size_t i = 0; i < gd_weights_count(weights); i++)
            assert_ptr_equal(gd_weights_find(weights, gd_weights_at(weights, i)->name), gd_weights_at(weights, i));
        gd_weights_close(weights);
    }
    return fuzz_end();
}
