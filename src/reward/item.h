/* item.h - turns an item in memory into a record, as a line of a file is turned into one. */
#ifndef GD_REWARD_ITEM_H
#define GD_REWARD_ITEM_H

#include "data/record_inside.h"
#include "reward/model.h"

/* Gives a record, which is all zero except for its index, the texts of an item, and its wishes.  Bytes that need not be
 * joined are not copied.  The model limits what the item may have and wish.  A problem with the
 * item is reported in *why, a lack of memory in *err. */
gd_status gd_item_read(gd_record *record, const gd_item *item, const gd_model *model, gd_error *why, gd_error *err);

/* The bytes of its texts and ids. If its kind or number of parts is wrong, 0: its parts cannot be trusted. */
uint64_t gd_item_bytes(const gd_item *item);

#endif
