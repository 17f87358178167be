/* added_load.c - reads the field "added_tokens" of a tokenizer.json. */
#include "text/added.h"

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "text/fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static gd_status read_flags(gd_added_token *token, const json_t *item, const char *path, gd_error *err)
{
    gd_status rc = gd_json_bool(&token->single_word, item, "single_word", path, err);

    if (!rc)
        rc = gd_json_bool(&token->lstrip, item, "lstrip", path, err);
    if (!rc)
        rc = gd_json_bool(&token->rstrip, item, "rstrip", path, err);
    if (!rc)
        rc = gd_json_bool(&token->normalized, item, "normalized", path, err);
    return rc ? rc : gd_json_bool(&token->special, item, "special", path, err);
}

/* The reference numbers added tokens itself: as in the vocabulary if it has the content, else in order after it; it
 * only compares the ids of the file, and warns. Here a difference is an error. */
static gd_status check_id(gd_added_token *token, int64_t id, const gd_vocab *vocab, uint32_t *next, const char *path,
                          gd_error *err)
{
    const uint32_t known = gd_vocab_by_content(vocab, token->content, token->len);
    const uint32_t wanted = known != GD_NO_TOKEN ? vocab->tokens[known].id : (*next)++;

    if (id != (int64_t)wanted)
        return gd_fail(err, GD_EFORMAT, "%s: the id of \"%.80s\" is %lld, but %s %u", path, token->content,
                       (long long)id,
                       known != GD_NO_TOKEN ? "model.vocab gives it the id"
                                            : "new tokens are numbered in order after the vocabulary, and this is",
                       wanted);
    if (known == GD_NO_TOKEN && gd_vocab_by_id(vocab, wanted) != GD_NO_TOKEN)
        return gd_fail(err, GD_EFORMAT, "%s: the id %u of \"%.80s\" belongs to another token of model.vocab", path,
                       wanted, token->content);
    token->id = wanted;
    return GD_OK;
}

static gd_status read_token(gd_added_token *token, const json_t *item, const gd_vocab *vocab, uint32_t *next,
                            const char *path, gd_error *err)
{
    static const char *const names[] = { "id",     "content",    "single_word", "lstrip",
                                         "rstrip", "normalized", "special",     NULL };
    const json_t *content;
    int64_t id;
    gd_status rc = gd_fields_known(item, names, path, err);

    if (!rc)
        rc = gd_json_int(&id, item, "id", 0, GD_ID_LIMIT - 1, path, err);
    if (!rc)
        rc = read_flags(token, item, path, err);
    if (rc)
        return rc;
    content = json_object_get(item, "content");
    if (!json_is_string(content))
        return gd_fail(err, GD_EFORMAT, "%s: the field \"content\" is expected to be a string", path);
    token->len = token->pattern_len = json_string_length(content);
    if (token->len == 0 || token->len > GD_ADDED_BYTES)
        return gd_fail(err, GD_EUNSUPPORTED, "%s: the content has %zu bytes, but 1 to %zu are supported", path,
                       token->len, GD_ADDED_BYTES);
    token->content = token->pattern = gd_strndup(json_string_value(content), token->len);
    if (!token->content)
        return gd_fail_memory(err, token->len);
    return check_id(token, id, vocab, next, path, err);
}

static gd_status normalize(gd_added_token *token, gd_nfc *nfc, const uint8_t *classes, gd_error *err)
{
    const char *out;
    size_t len;

    if (!gd_nfc_run(nfc, classes, token->content, token->len, &out, &len))
        return gd_fail_memory(err, token->len);
    if (out == token->content)
        return GD_OK;
    token->pattern = gd_strndup(out, len);
    token->pattern_len = len;
    return token->pattern ? GD_OK : gd_fail_memory(err, len);
}

static int compare(const char *a, size_t a_len, const char *b, size_t b_len)
{
    const int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

    return order ? order : (a_len > b_len) - (a_len < b_len);
}

static int by_pattern(const void *a, const void *b)
{
    const gd_added_token *x = *(const gd_added_token *const *)a, *y = *(const gd_added_token *const *)b;

    return compare(x->pattern, x->pattern_len, y->pattern, y->pattern_len);
}

static int by_content(const void *a, const void *b)
{
    const gd_added_token *x = *(const gd_added_token *const *)a, *y = *(const gd_added_token *const *)b;

    return compare(x->content, x->len, y->content, y->len);
}

static gd_status no_two(gd_added_set *set, int (*order)(const void *, const void *), const char *path, gd_error *err)
{
    qsort(set->sorted, set->count, sizeof *set->sorted, order);
    for (size_t i = 1; i < set->count; i++) {
        if (order(&set->sorted[i - 1], &set->sorted[i]) == 0)
            return gd_fail(err, GD_EFORMAT, "%s: added_tokens: \"%.80s\" appears twice", path, set->sorted[i]->content);
    }
    return GD_OK;
}

static gd_status make_set(gd_added_set *set, const gd_added *added, bool normalized, const char *path, gd_error *err)
{
    uint32_t at = 0;
    gd_status rc;

    set->sorted = gd_alloc(added->count, sizeof *set->sorted);
    if (!set->sorted)
        return gd_fail_memory(err, added->count * sizeof *set->sorted);
    for (size_t i = 0; i < added->count; i++) /* the contents of all tokens, whatever their flags */
        set->sorted[set->count++] = &added->tokens[i];
    rc = no_two(set, by_content, path, err);
    set->count = 0;
    for (size_t i = 0; i < added->count; i++) {
        if (added->tokens[i].normalized == normalized)
            set->sorted[set->count++] = &added->tokens[i];
    }
    if (!rc)
        rc = no_two(set, by_pattern, path, err);
    for (unsigned b = 0; b <= 256; b++) {
        while (at < set->count && (unsigned char)set->sorted[at]->pattern[0] < b)
            at++;
        set->begin[b] = at;
    }
    if (!rc && set->count) {
        set->first = (unsigned char)set->sorted[0]->pattern[0];
        set->one_byte = set->first == (unsigned char)set->sorted[set->count - 1]->pattern[0];
    }
    return rc;
}

gd_status gd_added_load(gd_added *added, const json_t *list, const gd_vocab *vocab, const uint8_t *classes, bool nfc,
                        const char *path, gd_error *err)
{
    uint32_t next = (uint32_t)vocab->count;
    gd_nfc room = { 0 };
    gd_status rc = GD_OK;

    if (!list || json_is_null(list))
        return GD_OK;
    if (!json_is_array(list))
        return gd_fail(err, GD_EFORMAT, "%s: the field \"added_tokens\" is expected to be a list", path);
    if (json_array_size(list) > GD_ADDED_LIMIT)
        return gd_fail(err, GD_EUNSUPPORTED, "%s: added_tokens has %zu entries, but at most %zu are supported", path,
                       json_array_size(list), GD_ADDED_LIMIT);
    added->tokens = gd_alloc_zero(json_array_size(list), sizeof *added->tokens);
    if (!added->tokens)
        return gd_fail_memory(err, json_array_size(list) * sizeof *added->tokens);
    for (size_t i = 0; i < json_array_size(list) && !rc; i++) {
        gd_added_token *token = &added->tokens[i];
        char where[GD_WHERE];

        (void)snprintf(where, sizeof where, "%s: added_tokens[%zu]", path, i);
        added->count++;
        rc = read_token(token, json_array_get(list, i), vocab, &next, where, err);
        if (!rc && token->normalized && nfc)
            rc = normalize(token, &room, classes, err);
    }
    gd_nfc_free(&room);
    if (!rc)
        rc = make_set(&added->raw, added, false, path, err);
    return rc ? rc : make_set(&added->normalized, added, true, path, err);
}
