/* csv.h - CSV as RFC 4180 has it, and with a tab for a comma.
 *
 * A field that holds a separator, a quote or a line break stands in quotes, and a quote inside is doubled.  Rows
 * end with LF or CRLF.  Beyond the RFC, as everybody reads it: a quote inside a field that doesn't begin with one
 * is a quote, and a field may hold any character.  What readers disagree about is a fault: text behind a closing
 * quote, and a CR outside quotes that ends no row. */
#ifndef GD_DATA_CSV_H
#define GD_DATA_CSV_H

#include "base/buf.h"
#include "data/pieces.h"

/* Where a row ends: a cutter's state, to begin with { separator }. */
typedef struct gd_csv_scan {
    char separator;
    enum { GD_CSV_START, GD_CSV_BARE, GD_CSV_QUOTED, GD_CSV_CLOSED } where; /* CLOSED: behind a quote in quotes */
} gd_csv_scan;

/* A gd_cutter's take: behind each line feed that is not in quotes. */
size_t gd_csv_take(void *scan, const char *p, size_t len, bool *done);

/* The fields of a row, one after the other; to begin with { row, len, separator }, without the line break. */
typedef struct gd_csv_fields {
    const char *row;
    size_t len;
    char separator;
    size_t at;         /* of what follows the field */
    size_t count;      /* of fields so far */
    bool end;          /* there are no more fields */
    const char *fault; /* what is wrong with the last field, as "... field 3"'s predicate; NULL: nothing */
} gd_csv_fields;

/* The next field's text, which lies in the row or in *spare; false when there is none. */
bool gd_csv_next(gd_csv_fields *f, gd_text *text, gd_buf *spare);

#endif
