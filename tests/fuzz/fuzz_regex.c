/* fuzz_regex.c - a pattern of a tokenizer.json, then a NUL, then the text that it splits. */
#include "tests/fuzz/fuzz.h"

#include "base/utf8.h"
#include "text/regex.h"

static void match(const gd_regex *regex, const uint8_t *text, size_t len)
{
    gd_regex_room room = { .steps = gd_regex_steps(len) };
    gd_regex_piece piece;
    gd_error err = { 0 };
    size_t from = 0, to = 0;

    assert_true(gd_regex_begin(regex, &room, &piece, text, len));
    while (to < len) {
        const size_t last = to;

        if (!fuzz_accepted(gd_regex_next(regex, &room, &piece, &from, &to, &err), &err))
            break;
        assert_true(last <= from && from <= to && to <= len && (from < to || to == len));
    }
    gd_regex_end(&room, &piece);
    gd_regex_room_free(&room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
    const size_t len = nul ? (size_t)(nul - data) : size, rest = nul ? size - len - 1 : 0;
    char *pattern = fuzz_text(data, len);
    gd_error err = { 0 };
    gd_regex *regex;

    if (gd_utf8_check(pattern, len) == len &&
        fuzz_accepted(gd_regex_open(&regex, pattern, len, "tokenizer.json", &err), &err)) {
        if (nul && gd_utf8_check(nul + 1, rest) == rest)
            match(regex, nul + 1, rest);
        gd_regex_close(regex);
    }
    free(pattern);
    return fuzz_end();
}
