/* nearest.c - the known word that an unknown one is most like. */
#include "base/nearest.h"

#include <string.h>

enum { LONGEST = 255 };

static size_t least(size_t a, size_t b, size_t c)
{
    const size_t ab = a < b ? a : b;

    return ab < c ? ab : c;
}

/* How many bytes must be replaced, put in or left out to make one of the other (Levenshtein). */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t row[LONGEST + 1];

    for (size_t k = 0; k <= b_len; k++)
        row[k] = k;
    for (size_t i = 0; i < a_len; i++) {
        size_t diagonal = row[0];

        row[0] = i + 1;
        for (size_t k = 0; k < b_len; k++) {
            const size_t replaced = diagonal + (a[i] != b[k]);

            diagonal = row[k + 1];
            row[k + 1] = least(replaced, row[k] + 1, row[k + 1] + 1);
        }
    }
    return row[b_len];
}

void gd_nearest_try(gd_nearest *nearest, const char *candidate)
{
    const size_t len = strlen(nearest->word), other = strlen(candidate);
    size_t changes;

    if (len > LONGEST || other > LONGEST)
        return;
    changes = distance(nearest->word, len, candidate, other);
    if (changes > len / 6 || (nearest->found && changes >= nearest->distance))
        return;
    nearest->found = candidate;
    nearest->distance = changes;
}
