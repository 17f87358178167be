/* entries_header.h - the header line of CSV: the names of columns. */
#ifndef GD_DATA_ENTRIES_HEADER_H
#define GD_DATA_ENTRIES_HEADER_H

#include "guerdon.h"

typedef struct gd_header {
    char *raw; /* without its line break, NUL-terminated */
    char **names;
    size_t count, room;
} gd_header;

/* Where sentences say that a header is: a file and a line. */
typedef struct gd_header_place {
    const char *path;
    uint64_t line;
} gd_header_place;

/* Reads a row.  Columns without a name, and two of one name, are refused: nobody could ask for them. */
gd_status gd_header_parse(gd_header *header, gd_text row, char separator, gd_header_place place, gd_error *err);
void gd_header_free(gd_header *header);

/* GD_EUSAGE, with a sentence that says which column differs, unless both have the same names in the same order. */
gd_status gd_header_compare(const gd_header *header, const char *path, const gd_header *first, const char *first_path,
                            gd_error *err);

/* GD_EUSAGE unless there is such a column. */
gd_status gd_header_find(const gd_header *header, const char *path, const char *name, gd_error *err);

#endif
