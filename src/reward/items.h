/* items.h - the caller's items in memory, and their results: arrays whose elements have the caller's sizes. */
#ifndef GD_REWARD_ITEMS_H
#define GD_REWARD_ITEMS_H

#include "reward/pipeline.h"

/* Makes a copy of the caller's struct; its arrays stay the caller's. */
gd_status gd_items_read(gd_items *own, const gd_items *theirs, gd_error *err);

/* Every result says that its turn has not come. */
void gd_items_not_yet(const gd_items *items);

/* Gives a record, which is all zero, the texts of item number i, or a problem, and adds the item's bytes to *bytes.
 * Fails only for lack of memory. */
gd_status gd_items_record(const gd_items *items, size_t i, const gd_model *model, gd_record *record, uint64_t *bytes,
                          gd_error *err);

/* The bytes of all items. */
uint64_t gd_items_bytes(const gd_items *items);

/* Puts the result where the record's index says. */
gd_status gd_items_take(const gd_items *items, const gd_scored *item, bool *failed, gd_error *err);

#endif
