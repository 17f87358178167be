/* test_engine.c - what the engine asks of a backend, and in which order; every pooled row of every tile gets its own
 * scores. */
#include "tests/engine/fake_backend.h"
#include "tests/engine/tiny.h"
#include "tests/quant-free/files.h"

static const tiny_text three[] = { { "abc", NULL }, { "abd", NULL }, { "b", NULL } };

static void expect_log(const char *want)
{
    const char *have = fake_log();
    size_t line = 1, from = 0;

    if (!strcmp(have, want))
        return;
    for (size_t i = 0; have[i] && have[i] == want[i]; i++)
        if (have[i] == '\n') {
            line++;
            from = i + 1;
        }
    fail_msg("line %zu of the log is \"%.*s\", but \"%.*s\" is expected; the log:\n%s", line,
             (int)strcspn(have + from, "\n"), have + from, (int)strcspn(want + from, "\n"), want + from, have);
}

/* ---- the order of the calls ---- */

static gd_engine *open_engine(const tiny *t)
{
    gd_engine *engine;

    assert_ok(gd_engine_open(&engine, &t->parts, test_err));
    return engine;
}

/* The five rows, a b c d and b, are two tiles; one call of the backend is one line. */
static void a_first_run_makes_weights_one_stage_ahead(void **state)
{
    tiny t;
    gd_engine *engine;

    tiny_open(&t, *state, 2);
    engine = open_engine(&t);
    tiny_check(&t, engine, three, 3, true);
    expect_log("open\n"
               "prepare\n"
               "buffer_alloc\n"
               "buffer_alloc\n"
               "buffer_alloc\n"
               "rows_make 5 rows, 4 segments, 3 pooled\n"
               "make embed\n"
               "wait embed\n"
               "make 0.norm 0.q 0.k 0.v\n"
               "embedding embed, rows 0-3\n"
               "embedding embed, rows 4-4\n"
               "wait 0.norm 0.q 0.k 0.v\n"
               "make 1.norm 1.k 1.v\n"
               "rms_norm 0.norm, rows 0-3\n"
               "linears 0.q 0.k 0.v, rows 0-3\n"
               "attention, rows 0-3\n"
               "add, rows 0-3\n"
               "rms_norm 0.norm, rows 4-4\n"
               "linears 0.q 0.k 0.v, rows 4-4\n"
               "attention, rows 4-4\n"
               "add, rows 4-4\n"
               "wait 1.norm 1.k 1.v\n"
               "make 1.norm 1.q head\n"
               "rms_norm 1.norm, rows 0-3\n"
               "linears 1.k 1.v, rows 0-3\n"
               "rms_norm 1.norm, rows 4-4\n"
               "linears 1.k 1.v, rows 4-4\n"
               "wait 1.norm 1.q head\n"
               "last_row, pooled 0-2\n"
               "rms_norm 1.norm, pooled 0-2\n"
               "linear 1.q, pooled 0-2\n"
               "attention, pooled 0-2\n"
               "add, pooled 0-2\n"
               "head head, pooled 0-2\n"
               "download 6\n"
               "finish\n"
               "rows_free\n");
    gd_engine_close(engine);
    expect_log("free embed 0.norm 0.q 0.k 0.v 1.norm 1.k 1.v 1.norm 1.q head\n"
               "buffer_free\n"
               "buffer_free\n"
               "buffer_free\n"
               "close\n");
    tiny_close(&t);
}

/* Two rows are one tile. */
static const tiny_text two[] = { { "ab", NULL } };

static void a_second_run_finds_its_weights(void **state)
{
    tiny t;
    gd_engine *engine;

    tiny_open(&t, *state, 2);
    engine = open_engine(&t);
    tiny_check(&t, engine, two, 1, true);
    (void)fake_log();
    tiny_check(&t, engine, two, 1, true);
    expect_log("rows_make 2 rows, 1 segments, 1 pooled\n"
               "wait embed\n"
               "embedding embed, rows 0-1\n"
               "wait 0.norm 0.q 0.k 0.v\n"
               "rms_norm 0.norm, rows 0-1\n"
               "linears 0.q 0.k 0.v, rows 0-1\n"
               "attention, rows 0-1\n"
               "add, rows 0-1\n"
               "wait 1.norm 1.k 1.v\n"
               "rms_norm 1.norm, rows 0-1\n"
               "linears 1.k 1.v, rows 0-1\n"
               "wait 1.norm 1.q head\n"
               "last_row, pooled 0-0\n"
               "rms_norm 1.norm, pooled 0-0\n"
               "linear 1.q, pooled 0-0\n"
               "attention, pooled 0-0\n"
               "add, pooled 0-0\n"
               "head head, pooled 0-0\n"
               "download 2\n"
               "finish\n"
               "rows_free\n");
    gd_engine_close(engine);
    tiny_close(&t);
}

/* Each run makes all weights again, and frees those of a stage before it makes those of the stage after the next. */
static void a_streamed_run_frees_what_it_has_used(void **state)
{
    tiny t;
    gd_engine *engine;

    tiny_open(&t, *state, 2);
    fake.memory_free = 0;
    engine = open_engine(&t);
    for (int run = 0; run < 2; run++) {
        tiny_check(&t, engine, two, 1, true);
        (void)(run ? NULL : fake_log());
    }
    expect_log("rows_make 2 rows, 1 segments, 1 pooled\n"
               "make embed\n"
               "wait embed\n"
               "make 0.norm 0.q 0.k 0.v\n"
               "embedding embed, rows 0-1\n"
               "free embed\n"
               "wait 0.norm 0.q 0.k 0.v\n"
               "make 1.norm 1.k 1.v\n"
               "rms_norm 0.norm, rows 0-1\n"
               "linears 0.q 0.k 0.v, rows 0-1\n"
               "attention, rows 0-1\n"
               "add, rows 0-1\n"
               "free 0.norm 0.q 0.k 0.v\n"
               "wait 1.norm 1.k 1.v\n"
               "make 1.norm 1.q head\n"
               "rms_norm 1.norm, rows 0-1\n"
               "linears 1.k 1.v, rows 0-1\n"
               "free 1.norm 1.k 1.v\n"
               "wait 1.norm 1.q head\n"
               "last_row, pooled 0-0\n"
               "rms_norm 1.norm, pooled 0-0\n"
               "linear 1.q, pooled 0-0\n"
               "attention, pooled 0-0\n"
               "add, pooled 0-0\n"
               "head head, pooled 0-0\n"
               "download 2\n"
               "free 1.norm 1.q head\n"
               "finish\n"
               "rows_free\n");
    gd_engine_close(engine);
    tiny_close(&t);
}

/* A backend that computes one linear at a time, borrows nothing, and has nothing to wait for. */
static void a_backend_may_lack_what_is_optional(void **state)
{
    gd_backend bare = fake_backend;
    gd_engine *engine;
    tiny t;

    bare.linears = NULL;
    bare.finish = NULL;
    bare.weight_borrow = NULL;
    tiny_open(&t, *state, 2);
    fake.heights.few = 100;
    t.parts.backend = &bare;
    engine = open_engine(&t);
    fake.begins = false;
    tiny_check(&t, engine, two, 1, true);
    assert_non_null(strstr(fake_log(), "linear 0.q, rows 0-1\nlinear 0.k, rows 0-1\nlinear 0.v, rows 0-1\n"));
    gd_engine_close(engine);
    tiny_close(&t);
}

/* Gate, up and their product are one call; two without gated_linears, and three if linears is missing, too. */
static void a_gated_product_is_one_call(void **state)
{
    static const char *const calls[] = { "gated_linears 0.q 0.k, rows 0-1\nadd, rows 0-1\n",
                                         "linears 0.q 0.k, rows 0-1\ngated, rows 0-1\nadd, rows 0-1\n",
                                         "linear 0.q, rows 0-1\nlinear 0.k, rows 0-1\ngated, rows 0-1\n" };
    static const char pooled[] = "gated_linears 1.q 1.k, pooled 0-0\nadd, pooled 0-0\nhead head, pooled 0-0\n";
    gd_backend backend = fake_backend;
    tiny t;

    tiny_open_gated(&t, *state, 2);
    t.parts.backend = &backend;
    for (size_t way = 0; way < 3; way++) {
        gd_engine *engine;
        const char *log;

        backend.gated_linears = way < 1 ? fake_backend.gated_linears : NULL;
        backend.linears = way < 2 ? fake_backend.linears : NULL;
        engine = open_engine(&t);
        tiny_check(&t, engine, two, 1, true);
        log = fake_log();
        assert_non_null(strstr(log, calls[way]));
        assert_true(way > 0 || strstr(log, pooled));
        gd_engine_close(engine);
    }
    tiny_close(&t);
}

/* Few rows borrow matrices the first time; the next run loads those that stay. */
static void few_rows_borrow_matrices_once(void **state)
{
    tiny t;
    gd_engine *engine;
    const char *log;

    tiny_open(&t, *state, 2);
    fake.heights.few = 2;
    engine = open_engine(&t);
    tiny_check(&t, engine, two, 1, true);
    log = fake_log();
    assert_non_null(strstr(log, "make 0.norm\nborrow 0.q 0.k 0.v\n"));
    assert_non_null(strstr(log, "free 0.norm 0.q 0.k 0.v\nwait 1.norm 1.k 1.v\nmake 1.norm\nborrow 1.q\nmake head\n"));
    tiny_check(&t, engine, two, 1, true);
    log = fake_log();
    assert_null(strstr(log, "borrow"));
    assert_non_null(strstr(log, "make 0.norm 0.q 0.k 0.v\n"));
    assert_null(strstr(log, "free 0"));
    gd_engine_close(engine);
    tiny_close(&t);
}

/* Two are few; three are not, be they rows or pooled rows. */
static void many_rows_borrow_nothing(void **state)
{
    static const tiny_text many[] = { { "abc", NULL }, { "ab", "aba" } };
    tiny t;

    tiny_open(&t, *state, 2);
    fake.heights.few = 2;
    for (size_t i = 0; i < 2; i++) {
        gd_engine *engine = open_engine(&t);

        tiny_check(&t, engine, &many[i], 1, true);
        assert_null(strstr(fake_log(), "borrow"));
        gd_engine_close(engine);
    }
    tiny_close(&t);
}

/* ---- tiles and pooled rows ---- */

/* Shared beginnings, one text within another, one twice, and one without a token. */
static const tiny_text texts[] = {
    { "abcdefghij", "jac" }, { "abcdefgxyz", NULL }, { "q", "aaa" },          { "abc", "cba" }, { "", NULL },
    { "zyx", "b" },          { "abcdq", "cde" },     { "abcdefghij", "bji" }, { "zz", "ab" },   { "b", NULL },
    { "bcdef", "eda" },      { "abcdq", NULL },
};
enum { TEXTS = sizeof texts / sizeof texts[0] };

static void every_tile_has_its_own_scores(void **state)
{
    static const gd_heights heights[] = { { 1, 1, 0 }, { 1, 3, 0 },   { 2, 4, 0 },   { 4, 8, 0 },
                                          { 1, 7, 0 }, { 16, 16, 0 }, { 2, 2, 100 }, { 64, 64, 0 } };
    tiny t;

    tiny_open(&t, *state, 2);
    for (size_t h = 0; h < sizeof heights / sizeof heights[0]; h++)
        for (int share = 0; share < 2; share++) {
            gd_engine *engine;

            fake.heights = heights[h];
            engine = open_engine(&t);
            for (size_t count = 1; count <= TEXTS; count++)
                tiny_check(&t, engine, texts, count, share);
            gd_engine_close(engine);
        }
    tiny_close(&t);
}

/* Six pooled rows in tiles of four: the scores of the second tile come after those of the first. */
static void pooled_rows_go_tile_by_tile(void **state)
{
    static const tiny_text three_each[] = { { "abc", "abc" }, { "abd", "cab" } };
    tiny t;
    gd_engine *engine;

    tiny_open(&t, *state, 2);
    engine = open_engine(&t);
    tiny_check(&t, engine, three_each, 2, true);
    assert_non_null(strstr(fake_log(), "last_row, pooled 0-3\n"
                                       "rms_norm 1.norm, pooled 0-3\n"
                                       "linear 1.q, pooled 0-3\n"
                                       "attention, pooled 0-3\n"
                                       "add, pooled 0-3\n"
                                       "head head, pooled 0-3\n"
                                       "download 8\n"
                                       "last_row, pooled 4-5\n"
                                       "rms_norm 1.norm, pooled 4-5\n"
                                       "linear 1.q, pooled 4-5\n"
                                       "attention, pooled 4-5\n"
                                       "add, pooled 4-5\n"
                                       "head head, pooled 4-5\n"
                                       "download 4\n"
                                       "finish\n"));
    gd_engine_close(engine);
    tiny_close(&t);
}

/* A tile of pooled rows may have more lines than the batch has rows. */
static void pooled_rows_may_be_more_than_rows(void **state)
{
    tiny t;
    gd_engine *engine;
    char positions[101];

    tiny_open(&t, *state, 2);
    for (size_t i = 0; i < 100; i++)
        positions[i] = (char)('a' + i * i % 3);
    positions[100] = '\0';
    fake.heights = (gd_heights){ 1, 128, 0 };
    engine = open_engine(&t);
    tiny_check(&t, engine, &(tiny_text){ "abc", positions }, 1, true);
    gd_engine_close(engine);
    tiny_close(&t);
}

/* The first number of each line of the residual stream, as the observer sees it. */
static void note_hidden(void *context, size_t stage, const gd_tensor *hidden)
{
    gd_buf *seen = context;

    gd_buf_printf(seen, "%zu:", stage);
    for (size_t r = 0; r < hidden->rows; r++)
        gd_buf_printf(seen, " %g", (double)((const float *)hidden->data)[r * hidden->stride]);
    gd_buf_str(seen, "\n");
}

/* "ab": 1 and 2; after layer 0, 1 + 1 + 5 and 2 + 2 + 15. The last stage has the pooled rows, a tile at a time. */
static void an_observer_sees_each_stage(void **state)
{
    static const tiny_text text = { "ab", "abb" };
    gd_buf seen = { 0 };
    gd_engine *engine;
    tiny t;

    tiny_open(&t, *state, 2);
    fake.heights.most = 2;
    engine = open_engine(&t);
    gd_engine_observe(engine, note_hidden, &seen);
    tiny_check(&t, engine, &text, 1, true);
    assert_string_equal(gd_buf_cstr(&seen), "0: 1 2\n1: 7 19\n2: 7 19\n3: 91 289\n3: 289\n");
    gd_buf_free(&seen);
    gd_engine_close(engine);
    tiny_close(&t);
}

/* The device is not called. */
static void a_batch_without_tokens_is_done(void **state)
{
    static const tiny_text none[] = { { "", NULL }, { "", NULL } };
    tiny t;
    gd_engine *engine;

    tiny_open(&t, *state, 2);
    engine = open_engine(&t);
    (void)fake_log();
    tiny_check(&t, engine, none, 2, true);
    expect_log("");
    gd_engine_close(engine);
    tiny_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_first_run_makes_weights_one_stage_ahead, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(a_second_run_finds_its_weights, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(a_streamed_run_frees_what_it_has_used, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(a_backend_may_lack_what_is_optional, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(a_gated_product_is_one_call, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(few_rows_borrow_matrices_once, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(many_rows_borrow_nothing, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(every_tile_has_its_own_scores, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(pooled_rows_go_tile_by_tile, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(pooled_rows_may_be_more_than_rows, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(an_observer_sees_each_stage, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(a_batch_without_tokens_is_done, dir_setup, dir_teardown),
    };

    return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
