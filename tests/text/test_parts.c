/* test_parts.c - the parts of the tokenizer: patterns, normalization, merging, JSON. */
#include "tests/text/corpus.h"

#include "base/mem.h"
#include "text/bpe.h"
#include "text/regex.h"
#include "text/unicode.h"

/* Patterns that are refused, and the messages. */
static const struct {
    const char *pattern, *sentence;
} refused[] = {
    { "", "the pattern could match an empty string, which is not supported" },
    { "a*", "the pattern could match an empty string, which is not supported" },
    { "(?:ab)?", "the pattern could match an empty string, which is not supported" },
    { "a|", "the pattern could match an empty string, which is not supported" },
    { "(?:a?)*b", "the pattern has \"(?:a?)*\" at byte 0: a quantifier of something that may be empty is not s"
                  "upported" },
    { "^a", "the pattern has \"^\" at byte 0: this is not supported" },
    { "$", "the pattern could match an empty string, which is not supported" },
    { "a|$", "the pattern could match an empty string, which is not supported" },
    { "a$*", "the pattern has \"$*\" at byte 1: a quantifier of something that may be empty is not supported" },
    { "^a", "the pattern has \"^\" at byte 0: this is not supported" },
    { "\\w+", "the pattern has \"\\w\" at byte 0: this escape is not supported" },
    { "\\bab", "the pattern has \"\\b\" at byte 0: this escape is not supported" },
    { "(a)\\1", "the pattern has \"\\1\" at byte 3: this escape is not supported" },
    { "(?<=a)b", "the pattern has \"(?<=\" at byte 0: this is not supported" },
    { "(?<n>a)", "the pattern has \"(?<n\" at byte 0: this is not supported" },
    { "(?i)a", "the pattern has \"(?i)\" at byte 0: this is not supported" },
    { "(?m:a)", "the pattern has \"(?m:\" at byte 0: this is not supported" },
    { "[a-z&&[^b]]", "the pattern has \"&&\" at byte 4: a class within a class is not supported" },
    { "[a[bc]]", "the pattern has \"[b\" at byte 2: a class within a class is not supported" },
    { "[[:alpha:]]", "the pattern has \"[:\" at byte 1: a class within a class is not supported" },
    { "[]", "the pattern has \"[]\" at byte 0: an empty class is not supported" },
    { "[ab", "the pattern ends at byte 3: a class in brackets is not closed" },
    { "(?:ab", "the pattern ends at byte 5: a group is not closed" },
    { "ab)", "the pattern has \")\" at byte 2: this is not supported" },
    { "[z-a]", "the pattern has \"z-a\" at byte 1: this range is not valid" },
    { "[\\s-z]", "the pattern has \"\\s-\" at byte 1: a range begins with a class" },
    { "[a-\\s]", "the pattern has \"a-\\s\" at byte 1: this range is not valid" },
    { "\\p{Han}", "the pattern has \"\\p{Han}\" at byte 0: only general categories such as \\p{L} and \\p{Lu} are s"
                  "upported" },
    { "\\pL", "the pattern has \"\\pL\" at byte 0: only general categories such as \\p{L} and \\p{Lu} are suppo"
              "rted" },
    { "\\p{L", "the pattern has \"\\p{L\" at byte 0: only general categories such as \\p{L} and \\p{Lu} are supp"
               "orted" },
    { "\\p{Letter}", "the pattern has \"\\p{Letter}\" at byte 0: only general categories such as \\p{L} and \\p{Lu} ar"
                     "e supported" },
    { "\\xff", "the pattern has \"\\x\" at byte 0: this escape is not supported" },
    { "\\x{110000}", "the pattern has \"\\x\" at byte 0: this escape is not supported" },
    { "\\uD800", "the pattern has \"\\u\" at byte 0: this escape is not supported" },
    { "a\\", "the pattern has \"\\\" at byte 1: this escape is not supported" },
    { "(?i:[^a])", "the pattern has \"^\" at byte 5: (?i:..) is supported only around letters and apostrophes" },
    { "(?i:\\p{L})", "the pattern has \"\\\" at byte 4: (?i:..) is supported only around letters and apostrophes" },
    { "(?i:first)", "the pattern has \"fi\" at byte 4: a ligature folds to these two letters, which is not supported" },
    { "*a", "the pattern has \"*\" at byte 0: this is not supported" },
    { "a**", "the pattern has \"**\" at byte 1: a quantifier of a quantifier is not supported" },
    { "a{2}+", "the pattern has \"{2}+\" at byte 1: this quantifier is not supported" },
    { "(?:ab){2}?", "the pattern has \"{2}?\" at byte 6: this quantifier is not supported" },
    { "a{x}", "the pattern has \"{x\" at byte 1: this quantifier is not supported" },
    { "a{65536}", "PCRE2 cannot compile the pattern: number too big in {} quantifier" },
    { "a{3,2}", "PCRE2 cannot compile the pattern: numbers out of order in {} quantifier" },
    { "a{0}", "the pattern could match an empty string, which is not supported" },
    { "a{,2}", "the pattern has \"{,\" at byte 1: this quantifier is not supported" },
    { "a{2", "the pattern has \"{2\" at byte 1: this quantifier is not supported" },
    { "a}", "the pattern has \"}\" at byte 1: this is not supported" },
    { "a]", "the pattern has \"]\" at byte 1: this is not supported" },
    { "(((((((((((((((((a)))))))))))))))))", "the pattern's groups are nested deeper than 16" },
    { "(?:(?:abcdefghijklmnopqrst){100}){9}", "the pattern is too long" },
};

/* What a pattern cuts out of a text: the matches, each followed by "|". */
static const struct {
    const char *pattern, *text, *matches;
} matched[] = {
    { "a", "bab", "a|" },
    { "a+", "baab a", "aa|a|" },
    { "a+?", "aa", "a|a|" },
    { "a+?b", "aab", "aab|" },
    { "a??b", "aab", "ab|" },
    { "a++a", "aaa", "" },
    { "a*+b", "aab", "aab|" },
    { "a{2}", "aaaaa", "aa|aa|" },
    { "a{2,}", "a aaaa", "aaaa|" },
    { "a{1,3}", "aaaa", "aaa|a|" },
    { "(?:ab)+", "ababa", "abab|" },
    { "(?:ab)+?", "abab", "ab|ab|" },
    { "(?:ab)*c", "ababc c", "ababc|c|" },
    { "(?:ab){2}", "ababab", "abab|" },
    { "(?:ab){1,2}", "ababab", "abab|ab|" },
    { "(?:ab){1,2}a", "abab", "aba|" },
    { "(?:ab){2,}", "ab ababab", "ababab|" },
    { "(?:a|ab)(?:c|bcd)", "abcd", "abcd|" },
    { "(?:a|ab)(?:c|bd)", "abc", "abc|" },
    { "(?>a|ab)c", "abc", "" },
    { "(?:a|b|cd)+", "xabcdc", "abcd|" },
    { "(?:(?:a|b)+c)+", "abcbc", "abcbc|" },
    { "(?:aa|a)++b", "aaab", "aaab|" },
    { "(?:aa|a)++a", "aaa", "" },
    { "a(?=b)", "acab", "a|" },
    { "a(?!b)", "abac", "a|" },
    { "\\s+(?!\\S)|\\s+", "  a ", " | | |" },
    { "(?!a)\\p{L}", "abc", "b|c|" },
    { "[a-c]+", "xabcd", "abc|" },
    { "[^a-c]+", "axyb", "xy|" },
    { "[a\\-z]+", "a-z b", "a-z|" },
    { "[-a]+", "a-b", "a-|" },
    { "[a-]+", "a-b", "a-|" },
    { "[\\]\\[]", "[]", "[|]|" },
    { "[^\\s\\p{L}]+", "a1! b", "1!|" },
    { "[\\S]+", "a b", "a|b|" },
    { "[^\\S]+", "a b", " |" },
    { "[\\P{L}]", "a1", "1|" },
    { "[^\\s\\S]|b", "ab", "b|" },
    { "[\\s\\S]", "a\xC3\xA9", "a|\xC3\xA9|" },
    { "a{0}b", "aab", "b|" },
    { "\\D\\d", "a1b", "a1|" },
    { "\\P{Lu}", "Aa", "a|" },
    { "\\x{e9}|\\u00e8|\\x41", "A\xC3\xA9\xC3\xA8", "A|\xC3\xA9|\xC3\xA8|" },
    { "[\\x{4e00}-\\x{9fff}]+", "a\xE4\xB8\xAD\xE6\x96\x87z", "\xE4\xB8\xAD\xE6\x96\x87|" },
    { ".+", "a\nb", "a|b|" },
    { "\\n|\\t|\\r", "a\n\t\r", "\n|\t|\r|" },
    { "a$", "ba\nab", "a|" },
    { "\\s+$", "a  \n b  ", "  |  |" },
    { "\\n$", "a\n\n", "\n|\n|" },
    { "[ab]$|b", "bab\r\nab", "b|b|b|" },
    { "(?:x$|b)+", "bbx\nbx", "bbx|bx|" },
    { "b$\\na", "b\na", "b\na|" },
    { "a+$(?=\\n)", "aa\naa", "aa|" },
    { "$a|\\n", "\na", "\n|" },
    { " +(?=$)|c", " a  \n c ", "  |c| |" },
    { "(?i:k|'s)", "K\xE2\x84\xAA'\xC5\xBF", "K|\xE2\x84\xAA|'\xC5\xBF|" },
    { "(?i:[sd])x", "SxDx", "Sx|Dx|" },
    { "'(?i:re|ve)?s", "'REs's", "'REs|'s|" },
};

static void each_pattern_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        gd_error err = { GD_OK, "" };
        gd_regex *regex;
        char want[600];

        assert_int_equal(gd_regex_open(&regex, refused[i].pattern, strlen(refused[i].pattern), "p", &err),
                         GD_EUNSUPPORTED);
        (void)snprintf(want, sizeof want, "p: %s", refused[i].sentence);
        assert_string_equal(err.text, want);
        assert_null(regex);
    }
    assert_int_equal(gd_mem_live(), 0);
}

static void patterns_have_limits(void **state)
{
    static const struct {
        const char *unit;
        int times;
        const char *sentence;
    } long_ones[] = {
        { "a", 257, "p: the pattern has more than 256 classes" },
        { "(?:(?:abcdefghijklmnopqrst){100}){9}", 1, "p: the pattern is too long" },
        { "(", 17, "p: the pattern's groups are nested deeper than 16" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof long_ones / sizeof *long_ones; i++) {
        gd_error err = { GD_OK, "" };
        gd_buf pattern = { 0 };
        gd_regex *regex;

        for (int k = 0; k < long_ones[i].times; k++)
            gd_buf_str(&pattern, long_ones[i].unit);
        assert_int_equal(gd_regex_open(&regex, pattern.data, pattern.len, "p", &err), GD_EUNSUPPORTED);
        assert_string_equal(err.text, long_ones[i].sentence);
        gd_buf_free(&pattern);
    }
}

static void each_pattern_matches(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof matched / sizeof *matched; i++) {
        const unsigned char *s = (const unsigned char *)matched[i].text;
        const size_t len = strlen(matched[i].text);
        gd_regex_room room = { .steps = 100000 };
        gd_regex_piece piece;
        gd_buf out = { 0 };
        gd_regex *regex;
        size_t from = 0, to = 0;

        assert_ok(gd_regex_open(&regex, matched[i].pattern, strlen(matched[i].pattern), matched[i].pattern, test_err));
        assert_true(gd_regex_begin(regex, &room, &piece, s, len));
        while (to < len) {
            assert_ok(gd_regex_next(regex, &room, &piece, &from, &to, test_err));
            gd_buf_bytes(&out, s + from, to - from);
            gd_buf_str(&out, to > from ? "|" : "");
        }
        gd_regex_end(&room, &piece);
        if (strcmp(gd_buf_cstr(&out), matched[i].matches) != 0)
            fail_msg("\"%s\" in \"%s\": got \"%s\", expected \"%s\"", matched[i].pattern, matched[i].text, out.data,
                     matched[i].matches);
        gd_buf_free(&out);
        gd_regex_room_free(&room);
        gd_regex_close(regex);
    }
    assert_int_equal(gd_mem_live(), 0);
}

/* Patterns that would take forever: an error after a number of steps proportional to the text. (A plain `b` at the end
 * of the pattern would not do: PCRE2 sees that the text has none.) */
static void hostile_patterns_end(void **state)
{
    static const char *const patterns[] = { "(?:a+)+(?:b|c)",   "(?:a|a)+(?:b|c)",        "(?:a|aa)+(?:b|c)",
                                            "a*(?:b|c)",        "(?:[a-z]+?)+?(?:b|\\d)", "(?=a*(?:b|c))a",
                                            "(?:a+a+)+(?:b|c)", "(?:ab?)+(?:b|c)" };
    const size_t len = (size_t)1 << 20;
    char *text = malloc(len);

    (void)state;
    memset(text, 'a', len);
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        gd_regex_room room = { .steps = gd_regex_steps(100000) };
        gd_error err = { GD_OK, "" };
        gd_regex_piece piece;
        gd_regex *regex;
        size_t from, to;

        assert_ok(gd_regex_open(&regex, patterns[i], strlen(patterns[i]), "p", test_err));
        assert_true(gd_regex_begin(regex, &room, &piece, (const unsigned char *)text, len));
        assert_int_equal(gd_regex_next(regex, &room, &piece, &from, &to, &err), GD_EFORMAT);
        assert_string_equal(err.text, "a pattern of the tokenizer takes too many steps on this text, after byte 0 of "
                                      "a piece");
        gd_regex_room_free(&room);
        gd_regex_close(regex);
    }
    free(text);
}

/* More backtracking than the stack of compiled patterns has room for. */
static void a_long_match_is_found(void **state)
{
    const size_t len = 400000;
    gd_regex_room room = { .steps = gd_regex_steps(len) };
    char *text = malloc(len);
    gd_regex_piece piece;
    gd_regex *regex;
    size_t from, to;

    (void)state;
    for (size_t i = 0; i < len; i++)
        text[i] = "ab"[i % 2];
    assert_ok(gd_regex_open(&regex, "(?:ab?|c)+", 10, "p", test_err));
    assert_true(gd_regex_begin(regex, &room, &piece, (const unsigned char *)text, len));
    assert_ok(gd_regex_next(regex, &room, &piece, &from, &to, test_err));
    assert_int_equal(from, 0);
    assert_int_equal(to, len);
    gd_regex_end(&room, &piece);
    gd_regex_room_free(&room);
    gd_regex_close(regex);
    free(text);
    assert_int_equal(gd_mem_live(), 0);
}

/* The model of a small tokenizer.json. */
static gd_bpe small_model(const char *text)
{
    gd_bpe bpe = { 0 };
    gd_error err = { GD_OK, "" };
    gd_jscan js = { .text = text, .len = strlen(text), .path = "small", .err = &err };
    const gd_status rc = gd_bpe_load(&bpe, &js, (gd_jspan){ 0, js.len }, true);

    if (rc)
        fail_msg("%s", err.text);
    gd_jscan_free(&js);
    return bpe;
}

static void assert_ids(const gd_bpe *bpe, const char *piece, size_t count, const uint32_t *want)
{
    gd_bpe_room room = { 0 };
    gd_ids ids = { 0 };

    for (int again = 0; again < 2; again++) { /* the second time, cached tokens are used */
        ids.len = 0;
        assert_true(gd_bpe_encode(bpe, &room, (const unsigned char *)piece, strlen(piece), strlen(piece), &ids));
        assert_int_equal(ids.len, count);
        assert_memory_equal(ids.data, want, count * sizeof *want);
    }
    gd_ids_free(&ids);
    gd_bpe_room_free(&room);
}

/* "abc" is a token, but no merges produce it; the tokens aren't in the order of their merges; a content with a real
 * space is not the token for a space. */
static void merges_decide_not_tokens(void **state)
{
    static const char model[] =
        "{\"unk_token\":\"?\",\"vocab\":{\"?\":0,\"a\":1,\"b\":2,\"c\":3,\"ab\":4,\"ax\":5,\"ac\":6,\"bc\":7,\"abc\":8,"
        "\" \":9,\"\xC4\xA0\":10,\"x\":11},\"merges\":[\"a b\",\"a c\",\"b c\",\"a bc\"]}";
    gd_bpe bpe = small_model(model);

    (void)state;
    assert_ids(&bpe, "abc", 2, (const uint32_t[]){ 4, 3 });
    assert_ids(&bpe, "bc", 1, (const uint32_t[]){ 7 });
    assert_ids(&bpe, "aac", 2, (const uint32_t[]){ 1, 6 });
    assert_ids(&bpe, "ax", 2, (const uint32_t[]){ 1, 11 });
    assert_ids(&bpe, " ", 1, (const uint32_t[]){ 10 });
    assert_ids(&bpe, "zz", 2, (const uint32_t[]){ 0, 0 });
    assert_int_equal(gd_vocab_by_content(&bpe.vocab, " ", 1), 9);
    assert_int_equal(gd_vocab_by_content(&bpe.vocab, "\xC4\xA0", 2), 10);
    gd_bpe_free(&bpe);
    assert_int_equal(gd_mem_live(), 0);
}

/* An array for short pieces, a heap for long ones: the same ids around the limit. */
static void both_ways_to_merge_agree(void **state)
{
    json_t *all = load_json("golden/qwen2/tokenizer.json");
    char *text = json_dumps(json_object_get(all, "model"), JSON_COMPACT);
    gd_bpe bpe = small_model(text);
    gd_bpe_room room = { 0 };
    gd_ids one = { 0 }, two = { 0 };
    uint64_t seed = 4;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        static const char letters[] = "etaoinshr dlu\n\xC3\xA9";
        unsigned char s[128];
        const size_t len = 41 + split_mix(&seed, 80), head = split_mix(&seed, 40) + 1;

        for (size_t k = 0; k < len; k++)
            s[k] = (unsigned char)letters[split_mix(&seed, sizeof letters - 1)];
        s[head] = 0xFF; /* no merge crosses this byte in the model */
        one.len = two.len = 0;
        assert_true(gd_bpe_encode(&bpe, &room, s, len, len, &one));
        assert_true(gd_bpe_encode(&bpe, &room, s, head, len, &two));
        assert_true(gd_bpe_encode(&bpe, &room, s + head, 1, len - head, &two));
        for (size_t k = 0; k < two.len; k++)
            assert_int_equal(one.data[k], two.data[k]);
    }
    gd_ids_free(&one);
    gd_ids_free(&two);
    gd_bpe_room_free(&room);
    gd_bpe_free(&bpe);
    free(text);
    json_decref(all);
    assert_int_equal(gd_mem_live(), 0);
}

/* Pieces are repeated in any order, with anything after them: the ids are always those of the first time, when nothing
 * was cached. */
static void remembered_pieces_are_the_same(void **state)
{
    enum { PIECES = 200, LONGEST = GD_MEMO_BYTES + 2, SPARE = 20 };
    json_t *all = load_json("golden/qwen2/tokenizer.json");
    char *text = json_dumps(json_object_get(all, "model"), JSON_COMPACT);
    gd_bpe bpe = small_model(text);
    gd_bpe_room room = { 0 };
    unsigned char pieces[PIECES][LONGEST], s[LONGEST + SPARE];
    gd_ids want[PIECES] = { { NULL, 0, 0 } }, ids = { 0 };
    size_t lens[PIECES];
    uint64_t seed = 6;

    (void)state;
    for (size_t i = 0; i < PIECES; i++) { /* many begin alike, and differ only by a NUL at the end */
        static const char letters[] = "the \0";

        lens[i] = i % LONGEST + 1;
        for (size_t k = 0; k < lens[i]; k++)
            pieces[i][k] = (unsigned char)letters[k < 4 ? k : split_mix(&seed, 5)];
        assert_true(gd_bpe_encode(&bpe, &room, pieces[i], lens[i], lens[i], &want[i]));
        gd_bpe_room_free(&room);
    }
    for (int i = 0; i < 100000; i++) {
        const size_t which = split_mix(&seed, PIECES), spare = split_mix(&seed, SPARE), before = ids.len;

        for (size_t k = 0; k < sizeof s; k++)
            s[k] = (unsigned char)split_mix(&seed, 256);
        memcpy(s, pieces[which], lens[which]);
        assert_true(gd_bpe_encode(&bpe, &room, s, lens[which], lens[which] + spare, &ids));
        assert_int_equal(ids.len - before, want[which].len);
        for (size_t k = 0; k < want[which].len; k++)
            assert_int_equal(ids.data[before + k], want[which].data[k]);
        if (ids.len > 1000)
            ids.len = 0;
    }
    for (size_t i = 0; i < PIECES; i++)
        gd_ids_free(&want[i]);
    gd_ids_free(&ids);
    gd_bpe_room_free(&room);
    gd_bpe_free(&bpe);
    free(text);
    json_decref(all);
    assert_int_equal(gd_mem_live(), 0);
}

/* Twice the text takes hardly more than twice the work. */
static void merging_grows_as_n_log_n(void **state)
{
    json_t *all = load_json("golden/qwen2/tokenizer.json");
    char *text = json_dumps(json_object_get(all, "model"), JSON_COMPACT);
    gd_bpe bpe = small_model(text);
    static const char *const units[] = { "a", "ab", "the", "e \n" };

    (void)state;
    for (size_t u = 0; u < sizeof units / sizeof *units; u++) {
        const size_t most = (size_t)1 << 18, len = strlen(units[u]);
        unsigned char *s = malloc(most);
        uint64_t before = 0;
        gd_ids ids = { 0 };

        for (size_t i = 0; i < most; i++)
            s[i] = (unsigned char)units[u][i % len];
        for (size_t n = 1024; n <= most; n *= 2) {
            gd_bpe_room room = { 0 };

            ids.len = 0;
            assert_true(gd_bpe_encode(&bpe, &room, s, n, most, &ids));
            assert_true(room.work >= n);
            if (before)
                assert_true((double)room.work <= 2.3 * (double)before);
            before = room.work;
            gd_bpe_room_free(&room);
        }
        gd_ids_free(&ids);
        free(s);
    }
    gd_bpe_free(&bpe);
    free(text);
    json_decref(all);
    assert_int_equal(gd_mem_live(), 0);
}

/* nfc.c relies on this to skip text quickly. */
static void nothing_below_0300_is_active(void **state)
{
    uint8_t *classes = gd_classes_make();
    size_t active = 0;

    (void)state;
    assert_non_null(classes);
    for (uint32_t c = 0; c < 0x300; c++)
        assert_int_equal(classes[c] & GD_IS_ACTIVE, 0);
    for (uint32_t c = 0; c < GD_UNICODE_END; c++)
        active += (classes[c] & GD_IS_ACTIVE) != 0;
    assert_in_range(active, 1000, 4000);
    gd_free(classes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_pattern_is_refused),  cmocka_unit_test(patterns_have_limits),
        cmocka_unit_test(each_pattern_matches),     cmocka_unit_test(hostile_patterns_end),
        cmocka_unit_test(a_long_match_is_found),    cmocka_unit_test(merges_decide_not_tokens),
        cmocka_unit_test(both_ways_to_merge_agree), cmocka_unit_test(remembered_pieces_are_the_same),
        cmocka_unit_test(merging_grows_as_n_log_n), cmocka_unit_test(nothing_below_0300_is_active),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
