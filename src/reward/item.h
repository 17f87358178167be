/* item.h - an item in memory as a record, which a line of a file becomes as well. */
#ifndef GD_REWARD_ITEM_H
#define GD_REWARD_ITEM_H

#include "data/record.h"

/* Gives a record, all zero but for its index, the texts of an item, whose bytes stay the caller's where they need not
 * be joined; ids are below `vocab`.  What is wrong with the item goes to *why; a lack of memory to *err. */
gd_status gd_item_read(gd_record *record, const gd_item *item, size_t vocab, gd_error *why, gd_error *err);

/* Bytes of its texts and ids. */
uint64_t gd_item_bytes(const gd_item *item);

#endif
