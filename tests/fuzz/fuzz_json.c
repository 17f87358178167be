/* fuzz_json.c - JSON, read by our scanner and by jansson's: the same texts are accepted, and give the same tree. */
#include "tests/fuzz/fuzz.h"

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    json_t *ours = NULL,
           *theirs = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    gd_error err = { 0 };

    if (fuzz_accepted(gd_json_parse(&ours, text, size, "line 1", &err), &err))
        assert_true(theirs && json_equal(ours, theirs));
    else
        assert_null(theirs);
    json_decref(theirs);
    json_decref(ours);
    free(text);
    return fuzz_end();
}
