/* cost.h - the memory that a body's values take. */
#ifndef GD_SERVE_COST_H
#define GD_SERVE_COST_H

#include <stddef.h>

/* About how many bytes the values of valid JSON take beside the text itself, which may be a twentieth of them. */
size_t sv_cost_of_values(const char *data, size_t len);

#endif
