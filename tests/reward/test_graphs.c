/* test_graphs.c - graphs and checkpoints that no known model has, but the engine accepts: batches still don't change a
 * bit, and the memory budget still holds. */
#include "tests/quant-free/files.h"
#include "tests/reward/golden.h"

#include "base/mem.h"
#include "graph/graph.h"
#include "reward/encode.h"
#include "reward/model.h"

#include <jansson.h>
#include <sys/stat.h>

static golden texts; /* qwen2's */

/* Writes the built-in qwen2 graph, with one piece replaced, to a file. */
static const char *changed_graph(const char *dir, const char *old, const char *new)
{
    const gd_graph_builtin *g = gd_graph_builtins;
    const char *at;
    char *text;

    while (g->text && !strstr(g->name, "qwen2"))
        g++;
    assert_non_null(g->text);
    text = malloc(g->len + strlen(new) + 1);
    at = strstr(g->text, old);
    assert_true(text && at);
    (void)snprintf(text, g->len + strlen(new) + 1, "%.*s%s%s", (int)(at - g->text), g->text, new, at + strlen(old));
    write_text(dir, "graph.yaml", text);
    free(text);
    return in_dir(dir, "graph.yaml");
}

static float *scores_of(const char *graph, size_t batch_tokens, const char *isa)
{
    gd_options options = golden_options("qwen2", 0);

    options.graph = graph;
    options.batch_tokens = batch_tokens;
    options.isa = isa;
    return golden_scores(&options, &texts);
}

static void same_scores(const float *want, float *have)
{
    for (size_t i = 0; i < texts.count; i++)
        if (memcmp(&want[i], &have[i], sizeof *want) != 0)
            fail_msg("text %zu scores %.9g, not %.9g", i, (double)have[i], (double)want[i]);
    free(have);
}

static void batches_change_nothing(const char *graph)
{
    float *want = scores_of(graph, 1, "generic");

    same_scores(want, scores_of(graph, 500, NULL));
    same_scores(want, scores_of(graph, 0, NULL));
    free(want);
}

/* The output of attention is bf16 when a matmul reads it, and fp32 when an add does. */
static void attention_may_feed_an_add(void **state)
{
    batches_change_nothing(changed_graph(
        *state,
        "      - {op: linear, in: [o], w: [self_attn.o_proj.weight], out: y, size: hidden, lora: o_proj}\n"
        "      - {op: add, in: [x, y], out: x}\n",
        "      - {op: add, in: [x, o], out: x}\n"));
}

/* The same for the output of an embedding. */
static void an_embedding_may_feed_a_linear(void **state)
{
    batches_change_nothing(changed_graph(
        *state, "  - {op: embedding, in: [tokens], w: [model.embed_tokens.weight], out: x}\n",
        "  - {op: embedding, in: [tokens], w: [model.embed_tokens.weight], out: e}\n"
        "  - {op: linear, in: [e], w: [model.layers.0.self_attn.o_proj.weight], out: x, size: hidden}\n"));
}

/* The pooled rows may be gathered twice, and are the same the second time. */
static void a_second_gather_takes_the_same_rows(void **state)
{
    static const char *const gather = "  - {op: last_row, in: [x], out: p}\n"
                                      "  - {op: rms_norm, in: [p],";
    float *want = scores_of(changed_graph(*state, gather,
                                          "  - {op: last_row, in: [x], out: p1}\n"
                                          "  - {op: add, in: [p1, p1], out: p}\n"
                                          "  - {op: rms_norm, in: [p],"),
                            0, NULL);

    same_scores(want, scores_of(changed_graph(*state, gather,
                                              "  - {op: last_row, in: [x], out: p1}\n"
                                              "  - {op: last_row, in: [x], out: p2}\n"
                                              "  - {op: add, in: [p1, p2], out: p}\n"
                                              "  - {op: rms_norm, in: [p],"),
                                0, NULL));
    free(want);
}

static size_t weights_of(const char *graph)
{
    gd_options options = golden_options("qwen2", 0);
    gd_model *model;
    size_t bytes;

    options.graph = graph;
    assert_ok(gd_model_open(&model, &options, test_err));
    bytes = gd_engine_budget(model->engine)->weights;
    gd_model_close(model);
    return bytes;
}

/* Tables are read in the mapped file, and the pages of each count as memory. */
static void every_table_counts(void **state)
{
    const char *graph = changed_graph(*state,
                                      "  - {op: embedding, in: [tokens], w: [model.embed_tokens.weight], out: x}\n",
                                      "  - {op: embedding, in: [tokens], w: [model.embed_tokens.weight], out: e1}\n"
                                      "  - {op: embedding, in: [tokens], w: [model.embed_tokens.weight], out: e2}\n"
                                      "  - {op: add, in: [e1, e2], out: x}\n");
    gd_options options = golden_options("qwen2", 0);
    size_t table;
    gd_model *model;

    assert_ok(gd_model_open(&model, &options, test_err));
    table = model->plan->vocab * model->plan->hidden * 2;
    gd_model_close(model);
    assert_in_range(weights_of(graph) - weights_of(NULL), table, table + 1024);
    batches_change_nothing(graph);
}

/* ---- the same weights in fp32 ---- */

static unsigned char *read_all(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    unsigned char *bytes = malloc(1 << 24);

    assert_true(f && bytes);
    *len = fread(bytes, 1, 1 << 24, f);
    assert_true(*len > 8 && *len < 1 << 24);
    assert_int_equal(fclose(f), 0);
    return bytes;
}

/* Doubles every offset, and makes every bf16 the high half of a float. */
static void write_widened(const char *dir, const unsigned char *old, size_t len)
{
    uint64_t n;
    const char *name;
    json_t *header, *tensor;
    char *text;
    size_t bytes;
    unsigned char *new;

    memcpy(&n, old, 8);
    header = json_loadb((const char *)old + 8, (size_t)n, 0, NULL);
    assert_non_null(header);
    json_object_foreach(header, name, tensor) {
        json_t *offsets = json_object_get(tensor, "data_offsets");

        if (!offsets)
            continue;
        assert_string_equal(json_string_value(json_object_get(tensor, "dtype")), "BF16");
        json_object_set_new(tensor, "dtype", json_string("F32"));
        for (size_t i = 0; i < 2; i++)
            json_array_set_new(offsets, i, json_integer(2 * json_integer_value(json_array_get(offsets, i))));
    }
    text = json_dumps(header, JSON_COMPACT);
    assert_non_null(text);
    bytes = 8 + strlen(text) + 2 * (len - 8 - (size_t)n);
    new = calloc(bytes, 1);
    assert_non_null(new);
    memcpy(new, &(uint64_t){ strlen(text) }, 8);
    memcpy(new + 8, text, strlen(text));
    for (size_t i = 8 + (size_t)n, at = 8 + strlen(text); i + 1 < len; i += 2, at += 4)
        memcpy(new + at + 2, old + i, 2);
    write_bytes(dir, "model.safetensors", new, bytes);
    json_decref(header);
    free(text);
    free(new);
}

static void copy_golden(const char *dir, const char *name)
{
    char path[64];

    (void)snprintf(path, sizeof path, "golden/qwen2/%s", name);
    copy_data(dir, name, path);
}

/* fp32 weights can't be read from the mapped file for bf16 products, so they are loaded on the first run, and stay. */
static void wide_weights_are_loaded_once(void **state)
{
    gd_options options = golden_options("qwen2", 0);
    float *want = golden_scores(&options, &texts);
    const gd_text text = { "one two three", 13 };
    char path[512];
    uint64_t live[2];
    gd_model *model;
    float score;
    size_t len;
    unsigned char *weights = read_all(test_data(path, sizeof path, "golden/qwen2/model.safetensors"), &len);

    write_widened(*state, weights, len);
    free(weights);
    copy_golden(*state, "config.json");
    copy_golden(*state, "tokenizer.json");
    options.model = *state;
    assert_ok(gd_model_open(&model, &options, test_err));
    for (size_t i = 0; i < 2; i++) {
        assert_ok(gd_score(model, 1, &text, &score, NULL, test_err));
        live[i] = gd_mem_live();
    }
    gd_model_close(model);
    assert_int_equal(live[0], live[1]);
    same_scores(want, golden_scores(&options, &texts));
    free(want);
}

/* The golden tokenizer, with a token of its own before each text and one after it. */
static gd_tokenizer *framing_tokenizer(const char *dir)
{
    static const char template[] =
        "{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"X\",\"type_id\":0}},"
        "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}},{\"SpecialToken\":{\"id\":\"Y\",\"type_id\":0}}],"
        "\"pair\":[{\"Sequence\":{\"id\":\"A\",\"type_id\":0}},{\"Sequence\":{\"id\":\"B\",\"type_id\":1}}],"
        "\"special_tokens\":{\"X\":{\"id\":\"X\",\"ids\":[1501],\"tokens\":[\"X\"]},"
        "\"Y\":{\"id\":\"Y\",\"ids\":[1502],\"tokens\":[\"Y\"]}}}";
    char path[512];
    json_t *all = json_load_file(test_data(path, sizeof path, "golden/qwen2/tokenizer.json"), 0, NULL);
    gd_tokenizer *tokenizer;
    char *text;

    assert_int_equal(json_object_set_new(all, "post_processor", json_loads(template, 0, NULL)), 0);
    text = json_dumps(all, JSON_COMPACT);
    write_text(dir, "tokenizer.json", text);
    free(text);
    json_decref(all);
    assert_ok(gd_tokenizer_open(&tokenizer, dir, test_err));
    return tokenizer;
}

/* Whichever side is cut, the tokens that the tokenizer puts at both ends stay. */
static void truncation_keeps_the_frame(void **state)
{
    static const gd_text text = { "one two three four five", 23 };
    gd_encoder encoder = { .tokenizer = framing_tokenizer(*state) };
    gd_ids all = { 0 }, ids = { 0 };
    gd_encoding how;

    assert_ok(gd_encode(&encoder, text, &all, &how, test_err));
    assert_true(all.len > 6 && all.data[0] == 1501 && all.data[all.len - 1] == 1502);
    encoder.max_length = 5;
    for (int left = 0; left < 2; left++) {
        encoder.truncate = left ? GD_TRUNCATE_LEFT : GD_TRUNCATE_RIGHT;
        assert_ok(gd_encode(&encoder, text, &ids, &how, test_err));
        assert_int_equal(how, GD_TRUNCATED);
        assert_int_equal(ids.len, 5);
        assert_true(ids.data[0] == 1501 && ids.data[4] == 1502);
        assert_memory_equal(ids.data + 1, all.data + (left ? all.len - 4 : 1), 3 * sizeof *ids.data);
    }
    encoder.max_length = 2;
    assert_ok(gd_encode(&encoder, text, &ids, &how, test_err));
    assert_int_equal(ids.len, 2);
    encoder.max_length = 1; /* less than they need */
    assert_int_equal(gd_encode(&encoder, text, &ids, &how, NULL), GD_ETOOLONG);
    gd_ids_free(&all);
    gd_ids_free(&ids);
    gd_tokenizer_close(encoder.tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(attention_may_feed_an_add, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(an_embedding_may_feed_a_linear, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(a_second_gather_takes_the_same_rows, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(every_table_counts, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(wide_weights_are_loaded_once, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(truncation_keeps_the_frame, dir_setup, dir_teardown),
    };
    int failed;

    golden_load(&texts, "qwen2");
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    golden_free(&texts);
    return failed;
}
