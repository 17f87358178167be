/* test_trie.c - the trie against its definition: distinct prefixes, found by comparing every text with every other. */
#include "tests/check.h"

#include "base/mem.h"
#include "data/trie.h"

struct batch {
    gd_span *texts;
    size_t n;
    uint32_t *ids; /* all of them */
};

static uint64_t seed = 1;

static uint32_t draw(uint32_t below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((seed >> 33) % below);
}

static void batch_free(struct batch *b)
{
    free(b->texts);
    free(b->ids);
}

/* The trie of texts in sorted order. */
static gd_status build_shared(gd_trie *trie, const gd_span *texts, size_t n, const gd_pooled *pooled, gd_error *err)
{
    size_t *order;
    gd_status rc = gd_span_sort(&order, texts, n, err);

    *trie = (gd_trie){ 0 };
    if (!rc)
        rc = gd_trie_build(trie, texts, n, pooled, order, err);
    gd_free(order);
    return rc;
}

static bool same_prefix(gd_span a, gd_span b, size_t len)
{
    return a.len >= len && b.len >= len && (len == 0 || memcmp(a.ids, b.ids, len * sizeof *a.ids) == 0);
}

/* The set of texts that share text t's first len tokens, as its smallest member and its size: along a path the sets
 * only shrink, so equal sizes mean equal sets. */
static size_t sharers(const struct batch *b, size_t t, size_t len, size_t *smallest)
{
    size_t count = 0;

    *smallest = t;
    for (size_t i = b->n; i-- > 0;)
        if (same_prefix(b->texts[i], b->texts[t], len)) {
            *smallest = i;
            count++;
        }
    return count;
}

/* The row of the text's token at `position`, found by going up from its last row, which is pooled last. */
static uint32_t row_at(const gd_trie *t, size_t text, size_t position)
{
    const gd_segment *s = &t->segment[t->row_segment[t->pooled[t->text_pooled[text + 1] - 1]]];

    while (position < s->first_position)
        s = &t->segment[s->parent];
    assert_true(position - s->first_position < s->length);
    return s->first_row + (uint32_t)position - s->first_position;
}

static void check_rows(const gd_trie *t, const struct batch *b)
{
    size_t distinct = 0, smallest;

    for (size_t i = 0; i < b->n; i++)
        for (size_t p = 0; p < b->texts[i].len; p++) {
            const uint32_t row = row_at(t, i, p);

            assert_true(row < t->rows);
            assert_int_equal(t->token[row], b->texts[i].ids[p]);
            assert_int_equal(t->position[row], p);
            (void)sharers(b, i, p + 1, &smallest);
            distinct += smallest == i;
            assert_int_equal(row, row_at(t, smallest, p)); /* shared ... */
        }
    assert_int_equal(t->rows, distinct); /* ... and there are no others */
}

static void check_segments(const gd_trie *t, const struct batch *b)
{
    uint32_t next = 0;

    for (size_t s = 0; s < t->segments; s++) {
        const gd_segment *g = &t->segment[s];

        assert_int_equal(g->first_row, next);
        assert_true(g->length > 0);
        next += g->length;
        for (uint32_t k = 0; k < g->length; k++) {
            assert_int_equal(t->row_segment[g->first_row + k], s);
            assert_int_equal(t->position[g->first_row + k], g->first_position + k);
        }
        assert_int_equal(g->parent < 0, g->first_position == 0);
        if (g->parent >= 0) {
            const gd_segment *up = &t->segment[g->parent];

            assert_true((size_t)g->parent < s); /* so a row's ancestors have smaller indices */
            assert_int_equal(up->first_position + up->length, g->first_position);
        }
    }
    assert_int_equal(next, t->rows);
    for (size_t i = 0; i < b->n; i++) {
        size_t smallest;

        if (b->texts[i].len == 0) {
            assert_int_equal(t->text_pooled[i], t->text_pooled[i + 1]);
            continue;
        }
        assert_int_equal(t->text_pooled[i] + 1, t->text_pooled[i + 1]);
        assert_int_equal(t->pooled[t->text_pooled[i]], row_at(t, i, b->texts[i].len - 1));
        for (size_t p = 1; p < b->texts[i].len; p++) { /* a segment ends exactly where the set of texts changes */
            const bool same = sharers(b, i, p, &smallest) == sharers(b, i, p + 1, &smallest);

            assert_int_equal(t->row_segment[row_at(t, i, p - 1)] == t->row_segment[row_at(t, i, p)], same);
        }
    }
}

/* Depth-first, siblings by token: the paths of the rows come in lexicographic order. */
static void check_order(const gd_trie *t)
{
    for (size_t s = 1; s < t->segments; s++)
        for (size_t o = 0; o < s; o++)
            if (t->segment[o].parent == t->segment[s].parent)
                assert_true(t->token[t->segment[o].first_row] < t->token[t->segment[s].first_row]);
}

static void check_count(const gd_trie *t, const struct batch *b)
{
    gd_row_count count = { 0 };
    size_t *order, *rank = calloc(b->n + 1, sizeof *rank);

    assert_ok(gd_span_sort(&order, b->texts, b->n, test_err));
    for (size_t i = 0; i < b->n; i++)
        rank[order[i]] = i;
    for (int round = 0; round < 2; round++) {
        size_t rows = 0;

        for (size_t i = 0; i < b->n; i++) {
            size_t place, smallest, more = gd_row_count_more(&count, b->texts, rank, &place), wanted = 0;

            for (size_t p = 0; p < b->texts[i].len; p++) {
                (void)sharers(b, i, p + 1, &smallest);
                wanted += smallest == i;
            }
            assert_int_equal(more, wanted);
            assert_ok(gd_row_count_add(&count, place, test_err));
            rows += more;
        }
        assert_int_equal(rows, t->rows);
        gd_row_count_clear(&count);
    }
    gd_row_count_free(&count);
    gd_free(order);
    free(rank);
}

static void check_batch(const struct batch *b)
{
    gd_trie t;
    size_t tokens = 0;

    assert_ok(build_shared(&t, b->texts, b->n, NULL, test_err));
    assert_int_equal(t.texts, b->n);
    check_rows(&t, b);
    check_segments(&t, b);
    check_order(&t);
    check_count(&t, b);
    gd_trie_free(&t);

    assert_ok(gd_trie_build(&t, b->texts, b->n, NULL, NULL, test_err));
    for (size_t i = 0; i < b->n; i++)
        for (size_t p = 0; p < b->texts[i].len; p++, tokens++) {
            assert_int_equal(row_at(&t, i, p), tokens); /* one text after the other */
            assert_int_equal(t.token[tokens], b->texts[i].ids[p]);
            assert_int_equal(t.position[tokens], p);
        }
    assert_int_equal(t.rows, tokens);
    for (size_t s = 0; s < t.segments; s++)
        assert_int_equal(t.segment[s].parent, -1);
    gd_trie_free(&t);
    assert_int_equal(gd_mem_live(), 0);
}

/* Texts from strings of letters, one token each. */
static void check_strings(const char *const *strings, size_t n)
{
    struct batch b = { .texts = calloc(n + 1, sizeof *b.texts), .n = n, .ids = calloc(1000, sizeof *b.ids) };
    size_t at = 0;

    for (size_t i = 0; i < n; i++) {
        b.texts[i] = (gd_span){ .ids = b.ids + at, .len = strlen(strings[i]) };
        for (size_t p = 0; strings[i][p]; p++)
            b.ids[at++] = (uint32_t)strings[i][p];
    }
    check_batch(&b);
    batch_free(&b);
}

static void small_shapes(void **state)
{
    static const struct {
        size_t n;
        const char *strings[6];
    } cases[] = {
        { 0, { NULL } },
        { 1, { "" } },
        { 1, { "a" } },
        { 1, { "abcdef" } },
        { 3, { "", "", "" } },
        { 4, { "abc", "abc", "abc", "abc" } },
        { 4, { "abcd", "abc", "ab", "a" } },
        { 5, { "a", "ab", "", "abc", "ab" } },
        { 4, { "abcd", "abef", "abcd", "g" } },
        { 4, { "abcd", "abef", "abcdxx", "abc" } },
        { 6, { "b", "a", "bb", "ba", "ab", "aa" } },
        { 3, { "abcdefgh", "abcdefgi", "abcdxxxx" } },
        { 3, { "a", "b", "c" } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_strings(cases[i].strings, cases[i].n);
}

/* The example of trie.h. */
static void the_example_in_the_header(void **state)
{
    static const uint32_t a[] = { 1, 2, 3, 4 }, b[] = { 1, 2, 5, 6 }, g[] = { 7 };
    static const gd_segment wanted[] = { { 0, 2, 0, -1 }, { 2, 2, 2, 0 }, { 4, 2, 2, 0 }, { 6, 1, 0, -1 } };
    const gd_span texts[] = { { a, 4, 0 }, { b, 4, 0 }, { a, 4, 0 }, { g, 1, 0 } };
    gd_trie t;

    (void)state;
    assert_ok(build_shared(&t, texts, 4, NULL, test_err));
    assert_int_equal(t.rows, 7);
    assert_int_equal(t.segments, 4);
    assert_memory_equal(t.segment, wanted, sizeof wanted);
    gd_trie_free(&t);
}

/* Few letters and short texts: many shared prefixes. */
static void random_batches(void **state)
{
    (void)state;
    for (size_t round = 0; round < 400; round++) {
        const uint32_t letters = 1 + draw(4), longest = 1 + draw(12);
        struct batch b = { .n = draw(24) };
        size_t at = 0;

        b.texts = calloc(b.n + 1, sizeof *b.texts);
        b.ids = calloc(b.n * longest + 1, sizeof *b.ids);
        for (size_t i = 0; i < b.n; i++) {
            b.texts[i] = (gd_span){ .ids = b.ids + at, .len = draw(longest + 1) };
            for (size_t p = 0; p < b.texts[i].len; p++)
                b.ids[at++] = draw(letters) * 0x3fffffffu; /* large ids, too */
        }
        check_batch(&b);
        batch_free(&b);
    }
}

/* Conversations as in HH-RLHF: prompts of a few hundred tokens with two answers each, some of them a beginning of other
 * prompts, in any order. */
static void pairs_with_prompts(void **state)
{
    enum { PAIRS = 12, PROMPT = 150, ANSWER = 60 };
    struct batch b = { .n = 2 * PAIRS,
                       .texts = calloc(2 * PAIRS, sizeof *b.texts),
                       .ids = calloc(2 * PAIRS * (PROMPT + ANSWER), sizeof *b.ids) };

    (void)state;
    for (size_t i = 0; i < b.n; i++) {
        uint32_t *ids = b.ids + i * (PROMPT + ANSWER);
        const size_t shared = i % 2 ? PROMPT : i > 4 ? draw(PROMPT) : 0;
        const size_t from = i % 2 ? i - 1 : draw((uint32_t)i + 1);

        for (size_t p = 0; p < PROMPT + ANSWER; p++)
            ids[p] = p < shared && from < i ? b.ids[from * (PROMPT + ANSWER) + p] : draw(50000);
        b.texts[i] = (gd_span){ .ids = ids, .len = PROMPT + 1 + draw(ANSWER) };
    }
    for (size_t i = b.n - 1; i > 0; i--) {
        const size_t k = draw((uint32_t)i + 1);
        const gd_span t = b.texts[i];

        b.texts[i] = b.texts[k];
        b.texts[k] = t;
    }
    check_batch(&b);
    batch_free(&b);
}

/* Long chains must not cause recursion, nor be walked once per text. */
static void a_long_chain(void **state)
{
    enum { N = 500000, STEPS = 1000 };
    uint32_t *ids = calloc(N, sizeof *ids);
    gd_span *texts = calloc(STEPS, sizeof *texts);
    gd_trie t;

    (void)state;
    for (size_t i = 0; i < STEPS; i++) /* each a prefix of the next, given in reverse */
        texts[i] = (gd_span){ .ids = ids, .len = N / STEPS * (STEPS - i) };
    assert_ok(build_shared(&t, texts, STEPS, NULL, test_err));
    assert_int_equal(t.rows, N);
    assert_int_equal(t.segments, STEPS);
    assert_int_equal(row_at(&t, 0, 0), 0);
    assert_int_equal(row_at(&t, 0, N - 1), N - 1);
    for (size_t i = 0; i < STEPS; i++)
        assert_int_equal(t.row_segment[t.pooled[i]], STEPS - 1 - i);
    gd_trie_free(&t);
    free(texts);
    free(ids);
}

static void too_many_tokens_are_refused(void **state)
{
    static const uint32_t id = 1;
    const gd_span text = { &id, (size_t)INT32_MAX + 1, 0 }; /* its length is checked before its ids are read */
    gd_error err = { 0 };
    gd_trie t;

    (void)state;
    assert_int_equal(build_shared(&t, &text, 1, NULL, &err), GD_ENOMEM);
    assert_string_equal(err.text, "a batch of 2^31 tokens or more is too large");
}

static void every_allocation_may_fail(void **state)
{
    static const uint32_t ids[] = { 1, 2, 3, 4 };
    const gd_span texts[] = { { ids, 4, 0 }, { ids + 1, 3, 0 }, { ids, 2, 0 } };
    gd_status rc = GD_ENOMEM;
    uint64_t fault;

    (void)state;
    for (fault = 1; rc; fault++) {
        gd_error err = { 0 };
        gd_trie t;

        gd_mem_fail_from(fault);
        rc = build_shared(&t, texts, 3, NULL, &err);
        gd_mem_fail_from(0);
        assert_int_equal(err.status, rc);
        gd_trie_free(&t);
        assert_int_equal(gd_mem_live(), 0);
    }
    assert_int_equal(fault, 15); /* each of thirteen allocations failed once */
}

/* Each group has rows of its own, which follow each other; unsorted, a group may have several runs of them. */
static void groups_share_nothing(void **state)
{
    static const uint32_t a[] = { 1, 2, 3, 4 };
    const gd_span texts[] = { { a, 4, 1 }, { NULL, 0, 2 }, { a, 4, 0 }, { a, 2, 1 }, { a, 3, 0 } };
    size_t *order;
    gd_trie t;

    (void)state;
    assert_int_equal(gd_span_common(texts[0], texts[2]), 0);
    assert_ok(gd_span_sort(&order, texts, 5, test_err));
    assert_int_equal(gd_span_rows(texts, order, 5), 8);
    gd_free(order);
    assert_ok(build_shared(&t, texts, 5, NULL, test_err));
    assert_int_equal(t.rows, 8);
    assert_int_equal(t.run_count, 2);
    assert_true(t.runs[0].group == 0 && t.runs[0].end == 4 && t.runs[1].group == 1 && t.runs[1].end == 8);
    for (uint32_t row = 0; row < 8; row++)
        assert_int_equal(gd_trie_group(&t, row), row / 4);
    gd_trie_free(&t);
    assert_ok(gd_trie_build(&t, texts, 5, NULL, NULL, test_err));
    assert_int_equal(t.run_count, 4);
    assert_true(t.runs[1].group == 0 && t.runs[1].end == 8 && t.runs[2].group == 1 && t.runs[3].end == 13);
    assert_int_equal(gd_trie_group(&t, 9), 1);
    gd_trie_free(&t);
}

/* A text may be read at several rows, in any order, and two texts at one row that they share. */
static void pooled_rows_are_those_of_the_positions(void **state)
{
    static const uint32_t a[] = { 5, 6, 7 }, b[] = { 5, 6, 8, 9 }, at[] = { 1, 2, 0, 1, 3 };
    const gd_span texts[] = { { b, 4, 0 }, { NULL, 0, 0 }, { a, 3, 0 }, { b, 4, 0 } };
    static const size_t first[] = { 0, 1, 1, 4, 5 };
    static const uint32_t rows[] = { 1, 2, 0, 1, 4 };
    const gd_pooled pooled = { first, at };
    gd_trie t;

    (void)state;
    assert_ok(build_shared(&t, texts, 4, &pooled, test_err));
    assert_int_equal(t.rows, 5);
    assert_int_equal(t.pooled_count, 5);
    assert_memory_equal(t.text_pooled, first, sizeof first);
    assert_memory_equal(t.pooled, rows, sizeof rows);
    gd_trie_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pooled_rows_are_those_of_the_positions),
        cmocka_unit_test(small_shapes),
        cmocka_unit_test(the_example_in_the_header),
        cmocka_unit_test(random_batches),
        cmocka_unit_test(pairs_with_prompts),
        cmocka_unit_test(a_long_chain),
        cmocka_unit_test(too_many_tokens_are_refused),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(groups_share_nothing),
    };

    return cmocka_run_group_tests_name("records: trie", tests, NULL, NULL);
}
