/* identity.h - the values that an output depends on, as the user knows them. */
#ifndef GD_REWARD_IDENTITY_H
#define GD_REWARD_IDENTITY_H

#include "base/buf.h"
#include "base/json.h"

/* The number that a name has in the enum of such a member, "left" in "truncate"; -1: it is none. */
int gd_identity_number(const char *key, const char *name);

/* Writes the value of a journal's member: its number in an enum by its name, and whatever stands for nothing given as
 * just that. */
void gd_identity_value(gd_buf *out, const char *key, const json_t *value);

/* Whether a run was begun as it would be now: fails with GD_EUSAGE and the first difference between what the file
 * `path` says of it and `identity`, an object as in journal.h. */
gd_status gd_identity_check(const json_t *then, const char *identity, const char *path, gd_error *err);

#endif
