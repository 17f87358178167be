/* sentencepiece.c - reads a tokenizer.model. The numbers of the fields are those of sentencepiece_model.proto. */
#include "text/sentencepiece.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "text/proto.h"
#include "text/vocab.h"

#define FILE_LIMIT ((size_t)64 << 20)
#define PIECE_LIMIT ((size_t)512) /* bytes: SentencePiece's own are a few dozen at most */
#define BPE 2                     /* of model_type; Unigram is 1, and what is meant if the field is missing */

static gd_status check_piece(const gd_sentencepiece *model, const gd_piece *piece, gd_error *err)
{
    const char *s = model->data + piece->at;

    if (piece->len == 0 || piece->len > PIECE_LIMIT)
        return gd_fail(err, GD_EUNSUPPORTED, "%s: piece %zu has %zu bytes, but 1 to %zu are supported", model->path,
                       model->count, piece->len, PIECE_LIMIT);
    if (gd_utf8_check(s, piece->len) < piece->len)
        return gd_fail(err, GD_EFORMAT, "%s: piece %zu is not valid UTF-8", model->path, model->count);
    if (piece->type < GD_PIECE_NORMAL || piece->type > GD_PIECE_BYTE)
        return gd_fail(err, GD_EUNSUPPORTED, "%s: piece %zu has the type %d, which is not known", model->path,
                       model->count, (int)piece->type);
    return GD_OK;
}

static gd_status read_piece(gd_sentencepiece *model, gd_proto message, gd_error *err)
{
    gd_piece piece = { .type = GD_PIECE_NORMAL };
    gd_proto_field f;
    gd_status rc;
    bool more;

    for (;;) {
        rc = gd_proto_next(&message, &f, &more, err);
        if (rc || !more)
            break;
        if (f.number == 1 && f.wire == GD_WIRE_BYTES) {
            piece.at = f.at;
            piece.len = f.len;
        } else if (f.number == 3 && f.wire == GD_WIRE_NUMBER) {
            piece.type = f.value <= GD_PIECE_BYTE ? (int)f.value : 0;
        }
    }
    if (!rc && model->count == GD_VOCAB_LIMIT)
        rc = gd_fail(err, GD_EUNSUPPORTED, "%s: more than %zu pieces are not supported", model->path, GD_VOCAB_LIMIT);
    if (!rc)
        rc = check_piece(model, &piece, err);
    if (!rc && !gd_grow((void **)&model->pieces, &model->room, model->count + 1, sizeof *model->pieces))
        rc = gd_fail_memory(err, model->count * sizeof *model->pieces);
    if (!rc)
        model->pieces[model->count++] = piece;
    return rc;
}

static gd_status read_trainer(gd_sentencepiece *model, gd_proto message, uint64_t *type, gd_error *err)
{
    gd_proto_field f;
    gd_status rc;
    bool more;

    for (;;) {
        rc = gd_proto_next(&message, &f, &more, err);
        if (rc || !more)
            return rc;
        if (f.wire != GD_WIRE_NUMBER)
            continue;
        switch (f.number) {
        case 3: *type = f.value; break;
        case 24:
            if (f.value)
                return gd_fail(err, GD_EUNSUPPORTED, "%s: treat_whitespace_as_suffix is not supported", model->path);
            break;
        case 35: model->byte_fallback = f.value != 0; break;
        case 41: model->bos = (int32_t)f.value; break;
        case 42: model->eos = (int32_t)f.value; break;
        default: break;
        }
    }
}

static gd_status read_normalizer(gd_sentencepiece *model, gd_proto message, gd_error *err)
{
    bool table = false, removes = true, escapes = true, more;
    gd_proto_field f;
    gd_status rc;

    for (;;) {
        rc = gd_proto_next(&message, &f, &more, err);
        if (rc || !more)
            break;
        if (f.number == 2 && f.wire == GD_WIRE_BYTES)
            table = f.len > 0;
        if (f.wire != GD_WIRE_NUMBER)
            continue;
        if (f.number == 3)
            model->prefix = f.value != 0;
        else if (f.number == 4)
            removes = f.value != 0;
        else if (f.number == 5)
            escapes = f.value != 0;
    }
    if (!rc && table)
        rc = gd_fail(err, GD_EUNSUPPORTED,
                     "%s: normalizer_spec has a precompiled_charsmap, but only the normalization \"identity\" is "
                     "supported",
                     model->path);
    if (!rc && (removes || !escapes))
        rc = gd_fail(err, GD_EUNSUPPORTED, "%s: normalizer_spec.%s is %s, which is not supported", model->path,
                     removes ? "remove_extra_whitespaces" : "escape_whitespaces", removes ? "true" : "false");
    return rc;
}

static gd_status read_model(gd_sentencepiece *model, size_t len, gd_error *err)
{
    gd_proto all = { (const unsigned char *)model->data, 0, len, model->path };
    bool normalizer = false, more;
    uint64_t type = 0;
    gd_proto_field f;
    gd_status rc = GD_OK;

    while (!rc) {
        gd_proto part = all;

        rc = gd_proto_next(&all, &f, &more, err);
        if (rc || !more)
            break;
        part.at = f.at;
        part.end = f.at + f.len;
        if (f.wire != GD_WIRE_BYTES)
            continue;
        if (f.number == 1)
            rc = read_piece(model, part, err);
        else if (f.number == 2)
            rc = read_trainer(model, part, &type, err);
        else if (f.number == 3)
            rc = read_normalizer(model, part, err);
        normalizer |= f.number == 3;
    }
    if (!rc && model->count == 0)
        rc = gd_fail(err, GD_EFORMAT, "%s: not a model of SentencePiece: it has no pieces", model->path);
    if (!rc && type != BPE)
        rc = gd_fail(err, GD_EUNSUPPORTED, "%s: trainer_spec.model_type is %s, but only BPE is supported", model->path,
                     type < 2    ? "UNIGRAM"
                     : type == 3 ? "WORD"
                                 : "CHAR");
    if (!rc && !normalizer)
        rc = gd_fail(err, GD_EFORMAT, "%s: normalizer_spec is missing", model->path);
    return rc;
}

/* A switch of tokenizer_config.json, which stays as it is if the field is missing or null. */
static gd_status read_switch(bool *on, const json_t *config, const char *key, const char *path, gd_error *err)
{
    return gd_json_has(config, key) ? gd_json_bool(on, config, key, path, err) : GD_OK;
}

static gd_status read_ends(gd_sentencepiece_ends *ends, const char *beside, gd_error *err)
{
    char *path;
    json_t *config = NULL;
    bool there;
    gd_status rc = gd_file_find(&path, &there, beside, "tokenizer_config.json", err);

    if (!rc && there)
        rc = gd_json_load(&config, path, FILE_LIMIT, err);
    if (!rc)
        rc = read_switch(&ends->add_bos, config, "add_bos_token", path, err);
    if (!rc)
        rc = read_switch(&ends->add_eos, config, "add_eos_token", path, err);
    if (!rc)
        rc = read_switch(&ends->prefix, config, "add_prefix_space", path, err);
    if (!rc)
        rc = read_switch(&ends->every_part, config, "legacy", path, err);
    json_decref(config);
    gd_free(path);
    return rc;
}

gd_status gd_sentencepiece_read(char **text, size_t *len, const char *path, const char *beside, gd_error *err)
{
    gd_sentencepiece_ends ends = { .add_bos = true, .prefix = true };
    gd_sentencepiece model = { .path = path, .bos = 1, .eos = 2, .prefix = true };
    gd_buf out = { 0 };
    char *data = NULL;
    size_t size = 0;
    gd_status rc = gd_file_read(&data, &size, path, FILE_LIMIT, err);

    model.data = data;
    if (!rc)
        rc = read_model(&model, size, err);
    if (!rc)
        rc = read_ends(&ends, beside, err);
    if (!rc)
        rc = gd_sentencepiece_write(&out, &model, &ends, err);
    *len = out.len;
    if (!rc)
        rc = gd_buf_take(&out, text, err);
    gd_buf_free(&out);
    gd_free(model.pieces);
    gd_free(data);
    return rc;
}
