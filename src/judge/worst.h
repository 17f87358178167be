/* worst.h - the pairs with the lowest margins, with their texts: to read. */
#ifndef GD_JUDGE_WORST_H
#define GD_JUDGE_WORST_H

#include "base/json.h"

enum { GD_WORST = 20, GD_WORST_TEXT = 4000 /* bytes of a text that are kept */ };

typedef struct gd_worst_pair {
    uint64_t index, line;
    uint32_t group;
    float margin, scores[2]; /* of the chosen text, of the rejected one */
    size_t tokens[2];
    char *beginning, *chosen, *rejected; /* what both begin with, the prompt included; then each alone */
} gd_worst_pair;

/* The lowest first; of equal ones the one that came first. All zero at first. */
typedef struct gd_worst {
    gd_worst_pair list[GD_WORST];
    size_t count;
} gd_worst;

/* Whether a pair with this margin belongs to them. */
bool gd_worst_wants(const gd_worst *worst, float margin);

/*
 * Takes such a pair in, without its texts, which are made here: the values are strings, lists of messages or anything
 * else; prompt may be NULL.  A common beginning of 80 bytes or more is told once: of a dialogue, often all but the last
 * turn.  Of a long beginning the end is kept, of a long answer the begin.  A NUL character becomes U+FFFD.
 * Fails for want of memory alone.
 */
gd_status gd_worst_add(gd_worst *worst, gd_worst_pair pair, const json_t *prompt, const json_t *chosen,
                       const json_t *rejected, gd_error *err);

void gd_worst_free(gd_worst *worst);

#endif
