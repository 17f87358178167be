/* cost.c - what jansson's values take, from the characters that they begin with. */
#include "serve/cost.h"

#include <stdbool.h>

/* With a pointer to each in its list or object, and what the allocator adds. */
enum { VALUE = 48, STRING = 48, LIST = 128, OBJECT = 256 };

static size_t cost_of(char c)
{
    return c == ',' || c == ':' ? VALUE : c == '"' ? STRING : c == '[' ? LIST : c == '{' ? OBJECT : 0;
}

size_t sv_cost_of_values(const char *data, size_t len)
{
    size_t cost = 0;
    bool quoted = false;

    for (size_t i = 0; i < len; i++) {
        if (!quoted)
            cost += cost_of(data[i]);
        if (quoted && data[i] == '\\')
            i++;
        else if (data[i] == '"')
            quoted = !quoted;
    }
    return cost;
}
