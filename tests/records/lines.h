/* lines.h - all lines of a file in one string. */
#ifndef GD_TESTS_RECORDS_LINES_H
#define GD_TESTS_RECORDS_LINES_H

#include "tests/records/temp.h"

#include "data/reader.h"

/* All lines as "number:text;" in one string; "!" stands for one that is too long. Returns the reader's status. */
static inline gd_status read_lines(const char *path, char *seen, size_t room, gd_error *err)
{
    gd_reader *r;
    gd_line line;
    bool more;
    size_t at = 0;
    gd_status rc = gd_reader_open(&r, path, (gd_pause){ 0 }, err);

    seen[0] = '\0';
    if (rc)
        return rc;
    for (;;) {
        rc = gd_reader_next(r, &line, &more, err);
        if (rc || !more)
            break;
        assert_true(at + 64 < room);
        at += (size_t)snprintf(seen + at, room - at, "%d:%.*s;", (int)line.number, line.too_long ? 1 : (int)line.len,
                               line.too_long ? "!" : line.data);
    }
    gd_reader_close(r);
    return rc;
}

#endif
