/* buf.h - a growing byte string: lines being read, JSON being written. */
#ifndef GD_BASE_BUF_H
#define GD_BASE_BUF_H

#include "guerdon.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct gd_buf {
    char *data; /* not terminated, unless gd_buf_cstr was called */
    size_t len, room;
    bool failed; /* an append ran out of memory: check once, at the end */
} gd_buf;

void gd_buf_free(gd_buf *b);
void gd_buf_clear(gd_buf *b);
void gd_buf_bytes(gd_buf *b, const void *p, size_t len);
void gd_buf_str(gd_buf *b, const char *s);
void gd_buf_printf(gd_buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A JSON string with quotes: ", \ and control characters escaped, everything else as it is. */
void gd_buf_json_string(gd_buf *b, const char *s, size_t len);

/* A JSON number with 9 significant digits, enough for any float32; the locale does not matter. */
void gd_buf_json_float(gd_buf *b, float value);

/* The same for a double, which must be finite: the shortest of 15, 16 or 17 digits that is read back as the same. */
void gd_buf_json_double(gd_buf *b, double value);

/* A list of floats: [1,-0.5]. */
void gd_buf_json_floats(gd_buf *b, const float *values, size_t count);

/* A number with `decimals` digits after the point (at most 9), rounded to nearest; "0" if it is not finite or too
 * large for 18 digits.  The locale does not matter. */
void gd_buf_fixed(gd_buf *b, double value, unsigned decimals);

/* Gives the text away, NUL-terminated, to be freed with gd_free(), and empties the buffer.  If anything failed, *out is
 * NULL, and the text is freed. */
gd_status gd_buf_take(gd_buf *b, char **out, gd_error *err);

/* Adds a NUL after the text (not counted in len); NULL if anything failed. */
const char *gd_buf_cstr(gd_buf *b);

#endif
