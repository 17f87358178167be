/* json_plain.h - one spelling for each JSON value, to compare values that were written in different ways. */
#ifndef GD_BASE_JSON_PLAIN_H
#define GD_BASE_JSON_PLAIN_H

#include "base/buf.h"
#include "guerdon.h"

/* Adds a value, which is valid JSON, in its plain spelling: "caf\u00e9" and "café" have the same one, and so have 2,
 * 2.0 and 20e-1, however long they are; blanks between the parts of a value are left out.  The members of objects keep
 * their order. */
void gd_json_plain(gd_buf *out, gd_text value);

#endif
