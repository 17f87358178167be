/* record_read.h - makes texts of an item's fields. */
#ifndef GD_DATA_RECORD_READ_H
#define GD_DATA_RECORD_READ_H

#include "data/record.h"
#include "data/entries.h"

/* Fills in record->kind, count and texts from record->object.  A fault of the fields is reported in *why, without the
 * place; a lack of memory in *err.  `rows` gives the input's names of the fields; NULL: they are our own. */
gd_status gd_record_read(gd_record *record, const gd_entries *entries, gd_error *why, gd_error *err);

#endif
