/* find.h - looks for a text in another, in a time that grows with their lengths and not with their product. */
#ifndef GD_DATA_FIND_H
#define GD_DATA_FIND_H

#include "guerdon.h"

#include <stdbool.h>

/* Whether a text holds another; every text holds the empty one. */
bool gd_holds(gd_text text, gd_text part);

#endif
