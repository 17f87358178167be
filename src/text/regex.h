/* regex.h - matches the patterns of a tokenizer.json that scan.h doesn't know, with PCRE2.
 *
 * The reference matches with Oniguruma: Ruby's syntax, Oniguruma's version of Unicode, and no bound on the time of a
 * match. So PCRE2 gets neither the pattern nor the text unchanged. The pattern is read here, and whatever the two
 * libraries could interpret differently is refused by name: accepted are literals, classes, \p{..} of general
 * categories, \s \d and their opposites, alternatives, groups, $, (?i:..) around letters, lookahead, atomic groups, and
 * quantifiers: greedy, lazy and possessive. A pattern that could match an empty string is refused.
 *
 * Characters that no class of the pattern distinguishes, by the reference's tables, are of the same kind. A pattern has
 * few kinds, so a character becomes one byte, the number of its kind, and a class becomes the list of its kinds: PCRE2
 * sees bytes, and no Unicode of any version. (Classes written as ranges of code points would exceed its size limit.)
 *
 * PCRE2 calls back before each step of a match; steps are counted, and a text that takes too many fails: a
 * hostile pattern takes a bounded time. */
#ifndef GD_TEXT_REGEX_H
#define GD_TEXT_REGEX_H

#include "guerdon.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct gd_regex gd_regex;

/* What matching needs; all zero at first, each thread has its own. */
typedef struct gd_regex_room {
    uint64_t steps; /* left for this text; set by the caller, see gd_regex_steps() */
    size_t last;    /* the position of the last step */
    unsigned char *kinds;
    size_t kinds_len, kinds_room;
    struct pcre2_real_match_data_8 *match;
    struct pcre2_real_match_context_8 *context;
} gd_regex_room;

/* A piece of text, and how far it is matched; the pieces of one room may be nested, each ended before the one around it
 * continues. */
typedef struct gd_regex_piece {
    const unsigned char *s;
    size_t len, at;            /* in bytes */
    size_t first, count, seen; /* its kinds in the room, and the number of them before `at` */
} gd_regex_piece;

/* Compiles; `path` begins the message. */
gd_status gd_regex_open(gd_regex **out, const char *pattern, size_t len, const char *path, gd_error *err);
void gd_regex_close(gd_regex *regex);
void gd_regex_room_free(gd_regex_room *room);

/* The number of steps allowed for a text of this length: a few hundred per byte; honest patterns take ten. */
uint64_t gd_regex_steps(size_t len);

/* Begin and end the piece s[0..len) of well-formed UTF-8. False without memory. */
bool gd_regex_begin(const gd_regex *regex, gd_regex_room *room, gd_regex_piece *piece, const unsigned char *s,
                    size_t len);
void gd_regex_end(gd_regex_room *room, const gd_regex_piece *piece);

/* The next match after the last one, never an empty one: s[*from..*to), or both are len if there is none. */
gd_status gd_regex_next(const gd_regex *regex, gd_regex_room *room, gd_regex_piece *piece, size_t *from, size_t *to,
                        gd_error *err);

#endif
