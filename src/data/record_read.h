/* record_read.h - the texts that an item's fields come to. */
#ifndef GD_DATA_RECORD_READ_H
#define GD_DATA_RECORD_READ_H

#include "data/record.h"
#include "data/entries.h"

/* Fills in record->kind, count and texts from record->object.  What is wrong with the fields goes to *why, without the
 * place; a lack of memory to *err.  `rows` knows how the input calls a field; NULL: as we do. */
gd_status gd_record_read(gd_record *record, const gd_entries *entries, gd_error *why, gd_error *err);

#endif
