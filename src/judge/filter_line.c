/* filter_line.c - makes the line that filter writes. */
#include "judge/filter_line.h"

#include "base/json_span.h"

static void put(gd_buf *out, const char *from, const char *to) { gd_buf_bytes(out, from, (size_t)(to - from)); }

/* Adds the line with the values of its two sides swapped. */
static bool put_flipped(gd_buf *out, gd_text raw, const char *const sides[2])
{
    gd_text chosen, rejected, first, second;

    if (!gd_json_span_value(raw, sides[0], &chosen) || !gd_json_span_value(raw, sides[1], &rejected))
        return false;
    first = chosen.data < rejected.data ? chosen : rejected;
    second = chosen.data < rejected.data ? rejected : chosen;
    put(out, raw.data, first.data);
    gd_buf_bytes(out, second.data, second.len);
    put(out, first.data + first.len, second.data);
    gd_buf_bytes(out, first.data, first.len);
    put(out, second.data + second.len, raw.data + raw.len);
    return true;
}

static void put_float(gd_buf *out, const char *name, float value)
{
    gd_buf_printf(out, "\"%s\":", name);
    gd_buf_json_float(out, value);
}

/* Adds {..} with what `guerdon score` would give for the record; for a flipped pair, after the flip. */
static void put_note(gd_buf *out, gd_filter_verdict verdict, gd_record_kind kind, const float *scores, size_t count)
{
    const bool flipped = verdict == GD_VERDICT_FLIP;

    gd_buf_str(out, "{");
    if (kind == GD_RECORD_TEXT)
        put_float(out, "score", scores[0]);
    if (kind == GD_RECORD_PAIR) {
        put_float(out, "chosen", scores[flipped]);
        gd_buf_str(out, ",");
        put_float(out, "rejected", scores[!flipped]);
        gd_buf_str(out, ",");
        put_float(out, "margin", scores[flipped] - scores[!flipped]);
    }
    if (kind == GD_RECORD_ANSWERS) {
        gd_buf_str(out, "\"scores\":");
        gd_buf_json_floats(out, scores, count);
    }
    gd_buf_str(out, flipped ? ",\"flipped\":true}" : "}");
}

/* Adds the object with the scores as its last member, or in the place of those that it has: if it has two, in both, so
 * that it doesn't matter which one a reader takes. */
static bool put_noted(gd_buf *out, gd_text object, gd_filter_verdict verdict, gd_record_kind kind, const float *scores,
                      size_t count)
{
    const char *from = object.data, *end = object.data + object.len, *brace;
    gd_text rest = object, name, old;
    bool empty = false;

    while (gd_json_span_next(&rest, &name, &old))
        if (gd_json_span_is(name, "guerdon")) {
            put(out, from, old.data);
            put_note(out, verdict, kind, scores, count);
            from = old.data + old.len;
        }
    if (from == object.data) {
        brace = gd_json_span_end(object, &empty);
        if (!brace)
            return false;
        put(out, from, brace);
        gd_buf_str(out, empty ? "\"guerdon\":" : ",\"guerdon\":");
        put_note(out, verdict, kind, scores, count);
        from = brace;
    }
    put(out, from, end);
    return true;
}

bool gd_filter_line(gd_buf *out, gd_text raw, gd_filter_verdict verdict, const char *const sides[2], bool annotate,
                    gd_record_kind kind, const float *scores, size_t count)
{
    gd_buf flipped = { 0 };
    gd_text line = raw;
    bool fine = true;

    if (verdict == GD_VERDICT_FLIP) {
        fine = put_flipped(&flipped, raw, sides);
        line = (gd_text){ flipped.data, flipped.len };
    }
    if (fine && annotate)
        fine = put_noted(out, line, verdict, kind, scores, count);
    else if (fine)
        gd_buf_bytes(out, line.data, line.len);
    gd_buf_str(out, "\n");
    out->failed |= flipped.failed;
    gd_buf_free(&flipped);
    return fine;
}
