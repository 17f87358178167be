/* record_columns.h - a table none of whose columns is read. */
#ifndef GD_DATA_RECORD_COLUMNS_H
#define GD_DATA_RECORD_COLUMNS_H

#include "data/entries.h"

/* GD_EFORMAT if the input is a table without a column that makes an item. */
gd_status gd_record_check_columns(const gd_entries *entries, gd_error *err);

#endif
