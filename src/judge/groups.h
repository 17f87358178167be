/* groups.h - names of groups, numbered in order of first appearance. */
#ifndef GD_JUDGE_GROUPS_H
#define GD_JUDGE_GROUPS_H

#include "base/json.h"

#define GD_NO_GROUP "(none)" /* for lines where the field is missing, null, a list or an object */

typedef struct gd_groups {
    json_t *numbers; /* from name to number */
    char **names;
    size_t count, room;
} gd_groups;

/* The number of the group named by the field `by` of an object: a text, a number or a truth value. A NUL character in a
 * name becomes U+FFFD. Fails only if out of memory. */
gd_status gd_groups_find(gd_groups *groups, const json_t *object, const char *by, uint32_t *number, gd_error *err);

void gd_groups_free(gd_groups *groups);

#endif
