/* groups.h - names of groups, numbered in the order in which they first come. */
#ifndef GD_JUDGE_GROUPS_H
#define GD_JUDGE_GROUPS_H

#include "base/json.h"

#define GD_NO_GROUP "(none)" /* of lines without the field, or with null, a list or an object in it */

typedef struct gd_groups {
    json_t *numbers; /* name: its number */
    char **names;
    size_t count, room;
} gd_groups;

/* The number of the group that the field `by` of an object names: a text, a number or a truth value. A NUL character in
 * a name becomes U+FFFD. Fails for want of memory alone. */
gd_status gd_groups_find(gd_groups *groups, const json_t *object, const char *by, uint32_t *number, gd_error *err);

void gd_groups_free(gd_groups *groups);

#endif
