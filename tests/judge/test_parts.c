/* test_parts.c - the parts of rank and filter, each against its definition. */
#include "tests/check.h"

#include "base/mem.h"
#include "judge/filter_line.h"
#include "base/json_plain.h"
#include "base/json_span.h"
#include "judge/preference.h"
#include "judge/ranking.h"
#include "judge/filter_values.h"

#include <math.h>

static uint32_t below(uint32_t *state, uint32_t n)
{
    *state = *state * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)(*state >> 8) * n >> 24);
}

/* ---- rankings ---- */

/* The rank of an answer: one more than the number of better answers. */
static size_t rank_of(const float *scores, size_t count, size_t i)
{
    size_t better = 0;

    for (size_t k = 0; k < count; k++)
        better += scores[k] > scores[i];
    return better + 1;
}

static void check_ranking(const gd_ranking *r, const float *scores, size_t count)
{
    size_t best = 0;

    assert_int_equal(r->count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(r->ranks[i], rank_of(scores, count, i));
        best += r->ranks[i] == 1;
    }
    assert_int_equal(r->ties, best > 1 ? best : 0);
    for (size_t i = 1; i < count; i++) {
        const size_t a = r->order[i - 1], b = r->order[i];

        assert_true(scores[a] > scores[b] || (scores[a] == scores[b] && a < b));
    }
    if (count > 1)
        assert_true(r->margin == scores[r->order[0]] - scores[r->order[1]]);
    else
        assert_true(r->margin == 0);
}

static void rankings_agree_with_counting(void **state)
{
    gd_ranking ranking = { 0 };
    uint32_t seed = 1;

    (void)state;
    for (size_t round = 0; round < 3000; round++) {
        const size_t count = 1 + below(&seed, 40);
        const uint32_t spread = 1 + below(&seed, 30); /* few values: many ties */
        float scores[40];

        for (size_t i = 0; i < count; i++)
            scores[i] = (float)below(&seed, spread) - 3;
        assert_ok(gd_ranking_make(&ranking, scores, count, test_err));
        check_ranking(&ranking, scores, count);
    }
    gd_ranking_free(&ranking);
    assert_int_equal(gd_mem_live(), 0);
}

/* ---- preference pairs ---- */

static char *lines_of(gd_rank_pairs pairs, float min_margin, uint64_t seed, uint64_t index, const char *object,
                      const float *scores, size_t count, size_t *lines)
{
    const gd_preference how = { pairs, min_margin, seed, NULL };
    json_t *json = json_loads(object, JSON_ALLOW_NUL, NULL);
    gd_ranking ranking = { 0 };
    gd_buf out = { 0 };
    char *text;

    assert_non_null(json);
    assert_ok(gd_ranking_make(&ranking, scores, count, test_err));
    *lines = gd_preference_lines(&out, &how, &(gd_record){ .index = index, .object = json }, &ranking, scores);
    text = strdup(out.len ? gd_buf_cstr(&out) : "");
    gd_buf_free(&out);
    gd_ranking_free(&ranking);
    json_decref(json);
    return text;
}

static void expect_lines(gd_rank_pairs pairs, float min_margin, const char *object, const float *scores, size_t count,
                         const char *want)
{
    size_t lines, breaks = 0;
    char *have = lines_of(pairs, min_margin, 0, 5, object, scores, count, &lines);

    assert_string_equal(have, want);
    for (const char *p = have; *p; p++)
        breaks += *p == '\n';
    assert_int_equal(lines, breaks);
    free(have);
}

#define THREE "{\"prompt\":\"p\\u0000\\\"\",\"responses\":[\"a\",\"b\",\"c\"]}"
#define SCORES(c, r, m) ",\"score_chosen\":" c ",\"score_rejected\":" r ",\"score_margin\":" m "}\n"
#define LINE(c, r, scores) "{\"index\":5,\"prompt\":\"p\\u0000\\\"\",\"chosen\":\"" c "\",\"rejected\":\"" r "\"" scores

static void pairs_have_different_scores(void **state)
{
    static const float scores[] = { 1, 3, 0.5f }, tied[] = { 2, 2, 1 }, same[] = { 1, 1, 1 };

    (void)state;
    expect_lines(GD_PAIRS_BEST_WORST, 0, THREE, scores, 3, LINE("b", "c", SCORES("3", "0.5", "2.5")));
    expect_lines(GD_PAIRS_BEST_WORST, 2.5f, THREE, scores, 3, LINE("b", "c", SCORES("3", "0.5", "2.5")));
    expect_lines(GD_PAIRS_BEST_WORST, 2.6f, THREE, scores, 3, "");
    expect_lines(GD_PAIRS_ALL, 0, THREE, scores, 3,
                 LINE("b", "a", SCORES("3", "1", "2")) LINE("b", "c", SCORES("3", "0.5", "2.5"))
                     LINE("a", "c", SCORES("1", "0.5", "0.5")));
    expect_lines(GD_PAIRS_ALL, 1, THREE, scores, 3,
                 LINE("b", "a", SCORES("3", "1", "2")) LINE("b", "c", SCORES("3", "0.5", "2.5")));
    expect_lines(GD_PAIRS_ALL, 0, THREE, tied, 3,
                 LINE("a", "c", SCORES("2", "1", "1")) LINE("b", "c", SCORES("2", "1", "1")));
    expect_lines(GD_PAIRS_BEST_RANDOM, 0, THREE, tied, 3, LINE("a", "c", SCORES("2", "1", "1")));
    expect_lines(GD_PAIRS_ALL, 0, THREE, same, 3, "");
    expect_lines(GD_PAIRS_BEST_WORST, 0, THREE, same, 3, "");
    expect_lines(GD_PAIRS_BEST_RANDOM, 0, THREE, same, 3, "");
    expect_lines(GD_PAIRS_BEST_WORST, 0, "{\"prompt\":\"p\",\"responses\":[\"a\"]}", scores, 1, "");
    expect_lines(GD_PAIRS_BEST_WORST, 0, "{\"chosen\":[\"a\",\"b\"],\"rejected\":[\"c\"]}", scores, 3,
                 "{\"index\":5,\"chosen\":\"b\",\"rejected\":\"c\"" SCORES("3", "0.5", "2.5"));
    expect_lines(GD_PAIRS_BEST_WORST, 0,
                 "{\"prompt\":[{\"role\":\"user\",\"content\":\"q\"}],\"responses\":[\"a\",\"b\"]}", scores, 2,
                 "{\"index\":5,\"prompt\":[{\"role\":\"user\",\"content\":\"q\"}],\"chosen\":[{\"role\":\"assistant\","
                 "\"content\":\"b\"}],\"rejected\":[{\"role\":\"assistant\",\"content\":\"a\"}]" SCORES("3", "1", "2"));
}

#define Q "{\"role\":\"user\",\"content\":\"q\"}"
#define A "{\"role\":\"assistant\",\"content\":\"a\"}"
#define B "{\"role\":\"assistant\",\"content\":\"b\"}"

/* Trainers join prompt and answer, and expect lists. */
static void pairs_are_for_trainers(void **state)
{
    static const struct {
        const char *object, *want; /* want: from the index to the margin */
    } cases[] = {
        { "{\"prompt\":[" Q "],\"responses\":[" A "," B "]}",
          "\"prompt\":[" Q "],\"chosen\":[" B "],\"rejected\":[" A "]," },
        { "{\"prompt\":" Q ",\"responses\":[\"a\"," B "]}",
          "\"prompt\":[" Q "],\"chosen\":[" B "],\"rejected\":[" A "]," },
        { "{\"prompt\":[" Q "],\"responses\":[[" Q "," A "],[" Q "," B "]]}",
          "\"chosen\":[" Q "," B "],\"rejected\":[" Q "," A "]," },
        { "{\"prompt\":\"q\",\"responses\":[[" Q "," A "],[" Q "," B "]]}",
          "\"chosen\":[" Q "," B "],\"rejected\":[" Q "," A "]," },
        { "{\"prompt\":[{\"role\":\"user\",\"content\":\"q\",\"id\":1}],\"responses\":[[" Q "," A "],[" Q "," B "]]}",
          "\"chosen\":[" Q "," B "],\"rejected\":[" Q "," A "]," },
        { "{\"prompt\":[{\"from\":\"human\",\"value\":\"q\"}],\"responses\":[[" Q "," A "],[" Q "," B "]]}",
          "\"chosen\":[" Q "," B "],\"rejected\":[" Q "," A "]," },
        { "{\"prompt\":\"\",\"responses\":[[" Q "," A "],[" Q "," B "]]}",
          "\"chosen\":[" Q "," B "],\"rejected\":[" Q "," A "]," },
        { "{\"prompt\":\"other\",\"responses\":[[" A "],[" B "]]}",
          "\"prompt\":\"other\",\"chosen\":[" B "],\"rejected\":[" A "]," },
        { "{\"prompt\":[" Q "," A "],\"responses\":[[" A "],[" B "]]}",
          "\"prompt\":[" Q "," A "],\"chosen\":[" B "],\"rejected\":[" A "]," },
    };
    static const float scores[] = { 1, 3 };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t lines;
        char *have = lines_of(GD_PAIRS_BEST_WORST, 0, 0, 5, cases[i].object, scores, 2, &lines);

        assert_int_equal(lines, 1);
        assert_int_equal(strncmp(have, "{\"index\":5,", 11), 0);
        assert_int_equal(strncmp(have + 11, cases[i].want, strlen(cases[i].want)), 0);
        free(have);
    }
}

/* All worse answers are drawn about equally often, and the same index draws the same. */
static void a_drawn_answer_depends_only_on_seed_and_index(void **state)
{
    static const float scores[] = { 4, 3, 2, 1, 0 };
    const char *object = "{\"prompt\":\"p\",\"responses\":[\"a\",\"b\",\"c\",\"d\",\"e\"]}";
    size_t drawn[5] = { 0 }, lines, moved = 0;

    (void)state;
    for (uint64_t index = 0; index < 4000; index++) {
        char *first = lines_of(GD_PAIRS_BEST_RANDOM, 0, 0, index, object, scores, 5, &lines);
        char *again = lines_of(GD_PAIRS_BEST_RANDOM, 0, 0, index, object, scores, 5, &lines);
        char *other = lines_of(GD_PAIRS_BEST_RANDOM, 0, 1, index, object, scores, 5, &lines);

        assert_string_equal(first, again);
        moved += strcmp(first, other) != 0;
        drawn[strstr(first, "\"rejected\":\"")[12] - 'a']++;
        free(first);
        free(again);
        free(other);
    }
    assert_int_equal(drawn[0], 0);
    for (size_t i = 1; i < 5; i++)
        assert_in_range(drawn[i], 900, 1100); /* 1000 +- 3.6 standard deviations */
    assert_in_range(moved, 2900, 3100);
}

/* ---- lines that are changed in one place ---- */

static void expect_filter_line(const char *raw, gd_filter_verdict verdict, bool annotate, gd_record_kind kind,
                               const char *want)
{
    static const float scores[] = { 0.5f, 2, -1 };
    static const char *const sides[] = { "chosen", "rejected" };
    gd_buf out = { 0 };
    const bool fine = gd_filter_line(&out, (gd_text){ raw, strlen(raw) }, verdict, sides, annotate, kind, scores,
                                     kind == GD_RECORD_ANSWERS ? 3
                                     : kind == GD_RECORD_PAIR  ? 2
                                                               : 1);

    assert_int_equal(fine, want != NULL);
    if (want)
        assert_string_equal(gd_buf_cstr(&out), want);
    gd_buf_free(&out);
}

static void a_line_is_changed_where_it_must_be(void **state)
{
    const char *pair = " {\"id\" : 123456789012345678, \"rejected\":{\"x\":[\"}\\\"\",1]} ,\"chosen\" : \"a,\\\\\" }\r";

    (void)state;
    expect_filter_line("  any \t text", GD_VERDICT_KEEP, false, GD_RECORD_TEXT, "  any \t text\n");
    expect_filter_line(
        pair, GD_VERDICT_FLIP, false, GD_RECORD_PAIR,
        " {\"id\" : 123456789012345678, \"rejected\":\"a,\\\\\" ,\"chosen\" : {\"x\":[\"}\\\"\",1]} }\r\n");
    expect_filter_line("{\"chosen\":1.5e3,\"rejected\":null}", GD_VERDICT_FLIP, false, GD_RECORD_PAIR,
                       "{\"chosen\":null,\"rejected\":1.5e3}\n");
    expect_filter_line("{\"\\u0063hos\\u0065n\":1,\"rejected\":2}", GD_VERDICT_FLIP, false, GD_RECORD_PAIR,
                       "{\"\\u0063hos\\u0065n\":2,\"rejected\":1}\n");
    expect_filter_line("{\"\\u0063hose\":1,\"rejected\":2}", GD_VERDICT_FLIP, false, GD_RECORD_PAIR, NULL);
    expect_filter_line("{\"a\":{\"chosen\":1,\"rejected\":2}}", GD_VERDICT_FLIP, false, GD_RECORD_PAIR, NULL);
    expect_filter_line("{\"text\":\"{\"  }", GD_VERDICT_KEEP, true, GD_RECORD_TEXT,
                       "{\"text\":\"{\"  ,\"guerdon\":{\"score\":0.5}}\n");
    expect_filter_line("{\"gu\\u0065rdon\" : {\"score\":1} ,\"text\":\"\"}", GD_VERDICT_KEEP, true, GD_RECORD_TEXT,
                       "{\"gu\\u0065rdon\" : {\"score\":0.5} ,\"text\":\"\"}\n");
    expect_filter_line("{\"guerdon\":1, \"text\":\"\" ,\"guerdon\" :{\"score\":[2]}}", GD_VERDICT_KEEP, true,
                       GD_RECORD_TEXT, "{\"guerdon\":{\"score\":0.5}, \"text\":\"\" ,\"guerdon\" :{\"score\":0.5}}\n");
    expect_filter_line("{ }", GD_VERDICT_KEEP, true, GD_RECORD_TEXT, "{ \"guerdon\":{\"score\":0.5}}\n");
    expect_filter_line("text", GD_VERDICT_KEEP, true, GD_RECORD_TEXT, NULL);
    expect_filter_line("{\"a\":1}", GD_VERDICT_KEEP, true, GD_RECORD_PAIR,
                       "{\"a\":1,\"guerdon\":{\"chosen\":0.5,\"rejected\":2,\"margin\":-1.5}}\n");
    expect_filter_line("{\"chosen\":\"a\",\"rejected\":\"b\"}", GD_VERDICT_FLIP, true, GD_RECORD_PAIR,
                       "{\"chosen\":\"b\",\"rejected\":\"a\",\"guerdon\":{\"chosen\":2,\"rejected\":0.5,\"margin\":1.5,"
                       "\"flipped\":true}}\n");
    expect_filter_line("{\"a\":[]}", GD_VERDICT_KEEP, true, GD_RECORD_ANSWERS,
                       "{\"a\":[],\"guerdon\":{\"scores\":[0.5,2,-1]}}\n");
}

/* Whatever the bytes, nothing after their end is read, and what is found lies within them. */
static void members_of_any_text_lie_within_it(void **state)
{
    static const char bytes[] = "{}[]\",:\\ a1\n";
    uint32_t seed = 3;
    gd_buf out = { 0 };

    (void)state;
    for (size_t round = 0; round < 200000; round++) {
        const size_t len = below(&seed, 24);
        char *text = malloc(len ? len : 1); /* of exactly that size, so that the sanitizer knows its end */
        gd_text value;
        bool empty;

        for (size_t i = 0; i < len; i++)
            text[i] = bytes[below(&seed, sizeof bytes - 1)];
        if (gd_json_span_value((gd_text){ text, len }, "a", &value))
            assert_true(value.data >= text && value.data + value.len <= text + len);
        (void)gd_json_span_end((gd_text){ text, len }, &empty);
        gd_buf_clear(&out);
        gd_json_plain(&out, (gd_text){ text, len });
        free(text);
    }
    gd_buf_free(&out);
}

static void a_value_has_one_spelling(void **state)
{
    static const char *const values[][2] = {
        { "0", "0" },
        { "-0.0e7", "0" },
        { "2", "2e0" },
        { "2.0", "2e0" },
        { "20E-1", "2e0" },
        { "0.02e+2", "2e0" },
        { "-1200", "-12e2" },
        { "-0.0012", "-12e-4" },
        { "10.010", "1001e-2" },
        { "9007199254740993", "9007199254740993e0" },
        { "1e99999999999999999999", "1e99999999999999999999" },
        { "true", "true" },
        { "\"caf\\u00e9 2.0\"", "\"caf\xC3\xA9 2.0\"" },
        { "\"\\\"\\u0022\\\\\\u005C\\/\"", "\"\\\"\\\"\\\\\\\\/\"" },
        { "\"\\ud83d\\ude00\"", "\"\xF0\x9F\x98\x80\"" },
        { "\"\\ud83d\"", "\"\\ud83d\"" },
        { " { \"a\" : [ 1.0 , \"b c\" ] }", "{\"a\":[1e0,\"b c\"]}" },
    };
    gd_buf out = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        gd_buf_clear(&out);
        gd_json_plain(&out, (gd_text){ values[i][0], strlen(values[i][0]) });
        assert_string_equal(gd_buf_cstr(&out), values[i][1]);
    }
    gd_buf_free(&out);
}

/* ---- verdicts and values ---- */

static void verdicts_follow_their_limit(void **state)
{
    static const float pair[] = { 1, 3 }, answers[] = { 1, 5, 4.5f, -2 };
    const char *why;
    float v;

    (void)state;
    assert_true(gd_filter_value_of(GD_FILTER_MIN_SCORE, GD_RECORD_PAIR, pair, 2, &v, &why) && v == 1);
    assert_true(gd_filter_value_of(GD_FILTER_MIN_SCORE, GD_RECORD_ANSWERS, answers, 4, &v, &why) && v == 5);
    assert_true(gd_filter_value_of(GD_FILTER_MIN_MARGIN, GD_RECORD_PAIR, pair, 2, &v, &why) && v == -2);
    assert_true(gd_filter_value_of(GD_FILTER_MIN_MARGIN, GD_RECORD_ANSWERS, answers, 4, &v, &why) && v == 0.5f);
    assert_true(gd_filter_value_of(GD_FILTER_TOP_FRACTION, GD_RECORD_TEXT, pair, 1, &v, &why) && v == 1);
    assert_false(gd_filter_value_of(GD_FILTER_MIN_MARGIN, GD_RECORD_TEXT, pair, 1, &v, &why));
    assert_string_equal(why, "a single text has no margin; expected a pair or answers to a prompt");
    assert_false(gd_filter_value_of(GD_FILTER_FLIP_BELOW, GD_RECORD_ANSWERS, answers, 4, &v, &why));
    assert_false(gd_filter_value_of(GD_FILTER_MIN_MARGIN, GD_RECORD_ANSWERS, answers, 1, &v, &why));
    assert_false(gd_filter_value_of(GD_FILTER_MIN_SCORE, GD_RECORD_TEXT, (const float[]){ NAN }, 1, &v, &why));
    assert_false(
        gd_filter_value_of(GD_FILTER_MIN_MARGIN, GD_RECORD_PAIR, (const float[]){ 3e38f, -3e38f }, 2, &v, &why));
    assert_int_equal(gd_filter_decide(GD_FILTER_MIN_SCORE, 1, 1), GD_VERDICT_KEEP);
    assert_int_equal(gd_filter_decide(GD_FILTER_MIN_MARGIN, 1, nextafterf(1, 0)), GD_VERDICT_REJECT);
    assert_int_equal(gd_filter_decide(GD_FILTER_FLIP_BELOW, 1, -1), GD_VERDICT_KEEP);
    assert_int_equal(gd_filter_decide(GD_FILTER_FLIP_BELOW, 1, nextafterf(-1, -2)), GD_VERDICT_FLIP);
}

static void the_top_is_the_largest_and_the_earliest(void **state)
{
    static const float values[] = { 1, 3, 2, 3, 0, 2 };
    gd_filter_values v = { 0 };
    gd_buf out = { 0 };
    bool *top;

    (void)state;
    gd_filter_values_histogram(&v, &out);
    assert_string_equal(gd_buf_cstr(&out), "null");
    for (size_t i = 0; i < 6; i++)
        assert_ok(gd_filter_values_add(&v, values[i], test_err));
    assert_ok(gd_filter_values_top(&v, 3, &top, test_err));
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(top[i], i == 1 || i == 2 || i == 3);
    gd_free(top);
    gd_buf_clear(&out);
    gd_filter_values_histogram(&v, &out);
    assert_string_equal(gd_buf_cstr(&out), "{\"min\":0,\"max\":3,\"mean\":1.83333337,"
                                           "\"counts\":[1,0,0,0,0,0,1,0,0,0,0,0,0,2,0,0,0,0,0,2]}");
    gd_filter_values_free(&v);
    gd_buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rankings_agree_with_counting),
        cmocka_unit_test(pairs_have_different_scores),
        cmocka_unit_test(pairs_are_for_trainers),
        cmocka_unit_test(a_drawn_answer_depends_only_on_seed_and_index),
        cmocka_unit_test(a_line_is_changed_where_it_must_be),
        cmocka_unit_test(members_of_any_text_lie_within_it),
        cmocka_unit_test(a_value_has_one_spelling),
        cmocka_unit_test(verdicts_follow_their_limit),
        cmocka_unit_test(the_top_is_the_largest_and_the_earliest),
    };

    return cmocka_run_group_tests_name("judge: parts", tests, NULL, NULL);
}
