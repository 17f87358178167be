/* random_model.c - writes a Qwen2 reward model of random weights: bench/model.py for machines without Python.
 *
 * The same piece of random numbers is written again and again: speed doesn't depend on the values. */
#include "bench/gpu/bench_gpu.h"
#include "bench/gpu/probes.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/write.h"
#include "quant-free/bf16.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct shape {
    size_t hidden, ffn, layers, heads, kv_heads, vocabulary;
};
static const struct shape shape_7b = { 3584, 18944, 28, 28, 4, 152064 };
static const struct shape shape_small = { 64, 96, 2, 4, 2, 151936 };

enum { PIECE = 32 << 20 };

/* One file of weights: its header, then what the tensors take. */
struct weights {
    gd_buf header;
    size_t at;
    gd_bf16 *random, *ones; /* PIECE bytes each; magnitudes of random numbers are from 2^-7 to 2^-5 */
    int fd;
    bool writing;
    bool failed;
};

static void write_numbers(struct weights *w, const gd_bf16 *numbers, size_t bytes)
{
    for (size_t some; !w->failed && bytes; bytes -= some) {
        some = bytes < PIECE ? bytes : PIECE;
        w->failed = gd_write_all(w->fd, numbers, some) != 0;
    }
}

/* First they are listed, then written, in the same order. */
static void tensor(struct weights *w, const char *layer, const char *name, size_t rows, size_t cols)
{
    const size_t bytes = rows * cols * sizeof(gd_bf16);
    const bool norm = strstr(name, "norm") != NULL, vector = norm || strstr(name, "bias");
    char shape[64];

    if (w->writing) {
        write_numbers(w, norm ? w->ones : w->random, bytes);
        return;
    }
    (void)snprintf(shape, sizeof shape, vector ? "%zu" : "%zu,%zu", vector ? cols : rows, cols);
    gd_buf_printf(&w->header, ",\"%s%s\":{\"dtype\":\"BF16\",\"shape\":[%s],\"data_offsets\":[%zu,%zu]}", layer, name,
                  shape, w->at, w->at + bytes);
    w->at += bytes;
}

static void layer_tensors(struct weights *w, const struct shape *s, size_t layer)
{
    const size_t kv = s->kv_heads * (s->hidden / s->heads);
    char prefix[64];

    (void)snprintf(prefix, sizeof prefix, "model.layers.%zu.", layer);
    tensor(w, prefix, "input_layernorm.weight", 1, s->hidden);
    tensor(w, prefix, "self_attn.q_proj.weight", s->hidden, s->hidden);
    tensor(w, prefix, "self_attn.q_proj.bias", 1, s->hidden);
    tensor(w, prefix, "self_attn.k_proj.weight", kv, s->hidden);
    tensor(w, prefix, "self_attn.k_proj.bias", 1, kv);
    tensor(w, prefix, "self_attn.v_proj.weight", kv, s->hidden);
    tensor(w, prefix, "self_attn.v_proj.bias", 1, kv);
    tensor(w, prefix, "self_attn.o_proj.weight", s->hidden, s->hidden);
    tensor(w, prefix, "post_attention_layernorm.weight", 1, s->hidden);
    tensor(w, prefix, "mlp.gate_proj.weight", s->ffn, s->hidden);
    tensor(w, prefix, "mlp.up_proj.weight", s->ffn, s->hidden);
    tensor(w, prefix, "mlp.down_proj.weight", s->hidden, s->ffn);
}

static void all_tensors(struct weights *w, const struct shape *s)
{
    tensor(w, "", "model.embed_tokens.weight", s->vocabulary, s->hidden);
    for (size_t layer = 0; layer < s->layers; layer++)
        layer_tensors(w, s, layer);
    tensor(w, "", "model.norm.weight", 1, s->hidden);
    tensor(w, "", "score.weight", 1, s->hidden);
}

static void make_pieces(struct weights *w)
{
    uint64_t state = 0;

    w->random = gd_alloc_aligned(PIECE);
    w->ones = gd_alloc_aligned(PIECE);
    w->failed = !w->random || !w->ones;
    for (size_t i = 0; !w->failed && i < PIECE / sizeof(gd_bf16); i++) {
        const uint64_t r = probes_random(&state);

        w->random[i] = (gd_bf16)(0x3C00u | (r & 0x80FFu));
        w->ones[i] = 0x3F80;
    }
}

static bool write_weights(const char *path, const struct shape *s)
{
    struct weights w = { .fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666) };
    uint64_t length;

    make_pieces(&w);
    gd_buf_printf(&w.header, "{\"__metadata__\":{\"format\":\"pt\"}");
    all_tensors(&w, s);
    gd_buf_printf(&w.header, "}");
    while (w.header.len % 8)
        gd_buf_printf(&w.header, " ");
    length = w.header.len;
    w.failed = w.failed || w.fd < 0 || w.header.failed || gd_write_all(w.fd, &length, sizeof length) != 0 ||
               gd_write_all(w.fd, w.header.data, w.header.len) != 0;
    w.writing = true;
    all_tensors(&w, s);
    w.failed = (w.fd >= 0 && close(w.fd) != 0) || w.failed;
    gd_buf_free(&w.header);
    gd_free(w.random);
    gd_free(w.ones);
    return !w.failed;
}

static bool write_config(const char *path, const struct shape *s)
{
    FILE *f = fopen(path, "w");

    if (!f)
        return false;
    fprintf(f,
            "{\"architectures\":[\"Qwen2ForSequenceClassification\"],\"model_type\":\"qwen2\",\"hidden_act\":\"silu\","
            "\"hidden_size\":%zu,\"intermediate_size\":%zu,\"num_hidden_layers\":%zu,\"num_attention_heads\":%zu,"
            "\"num_key_value_heads\":%zu,\"vocab_size\":%zu,\"max_position_embeddings\":32768,\"rms_norm_eps\":1e-06,"
            "\"rope_theta\":1000000.0,\"tie_word_embeddings\":false,\"use_sliding_window\":false,"
            "\"bos_token_id\":151643,\"eos_token_id\":151645,\"pad_token_id\":151643,\"torch_dtype\":\"bfloat16\","
            "\"id2label\":{\"0\":\"LABEL_0\"},\"label2id\":{\"LABEL_0\":0}}\n",
            s->hidden, s->ffn, s->layers, s->heads, s->kv_heads, s->vocabulary);
    return fclose(f) == 0;
}

static bool write_tokenizer_config(const char *path)
{
    FILE *f = fopen(path, "w");

    if (!f)
        return false;
    fputs("{\"tokenizer_class\":\"PreTrainedTokenizerFast\",\"eos_token\":\"<|im_end|>\","
          "\"pad_token\":\"<|endoftext|>\"}\n",
          f);
    return fclose(f) == 0;
}

bool bench_model(const char *folder, bool small)
{
    const struct shape *s = small ? &shape_small : &shape_7b;
    char path[4096];
    bool written;

    (void)snprintf(path, sizeof path, "%s/config.json", folder);
    written = write_config(path, s);
    (void)snprintf(path, sizeof path, "%s/tokenizer_config.json", folder);
    written = written && write_tokenizer_config(path);
    (void)snprintf(path, sizeof path, "%s/model.safetensors", folder);
    written = written && write_weights(path, s);
    if (!written)
        fprintf(stderr, "bench_gpu: %s: the model could not be written\n", folder);
    return written;
}
