/* csv.h - CSV as in RFC 4180, also with tabs for commas.
 *
 * A field that holds a separator, a quote or a line break must be in quotes, and a quote inside is doubled.  Rows end
 * with LF or CRLF.  Beyond the RFC, as is common: a quote inside a field that doesn't begin with one is an ordinary
 * character, and a field may hold any character.  Where readers disagree it is a fault: text after a closing quote,
 * and a CR outside quotes that doesn't end a row. */
#ifndef GD_DATA_CSV_H
#define GD_DATA_CSV_H

#include "base/buf.h"
#include "data/pieces.h"

/* Finds the end of a row: a cutter's state, initially { separator }. */
typedef struct gd_csv_scan {
    char separator;
    enum { GD_CSV_START, GD_CSV_BARE, GD_CSV_QUOTED, GD_CSV_CLOSED } where; /* CLOSED: after a quote inside quotes */
} gd_csv_scan;

/* A gd_cutter's take: cuts after each line feed outside quotes. */
size_t gd_csv_take(void *scan, const char *p, size_t len, bool *done);

/* The fields of a row, one after the other; initially { row, len, separator }, without the line break. */
typedef struct gd_csv_fields {
    const char *row;
    size_t len;
    char separator;
    size_t at;         /* offset of the next field */
    size_t count;      /* fields so far */
    bool end;          /* there are no more fields */
    const char *fault; /* what is wrong with the last field, as the predicate of "field 3 ..."; NULL: nothing */
} gd_csv_fields;

/* The next field's text, which is in the row or in *spare; false when there is none. */
bool gd_csv_next(gd_csv_fields *f, gd_text *text, gd_buf *spare);

#endif
