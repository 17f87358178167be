/* tiny.c - a model of a few layers and two labels, and its scores by definition. */
#include "tests/engine/tiny.h"

#include "tests/engine/fake_backend.h"
#include "tests/quant-free/files.h"

#include "base/mem.h"

enum { HIDDEN = 2, VOCAB = 27, MOST_TEXTS = 64, MOST_TOKENS = 600, MOST_POOLED = 256 };

static const char config[] = "{\"architectures\": [\"LlamaForSequenceClassification\"], \"model_type\": \"llama\","
                             " \"hidden_size\": 2, \"intermediate_size\": 2, \"num_hidden_layers\": %zu,"
                             " \"num_attention_heads\": 1, \"num_key_value_heads\": 1, \"vocab_size\": 27,"
                             " \"max_position_embeddings\": 4096, \"rms_norm_eps\": 1e-6, \"hidden_act\": \"silu\","
                             " \"id2label\": {\"0\": \"reward\"}, \"pad_token_id\": 0}\n";

static const char graph[] = "format: guerdon-graph/1\n"
                            "name: tiny\n"
                            "matches: [LlamaForSequenceClassification]\n"
                            "sizes:\n"
                            "  hidden: hidden_size\n"
                            "  ffn: intermediate_size\n"
                            "  layers: num_hidden_layers\n"
                            "  vocab: vocab_size\n"
                            "  max_position: max_position_embeddings\n"
                            "  heads: num_attention_heads\n"
                            "  kv_heads: num_key_value_heads\n"
                            "  head_dim: hidden_size / num_attention_heads\n"
                            "  eps: rms_norm_eps\n"
                            "numerics: {values: bf16, residual: f32, accumulate: f32}\n"
                            "nodes:\n"
                            "  - {op: embedding, in: [tokens], w: [embed], out: x}\n"
                            "  - repeat: {times: layers, carry: x, prefix: \"{i}.\"}\n"
                            "    nodes:\n"
                            "      - {op: rms_norm, in: [x], w: [norm], out: a, eps: eps}\n"
                            "      - {op: linear, in: [a], w: [q], out: q, size: hidden}\n"
                            "      - {op: linear, in: [a], w: [k], out: k, size: hidden}\n"
                            "      - {op: linear, in: [a], w: [v], out: v, size: hidden}\n"
                            "      - {op: attention, in: [q, k, v], out: o, mask: causal}\n"
                            "      - {op: add, in: [x, o], out: x}\n"
                            "%s"
                            "  - {op: last_row, in: [x], out: p}\n"
                            "  - {op: head, in: [p], w: [head], out: score, size: 2}\n";

static const char gated_nodes[] = "      - {op: rms_norm, in: [x], w: [norm], out: b, eps: eps}\n"
                                  "      - {op: linear, in: [b], w: [q], out: gate, size: ffn}\n"
                                  "      - {op: linear, in: [b], w: [k], out: up, size: ffn}\n"
                                  "      - {op: gated, in: [gate, up], out: m, act: hidden_act}\n"
                                  "      - {op: add, in: [x, m], out: x}\n";

/* Each matrix is another multiple of the identity. */
enum { NORM, Q, K, V, KINDS };
static const char *const names[KINDS] = { "norm", "q", "k", "v" };
static const float factors[TINY_LAYERS][KINDS] = { { 1, 1, 2, 3 }, { 2, 3, 1, 2 }, { 1, 1, 0, 1 }, { 1, 0, 1, 0 } };

/* ---- its files ---- */

struct file {
    char header[4096];
    size_t header_len;
    float values[1024];
    size_t count;
};

/* shape[0] is 0 for a vector. */
static void add_tensor(struct file *f, const char *name, const size_t shape[2], const float *values)
{
    const size_t count = (shape[0] ? shape[0] : 1) * shape[1];
    char rows[32] = "";

    if (shape[0])
        (void)snprintf(rows, sizeof rows, "%zu,", shape[0]);
    f->header_len += (size_t)snprintf(f->header + f->header_len, sizeof f->header - f->header_len,
                                      "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[%s%zu],\"data_offsets\":[%zu,%zu]}",
                                      f->count ? "," : "{", name, rows, shape[1], f->count * 4, (f->count + count) * 4);
    memcpy(f->values + f->count, values, count * sizeof *values);
    f->count += count;
}

static void write_weights(const char *dir, size_t layers)
{
    static struct file f;
    static unsigned char bytes[sizeof f];
    float table[VOCAB][HIDDEN];
    uint64_t header_len;

    f.header_len = f.count = 0;
    for (size_t i = 0; i < VOCAB; i++) {
        table[i][0] = (float)i;
        table[i][1] = 1;
    }
    add_tensor(&f, "embed", (size_t[]){ VOCAB, HIDDEN }, table[0]);
    for (size_t layer = 0; layer < layers; layer++)
        for (size_t kind = 0; kind < KINDS; kind++) {
            const float x = factors[layer][kind];
            char name[32];

            (void)snprintf(name, sizeof name, "%zu.%s", layer, names[kind]);
            if (kind == NORM)
                add_tensor(&f, name, (size_t[]){ 0, HIDDEN }, (float[]){ x, x });
            else
                add_tensor(&f, name, (size_t[]){ HIDDEN, HIDDEN }, (float[]){ x, 0, 0, x });
        }
    add_tensor(&f, "head", (size_t[]){ TINY_LABELS, HIDDEN }, (float[]){ 1, 0, 0, -1 });
    f.header[f.header_len++] = '}';
    header_len = f.header_len;
    memcpy(bytes, &header_len, 8);
    memcpy(bytes + 8, f.header, f.header_len);
    memcpy(bytes + 8 + f.header_len, f.values, f.count * sizeof *f.values);
    write_bytes(dir, "model.safetensors", bytes, 8 + f.header_len + f.count * sizeof *f.values);
}

static void open_model(tiny *t, const char *dir, size_t layers, bool gated)
{
    char text[sizeof config + 20], nodes[sizeof graph + sizeof gated_nodes];

    assert_true(layers <= TINY_LAYERS);
    (void)snprintf(text, sizeof text, config, layers);
    (void)snprintf(nodes, sizeof nodes, graph, gated ? gated_nodes : "");
    fake_reset();
    t->gated = gated;
    t->live = gd_mem_live();
    write_text(dir, "config.json", text);
    write_text(dir, "graph.yaml", nodes);
    write_weights(dir, layers);
    assert_ok(gd_config_open(&t->config, dir, test_err));
    assert_ok(gd_plan_make(&t->plan, t->config, in_dir(dir, "graph.yaml"), GD_F32, test_err));
    assert_ok(gd_weights_open(&t->weights, dir, test_err));
    t->parts = (gd_engine_parts){ .plan = t->plan, .weights = t->weights, .backend = &fake_backend, .threads = 1 };
}

void tiny_open(tiny *t, const char *dir, size_t layers) { open_model(t, dir, layers, false); }

void tiny_open_gated(tiny *t, const char *dir, size_t layers) { open_model(t, dir, layers, true); }

void tiny_close(tiny *t)
{
    gd_weights_close(t->weights);
    gd_plan_free(t->plan);
    gd_config_close(t->config);
    assert_int_equal(fake.live, 0);
    fake_reset();
    assert_int_equal(gd_mem_live(), t->live);
}

/* ---- its scores ---- */

/* The scores of position `at`. */
static void define_scores(const tiny *t, const char *text, size_t at, double scores[TINY_LABELS])
{
    double x[MOST_TOKENS][HIDDEN];

    for (size_t p = 0; p <= at; p++) {
        x[p][0] = text[p] - 'a' + 1;
        x[p][1] = 1;
    }
    for (size_t layer = 0; layer < t->plan->layers; layer++) {
        const double norm = (double)factors[layer][NORM], q = norm * (double)factors[layer][Q];
        const double kv = norm * (double)(factors[layer][K] + factors[layer][V]);
        const double gated = t->gated ? norm * (double)(factors[layer][Q] + 2 * factors[layer][K]) : 0;
        double sum[HIDDEN] = { 0 };

        for (size_t p = 0; p <= at; p++)
            for (size_t i = 0; i < HIDDEN; i++) {
                sum[i] += kv * x[p][i];
                x[p][i] += q * x[p][i] + sum[i];
                x[p][i] += gated * x[p][i];
            }
    }
    scores[0] = x[at][0];
    scores[1] = -x[at][1];
}

/* The texts as the engine takes them. */
struct batch {
    uint32_t ids[MOST_TEXTS][MOST_TOKENS], position[MOST_POOLED];
    gd_span spans[MOST_TEXTS];
    size_t first[MOST_TEXTS + 1];
    float scores[MOST_POOLED + 1][TINY_LABELS]; /* the last row must stay unchanged */
};

static void fill_batch(struct batch *b, const tiny_text *texts, size_t count)
{
    assert_true(count <= MOST_TEXTS);
    b->first[0] = 0;
    for (size_t i = 0; i < count; i++) {
        const size_t len = strlen(texts[i].text);
        size_t at = b->first[i];

        assert_true(len <= MOST_TOKENS);
        for (size_t p = 0; p < len; p++)
            b->ids[i][p] = (uint32_t)(texts[i].text[p] - 'a' + 1);
        b->spans[i] = (gd_span){ .ids = b->ids[i], .len = len };
        if (!texts[i].pooled && len)
            b->position[at++] = (uint32_t)(len - 1);
        for (const char *c = texts[i].pooled ? texts[i].pooled : ""; *c; c++)
            b->position[at++] = (uint32_t)(*c - 'a');
        b->first[i + 1] = at;
        assert_true(at <= MOST_POOLED);
    }
    memset(b->scores, 0xFF, sizeof b->scores);
}

static gd_status run_batch(gd_engine *engine, struct batch *b, size_t count, bool share, gd_error *err)
{
    const gd_pooled pooled = { b->first, b->position };
    gd_trie trie = { 0 };
    size_t *order = NULL;
    gd_status rc = share ? gd_span_sort(&order, b->spans, count, err) : GD_OK;

    if (!rc)
        rc = gd_trie_build(&trie, b->spans, count, &pooled, order, err);
    if (!rc)
        rc = gd_engine_run(engine, &trie, b->scores[0], err);
    gd_trie_free(&trie);
    gd_free(order);
    return rc;
}

gd_status tiny_run(gd_engine *engine, const tiny_text *texts, size_t count, bool share, gd_error *err)
{
    static struct batch b;

    fill_batch(&b, texts, count);
    return run_batch(engine, &b, count, share, err);
}

void tiny_check(const tiny *t, gd_engine *engine, const tiny_text *texts, size_t count, bool share)
{
    static struct batch b;
    size_t bad = 0;

    fill_batch(&b, texts, count);
    assert_ok(run_batch(engine, &b, count, share, test_err));
    for (size_t i = 0; i < count; i++)
        for (size_t p = b.first[i]; p < b.first[i + 1]; p++) {
            double want[TINY_LABELS];

            define_scores(t, texts[i].text, b.position[p], want);
            for (size_t l = 0; l < TINY_LABELS; l++)
                if ((double)b.scores[p][l] != want[l]) {
                    print_error("text %zu \"%s\", position %u, label %zu: %g, but %g is expected\n", i, texts[i].text,
                                b.position[p], l, (double)b.scores[p][l], want[l]);
                    bad++;
                }
        }
    assert_int_equal(bad, 0);
    for (size_t l = 0; l < TINY_LABELS; l++)
        assert_true(b.scores[b.first[count]][l] != b.scores[b.first[count]][l]);
}
