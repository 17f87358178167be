/* csv.c - CSV rows and their fields. */
#include "data/csv.h"

#include <string.h>

/* The state after a byte that is not a line feed. */
static void step(gd_csv_scan *s, char c)
{
    switch (s->where) {
    case GD_CSV_QUOTED:
        if (c == '"')
            s->where = GD_CSV_CLOSED;
        break;
    case GD_CSV_START:
    case GD_CSV_CLOSED:
        if (c == '"') {
            s->where = GD_CSV_QUOTED; /* an opening quote, or a doubled one */
            break;
        }
        /* fall through */
    default: s->where = c == s->separator ? GD_CSV_START : GD_CSV_BARE;
    }
}

size_t gd_csv_take(void *scan, const char *p, size_t len, bool *done)
{
    gd_csv_scan *s = scan;

    *done = false;
    for (size_t i = 0; i < len; i++) {
        if (s->where == GD_CSV_QUOTED) { /* long texts are usually quoted */
            const char *quote = memchr(p + i, '"', len - i);

            if (!quote)
                return len;
            i = (size_t)(quote - p);
        } else if (p[i] == '\n') {
            *done = true;
            return i + 1;
        }
        step(s, p[i]);
    }
    return len;
}

static bool is_end(const gd_csv_fields *f) { return f->at == f->len || f->row[f->at] == f->separator; }

/* Reads a quoted field, from after its opening quote. */
static gd_text quoted(gd_csv_fields *f, gd_buf *spare)
{
    const char *from = f->row + f->at;
    bool doubled = false;

    gd_buf_clear(spare);
    for (;;) {
        const char *quote = memchr(f->row + f->at, '"', f->len - f->at);
        const size_t end = quote ? (size_t)(quote - f->row) : f->len;
        const gd_text text = { from, (size_t)(f->row + end - from) };

        f->at = quote ? end + 1 : end;
        if (!quote)
            f->fault = "has no closing quote";
        if (!quote || f->at == f->len || f->row[f->at] != '"') {
            if (!doubled)
                return text;
            gd_buf_bytes(spare, text.data, text.len);
            return (gd_text){ spare->data, spare->len };
        }
        gd_buf_bytes(spare, text.data, text.len + 1);
        doubled = true;
        from = f->row + ++f->at;
    }
}

/* Reads up to the next separator. */
static gd_text bare(gd_csv_fields *f)
{
    const char *from = f->row + f->at;
    const char *end = memchr(from, f->separator, f->len - f->at);
    const gd_text text = { from, end ? (size_t)(end - from) : f->len - f->at };

    f->at += text.len;
    return text;
}

bool gd_csv_next(gd_csv_fields *f, gd_text *text, gd_buf *spare)
{
    f->fault = NULL;
    if (f->end)
        return false;
    if (f->at < f->len && f->row[f->at] == '"') {
        f->at++;
        *text = quoted(f, spare);
        if (!is_end(f)) {
            f->fault = "has text after its closing quote";
            (void)bare(f);
        }
    } else {
        *text = bare(f);
        if (memchr(text->data, '\r', text->len))
            f->fault = "has a CR outside quotes that does not end a line";
    }
    f->count++;
    f->end = f->at == f->len;
    f->at += !f->end; /* the separator */
    return true;
}
