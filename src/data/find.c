/* find.c - looks for a text in another: the two-way algorithm of Crochemore and Perrin (1991).
 *
 * The part is cut in two where its repetitions are longest.  Its right half is compared from left to right, then its
 * left half from right to left; either mismatch says how far the part can move at least, and no byte is looked at more
 * than a few times.  memmem() of some C libraries does the same, but it is in no standard that we ask for, and
 * elsewhere it takes time that grows with the product of the lengths. */
#include "data/find.h"

#include <string.h>

/* Where the part is cut, and by how much it may move after its right half matched. */
struct cut {
    size_t at, move;
    size_t known; /* so many bytes at its beginning match after that move */
};

/* Where the largest suffix begins, in the order of bytes or in the reversed one, and the period of that suffix. */
static size_t largest_suffix(gd_text part, bool reversed, size_t *period)
{
    size_t start = 0, next = 1, same = 0;

    *period = 1;
    while (next + same < part.len) {
        const unsigned char a = (unsigned char)part.data[start + same], b = (unsigned char)part.data[next + same];

        if (a == b && same + 1 == *period) {
            next += *period;
            same = 0;
        } else if (a == b) {
            same++;
        } else if (reversed ? a < b : a > b) {
            next += same + 1;
            same = 0;
            *period = next - start;
        } else {
            start = next++;
            same = 0;
            *period = 1;
        }
    }
    return start;
}

static struct cut make_cut(gd_text part)
{
    size_t period, other;
    struct cut cut = { .at = largest_suffix(part, false, &period) };
    const size_t reversed = largest_suffix(part, true, &other);

    if (reversed > cut.at) {
        cut.at = reversed;
        period = other;
    }
    if (!memcmp(part.data, part.data + period, cut.at)) { /* the whole part has that period */
        cut.move = period;
        cut.known = part.len - period;
    } else {
        cut.move = (cut.at > part.len - cut.at ? cut.at : part.len - cut.at) + 1;
    }
    return cut;
}

/* How many bytes before `start` match, of those that are not known to. */
static bool left_matches(const char *text, const char *part, size_t start, size_t known)
{
    while (start > known && text[start - 1] == part[start - 1])
        start--;
    return start <= known;
}

bool gd_holds(gd_text text, gd_text part)
{
    const struct cut cut = part.len ? make_cut(part) : (struct cut){ 0 };
    size_t known = 0;

    while (part.len && text.len >= part.len) {
        const char *next = known ? text.data + cut.at
                                 : memchr(text.data + cut.at, part.data[cut.at], text.len - part.len + 1);
        size_t i = known > cut.at ? known : cut.at, move;

        if (!next)
            return false;
        text.len -= (size_t)(next - cut.at - text.data);
        text.data = next - cut.at;
        while (i < part.len && text.data[i] == part.data[i])
            i++;
        if (i == part.len && left_matches(text.data, part.data, cut.at, known))
            return true;
        move = i == part.len ? cut.move : i - cut.at + 1;
        known = i == part.len ? cut.known : 0;
        text = (gd_text){ text.data + move, text.len - move };
    }
    return !part.len;
}
