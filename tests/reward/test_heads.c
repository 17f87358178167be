/* test_heads.c - heads of other names and forms: the same numbers under another name give the same bits. */
#include "tests/reward/edits.h"

#include "guerdon.h"

#include <math.h>

enum { TEXTS = 2 };
static const char *const texts[TEXTS] = { "Is tea hot?", "Tea is hot, and coffee is hotter." };

/* The golden model with the head that `options` say, or the one that it has. */
static void score(const char *dir, const char *adapter, const char *head, float *scores)
{
    gd_options options;
    gd_model *model;

    gd_options_init(&options);
    options.model = dir;
    options.adapter = adapter;
    options.head = head;
    assert_ok(gd_model_open(&model, &options, test_err));
    for (size_t i = 0; i < TEXTS; i++) {
        const gd_text text = { texts[i], strlen(texts[i]) };

        assert_ok(gd_score(model, 1, &text, &scores[i], NULL, test_err));
    }
    gd_model_close(model);
}

static void assert_same(const char *what, const float *have, const float *want)
{
    for (size_t i = 0; i < TEXTS; i++)
        if (memcmp(&have[i], &want[i], sizeof *have) != 0)
            fail_msg("%s: text %zu has the score %.9g, but %.9g is expected", what, i, (double)have[i],
                     (double)want[i]);
}

static void scores_of(const char *name, float *scores)
{
    char path[512];

    score(test_data(path, sizeof path, name), NULL, NULL, scores);
}

/* Takes score.weight out of the model: its numbers. */
static variant_tensor take_score(variant_tensors *t)
{
    const size_t at = variant_find(t, "score.weight");
    const variant_tensor head = t->list[at];

    memmove(&t->list[at], &t->list[at + 1], (--t->count - at) * sizeof t->list[0]);
    return head;
}

static void put(variant_tensors *t, const char *name, const variant_tensor *head)
{
    memcpy(variant_add(t, name, head->dtype, head->shape[0], head->shape[1], 0)->data, head->data, head->bytes);
}

static void other_names_are_found(void **state)
{
    static const char *const names[] = { "v_head.weight", "value_head.weight", "regression_head.weight" };
    float want[TEXTS], have[TEXTS];

    scores_of("golden/qwen2", want);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        make_both(*state, &(change){ names[i], NULL, NULL });
        rename_head(m, names[i]);
        score(m, NULL, NULL, have);
        assert_same(names[i], have, want);
        remove_both();
    }
}

static void score_weight_comes_first(void **state)
{
    float want[TEXTS], have[TEXTS];
    variant_tensors t;

    scores_of("golden/qwen2", want);
    make_both(*state, &(change){ "both", NULL, NULL });
    variant_read(&t, m, "model.safetensors");
    (void)variant_add(&t, "v_head.weight", "BF16", 1, 96, 0x3C);
    variant_write(&t, 0, t.count, m, "model.safetensors");
    variant_free(&t);
    score(m, NULL, NULL, have);
    assert_same("both", have, want);
    score(m, NULL, "v_head", have);
    assert_memory_not_equal(have, want, sizeof have);
    remove_both();
}

/* The head that a LoRA run has trained replaces any other. */
static void an_adapters_head_comes_first(void **state)
{
    float want[TEXTS], have[TEXTS];

    make_both(*state, &(change){ "adapter", NULL, NULL });
    score(m, a, NULL, want);
    rename_head(m, "v_head.weight");
    score(m, a, NULL, have);
    assert_same("adapter", have, want);
    remove_both();
}

/* With the bias 0.5; in the model or in a file of its own, beside the model or the adapter. */
static void write_summary(const char *model, const char *dir, const char *file)
{
    variant_tensors t, own = { .count = 0 }, *to = file ? &own : &t;
    variant_tensor head;

    variant_read(&t, model, "model.safetensors");
    head = take_score(&t);
    put(to, "v_head.summary.weight", &head);
    fill(variant_add(to, "v_head.summary.bias", "BF16", 1, 0, 0), 0x00, 0x3F);
    variant_write(&t, 0, t.count, model, "model.safetensors");
    if (file)
        variant_write(&own, 0, own.count, dir, file);
    free(head.data);
    variant_free(&t);
    variant_free(&own);
}

static void take_score_from_adapter(const char *dir) { drop_score(dir, "\"CAUSAL_LM\""); }

static void a_value_head_has_a_bias(void **state)
{
    float plain[TEXTS], want[TEXTS], have[TEXTS];

    scores_of("golden/qwen2", plain);
    for (size_t i = 0; i < TEXTS; i++)
        want[i] = plain[i] + 0.5f;
    make_both(*state, &(change){ "summary", NULL, NULL });
    write_summary(m, NULL, NULL);
    score(m, NULL, NULL, have);
    assert_same("v_head.summary", have, want);
    remove_both();

    make_both(*state, &(change){ "file", NULL, take_score_from_adapter });
    score(m, a, NULL, plain); /* the adapter over the base's own head */
    for (size_t i = 0; i < TEXTS; i++)
        want[i] = plain[i] + 0.5f;
    write_summary(m, a, "value_head.safetensors");
    score(m, a, NULL, have);
    assert_same("value_head.safetensors beside the adapter", have, want);
    remove_both();
}

static void add_score(const char *dir)
{
    variant_tensors t;

    variant_read(&t, dir, "model.safetensors");
    (void)variant_add(&t, "score.weight", "BF16", 1, 96, 0x3C);
    variant_write(&t, 0, t.count, dir, "model.safetensors");
    variant_free(&t);
}

/* It was trained with the adapter, the base's own head was not. */
static void a_file_beside_the_adapter_comes_first(void **state)
{
    float want[TEXTS], have[TEXTS];

    make_both(*state, &(change){ "first", NULL, take_score_from_adapter });
    write_summary(m, a, "value_head.safetensors");
    score(m, a, NULL, want);
    add_score(m);
    score(m, a, NULL, have);
    assert_same("value_head.safetensors beside the adapter of a base with a head", have, want);
    remove_both();
}

/* A causal model whose rows `plus` and `minus` of a table of 1,536 are ours; the head is what they make. */
static void write_rows(const char *dir, const char *table, size_t plus, size_t minus)
{
    variant_tensors t;
    variant_tensor head, *rows;
    size_t at;

    variant_read(&t, dir, "model.safetensors");
    head = take_score(&t);
    if (!strcmp(table, "lm_head.weight"))
        (void)variant_add(&t, table, "BF16", 1536, 96, 0);
    at = variant_find(&t, table);
    rows = &t.list[at];
    memcpy(rows->data + plus * head.bytes, head.data, head.bytes);
    if (minus)
        fill(&(variant_tensor){ .data = rows->data + minus * head.bytes, .bytes = head.bytes }, 0x00, 0x3E); /* 1/8 */
    variant_write(&t, 0, t.count, dir, "model.safetensors");
    free(head.data);
    variant_free(&t);
}

static void a_row_of_the_output_layer(void **state)
{
    float want[TEXTS], have[TEXTS];

    scores_of("golden/qwen2", want);
    make_both(*state, &(change){ "row", NULL, NULL });
    write_rows(m, "lm_head.weight", 0, 0);
    score(m, NULL, "first_logit", have);
    assert_same("first_logit", have, want);
    remove_both();
}

static void write_difference(const char *dir)
{
    variant_tensors t;
    variant_tensor head;
    float numbers[96];
    size_t n = 0;

    variant_read(&t, dir, "model.safetensors");
    head = take_score(&t);
    for (; n < 96; n++) {
        const uint32_t bits = (uint32_t)(head.data[2 * n] | head.data[2 * n + 1] << 8) << 16;

        memcpy(&numbers[n], &bits, sizeof bits);
        numbers[n] -= 0.125f;
    }
    memcpy(variant_add(&t, "score.weight", "F32", 1, 96, 0)->data, numbers, sizeof numbers);
    variant_write(&t, 0, t.count, dir, "model.safetensors");
    free(head.data);
    variant_free(&t);
}

static void one_row_less_another(void **state)
{
    static const char head[] =
        "format: guerdon-head/1\nname: mine\npool: last\nnodes:\n"
        "  - {op: linear, in: [pooled], out: score, size: 1,\n"
        "     w: [{tensor: lm_head.weight, else: model.embed_tokens.weight, rows: [\"1\"], minus: [15]}]}\n";
    float want[TEXTS], have[TEXTS];
    char file[600];

    make_both(*state, &(change){ "difference", write_difference, NULL });
    score(m, NULL, NULL, want);
    remove_both();
    make_both(*state, &(change){ "rows", NULL, NULL });
    write_rows(m, "lm_head.weight", 16, 15); /* "1" and "0" */
    (void)snprintf(file, sizeof file, "%s/mine.yaml", m);
    write_text(m, "mine.yaml", head);
    score(m, NULL, file, have);
    assert_same("the file", have, want);
    score(m, NULL, "one_less_zero", have);
    assert_same("one_less_zero", have, want);
    remove_both();
}

/* Two linears, one after the other, in place of the one that they make. */
static void a_head_of_several_nodes(void **state)
{
    static const char head[] = "format: guerdon-head/1\nname: deep\nnodes:\n"
                               "  - {op: linear, in: [pooled], w: [first.weight], out: x, size: hidden}\n"
                               "  - {op: linear, in: [x], w: [v_head.weight, v_head.bias], out: score, size: 1}\n";
    float want[TEXTS], have[TEXTS];
    variant_tensors t;
    char file[600];

    scores_of("golden/qwen2", want);
    for (size_t i = 0; i < TEXTS; i++)
        want[i] += 0.5f;
    make_both(*state, &(change){ "deep", NULL, NULL });
    variant_read(&t, m, "model.safetensors");
    variant_rename(&t, "score.weight", "v_head.weight");
    fill(variant_add(&t, "v_head.bias", "BF16", 1, 0, 0), 0x00, 0x3F);
    (void)variant_add(&t, "first.weight", "BF16", 96, 96, 0);
    for (size_t i = 0; i < 96; i++) { /* the identity */
        unsigned char *one = t.list[variant_find(&t, "first.weight")].data + 2 * (97 * i);

        one[0] = 0x80;
        one[1] = 0x3F;
    }
    variant_write(&t, 0, t.count, m, "model.safetensors");
    variant_free(&t);
    (void)snprintf(file, sizeof file, "%s/deep.yaml", m);
    write_text(m, "deep.yaml", head);
    score(m, NULL, file, have);
    assert_same("two linears", have, want);
    remove_both();
}

/* The sign of -1 or 1, as bf16, on the diagonal from a row on. */
static void put_diagonal(variant_tensor *t, size_t first, unsigned char high)
{
    for (size_t i = 0; i < 96; i++) {
        t->data[2 * ((first + i) * 96 + i)] = 0x80;
        t->data[2 * ((first + i) * 96 + i) + 1] = high;
    }
}

/* relu(x) w - relu(-x) w is x w. */
static void a_relu_between_linears(void **state)
{
    static const char head[] = "format: guerdon-head/1\nname: both\nnodes:\n"
                               "  - {op: linear, in: [pooled], w: [first.weight], out: x, size: 2 * hidden}\n"
                               "  - {op: act, in: [x], act: relu, out: y}\n"
                               "  - {op: linear, in: [y], w: [second.weight], out: score, size: 1}\n";
    float want[TEXTS], have[TEXTS];
    variant_tensors t;
    variant_tensor own, *first, *second;
    char file[600];

    scores_of("golden/qwen2", want);
    make_both(*state, &(change){ "relu", NULL, NULL });
    variant_read(&t, m, "model.safetensors");
    own = take_score(&t);
    first = variant_add(&t, "first.weight", "BF16", 192, 96, 0);
    put_diagonal(first, 0, 0x3F);
    put_diagonal(first, 96, 0xBF);
    second = variant_add(&t, "second.weight", "BF16", 1, 192, 0);
    memcpy(second->data, own.data, own.bytes);
    memcpy(second->data + own.bytes, own.data, own.bytes);
    for (size_t i = 0; i < 96; i++)
        second->data[own.bytes + 2 * i + 1] ^= 0x80;
    variant_write(&t, 0, t.count, m, "model.safetensors");
    variant_free(&t);
    free(own.data);
    (void)snprintf(file, sizeof file, "%s/both.yaml", m);
    write_text(m, "both.yaml", head);
    score(m, NULL, file, have);
    for (size_t i = 0; i < TEXTS; i++)
        assert_true(fabsf(have[i] - want[i]) < 1e-5f);
    remove_both();
}

/* Of its two linears the first is the identity, with a bias that makes all numbers positive. */
static void two_linears_of_a_class(void **state)
{
    float plain[TEXTS], have[TEXTS], other[TEXTS];
    variant_tensors t;
    variant_tensor own;
    double sum = 0;

    scores_of("golden/qwen2", plain);
    make_both(*state, &(change){ "mlp", NULL, NULL });
    edit_config(m, "{\"architectures\":[\"Qwen2ForRewardModel\"],\"auto_map\":{\"AutoModel\":\"a.B\"}}");
    variant_read(&t, m, "model.safetensors");
    own = take_score(&t);
    put_diagonal(variant_add(&t, "score.0.weight", "BF16", 96, 96, 0), 0, 0x3F);
    fill(variant_add(&t, "score.0.bias", "BF16", 96, 0, 0), 0x80, 0x42); /* 64 */
    put(&t, "score.2.weight", &own);
    fill(variant_add(&t, "score.2.bias", "BF16", 1, 0, 0), 0x00, 0x3F); /* 0.5 */
    variant_write(&t, 0, t.count, m, "model.safetensors");
    for (size_t i = 0; i < 96; i++) {
        const uint32_t bits = (uint32_t)(own.data[2 * i] | own.data[2 * i + 1] << 8) << 16;
        float w;

        memcpy(&w, &bits, sizeof w);
        sum += (double)w;
    }
    variant_free(&t);
    free(own.data);
    score(m, NULL, NULL, have);
    score(m, NULL, "mlp", other);
    assert_same("by name", other, have);
    for (size_t i = 0; i < TEXTS; i++)
        assert_true(fabs((double)have[i] - ((double)plain[i] + 64 * sum + 0.5)) < 1e-3);
    remove_both();
}

/* Its class came as code with the checkpoint, which is not run. */
static void a_known_class_is_accepted(void **state)
{
    float want[TEXTS], have[TEXTS];

    scores_of("golden/llama", want);
    (void)snprintf(m, sizeof m, "%s", make_dir(*state, "m"));
    variant_link(m, "llama");
    rename_head(m, "regression_head.weight");
    edit_config(m,
                "{\"architectures\":[\"LlamaRewardModel\"],\"auto_map\":{\"AutoModel\":\"ultra.LlamaRewardModel\"}}");
    score(m, NULL, NULL, have);
    assert_same("LlamaRewardModel", have, want);
    assert_int_equal(test_remove(m), 0);
}

/* What inspect says of the token and of the head. */
static void it_is_shown(void **state)
{
    gd_options options;
    char *json;

    make_both(*state, &(change){ "shown", NULL, NULL });
    rename_head(m, "v_head.weight");
    gd_options_init(&options);
    options.model = m;
    assert_ok(gd_inspect(&options, &json, test_err));
    assert_contains(json, "\"description\":\"v_head\"");
    assert_contains(json, "\"pooling\":\"the last token\"");
    gd_string_free(json);
    remove_both();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_names_are_found),
        cmocka_unit_test(score_weight_comes_first),
        cmocka_unit_test(an_adapters_head_comes_first),
        cmocka_unit_test(a_value_head_has_a_bias),
        cmocka_unit_test(a_row_of_the_output_layer),
        cmocka_unit_test(one_row_less_another),
        cmocka_unit_test(a_head_of_several_nodes),
        cmocka_unit_test(a_known_class_is_accepted),
        cmocka_unit_test(a_relu_between_linears),
        cmocka_unit_test(two_linears_of_a_class),
        cmocka_unit_test(a_file_beside_the_adapter_comes_first),
        cmocka_unit_test(it_is_shown),
    };

    return cmocka_run_group_tests(tests, dir_setup, dir_teardown);
}
