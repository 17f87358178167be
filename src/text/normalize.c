/* normalize.c - takes a text through the steps of a normalizer. */
#include "text/normalize.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "text/unicode.h"

#include <string.h>

static void free_step(gd_norm_step *step)
{
    gd_free(step->from);
    gd_free(step->to);
    gd_regex_close(step->regex);
}

void gd_normalizer_free(gd_normalizer *normalizer)
{
    for (size_t i = 0; i < normalizer->count; i++)
        free_step(&normalizer->steps[i]);
    *normalizer = (gd_normalizer){ 0 };
}

void gd_norm_room_free(gd_norm_room *room)
{
    gd_nfc_free(&room->nfc);
    gd_buf_free(&room->out[0]);
    gd_buf_free(&room->out[1]);
    gd_regex_room_free(&room->regex);
}

gd_status gd_normalizer_add(gd_normalizer *normalizer, gd_norm_step step, const char *path, gd_error *err)
{
    if (normalizer->count < GD_NORM_LIMIT) {
        normalizer->steps[normalizer->count++] = step;
        return GD_OK;
    }
    free_step(&step);
    return gd_fail(err, GD_EUNSUPPORTED, "%s: more than %d normalizers are not supported", path, GD_NORM_LIMIT);
}

bool gd_find_string(const char *string, size_t string_len, const unsigned char *s, size_t len, size_t *from)
{
    while (len - *from >= string_len) {
        const unsigned char *hit = memchr(s + *from, string[0], len - *from - string_len + 1);

        if (!hit)
            return false;
        *from = (size_t)(hit - s);
        if (!memcmp(hit, string, string_len))
            return true;
        ++*from;
    }
    return false;
}

static void decompose(gd_buf *out, const unsigned char *s, size_t len)
{
    size_t done = 0, n;

    for (size_t at = 0; at < len; at += n) {
        const uint32_t *parts;
        size_t count = 0;

        n = 1;
        if (s[at] < 0x80)
            continue;
        parts = gd_compatible_with(gd_utf8_decode(s + at, &n), &count);
        if (!parts)
            continue;
        gd_buf_bytes(out, s + done, at - done);
        done = at + n;
        for (size_t i = 0; i < count; i++) {
            unsigned char utf8[4];

            gd_buf_bytes(out, utf8, gd_utf8_encode(parts[i], utf8));
        }
    }
    gd_buf_bytes(out, s + done, len - done);
}

static void replace_string(gd_buf *out, const gd_norm_step *step, const unsigned char *s, size_t len)
{
    size_t done = 0, at = 0;

    while (gd_find_string(step->from, step->from_len, s, len, &at)) {
        gd_buf_bytes(out, s + done, at - done);
        gd_buf_bytes(out, step->to, step->to_len);
        done = at += step->from_len;
    }
    gd_buf_bytes(out, s + done, len - done);
}

static gd_status replace_matches(gd_buf *out, const gd_norm_step *step, gd_regex_room *room, const unsigned char *s,
                                 size_t len, gd_error *err)
{
    gd_regex_piece piece;
    gd_status rc = GD_OK;

    if (!gd_regex_begin(step->regex, room, &piece, s, len))
        return gd_fail_memory(err, len);
    for (size_t done = 0; done < len && !rc;) {
        size_t from, to;

        rc = gd_regex_next(step->regex, room, &piece, &from, &to, err);
        if (rc)
            break;
        gd_buf_bytes(out, s + done, from - done);
        if (to > from)
            gd_buf_bytes(out, step->to, step->to_len);
        done = to;
    }
    gd_regex_end(room, &piece);
    return rc;
}

/* One step, from *s to a buffer that *s is not in; *s and *len become the result. */
static gd_status run(const gd_norm_step *step, gd_norm_room *room, const uint8_t *classes, gd_buf *out, const char **s,
                     size_t *len, gd_error *err)
{
    const unsigned char *in = (const unsigned char *)*s;
    gd_status rc = GD_OK;

    if (*len == 0)
        return GD_OK;
    if (step->kind == GD_NORM_NFC)
        return gd_nfc_run(&room->nfc, classes, *s, *len, s, len) ? GD_OK : gd_fail_memory(err, *len);
    gd_buf_clear(out);
    if (step->kind == GD_NORM_PREPEND) {
        gd_buf_bytes(out, step->to, step->to_len);
        gd_buf_bytes(out, *s, *len);
    } else if (step->kind == GD_NORM_COMPATIBLE) {
        decompose(out, in, *len);
    } else if (step->regex) {
        rc = replace_matches(out, step, &room->regex, in, *len, err);
    } else {
        replace_string(out, step, in, *len);
    }
    if (!rc && out->failed)
        rc = gd_fail_memory(err, *len);
    *s = out->data;
    *len = out->len;
    return rc;
}

gd_status gd_normalize(const gd_normalizer *normalizer, gd_norm_room *room, const uint8_t *classes, const char *text,
                       size_t len, const char **out, size_t *out_len, gd_error *err)
{
    gd_status rc = GD_OK;

    for (size_t i = 0; i < normalizer->count && !rc; i++) {
        gd_buf *other = &room->out[text == room->out[0].data];

        rc = run(&normalizer->steps[i], room, classes, other, &text, &len, err);
    }
    *out = text;
    *out_len = len;
    return rc;
}
