/* config_case.h - for tests of config.json: a valid file to change, and tables of files with their sentences. */
#ifndef GD_TESTS_QUANT_FREE_CONFIG_CASE_H
#define GD_TESTS_QUANT_FREE_CONFIG_CASE_H

#include "tests/check.h"
#include "tests/quant-free/files.h"

#include "base/mem.h"
#include "quant-free/config.h"

/* A valid model; each case below changes something. A case's keys come last, and must not repeat one of
 * these. */
#define ARCH(name, type) "\"architectures\":[\"" name "\"],\"model_type\":\"" type "\""
#define QWEN2 ARCH("Qwen2ForSequenceClassification", "qwen2") ",\"id2label\":{\"0\":\"LABEL_0\"}"
#define LLAMA ARCH("LlamaForSequenceClassification", "llama") ",\"num_labels\":1"
#define MISTRAL ARCH("MistralForSequenceClassification", "mistral") ",\"num_labels\":1"
#define QWEN3 ARCH("Qwen3ForSequenceClassification", "qwen3") ",\"num_labels\":1"
#define GEMMA2 ARCH("Gemma2ForSequenceClassification", "gemma2") ",\"num_labels\":1"
#define PHI3 ARCH("Phi3ForSequenceClassification", "phi3") ",\"num_labels\":1"
#define OTHER ARCH("PhoenixForCausalLM", "phoenix")
#define SIZES(hidden, ffn, layers, heads, kv, vocab)                                          \
    ",\"hidden_size\":" hidden ",\"intermediate_size\":" ffn ",\"num_hidden_layers\":" layers \
    ",\"num_attention_heads\":" heads ",\"num_key_value_heads\":" kv ",\"vocab_size\":" vocab
#define FINE SIZES("96", "208", "3", "6", "2", "1536")

static int wrong;

static int teardown(void **state)
{
    const int lost = wrong;

    wrong = 0;
    return dir_teardown(state) || lost ? -1 : 0;
}

static inline gd_config *open_text(const char *dir, const char *text)
{
    gd_config *c;

    write_text(dir, "config.json", text);
    assert_ok(gd_config_open(&c, dir, test_err));
    return c;
}

static inline double number(const gd_config *c, const char *field)
{
    double n = 0;

    assert_ok(gd_config_number(c, field, &n, test_err));
    return n;
}

struct config_case {
    const char *id, *text, *want;
};

static void expect_all(const char *dir, const struct config_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const uint64_t live = gd_mem_live();
        gd_error err = { GD_OK, "" };
        gd_config *c;
        gd_status rc;

        write_text(dir, "config.json", cases[i].text);
        rc = gd_config_open(&c, dir, &err);
        if (!rc)
            rc = gd_config_one_label(c, &err);
        gd_config_close(c);
        wrong += !said(cases[i].id, in_dir(dir, "config.json"), rc, &err, cases[i].want);
        assert_int_equal(gd_mem_live(), live);
    }
}

#endif
