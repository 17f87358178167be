/* fuzz_json.c - JSON, read by our scanner and by jansson's: the same texts are accepted, and give the same tree.
 *
 * Ours also accepts what Python's module writes beyond JSON, and larger integers; jansson's accepts more depth. */
#include "tests/fuzz/fuzz.h"

#include "base/json.h"

#include <string.h>

/* Where the two may differ. */
static bool has_any(const char *text, size_t size, const char *const *words)
{
    for (; *words; words++)
        if (memmem(text, size, *words, strlen(*words)))
            return true;
    return false;
}

static bool has_long_number(const char *text, size_t size)
{
    size_t digits = 0;

    for (size_t i = 0; i < size && digits < 19; i++)
        digits = text[i] >= '0' && text[i] <= '9' ? digits + 1 : 0;
    return digits == 19;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const odd[] = { "NaN", "Infinity", "\\ud", "\\uD", "e", "E", NULL };
    char *text = fuzz_text(data, size);
    json_t *ours = NULL,
           *theirs = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    gd_error err = { 0 };

    if (fuzz_accepted(gd_json_parse(&ours, text, size, "line 1", &err), &err))
        assert_true(theirs ? json_equal(ours, theirs) : has_any(text, size, odd) || has_long_number(text, size));
    else
        assert_true(!theirs || strstr(err.text, "nested deeper"));
    json_decref(theirs);
    json_decref(ours);
    free(text);
    return fuzz_end();
}
