/* fuzz_header.c - a safetensors file. */
#include "tests/fuzz/fuzz.h"

#include "quant-free/convert.h"
#include "quant-free/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path = fuzz_tensors("model.safetensors", data, size);
    gd_error err = { 0 };
    gd_st *st;

    if (fuzz_accepted(gd_st_open(&st, path, &err), &err)) {
        for (size_t i = 0; i < gd_st_count(st); i++) {
            const gd_view *view = gd_st_at(st, i);

            assert_ptr_equal(gd_st_find(st, view->name), view);
            assert_true(view->bytes <= size + FUZZ_TENSOR_BYTES);
            (void)gd_view_finite(view); /* reads every byte */
        }
        for (size_t i = 0; i < gd_st_other_count(st); i++)
            assert_null(gd_st_find(st, gd_st_other_at(st, i)->name));
        gd_st_close(st);
    }
    return fuzz_end();
}
