/* test_find.c - a text is found in another exactly where it is, and in linear time. */
#include "tests/check.h"

#include "data/find.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The definition. */
static bool holds(gd_text text, gd_text part)
{
    bool found = false;

    for (size_t i = 0; i + part.len <= text.len; i++)
        found |= !part.len || !memcmp(text.data + i, part.data, part.len);
    return found;
}

/* The word number n of the given length, of the letters a and b, or of NUL, a and the byte ff. */
static gd_text word(char *room, size_t len, size_t n, size_t letters)
{
    for (size_t i = 0; i < len; i++, n /= letters)
        room[i] = letters == 2 ? "ab"[n % 2] : "\0a\xff"[n % 3];
    return (gd_text){ room, len };
}

static size_t power(size_t base, size_t n) { return n ? base * power(base, n - 1) : 1; }

static void check_words(size_t letters, size_t longest_text, size_t longest_part)
{
    char a[16], b[16];

    for (size_t len = 0; len <= longest_text; len++)
        for (size_t part_len = 0; part_len <= longest_part; part_len++)
            for (size_t n = 0; n < power(letters, len); n++)
                for (size_t k = 0; k < power(letters, part_len); k++) {
                    const gd_text text = word(a, len, n, letters), part = word(b, part_len, k, letters);

                    if (gd_holds(text, part) != holds(text, part))
                        fail_msg("text %zu of %zu letters, part %zu of %zu", n, len, k, part_len);
                }
}

static void it_is_found_where_it_is(void **state)
{
    (void)state;
    check_words(2, 11, 6);
    check_words(3, 6, 4);
    assert_true(gd_holds((gd_text){ NULL, 0 }, (gd_text){ NULL, 0 }));
    assert_true(gd_holds((gd_text){ "a", 1 }, (gd_text){ NULL, 0 }));
    assert_false(gd_holds((gd_text){ NULL, 0 }, (gd_text){ "a", 1 }));
}

/* Long parts of periodic texts, which end at the end of the text or are not there. */
static void long_parts_are_found(void **state)
{
    static char text[600];

    (void)state;
    for (size_t period = 1; period < 40; period++) {
        for (size_t i = 0; i < sizeof text; i++)
            text[i] = i % period || i % (7 * period) == 0 ? 'a' : 'b';
        for (size_t len = 1; len < sizeof text; len += 13) {
            char part[sizeof text];

            for (size_t end = len; end <= sizeof text; end += 61) {
                memcpy(part, text + end - len, len);
                assert_true(gd_holds((gd_text){ text, end }, (gd_text){ part, len }));
                part[len / 3] ^= 3; /* a becomes b */
                assert_int_equal(gd_holds((gd_text){ text, end }, (gd_text){ part, len }),
                                 holds((gd_text){ text, end }, (gd_text){ part, len }));
            }
        }
    }
}

/* One comparison at each byte of these would take an hour. */
static void the_time_is_linear(void **state)
{
    enum { TEXT = 1 << 24, PART = 1 << 22 };
    char *text = malloc(TEXT), *part = malloc(PART);

    (void)state;
    assert_true(text && part);
    memset(text, 'a', TEXT);
    memset(part, 'a', PART);
    (void)alarm(60);
    part[PART - 1] = 'b';
    assert_false(gd_holds((gd_text){ text, TEXT }, (gd_text){ part, PART }));
    part[PART - 1] = 'a';
    part[0] = 'b';
    assert_false(gd_holds((gd_text){ text, TEXT }, (gd_text){ part, PART }));
    part[0] = 'a';
    part[PART / 2] = 'b';
    assert_false(gd_holds((gd_text){ text, TEXT }, (gd_text){ part, PART }));
    memcpy(text + TEXT - PART, part, PART);
    assert_true(gd_holds((gd_text){ text, TEXT }, (gd_text){ part, PART }));
    (void)alarm(0);
    free(text);
    free(part);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_found_where_it_is),
        cmocka_unit_test(long_parts_are_found),
        cmocka_unit_test(the_time_is_linear),
    };

    return cmocka_run_group_tests_name("records: finding a text", tests, NULL, NULL);
}
