/* entries_header.h - the CSV header line: the names of the columns. */
#ifndef GD_DATA_ENTRIES_HEADER_H
#define GD_DATA_ENTRIES_HEADER_H

#include "base/buf.h"
#include "guerdon.h"

typedef struct gd_header {
    char *raw; /* without its line break, NUL-terminated */
    char **names;
    size_t count, room;
} gd_header;

/* Where a header is, for messages. */
typedef struct gd_header_place {
    const char *path;
    uint64_t line;
} gd_header_place;

/* Reads a row.  Columns without a name, or with the same name, are refused: they couldn't be referred to. */
gd_status gd_header_parse(gd_header *header, gd_text row, char separator, gd_header_place place, gd_error *err);
void gd_header_free(gd_header *header);

/* GD_EUSAGE, with a message that names the first difference, unless both have the same names in the same order. */
gd_status gd_header_compare(const gd_header *header, const char *path, const gd_header *first, const char *first_path,
                            gd_error *err);

/* Adds the names of the first columns, for messages. */
void gd_header_list(const gd_header *header, gd_buf *out);

/* GD_EUSAGE if there is no such column. */
gd_status gd_header_find(const gd_header *header, const char *path, const char *name, gd_error *err);

#endif
