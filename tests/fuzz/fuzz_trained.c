/* fuzz_trained.c - guerdon-adapter.json: what is accepted can be applied, and is among what the options may be. */
#include "tests/fuzz/fuzz.h"

#include "reward/scale.h"
#include "reward/trained.h"

static bool is_one_of(const char *text, const char *const words[3])
{
    return !text || !strcmp(text, words[0]) || !strcmp(text, words[1]) || !strcmp(text, words[2]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const turns[] = { "auto", "on", "off" };
    gd_options options;
    gd_error err = { 0 };
    gd_trained trained;
    gd_scale scale;

    (void)fuzz_file(GD_TRAINED_FILE, data, size);
    gd_options_init(&options);
    if (fuzz_accepted(gd_trained_open(&trained, fuzz_dir(), NULL, &err), &err) &&
        fuzz_accepted(gd_trained_apply(&trained, &options, &err), &err)) {
        assert_true(options.max_length <= INT32_MAX);
        assert_in_range(options.add_eos, GD_ADD_EOS_NEVER, GD_ADD_EOS_ALWAYS);
        assert_true(is_one_of(options.turns, turns));
        assert_true(!options.normalize || gd_scale_parse(&scale, options.normalize));
        assert_true(!trained.training || json_is_object(trained.training));
    }
    gd_trained_close(&trained);
    return fuzz_end();
}
