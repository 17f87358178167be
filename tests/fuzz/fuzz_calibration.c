/* fuzz_calibration.c - the file that eval --calibrate writes, and --normalize reads. */
#include "tests/fuzz/fuzz.h"

#include "reward/scale.h"

#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path = fuzz_file("calibration.json", data, size);
    gd_error err = { 0 };
    gd_scale scale;

    if (fuzz_accepted(gd_scale_open(&scale, path, "sigmoid", &err), &err)) {
        const float score = gd_scale_apply(&scale, 0.5F);

        assert_true(score >= 0 && score <= 1);
    }
    return fuzz_end();
}
