/* test_models.c - what gd_models() lists is what opens, and the names of built-in graphs. */
#include "tests/reward/edits.h"

#include "base/json.h"
#include "graph/graph.h"
#include "quant-free/config.h"

static json_t *listed(void)
{
    char *text;
    json_t *json;

    assert_ok(gd_models(&text, test_err));
    assert_ok(gd_json_parse(&json, text, strlen(text), "models", test_err));
    gd_string_free(text);
    return json;
}

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* Every entry says what it is for; a description that forgets to would show as null. */
static void each_has_a_name_and_says_what_it_is_for(void **state)
{
    json_t *json = listed(), *list, *entry;
    const char *key;
    size_t i;

    (void)state;
    assert_int_equal(json_object_size(json), 3);
    json_object_foreach(json, key, list) {
        assert_true(json_array_size(list) > 8);
        json_array_foreach(list, i, entry) {
            if (!text_of(entry, "name") || !text_of(entry, "about"))
                fail_msg("%s %zu has no name, or not what it is for", key, i);
        }
    }
    json_decref(json);
}

/* A model whose config.json names the class has the graph under which the class is listed. */
static void each_class_has_the_graph_it_is_listed_under(void **state)
{
    static const char sizes[] =
        "\"rms_norm_eps\":1e-6,\"hidden_size\":64,\"intermediate_size\":64,\"num_hidden_layers\":2,"
        "\"num_attention_heads\":4,\"num_key_value_heads\":4,\"vocab_size\":8";
    json_t *json = listed(), *trunk, *class_name;
    size_t i, k, own = 0;

    json_array_foreach(json_object_get(json, "trunks"), i, trunk)
        json_array_foreach(json_object_get(trunk, "classes"), k, class_name) {
            char text[800];
            gd_config *config;
            gd_graph graph;

            (void)snprintf(text, sizeof text, "{\"architectures\":[\"%s\"],%s,\"text_config\":{%s}}",
                           json_string_value(class_name), sizes, sizes);
            write_text(*state, "config.json", text);
            assert_ok(gd_config_open(&config, *state, test_err));
            assert_ok(gd_graph_open(&graph, NULL, gd_config_trunk(config), "config.json", test_err));
            assert_string_equal(graph.name, text_of(trunk, "name"));
            own += strcmp(gd_config_trunk(config), gd_config_architecture(config)) != 0;
            gd_graph_free(&graph);
            gd_config_close(config);
        }
    assert_true(own >= 5);
    json_decref(json);
}

/* What choose_head.c looks at. */
static void each_head_says_what_it_is_found_by(void **state)
{
    static const char *const wants[][2] = {
        { "skywork_prm", "its class" },         { "qwen_prm", "its class" }, { "armorm", "its class" },
        { "math_shepherd", "--head" },          { "yes_less_no", "--head" }, { "positive_label", "--head" },
        { "mlp", "its class, or its tensors" }, { "grm", "its tensors" },    { "llama_factory", "its file" }
    };
    json_t *json = listed(), *head;
    size_t i, found = 0;

    (void)state;
    json_array_foreach(json_object_get(json, "heads"), i, head) {
        for (size_t w = 0; w < sizeof wants / sizeof wants[0]; w++)
            if (!strcmp(text_of(head, "name"), wants[w][0])) {
                assert_string_equal(text_of(head, "found_by"), wants[w][1]);
                found++;
            }
    }
    assert_int_equal(found, sizeof wants / sizeof wants[0]);
    json_decref(json);
}

/* Two heads of one class are told apart by a word in config.json. */
static void a_head_says_what_it_expects_of_the_config(void **state)
{
    json_t *json = listed(), *head;
    const char *reward = NULL, *cost = NULL;
    size_t i;

    (void)state;
    json_array_foreach(json_object_get(json, "heads"), i, head) {
        const json_t *expects = json_object_get(head, "expects");

        if (!strcmp(text_of(head, "name"), "beaver"))
            reward = json_string_value(json_object_get(expects, "score_type"));
        else if (!strcmp(text_of(head, "name"), "beaver_cost"))
            cost = json_string_value(json_object_get(expects, "score_type"));
        else
            assert_true(json_is_null(expects));
    }
    assert_string_equal(reward, "reward");
    assert_string_equal(cost, "cost");
    json_decref(json);
}

/* How the library describes golden/qwen2, whose head has another name, with a graph that is named. */
static gd_status inspect_with_graph(const char *dir, const char *graph, char **json, gd_error *err)
{
    gd_options options;

    gd_options_init(&options);
    options.model = dir;
    options.graph = graph;
    return gd_inspect(&options, json, err);
}

static void a_graph_is_taken_by_its_name(void **state)
{
    gd_error unknown = { GD_OK, "" }, other = unknown;
    char *json;

    variant_link(*state, "qwen2");
    rename_head(*state, "value_head.weight");
    assert_ok(inspect_with_graph(*state, "qwen2", &json, test_err));
    assert_contains(json, "\"graph\":\"qwen2\"");
    assert_contains(json, "\"description\":\"value_head\""); /* heads are looked for as without a name */
    gd_string_free(json);
    assert_int_equal(inspect_with_graph(*state, "qwen", &json, &unknown), GD_EUSAGE);
    assert_contains(unknown.text,
                    "graph is \"qwen\": neither a file nor one of the built-in graphs, gemma, gemma2, gemma3, ");
    assert_int_equal(inspect_with_graph(*state, "qwen3", &json, &other), GD_EUNSUPPORTED);
    assert_contains(other.text, "the graph does not match config.json's architecture, Qwen2ForSequenceClassification");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_has_a_name_and_says_what_it_is_for),
        cmocka_unit_test(each_head_says_what_it_is_found_by),
        cmocka_unit_test(a_head_says_what_it_expects_of_the_config),
        cmocka_unit_test_setup_teardown(each_class_has_the_graph_it_is_listed_under, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(a_graph_is_taken_by_its_name, dir_setup, dir_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
