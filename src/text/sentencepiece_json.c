/* sentencepiece_json.c - writes a model of SentencePiece as a tokenizer.json. */
#include "text/sentencepiece.h"

#include "base/error.h"
#include "base/utf8.h"
#include "text/vocab.h"

#define MARK "\xE2\x96\x81" /* U+2581, which stands for a space */

struct writer {
    gd_buf *out;
    const gd_sentencepiece *model;
    gd_vocab vocab; /* the same pieces, to look up halves */
};

static void write_string(struct writer *w, const char *s, size_t len) { gd_buf_json_string(w->out, s, len); }

static void write_piece(struct writer *w, size_t id)
{
    write_string(w, w->model->data + w->model->pieces[id].at, w->model->pieces[id].len);
}

/* The unknown token and the control tokens are special; those of the user are not. */
static void write_added(struct writer *w)
{
    const char *comma = "";

    gd_buf_str(w->out, "\"added_tokens\":[");
    for (size_t id = 0; id < w->model->count; id++) {
        const int type = w->model->pieces[id].type;

        if (type != GD_PIECE_UNKNOWN && type != GD_PIECE_CONTROL && type != GD_PIECE_USER)
            continue;
        gd_buf_printf(w->out, "%s{\"id\":%zu,\"content\":", comma, id);
        write_piece(w, id);
        gd_buf_printf(w->out,
                      ",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,\"special\":%s}",
                      type == GD_PIECE_USER ? "false" : "true");
        comma = ",";
    }
    gd_buf_str(w->out, "],");
}

static void write_special(struct writer *w, const char *name)
{
    gd_buf_printf(w->out, "{\"SpecialToken\":{\"id\":\"%s\",\"type_id\":0}}", name);
}

static void write_template(struct writer *w, bool bos, bool eos)
{
    const char *comma = bos && eos ? "," : "";

    gd_buf_str(w->out, "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[");
    if (bos)
        write_special(w, "bos");
    gd_buf_printf(w->out, "%s{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}%s", bos ? "," : "", eos ? "," : "");
    if (eos)
        write_special(w, "eos");
    gd_buf_str(w->out, "],\"pair\":[],\"special_tokens\":{");
    if (bos)
        gd_buf_printf(w->out, "\"bos\":{\"id\":\"bos\",\"ids\":[%lld],\"tokens\":[]}%s", (long long)w->model->bos,
                      comma);
    if (eos)
        gd_buf_printf(w->out, "\"eos\":{\"id\":\"eos\",\"ids\":[%lld],\"tokens\":[]}", (long long)w->model->eos);
    gd_buf_str(w->out, "}},");
}

static void write_vocab(struct writer *w)
{
    gd_buf_str(w->out, "\"vocab\":{");
    for (size_t id = 0; id < w->model->count; id++) {
        gd_buf_str(w->out, id ? "," : "");
        write_piece(w, id);
        gd_buf_printf(w->out, ":%zu", id);
    }
    gd_buf_str(w->out, "},");
}

/* The pairs of pieces that together are this piece, the shortest left half first. */
static void write_merges_of(struct writer *w, size_t id, bool *first)
{
    const gd_piece *piece = &w->model->pieces[id];
    const char *s = w->model->data + piece->at;
    size_t n;

    for (size_t at = 0; at < piece->len; at += n) {
        (void)gd_utf8_decode((const unsigned char *)s + at, &n);
        if (at == 0 || gd_vocab_by_bytes(&w->vocab, s, at) == GD_NO_TOKEN ||
            gd_vocab_by_bytes(&w->vocab, s + at, piece->len - at) == GD_NO_TOKEN)
            continue;
        gd_buf_str(w->out, *first ? "[" : ",[");
        write_string(w, s, at);
        gd_buf_str(w->out, ",");
        write_string(w, s + at, piece->len - at);
        gd_buf_str(w->out, "]");
        *first = false;
    }
}

static void write_model(struct writer *w)
{
    bool first = true;

    gd_buf_str(w->out, "\"model\":{\"type\":\"BPE\",\"unk_token\":");
    for (size_t id = 0; id < w->model->count && first; id++) {
        if (w->model->pieces[id].type == GD_PIECE_UNKNOWN) {
            write_piece(w, id);
            first = false;
        }
    }
    gd_buf_printf(w->out, "%s,\"fuse_unk\":true,\"byte_fallback\":%s,", first ? "null" : "",
                  w->model->byte_fallback ? "true" : "false");
    write_vocab(w);
    gd_buf_str(w->out, "\"merges\":[");
    first = true;
    for (size_t id = 0; id < w->model->count; id++)
        write_merges_of(w, id, &first);
    gd_buf_str(w->out, "]}}");
}

static gd_status make_vocab(struct writer *w, gd_error *err)
{
    w->vocab.plain = true;
    for (size_t id = 0; id < w->model->count; id++) {
        const gd_piece *piece = &w->model->pieces[id];

        if (!gd_vocab_add(&w->vocab, w->model->data + piece->at, piece->len, (uint32_t)id))
            return gd_fail_memory(err, piece->len);
    }
    return gd_vocab_finish(&w->vocab, w->model->path, err);
}

static gd_status check_end(const gd_sentencepiece *model, const char *name, int64_t id, bool wanted, gd_error *err)
{
    if (!wanted || id < (int64_t)model->count)
        return GD_OK;
    return gd_fail(err, GD_EFORMAT, "%s: trainer_spec.%s is %lld, but there are %zu pieces", model->path, name,
                   (long long)id, model->count);
}

gd_status gd_sentencepiece_write(gd_buf *out, const gd_sentencepiece *model, const gd_sentencepiece_ends *ends,
                                 gd_error *err)
{
    struct writer w = { .out = out, .model = model };
    gd_status rc = check_end(model, "bos_id", model->bos, ends->add_bos, err);

    if (!rc)
        rc = check_end(model, "eos_id", model->eos, ends->add_eos, err);
    if (!rc)
        rc = make_vocab(&w, err);
    if (!rc) {
        gd_buf_str(out, "{");
        write_added(&w);
        gd_buf_printf(out,
                      "\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"" MARK
                      "\",\"prepend_scheme\":\"%s\",\"split\":false},",
                      !model->prefix || !ends->prefix ? "never"
                      : ends->every_part              ? "always"
                                                      : "first");
        write_template(&w, ends->add_bos && model->bos >= 0, ends->add_eos && model->eos >= 0);
        write_model(&w);
    }
    gd_vocab_free(&w.vocab);
    return rc;
}
