/* test_faults.c - out of memory: while a model's files are opened, the N-th allocation and all after it fail.
 * Each time the result must be GD_ENOMEM, with nothing leaked, and the first try with enough memory must
 * succeed. */
#include "tests/check.h"
#include "tests/quant-free/files.h"

#include "base/mem.h"
#include "quant-free/adapter.h"
#include "quant-free/config.h"
#include "quant-free/hub.h"
#include "quant-free/special.h"
#include "quant-free/weights.h"

#include <jansson.h>

typedef gd_status attempt(const char *dir, gd_error *err);

static gd_status open_weights(const char *dir, gd_error *err)
{
    const gd_view *view;
    gd_weights *w;
    gd_status rc = gd_weights_open(&w, dir, err);

    if (!rc)
        rc = gd_weights_need(&view, w, "model.norm.weight", err);
    gd_weights_close(w);
    return rc;
}

static gd_status open_config(const char *dir, gd_error *err)
{
    gd_config *c;
    const gd_status rc = gd_config_open(&c, dir, err);

    gd_config_close(c);
    return rc;
}

static gd_status open_adapter(const char *dir, gd_error *err)
{
    const char *const modules[] = { "model.layers.0.mlp.up_proj" };
    gd_adapter *ad;
    gd_status rc = gd_adapter_open(&ad, dir, "score.weight", err);

    if (!rc) { /* the adapter's other modules are not in this list: an error, once there is enough memory */
        rc = gd_adapter_check(ad, modules, 1, err);
        rc = rc == GD_EFORMAT ? GD_OK : rc;
    }
    gd_adapter_close(ad);
    return rc;
}

static bool look_up(void *context, const char *token, uint32_t *id)
{
    (void)context;
    (void)token;
    *id = 7;
    return true;
}

static gd_status read_special(const char *dir, gd_error *err)
{
    const gd_special_sources from = { .dir = dir, .adapter_dir = dir, .lookup = look_up };
    gd_special_ids ids;

    return gd_special_ids_read(&ids, &from, err);
}

static gd_status find_model(const char *dir, gd_error *err)
{
    char *found;
    const gd_status rc = gd_model_dir("org/m", &found, err);

    (void)dir;
    gd_free(found);
    return rc;
}

/* jansson's own memory is counted but never fails: an assertion in its scanner (2.14) would abort the
 * test. */
static long json_live;

static void *json_alloc(size_t bytes)
{
    void *p = malloc(bytes);

    json_live += p != NULL;
    return p;
}

static void json_free(void *p)
{
    json_live -= p != NULL;
    free(p);
}

/* Fails the N-th allocation and all after it, N = 1, 2, ..., until there are fewer than N. */
static void exhaust(attempt *try, const char *dir, uint64_t least)
{
    const uint64_t live = gd_mem_live();

    for (uint64_t n = 1; n < 100000; n++) {
        gd_error err = { GD_OK, "" };
        gd_status rc;

        gd_mem_fail_from(n);
        rc = try(dir, &err);
        gd_mem_fail_from(0);
        if (gd_mem_live() != live || json_live != 0)
            fail_msg("%s, allocation %llu: %lld and %ld leaked", dir, (unsigned long long)n,
                     (long long)(gd_mem_live() - live), json_live);
        if (rc == GD_OK) {
            if (n <= least)
                fail_msg("%s: only %llu allocations", dir, (unsigned long long)n);
            return;
        }
        if (rc != GD_ENOMEM || err.status != GD_ENOMEM || !err.text[0])
            fail_msg("%s, allocation %llu: %d \"%s\"", dir, (unsigned long long)n, (int)rc, err.text);
    }
    fail_msg("%s: never succeeds", dir);
}

static void everything_survives_a_lack_of_memory(void **state)
{
    static const struct {
        attempt *try;
        const char *name;
        uint64_t least; /* allocations: fewer would mean that the loop misses them */
    } cases[] = {
        { open_weights, "golden/qwen2", 12 },      { open_weights, "golden/qwen2-causal", 30 },
        { open_config, "golden/llama", 3 },        { open_config, "golden/gemma2", 3 },
        { open_adapter, "golden/qwen2-lora", 30 }, { read_special, "golden/qwen2", 5 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char dir[512];

        exhaust(cases[i].try, test_data(dir, sizeof dir, cases[i].name), cases[i].least);
    }
}

/* An adapter with every kind of pattern, a directory with notes, and a cache. */
static void so_do_patterns_notes_and_names(void **state)
{
    write_text(*state, "adapter_config.json",
               "{\"peft_type\":\"LORA\",\"r\":8,\"lora_alpha\":16,\"target_modules\":[\"q_proj\",\"up_proj\"]"
               ","
               "\"exclude_modules\":\".*q_proj\",\"layers_to_transform\":[0],\"layers_pattern\":[\"layers\"],"
               "\"rank_pattern\":{\"q_proj\":4},\"alpha_pattern\":{\"k_.*\":4,\"v_.*\":8},\"modules_to_"
               "save\":[\"score\"]}");
    write_st(*state, "adapter_model.safetensors",
             "{\"base_model.model.score.weight\":{\"dtype\":\"BF16\",\"shape\":[1,2],\"data_offsets\":[0,4]}}", 4);
    write_text(*state, "adapter_model.bin", "");
    exhaust(open_adapter, *state, 40);
    copy_data(*state, "model.safetensors", "golden/qwen2/model.safetensors");
    write_text(*state, "model.safetensors.index.json", "");
    write_text(*state, "pytorch_model.bin", "");
    exhaust(open_weights, *state, 15);
    write_text(*state, "config.json", "{\"architectures\":[\"XForY\"],\"strange\":1,\"stranger\":2}");
    exhaust(open_config, *state, 5);
    (void)make_dir(*state, "models--org--m");
    (void)make_dir(*state, "models--org--m/refs");
    (void)make_dir(*state, "models--org--m/snapshots");
    (void)make_dir(*state, "models--org--m/snapshots/a");
    write_text(*state, "models--org--m/refs/main", "a");
    setenv("HF_HUB_CACHE", *state, 1);
    exhaust(find_model, *state, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_survives_a_lack_of_memory),
        cmocka_unit_test_setup_teardown(so_do_patterns_notes_and_names, dir_setup, dir_teardown),
    };

    json_set_alloc_funcs(json_alloc, json_free);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
