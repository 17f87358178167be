/* record_read.h - makes texts of an item's fields. */
#ifndef GD_DATA_RECORD_READ_H
#define GD_DATA_RECORD_READ_H

#include "data/record_inside.h"

/* Fills in kind, count and texts of r->record from its object.  A fault of the fields is reported in *r->why, without
 * the place; a lack of memory in *r->err. */
gd_status gd_record_read(const gd_reading *r);

#endif
