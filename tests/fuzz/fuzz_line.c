/* fuzz_line.c - a line that filter changes: its two sides change places, and its scores are added. */
#include "tests/fuzz/fuzz.h"

#include "base/json.h"
#include "judge/filter_line.h"

static void check(const json_t *before, const gd_buf *line)
{
    gd_error err = { 0 };
    json_t *after;

    assert_int_equal(gd_json_parse(&after, line->data, line->len, "line 1", &err), GD_OK);
    assert_true(json_equal(json_object_get(before, "chosen"), json_object_get(after, "rejected")));
    assert_true(json_equal(json_object_get(before, "rejected"), json_object_get(after, "chosen")));
    assert_true(json_is_true(json_object_get(json_object_get(after, "guerdon"), "flipped")));
    json_decref(after);
}

static bool is_pair(const json_t *object)
{
    return json_object_get(object, "chosen") && json_object_get(object, "rejected");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const sides[] = { "chosen", "rejected" };
    static const float scores[] = { 0.5F, -1.25F };
    char *text = fuzz_text(data, size);
    gd_error err = { 0 };
    gd_buf line = { 0 };
    json_t *object;

    if (fuzz_accepted(gd_json_parse(&object, text, size, "line 1", &err), &err)) {
        if (is_pair(object)) {
            assert_true(gd_filter_line(&line, (gd_text){ text, size }, GD_VERDICT_FLIP, sides, true, GD_RECORD_PAIR,
                                       scores, 2));
            check(object, &line);
        }
        json_decref(object);
        gd_buf_free(&line);
    }
    free(text);
    return fuzz_end();
}
