/* worst.h - the pairs with the lowest margins, with their texts. */
#ifndef GD_JUDGE_WORST_H
#define GD_JUDGE_WORST_H

#include "base/json.h"

enum { GD_WORST = 20, GD_WORST_TEXT = 4000 /* bytes kept of a text */ };

typedef struct gd_worst_pair {
    uint64_t index, line;
    uint32_t group;
    float margin, scores[2]; /* of the chosen text, of the rejected one */
    size_t tokens[2];
    char *beginning, *chosen, *rejected; /* the common beginning, including the prompt; then the rest of each */
} gd_worst_pair;

/* The lowest first; of equal ones the earlier first. Initially all zero. */
typedef struct gd_worst {
    gd_worst_pair list[GD_WORST];
    size_t count;
} gd_worst;

/* Whether a pair with this margin belongs in the list. */
bool gd_worst_wants(const gd_worst *worst, float margin);

/*
 * Adds such a pair and makes its texts from the values: strings, lists of messages or anything else; prompt may be
 * NULL.  A common beginning of 80 bytes or more is kept once: in a dialogue it is often all but the last turn.  A long
 * beginning keeps its end, a long answer its start.  A NUL character becomes U+FFFD.  Fails only if out of memory.
 */
gd_status gd_worst_add(gd_worst *worst, gd_worst_pair pair, const json_t *prompt, const json_t *chosen,
                       const json_t *rejected, gd_error *err);

void gd_worst_free(gd_worst *worst);

#endif
