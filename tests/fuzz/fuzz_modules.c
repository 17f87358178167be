/* fuzz_modules.c - a pattern of an adapter_config.json, in its three uses. */
#include "tests/fuzz/fuzz.h"

#include "base/utf8.h"
#include "quant-free/pattern.h"

static void match(const char *text, gd_pattern_kind kind)
{
    static const char *const names[] = { "", "score", "model.layers.10.self_attn.q_proj" };
    gd_error err = { 0 };
    gd_pattern *pattern;

    if (!fuzz_accepted(gd_pattern_open(&pattern, text, kind, "target_modules", "adapter_config.json", &err), &err))
        return;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        bool matches = false;
        size_t layer = 0;

        err = (gd_error){ 0 };
        if (fuzz_accepted(gd_pattern_match(pattern, names[i], &matches, &layer, &err), &err) && matches)
            assert_true(kind != GD_PATTERN_LAYER || layer <= strlen(names[i]));
    }
    gd_pattern_close(pattern);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);

    if (gd_utf8_check(text, size) == size) {
        match(text, GD_PATTERN_FULL);
        match(text, GD_PATTERN_SUFFIX);
        match(text, GD_PATTERN_LAYER);
    }
    free(text);
    return fuzz_end();
}
