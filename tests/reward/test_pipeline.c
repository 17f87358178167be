/* test_pipeline.c - what the pipeline reads before it scores, what it scores after a failure, and what it passes on. */
#include "tests/quant-free/files.h"
#include "tests/reward/golden.h"

#include "base/error.h"
#include "base/mem.h"
#include "reward/pipeline.h"

static gd_model *open_model(const gd_options *options)
{
    gd_model *model;

    assert_ok(gd_model_open(&model, options, test_err));
    return model;
}

/* Counts the rows that the engine computes: those that go through the embedding. */
static void count_computed(void *context, size_t stage, const gd_tensor *hidden)
{
    *(size_t *)context += stage == 0 ? hidden->rows : 0;
}

/* ---- records from a test ---- */

enum { MIB = 1 << 20 };

struct flow {
    void (*fill)(gd_record *record);
    size_t count;  /* of records */
    gd_status end; /* what comes after them */
    size_t came, taken;
    size_t most; /* the most that had come and were not taken */
};

static gd_status come(void *context, gd_record *record, uint64_t *bytes, bool *more, gd_error *err)
{
    struct flow *flow = context;

    *bytes = 0;
    *more = flow->came < flow->count;
    if (!*more)
        return flow->end ? gd_fail(err, flow->end, "the records break off") : GD_OK;
    record->index = flow->came++;
    flow->fill(record);
    flow->most = flow->came - flow->taken > flow->most ? flow->came - flow->taken : flow->most;
    return GD_OK;
}

static gd_status count_taken(void *context, const gd_scored *item, bool *failed, gd_error *err)
{
    struct flow *flow = context;

    (void)failed;
    (void)err;
    assert_int_equal(item->record.index, flow->taken++);
    return GD_OK;
}

static gd_status run_flow(gd_model *model, struct flow *flow)
{
    gd_job job;
    gd_pipeline run = { .model = model,
                        .job = &job,
                        .next = come,
                        .take = count_taken,
                        .context = flow,
                        .keep_fields = true };

    assert_ok(gd_job_init(&job, NULL, NULL, test_err));
    return gd_job_close(&job, gd_pipeline_run(&run, NULL), NULL);
}

/* ---- how many records wait ---- */

static void fill_problem(gd_record *record)
{
    record->problem = gd_alloc(MIB + 1, 1);
    assert_non_null(record->problem);
    memset(record->problem, 'x', MIB);
    record->problem[MIB] = '\0';
}

static void fill_raw(gd_record *record)
{
    record->problem = gd_strdup("a problem");
    record->raw = gd_strdup("the line");
    record->length = MIB;
}

static void fill_fields(gd_record *record)
{
    record->problem = gd_strdup("a problem");
    record->object = json_object();
    record->length = MIB / 2;
}

/* Whatever takes the memory, no more than 8 MiB of records are read ahead. */
static void a_few_megabytes_wait(void **state)
{
    static void (*const fills[])(gd_record *) = { fill_problem, fill_raw, fill_fields };
    const gd_options options = golden_options("qwen2", 0);
    gd_model *model = open_model(&options);

    (void)state;
    for (size_t i = 0; i < sizeof fills / sizeof fills[0]; i++) {
        struct flow flow = { .fill = fills[i], .count = 40 };

        (void)run_flow(model, &flow);
        assert_int_equal(flow.taken, 40);
        assert_in_range(flow.most, 2, 8);
    }
    gd_model_close(model);
}

/* ---- failures ---- */

static void fill_text(gd_record *record)
{
    record->texts = gd_alloc_zero(1, sizeof *record->texts);
    assert_non_null(record->texts);
    record->texts[0].text = (gd_text){ "Hello", 5 };
    record->count = 1;
}

/* What came before a bad input is scored; but a caller who wants to stop doesn't wait, nor does one without memory. */
static void a_failure_decides_what_is_still_scored(void **state)
{
    static const struct {
        gd_status end;
        size_t taken;
    } cases[] = { { GD_OK, 3 }, { GD_EIO, 3 }, { GD_ENOMEM, 0 }, { GD_EINTERRUPTED, 0 } };
    const gd_options options = golden_options("qwen2", 0);
    gd_model *model = open_model(&options);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct flow flow = { .fill = fill_text, .count = 3, .end = cases[i].end };
        size_t computed = 0;

        gd_engine_observe(model->engine, count_computed, &computed);
        assert_int_equal(run_flow(model, &flow), cases[i].end);
        assert_int_equal(flow.taken, cases[i].taken);
        assert_int_equal(computed > 0, cases[i].taken > 0);
    }
    gd_model_close(model);
}

/* gd_score() is all or nothing: nothing is computed in vain. */
static void a_bad_text_fails_before_any_is_scored(void **state)
{
    static const gd_text texts[][2] = { { { "Hello", 5 }, { "\xff", 1 } },
                                        { { "Hello", 5 }, { "one two three four five six", 27 } },
                                        { { "Hello", 5 }, { "there", 5 } } };
    static const gd_status wanted[] = { GD_EFORMAT, GD_ETOOLONG, GD_OK };
    gd_options options = golden_options("qwen2", 0);
    gd_model *model;

    (void)state;
    options.max_length = 5;
    options.truncate = GD_TRUNCATE_DROP;
    model = open_model(&options);
    for (size_t i = 0; i < 3; i++) {
        size_t computed = 0;
        float scores[2];

        gd_engine_observe(model->engine, count_computed, &computed);
        assert_int_equal(gd_score(model, 2, texts[i], scores, NULL, NULL), wanted[i]);
        assert_int_equal(computed > 0, wanted[i] == GD_OK);
    }
    gd_model_close(model);
}

/* The golden model in `dir`, except that the last number of its file, in score.weight, becomes the largest bf16. */
static void write_huge_head(const char *dir)
{
    static const unsigned char largest[] = { 0x7f, 0x7f };
    FILE *f;

    copy_data(dir, "config.json", "golden/qwen2/config.json");
    copy_data(dir, "tokenizer.json", "golden/qwen2/tokenizer.json");
    copy_data(dir, "model.safetensors", "golden/qwen2/model.safetensors");
    f = fopen(in_dir(dir, "model.safetensors"), "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, -(long)sizeof largest, SEEK_END), 0);
    assert_int_equal(fwrite(largest, 1, sizeof largest, f), sizeof largest);
    assert_int_equal(fclose(f), 0);
}

/* With that model "there" has no finite score, and "Hello" has one; of two answers, both must. */
static void a_score_that_is_not_finite_is_an_error(void **state)
{
    static const gd_part parts[] = { { .text = { "there", 5 } }, { .text = { "Hello", 5 } } };
    const gd_item item = { .kind = GD_ITEM_ANSWERS, .parts = parts, .part_count = 2 };
    gd_options options = golden_options("qwen2", 0);
    gd_item_result result;
    const gd_items items = golden_items(&item, 1, &result);
    gd_error err = { 0 };
    gd_model *model;
    float score;

    write_huge_head(*state);
    options.model = *state;
    model = open_model(&options);
    assert_ok(gd_score(model, 1, &parts[1].text, &score, NULL, test_err));
    assert_int_equal(gd_score(model, 1, &parts[0].text, &score, NULL, &err), GD_EFORMAT);
    assert_string_equal(err.text, "text 0: the model's score is not finite");
    assert_int_equal(gd_score_items(model, &items, NULL, NULL, NULL), GD_EITEM);
    assert_int_equal(result.status, GD_EFORMAT);
    assert_string_equal(result.error, "the model's score is not finite");
    assert_true(!result.count && !result.scores);
    gd_items_free_results(&items);
    gd_model_close(model);
}

/* ---- progress ---- */

struct seen {
    uint64_t bytes, total;
};

static int watch(void *context, uint64_t done, uint64_t bytes, uint64_t total, uint64_t tokens)
{
    (void)done;
    (void)tokens;
    *(struct seen *)context = (struct seen){ bytes, total };
    return 0;
}

/* Of a text its bytes, of ids four each, of a conversation its contents; and of the prompt too. */
static void progress_counts_all_bytes(void **state)
{
    static const uint32_t ids[] = { 1, 2, 3, 4, 5 };
    static const gd_message asked[] = { { { "user", 4 }, { "Is it hot?", 10 } } };
    static const gd_part prompts[] = { { .text = { "Hello ", 6 } },
                                       { .ids = ids, .id_count = 5 },
                                       { .messages = asked, .message_count = 1 } };
    static const gd_part parts[] = { { .text = { "you", 3 } }, { .ids = ids, .id_count = 2 }, { .text = { "No", 2 } } };
    static const uint64_t totals[] = { 6 + 3, 5 * 4 + 2 * 4, 10 + 2 };
    gd_options options = golden_options("qwen2", 0);
    gd_model *model;

    (void)state;
    options.chat_format = "chatml";
    model = open_model(&options);
    for (size_t i = 0; i < 3; i++) {
        const gd_item item = { .prompt = &prompts[i], .parts = &parts[i], .part_count = 1 };
        struct seen seen = { 0 };
        const gd_progress progress = { sizeof progress, watch, &seen };
        gd_item_result result;
        const gd_items items = golden_items(&item, 1, &result);

        assert_ok(gd_score_items(model, &items, &progress, NULL, test_err));
        assert_int_equal(seen.total, totals[i]);
        assert_int_equal(seen.bytes, totals[i]);
        gd_items_free_results(&items);
    }
    gd_model_close(model);
}

/* ---- stopping ---- */

enum { ANSWERS = 40, TURNS = 40, LONG = GD_PAUSE_BYTES / 16 };

static int stop_at_once(void *context, uint64_t done, uint64_t bytes, uint64_t total, uint64_t tokens)
{
    (void)bytes;
    (void)total;
    (void)tokens;
    assert_int_equal(done, 0);
    ++*(unsigned *)context;
    return 1;
}

static void stops_early(const gd_item *item, gd_truncate truncate)
{
    gd_options options = golden_options("qwen2", 0);
    size_t computed = 0;
    unsigned calls = 0;
    const gd_progress progress = { sizeof progress, stop_at_once, &calls };
    gd_item_result result;
    const gd_items items = golden_items(item, 1, &result);
    gd_model *model;

    options.chat_format = "chatml";
    options.truncate = truncate;
    model = open_model(&options);
    gd_engine_observe(model->engine, count_computed, &computed);
    assert_int_equal(gd_score_items(model, &items, &progress, NULL, NULL), GD_EINTERRUPTED);
    assert_int_equal(calls, 1);
    assert_int_equal(computed, 0);
    gd_items_free_results(&items);
    gd_model_close(model);
}

static char *many_words(void)
{
    char *words = malloc(LONG + 1);

    assert_non_null(words);
    for (size_t i = 0; i < LONG; i++)
        words[i] = "word "[i % 5];
    words[LONG] = '\0';
    return words;
}

/* One item takes long if a long prompt is read again for each answer, or a conversation again for each turn that it
 * loses: it can be stopped in the middle, before anything is computed. */
static void an_item_can_be_stopped(void **state)
{
    char *words = many_words();
    gd_message asked = { { "user", 4 }, { words, LONG } }, turns[TURNS];
    const gd_part text = { .text = { words, LONG } }, talk = { .messages = &asked, .message_count = 1 };
    const gd_part dropped = { .messages = turns, .message_count = TURNS };
    gd_part answers[ANSWERS];

    (void)state;
    for (size_t i = 0; i < ANSWERS; i++)
        answers[i] = (gd_part){ .text = { "No", 2 } };
    for (size_t i = 0; i < TURNS; i++)
        turns[i] = (gd_message){ i % 2 ? (gd_text){ "assistant", 9 } : (gd_text){ "user", 4 }, { words, LONG / 16 } };
    stops_early(&(gd_item){ .prompt = &text, .parts = answers, .part_count = ANSWERS, .kind = GD_ITEM_ANSWERS },
                GD_TRUNCATE_LEFT);
    stops_early(&(gd_item){ .prompt = &talk, .parts = answers, .part_count = ANSWERS, .kind = GD_ITEM_ANSWERS },
                GD_TRUNCATE_LEFT);
    stops_early(&(gd_item){ .parts = &dropped, .part_count = 1 }, GD_TRUNCATE_OLDEST_TURNS);
    free(words);
}

/* Nor do texts have to be scored to take long. */
static void token_ids_can_be_stopped(void **state)
{
    gd_options options = golden_options("qwen2", 0);
    unsigned calls = 0;
    const gd_progress progress = { sizeof progress, stop_at_once, &calls };
    const char *in = in_dir(*state, "in.jsonl"), *out = in_dir(*state, "out.jsonl");
    char *words = many_words();
    gd_file_options files = from_to(in, out, GD_FORMAT_AUTO);
    FILE *f = fopen(in, "w");

    assert_non_null(f);
    assert_true(fprintf(f, "{\"prompt\":\"%s\",\"responses\":[\"\"", words) > 0);
    for (size_t i = 0; i < ANSWERS; i++)
        assert_true(fputs(",\"No\"", f) >= 0);
    assert_true(fputs("]}\n", f) >= 0 && fclose(f) == 0);
    options.truncate = GD_TRUNCATE_LEFT;
    assert_int_equal(gd_tokenize_file(&options, &files, &progress, NULL, NULL), GD_EINTERRUPTED);
    assert_int_equal(calls, 1);
    free(words);
}

static void nothing_leaks(void **state)
{
    (void)state;
    assert_int_equal(gd_mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_few_megabytes_wait),
        cmocka_unit_test(a_failure_decides_what_is_still_scored),
        cmocka_unit_test(a_bad_text_fails_before_any_is_scored),
        cmocka_unit_test_setup_teardown(a_score_that_is_not_finite_is_an_error, dir_setup, dir_teardown),
        cmocka_unit_test(progress_counts_all_bytes),
        cmocka_unit_test(an_item_can_be_stopped),
        cmocka_unit_test_setup_teardown(token_ids_can_be_stopped, dir_setup, dir_teardown),
        cmocka_unit_test(nothing_leaks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
